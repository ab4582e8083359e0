//! The printed report of a closed quarter: where it lies, and what keeps it from lying there.
//!
//! **Invariant:** the close never waits for it. A report is stored once, under a name that no other quarter has; what
//! lies there already is never replaced.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::evidence::{NotKept, Sha256};
use crate::trends::Period;

words!(
    /// Why a report is not stored yet.
    Fault {
        // The object store does not answer.
        Away = "away",
        Full = "full",
        // Another file lies under its name.
        Taken = "taken",
        // Rows and figures no longer give the digest of the close.
        Differs = "differs",
        TooSlow = "too_slow",
        // It could not be set.
        Broken = "broken",
    }
);

/// The first pause before it is tried again, and the longest; each is twice as long as the one before.
const PAUSE: TimeDelta = TimeDelta::seconds(10);
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// The file as it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub sha256: Sha256,
    /// Bytes.
    pub size: u64,
}

/// The newest attempt that came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    pub fault: Fault,
    pub at: DateTime<Utc>,
    /// How many there were; at least one.
    pub tries: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// To be made and stored.
    Due {
        /// What was made last; it may lie under its name, though nobody came back to say so.
        made: Option<File>,
        failed: Option<Failed>,
    },
    Stored {
        file: File,
        at: DateTime<Utc>,
    },
}

/// The report of one quarter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub period: Period,
    pub state: State,
}

impl Report {
    /// Whether it is to be tried now.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        match &self.state {
            State::Stored { .. } => false,
            State::Due { .. } => self.again_at().is_none_or(|it| it <= now),
        }
    }

    /// When it is tried again after a failure.
    pub fn again_at(&self) -> Option<DateTime<Utc>> {
        match &self.state {
            State::Due { failed: Some(failed), .. } => {
                let doubled = PAUSE * (1 << failed.tries.saturating_sub(1).min(10));
                Some(failed.at + doubled.min(LONGEST_PAUSE))
            }
            State::Due { failed: None, .. } | State::Stored { .. } => None,
        }
    }

    /// The file, once it is stored.
    pub fn stored(&self) -> Option<&File> {
        match &self.state {
            State::Stored { file, .. } => Some(file),
            State::Due { .. } => None,
        }
    }
}

/// Where the object store keeps the report of a quarter: `reports/2026/Q3.pdf`.
pub fn path(period: Period) -> String {
    format!("reports/{:04}/Q{}.pdf", period.year(), period.number())
}

impl From<NotKept> for Fault {
    fn from(why: NotKept) -> Self {
        match why {
            NotKept::Full => Fault::Full,
            NotKept::Away => Fault::Away,
            // No report is that large, and what had to be erased does not come back.
            NotKept::TooLarge | NotKept::Erased => Fault::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(tries: u32) -> Report {
        let failed = Failed { fault: Fault::Away, at: DateTime::UNIX_EPOCH, tries };
        let state = State::Due { made: None, failed: Some(failed) };
        Report { period: "2026-Q3".parse().unwrap(), state }
    }

    #[test]
    fn a_report_has_a_name_of_its_own() {
        assert_eq!(path("2026-Q3".parse().unwrap()), "reports/2026/Q3.pdf");
    }

    #[test]
    fn what_failed_is_tried_again_later_and_later() {
        for (tries, seconds) in [(1, 10), (2, 20), (4, 80), (7, 600), (u32::MAX, 600)] {
            let report = failed(tries);
            let again = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
            assert_eq!(report.again_at(), Some(again), "{tries}");
            assert!(!report.is_due(again - TimeDelta::seconds(1)) && report.is_due(again));
        }
    }

    #[test]
    fn only_what_is_not_stored_is_due() {
        let new = State::Due { made: None, failed: None };
        let file = File { sha256: Sha256::new([1; 32]), size: 1 };
        let stored = State::Stored { file, at: DateTime::UNIX_EPOCH };
        for (state, due) in [(new, true), (stored, false)] {
            let report = Report { state, ..failed(1) };
            assert_eq!(report.is_due(DateTime::UNIX_EPOCH), due);
        }
    }
}
