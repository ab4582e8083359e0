//! Wishes about the tables of holidays.

use domain::access::{Action, Subject};
use domain::business_days::Table;
use domain::canonical;
use domain::fields::Fault;
use domain::spot_checks::Due;
use serde_json::{Map, json};

use crate::doors::{Change, Context};
use crate::pages::error::Error;

/// The source of a table is named in so many characters at most.
const LONGEST_SOURCE: usize = 200;

/// Replaces the table of a year. Re-tests that waited for it get their day.
///
/// # Errors
/// Faults by field: `year`, `source`, `holidays`, `workdays`.
pub async fn import(cx: &Context, year: i32, source: &str, table: &Table) -> Result<(), Error> {
    cx.enter(Action::AdministerHolidays)?;
    let source = source.trim();
    let mut faults = table.check(year).err().unwrap_or_default();
    match source.chars().count() {
        0 => faults.add("source", Fault::Required),
        1..=LONGEST_SOURCE => {}
        _ => faults.add("source", Fault::TooLong { most: LONGEST_SOURCE }),
    }
    faults.into_result()?;
    cx.write(Action::AdministerHolidays, Subject::new("holidays", year), async |cx, tx| {
        let by = cx.caller.actor();
        store::holidays::replace(tx, year, source, &by, cx.now, table).await?;
        tx.detail("source", source);
        tx.detail("holidays", table.holidays.len());
        tx.detail("workdays", table.workdays.len());
        tx.detail("digest", canonical::digest(table));
        date_retests(tx).await
    })
    .await
}

/// Days that are set stay: they were told to people.
async fn date_retests(tx: &mut Change) -> Result<(), Error> {
    for check in store::spot_checks::owed(&mut **tx).await? {
        let Some(retest) = check.retest_of.filter(|it| it.due.day().is_none()) else { continue };
        let calendar = store::holidays::calendar(&mut **tx, retest.since).await?;
        let due = Due::after(retest.since, &calendar);
        if due == retest.due {
            continue;
        }
        store::spot_checks::set_due(tx, check.id, due).await?;
        let details =
            [("due_on".to_owned(), json!(due.day())), ("missing".to_owned(), json!(due.missing()))];
        tx.beside(Subject::new("spot-checks", &check.number), Map::from_iter(details));
    }
    Ok(())
}
