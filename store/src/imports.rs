//! Catalogs that came through the API.

use chrono::{DateTime, Utc};
use domain::catalog::{Import, ImportState};
use domain::ids::ImportId;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

struct Row {
    id: uuid::Uuid,
    files: Value,
    prune: bool,
    digest: String,
    changes: Value,
    requested_by: String,
    requested_at: DateTime<Utc>,
    state: String,
    consented_by: Option<String>,
    in_force_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Import {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let wrong = || Error::Inconsistent { table: "catalog_imports", id: row.id.to_string() };
        let state = match (row.state.as_str(), row.consented_by, row.in_force_at) {
            ("awaiting_consent", None, None) => ImportState::AwaitingConsent,
            ("in_force", consented_by, Some(at)) => ImportState::InForce { consented_by, at },
            _ => return Err(wrong()),
        };
        Ok(Self {
            id: ImportId(row.id),
            files: serde_json::from_value(row.files).map_err(|_| wrong())?,
            prune: row.prune,
            digest: row.digest.parse().map_err(|_| wrong())?,
            changes: row.changes,
            requested_by: row.requested_by,
            requested_at: row.requested_at,
            state,
        })
    }
}

pub async fn get(db: impl PgExecutor<'_>, id: ImportId) -> Result<Import, Error> {
    let row = sqlx::query_as!(Row, "SELECT * FROM catalog_imports WHERE id = $1", id.0);
    row.fetch_optional(db).await?.ok_or(Error::NotFound)?.try_into()
}

/// Locks the row until the transaction ends.
pub async fn lock(tx: &mut PgConnection, id: ImportId) -> Result<Import, Error> {
    let row = sqlx::query_as!(Row, "SELECT * FROM catalog_imports WHERE id = $1 FOR UPDATE", id.0);
    row.fetch_optional(tx).await?.ok_or(Error::NotFound)?.try_into()
}

/// The id of `import` is not used: the database draws one.
pub async fn insert(tx: &mut PgConnection, import: &Import) -> Result<ImportId, Error> {
    let (state, consented_by, at) = columns(&import.state);
    let id = sqlx::query_scalar!(
        "INSERT INTO catalog_imports
             (files, prune, digest, changes, requested_by, requested_at, state, consented_by, in_force_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        Json(&import.files) as _,
        import.prune,
        import.digest.as_str(),
        import.changes,
        import.requested_by,
        import.requested_at,
        state,
        consented_by,
        at
    );
    Ok(ImportId(id.fetch_one(tx).await?))
}

/// Writes the state; nothing else of an import ever changes.
pub async fn save(tx: &mut PgConnection, import: &Import) -> Result<(), Error> {
    let (state, consented_by, at) = columns(&import.state);
    sqlx::query!(
        "UPDATE catalog_imports SET state = $2, consented_by = $3, in_force_at = $4 WHERE id = $1",
        import.id.0,
        state,
        consented_by,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn columns(state: &ImportState) -> (&'static str, Option<&str>, Option<DateTime<Utc>>) {
    match state {
        ImportState::AwaitingConsent => ("awaiting_consent", None, None),
        ImportState::InForce { consented_by, at } => {
            ("in_force", consented_by.as_deref(), Some(*at))
        }
    }
}
