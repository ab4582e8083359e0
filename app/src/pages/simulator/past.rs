//! What another policy would have made of the newest decisions of a service.

use domain::access::Action;
use domain::decide::compare::{Difference, compare};
use domain::decide::{Situation, decide};
use domain::decisions::{Decision, Outcome};
use domain::texts::simulator::TEXTS;
use domain::texts::{common, decision_pages};
use leptos::prelude::*;
use store::decisions::{Filter, Stored};

use super::{Choice, options};
use crate::pages::decisions::tone;
use crate::pages::error::Error;
use crate::pages::ssr::Context;
use crate::pages::ui::{Input, Panel, Query, Table, badge, column, empty, filters, when_short};
use crate::pages::visit::{texts, visit};

/// How many are looked at; more would make a page slow.
const COUNTS: [i64; 3] = [20, 50, 200];

/// A decision as it was made, and as it would be; none where its situation cannot be read any more.
struct Again {
    stored: Stored,
    now: Option<(Decision, Difference)>,
}

pub(super) struct Past {
    rows: Vec<Again>,
}

/// Nothing where the address asks for nothing.
pub(super) async fn look(
    cx: &Context,
    query: &Query,
    choices: &[Choice],
) -> Result<Option<Past>, Error> {
    cx.require(Action::Read, &domain::access::Place::default())?;
    let (Some(service), Some(policy)) = (query.get("service"), query.get("policy")) else {
        return Ok(None);
    };
    let choice = choices.iter().find(|it| it.id == policy).ok_or(Error::NotFound)?;
    let count = query.get("count").and_then(|it| it.parse().ok());
    let limit = COUNTS.into_iter().find(|it| Some(*it) == count).unwrap_or(COUNTS[0]);
    let filter = Filter { service: Some(service), limit, ..Filter::default() };
    let rows = store::decisions::list(&cx.db, &filter).await?;
    let again = |stored: Stored| {
        let situation = serde_json::from_value::<Situation>(stored.situation.clone()).ok();
        let now = situation.map(|it| decide(&Situation { policy: choice.policy.clone(), ..it }));
        let now = now.map(|it| (it.clone(), compare(&stored.decision, &it)));
        Again { stored, now }
    };
    Ok(Some(Past { rows: rows.into_iter().map(again).collect() }))
}

pub(super) fn panel(query: &Query, choices: &[Choice], past: Option<Past>) -> AnyView {
    let t = texts(&TEXTS);
    let counts = COUNTS.map(|it| (it, it));
    let policy = query.get("policy").unwrap_or_default();
    let count = query.get("count").unwrap_or_default();
    let fields = view! {
        {query.field(Input::text("service", texts(&common::TEXTS).service))}
        {query.field(Input::select("policy", t.policy, options(choices)).value(policy))}
        {query.field(Input::select("count", t.count, counts).value(count))}
    };
    let content = past.map(shown);
    let asked = filters(query, fields);
    view! {
        <Panel id="past" title=t.past>
            <div class="body"><p>{t.past_lede}</p> {asked}</div>
            {content}
        </Panel>
    }
    .into_any()
}

fn shown(past: Past) -> AnyView {
    let (t, d) = (texts(&TEXTS), texts(&decision_pages::TEXTS));
    if past.rows.is_empty() {
        return empty(t.past_none);
    }
    let moved = |it: &&Again| {
        let now = it.now.as_ref();
        now.is_some_and(|(_, it)| it.outcome.is_some() || it.disposition.is_some())
    };
    let changed = past.rows.iter().filter(moved).count();
    let said = (t.past_result)(changed, past.rows.len());
    let rows: Vec<_> = past.rows.iter().map(row).collect();
    let heads = vec![
        column(texts(&common::TEXTS).at),
        column(t.recorded),
        column(t.now),
        column(d.disposition).optional(),
        column(d.confidence).number().optional(),
    ];
    view! {
        <p class="body"><strong>{said}</strong></p>
        <Table label=t.past heads=heads>{rows}</Table>
    }
    .into_any()
}

fn row(it: &Again) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let mark = |outcome: Outcome| badge(tone(outcome), outcome.text(lang).name);
    let recorded = &it.stored.decision;
    let (now, disposition, confidence) = match &it.now {
        None => (t.unreadable.into_any(), String::new(), String::new()),
        Some((now, difference)) => {
            let outcome = match difference.outcome {
                Some(_) => mark(now.outcome),
                None => t.same.into_any(),
            };
            let disposition = match difference.disposition {
                Some(both) => {
                    format!("{} → {}", both.recorded.text(lang).name, both.now.text(lang).name)
                }
                None => recorded.disposition.text(lang).name.to_owned(),
            };
            let confidence = match difference.confidence {
                Some(both) => format!("{:.3} → {:.3}", both.recorded, both.now),
                None => format!("{:.3}", recorded.confidence),
            };
            (outcome, disposition, confidence)
        }
    };
    view! {
        <tr>
            <th scope="row"><a href=format!("/decisions/{}", it.stored.id)>{when_short(it.stored.at)}</a></th>
            <td>{mark(recorded.outcome)}</td>
            <td>{now}</td>
            <td class="optional">{disposition}</td>
            <td class="number optional">{confidence}</td>
        </tr>
    }
    .into_any()
}
