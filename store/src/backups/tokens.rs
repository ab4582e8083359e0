//! Tokens with which copies are told to us. Looked up by hash; the token itself is nowhere.

use chrono::{DateTime, TimeDelta, Utc};
use domain::backups::Backup;
use domain::catalog::Stored;
use domain::ids::BackupId;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// A token that is good, and the row it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    pub token: Uuid,
    pub backup: Stored<BackupId, Backup>,
}

/// A new token; the one before is good no longer.
pub async fn make_token(
    tx: &mut PgConnection,
    backup: BackupId,
    hash: [u8; 32],
    by: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    revoke_token(&mut *tx, backup, at).await?;
    sqlx::query!(
        "INSERT INTO backup_tokens (backup_id, hash, created_by, created_at) VALUES ($1, $2, $3, $4)",
        backup.0,
        &hash[..],
        by,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The token of a row is good no longer, if it has one.
pub async fn revoke_token(
    tx: &mut PgConnection,
    backup: BackupId,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE backup_tokens SET revoked_at = $2 WHERE backup_id = $1 AND revoked_at IS NULL",
        backup.0,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What is known of a good token; its text is nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// As the audit log writes it.
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// That of a row, where it has one.
pub async fn token_of(db: impl PgExecutor<'_>, backup: BackupId) -> Result<Option<Live>, Error> {
    let row = sqlx::query_as!(
        Live,
        "SELECT created_by, created_at, last_used_at FROM backup_tokens
         WHERE backup_id = $1 AND revoked_at IS NULL",
        backup.0
    );
    Ok(row.fetch_optional(db).await?)
}

/// The row of the token with this hash, while it is good.
pub async fn by_token(db: impl PgExecutor<'_>, hash: [u8; 32]) -> Result<Option<Holder>, Error> {
    let row = sqlx::query!(
        "SELECT t.id AS token, b.id, b.version, b.definition
         FROM backup_tokens t JOIN backups b ON b.id = t.backup_id
         WHERE t.hash = $1 AND t.revoked_at IS NULL AND b.removed_at IS NULL",
        &hash[..]
    );
    let Some(row) = row.fetch_optional(db).await? else { return Ok(None) };
    let backup = super::Row { id: row.id, version: row.version, definition: row.definition };
    Ok(Some(Holder { token: row.token, backup: backup.try_into()? }))
}

/// Notes that it is used now. `false`: it was used less than `apart` ago, and is not to be used yet.
pub async fn use_token(
    tx: &mut PgConnection,
    token: Uuid,
    now: DateTime<Utc>,
    apart: TimeDelta,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE backup_tokens SET last_used_at = $2
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
        token,
        now,
        now - apart
    );
    Ok(done.execute(tx).await?.rows_affected() == 1)
}
