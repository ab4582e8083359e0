//! Plans. Written once and never again; the database refuses it too.

use domain::canonical::Digest;
use domain::plans::Plan;
use serde_json::{Value, json};
use sqlx::PgExecutor;

use crate::Error;

pub async fn get(db: impl PgExecutor<'_>, digest: &Digest) -> Result<Plan, Error> {
    let row = sqlx::query!(
        "SELECT digest, steps, live, objects FROM plans WHERE digest = $1",
        digest.as_str()
    );
    let row = row.fetch_optional(db).await?.ok_or(Error::NotFound)?;
    from_row(&row.digest, row.steps, row.live, row.objects)
}

/// A plan whose digest is not that of its contents is no plan.
pub(crate) fn from_row(
    digest: &str,
    steps: Value,
    live: Value,
    objects: Value,
) -> Result<Plan, Error> {
    let stored = json!({"steps": steps, "live": live, "objects": objects, "digest": digest});
    serde_json::from_value(stored)
        .map_err(|_| Error::Inconsistent { table: "plans", id: digest.to_owned() })
}
