//! Drills: the ledger, one drill with its signature, and planning one.

pub mod actions;
pub mod calendar;
mod closing;
pub mod detail;
pub(crate) mod evidence;
pub mod list;
mod measured;
pub mod new;
mod notes;
mod protections;
mod steps;

use domain::drills::closing::Outcome;
use domain::drills::{Drill, State};
use domain::measurements::{Baseline, Finding, Measurement, Target};
use domain::texts::drills::TEXTS;
use domain::texts::{measurements, number};
use domain::verdict::Verdict;

use super::ui::Tone;
use super::visit::{texts, visit};

/// The name of the form that brings a file; a file has a route of its own and is no server function.
pub const UPLOAD: &str = "upload-evidence";

/// How a drill stands, as colour and word.
fn standing(drill: &Drill) -> (Tone, &'static str) {
    let t = texts(&TEXTS);
    match &drill.state {
        State::SignedOff(signed) => {
            (tone_of_outcome(signed.outcome), (t.outcome_of)(signed.outcome))
        }
        state => {
            let tone = match state {
                State::Running => Tone::Live,
                State::Recovered | State::EvidenceComplete => Tone::Warn,
                State::Missed { .. } | State::Aborted { .. } => Tone::Bad,
                _ => Tone::Idle,
            };
            (tone, (t.state_of)(state.name()))
        }
    }
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
