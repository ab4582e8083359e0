//! When something is expected to happen, as a catalog writes it, and the stretches of time that follow from it.

use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use croner::Cron;
use serde::{Deserialize, Serialize};

use super::Occurrence;
use crate::catalog::Faults;

/// Occurrences of one schedule that are looked at together; more are a slip in a schedule or in a question.
const MOST: usize = 2_000;

/// How long after the moment that a `cron` names something may still begin.
const CRON_LASTS: TimeDelta = TimeDelta::hours(24);

words!(
    /// A stretch of the calendar in which something is expected once.
    Every { Week = "week", Month = "month", Quarter = "quarter", Year = "year" }
);

/// When something is expected: at the moments of a `cron`, on the `nth` `weekday` of months, or at any time
/// within a stretch (`every`, or the `months` that are named).
///
/// ```yaml
/// schedule: {months: [2]}                       # once in every February
/// schedule: {every: quarter}
/// schedule: {nth: 2, weekday: sat, months: [3, 6, 9, 12]}
/// schedule: {cron: "0 3 * * 1", zone: Asia/Shanghai}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
    /// From 1 to 12; every month where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub months: Vec<u32>,
    /// From 1 to 4 in the month; 5 is the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekday: Option<Weekday>,
    /// Minute, hour, day, month, weekday.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// Name of a zone; the installation's where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Tz>,
}

/// A schedule that means one thing.
enum Rule {
    Cron(Box<Cron>),
    Nth { nth: u8, weekday: Weekday },
    Within(Every),
}

impl Schedule {
    pub(super) fn check(&self, faults: &mut Faults<'_>) {
        if let Err((path, why)) = self.rule() {
            faults.at(path).add(why);
        }
        for (index, month) in self.months.iter().enumerate() {
            let faults = &mut faults.at("months");
            if !(1..=12).contains(month) {
                faults.at(index).add("a month is a number from 1 to 12");
            } else if self.months[..index].contains(month) {
                faults.at(index).add("is named twice");
            }
        }
    }

    /// What it means, or which member contradicts the others.
    fn rule(&self) -> Result<Rule, (&'static str, String)> {
        let wrong = |path, why: &str| Err((path, why.to_owned()));
        match (&self.cron, self.nth, self.weekday, self.every) {
            (Some(_), Some(_), _, _) | (Some(_), _, Some(_), _) | (Some(_), _, _, Some(_)) => {
                wrong("cron", "says it all: leave out every, nth and weekday")
            }
            (Some(_), ..) if !self.months.is_empty() => {
                wrong("cron", "says it all: leave out months")
            }
            (Some(cron), ..) => match Cron::from_str(cron) {
                Ok(cron) => Ok(Rule::Cron(Box::new(cron))),
                Err(why) => Err(("cron", format!("{cron:?} is no schedule: {why}"))),
            },
            (None, Some(nth @ 1..=5), Some(weekday), None | Some(Every::Month)) => {
                Ok(Rule::Nth { nth, weekday })
            }
            (None, Some(1..=5), Some(_), _) => wrong("every", "the nth weekday is one of a month"),
            (None, Some(_), Some(_), _) => wrong("nth", "is 1 to 4, or 5 for the last one"),
            (None, Some(_), None, _) => wrong("weekday", "is missing beside nth"),
            (None, None, Some(_), _) => wrong("nth", "is missing beside weekday"),
            (None, None, None, Some(Every::Month)) => Ok(Rule::Within(Every::Month)),
            (None, None, None, Some(_)) if !self.months.is_empty() => {
                wrong("every", "named months are each a stretch of their own: leave every out")
            }
            (None, None, None, Some(every)) => Ok(Rule::Within(every)),
            (None, None, None, None) if !self.months.is_empty() => Ok(Rule::Within(Every::Month)),
            (None, None, None, None) => {
                wrong("every", "one of every, months, nth with weekday, or cron is needed")
            }
        }
    }

    fn has_month(&self, month: u32) -> bool {
        self.months.is_empty() || self.months.contains(&month)
    }

    /// The stretches that end after `from` and begin before `to`, the earliest first. `zone` is the installation's.
    pub(super) fn occurrences(
        &self,
        zone: Tz,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Vec<Occurrence> {
        let zone = self.zone.unwrap_or(zone);
        // What was stored has passed the check.
        let Ok(rule) = self.rule() else { return Vec::new() };
        let all: Vec<Occurrence> = match rule {
            Rule::Cron(cron) => cron
                .iter_after((from - CRON_LASTS).with_timezone(&zone))
                .take_while(|at| *at < to)
                .take(MOST)
                .map(|at| Occurrence {
                    period: at.format("%Y-%m-%dT%H:%M").to_string(),
                    from: at.to_utc(),
                    until: at.to_utc() + CRON_LASTS,
                })
                .collect(),
            Rule::Nth { nth, weekday } => {
                let days = months(zone, from, to).filter(|it| self.has_month(it.month()));
                let days = days.filter_map(|first| nth_weekday(first, nth, weekday));
                let of = |day: NaiveDate| stretch(zone, day.to_string(), day, day + Days::new(1));
                days.filter_map(of).take(MOST).collect()
            }
            Rule::Within(Every::Week) => weeks(zone, from, to).take(MOST).collect(),
            Rule::Within(every) => {
                let firsts = months(zone, from, to).filter(|it| self.has_month(it.month()));
                firsts.filter_map(|first| within(zone, every, first)).take(MOST).collect()
            }
        };
        all.into_iter().filter(|it| it.until > from && it.from < to).collect()
    }
}

/// The first days of the months around a stretch, from the first month of the year before it ends a quarter.
fn months(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = NaiveDate> {
    let year = from.with_timezone(&zone).year();
    let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(NaiveDate::MIN);
    let end = to.with_timezone(&zone).date_naive();
    let later = move |n| first.checked_add_months(Months::new(n));
    (0..).map_while(later).take_while(move |it| *it <= end).take(12 * MOST)
}

fn weeks(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = Occurrence> {
    let day = from.with_timezone(&zone).date_naive();
    let monday = day.week(Weekday::Mon).first_day();
    let mondays = (0..).map_while(move |n| monday.checked_add_days(Days::new(7 * n)));
    let mondays = mondays.take_while(move |it| *it <= to.with_timezone(&zone).date_naive());
    mondays.filter_map(move |monday| {
        let week = monday.iso_week();
        let period = format!("{}-W{:02}", week.year(), week.week());
        stretch(zone, period, monday, monday + Days::new(7))
    })
}

/// The stretch that begins with this month, where one does.
fn within(zone: Tz, every: Every, first: NaiveDate) -> Option<Occurrence> {
    let (year, month) = (first.year(), first.month());
    let (months, period) = match every {
        Every::Month => (1, format!("{year}-{month:02}")),
        Every::Quarter if month % 3 == 1 => (3, format!("{year}-Q{}", month.div_ceil(3))),
        Every::Year if month == 1 => (12, year.to_string()),
        Every::Week | Every::Quarter | Every::Year => return None,
    };
    stretch(zone, period, first, first.checked_add_months(Months::new(months))?)
}

fn nth_weekday(first: NaiveDate, nth: u8, weekday: Weekday) -> Option<NaiveDate> {
    let of = |nth| NaiveDate::from_weekday_of_month_opt(first.year(), first.month(), weekday, nth);
    // A month has four or five of each.
    if nth == 5 { of(5).or_else(|| of(4)) } else { of(nth) }
}

fn stretch(zone: Tz, period: String, from: NaiveDate, until: NaiveDate) -> Option<Occurrence> {
    Some(Occurrence { period, from: midnight(zone, from)?, until: midnight(zone, until)? })
}

/// When a day begins. Where the clock is put forward over midnight it begins an hour later.
pub fn midnight(zone: Tz, day: NaiveDate) -> Option<DateTime<Utc>> {
    let at = |hour| {
        day.and_time(NaiveTime::from_hms_opt(hour, 0, 0)?).and_local_timezone(zone).earliest()
    };
    at(0).or_else(|| at(1)).map(|it| it.to_utc())
}
