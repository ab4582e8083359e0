//! What became of a POST that carried an `Idempotency-Key`. A key is taken before anything is done, so of
//! two requests at once one does it and the other hears so.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::RequestId;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::Error;

const KEPT: TimeDelta = TimeDelta::days(1);

/// No request takes longer; whoever holds a key longer without an answer is dead.
const LONGEST: TimeDelta = TimeDelta::seconds(60);

/// A stored answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: Value,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// It is ours to do.
    Ours(RequestId),
    /// It was done; this was the answer.
    Answered(Answer),
    /// The key was used for something else.
    OtherBody,
    /// Somebody is at it.
    InProgress,
    /// It was done, and the process died before it could keep the answer.
    AnswerLost,
}

pub async fn take(
    db: &PgPool,
    caller: &str,
    path: &str,
    key: &str,
    body_hash: [u8; 32],
    now: DateTime<Utc>,
) -> Result<Taken, Error> {
    sqlx::query!("DELETE FROM idempotency WHERE begun_at < $1", now - KEPT).execute(db).await?;
    let id = sqlx::query_scalar!(
        "INSERT INTO idempotency (caller, path, key, body_hash, begun_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (caller, path, key) DO UPDATE SET begun_at = $5
             WHERE idempotency.status IS NULL AND NOT idempotency.carried_out
               AND idempotency.begun_at < $6 AND idempotency.body_hash = $4
         RETURNING id",
        caller,
        path,
        key,
        &body_hash[..],
        now,
        now - LONGEST
    );
    if let Some(id) = id.fetch_optional(db).await? {
        return Ok(Taken::Ours(RequestId(id)));
    }
    let row = sqlx::query!(
        "SELECT body_hash, carried_out, begun_at, status, headers, body FROM idempotency
         WHERE caller = $1 AND path = $2 AND key = $3",
        caller,
        path,
        key
    );
    let row = row.fetch_optional(db).await?.ok_or(Error::NotFound)?;
    Ok(match (row.status, row.headers, row.body) {
        _ if row.body_hash != body_hash => Taken::OtherBody,
        (Some(status), Some(headers), Some(body)) => {
            let status = u16::try_from(status).unwrap_or(500);
            Taken::Answered(Answer { status, headers, body })
        }
        _ if row.carried_out && row.begun_at < now - LONGEST => Taken::AnswerLost,
        _ => Taken::InProgress,
    })
}

/// Said in the transaction of the change itself.
pub async fn carried_out(tx: &mut PgConnection, id: RequestId) -> Result<(), Error> {
    sqlx::query!("UPDATE idempotency SET carried_out = true WHERE id = $1", id.0)
        .execute(tx)
        .await?;
    Ok(())
}

pub async fn answer(db: &PgPool, id: RequestId, answer: &Answer) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE idempotency SET status = $2, headers = $3, body = $4 WHERE id = $1",
        id.0,
        i32::from(answer.status),
        answer.headers,
        answer.body
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Nothing came of it, so that the same key may try again.
pub async fn give_back(db: &PgPool, id: RequestId) -> Result<(), Error> {
    sqlx::query!("DELETE FROM idempotency WHERE id = $1 AND NOT carried_out", id.0)
        .execute(db)
        .await?;
    Ok(())
}
