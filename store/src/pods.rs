//! Pods of the workloads, nodes, and the last lines of containers that went bad.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use domain::ids::{ClusterId, WorkloadId};
use domain::pods::{Bad, BadReason, Pod};
use domain::workloads::Node;
use serde::Serialize;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::{Error, Of};

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Row {
    uid: String,
    workload_id: uuid::Uuid,
    name: String,
    node: String,
    digest: Option<String>,
    phase: String,
    ready: bool,
    ever_ready: bool,
    terminating: bool,
    restarts: i32,
    bad_reason: Option<String>,
    bad_message: Option<String>,
    bad_container: Option<String>,
    bad_exit_code: Option<i32>,
    bad_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

/// The pods of a workload that the cluster has now, oldest first.
pub async fn of(db: impl PgExecutor<'_>, workload: WorkloadId) -> Result<Vec<Pod>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT uid, workload_id, name, node, digest, phase, ready, ever_ready, terminating, restarts, bad_reason,
                bad_message, bad_container, bad_exit_code, bad_since, created_at
         FROM pods WHERE workload_id = $1 ORDER BY created_at, name",
        workload.0
    );
    rows.fetch_all(db).await?.into_iter().map(Pod::try_from).collect()
}

/// The same of several workloads at once.
pub async fn of_all(
    db: impl PgExecutor<'_>,
    workloads: &[WorkloadId],
) -> Result<BTreeMap<WorkloadId, Vec<Pod>>, Error> {
    let ids: Vec<_> = workloads.iter().map(|it| it.0).collect();
    let rows = sqlx::query_as!(
        Row,
        "SELECT uid, workload_id, name, node, digest, phase, ready, ever_ready, terminating, restarts, bad_reason,
                bad_message, bad_container, bad_exit_code, bad_since, created_at
         FROM pods WHERE workload_id = ANY($1) ORDER BY created_at, name",
        &ids
    );
    let mut all: BTreeMap<WorkloadId, Vec<Pod>> = BTreeMap::new();
    for row in rows.fetch_all(db).await? {
        let workload = WorkloadId(row.workload_id);
        all.entry(workload).or_default().push(row.try_into()?);
    }
    Ok(all)
}

/// A pod as the watch sees it now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observed {
    pub uid: String,
    pub name: String,
    pub node: String,
    pub digest: Option<Digest>,
    pub phase: String,
    pub ready: bool,
    pub ever_ready: bool,
    pub terminating: bool,
    pub restarts: i32,
    pub bad_reason: Option<BadReason>,
    pub bad_message: Option<String>,
    pub bad_container: Option<String>,
    pub bad_exit_code: Option<i32>,
    pub bad_since: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// Writes what is seen. What was once known stays known: that a pod was ready, and since when it is bad.
pub async fn observe(
    tx: &mut PgConnection,
    cluster: ClusterId,
    pods: &[Of<Observed>],
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO pods (cluster_id, uid, workload_id, name, node, digest, phase, ready, ever_ready, terminating,
                restarts, bad_reason, bad_message, bad_container, bad_exit_code, bad_since, created_at)
         SELECT $1, x.uid, x.workload_id, x.name, x.node, x.digest, x.phase, x.ready, x.ever_ready, x.terminating,
                x.restarts, x.bad_reason, x.bad_message, x.bad_container, x.bad_exit_code, x.bad_since,
                x.created_at
         FROM jsonb_to_recordset($2) AS x(uid text, workload_id uuid, name text, node text, digest text,
                phase text, ready boolean, ever_ready boolean, terminating boolean, restarts integer,
                bad_reason text, bad_message text, bad_container text, bad_exit_code integer,
                bad_since timestamptz, created_at timestamptz)
         ON CONFLICT (cluster_id, uid) DO UPDATE SET
                workload_id = EXCLUDED.workload_id, node = EXCLUDED.node, digest = EXCLUDED.digest,
                phase = EXCLUDED.phase, ready = EXCLUDED.ready,
                ever_ready = pods.ever_ready OR EXCLUDED.ever_ready, terminating = EXCLUDED.terminating,
                restarts = EXCLUDED.restarts, bad_reason = EXCLUDED.bad_reason,
                bad_message = EXCLUDED.bad_message, bad_container = EXCLUDED.bad_container,
                bad_exit_code = EXCLUDED.bad_exit_code,
                bad_since = CASE WHEN EXCLUDED.bad_since IS NOT NULL
                                 THEN LEAST(pods.bad_since, EXCLUDED.bad_since) END",
        cluster.0,
        Json(pods) as _,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes away those that the cluster deleted; gives the workloads they belonged to.
pub async fn leave(
    tx: &mut PgConnection,
    cluster: ClusterId,
    uids: &[String],
) -> Result<Vec<WorkloadId>, Error> {
    let workloads = sqlx::query_scalar!(
        "DELETE FROM pods WHERE cluster_id = $1 AND uid = ANY($2) RETURNING workload_id",
        cluster.0,
        uids
    );
    Ok(workloads.fetch_all(tx).await?.into_iter().map(WorkloadId).collect())
}

/// Takes away all but these: what went while nobody watched.
pub async fn leave_all_but(
    tx: &mut PgConnection,
    cluster: ClusterId,
    uids: &[String],
) -> Result<(), Error> {
    sqlx::query!("DELETE FROM pods WHERE cluster_id = $1 AND NOT uid = ANY($2)", cluster.0, uids)
        .execute(tx)
        .await?;
    Ok(())
}

/// The pods that were ready at some time: what a watch that starts anew cannot see any more.
pub async fn ever_ready(db: impl PgExecutor<'_>, cluster: ClusterId) -> Result<Vec<String>, Error> {
    let uids =
        sqlx::query_scalar!("SELECT uid FROM pods WHERE cluster_id = $1 AND ever_ready", cluster.0);
    Ok(uids.fetch_all(db).await?)
}

/// Writes the nodes that are seen and takes away those in `gone`.
pub async fn observe_nodes(
    tx: &mut PgConnection,
    cluster: ClusterId,
    nodes: &[Node],
    gone: &[String],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO nodes (cluster_id, name, ready, pressure, boot_id)
         SELECT $1, x.name, x.ready, x.pressure, x.boot_id
         FROM jsonb_to_recordset($2) AS x(name text, ready boolean, pressure boolean, boot_id text)
         ON CONFLICT (cluster_id, name) DO UPDATE SET
                ready = EXCLUDED.ready, pressure = EXCLUDED.pressure, boot_id = EXCLUDED.boot_id,
                rebooted_at = CASE WHEN nodes.boot_id NOT IN ('', EXCLUDED.boot_id) AND EXCLUDED.boot_id <> ''
                                   THEN $3 ELSE nodes.rebooted_at END",
        cluster.0,
        Json(nodes) as _,
        now,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM nodes WHERE cluster_id = $1 AND name = ANY($2)", cluster.0, gone)
        .execute(tx)
        .await?;
    Ok(())
}

/// The last lines of a container, or why they could not be had.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    pub pod_uid: String,
    pub pod: String,
    pub container: String,
    /// The template digest of the pod's revision.
    pub digest: Option<String>,
    pub at: DateTime<Utc>,
    pub lines: Result<String, String>,
}

/// Of pods of this workload that went bad, newest first.
pub async fn logs(
    db: impl PgExecutor<'_>,
    workload: WorkloadId,
    limit: i64,
) -> Result<Vec<Log>, Error> {
    let rows = sqlx::query!(
        "SELECT pod_uid, pod, container, digest, at, lines, failure FROM pod_logs
         WHERE workload_id = $1 ORDER BY at DESC LIMIT $2",
        workload.0,
        limit
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| Log {
        pod_uid: row.pod_uid,
        pod: row.pod,
        container: row.container,
        digest: row.digest,
        at: row.at,
        lines: row.lines.ok_or_else(|| row.failure.unwrap_or_default()),
    });
    Ok(rows.collect())
}

/// Keeps the newest log of each container, and of each workload the newest twenty.
pub async fn keep_log(tx: &mut PgConnection, workload: WorkloadId, log: &Log) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO pod_logs (workload_id, pod_uid, pod, container, digest, at, lines, failure)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (pod_uid, container) DO UPDATE SET
                at = EXCLUDED.at, lines = EXCLUDED.lines, failure = EXCLUDED.failure
         -- Lines are worth more than the reason why there are none.
         WHERE EXCLUDED.lines IS NOT NULL OR pod_logs.lines IS NULL",
        workload.0,
        log.pod_uid,
        log.pod,
        log.container,
        log.digest,
        log.at,
        log.lines.as_ref().ok(),
        log.lines.as_ref().err(),
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM pod_logs WHERE workload_id = $1 AND id NOT IN (
             SELECT id FROM pod_logs WHERE workload_id = $1 ORDER BY at DESC LIMIT 20)",
        workload.0
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl TryFrom<Row> for Pod {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let inconsistent = || Error::Inconsistent { table: "pods", id: row.uid.clone() };
        let bad = match (&row.bad_reason, &row.bad_message, row.bad_since) {
            (None, None, None) => None,
            (Some(reason), Some(message), Some(since)) => Some(Bad {
                reason: BadReason::parse(reason).ok_or_else(inconsistent)?,
                message: message.clone(),
                container: row.bad_container.clone(),
                exit_code: row.bad_exit_code,
                since,
                restarts: row.restarts,
            }),
            _ => return Err(inconsistent()),
        };
        let digest = row.digest.as_deref().map(str::parse::<Digest>).transpose();
        let digest = digest.map_err(|_| inconsistent())?;
        Ok(Pod {
            workload_id: WorkloadId(row.workload_id),
            digest,
            bad,
            uid: row.uid,
            name: row.name,
            node: row.node,
            phase: row.phase,
            ready: row.ready,
            ever_ready: row.ever_ready,
            terminating: row.terminating,
            restarts: row.restarts,
            created_at: row.created_at,
        })
    }
}
