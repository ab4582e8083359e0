//! One run: its steps with planned and actual times, who agreed, and what can be done with it now.

use domain::access::{Action, Place, Subject};
use domain::runs::{Purpose, Run, State};
use domain::texts::runs::{self, TEXTS};
use domain::texts::{common, duration, rollbacks};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{deciding, standing, standing_of_step};
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{
    Beside, Event, Head, Panel, badge, command, digest, facts, live, page, timeline, when,
    when_short,
};
use crate::pages::visit::{texts, visit};
use crate::wishes::runs::to_confirm;

/// Everything that the page shows.
pub(super) struct Shown {
    pub(super) run: Run,
    pub(super) service: Option<String>,
    /// The number of the rollback that it belongs to.
    rollback: Option<String>,
    pub(super) may: May,
    /// An approval takes a one-time code.
    pub(super) otp: bool,
}

/// What the reader may do here.
#[derive(Clone, Copy, Default)]
pub(super) struct May {
    pub(super) approve: bool,
    pub(super) own_request: bool,
    pub(super) confirm: bool,
    pub(super) pause: bool,
    pub(super) resume: bool,
}

#[component]
pub fn RunPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|it| it.get("id").unwrap_or_default());
    page(texts(&TEXTS).title, async move {
        let shown = read(Action::Read, async |cx| load(cx, &id).await).await?;
        Ok(show(&shown))
    })
}

async fn load(cx: &Context, id: &str) -> Result<Shown, Error> {
    let run = store::runs::get(&cx.db, id.parse().map_err(|_| Error::NotFound)?).await?;
    let service = match run.service {
        Some(id) => Some(store::services::get(&cx.db, id).await?.entry),
        None => None,
    };
    let rollback = match run.purpose {
        Purpose::Rollback(id) => Some(store::rollbacks::get(&cx.db, id).await?.number),
        _ => None,
    };
    let place = service.as_ref().map(|it| Place::service(&it.name, &it.team));
    let may = may(cx, &run, &place.unwrap_or_default());
    let otp = match run.service {
        Some(id) => store::policies::for_service(&cx.db, id).await?.otp,
        None => false,
    };
    Ok(Shown { may, otp, rollback, service: service.map(|it| it.name), run })
}

fn may(cx: &Context, run: &Run, place: &Place<'_>) -> May {
    let own_request = run.requested_by == cx.caller.actor().to_string();
    let roles = cx.caller.user().map(|it| it.approving_roles(cx.now)).unwrap_or_default();
    let asked = run.required.roles.iter().any(|it| roles.contains(it));
    let waiting = run.state == State::AwaitingApproval;
    let open = run.steps.iter().position(|it| it.state.is_running());
    May {
        approve: waiting && asked && !own_request && cx.may(Action::ApproveRun, place),
        own_request,
        confirm: open.is_some_and(|it| cx.may(to_confirm(run, it), place)),
        pause: cx.may(Action::PauseRun, place),
        resume: cx.may(Action::ResumeRun, place),
    }
}

fn show(shown: &Shown) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let run = &shown.run;
    let (tone, word) = standing(run);
    let title = match &shown.service {
        Some(service) => format!("{} · {service}", t.title),
        None => t.title.to_owned(),
    };
    let live = live(Subject::new("runs", run.id));
    let badge = badge(tone, word);
    let aside = deciding::panel(shown);
    let reason = run.reason.clone();
    let content = (went(run), about(shown));
    view! {
        {live}
        <Head title=title badge=badge>{reason}</Head>
        <Beside aside=aside>{content}</Beside>
    }
}

/// What happened and is still to happen, each step with its planned and its actual time.
fn went(run: &Run) -> AnyView {
    let t = texts(&rollbacks::TEXTS);
    let lang = visit().lang;
    let steps = run.plan.steps().iter().zip(&run.steps).map(|(step, record)| {
        let (tone, word) = standing_of_step(record);
        let note = record.note.as_ref().map(|it| runs::note(it, lang));
        let command = match &step.kind {
            domain::plans::StepKind::Kubernetes { workload, action } => {
                runs::command(workload, action).map(command)
            }
            domain::plans::StepKind::Object { object, action } => {
                domain::texts::objects::command(object, action).map(command)
            }
            _ => None,
        };
        let took = record.started_at().zip(record.finished_at());
        let took = took.map(|(began, ended)| duration(lang, ended - began));
        let expected = chrono::TimeDelta::seconds(step.expected_s.into());
        let planned = format!("≈ {} · {}", duration(lang, expected), (t.at_most)(step.deadline_s));
        let what = view! {
            <b>{runs::step(step, lang)}</b> " " {badge(tone, word)}
            {note.map(|it| view! { <p>{it}</p> })}
            {command}
        };
        Event {
            tone,
            at: record.started_at().map_or_else(|| "–".into_any(), when_short),
            what: what.into_any(),
            took: Some((took.unwrap_or_else(|| "–".to_owned()), Some(planned))),
        }
    });
    let steps = timeline(steps);
    view! {
        <Panel id="steps" title=t.plan>
            <div class="body">{steps}</div>
        </Panel>
    }
    .into_any()
}

fn about(shown: &Shown) -> AnyView {
    let t = texts(&rollbacks::TEXTS);
    let words = texts(&common::TEXTS);
    let run = &shown.run;
    let mut pairs = vec![
        (words.by, run.requested_by.clone().into_any()),
        (words.at, when(run.requested_at)),
        (t.digest, digest(run.plan.digest().as_str())),
    ];
    if let Some(service) = &shown.service {
        let link = view! { <a href=format!("/services/{service}")>{service.clone()}</a> };
        pairs.push((words.service, link.into_any()));
    }
    if let Some(number) = &shown.rollback {
        let link = view! { <a href=format!("/rollbacks/{number}")>{number.clone()}</a> };
        pairs.push((texts(&rollbacks::TEXTS).title, link.into_any()));
    }
    for live in run.plan.live() {
        let workload = &live.workload;
        let state = view! {
            {workload.to_string()} " · " {live.revision} " · " <code>{live.digest.short().to_owned()}</code>
        };
        pairs.push((words.workload, state.into_any()));
    }
    for live in run.plan.objects() {
        let state = view! {
            {live.object.to_string()} " · " <code>{live.digest.short().to_owned()}</code>
        };
        pairs.push((words.object, state.into_any()));
    }
    let facts = facts(pairs);
    view! {
        <Panel id="about" title=words.details>
            <div class="body">{facts}</div>
        </Panel>
    }
    .into_any()
}
