//! Months and quarters, as a calendar in one zone has them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, TimeZone, Utc};
use serde::{Deserialize, Serialize};

words!(
    /// How long a period is.
    Unit { Month = "month", Quarter = "quarter" }
);

impl Unit {
    /// Periods of a year.
    const fn per_year(self) -> u32 {
        match self {
            Unit::Month => 12,
            Unit::Quarter => 4,
        }
    }

    const fn months(self) -> u32 {
        12 / self.per_year()
    }

    /// How many periods are shown side by side: two years of quarters, one of months.
    pub const fn shown(self) -> usize {
        match self {
            Unit::Month => 12,
            Unit::Quarter => 8,
        }
    }
}

/// `2026-10` or `2026-Q3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    unit: Unit,
    year: i32,
    /// From 1.
    number: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a month is written 2026-10 and a quarter 2026-Q3")]
pub struct NotAPeriod;

/// Years that a date of Postgres and ours both have, and that people mean.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

impl Period {
    /// The one that this day lies in.
    pub fn of(unit: Unit, day: NaiveDate) -> Self {
        Self { unit, year: day.year(), number: day.month0() / unit.months() + 1 }
    }

    /// None for a year that nobody means, or a number that the year does not have.
    pub fn new(unit: Unit, year: i32, number: u32) -> Option<Self> {
        let known = YEARS.contains(&year) && (1..=unit.per_year()).contains(&number);
        known.then_some(Self { unit, year, number })
    }

    pub const fn unit(self) -> Unit {
        self.unit
    }

    pub const fn year(self) -> i32 {
        self.year
    }

    /// From 1: of the month, or of the quarter.
    pub const fn number(self) -> u32 {
        self.number
    }

    #[must_use]
    pub fn next(self) -> Self {
        match self.number == self.unit.per_year() {
            true => Self { year: self.year + 1, number: 1, ..self },
            false => Self { number: self.number + 1, ..self },
        }
    }

    #[must_use]
    pub fn previous(self) -> Self {
        match self.number {
            1 => Self { year: self.year - 1, number: self.unit.per_year(), ..self },
            n => Self { number: n - 1, ..self },
        }
    }

    /// So many periods, of which this is the last, the oldest first.
    pub fn last(self, count: usize) -> Vec<Self> {
        let mut all: Vec<_> =
            std::iter::successors(Some(self), |it| Some(it.previous())).take(count).collect();
        all.reverse();
        all
    }

    /// The months of a quarter; of a month, itself.
    pub fn months(self) -> Vec<Self> {
        let first = (self.number - 1) * self.unit.months() + 1;
        (first..first + self.unit.months())
            .map(|number| Self { unit: Unit::Month, number, ..self })
            .collect()
    }

    /// Midnight of its first day in this zone.
    pub fn starts<Z: TimeZone>(self, zone: &Z) -> DateTime<Utc> {
        let month = (self.number - 1) * self.unit.months() + 1;
        let day = NaiveDate::from_ymd_opt(self.year, month, 1).unwrap_or_default();
        midnight(day, zone)
    }

    /// The moment in which the next one starts, and no longer part of this one.
    pub fn ends<Z: TimeZone>(self, zone: &Z) -> DateTime<Utc> {
        self.next().starts(zone)
    }

    pub fn has_ended<Z: TimeZone>(self, zone: &Z, now: DateTime<Utc>) -> bool {
        now >= self.ends(zone)
    }
}

/// Where the clock jumps over midnight, the first moment of the day; where it shows midnight twice, the first.
fn midnight<Z: TimeZone>(day: NaiveDate, zone: &Z) -> DateTime<Utc> {
    let local = day.and_time(chrono::NaiveTime::MIN);
    let quarters = (0..96).map(|n| local + TimeDelta::minutes(15 * n));
    let first = quarters.into_iter().find_map(|it| zone.from_local_datetime(&it).earliest());
    first.map_or_else(|| local.and_utc(), |it| it.with_timezone(&Utc))
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Month => write!(f, "{:04}-{:02}", self.year, self.number),
            Unit::Quarter => write!(f, "{:04}-Q{}", self.year, self.number),
        }
    }
}

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let (year, rest) = text.split_once('-').ok_or(NotAPeriod)?;
        let digits = |it: &str, count: usize| {
            (it.len() == count && it.bytes().all(|it| it.is_ascii_digit())).then(|| it.parse().ok())
        };
        let year = digits(year, 4).flatten().ok_or(NotAPeriod)?;
        let (unit, number) = match rest.strip_prefix('Q') {
            Some(number) => (Unit::Quarter, digits(number, 1)),
            None => (Unit::Month, digits(rest, 2)),
        };
        let number = number.flatten().and_then(|it: i32| u32::try_from(it).ok());
        Self::new(unit, year, number.ok_or(NotAPeriod)?).ok_or(NotAPeriod)
    }
}

impl TryFrom<String> for Period {
    type Error = NotAPeriod;

    fn try_from(text: String) -> Result<Self, NotAPeriod> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;
    use proptest::prelude::*;

    use super::*;

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn a_quarter_begins_at_midnight_of_the_installation() {
        let shanghai = FixedOffset::east_opt(8 * 3600).unwrap();
        let third = period("2026-Q3");
        assert_eq!(third.starts(&shanghai).to_rfc3339(), "2026-06-30T16:00:00+00:00");
        assert_eq!(third.ends(&shanghai).to_rfc3339(), "2026-09-30T16:00:00+00:00");
        let moment = |text: &str| text.parse().unwrap();
        assert!(!third.has_ended(&shanghai, moment("2026-09-30T15:59:59Z")));
        assert!(third.has_ended(&shanghai, moment("2026-09-30T16:00:00Z")));
        assert_eq!(
            third.months().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["2026-07", "2026-08", "2026-09"]
        );
    }

    #[test]
    fn only_periods_are_read() {
        for text in ["2026-Q3", "2026-10", "1999-Q1", "2026-01"] {
            assert_eq!(period(text).to_string(), text);
        }
        for text in [
            "",
            "2026",
            "2026-Q0",
            "2026-Q5",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-Q1",
            "2026-Q03",
            "+026-Q1",
            "0001-Q1",
            "2026-q3",
            "2026-Q3 ",
            "２026-Q3",
        ] {
            assert_eq!(text.parse::<Period>(), Err(NotAPeriod), "{text}");
        }
    }

    proptest! {
        /// Every moment lies in exactly one period, whatever the zone.
        #[test]
        fn periods_cover_time_without_gaps(day in 0i64..40_000, minutes in -720i32..=840, quarter: bool) {
            let zone = FixedOffset::east_opt(minutes * 60).unwrap();
            let at = DateTime::UNIX_EPOCH + TimeDelta::hours(day * 7 + 24);
            let unit = if quarter { Unit::Quarter } else { Unit::Month };
            let it = Period::of(unit, at.with_timezone(&zone).date_naive());
            prop_assert!(it.starts(&zone) <= at && at < it.ends(&zone));
            prop_assert_eq!(it.next().starts(&zone), it.ends(&zone));
            prop_assert_eq!(it.next().previous(), it);
            prop_assert_eq!(it.to_string().parse(), Ok(it));
            let row = it.last(9);
            prop_assert!(row.windows(2).all(|it| it[0].next() == it[1]) && row[8] == it);
        }
    }
}
