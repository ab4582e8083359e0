//! Maintenance windows and freezes that people set.

use chrono::{DateTime, Utc};
use domain::ids::WindowId;
use domain::windows::{Kind, Window};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Row {
    id: Uuid,
    kind: String,
    scope: String,
    reason: String,
    from_at: DateTime<Utc>,
    to_at: DateTime<Utc>,
    set_by_name: String,
    set_at: DateTime<Utc>,
}

pub async fn insert(tx: &mut PgConnection, new: &Window) -> Result<WindowId, Error> {
    let id = sqlx::query_scalar!(
        "INSERT INTO windows (kind, scope, reason, from_at, to_at, set_by_name, set_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        new.kind.as_str(),
        new.scope.to_string(),
        new.reason,
        new.from,
        new.to,
        new.set_by_name,
        new.set_at
    );
    Ok(WindowId(id.fetch_one(tx).await?))
}

/// Those that run or are yet to come, the earliest first.
pub async fn list(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<Vec<Window>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, kind, scope, reason, from_at, to_at, set_by_name, set_at FROM windows
         WHERE ended_at IS NULL AND to_at > $1 ORDER BY from_at, id",
        now
    );
    rows.fetch_all(db).await?.into_iter().map(Window::try_from).collect()
}

/// Locked; nothing where it is over.
pub async fn lock(
    tx: &mut PgConnection,
    id: WindowId,
    now: DateTime<Utc>,
) -> Result<Option<Window>, Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, kind, scope, reason, from_at, to_at, set_by_name, set_at FROM windows
         WHERE id = $1 AND ended_at IS NULL AND to_at > $2 FOR UPDATE",
        id.0,
        now
    );
    row.fetch_optional(tx).await?.map(Window::try_from).transpose()
}

/// Ends it before its time.
pub async fn end(
    tx: &mut PgConnection,
    id: WindowId,
    by: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE windows SET ended_at = $2, ended_by_name = $3 WHERE id = $1",
        id.0,
        at,
        by
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl TryFrom<Row> for Window {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let broken = || Error::Inconsistent { table: "windows", id: row.id.to_string() };
        Ok(Window {
            id: WindowId(row.id),
            kind: Kind::parse(&row.kind).ok_or_else(broken)?,
            scope: row.scope.parse().map_err(|_| broken())?,
            reason: row.reason,
            from: row.from_at,
            to: row.to_at,
            set_by_name: row.set_by_name,
            set_at: row.set_at,
        })
    }
}
