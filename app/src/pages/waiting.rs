//! What waits for a person to decide: rollbacks, other plans that want approval, and imports and new versions that want
//! a second person's consent.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use domain::approvals::{By, Decision as Consent};
use domain::catalog::Import;
use domain::ids::{AlertId, RunId};
use domain::rollbacks::{Rollback, Trigger};
use domain::runs::{Purpose, Run, StateName};
use domain::texts::inbox::TEXTS;
use domain::texts::{common, rollbacks, runs};
use leptos::prelude::*;

use super::error::Error;
use super::rollbacks::evidence::target_text;
use super::rollbacks::standing;
use super::ui::{Queue, Tone, Waiting, badge, countdown};
use super::visit::{texts, visit};
use crate::doors::Context;

/// More than anybody decides in a day; a longer list would only be slower.
const MOST: i64 = 100;

/// As much of a digest as tells two plans of one day apart.
const SHORT: usize = 12;

/// One thing to decide.
pub(crate) enum Decision {
    /// With its run, where the rules proposed a plan, and the names of its alerts.
    Rollback(Box<(Rollback, Option<Run>, Vec<String>)>),
    /// The run of a drill, or one that was asked for by itself.
    Run(Box<Run>),
    Import(Box<Import>),
}

impl Decision {
    fn run(&self) -> Option<&Run> {
        match self {
            Decision::Rollback(it) => it.1.as_ref(),
            Decision::Run(run) => Some(run),
            Decision::Import(_) => None,
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
    let mut open = Vec::new();
    for state in ["awaiting_approval", "needs_person"] {
        let filter = store::rollbacks::Filter {
            state: Some(state.to_owned()),
            open: true,
            limit: MOST,
            ..Default::default()
        };
        open.extend(store::rollbacks::list(&cx.db, &filter).await?);
    }
    let alerts: Vec<AlertId> = open.iter().flat_map(alerts_of).copied().collect();
    let names = store::alerts::names(&cx.db, &alerts).await?;
    let mut decisions: Vec<_> =
        open.into_iter().map(|it| rollback(it, &mut runs, &names)).collect();
    runs.retain(|_, it| !matches!(it.purpose, Purpose::Rollback(_)));
    decisions.extend(runs.into_values().map(|it| Decision::Run(Box::new(it))));
    let imports = store::imports::waiting(&cx.db, MOST).await?;
    decisions.extend(imports.into_iter().map(|it| Decision::Import(Box::new(it))));
    decisions.sort_by_key(|it| (it.until().is_none(), it.until()));
    Ok(decisions)
}

fn alerts_of(it: &Rollback) -> &[AlertId] {
    match &it.trigger {
        Trigger::Alert { alerts } => alerts,
        Trigger::Person { .. } => &[],
    }
}

fn rollback(
    it: Rollback,
    runs: &mut BTreeMap<RunId, Run>,
    names: &HashMap<AlertId, String>,
) -> Decision {
    let run = it.run.and_then(|it| runs.remove(&it));
    let mut alerts: Vec<String> =
        alerts_of(&it).iter().filter_map(|it| names.get(it).cloned()).collect();
    alerts.dedup();
    Decision::Rollback(Box::new((it, run, alerts)))
}

/// The first of them is the one to look at.
pub(crate) fn queue(decisions: Vec<Decision>) -> AnyView {
    let rows = decisions.into_iter().enumerate().map(|(i, it)| row(it, i == 0));
    let rows: Vec<_> = rows.collect();
    view! { <Queue>{rows}</Queue> }.into_any()
}

/// What one line says.
struct Line {
    badge: AnyView,
    href: String,
    title: String,
    /// What started it, and what is proposed.
    why: String,
}

fn row(decision: Decision, first: bool) -> AnyView {
    let t = texts(&TEXTS);
    let line = match &decision {
        Decision::Rollback(it) => of_rollback(&it.0, &it.2),
        Decision::Run(run) => of_run(run),
        Decision::Import(import) => of_import(import),
    };
    let due = match decision.run() {
        Some(run) => {
            let until = run.required.expires_at;
            let left = texts(&rollbacks::TEXTS).window_left;
            countdown(until, until - run.requested_at, left, "", false)
        }
        None => view! { <span>{t.no_end}</span> }.into_any(),
    };
    let more = decision.run().map(approvals);
    let kind = if first { "button primary" } else { "button" };
    let review = texts(&rollbacks::TEXTS).review;
    let name = format!("{review}: {}", line.title);
    view! {
        <Waiting
            badge=line.badge
            href=line.href.clone()
            title=line.title
            why=line.why
            more=more.into_any()
            due=due
            act=view! { <a class=kind href=line.href aria-label=name>{review}</a> }.into_any()
        />
    }
    .into_any()
}

fn of_rollback(it: &Rollback, alerts: &[String]) -> Line {
    let (tone, state) = standing(it);
    let started = match &it.trigger {
        Trigger::Person { name, reason_kind, reason, .. } => {
            let kind = (texts(&rollbacks::TEXTS).kind_of)(*reason_kind);
            format!("{kind}: {reason} ({name})")
        }
        Trigger::Alert { .. } => {
            let names: Vec<&str> = alerts.iter().map(String::as_str).collect();
            (texts(&common::TEXTS).list)(&names)
        }
    };
    let target = it.target.as_ref().map(|it| target_text(it, visit().lang));
    let target = target.unwrap_or_else(|| texts(&rollbacks::TEXTS).no_plan.to_owned());
    let why = [started, target].into_iter().filter(|it| !it.is_empty());
    Line {
        badge: badge(tone, state),
        href: format!("/rollbacks/{}", it.number),
        title: format!("{}: {}", it.service_name, it.from_to()),
        why: why.collect::<Vec<_>>().join(" · "),
    }
}

fn of_run(run: &Run) -> Line {
    let state = (texts(&runs::TEXTS).state_of)(StateName::AwaitingApproval);
    let steps = run.plan.steps().iter().map(|it| runs::step(it, visit().lang));
    Line {
        badge: badge(Tone::Warn, state),
        href: format!("/runs/{}", run.id),
        title: steps.collect::<Vec<_>>().join(" · "),
        why: run.reason.clone(),
    }
}

fn of_import(import: &Import) -> Line {
    let t = texts(&TEXTS);
    let by = import.requested_by.split_once(':').map_or(&*import.requested_by, |(_, name)| name);
    let own = visit().user.is_some_and(|it| import.requested_by == format!("user:{}", it.name));
    let (title, reason, href) = match &import.edit {
        Some(edit) => {
            let href = format!("/{}#import-{}", edit.subject, import.id);
            ((t.version)(&edit.subject), Some(edit.reason.clone()), href)
        }
        None => (t.import.to_owned(), None, format!("/admin/imports#import-{}", import.id)),
    };
    let said = [reason, Some((t.by)(by)), own.then(|| t.own.to_owned())];
    Line {
        badge: badge(Tone::Warn, t.consent),
        href,
        title,
        why: said.into_iter().flatten().collect::<Vec<_>>().join(" · "),
    }
}

/// For which plan, and who else has said yes.
fn approvals(run: &Run) -> AnyView {
    let t = texts(&TEXTS);
    let people = run.approvals.iter().filter(|it| it.decision == Consent::Approve);
    let people = people.filter_map(|it| match &it.by {
        By::Person { name, .. } => Some(name.as_str()),
        By::Policy { .. } => None,
    });
    let people: Vec<&str> = people.collect();
    let of = run.required.count;
    let said = match people.is_empty() {
        true => (t.nobody_yet)(of),
        false => (t.approved)(people.len(), of, &(texts(&common::TEXTS).list)(&people)),
    };
    let digest = run.plan.digest().as_str();
    let digest = digest.split_once(':').map_or(digest, |(_, it)| it);
    let short: String = digest.chars().take(SHORT).collect();
    view! { <p><small>{t.plan} " " <code>{short}</code> " · " {said}</small></p> }.into_any()
}
