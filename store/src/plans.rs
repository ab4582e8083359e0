//! Plans. Written once and never again; the database refuses it too.

use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use domain::plans::Plan;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

/// The same plan made a second time is the same row.
pub async fn insert(tx: &mut PgConnection, plan: &Plan, at: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO plans (digest, steps, live, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        plan.digest().as_str(),
        json!(plan.steps()),
        json!(plan.live()),
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn get(db: impl PgExecutor<'_>, digest: &Digest) -> Result<Plan, Error> {
    let row =
        sqlx::query!("SELECT digest, steps, live FROM plans WHERE digest = $1", digest.as_str());
    let row = row.fetch_optional(db).await?.ok_or(Error::NotFound)?;
    from_row(&row.digest, row.steps, row.live)
}

/// A plan whose digest is not that of its contents is no plan.
pub(crate) fn from_row(digest: &str, steps: Value, live: Value) -> Result<Plan, Error> {
    serde_json::from_value(json!({"steps": steps, "live": live, "digest": digest}))
        .map_err(|_| Error::Inconsistent { table: "plans", id: digest.to_owned() })
}
