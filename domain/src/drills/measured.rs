//! Targets that a query measures: when, and what becomes of the drill.

use chrono::{DateTime, Utc};

use super::{Drill, State};
use crate::catalog::Faults;
use crate::measurements::{Finding, Marks, Measurement, Target, Window, is_due_again};

words!(
    /// What the clocks of a drill and of its rollback measure by themselves; no query does.
    ByClock {
        Rto = "rto",
        Detection = "mttd",
        Approval = "mtta",
        Execution = "execution",
        FirstPass = "first_pass",
        Closure = "closure",
    }
);

/// What is wrong with how a target of a drill is measured.
pub fn check_measures(target: &Target, faults: &mut Faults<'_>) {
    let Some(measuring) = &target.measure else { return };
    let faults = &mut faults.at("measure");
    if ByClock::parse(&target.name).is_some() {
        faults.add(format!("{} is measured by the clocks of the drill", target.name));
    }
    measuring.check(target, faults);
}

impl Drill {
    pub fn marks(&self) -> Marks {
        let times = &self.times;
        Marks {
            began: times.injected_at,
            t0: times.t0,
            recovered: times.recovered_at,
            t1: times.t1,
        }
    }

    /// Whether somebody could still measure something of it: nothing is added to what is signed or was given up.
    pub const fn is_measured(&self) -> bool {
        matches!(self.state, State::Running | State::Recovered | State::EvidenceComplete)
    }

    /// From when to when a target is measured by its query; nothing where none does, or the moments have not come.
    pub fn window_of(&self, target: &Target) -> Option<Window> {
        target.measure.as_ref()?.window(&self.marks())
    }

    /// The targets whose window is over, and of which nothing final is known.
    pub fn to_measure(&self, now: DateTime<Utc>) -> Vec<&Target> {
        let due = |target: &&Target| {
            let window = self.window_of(target);
            let (Some(measuring), Some(window)) = (&target.measure, window) else { return false };
            measuring.is_over(window, now)
                && self.measurement(&target.name).is_none_or(|it| again(it, window, now))
        };
        match self.is_measured() {
            true => self.targets.iter().filter(due).collect(),
            false => vec![],
        }
    }
}

fn again(last: &Measurement, window: Window, now: DateTime<Utc>) -> bool {
    let finding = last.result.as_ref().and_then(Finding::of_value);
    finding.is_none_or(|it| is_due_again(&it, last.at, window.to, now))
}
