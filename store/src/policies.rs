//! Policies of the catalog. Every version is kept, because executions were consented to by one of them.

use chrono::{DateTime, Utc};
use domain::catalog::Stored;
use domain::ids::{PolicyId, ServiceId};
use domain::policies::Policy;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Row {
    id: uuid::Uuid,
    version: i32,
    definition: Value,
}

impl TryFrom<Row> for Stored<PolicyId, Policy> {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let entry = serde_json::from_value(row.definition).map_err(|_| Error::Inconsistent {
            table: "policy_versions",
            id: row.id.to_string(),
        })?;
        Ok(Stored { id: PolicyId(row.id), version: row.version, entry })
    }
}

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT head.id, head.version, body.definition FROM policies head
             JOIN policy_versions body ON body.policy_id = head.id AND body.version = head.version
             WHERE head.removed_at IS NULL AND " + $condition
            $(, $argument)*
        )
    };
}

/// Every policy, the built-in one too.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Stored<PolicyId, Policy>>, Error> {
    let rows = select!("true ORDER BY head.name").fetch_all(db).await?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// What catalogs stated; without the built-in one unless it was re-stated.
pub async fn stated(db: impl PgExecutor<'_>) -> Result<Vec<Stored<PolicyId, Policy>>, Error> {
    let rows = select!("NOT head.built_in ORDER BY head.name").fetch_all(db).await?;
    rows.into_iter().map(Stored::try_from).collect()
}

pub async fn by_name(
    db: impl PgExecutor<'_>,
    name: &str,
) -> Result<Stored<PolicyId, Policy>, Error> {
    let row = select!("head.name = $1", name).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// The version that is in force for a service.
pub async fn for_service(
    db: impl PgExecutor<'_>,
    service: ServiceId,
) -> Result<Stored<PolicyId, Policy>, Error> {
    let row = select!("head.name = (SELECT policy FROM services WHERE id = $1)", service.0)
        .fetch_optional(db)
        .await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// Puts the policy in force: a new one, or the next version of the one with its name.
pub async fn save(
    tx: &mut PgConnection,
    policy: &Policy,
    at: DateTime<Utc>,
) -> Result<PolicyId, Error> {
    put(tx, policy, false, at).await
}

/// Takes the policy out of force; the built-in one goes back to what the product brings.
pub async fn remove(tx: &mut PgConnection, name: &str, at: DateTime<Utc>) -> Result<(), Error> {
    if name == domain::policies::DEFAULT {
        put(tx, &Policy::named(name), true, at).await?;
        return Ok(());
    }
    sqlx::query!(
        "UPDATE policies SET removed_at = $2 WHERE name = $1 AND removed_at IS NULL",
        name,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn put(
    tx: &mut PgConnection,
    policy: &Policy,
    built_in: bool,
    at: DateTime<Utc>,
) -> Result<PolicyId, Error> {
    let head = sqlx::query!(
        "INSERT INTO policies (name, built_in, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET
             version = policies.version + 1, built_in = excluded.built_in, removed_at = NULL
         RETURNING id, version",
        policy.name,
        built_in,
        at
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO policy_versions (policy_id, version, definition, created_at) VALUES ($1, $2, $3, $4)",
        head.id,
        head.version,
        sqlx::types::Json(policy) as _,
        at
    )
    .execute(tx)
    .await?;
    Ok(PolicyId(head.id))
}
