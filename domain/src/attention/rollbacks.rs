//! What waits in rollbacks and runs.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Detail, Entry, Kind, Whom, account};
use crate::access::Action;
use crate::approvals::{By, Required};
use crate::drills::Drill;
use crate::ids::{RunId, ServiceId};
use crate::plans::StepKind;
use crate::rollbacks::{CHECKLIST_LIMIT, Rollback, State, Trigger};
use crate::runs::{self, Note, PAUSE_LIMIT, Purpose, Run, StepState};

/// A paused run is at risk so long before it ends by itself.
const PAUSE_WARN: TimeDelta = TimeDelta::hours(4);

/// A checklist is at risk so long before its outcome counts as unknown.
const CHECKLIST_WARN: TimeDelta = TimeDelta::hours(4);

/// Services by id: name and team.
pub type Services = HashMap<ServiceId, (String, String)>;

/// A workload that we paused and that nothing under way resumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// The id of its page.
    pub workload: String,
    /// `shop/api-gateway`
    pub name: String,
    pub service: Option<(String, String)>,
    pub since: DateTime<Utc>,
}

/// Everything of the open rollbacks and runs. `drills` are those that open runs belong to.
pub fn entries(
    rollbacks: &[Rollback],
    runs: &[Run],
    drills: &[Drill],
    services: &Services,
    now: DateTime<Utc>,
) -> Vec<Entry> {
    let by_id: HashMap<RunId, &Run> = runs.iter().map(|it| (it.id, it)).collect();
    let of_rollback = |it: &Rollback| {
        let run = it.run.and_then(|it| by_id.get(&it).copied());
        let place = services.get(&it.service).map(names);
        rollback(it, run, place, now)
    };
    let of_run = |it: &Run| {
        let place = it.service.and_then(|it| services.get(&it)).map(names);
        let drill =
            drills.iter().find(|drill| matches!(it.purpose, Purpose::Drill(id) if drill.id == id));
        run(it, drill, place)
    };
    rollbacks.iter().filter_map(of_rollback).chain(runs.iter().flat_map(of_run)).collect()
}

fn names(it: &(String, String)) -> (&str, &str) {
    (&it.0, &it.1)
}

fn rollback(
    it: &Rollback,
    run: Option<&Run>,
    place: Option<(&str, &str)>,
    now: DateTime<Utc>,
) -> Option<Entry> {
    let versions = Some(it.from_to()).filter(|it| !it.is_empty());
    let what = [Some(it.service_name.clone()), versions, Some(it.number.clone())];
    let title = what.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let entry = |kind, action| Entry {
        kind,
        subject: format!("rollbacks/{}", it.number),
        title: title.clone(),
        detail: Detail::Nothing,
        whom: Whom::may(action).at(place),
        since: it.created_at,
        due: None,
        at_risk: None,
        href: format!("/rollbacks/{}", it.number),
    };
    match (&it.state, run) {
        (State::NeedsPerson, _) => {
            let entry = entry(Kind::NeedsPerson, Action::RequestRollback);
            // Somebody should look as soon as somebody would have had to approve.
            let due = Required::usual(it.created_at).expires_at;
            Some(Entry { due: Some(due), at_risk: Some(it.created_at), ..entry })
        }
        (State::AwaitingApproval, Some(run)) => {
            let entry = entry(Kind::RollbackApproval, Action::ApproveRollback);
            // Why a rule chose it is on its page; what a person said of it is said here.
            let detail = match &it.trigger {
                Trigger::Person { reason, .. } => Detail::Said { text: reason.clone() },
                Trigger::Alert { .. } => Detail::Nothing,
            };
            Some(Entry { detail, ..approval(entry, run) })
        }
        (State::Verifying, _) => {
            let list = &it.verification.checklist;
            let open = list.iter().filter(|it| !it.done).count();
            let from = it.times.executed_at.unwrap_or(now);
            let due = from + TimeDelta::seconds(it.observation_s.into()) + CHECKLIST_LIMIT;
            let entry = entry(Kind::Checklist, Action::ConfirmChecklist);
            (open > 0).then(|| Entry {
                detail: Detail::Open { open, of: list.len() },
                since: from,
                due: Some(due),
                at_risk: Some(due - CHECKLIST_WARN),
                ..entry
            })
        }
        _ => None,
    }
}

/// Asked of the roles that the policy names; not of who asked for it, nor of who has decided already.
fn approval(entry: Entry, run: &Run) -> Entry {
    let required = &run.required;
    let decided = run.approvals.iter().filter_map(|it| match &it.by {
        By::Person { name, .. } => Some(name.clone()),
        By::Policy { .. } => None,
    });
    let except = account(&run.requested_by).into_iter().chain(decided).collect();
    Entry {
        detail: Detail::Said { text: run.reason.clone() },
        whom: Whom { roles: required.roles.clone(), except, ..entry.whom },
        since: run.requested_at,
        due: Some(required.expires_at),
        // Minutes are left, and then it fails closed.
        at_risk: Some(run.requested_at),
        ..entry
    }
}

fn run(it: &Run, drill: Option<&Drill>, place: Option<(&str, &str)>) -> Vec<Entry> {
    let title = match (drill, place) {
        (Some(drill), _) => format!("{} · {}", drill.number, drill.scenario),
        (None, Some((service, _))) => format!("{service} · {}", steps(it)),
        (None, None) => steps(it),
    };
    let entry = |kind, action| Entry {
        kind,
        subject: format!("runs/{}", it.id),
        title: title.clone(),
        detail: Detail::Nothing,
        whom: Whom::may(action).at(place),
        since: it.requested_at,
        due: None,
        at_risk: None,
        href: match drill {
            Some(drill) => format!("/drills/{}", drill.number),
            None => format!("/runs/{}", it.id),
        },
    };
    match &it.state {
        // That of a rollback is asked for with the rollback.
        runs::State::AwaitingApproval if !matches!(it.purpose, Purpose::Rollback(_)) => {
            vec![approval(entry(Kind::RunApproval, Action::ApproveRun), it)]
        }
        runs::State::Paused { since, note } => {
            let due = *since + PAUSE_LIMIT;
            vec![Entry {
                detail: said(note),
                since: *since,
                due: Some(due),
                at_risk: Some(due - PAUSE_WARN),
                href: format!("/runs/{}", it.id),
                ..entry(Kind::RunPaused, Action::ResumeRun)
            }]
        }
        runs::State::Running { .. } => manual_steps(it, &entry),
        _ => vec![],
    }
}

/// What each step does, as its author called it.
fn steps(run: &Run) -> String {
    let names: Vec<_> = run.plan.steps().iter().map(|it| it.name.as_str()).collect();
    names.join(" · ")
}

fn said(note: &Note) -> Detail {
    match note {
        Note::Person { reason, .. } => Detail::Said { text: reason.clone() },
        _ => Detail::Nothing,
    }
}

/// Steps that are a person's turn. In a drill people say themselves what they have done; elsewhere it takes who may
/// approve, and consent is never one's own.
fn manual_steps(run: &Run, entry: &impl Fn(Kind, Action) -> Entry) -> Vec<Entry> {
    let both = run.plan.steps().iter().zip(&run.steps);
    let waiting = both.filter_map(|(step, record)| {
        let StepState::Running { started_at, .. } = record.state else { return None };
        let own = account(&run.requested_by);
        let (action, except) = match (&step.kind, run.purpose) {
            (StepKind::Manual { .. }, Purpose::Drill(_)) => (Action::PerformDrillStep, None),
            (StepKind::Manual { .. }, _) => (Action::ApproveRun, None),
            (StepKind::Approval, _) => (Action::ApproveRun, own),
            _ => return None,
        };
        let entry = entry(Kind::ManualStep, action);
        let due = started_at + TimeDelta::seconds(step.deadline_s.into());
        let roles = step.role.into_iter().collect();
        let except = except.into_iter().collect();
        Some(Entry {
            detail: Detail::Step { name: step.name.clone() },
            whom: Whom { roles, except, ..entry.whom },
            since: started_at,
            due: Some(due),
            at_risk: Some(started_at + TimeDelta::seconds(step.expected_s.into())),
            ..entry
        })
    });
    waiting.collect()
}

/// Nobody gets the pods of a paused workload: what we paused is given back.
pub fn owed(it: &Paused) -> Entry {
    let place = it.service.as_ref().map(names);
    Entry {
        kind: Kind::ResumeOwed,
        subject: format!("workloads/{}", it.workload),
        title: it.name.clone(),
        detail: Detail::Nothing,
        whom: Whom::may(Action::RequestRun).at(place),
        since: it.since,
        due: None,
        at_risk: Some(it.since),
        href: format!("/workloads/{}", it.workload),
    }
}
