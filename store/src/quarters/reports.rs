//! The printed reports of closed quarters: which are owed, and what became of them.

use chrono::{DateTime, Utc};
use domain::evidence::Sha256;
use domain::quarters::report::{Failed, Fault, File, Report, State};
use domain::trends::Period;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

/// Owes the report of a quarter, in the transaction that closes it.
pub(super) async fn owe(tx: &mut PgConnection, period: Period) -> Result<(), Error> {
    sqlx::query!("INSERT INTO quarter_reports (quarter) VALUES ($1)", period.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Those that are not stored yet, the oldest quarter first.
pub async fn owed(db: impl PgExecutor<'_>) -> Result<Vec<Report>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM quarter_reports WHERE stored_at IS NULL ORDER BY quarter"
    );
    rows.fetch_all(db).await?.into_iter().map(Report::try_from).collect()
}

/// None for a quarter that is not closed.
pub async fn find(db: impl PgExecutor<'_>, period: Period) -> Result<Option<Report>, Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT * FROM quarter_reports WHERE quarter = $1",
        period.to_string()
    );
    row.fetch_optional(db).await?.map(Report::try_from).transpose()
}

/// The quarters whose report is this file.
pub async fn of_file(db: impl PgExecutor<'_>, file: &Sha256) -> Result<Vec<Period>, Error> {
    let names = sqlx::query_scalar!(
        "SELECT quarter FROM quarter_reports WHERE sha256 = $1 AND stored_at IS NOT NULL",
        file.as_str()
    );
    let parse = |it: String| {
        it.parse().map_err(|_| Error::Inconsistent { table: "quarter_reports", id: it.clone() })
    };
    names.fetch_all(db).await?.into_iter().map(parse).collect()
}

/// Whether this transaction is the only one that works on the report, until it ends.
pub async fn claim(tx: &mut PgConnection, period: Period) -> Result<bool, Error> {
    let claimed = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtext('quarter_reports'), hashtext($1)) AS "claimed!""#,
        period.to_string()
    );
    Ok(claimed.fetch_one(tx).await?)
}

/// Writes down what was made, before it is stored.
pub async fn made(db: impl PgExecutor<'_>, period: Period, file: &File) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE quarter_reports SET sha256 = $2, size = $3 WHERE quarter = $1 AND stored_at IS NULL",
        period.to_string(),
        file.sha256.as_str(),
        i64::try_from(file.size).unwrap_or(i64::MAX)
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes down why it is not stored.
pub async fn failed(
    db: impl PgExecutor<'_>,
    period: Period,
    fault: Fault,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE quarter_reports SET fault = $2, failed_at = $3, tries = tries + 1
         WHERE quarter = $1 AND stored_at IS NULL",
        period.to_string(),
        fault.as_str(),
        at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The file that was made last lies under its name. Whether it was news.
pub async fn stored(
    tx: &mut PgConnection,
    period: Period,
    file: &File,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    let stored = sqlx::query!(
        "UPDATE quarter_reports SET stored_at = $3, fault = NULL, failed_at = NULL, tries = 0
         WHERE quarter = $1 AND sha256 = $2 AND stored_at IS NULL",
        period.to_string(),
        file.sha256.as_str(),
        at
    );
    Ok(stored.execute(tx).await?.rows_affected() == 1)
}

struct Row {
    quarter: String,
    sha256: Option<String>,
    size: Option<i64>,
    fault: Option<String>,
    failed_at: Option<DateTime<Utc>>,
    tries: i32,
    stored_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Report {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.quarter.clone();
        let broken = || Error::Inconsistent { table: "quarter_reports", id: id.clone() };
        let made = match row.sha256.zip(row.size) {
            Some((sha256, size)) => Some(File {
                sha256: sha256.parse().map_err(|_| broken())?,
                size: u64::try_from(size).map_err(|_| broken())?,
            }),
            None => None,
        };
        let failed = match row.fault.zip(row.failed_at) {
            Some((fault, at)) => Some(Failed {
                fault: Fault::parse(&fault).ok_or_else(broken)?,
                at,
                tries: u32::try_from(row.tries).map_err(|_| broken())?,
            }),
            None => None,
        };
        let state = match (row.stored_at, made, failed) {
            (Some(at), Some(file), None) => State::Stored { file, at },
            (None, made, failed) => State::Due { made, failed },
            (Some(_), _, _) => return Err(broken()),
        };
        Ok(Report { period: row.quarter.parse().map_err(|_| broken())?, state })
    }
}
