//! The calendar: which drills are expected, and whether they happened.
//!
//! **Invariant:** an expected drill that did not happen is a row in the ledger all the same, in the state `missed`.

mod schedule;
#[cfg(test)]
mod tests;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use self::schedule::{Every, Schedule, midnight};
use crate::catalog::{Faults, rules};
use crate::drills::{CLOSURE_LIMIT_S, DrillType, Due, StateName, check_measures};
use crate::evidence::EvidenceKind;
use crate::measurements::Target;
use crate::plans::Protection;

/// A drill that the calendar asks for again and again, as a catalog says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedDrill {
    /// `glancy-02-pitr`; what is shown is the scenario.
    pub name: String,
    pub scenario: String,
    /// The code of the procedure that is rehearsed: `DR-SQL-01`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    #[serde(default = "simulation")]
    pub r#type: DrillType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The team that answers for it.
    #[serde(default)]
    pub team: String,
    pub schedule: Schedule,
    /// Nothing is expected before this day; where it is left out, before the day it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<NaiveDate>,
    /// How many in each stretch of the schedule.
    #[serde(default = "one")]
    pub count: u32,
    /// How many people are asked to take part (EdgeLink §7.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headcount: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// What people do in it, where whoever plans it says nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<AskedStep>,
    /// What people judge beside the numbers (EdgeLink §7.2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<String>,
    /// What is to be done afterwards, each an action item of the lead (EdgeLink §7.2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_ups: Vec<String>,
    /// The usual evidence where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Vec<Asked>>,
    #[serde(default = "closure_limit")]
    pub closure_limit_s: u32,
    /// A failed one is done again within so many days.
    #[serde(default = "retest_days")]
    pub retest_days: u32,
    /// Who is told of it in the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_to: Option<String>,
    /// Document and section: `glancy-dr-plan.md §4.1`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// A piece of evidence that a drill has to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub kind: EvidenceKind,
    pub due: Due,
}

/// Something that people do and confirm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedStep {
    pub instruction: String,
    /// What it does to a protection: `{pauses: NAME}` or `{resumes: NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<Protection>,
}

fn simulation() -> DrillType {
    DrillType::Simulation
}
fn one() -> u32 {
    1
}
fn closure_limit() -> u32 {
    CLOSURE_LIMIT_S
}
fn retest_days() -> u32 {
    crate::drills::RETEST_DAYS
}

impl ExpectedDrill {
    pub(crate) fn check(&self, faults: &mut Faults<'_>) {
        faults.at("name").refuse(rules::name(&self.name));
        if self.scenario.trim().is_empty() {
            faults.at("scenario").add("is empty");
        }
        self.schedule.check(&mut faults.at("schedule"));
        if !(1..=100).contains(&self.count) {
            faults.at("count").add("is 1 to 100");
        }
        if !(60..=7 * 86_400).contains(&self.closure_limit_s) {
            faults.at("closure_limit_s").add("is a minute to a week, in seconds");
        }
        if !(1..=366).contains(&self.retest_days) {
            faults.at("retest_days").add("is 1 to 366");
        }
        for (index, target) in self.targets.iter().enumerate() {
            let faults = &mut faults.at("targets");
            let faults = &mut faults.at(index);
            if target.name.trim().is_empty() {
                faults.at("name").add("is empty");
            } else if self.targets[..index].iter().any(|it| it.name == target.name) {
                faults.at("name").add("is named twice");
            }
            if target.bound().is_some_and(|it| !it.is_finite()) {
                faults.at("limit").add("is no number");
            }
            check_measures(target, faults);
        }
        self.check_steps(faults);
        for (member, texts) in [("criteria", &self.criteria), ("follow_ups", &self.follow_ups)] {
            for (index, text) in texts.iter().enumerate() {
                if text.trim().is_empty() {
                    faults.at(member).at(index).add("is empty");
                }
            }
        }
    }

    fn check_steps(&self, faults: &mut Faults<'_>) {
        for (index, step) in self.steps.iter().enumerate() {
            let faults = &mut faults.at("steps");
            let faults = &mut faults.at(index);
            if step.instruction.trim().is_empty() {
                faults.at("instruction").add("is empty");
            }
            if let Some(Protection::Pauses(name) | Protection::Resumes(name)) = &step.protection
                && name.trim().is_empty()
            {
                faults.at("protection").add("names no protection");
            }
        }
    }

    /// Whether the server itself will open connections because of it.
    pub fn reaches_out(&self) -> bool {
        self.targets.iter().any(|it| it.measure.is_some())
    }

    /// The stretches in which it is expected, that end after `from` and begin before `to`; none from before it was
    /// expected at all. `stated_at` is when it was first imported.
    pub fn occurrences(
        &self,
        zone: Tz,
        stated_at: DateTime<Utc>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Vec<Occurrence> {
        let since = self.since.and_then(|it| midnight(self.schedule.zone.unwrap_or(zone), it));
        let all = self.schedule.occurrences(zone, from, to).into_iter();
        // Nobody can be late for what was asked of them after it had begun.
        all.filter(|it| it.from >= since.unwrap_or(stated_at)).collect()
    }
}

/// One stretch of time in which a drill is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What it is known by: `2026-02`, `2026-Q1`, `2026-W07`, `2026-02-14`, `2026-02-16T03:00`.
    pub period: String,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// An occurrence was put to another time, by a person and for a reason. The newest counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub period: String,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub reason: String,
    /// As the audit log names them.
    pub by: String,
    pub at: DateTime<Utc>,
}

impl Occurrence {
    /// Where it stands now, when `moves` have been made.
    #[must_use]
    pub fn moved(self, moves: &[Move]) -> Self {
        let newest = moves.iter().filter(|it| it.period == self.period).max_by_key(|it| it.at);
        match newest {
            Some(it) => Self { from: it.from, until: it.until, ..self },
            None => self,
        }
    }

    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        (self.from..self.until).contains(&at)
    }
}

words!(
    /// How an occurrence stands, the worst first.
    Standing {
        // Its time is over, and fewer drills than expected came about.
        Missed = "missed",
        // Its time has come, and nothing is planned.
        Due = "due",
        Running = "running",
        Planned = "planned",
        // Its time has not come.
        Upcoming = "upcoming",
        Held = "held",
    }
);

/// How an occurrence stands, given the states of the drills that were planned for it.
pub fn standing(
    occurrence: &Occurrence,
    count: u32,
    drills: &[StateName],
    now: DateTime<Utc>,
) -> Standing {
    let number = |which: fn(StateName) -> bool| drills.iter().filter(|it| which(**it)).count();
    let (held, count) = (number(was_held), count as usize);
    let running = number(|it| it == StateName::Running);
    let planned = number(|it| it == StateName::Planned);
    match () {
        () if held >= count => Standing::Held,
        () if number(|it| it == StateName::Missed) > 0 => Standing::Missed,
        () if held + running >= count => Standing::Running,
        // One that is planned is missed by itself when nobody begins it.
        () if held + running + planned >= count => Standing::Planned,
        () if now >= occurrence.until => Standing::Missed,
        () if now < occurrence.from => Standing::Upcoming,
        () => Standing::Due,
    }
}

/// How many drills did not come about in an occurrence that is over, and have no row that says so.
pub fn missing(
    occurrence: &Occurrence,
    count: u32,
    drills: &[StateName],
    now: DateTime<Utc>,
) -> usize {
    if now < occurrence.until {
        return 0;
    }
    let gone = |it: &&StateName| matches!(it, StateName::Cancelled | StateName::Aborted);
    let accounted = drills.len() - drills.iter().filter(gone).count();
    (count as usize).saturating_sub(accounted)
}

fn was_held(state: StateName) -> bool {
    matches!(state, StateName::Recovered | StateName::EvidenceComplete | StateName::SignedOff)
}
