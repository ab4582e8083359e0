//! What waits for a person to decide: rollbacks, and other plans that want approval. The overview and the list of
//! approvals show the same.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::ids::RunId;
use domain::rollbacks::Rollback;
use domain::runs::{Purpose, Run, StateName};
use domain::texts::{rollbacks, runs};
use leptos::prelude::*;

use super::error::Error;
use super::rollbacks::evidence::target_text;
use super::rollbacks::standing;
use super::ui::{Queue, Tone, Waiting, badge, countdown};
use super::visit::{texts, visit};
use crate::doors::Context;

/// More than anybody decides in a day; a longer list would only be slower.
const MOST: i64 = 100;

/// One thing to decide.
pub(crate) enum Decision {
    /// With its run, where the rules proposed a plan.
    Rollback(Box<(Rollback, Option<Run>)>),
    /// The run of a drill, or one that was asked for by itself.
    Run(Box<Run>),
}

impl Decision {
    fn run(&self) -> Option<&Run> {
        match self {
            Decision::Rollback(it) => it.1.as_ref(),
            Decision::Run(run) => Some(run),
        }
    }

    /// When it is too late to decide.
    fn until(&self) -> Option<DateTime<Utc>> {
        self.run().map(|it| it.required.expires_at)
    }
}

/// Everything that waits: what runs out first comes first, and what never runs out last.
pub(crate) async fn waiting(cx: &Context) -> Result<Vec<Decision>, Error> {
    let filter = store::runs::Filter {
        state: Some(StateName::AwaitingApproval),
        limit: MOST,
        ..Default::default()
    };
    let runs = store::runs::list(&cx.db, &filter).await?.into_iter();
    let mut runs: BTreeMap<RunId, Run> = runs.map(|it| (it.id, it)).collect();
    let mut decisions = Vec::new();
    for state in ["awaiting_approval", "needs_person"] {
        let filter = store::rollbacks::Filter {
            state: Some(state.to_owned()),
            open: true,
            limit: MOST,
            ..Default::default()
        };
        for rollback in store::rollbacks::list(&cx.db, &filter).await? {
            let run = rollback.run.and_then(|it| runs.remove(&it));
            decisions.push(Decision::Rollback(Box::new((rollback, run))));
        }
    }
    runs.retain(|_, it| !matches!(it.purpose, Purpose::Rollback(_)));
    decisions.extend(runs.into_values().map(|it| Decision::Run(Box::new(it))));
    decisions.sort_by_key(|it| (it.until().is_none(), it.until()));
    Ok(decisions)
}

/// The first of them is the one to look at.
pub(crate) fn queue(decisions: Vec<Decision>) -> AnyView {
    let rows = decisions.into_iter().enumerate().map(|(i, it)| row(it, i == 0));
    let rows: Vec<_> = rows.collect();
    view! { <Queue>{rows}</Queue> }.into_any()
}

fn row(decision: Decision, first: bool) -> AnyView {
    let t = texts(&rollbacks::TEXTS);
    let (tone, state, href, title, why) = match &decision {
        Decision::Rollback(it) => {
            let (rollback, _) = &**it;
            let (tone, state) = standing(rollback);
            let title = format!("{}: {}", rollback.service_name, rollback.from_to());
            let why = rollback.target.as_ref().map(|it| target_text(it, visit().lang));
            (tone, state, format!("/rollbacks/{}", rollback.number), title, why)
        }
        Decision::Run(run) => {
            let state = (texts(&runs::TEXTS).state_of)(StateName::AwaitingApproval);
            let steps = run.plan.steps().iter().map(|it| runs::step(it, visit().lang));
            let title = steps.collect::<Vec<_>>().join(" · ");
            (Tone::Warn, state, format!("/runs/{}", run.id), title, Some(run.reason.clone()))
        }
    };
    let due = decision.run().map(|run| {
        let until = run.required.expires_at;
        countdown(until, until - run.requested_at, t.window_left, "", false)
    });
    let kind = if first { "button primary" } else { "button" };
    view! {
        <Waiting
            badge=badge(tone, state)
            href=href.clone()
            title=title
            why=why.unwrap_or_default()
            due=due.unwrap_or_else(|| ().into_any())
            act=view! { <a class=kind href=href>{t.review}</a> }.into_any()
        />
    }
    .into_any()
}
