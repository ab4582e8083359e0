//! What the clusters say happened to workloads and their pods.

use domain::ids::WorkloadId;
use domain::workloads::Event;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::{Error, Of};

/// How many are kept for each workload.
pub const KEPT: i64 = 100;

/// The newest events of a workload and its pods, newest first.
pub async fn of(
    db: impl PgExecutor<'_>,
    workload: WorkloadId,
    limit: i64,
) -> Result<Vec<Event>, Error> {
    let events = sqlx::query_as!(
        Event,
        "SELECT uid, object, warning, reason, message, count, first_at, last_at FROM events
         WHERE workload_id = $1 ORDER BY last_at DESC, uid LIMIT $2",
        workload.0,
        limit
    );
    Ok(events.fetch_all(db).await?)
}

/// Writes what is seen and forgets what is too old to be kept.
pub async fn observe(tx: &mut PgConnection, events: &[Of<Event>]) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO events (workload_id, uid, object, warning, reason, message, count, first_at, last_at)
         SELECT x.workload_id, x.uid, x.object, x.warning, x.reason, x.message, x.count, x.first_at, x.last_at
         FROM jsonb_to_recordset($1) AS x(workload_id uuid, uid text, object text, warning boolean, reason text,
                message text, count integer, first_at timestamptz, last_at timestamptz)
         ON CONFLICT (workload_id, uid) DO UPDATE SET
                message = EXCLUDED.message, count = EXCLUDED.count, last_at = EXCLUDED.last_at",
        Json(events) as _,
    )
    .execute(&mut *tx)
    .await?;
    let mut workloads: Vec<_> = events.iter().map(|it| it.workload_id.0).collect();
    workloads.sort_unstable();
    workloads.dedup();
    sqlx::query!(
        "DELETE FROM events e USING unnest($1::uuid[]) AS w(id)
         WHERE e.workload_id = w.id AND e.uid NOT IN (
             SELECT k.uid FROM events k WHERE k.workload_id = w.id ORDER BY k.last_at DESC, k.uid LIMIT $2)",
        &workloads,
        KEPT
    )
    .execute(tx)
    .await?;
    Ok(())
}
