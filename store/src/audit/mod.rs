//! What was done, by whom, to what. Also the order in which open pages hear of it.

use chrono::{DateTime, Utc};
use domain::access::{Action, Actor, Subject};
use domain::audit::{Checkpoint, Entry, Head, Seal};
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgPool};

use crate::Error;

pub mod chain;
pub mod list;

/// What open pages are told.
#[derive(Clone, Debug)]
pub struct Changed {
    pub seq: i64,
    pub subject: String,
}

/// Writes down what was done, in the transaction that does it. `details` say what changed, never a secret.
///
/// From here to the commit no other change can be committed, so it comes last in a transaction.
pub async fn record(
    tx: &mut PgConnection,
    actor: &Actor,
    action: Action,
    subject: &Subject,
    details: Map<String, Value>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    // Numbers are drawn before the commit. Without this lock 8 can become visible after 9, and whoever
    // asks for "everything after 9" would never see it.
    sqlx::query!(
        "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtext('audit')))
         INSERT INTO audit (at, actor, action, subject, details) SELECT $1, $2, $3, $4, $5 FROM turn",
        at,
        actor.to_string(),
        action.as_str(),
        subject.as_str(),
        Value::Object(details)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The number of the newest entry, 0 where there is none.
pub async fn latest(db: &PgPool) -> Result<i64, Error> {
    let latest = sqlx::query_scalar!(r#"SELECT COALESCE(max(id), 0) AS "id!" FROM audit"#);
    Ok(latest.fetch_one(db).await?)
}

/// What has changed after `seq`, each subject once: a reader who was away for long reads no history.
pub async fn since(db: &PgPool, seq: i64) -> Result<Vec<Changed>, Error> {
    let changed = sqlx::query_as!(
        Changed,
        r#"SELECT max(id) AS "seq!", subject FROM audit WHERE id > $1 GROUP BY subject ORDER BY 1"#,
        seq
    );
    Ok(changed.fetch_all(db).await?)
}
