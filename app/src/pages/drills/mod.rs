//! Drills: the ledger, one drill with its signature, and planning one.

pub mod actions;
mod closing;
pub mod detail;
mod evidence;
pub mod list;
mod measured;
pub mod new;
mod notes;
mod steps;

use chrono::TimeDelta;
use domain::drills::closing::Outcome;
use domain::drills::{Comparison, Drill, Measurement, State, Target};
use domain::texts::drills::TEXTS;
use domain::texts::{duration, number};
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
                State::Missed | State::Aborted { .. } => Tone::Bad,
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

fn tone_of(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Pass => Tone::Ok,
        Verdict::Fail => Tone::Bad,
        Verdict::Unknown => Tone::Warn,
    }
}

/// A value with its unit; seconds as people say them.
fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "s" if value.is_finite() => {
            duration(visit().lang, TimeDelta::milliseconds((value * 1000.0) as i64))
        }
        "" => number(value),
        unit => format!("{} {unit}", number(value)),
    }
}

fn bound(target: &Target) -> String {
    let t = texts(&TEXTS);
    let limit = quantity(target.bound(), &target.unit);
    match target.comparison {
        Comparison::AtMost => (t.at_most)(&limit),
        Comparison::AtLeast => (t.at_least)(&limit),
    }
}

fn measured(measurement: &Measurement) -> String {
    quantity(measurement.value, &measurement.unit)
}
