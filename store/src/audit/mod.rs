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
pub async fn record(
    tx: &mut PgConnection,
    actor: &Actor,
    action: Action,
    subject: &Subject,
    details: Map<String, Value>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    // Numbers are drawn before the commit, so 8 can become visible after 9. The lock is shared and makes nobody
    // wait: it shows the sealer who has drawn a number and has not ended yet.
    sqlx::query!(
        "WITH writer AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(hashtext('audit')))
         INSERT INTO audit (at, actor, action, subject, details) SELECT $1, $2, $3, $4, $5 FROM writer",
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

/// The number of the newest entry in the chain, 0 where there is none. No entry before it is still to come.
pub async fn latest(db: &PgPool) -> Result<i64, Error> {
    let latest =
        sqlx::query_scalar!(r#"SELECT COALESCE(max(entry), 0) AS "seq!" FROM audit_seals"#);
    Ok(latest.fetch_one(db).await?)
}

/// What has changed after `seq`, each subject once: a reader who was away for long reads no history.
pub async fn since(db: &PgPool, seq: i64) -> Result<Vec<Changed>, Error> {
    let changed = sqlx::query_as!(
        Changed,
        r#"SELECT max(id) AS "seq!", subject FROM audit
           WHERE id > $1 AND id <= (SELECT max(entry) FROM audit_seals) GROUP BY subject ORDER BY 1"#,
        seq
    );
    Ok(changed.fetch_all(db).await?)
}
