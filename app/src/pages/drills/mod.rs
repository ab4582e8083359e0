//! Drills: the ledger, one drill with its signature, and planning one.

pub mod actions;
pub mod calendar;
mod closing;
pub mod detail;
pub(crate) mod evidence;
pub mod import;
pub mod list;
mod measured;
pub mod new;
mod notes;
pub mod print;
mod protections;
mod sheet;
mod steps;

use domain::drills::closing::Outcome;
use domain::drills::{Drill, StateName};
use domain::measurements::{Baseline, Finding, Measurement, Target};
use domain::texts::drills::TEXTS;
use domain::texts::{measurements, number};
use domain::verdict::Verdict;

use super::ui::{Query, Tone};
use super::visit::{texts, visit};
use crate::wishes::drills::asked::AskedList;

/// The name of the form that brings a file; a file has a route of its own and is no server function.
pub const UPLOAD: &str = "upload-evidence";

/// The name of the form that brings an older ledger.
pub const IMPORT: &str = "import-ledger";

/// What the address asks for.
fn asked(query: &Query) -> AskedList {
    AskedList {
        service: query.get("service"),
        state: query.get("state"),
        outcome: query.get("outcome"),
        kind: query.get("type"),
        lead: query.get("lead"),
        team: query.get("team"),
        q: query.get("q"),
        since: query.get("since"),
        happened_since: query.get("happened_since"),
        happened_until: query.get("happened_until"),
        from: query.get("from"),
        until: query.get("until"),
        sort: query.get("sort"),
        cursor: query.get("cursor"),
        ..AskedList::default()
    }
}

/// How a drill stands, as colour and word.
fn standing(drill: &Drill) -> (Tone, &'static str) {
    let outcome = drill.state.sign_off().map(|it| it.outcome);
    standing_of(drill.state.name(), outcome)
}

fn standing_of(state: StateName, outcome: Option<Outcome>) -> (Tone, &'static str) {
    let t = texts(&TEXTS);
    if let Some(outcome) = outcome {
        return (tone_of_outcome(outcome), (t.outcome_of)(outcome));
    }
    let tone = match state {
        StateName::Running => Tone::Live,
        StateName::Recovered | StateName::EvidenceComplete => Tone::Warn,
        StateName::Missed | StateName::Aborted => Tone::Bad,
        _ => Tone::Idle,
    };
    (tone, (t.state_of)(state))
}

fn tone_of_outcome(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Passed => Tone::Ok,
        Outcome::PassedWithConditions | Outcome::Incomplete => Tone::Warn,
        Outcome::Failed => Tone::Bad,
    }
}

pub(crate) fn tone_of(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Pass => Tone::Ok,
        Verdict::Fail => Tone::Bad,
        Verdict::Unknown => Tone::Warn,
    }
}

fn bound(target: &Target) -> String {
    measurements::bound(visit().lang, target)
}

/// By the baseline that it was held against, where that was measured.
fn bound_by(target: &Target, value: Option<&Measurement>) -> String {
    match found(value) {
        Some(Finding::Value { baseline: Some(it), .. }) => {
            bound(&Target { baseline: Some(it.value), measure: None, ..target.clone() })
        }
        _ => bound(target),
    }
}

/// `1.1 × before T0 0.42 s`
fn times(target: &Target, before: &Baseline) -> String {
    let before = measurements::baseline(visit().lang, before, &target.unit);
    format!("{} × {before}", number(target.limit))
}

/// What a query came to.
fn found(value: Option<&Measurement>) -> Option<Finding> {
    value?.result.as_ref().and_then(Finding::of_value)
}

fn measured(measurement: &Measurement) -> String {
    measurements::measured(visit().lang, measurement)
}
