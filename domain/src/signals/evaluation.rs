//! From readings of a signal to the beginning and the end of its alerts.
//!
//! **Invariant:** an unknown reading neither begins an alert nor ends one.

use chrono::{DateTime, TimeDelta, Utc};

use super::Signal;

/// So long a stretch beyond the limit may go unseen and still counts as one.
const LONGEST_GAP: TimeDelta = TimeDelta::seconds(30);

/// How one signal stands for one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    #[default]
    Quiet,
    /// Beyond the limit since `since`, but not yet for as long as the signal asks; `seen` is the newest such reading.
    Pending {
        since: DateTime<Utc>,
        seen: DateTime<Utc>,
    },
    Firing,
}

/// What a reading changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// An alert begins. `onset` is the first reading beyond the limit, `value` the newest.
    Fires {
        onset: DateTime<Utc>,
        value: f64,
    },
    Ends,
}

impl Standing {
    /// After one more reading, in the unit of the signal; `None` where nobody can tell.
    pub fn read(
        self,
        signal: &Signal,
        reading: Option<f64>,
        now: DateTime<Utc>,
    ) -> (Self, Option<Turn>) {
        let Some(value) = reading else { return (self, None) };
        let this = self.at(now);
        match (this, signal.fires(value)) {
            (Self::Firing, true) => (Self::Firing, None),
            (Self::Firing, false) => (Self::Quiet, Some(Turn::Ends)),
            (Self::Quiet | Self::Pending { .. }, false) => (Self::Quiet, None),
            (Self::Quiet, true) => Self::beyond(signal, now, value, now),
            (Self::Pending { seen, .. }, true) if now - seen > LONGEST_GAP => {
                Self::beyond(signal, now, value, now)
            }
            (Self::Pending { since, .. }, true) => Self::beyond(signal, since, value, now),
        }
    }

    /// A clock that was put back leaves a stretch that began in the future, of which nobody can say how long it lasts.
    fn at(self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Pending { seen, .. } if seen - now > LONGEST_GAP => Self::Quiet,
            Self::Pending { since, seen } => {
                Self::Pending { since: since.min(now), seen: seen.min(now) }
            }
            other => other,
        }
    }

    fn beyond(
        signal: &Signal,
        since: DateTime<Utc>,
        value: f64,
        now: DateTime<Utc>,
    ) -> (Self, Option<Turn>) {
        match now - since >= TimeDelta::seconds(i64::from(signal.for_s)) {
            true => (Self::Firing, Some(Turn::Fires { onset: since, value })),
            false => (Self::Pending { since, seen: now }, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The turns of these readings: seconds, and a value or nothing.
    fn turns(for_s: u32, readings: &[(i64, Option<f64>)]) -> Vec<(i64, Option<i64>)> {
        let signal = json!({"name": "S", "severity": "critical", "limit": 0.05, "for_s": for_s});
        let signal: Signal = serde_json::from_value(signal).unwrap();
        let mut standing = Standing::default();
        let mut turns = Vec::new();
        for (second, reading) in readings {
            let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(*second);
            let (next, turn) = standing.read(&signal, *reading, now);
            standing = next;
            match turn {
                Some(Turn::Fires { onset, .. }) => turns.push((*second, Some(onset.timestamp()))),
                Some(Turn::Ends) => turns.push((*second, None)),
                None => {}
            }
        }
        turns
    }

    #[test]
    fn it_fires_once_it_was_beyond_its_limit_for_long_enough_and_ends_below_it() {
        let (bad, good) = (Some(0.2), Some(0.01));
        let steady = [(0, good), (5, bad), (10, bad), (15, bad), (20, bad), (25, good), (30, good)];
        assert_eq!(turns(10, &steady), [(15, Some(5)), (25, None)]);
        assert_eq!(turns(0, &steady), [(5, Some(5)), (25, None)]);
        assert_eq!(turns(10, &[(0, bad), (5, good), (10, bad), (15, bad)]), []);
    }

    #[test]
    fn what_nobody_can_tell_begins_nothing_and_ends_nothing() {
        let bad = Some(0.2);
        assert_eq!(turns(0, &[(0, None), (5, None)]), []);
        assert_eq!(turns(10, &[(0, bad), (5, None), (10, None), (12, bad)]), [(12, Some(0))]);
        assert_eq!(turns(0, &[(0, bad), (5, None), (600, None)]), [(0, Some(0))]);
        // The clock is put back by ten minutes: it begins anew, and does not wait for the time to come again.
        assert_eq!(
            turns(10, &[(700, bad), (100, bad), (105, bad), (110, bad)]),
            [(110, Some(100))]
        );
        assert_eq!(turns(10, &[(700, bad), (698, bad), (708, bad)]), [(708, Some(698))]);
        // Between two readings so far apart anything may have been.
        assert_eq!(turns(10, &[(0, bad), (31, bad), (36, bad)]), []);
        assert_eq!(turns(10, &[(0, bad), (30, bad)]), [(30, Some(0))]);
    }
}
