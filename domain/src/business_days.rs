//! Working days in China: weekdays without public holidays, and the weekend days on which they are made up for.
//!
//! The State Council names both for one year at a time, so each year has a table of its own. **Invariant:** a year
//! without a table is never guessed: whoever asks about one of its days is told which table is missing.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

use crate::fields::{Fault, Faults};
use crate::texts::Lang;

/// The tables that come with the product: a file made from the npm package chinese-days.
const SHIPPED: &str = include_str!("../data/holidays/chinese-days.json");

/// The years that a table can be given for.
pub const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;

/// More days in one direction are no business of this product, and would hide a loop.
const FARTHEST: u32 = 1000;

/// Nobody has said yet which days of this year are holidays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("there is no holiday table for {0}; import it")]
pub struct MissingYear(pub i32);

/// What is special in one year: each day with its name, in the form of the package: `New Year's Day,元旦,1`, or any
/// other text. Also the form in which a year is imported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub holidays: BTreeMap<NaiveDate, String>,
    /// Saturdays and Sundays that are worked.
    pub workdays: BTreeMap<NaiveDate, String>,
    /// Which of the holidays a make-up workday is for; the package says it, and nothing here needs it.
    #[serde(default, rename = "inLieuDays", skip_serializing)]
    pub in_lieu: BTreeMap<NaiveDate, String>,
}

impl Table {
    /// # Errors
    /// The field `year`, `holidays` or `workdays`, with the first day that cannot be so.
    pub fn check(&self, year: i32) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let wrong = |why: String| Fault::Malformed(why);
        if !YEARS.contains(&year) {
            let (from, to) = (i64::from(*YEARS.start()), i64::from(*YEARS.end()));
            faults.add("year", Fault::OutOfRange { from, to });
        }
        if self.holidays.is_empty() {
            faults.add("holidays", Fault::Required);
        }
        for (field, days) in [("holidays", &self.holidays), ("workdays", &self.workdays)] {
            if let Some(day) = days.keys().find(|it| it.year() != year) {
                faults.add(field, wrong(format!("{day} is not in {year}")));
            }
            if let Some((day, _)) = days.iter().find(|(_, name)| !is_name(name)) {
                faults.add(field, wrong(format!("{day} needs a name of at most 100 characters")));
            }
        }
        if let Some(day) = self.workdays.keys().find(|it| !is_weekend(**it)) {
            let why = format!("{day} is a weekday, and nothing makes up for anything on it");
            faults.add("workdays", wrong(why));
        }
        if let Some(day) = self.workdays.keys().find(|it| self.holidays.contains_key(*it)) {
            faults.add("workdays", wrong(format!("{day} is a holiday, too")));
        }
        faults.into_result()
    }
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= 100 && !name.contains(char::is_control)
}

/// The name of a day in the reader's language, where the table has both.
pub fn name_of(name: &str, lang: Lang) -> &str {
    let mut parts = name.split(',');
    match (parts.next(), parts.next(), lang) {
        (Some(_), Some(chinese), Lang::Zh) => chinese,
        (Some(english), Some(_), Lang::En) => english,
        _ => name,
    }
}

fn is_weekend(day: NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

/// The years whose tables are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar(pub BTreeMap<i32, Table>);

/// The source of the shipped tables, and the tables.
///
/// # Panics
/// Never: the file is part of the build, and a test reads it.
pub fn shipped() -> (String, Calendar) {
    #[derive(Deserialize)]
    struct File {
        source: String,
        years: BTreeMap<i32, Table>,
    }
    let File { source, years } = serde_json::from_str(SHIPPED).expect("the shipped file is JSON");
    (source, Calendar(years))
}

impl Calendar {
    /// Whether people work on this day.
    ///
    /// # Errors
    /// [`MissingYear`]
    pub fn is_business_day(&self, day: NaiveDate) -> Result<bool, MissingYear> {
        let table = self.0.get(&day.year()).ok_or(MissingYear(day.year()))?;
        Ok(match (table.workdays.contains_key(&day), table.holidays.contains_key(&day)) {
            (true, _) => true,
            (false, holiday) => !holiday && !is_weekend(day),
        })
    }

    /// The `n`th business day after `from`; the day itself is not counted, whatever it is.
    ///
    /// # Errors
    /// [`MissingYear`] where a day on the way is of a year without a table.
    pub fn add(&self, from: NaiveDate, n: u32) -> Result<NaiveDate, MissingYear> {
        let mut left = n.min(FARTHEST);
        let mut day = from;
        while left > 0 {
            day = day.succ_opt().ok_or(MissingYear(day.year()))?;
            if self.is_business_day(day)? {
                left -= 1;
            }
        }
        Ok(day)
    }

    /// How many business days there are from `today` to `due`: those after today up to the due day itself, and those
    /// after the due day up to today as a negative number.
    ///
    /// # Errors
    /// [`MissingYear`]
    pub fn left(&self, today: NaiveDate, due: NaiveDate) -> Result<i32, MissingYear> {
        let (sign, first, last) = if today <= due { (1, today, due) } else { (-1, due, today) };
        let mut count = 0;
        for day in first.iter_days().skip(1).take_while(|it| *it <= last) {
            count += i32::from(self.is_business_day(day)?);
        }
        Ok(sign * count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn five_business_days_are_those_of_the_state_council() {
        let (source, calendar) = shipped();
        assert_eq!(source, "chinese-days 1.5.7");
        for (from, due, why) in [
            ("2026-11-16", "2026-11-23", "a plain week"),
            ("2026-11-20", "2026-11-27", "Friday does not count"),
            ("2026-11-21", "2026-11-27", "nor does a Saturday"),
            // 1 to 7 October are holidays, Saturday the 10th is worked.
            ("2026-09-29", "2026-10-12", "National Day: 30 Sep, 8, 9, 10 and 12 Oct"),
            ("2026-09-30", "2026-10-13", "National Day"),
            // Sunday 20 September is worked for National Day, 25 is Mid-autumn.
            ("2026-09-18", "2026-09-24", "a make-up Sunday: 20, 21, 22, 23, 24"),
            // 15 to 23 February are holidays, the Saturdays 14 and 28 are worked.
            ("2026-02-11", "2026-02-25", "Spring Festival: 12, 13, 14, 24, 25"),
            ("2026-02-23", "2026-02-28", "a make-up Saturday at the end"),
            ("2025-12-29", "2026-01-06", "across the year: 30, 31, then Sunday the 4th, 5, 6"),
        ] {
            assert_eq!(calendar.add(day(from), 5), Ok(day(due)), "{why}");
            assert_eq!(calendar.left(day(from), day(due)), Ok(5), "{why}");
        }
    }

    #[test]
    fn what_is_late_is_counted_below_zero() {
        let (_, calendar) = shipped();
        let due = day("2026-09-30");
        for (today, left) in
            [("2026-09-29", 1), ("2026-09-30", 0), ("2026-10-07", 0), ("2026-10-10", -3)]
        {
            assert_eq!(calendar.left(day(today), due), Ok(left), "{today}");
        }
    }

    #[test]
    fn a_year_without_a_table_is_named() {
        let (_, calendar) = shipped();
        assert_eq!(calendar.add(day("2026-12-28"), 5), Err(MissingYear(2027)));
        assert_eq!(calendar.add(day("2026-12-24"), 5), Ok(day("2026-12-31")));
        assert_eq!(calendar.left(day("2026-12-28"), day("2028-01-03")), Err(MissingYear(2027)));
        assert_eq!(MissingYear(2028).to_string(), "there is no holiday table for 2028; import it");
    }

    #[test]
    fn every_shipped_year_is_as_a_year_may_be() {
        let (_, calendar) = shipped();
        assert_eq!(
            calendar.0.keys().copied().collect::<Vec<_>>(),
            (2004..=2026).collect::<Vec<_>>()
        );
        for (year, table) in &calendar.0 {
            assert_eq!(table.check(*year), Ok(()), "{year}");
        }
    }

    #[test]
    fn a_table_that_cannot_be_is_refused_by_its_field() {
        let table = |text: &str| serde_json::from_str::<Table>(text).unwrap();
        for (text, field) in [
            (r#"{"holidays":{},"workdays":{}}"#, "holidays"),
            (r#"{"holidays":{"2028-01-01":"元旦"},"workdays":{}}"#, "holidays"),
            (r#"{"holidays":{"2027-01-01":" "},"workdays":{}}"#, "holidays"),
            (r#"{"holidays":{"2027-01-01":"元旦"},"workdays":{"2027-01-04":"元旦"}}"#, "workdays"),
            (r#"{"holidays":{"2027-01-02":"元旦"},"workdays":{"2027-01-02":"元旦"}}"#, "workdays"),
        ] {
            let faults = table(text).check(2027).unwrap_err();
            assert_eq!(faults.0[0].0, field, "{text}");
        }
        let own = r#"{"holidays":{"2027-01-01":"元旦"},"workdays":{},"inLieuDays":{}}"#;
        assert_eq!(table(own).check(2027), Ok(()));
        assert_eq!(table(own).check(1999).unwrap_err().0[0].0, "year");
        assert!(
            serde_json::from_str::<Table>(r#"{"holidays":{"2027-02-30":"x"},"workdays":{}}"#)
                .is_err()
        );
    }

    #[test]
    fn a_day_is_called_as_its_reader_speaks() {
        assert_eq!(name_of("National Day,国庆节,3", Lang::Zh), "国庆节");
        assert_eq!(name_of("National Day,国庆节,3", Lang::En), "National Day");
        assert_eq!(name_of("司庆", Lang::En), "司庆");
    }
}
