//! Older ledgers as they were uploaded, for their senders alone, from the preview until they are confirmed.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{DrillImportId, UserId};
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

/// As long as somebody may look at a preview.
const KEPT: TimeDelta = TimeDelta::days(1);

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// As its sender calls it.
    pub name: String,
    pub content: Vec<u8>,
}

/// Keeps it in the place of the one that this person uploaded before.
pub async fn keep(
    db: &mut PgConnection,
    user: UserId,
    upload: &Upload,
    at: DateTime<Utc>,
) -> Result<DrillImportId, Error> {
    sqlx::query!("DELETE FROM drill_imports WHERE made_at < $1 OR user_id = $2", at - KEPT, user.0)
        .execute(&mut *db)
        .await?;
    let id = sqlx::query_scalar!(
        "INSERT INTO drill_imports (user_id, name, content, made_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO UPDATE SET
             id = excluded.id, name = excluded.name, content = excluded.content, made_at = excluded.made_at
         RETURNING id",
        user.0,
        upload.name,
        upload.content,
        at
    );
    Ok(DrillImportId(id.fetch_one(db).await?))
}

/// # Errors
/// [`Error::NotFound`] where it is gone, or somebody else's.
pub async fn get(
    db: impl PgExecutor<'_>,
    user: UserId,
    id: DrillImportId,
) -> Result<Upload, Error> {
    let upload = sqlx::query_as!(
        Upload,
        "SELECT name, content FROM drill_imports WHERE id = $1 AND user_id = $2",
        id.0,
        user.0
    );
    upload.fetch_optional(db).await?.ok_or(Error::NotFound)
}

/// It is in the ledger by now.
pub async fn done(tx: &mut PgConnection, id: DrillImportId) -> Result<(), Error> {
    sqlx::query!("DELETE FROM drill_imports WHERE id = $1", id.0).execute(tx).await?;
    Ok(())
}

/// What the ledger has by now: of these numbers those that are taken.
pub async fn taken(db: impl PgExecutor<'_>, numbers: &[String]) -> Result<Vec<String>, Error> {
    let taken =
        sqlx::query_scalar!("SELECT number FROM drills WHERE number = ANY($1)", numbers as _);
    Ok(taken.fetch_all(db).await?)
}

/// Of these names those of accounts, also of people who have left.
pub async fn accounts(db: impl PgExecutor<'_>, names: &[String]) -> Result<Vec<String>, Error> {
    let known = sqlx::query_scalar!("SELECT name FROM users WHERE name = ANY($1)", names as _);
    Ok(known.fetch_all(db).await?)
}
