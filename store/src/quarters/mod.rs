//! Closed quarters: what was counted, and the rows it was counted from.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeZone, Utc};
use domain::quarters::{AuditHead, BEFORE, Counted, Fact, PeriodFigures, Quarter};
use domain::texts::Lang;
use domain::trends::Period;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};

use crate::{Error, trends};

mod facts;
pub mod reconciliation;
pub mod reports;
#[cfg(test)]
mod tests;

pub use self::facts::now as facts;

/// Everything that is read in this transaction is of one moment. Has to be said before anything is read.
pub async fn steady(tx: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(tx).await?;
    Ok(())
}

/// Counts a quarter, its months, and the quarters before it; all of one moment where the transaction is [`steady`].
pub async fn count<Z: TimeZone>(
    tx: &mut PgConnection,
    period: Period,
    zone: &Z,
) -> Result<Counted, Error> {
    let all = trends::Filter::default();
    let mut before = named(tx, period.last(BEFORE + 1), zone, &all).await?;
    let figures = before.pop().map(|it| it.figures).unwrap_or_default();
    let months = named(tx, period.months(), zone, &all).await?;
    let facts = facts::now(tx, period.starts(zone), period.ends(zone)).await?;
    Ok(Counted { figures, months, before, facts })
}

async fn named<Z: TimeZone>(
    tx: &mut PgConnection,
    periods: Vec<Period>,
    zone: &Z,
    filter: &trends::Filter,
) -> Result<Vec<PeriodFigures>, Error> {
    let figures = trends::of(tx, &periods, zone, filter).await?;
    let named = periods.into_iter().zip(figures);
    Ok(named.map(|(period, figures)| PeriodFigures { period, figures }).collect())
}

/// The newest sealed entry of the audit log.
pub async fn audit_head(db: impl PgExecutor<'_>) -> Result<Option<AuditHead>, Error> {
    let head = sqlx::query!(
        r#"SELECT entry, encode(hash, 'hex') AS "hash!" FROM audit_seals ORDER BY entry DESC LIMIT 1"#
    );
    let head = head.fetch_optional(db).await?;
    Ok(head.map(|it| AuditHead { entry: it.entry, hash: it.hash }))
}

/// Its report is owed from now on. [`Error::Taken`] where the quarter is closed already.
pub async fn insert(tx: &mut PgConnection, new: &Quarter, facts: &[Fact]) -> Result<(), Error> {
    let inserted = sqlx::query!(
        "INSERT INTO quarters (name, zone, starts, ends, figures, months, before, rows, digest, audit_entry, audit_head,
             lang, closed_by, closed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        new.period.to_string(),
        new.zone,
        new.starts,
        new.ends,
        json!(new.figures),
        json!(new.months),
        json!(new.before),
        i32::try_from(new.rows).unwrap_or(i32::MAX),
        new.digest.as_str(),
        new.audit.as_ref().map(|it| it.entry),
        new.audit.as_ref().map(|it| it.hash.as_str()),
        new.lang.as_str(),
        new.closed_by,
        new.closed_at
    );
    match inserted.execute(&mut *tx).await {
        Err(sqlx::Error::Database(it)) if it.is_unique_violation() => return Err(Error::Taken),
        other => other?,
    };
    let digests: Vec<String> = facts.iter().map(|it| it.digest().to_string()).collect();
    let subjects: Vec<String> = facts.iter().map(|it| it.subject.clone()).collect();
    let values: Vec<Value> = facts.iter().map(|it| it.facts.clone()).collect();
    sqlx::query!(
        "INSERT INTO quarter_rows (quarter, subject, facts, digest)
         SELECT $1, * FROM unnest($2::text[], $3::jsonb[], $4::text[])",
        new.period.to_string(),
        &subjects,
        &values,
        &digests
    )
    .execute(&mut *tx)
    .await?;
    reports::owe(tx, new.period).await
}

/// None for one that is not closed.
pub async fn find(db: impl PgExecutor<'_>, period: Period) -> Result<Option<Quarter>, Error> {
    let row = sqlx::query_as!(Row, "SELECT * FROM quarters WHERE name = $1", period.to_string());
    row.fetch_optional(db).await?.map(Quarter::try_from).transpose()
}

/// Those that are closed, the newest first, after this name.
pub async fn list(
    db: impl PgExecutor<'_>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Quarter>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM quarters WHERE ($1::text IS NULL OR name < $1) ORDER BY name DESC LIMIT $2",
        after,
        limit
    );
    rows.fetch_all(db).await?.into_iter().map(Quarter::try_from).collect()
}

/// The day of the oldest row of a ledger, where there is one: before it no quarter is worth closing.
pub async fn first(db: impl PgExecutor<'_>) -> Result<Option<DateTime<Utc>>, Error> {
    let first = sqlx::query_scalar!(
        "SELECT least((SELECT min(happened_at) FROM drills), (SELECT min(created_at) FROM rollbacks),
                      (SELECT min(recorded_at) FROM spot_checks))"
    );
    Ok(first.fetch_one(db).await?)
}

/// The names of those that are closed, the newest first: as many as anybody looks back.
pub async fn closed(db: impl PgExecutor<'_>) -> Result<Vec<String>, Error> {
    let names = sqlx::query_scalar!("SELECT name FROM quarters ORDER BY name DESC LIMIT 100");
    Ok(names.fetch_all(db).await?)
}

/// A row as it was closed, with its digest.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedRow {
    pub fact: Fact,
    pub digest: String,
}

/// Rows of a closed quarter after this subject, in the order of their subjects.
pub async fn rows(
    db: impl PgExecutor<'_>,
    period: Period,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<ClosedRow>, Error> {
    let rows = sqlx::query!(
        "SELECT subject, facts, digest FROM quarter_rows
         WHERE quarter = $1 AND ($2::text IS NULL OR subject > $2) ORDER BY subject LIMIT $3",
        period.to_string(),
        after,
        limit
    );
    let closed = |it: (String, Value, String)| ClosedRow {
        fact: Fact { subject: it.0, facts: it.1 },
        digest: it.2,
    };
    let rows = rows.fetch_all(db).await?;
    Ok(rows.into_iter().map(|it| closed((it.subject, it.facts, it.digest))).collect())
}

/// When rows of the ledgers were last changed, and by whom, of those that were changed after this entry of the log.
pub async fn changed_since(
    db: impl PgExecutor<'_>,
    subjects: &[String],
    at: DateTime<Utc>,
) -> Result<BTreeMap<String, (DateTime<Utc>, String)>, Error> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (subject) subject, at, actor FROM audit
         WHERE subject = ANY ($1) AND at >= $2 ORDER BY subject, id DESC",
        subjects,
        at
    );
    let rows = rows.fetch_all(db).await?;
    Ok(rows.into_iter().map(|it| (it.subject, (it.at, it.actor))).collect())
}

struct Row {
    name: String,
    zone: String,
    starts: DateTime<Utc>,
    ends: DateTime<Utc>,
    figures: Value,
    months: Value,
    before: Value,
    rows: i32,
    digest: String,
    audit_entry: Option<i64>,
    audit_head: Option<String>,
    lang: String,
    closed_by: String,
    closed_at: DateTime<Utc>,
}

impl TryFrom<Row> for Quarter {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.name.clone();
        let broken = || Error::Inconsistent { table: "quarters", id: id.clone() };
        let audit = row.audit_entry.zip(row.audit_head);
        Ok(Quarter {
            period: row.name.parse().map_err(|_| broken())?,
            zone: row.zone,
            starts: row.starts,
            ends: row.ends,
            figures: serde_json::from_value(row.figures).map_err(|_| broken())?,
            months: serde_json::from_value(row.months).map_err(|_| broken())?,
            before: serde_json::from_value(row.before).map_err(|_| broken())?,
            rows: u64::try_from(row.rows).map_err(|_| broken())?,
            digest: row.digest.parse().map_err(|_| broken())?,
            audit: audit.map(|(entry, hash)| AuditHead { entry, hash }),
            closed_by: row.closed_by,
            closed_at: row.closed_at,
            lang: Lang::parse(&row.lang).ok_or_else(broken)?,
        })
    }
}
