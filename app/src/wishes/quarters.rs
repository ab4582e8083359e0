//! The close of a quarter, a closed one with what has become of its rows, and the monthly reconciliation.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::access::{Action, Subject};
use domain::quarters::reconciliation::{Mismatch, mismatches};
use domain::quarters::report::{File, Report};
use domain::quarters::{self, Addendum, Closing, Quarter, Refusal};
use domain::texts::Lang;
use domain::trends::{Period, Unit};
use sqlx::PgConnection;

use crate::doors::Context;
use crate::pages::error::Error;

/// Fixes the figures and rows of a quarter, in this language.
///
/// # Errors
/// [`Refusal::NotEnded`], [`Refusal::ClosedAlready`].
pub async fn close(cx: &Context, name: &str, lang: Lang) -> Result<Quarter, Error> {
    cx.write(Action::CloseQuarter, Subject::new("quarters", name), async |cx, tx| {
        // Before anything is read: figures and rows are of one moment.
        store::quarters::steady(tx).await?;
        let period = quarter(name)?;
        let by = cx.user()?.name.clone();
        quarters::may_close(period, &cx.zone, cx.now)?;
        if store::quarters::find(&mut **tx, period).await?.is_some() {
            return Err(Refusal::ClosedAlready.into());
        }
        let counted = store::quarters::count(tx, period, &cx.zone).await?;
        let closing = Closing {
            zone: &cx.zone,
            zone_name: cx.zone.name(),
            by: &by,
            now: cx.now,
            lang,
            audit: store::quarters::audit_head(&mut **tx).await?,
        };
        let closed = quarters::close(period, &counted, closing)?;
        match store::quarters::insert(tx, &closed, &counted.facts).await {
            Err(store::Error::Taken) => return Err(Refusal::ClosedAlready.into()),
            other => other?,
        }
        tx.detail("rows", closed.rows);
        tx.detail("digest", &closed.digest);
        Ok(closed)
    })
    .await
}

/// A quarter of an address.
///
/// # Errors
/// [`Error::NotFound`] for what is none.
pub fn quarter(name: &str) -> Result<Period, Error> {
    let period: Period = name.parse().map_err(|_| Error::NotFound)?;
    if period.unit() == Unit::Quarter { Ok(period) } else { Err(Error::NotFound) }
}

/// A closed quarter with everything that is known of it but its rows.
#[derive(Clone, Debug)]
pub struct Closed {
    pub quarter: Quarter,
    pub addenda: Vec<Addendum>,
    /// When what is in an addendum was changed, and by whom, as the audit log has it.
    pub changes: BTreeMap<String, (DateTime<Utc>, String)>,
    pub report: Option<Report>,
    /// Why the file of the report had to be erased, where it had to be.
    pub erased: Option<String>,
}

/// None for a quarter that is not closed.
///
/// # Errors
/// [`Error::NotFound`] for an address that names no quarter.
pub async fn look(cx: &Context, name: &str) -> Result<Option<Closed>, Error> {
    cx.read(Action::Read, async |cx| {
        let period = quarter(name)?;
        let mut db = cx.connection().await?;
        let Some(quarter) = store::quarters::find(&mut *db, period).await? else {
            return Ok(None);
        };
        let rows = store::quarters::rows(&mut *db, period, None, i64::MAX).await?;
        let closed: Vec<_> = rows.into_iter().map(|it| it.fact).collect();
        let now = store::quarters::facts(&mut db, quarter.starts, quarter.ends).await?;
        let addenda = quarters::addenda(&closed, &now);
        let subjects: Vec<_> = addenda.iter().map(|it| it.subject.clone()).collect();
        let since = quarter.closed_at;
        let changes = store::quarters::changed_since(&mut *db, &subjects, since).await?;
        let report = store::quarters::reports::find(&mut *db, period).await?;
        let erased = match report.as_ref().and_then(Report::stored) {
            Some(file) => erased(&mut db, file).await?,
            None => None,
        };
        Ok(Some(Closed { quarter, addenda, changes, report, erased }))
    })
    .await
}

/// The stored report of a quarter.
///
/// # Errors
/// [`Error::NotFound`] until it is stored, and [`Error::Erased`] once it had to be erased.
pub async fn report(cx: &Context, name: &str) -> Result<(Period, File), Error> {
    cx.read(Action::Read, async |cx| {
        let period = quarter(name)?;
        let mut db = cx.connection().await?;
        let report = store::quarters::reports::find(&mut *db, period).await?;
        let file = report.as_ref().and_then(Report::stored).ok_or(Error::NotFound)?;
        match erased(&mut db, file).await? {
            Some(reason) => Err(Error::Erased(reason)),
            None => Ok((period, file.clone())),
        }
    })
    .await
}

async fn erased(db: &mut PgConnection, file: &File) -> Result<Option<String>, Error> {
    let rows = store::evidence::with_hash(&mut *db, &file.sha256).await?;
    Ok(rows.into_iter().find_map(|it| it.erased).map(|it| it.reason))
}

/// Rows of a month that lack something.
#[derive(Clone, Debug)]
pub struct Reconciled {
    pub month: Period,
    pub rows: usize,
    pub mismatches: Vec<Mismatch>,
}

/// The month before this one where nothing is said: the one that is to be reconciled.
///
/// # Errors
/// The field `month`.
pub async fn reconcile(cx: &Context, month: Option<&str>) -> Result<Reconciled, Error> {
    cx.read(Action::Read, async |cx| {
        let wrong = || {
            let why = "a month is written 2026-10".to_owned();
            Error::field("month", domain::fields::Fault::Malformed(why))
        };
        let month = match month {
            None => Period::of(Unit::Month, cx.today()).previous(),
            Some(text) => text.parse().map_err(|_| wrong())?,
        };
        if month.unit() != Unit::Month {
            return Err(wrong());
        }
        let mut db = cx.connection().await?;
        let (from, until) = (month.starts(&cx.zone), month.ends(&cx.zone));
        let rows = store::quarters::reconciliation::rows(&mut db, from, until).await?;
        Ok(Reconciled { month, rows: rows.len(), mismatches: mismatches(rows) })
    })
    .await
}
