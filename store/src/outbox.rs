//! Wishes to tell somebody something, written in the transaction of what they tell of. Sending them is another's work.

use chrono::{DateTime, Utc};
use domain::access::Subject;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// What somebody is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish<'a> {
    pub kind: &'a str,
    pub subject: &'a Subject,
    pub at: DateTime<Utc>,
    /// An object; never a secret.
    pub payload: Value,
    /// A second wish with the same key is the same wish.
    pub key: &'a str,
}

/// `false`: the wish is there already.
pub async fn wish(tx: &mut PgConnection, wish: &Wish<'_>) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO outbox (kind, subject, at, payload, key) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (key) DO NOTHING",
        wish.kind,
        wish.subject.as_str(),
        wish.at,
        wish.payload,
        wish.key
    );
    Ok(done.execute(tx).await?.rows_affected() == 1)
}

/// A wish as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub id: Uuid,
    pub kind: String,
    pub subject: String,
    pub at: DateTime<Utc>,
    pub payload: Value,
    pub key: String,
}

/// What was wished about this, the oldest first.
pub async fn about(db: impl PgExecutor<'_>, subject: &Subject) -> Result<Vec<Written>, Error> {
    let rows = sqlx::query_as!(
        Written,
        "SELECT id, kind, subject, at, payload, key FROM outbox WHERE subject = $1 ORDER BY at, id",
        subject.as_str()
    );
    Ok(rows.fetch_all(db).await?)
}
