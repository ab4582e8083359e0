//! The lease of a run. It saves work; what keeps an effect from coming twice is the epoch, which every write
//! of a worker carries, and the condition inside the call to the cluster.
//!
//! Leases are measured by the database's clock, the one that all workers share.

use chrono::{DateTime, Utc};
use domain::ids::RunId;
use domain::runs::Run;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

/// The right to carry a run out, until somebody else claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub run: RunId,
    pub epoch: i64,
}

/// `None` while somebody else's lease holds, and for a run that has ended.
pub async fn claim(
    db: impl PgExecutor<'_>,
    run: RunId,
    lease_s: f64,
) -> Result<Option<Claim>, Error> {
    let epoch = sqlx::query_scalar!(
        "UPDATE runs SET epoch = epoch + 1, leased_until = clock_timestamp() + make_interval(secs => $2)
         WHERE id = $1 AND due_at IS NOT NULL
             AND (leased_until IS NULL OR leased_until < clock_timestamp())
         RETURNING epoch",
        run.0,
        lease_s
    );
    Ok(epoch.fetch_optional(db).await?.map(|epoch| Claim { run, epoch }))
}

/// Holds the lease for longer. Nobody waits until the disk has it: a lease that a crash of the database takes away
/// only ends sooner. `None` when the claim is lost; else whether somebody has a wish about the run.
pub async fn renew(
    db: impl PgExecutor<'_>,
    claim: Claim,
    lease_s: f64,
) -> Result<Option<bool>, Error> {
    let wish = sqlx::query_scalar!(
        r#"WITH hasty AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
           UPDATE runs SET leased_until = clock_timestamp() + make_interval(secs => $3) FROM hasty
           WHERE id = $1 AND epoch = $2 RETURNING (wish IS NOT NULL OR state NOT IN ('approved', 'running')) AS "wish!""#,
        claim.run.0,
        claim.epoch,
        lease_s
    );
    Ok(wish.fetch_optional(db).await?)
}

/// Gives it back early, in the same haste; a lost claim has nothing to give back.
pub async fn release(db: impl PgExecutor<'_>, claim: Claim) -> Result<(), Error> {
    sqlx::query!(
        "WITH hasty AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
         UPDATE runs SET leased_until = NULL FROM hasty WHERE id = $1 AND epoch = $2",
        claim.run.0,
        claim.epoch
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Locks the row for the holder of the claim, and reads it once the lock is held, as [`super::lock`] does;
/// [`Error::Fenced`] when somebody else holds it by now.
pub async fn lock_claimed(tx: &mut PgConnection, claim: Claim) -> Result<Run, Error> {
    let locked = sqlx::query_scalar!(
        "SELECT id FROM runs WHERE id = $1 AND epoch = $2 FOR UPDATE",
        claim.run.0,
        claim.epoch
    );
    match locked.fetch_optional(&mut *tx).await? {
        Some(_) => super::get(tx, claim.run).await,
        None => Err(Error::Fenced { table: "runs", id: claim.run.to_string() }),
    }
}

/// What should go on by now and is in nobody's hands.
pub async fn due(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<RunId>, Error> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM runs
         WHERE due_at <= $1 AND (leased_until IS NULL OR leased_until < clock_timestamp())
         ORDER BY due_at LIMIT $2",
        now,
        limit
    );
    Ok(ids.fetch_all(db).await?.into_iter().map(RunId).collect())
}
