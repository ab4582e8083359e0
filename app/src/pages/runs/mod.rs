//! Runs: the carrying out of plans, for rollbacks, for drills, and by themselves.

pub mod actions;
mod deciding;
pub mod detail;
pub mod list;

use domain::runs::{Run, StateName, StepRecord};
use domain::texts::runs::TEXTS;

use super::ui::Tone;
use super::visit::texts;

/// A run's state as it is shown everywhere.
pub(super) fn standing(run: &Run) -> (Tone, &'static str) {
    let name = run.state.name();
    let tone = match name {
        StateName::Succeeded => Tone::Ok,
        StateName::Running | StateName::Approved => Tone::Live,
        StateName::AwaitingApproval | StateName::Paused => Tone::Warn,
        StateName::Failed | StateName::Superseded => Tone::Bad,
        StateName::Aborted | StateName::Rejected | StateName::Expired => Tone::Idle,
    };
    (tone, (texts(&TEXTS).state_of)(name))
}

fn standing_of_step(record: &StepRecord) -> (Tone, &'static str) {
    let word = record.state_name();
    let tone = match word {
        "succeeded" | "no_change" => Tone::Ok,
        "running" => Tone::Live,
        "failed" | "refused" => Tone::Bad,
        "aborted" => Tone::Warn,
        _ => Tone::Idle,
    };
    (tone, (texts(&TEXTS).step_state_of)(word))
}
