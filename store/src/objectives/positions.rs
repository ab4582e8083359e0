//! Where the primaries of replicated domains were.

use chrono::{DateTime, Utc};
use domain::ids::ObjectiveId;
use domain::objectives::{Lsn, Position};
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

/// Oldest first.
pub async fn list(db: impl PgExecutor<'_>, id: ObjectiveId) -> Result<Vec<Position>, Error> {
    let rows = sqlx::query!(
        "SELECT at, lsn FROM primary_positions WHERE objective_id = $1 ORDER BY at",
        id.0
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    rows.map(|it| {
        let lsn = u64::try_from(it.lsn)
            .map_err(|_| Error::Inconsistent { table: "primary_positions", id: id.to_string() })?;
        Ok(Position { at: it.at, lsn: Lsn(lsn) })
    })
    .collect()
}

/// A primary that stays where it is has one position, the newest; an idle one costs no rows.
pub async fn remember(
    tx: &mut PgConnection,
    id: ObjectiveId,
    position: Position,
) -> Result<(), Error> {
    let lsn = i64::try_from(position.lsn.0).unwrap_or(i64::MAX);
    sqlx::query!(
        "WITH same AS (DELETE FROM primary_positions WHERE objective_id = $1 AND lsn = $3 AND at < $2)
         INSERT INTO primary_positions (objective_id, at, lsn) VALUES ($1, $2, $3)
         ON CONFLICT (objective_id, at) DO UPDATE SET lsn = GREATEST(primary_positions.lsn, excluded.lsn)",
        id.0,
        position.at,
        lsn
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Of what lies before this moment nothing is asked any more.
pub async fn forget(
    tx: &mut PgConnection,
    id: ObjectiveId,
    before: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!("DELETE FROM primary_positions WHERE objective_id = $1 AND at < $2", id.0, before)
        .execute(tx)
        .await?;
    Ok(())
}
