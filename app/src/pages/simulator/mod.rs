//! The rules tried on a situation, recorded or edited, and on past ones with another policy. Nothing is written.

pub mod actions;
mod past;
mod result;

use domain::access::Action;
use domain::catalog::Document;
use domain::decide::{Situation, parse};
use domain::fields::{Fault, Faults};
use domain::ids::DecisionId;
use domain::policies::Policy;
use domain::texts::simulator::TEXTS;
use leptos::prelude::*;

use self::actions::Simulate;
use super::error::Error;
use super::ssr::{Context, read};
use super::ui::{Button, Head, Input, Panel, Query, form, page, submit};
use super::visit::{texts, visit};

/// More wait nowhere.
const MOST: i64 = 200;

/// Policies that a situation can be tried with: those in force, and those that wait for consent.
struct Choice {
    /// `policies/NAME` or `imports/ID`, as the address has it.
    id: String,
    label: String,
    policy: Policy,
}

#[component]
pub fn SimulatorPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let asked = Asked::of(&query);
        let shown = read(Action::Read, async |cx| {
            let choices = choices(cx).await?;
            let recorded = match asked.decision {
                Some(id) => Some(store::decisions::get(&cx.db, id).await?),
                None => None,
            };
            let past = past::look(cx, &query, &choices).await?;
            Ok((choices, recorded, past))
        })
        .await?;
        let (choices, recorded, past) = shown;
        let text =
            recorded.as_ref().and_then(|it| serde_json::to_string_pretty(&it.situation).ok());
        let text = asked.situation.clone().or(text).unwrap_or_default();
        let result = asked.result(&choices).map(|it| result::show(&it, recorded.as_ref()));
        Ok(view! {
            <Head title=t.title>{t.lede}</Head>
            {result}
            {situation(&choices, asked.decision, text)}
            {past::panel(&query, &choices, past)}
        })
    })
}

/// What the form was sent with, or what the address names.
struct Asked {
    decision: Option<DecisionId>,
    situation: Option<String>,
    policy: String,
    value: String,
    requests: String,
    /// It was taken, so there is something to show.
    sound: bool,
}

impl Asked {
    fn of(query: &Query) -> Self {
        let answer =
            visit().answer.filter(|it| it.form == <Simulate as leptos::server_fn::ServerFn>::PATH);
        let field = |name: &str| {
            let answer = answer.as_ref();
            answer.and_then(|it| it.field(name)).unwrap_or_default().to_owned()
        };
        Self {
            decision: query.get("decision").and_then(|it| it.parse().ok()).map(DecisionId),
            situation: answer.as_ref().map(|_| field("situation")),
            policy: field("policy"),
            value: field("value"),
            requests: field("requests"),
            sound: answer.as_ref().is_some_and(|it| it.error.is_none()),
        }
    }

    /// The situation as it is tried.
    fn result(&self, choices: &[Choice]) -> Option<Situation> {
        let text = self.situation.as_deref().filter(|_| self.sound)?;
        let mut situation = asked(text, &self.value, &self.requests).ok()?;
        if let Some(choice) = choices.iter().find(|it| it.id == self.policy) {
            situation.policy = choice.policy.clone();
        }
        Some(situation)
    }
}

/// The situation with what is changed beside it.
fn asked(text: &str, value: &str, requests: &str) -> Result<Situation, Error> {
    let mut faults = Faults::default();
    if text.trim().is_empty() {
        return Err(Error::field("situation", Fault::Required));
    }
    let mut situation = parse(text).map_err(|it| Error::field("situation", it.into()))?;
    let mut number = |name: &str, text: &str| match text.trim() {
        "" => None,
        text => {
            let number = text.parse::<f64>().ok().filter(|it| it.is_finite());
            if number.is_none() {
                faults.add(name, Fault::NotANumber);
            }
            number
        }
    };
    let (value, requests) = (number("value", value), number("requests", requests));
    faults.into_result()?;
    if let Some(value) = value {
        let measured = &mut situation.measurement;
        (measured.value, measured.numerator, measured.denominator) = (Some(value), None, None);
    }
    if let Some(requests) = requests {
        situation.measurement.requests_in_window = Some(requests);
    }
    Ok(situation)
}

async fn choices(cx: &Context) -> Result<Vec<Choice>, Error> {
    let t = texts(&TEXTS);
    let in_force = store::policies::list(&cx.db).await?.into_iter().map(|it| Choice {
        id: format!("policies/{}", it.name),
        label: (t.in_force)(&it.name, it.version),
        policy: it.entry,
    });
    let mut choices: Vec<Choice> = in_force.collect();
    for import in store::imports::waiting(&cx.db, MOST).await? {
        let Some(Document::Policy(policy)) = import.edited() else { continue };
        let by = import.requested_by.split_once(':').map_or(&*import.requested_by, |(_, it)| it);
        let (id, label) = (format!("imports/{}", import.id), (t.proposed)(&policy.name, by));
        choices.push(Choice { id, label, policy });
    }
    Ok(choices)
}

fn options(choices: &[Choice]) -> Vec<(String, String)> {
    choices.iter().map(|it| (it.id.clone(), it.label.clone())).collect()
}

fn situation(choices: &[Choice], decision: Option<DecisionId>, text: String) -> AnyView {
    let t = texts(&TEXTS);
    let note = decision.map(|it| {
        let id: String = it.to_string().chars().take(8).collect();
        view! { <a href=format!("/decisions/{it}")>{(t.of_decision)(&id)}</a> }
    });
    let policies =
        std::iter::once((String::new(), t.as_written.to_owned())).chain(options(choices));
    let content = form::<Simulate, _>("", |sent| {
        let answer = visit().answer;
        let held = |name: &str| {
            let answer = answer
                .as_ref()
                .filter(|it| it.form == <Simulate as leptos::server_fn::ServerFn>::PATH);
            answer.and_then(|it| it.field(name)).unwrap_or_default().to_owned()
        };
        let value = Input::text("value", t.value).value(held("value")).hint(t.value_hint);
        let requests = Input::text("requests", t.requests).value(held("requests"));
        Some(view! {
            {sent.field(Input::select("policy", t.policy, policies).value(held("policy")))}
            {sent.field(value)}
            {sent.field(requests.hint(t.requests_hint))}
            {sent.field(Input::area("situation", t.situation).value(text).hint(t.situation_hint).required())}
            <div class="actions">{submit(Button::Primary, t.run)}</div>
        })
    });
    view! {
        <Panel id="situation" title=t.one note=note.into_any()>
            <div class="body simulator">{content}</div>
        </Panel>
    }
    .into_any()
}
