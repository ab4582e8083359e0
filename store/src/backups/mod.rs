//! Rows of the backup matrix, and what was observed of each.

mod copies;
mod looks;
mod tokens;

#[cfg(test)]
mod tests;

pub use copies::{
    CopyFilter, Written, copies, history, last_known, record, record_change, seen, standing, tell,
};
pub use looks::{Lease, claim, finish};
pub use tokens::{Holder, Live, by_token, make_token, revoke_token, token_of, use_token};

use chrono::{DateTime, Utc};
use domain::backups::{Backup, Site, Source};
use domain::catalog::Stored;
use domain::ids::BackupId;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

struct Row {
    id: uuid::Uuid,
    version: i32,
    definition: Value,
}

impl TryFrom<Row> for Stored<BackupId, Backup> {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let entry = serde_json::from_value(row.definition)
            .map_err(|_| Error::Inconsistent { table: "backups", id: row.id.to_string() })?;
        Ok(Stored { id: BackupId(row.id), version: row.version, entry })
    }
}

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, version, definition FROM backups WHERE removed_at IS NULL AND " + $condition
            $(, $argument)*
        )
    };
}

/// Every row, by domain and name: a matrix is read as a whole.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Stored<BackupId, Backup>>, Error> {
    let rows = select!("true ORDER BY domain, name").fetch_all(db).await?;
    rows.into_iter().map(Stored::try_from).collect()
}

pub async fn by_name(
    db: impl PgExecutor<'_>,
    name: &str,
) -> Result<Stored<BackupId, Backup>, Error> {
    let row = select!("name = $1", name).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

pub async fn get(db: impl PgExecutor<'_>, id: BackupId) -> Result<Stored<BackupId, Backup>, Error> {
    let row = select!("id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// Makes the row be as it is given: a new one, or the next version of the one with its name. Its sources are looked
/// at at once.
pub async fn save(
    tx: &mut PgConnection,
    backup: &Backup,
    at: DateTime<Utc>,
) -> Result<BackupId, Error> {
    let id = sqlx::query_scalar!(
        "INSERT INTO backups (name, domain, owner, definition, created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT (name) DO UPDATE SET
             version = backups.version + 1, domain = excluded.domain, owner = excluded.owner,
             definition = excluded.definition, changed_at = excluded.changed_at, removed_at = NULL
         RETURNING id",
        backup.name,
        backup.domain,
        backup.owner,
        Json(backup) as _,
        at
    );
    let id = BackupId(id.fetch_one(&mut *tx).await?);
    let offsite = backup.offsite.as_ref().and_then(|it| it.source.as_ref());
    for (site, source) in [(Site::Here, backup.source.as_ref()), (Site::Offsite, offsite)] {
        if source.is_some_and(Source::is_asked) {
            looks::begin(&mut *tx, id, site, at).await?;
        } else {
            looks::end(&mut *tx, id, site).await?;
        }
    }
    Ok(id)
}

pub async fn remove(tx: &mut PgConnection, name: &str, at: DateTime<Utc>) -> Result<(), Error> {
    let id = sqlx::query_scalar!(
        "UPDATE backups SET removed_at = $2, changed_at = $2 WHERE name = $1 AND removed_at IS NULL
         RETURNING id",
        name,
        at
    );
    if let Some(id) = id.fetch_optional(&mut *tx).await? {
        for site in Site::ALL {
            looks::end(&mut *tx, BackupId(id), *site).await?;
        }
        tokens::revoke_token(tx, BackupId(id), at).await?;
    }
    Ok(())
}
