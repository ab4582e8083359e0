//! The keys of people's one-time codes.

use chrono::{DateTime, Utc};
use domain::ids::UserId;
use domain::one_time::Key;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

/// A key and its secret, which only the installation's key opens.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub key: Key,
    pub sealed: Vec<u8>,
}

struct Row {
    sealed: Vec<u8>,
    confirmed_at: Option<DateTime<Utc>>,
    last_step: i64,
    failures: i32,
    failed_at: Option<DateTime<Utc>>,
}

impl From<Row> for Sealed {
    fn from(row: Row) -> Self {
        let key = Key {
            confirmed: row.confirmed_at.is_some(),
            last_step: row.last_step.cast_unsigned(),
            failures: row.failures.cast_unsigned(),
            failed_at: row.failed_at,
        };
        Self { key, sealed: row.sealed }
    }
}

pub async fn get(db: impl PgExecutor<'_>, user: UserId) -> Result<Option<Sealed>, Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT sealed, confirmed_at, last_step, failures, failed_at FROM one_time_keys WHERE user_id = $1",
        user.0
    );
    Ok(row.fetch_optional(db).await?.map(Sealed::from))
}

/// The same, locked until the transaction ends: two requests with one code come one after the other.
pub async fn lock(tx: &mut PgConnection, user: UserId) -> Result<Option<Sealed>, Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT sealed, confirmed_at, last_step, failures, failed_at FROM one_time_keys
         WHERE user_id = $1 FOR UPDATE",
        user.0
    );
    Ok(row.fetch_optional(tx).await?.map(Sealed::from))
}

/// A new key in place of one that was never confirmed. False where a confirmed one stands.
pub async fn offer(
    tx: &mut PgConnection,
    user: UserId,
    sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let res = sqlx::query!(
        "INSERT INTO one_time_keys (user_id, sealed, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET sealed = $2, created_at = $3
         WHERE one_time_keys.confirmed_at IS NULL",
        user.0,
        sealed,
        now
    );
    Ok(res.execute(tx).await?.rows_affected() == 1)
}

/// A code of this step was accepted, which also confirms the key.
pub async fn accept(
    tx: &mut PgConnection,
    user: UserId,
    step: u64,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE one_time_keys SET last_step = $2, failures = 0, failed_at = NULL,
                confirmed_at = COALESCE(confirmed_at, $3)
         WHERE user_id = $1",
        user.0,
        step.cast_signed(),
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn refuse(tx: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE one_time_keys SET failures = failures + 1, failed_at = $2 WHERE user_id = $1",
        user.0,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// False where there was none.
pub async fn remove(tx: &mut PgConnection, user: UserId) -> Result<bool, Error> {
    let res = sqlx::query!("DELETE FROM one_time_keys WHERE user_id = $1", user.0);
    Ok(res.execute(tx).await?.rows_affected() == 1)
}
