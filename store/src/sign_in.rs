//! Failed sign-ins, counted by name and by address.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use crate::Error;

/// Until when one of these is locked out.
pub async fn locked_to(
    db: &PgPool,
    subjects: &[String],
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    let locked = sqlx::query_scalar!(
        "SELECT max(locked_to) FROM sign_in_failures WHERE subject = ANY($1) AND locked_to > $2",
        subjects,
        now
    );
    Ok(locked.fetch_one(db).await?)
}

/// Counts one more failure for the subject and says how many there are now. Older ones are forgotten.
pub async fn failed(
    db: &PgPool,
    subject: &str,
    now: DateTime<Utc>,
    forget_after: TimeDelta,
) -> Result<u32, Error> {
    let failures = sqlx::query_scalar!(
        "INSERT INTO sign_in_failures (subject, failures, last_at) VALUES ($1, 1, $2)
         ON CONFLICT (subject) DO UPDATE SET last_at = $2,
             failures = CASE WHEN sign_in_failures.last_at < $3 THEN 1 ELSE sign_in_failures.failures + 1 END
         RETURNING failures",
        subject,
        now,
        now - forget_after
    );
    Ok(failures.fetch_one(db).await?.cast_unsigned())
}

pub async fn lock(db: &PgPool, subject: &str, to: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!("UPDATE sign_in_failures SET locked_to = $2 WHERE subject = $1", subject, to)
        .execute(db)
        .await?;
    Ok(())
}

pub async fn succeeded(db: &PgPool, subject: &str) -> Result<(), Error> {
    sqlx::query!("DELETE FROM sign_in_failures WHERE subject = $1", subject).execute(db).await?;
    Ok(())
}

/// Those of long ago.
pub async fn forget(db: &PgPool, before: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM sign_in_failures WHERE last_at < $1 AND COALESCE(locked_to < $1, true)",
        before
    )
    .execute(db)
    .await?;
    Ok(())
}
