//! Catalogs that came through the API.

use chrono::{DateTime, Utc};
use domain::catalog::{Edit, Import, ImportState};
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
    refused_by: Option<String>,
    refused_reason: Option<String>,
    refused_at: Option<DateTime<Utc>>,
    edits: Option<String>,
    base: Option<i32>,
    reason: Option<String>,
}

impl TryFrom<Row> for Import {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let wrong = || Error::Inconsistent { table: "catalog_imports", id: row.id.to_string() };
        let refused = match (row.refused_by, row.refused_reason, row.refused_at) {
            (None, None, None) => None,
            (Some(by), Some(reason), Some(at)) => Some(ImportState::Refused { by, reason, at }),
            _ => return Err(wrong()),
        };
        let state = match (row.state.as_str(), row.consented_by, row.in_force_at, refused) {
            ("awaiting_consent", None, None, None) => ImportState::AwaitingConsent,
            ("in_force", consented_by, Some(at), None) => ImportState::InForce { consented_by, at },
            ("refused", None, None, Some(refused)) => refused,
            _ => return Err(wrong()),
        };
        let edit = match (row.edits, row.base, row.reason) {
            (None, None, None) => None,
            (Some(subject), Some(base), Some(reason)) => Some(Edit { subject, base, reason }),
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
            edit,
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

/// Those that wait, the oldest first, and then what became of the newest others.
pub async fn list(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<Import>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM catalog_imports
         ORDER BY state <> 'awaiting_consent', CASE state WHEN 'awaiting_consent' THEN requested_at END,
                  requested_at DESC, id DESC LIMIT $1",
        limit
    );
    rows.fetch_all(db).await?.into_iter().map(Import::try_from).collect()
}

/// Those that wait, the oldest first.
pub async fn waiting(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<Import>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM catalog_imports WHERE state = 'awaiting_consent' ORDER BY requested_at, id LIMIT $1",
        limit
    );
    rows.fetch_all(db).await?.into_iter().map(Import::try_from).collect()
}

/// What was edited of one policy or signal, the newest first.
pub async fn edits(
    db: impl PgExecutor<'_>,
    subject: &str,
    limit: i64,
) -> Result<Vec<Import>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM catalog_imports WHERE edits = $1 ORDER BY requested_at DESC, id DESC LIMIT $2",
        subject,
        limit
    );
    rows.fetch_all(db).await?.into_iter().map(Import::try_from).collect()
}

/// The id of `import` is not used: the database draws one.
pub async fn insert(tx: &mut PgConnection, import: &Import) -> Result<ImportId, Error> {
    let Columns { state, consented_by, in_force_at, .. } = columns(&import.state);
    let id = sqlx::query_scalar!(
        "INSERT INTO catalog_imports
             (files, prune, digest, changes, requested_by, requested_at, state, consented_by, in_force_at,
              edits, base, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
        Json(&import.files) as _,
        import.prune,
        import.digest.as_str(),
        import.changes,
        import.requested_by,
        import.requested_at,
        state,
        consented_by,
        in_force_at,
        import.edit.as_ref().map(|it| it.subject.as_str()),
        import.edit.as_ref().map(|it| it.base),
        import.edit.as_ref().map(|it| it.reason.as_str())
    );
    Ok(ImportId(id.fetch_one(tx).await?))
}

/// Writes the state; nothing else of an import ever changes.
pub async fn save(tx: &mut PgConnection, import: &Import) -> Result<(), Error> {
    let it = columns(&import.state);
    sqlx::query!(
        "UPDATE catalog_imports SET state = $2, consented_by = $3, in_force_at = $4, refused_by = $5,
             refused_reason = $6, refused_at = $7
         WHERE id = $1",
        import.id.0,
        it.state,
        it.consented_by,
        it.in_force_at,
        it.refused_by,
        it.refused_reason,
        it.refused_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns<'a> {
    state: &'static str,
    consented_by: Option<&'a str>,
    in_force_at: Option<DateTime<Utc>>,
    refused_by: Option<&'a str>,
    refused_reason: Option<&'a str>,
    refused_at: Option<DateTime<Utc>>,
}

fn columns(state: &ImportState) -> Columns<'_> {
    match state {
        ImportState::AwaitingConsent => Columns { state: "awaiting_consent", ..Columns::default() },
        ImportState::InForce { consented_by, at } => Columns {
            state: "in_force",
            consented_by: consented_by.as_deref(),
            in_force_at: Some(*at),
            ..Columns::default()
        },
        ImportState::Refused { by, reason, at } => Columns {
            state: "refused",
            refused_by: Some(by),
            refused_reason: Some(reason),
            refused_at: Some(*at),
            ..Columns::default()
        },
    }
}
