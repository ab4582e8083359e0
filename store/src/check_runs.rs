//! Checks that change something, and what they still have to take away.

use chrono::{DateTime, Utc};
use domain::checks::chain::{Attempt, Stage, Values};
use domain::checks::{Check, CheckResult};
use domain::ids::RunId;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// An attempt that nobody has made yet.
#[derive(Clone, Debug)]
pub struct New<'a> {
    pub run: RunId,
    pub check: &'a Check,
    pub number: u8,
    pub marker: &'a str,
    pub holder: Uuid,
}

/// The right to go on with an attempt, until somebody else takes it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub id: Uuid,
    pub holder: Uuid,
}

/// What somebody left behind.
#[derive(Clone, Debug)]
pub struct Owed {
    pub claim: Claim,
    pub run: RunId,
    pub check: Check,
    pub marker: String,
    pub kept: Values,
    /// How often the clean-up was tried.
    pub tries: u8,
}

/// Every attempt of a run, by the name of its check, in the order in which they were made.
pub async fn of_run(db: impl PgExecutor<'_>, run: RunId) -> Result<Vec<(String, Attempt)>, Error> {
    let rows = sqlx::query!(
        "SELECT id, name, attempt, marker, stage, result, clean_fault, cleaned_at FROM check_runs
         WHERE run_id = $1 ORDER BY name, attempt",
        run.0
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
        let broken = || Error::Inconsistent { table: "check_runs", id: row.id.to_string() };
        let result = row.result.map(serde_json::from_value::<CheckResult>).transpose();
        let attempt = Attempt {
            number: u8::try_from(row.attempt).map_err(|_| broken())?,
            marker: row.marker,
            stage: Stage::parse(&row.stage).ok_or_else(broken)?,
            result: result.map_err(|_| broken())?,
            clean_fault: row.clean_fault,
            cleaned_at: row.cleaned_at,
        };
        Ok((row.name, attempt))
    });
    rows.collect()
}

/// None where somebody else has begun it.
pub async fn begin(
    tx: &mut PgConnection,
    new: &New<'_>,
    lease_s: f64,
    now: DateTime<Utc>,
) -> Result<Option<Claim>, Error> {
    let id = sqlx::query_scalar!(
        "INSERT INTO check_runs (run_id, name, attempt, marker, definition, stage, holder, due_at, began_at)
         VALUES ($1, $2, $3, $4, $5, 'running', $6, clock_timestamp() + make_interval(secs => $7), $8)
         ON CONFLICT DO NOTHING RETURNING id",
        new.run.0,
        new.check.name,
        i16::from(new.number),
        new.marker,
        Json(new.check) as _,
        new.holder,
        lease_s,
        now
    );
    Ok(id.fetch_optional(tx).await?.map(|id| Claim { id, holder: new.holder }))
}

/// Writes down what the clean-up will need, before the next request is sent; false where the attempt is in other hands.
pub async fn keep(
    db: impl PgExecutor<'_>,
    claim: Claim,
    kept: &Values,
    lease_s: f64,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE check_runs SET kept = $3, due_at = clock_timestamp() + make_interval(secs => $4)
         WHERE id = $1 AND holder = $2 AND stage <> 'done'",
        claim.id,
        claim.holder,
        Json(kept) as _,
        lease_s
    );
    Ok(done.execute(db).await?.rows_affected() == 1)
}

/// The requests came to this; what they made is still there.
pub async fn conclude(
    db: impl PgExecutor<'_>,
    claim: Claim,
    result: &CheckResult,
    lease_s: f64,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE check_runs SET result = $3, stage = 'cleaning', due_at = clock_timestamp() + make_interval(secs => $4)
         WHERE id = $1 AND holder = $2 AND stage = 'running'",
        claim.id,
        claim.holder,
        Json(result) as _,
        lease_s
    );
    Ok(done.execute(db).await?.rows_affected() == 1)
}

/// Nothing is left of it.
pub async fn cleaned(
    db: impl PgExecutor<'_>,
    claim: Claim,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE check_runs SET stage = 'done', due_at = NULL, cleaned_at = $3, clean_fault = NULL
         WHERE id = $1 AND holder = $2 AND stage = 'cleaning'",
        claim.id,
        claim.holder,
        at
    );
    Ok(done.execute(db).await?.rows_affected() == 1)
}

/// It could not be taken away; tried again after so many seconds, or never.
pub async fn not_cleaned(
    tx: &mut PgConnection,
    claim: Claim,
    fault: &str,
    again_s: Option<f64>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE check_runs SET clean_fault = $3, clean_tries = clean_tries + 1,
                stage = CASE WHEN $4::float8 IS NULL THEN 'done' ELSE 'cleaning' END,
                due_at = clock_timestamp() + make_interval(secs => $4)
         WHERE id = $1 AND holder = $2 AND stage = 'cleaning'",
        claim.id,
        claim.holder,
        fault,
        again_s
    );
    Ok(done.execute(tx).await?.rows_affected() == 1)
}

/// Takes over what nobody is at any more, at most `limit`.
pub async fn take_over(
    tx: &mut PgConnection,
    holder: Uuid,
    lease_s: f64,
    limit: i64,
) -> Result<Vec<Owed>, Error> {
    let rows = sqlx::query!(
        r#"UPDATE check_runs SET holder = $1, stage = 'cleaning', due_at = clock_timestamp() + make_interval(secs => $2)
           WHERE id IN (
               SELECT id FROM check_runs WHERE stage <> 'done' AND due_at < clock_timestamp()
               ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
           RETURNING id, run_id, marker, definition, kept AS "kept: Json<Values>", clean_tries"#,
        holder,
        lease_s,
        limit
    );
    let rows = rows.fetch_all(tx).await?.into_iter().map(|row| {
        let broken = |_| Error::Inconsistent { table: "check_runs", id: row.id.to_string() };
        Ok(Owed {
            claim: Claim { id: row.id, holder },
            run: RunId(row.run_id),
            check: serde_json::from_value::<Check>(row.definition).map_err(broken)?,
            marker: row.marker,
            kept: row.kept.0,
            tries: u8::try_from(row.clean_tries).unwrap_or(u8::MAX),
        })
    });
    rows.collect()
}
