//! Re-tests: what did not pass is checked again within five business days (Glancy §4.3), and nobody can forget it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{SpotCheck, State};
use crate::business_days::{Calendar, MissingYear};
use crate::canonical::Digest;
use crate::ids::SpotCheckId;
use crate::verdict::Verdict;

/// Business days.
pub const WITHIN: u32 = 5;

/// So many business days before the day on which it is due somebody is told.
pub const SOON: i32 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retest {
    /// Which one did not pass.
    pub of: SpotCheckId,
    pub of_number: String,
    /// The day on which that was recorded, in the installation's zone.
    pub since: NaiveDate,
    pub due: Due,
    pub escalation: Escalation,
}

/// The last day on which it is in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Due {
    On(NaiveDate),
    /// Not known until the holidays of a year are.
    Unknown(MissingYear),
}

impl Due {
    pub fn after(since: NaiveDate, calendar: &Calendar) -> Self {
        calendar.add(since, WITHIN).map_or_else(Due::Unknown, Due::On)
    }

    pub const fn day(self) -> Option<NaiveDate> {
        match self {
            Due::On(day) => Some(day),
            Due::Unknown(_) => None,
        }
    }

    /// Why there is no day, in a sentence for programs.
    pub fn problem(self) -> Option<String> {
        match self {
            Due::On(_) => None,
            Due::Unknown(year) => Some(year.to_string()),
        }
    }

    /// The year whose holidays have to be known first.
    pub const fn missing(self) -> Option<i32> {
        match self {
            Due::On(_) => None,
            Due::Unknown(year) => Some(year.0),
        }
    }
}

words!(
    /// How loudly it was asked for; it only grows.
    Escalation {
        None = "none",
        // One business day is left, or none but today.
        Soon = "soon",
        Overdue = "overdue",
    }
);

impl Escalation {
    /// What a day asks for. Where the holidays of a year on the way are not known, it is not said that the day is
    /// near; that it is over needs no holidays.
    pub fn on(today: NaiveDate, due: NaiveDate, calendar: &Calendar) -> Self {
        match calendar.left(today, due) {
            _ if today > due => Escalation::Overdue,
            Ok(left) if left <= SOON => Escalation::Soon,
            _ => Escalation::None,
        }
    }
}

impl SpotCheck {
    /// Whether it has to be done again: what is unknown was not proven, and skipping would be too easy a way out.
    pub fn needs_retest(&self) -> bool {
        self.verdict().is_some_and(|it| it != Verdict::Pass)
    }

    /// Whether an incident should be opened: something is known to be wrong.
    pub fn wishes_incident(&self) -> bool {
        self.verdict() == Some(Verdict::Fail)
    }

    /// The same question again, with a new seed. `today` is in the installation's zone.
    #[must_use]
    pub fn again(
        &self,
        commitment: Digest,
        planned_by: String,
        today: NaiveDate,
        calendar: &Calendar,
        now: DateTime<Utc>,
    ) -> Self {
        let retest = match &self.retest_of {
            // Cancelling a re-test does not move the day on which it is due.
            Some(it) if !self.needs_retest() => it.clone(),
            _ => Retest {
                of: self.id,
                of_number: self.number.clone(),
                since: today,
                due: Due::after(today, calendar),
                escalation: Escalation::None,
            },
        };
        Self {
            id: SpotCheckId::NEW,
            number: String::new(),
            planned_by,
            created_at: now,
            commitment,
            population: None,
            draw: None,
            record: None,
            retest_of: Some(retest),
            retest: None,
            state: State::Planned,
            ..self.clone()
        }
    }

    /// As loud as this day asks for, where that is louder than before.
    pub fn escalate(&self, today: NaiveDate, calendar: &Calendar) -> Option<Escalation> {
        let retest = self.retest_of.as_ref().filter(|_| self.state.is_open())?;
        let asked = Escalation::on(today, retest.due.day()?, calendar);
        (asked > retest.escalation).then_some(asked)
    }
}
