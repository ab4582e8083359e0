//! Whose turn it is to be looked at, and who looks.

use chrono::{DateTime, Utc};
use domain::backups::Site;
use domain::ids::BackupId;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

/// The right to look at one source, until it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub backup: BackupId,
    pub site: Site,
    /// Grows with each claim; every write says which it was made under.
    pub epoch: i64,
}

pub(super) async fn begin(
    tx: &mut PgConnection,
    backup: BackupId,
    site: Site,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    // What is being looked at under the old description is not written any more.
    sqlx::query!(
        "INSERT INTO backup_looks (backup_id, site, due_at) VALUES ($1, $2, $3)
         ON CONFLICT (backup_id, site) DO UPDATE SET
             due_at = excluded.due_at, epoch = backup_looks.epoch + 1, leased_until = NULL,
             looked_at = NULL, failure = NULL, warning = NULL",
        backup.0,
        site.as_str(),
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn end(tx: &mut PgConnection, backup: BackupId, site: Site) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM backup_looks WHERE backup_id = $1 AND site = $2",
        backup.0,
        site.as_str()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes up to so many that are due and in nobody's hands.
pub async fn claim(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Lease>, Error> {
    let rows = sqlx::query!(
        "UPDATE backup_looks SET leased_until = $2, epoch = epoch + 1
         WHERE (backup_id, site) IN (
             SELECT backup_id, site FROM backup_looks
             WHERE due_at <= $1 AND (leased_until IS NULL OR leased_until < $1)
             ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
         )
         RETURNING backup_id, site, epoch",
        now,
        until,
        limit
    );
    let leases = rows.fetch_all(db).await?.into_iter().map(|row| {
        let broken =
            || Error::Inconsistent { table: "backup_looks", id: row.backup_id.to_string() };
        let site = Site::parse(&row.site).ok_or_else(broken)?;
        Ok(Lease { backup: BackupId(row.backup_id), site, epoch: row.epoch })
    });
    leases.collect()
}

/// Says how the look went and when the next is due. The lease ends with it.
///
/// # Errors
/// [`Error::Fenced`] where somebody else looks by now, or the row is described anew.
pub async fn finish(
    tx: &mut PgConnection,
    lease: Lease,
    said: Result<Option<&str>, &str>,
    now: DateTime<Utc>,
    due_at: DateTime<Utc>,
) -> Result<(), Error> {
    let (warning, failure) = match said {
        Ok(warning) => (warning, None),
        Err(failure) => (None, Some(failure)),
    };
    let done = sqlx::query!(
        "UPDATE backup_looks SET looked_at = $4, warning = $5, failure = $6, due_at = $7, leased_until = NULL
         WHERE backup_id = $1 AND site = $2 AND epoch = $3",
        lease.backup.0,
        lease.site.as_str(),
        lease.epoch,
        now,
        warning,
        failure,
        due_at
    );
    match done.execute(tx).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(Error::Fenced { table: "backup_looks", id: lease.backup.to_string() }),
    }
}
