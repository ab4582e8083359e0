//! What the watch sees, and how it comes into the rows.

use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use domain::ids::{ClusterId, WorkloadId};
use domain::readiness::Shape;
use domain::rollouts::Progress;
use domain::workloads::{Condition, Image, Key, Update, WorkloadKind};
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::Error;

/// A workload as the watch sees it now.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub struct Observed {
    #[serde(flatten)]
    pub key: Key,
    pub uid: String,
    pub owner: &'static str,
    pub owner_name: Option<String>,
    pub paused: bool,
    pub replicas: i32,
    pub ready: i32,
    pub updated: i32,
    pub rollout: &'static str,
    pub rollout_reason: Option<String>,
    pub update_strategy: Update,
    pub last_applied: bool,
    pub live_revision: i64,
    pub live_digest: Digest,
    pub live_config_digest: Digest,
    pub live_images: Vec<Image>,
    pub canary: Option<Progress>,
    pub conditions: Vec<Condition>,
    pub shape: Shape,
    /// Fully rolled out, and no pod is bad.
    pub healthy: bool,
    /// The templates that the cluster still keeps.
    pub present: Vec<Digest>,
}

/// What stood in the row before.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    pub uid: String,
    pub revision: i64,
    pub digest: String,
    pub config_digest: String,
    pub replicas: i32,
    pub seen_at: DateTime<Utc>,
    pub gone: bool,
}

/// The rows of these workloads, by key, locked until the transaction ends.
pub async fn before(
    tx: &mut PgConnection,
    cluster: ClusterId,
    keys: &[&Key],
) -> Result<Vec<(Key, Before)>, Error> {
    let rows = sqlx::query!(
        "SELECT w.namespace, w.kind, w.name, w.uid, w.live_revision, w.live_digest, w.live_config_digest,
                w.replicas, w.seen_at, w.gone_at
         FROM jsonb_to_recordset($2) AS x(namespace text, kind text, name text)
         JOIN workloads w ON w.cluster_id = $1 AND w.namespace = x.namespace AND w.kind = x.kind
              AND w.name = x.name
         FOR UPDATE OF w",
        cluster.0,
        Json(keys) as _,
    )
    .fetch_all(tx)
    .await?;
    let rows = rows.into_iter().map(|row| {
        let key = key(row.namespace, &row.kind, row.name)?;
        let before = Before {
            uid: row.uid,
            revision: row.live_revision,
            digest: row.live_digest,
            config_digest: row.live_config_digest,
            replicas: row.replicas,
            seen_at: row.seen_at,
            gone: row.gone_at.is_some(),
        };
        Ok((key, before))
    });
    rows.collect()
}

/// Writes what is seen; a row that says the same already stays as it is. Gives the ids of all.
pub async fn observe(
    tx: &mut PgConnection,
    cluster: ClusterId,
    observed: &[&Observed],
    now: DateTime<Utc>,
) -> Result<Vec<(Key, WorkloadId)>, Error> {
    sqlx::query!(
        r#"INSERT INTO workloads (cluster_id, namespace, kind, name, uid, owner, owner_name, paused, replicas, ready,
                updated, rollout, rollout_reason, update_strategy, last_applied, live_revision, live_digest, live_config_digest,
                live_images, canary, conditions, shape, healthy_since, created_at, seen_at)
           SELECT $1, x.namespace, x.kind, x.name, x.uid, x.owner, x.owner_name, x.paused, x.replicas, x.ready,
                x.updated, x.rollout, x.rollout_reason, x.update_strategy, x.last_applied, x.live_revision, x.live_digest,
                x.live_config_digest, x.live_images, x.canary, x.conditions, x.shape,
                CASE WHEN x.healthy THEN $3::timestamptz END, $3, $3
           FROM jsonb_to_recordset($2) AS x(namespace text, kind text, name text, uid text, owner text,
                owner_name text, paused boolean, replicas integer, ready integer, updated integer, rollout text,
                rollout_reason text, update_strategy jsonb, last_applied boolean, live_revision bigint, live_digest text,
                live_config_digest text, live_images jsonb, canary jsonb, conditions jsonb, shape jsonb,
                healthy boolean)
           ON CONFLICT (cluster_id, namespace, kind, name) DO UPDATE SET
                uid = EXCLUDED.uid, owner = EXCLUDED.owner, owner_name = EXCLUDED.owner_name,
                paused = EXCLUDED.paused, paused_by_us = workloads.paused_by_us AND EXCLUDED.paused,
                replicas = EXCLUDED.replicas, ready = EXCLUDED.ready, updated = EXCLUDED.updated,
                rollout = EXCLUDED.rollout, rollout_reason = EXCLUDED.rollout_reason,
                update_strategy = EXCLUDED.update_strategy, last_applied = EXCLUDED.last_applied,
                live_revision = EXCLUDED.live_revision, live_digest = EXCLUDED.live_digest,
                live_config_digest = EXCLUDED.live_config_digest, live_images = EXCLUDED.live_images,
                canary = EXCLUDED.canary, conditions = EXCLUDED.conditions, shape = EXCLUDED.shape,
                -- The clock of a revision's health starts again with the revision.
                healthy_since = CASE
                    WHEN EXCLUDED.healthy_since IS NOT NULL AND workloads.uid = EXCLUDED.uid
                         AND workloads.live_digest = EXCLUDED.live_digest
                         AND workloads.live_config_digest = EXCLUDED.live_config_digest
                    THEN COALESCE(workloads.healthy_since, EXCLUDED.healthy_since)
                    ELSE EXCLUDED.healthy_since END,
                seen_at = EXCLUDED.seen_at, gone_at = NULL
           WHERE (workloads.uid, workloads.owner, workloads.owner_name, workloads.paused, workloads.replicas,
                  workloads.ready, workloads.updated, workloads.rollout, workloads.rollout_reason,
                  workloads.update_strategy, workloads.last_applied,
                  workloads.live_revision, workloads.live_digest, workloads.live_config_digest,
                  workloads.live_images, workloads.canary, workloads.conditions, workloads.shape, workloads.healthy_since IS NULL,
                  workloads.gone_at IS NULL)
              IS DISTINCT FROM
                 (EXCLUDED.uid, EXCLUDED.owner, EXCLUDED.owner_name, EXCLUDED.paused, EXCLUDED.replicas,
                  EXCLUDED.ready, EXCLUDED.updated, EXCLUDED.rollout, EXCLUDED.rollout_reason,
                  EXCLUDED.update_strategy, EXCLUDED.last_applied,
                  EXCLUDED.live_revision, EXCLUDED.live_digest, EXCLUDED.live_config_digest,
                  EXCLUDED.live_images, EXCLUDED.canary, EXCLUDED.conditions, EXCLUDED.shape,
                  EXCLUDED.healthy_since IS NULL, true)"#,
        cluster.0,
        Json(observed) as _,
        now,
    )
    .execute(&mut *tx)
    .await?;
    let keys: Vec<&Key> = observed.iter().map(|it| &it.key).collect();
    ids(tx, cluster, &keys).await
}

/// The ids of those that have a row.
pub async fn ids(
    tx: &mut PgConnection,
    cluster: ClusterId,
    keys: &[&Key],
) -> Result<Vec<(Key, WorkloadId)>, Error> {
    let rows = sqlx::query!(
        "SELECT w.id, w.namespace, w.kind, w.name
         FROM jsonb_to_recordset($2) AS x(namespace text, kind text, name text)
         JOIN workloads w ON w.cluster_id = $1 AND w.namespace = x.namespace AND w.kind = x.kind
              AND w.name = x.name",
        cluster.0,
        Json(keys) as _,
    )
    .fetch_all(tx)
    .await?;
    let rows = rows.into_iter();
    rows.map(|row| Ok((key(row.namespace, &row.kind, row.name)?, WorkloadId(row.id)))).collect()
}

/// Marks these as deleted from the cluster, with their pods; their revisions stay.
pub async fn leave(
    tx: &mut PgConnection,
    cluster: ClusterId,
    keys: &[&Key],
    now: DateTime<Utc>,
) -> Result<Vec<WorkloadId>, Error> {
    let gone = sqlx::query_scalar!(
        "UPDATE workloads w SET gone_at = $3, seen_at = $3, healthy_since = NULL
         FROM jsonb_to_recordset($2) AS x(namespace text, kind text, name text)
         WHERE w.cluster_id = $1 AND w.namespace = x.namespace AND w.kind = x.kind AND w.name = x.name
           AND w.gone_at IS NULL
         RETURNING w.id",
        cluster.0,
        Json(keys) as _,
        now,
    )
    .fetch_all(&mut *tx)
    .await?;
    forget(tx, &gone).await?;
    Ok(gone.into_iter().map(WorkloadId).collect())
}

/// Marks every workload but these as deleted: what went while nobody watched.
pub async fn leave_all_but(
    tx: &mut PgConnection,
    cluster: ClusterId,
    keys: &[&Key],
    now: DateTime<Utc>,
) -> Result<Vec<WorkloadId>, Error> {
    let gone = sqlx::query_scalar!(
        "UPDATE workloads w SET gone_at = $3, seen_at = $3, healthy_since = NULL
         WHERE w.cluster_id = $1 AND w.gone_at IS NULL
           AND NOT EXISTS (
                SELECT FROM jsonb_to_recordset($2) AS x(namespace text, kind text, name text)
                WHERE w.namespace = x.namespace AND w.kind = x.kind AND w.name = x.name)
         RETURNING w.id",
        cluster.0,
        Json(keys) as _,
        now,
    )
    .fetch_all(&mut *tx)
    .await?;
    forget(tx, &gone).await?;
    Ok(gone.into_iter().map(WorkloadId).collect())
}

async fn forget(tx: &mut PgConnection, gone: &[uuid::Uuid]) -> Result<(), Error> {
    sqlx::query!("DELETE FROM pods WHERE workload_id = ANY($1)", gone).execute(&mut *tx).await?;
    sqlx::query!(
        "UPDATE revisions SET present = false WHERE workload_id = ANY($1) AND present",
        gone
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn key(namespace: String, kind: &str, name: String) -> Result<Key, Error> {
    let kind = WorkloadKind::parse(kind);
    let kind = kind.ok_or_else(|| Error::Inconsistent { table: "workloads", id: name.clone() })?;
    Ok(Key { namespace, kind, name })
}
