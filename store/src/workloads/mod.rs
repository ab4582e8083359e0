//! What runs in the clusters, as the watch saw it last.

mod observed;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use domain::ids::{RunId, ServiceId, WorkloadId};
use domain::rollouts::Progress;
use domain::services::WorkloadRef;
use domain::workloads::{Condition, Image, Live, Owner, Rollout, Update, Workload, WorkloadKind};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

pub use self::observed::{Before, Observed, before, ids, leave, leave_all_but, observe};
use crate::Error;

struct Row {
    id: uuid::Uuid,
    cluster: String,
    service_id: Option<uuid::Uuid>,
    namespace: String,
    kind: String,
    name: String,
    uid: String,
    owner: String,
    owner_name: Option<String>,
    paused: bool,
    paused_by_us: bool,
    replicas: i32,
    ready: i32,
    updated: i32,
    rollout: String,
    rollout_reason: Option<String>,
    update_strategy: Option<Json<Update>>,
    last_applied: bool,
    live_revision: i64,
    live_digest: String,
    live_config_digest: String,
    live_images: Json<Vec<Image>>,
    canary: Option<Json<Progress>>,
    conditions: Json<Vec<Condition>>,
    healthy_since: Option<DateTime<Utc>>,
    seen_at: DateTime<Utc>,
    gone_at: Option<DateTime<Utc>>,
}

macro_rules! select {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT w.id, c.name AS cluster, s.service_id AS "service_id?", w.namespace, w.kind, w.name, w.uid,
                      w.owner, w.owner_name, w.paused, w.paused_by_us, w.replicas, w.ready, w.updated,
                      w.rollout, w.rollout_reason, w.update_strategy AS "update_strategy: Json<Update>", w.last_applied,
                      w.live_revision,
                      w.live_digest, w.live_config_digest, w.live_images AS "live_images: Json<Vec<Image>>",
                      w.canary AS "canary: Json<Progress>",
                      w.conditions AS "conditions: Json<Vec<Condition>>",
                      w.healthy_since, w.seen_at, w.gone_at
               FROM workloads w
               JOIN clusters c ON c.id = w.cluster_id
               LEFT JOIN service_workloads s ON s.cluster_id = w.cluster_id AND s.namespace = w.namespace
                    AND s.kind = w.kind AND s.name = w.name "# + $rest
            $(, $argument)*
        )
    };
}

pub async fn get(db: impl PgExecutor<'_>, id: WorkloadId) -> Result<Workload, Error> {
    let row = select!("WHERE w.id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// Several at once, in no order.
pub async fn of_ids(db: impl PgExecutor<'_>, ids: &[WorkloadId]) -> Result<Vec<Workload>, Error> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|it| it.0).collect();
    let rows = select!("WHERE w.id = ANY($1)", &ids).fetch_all(db).await?;
    rows.into_iter().map(Workload::try_from).collect()
}

/// Locks the row until the transaction ends.
pub async fn lock(tx: &mut PgConnection, id: WorkloadId) -> Result<Workload, Error> {
    let row = select!("WHERE w.id = $1 FOR UPDATE OF w", id.0).fetch_optional(tx).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// The workload of this name, also one that is gone; `None` for one that was never seen.
pub async fn find(
    db: impl PgExecutor<'_>,
    reference: &WorkloadRef,
) -> Result<Option<Workload>, Error> {
    let row = select!(
        "WHERE c.name = $1 AND w.namespace = $2 AND w.kind = $3 AND w.name = $4",
        reference.cluster,
        reference.namespace,
        reference.kind.as_str(),
        reference.name,
    );
    row.fetch_optional(db).await?.map(Workload::try_from).transpose()
}

/// The workloads of a service in the order of the catalog, also those that are gone.
pub async fn by_service(
    db: impl PgExecutor<'_>,
    service: ServiceId,
) -> Result<Vec<Workload>, Error> {
    let rows = select!("WHERE s.service_id = $1 ORDER BY s.position", service.0);
    rows.fetch_all(db).await?.into_iter().map(Workload::try_from).collect()
}

/// The workloads of several services, also those that are gone.
pub async fn by_services(
    db: impl PgExecutor<'_>,
    services: &[ServiceId],
) -> Result<Vec<Workload>, Error> {
    let ids: Vec<uuid::Uuid> = services.iter().map(|it| it.0).collect();
    let rows = select!("WHERE s.service_id = ANY($1) ORDER BY s.service_id, s.position", &ids);
    rows.fetch_all(db).await?.into_iter().map(Workload::try_from).collect()
}

/// Those that somebody should look at: a pod is bad, the rollout is stuck, or an alert of the watch is open.
pub async fn troubled(db: impl PgExecutor<'_>) -> Result<Vec<WorkloadId>, Error> {
    let ids = sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM workloads WHERE rollout = 'stuck' AND gone_at IS NULL
           UNION SELECT workload_id FROM pods WHERE bad_reason IS NOT NULL
           UNION SELECT workload_id FROM alerts
                 WHERE state = 'firing' AND source = 'watch' AND workload_id IS NOT NULL"#
    );
    Ok(ids.fetch_all(db).await?.into_iter().map(WorkloadId).collect())
}

/// What a list is narrowed to; everything that is `None` does not narrow it.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// By name.
    pub service: Option<&'a str>,
    /// By name.
    pub cluster: Option<&'a str>,
    pub rollout: Option<&'a str>,
    pub seen_since: Option<DateTime<Utc>>,
    /// Only rows after this one, newest first.
    pub after: Option<(DateTime<Utc>, WorkloadId)>,
}

/// Workloads that are not gone, newest change first.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<Workload>, Error> {
    let rows = select!(
        "WHERE w.gone_at IS NULL
           AND ($1::text IS NULL OR s.service_id = (SELECT id FROM services WHERE name = $1))
           AND ($2::text IS NULL OR c.name = $2)
           AND ($3::text IS NULL OR w.rollout = $3)
           AND ($4::timestamptz IS NULL OR w.seen_at >= $4)
           AND ($5::timestamptz IS NULL OR (w.seen_at, w.id) < ($5, $6))
         ORDER BY w.seen_at DESC, w.id DESC LIMIT $7",
        filter.service,
        filter.cluster,
        filter.rollout,
        filter.seen_since,
        filter.after.map(|it| it.0),
        filter.after.map(|it| it.1.0),
        limit,
    );
    rows.fetch_all(db).await?.into_iter().map(Workload::try_from).collect()
}

/// The names of the services that these workloads belong to.
pub async fn services(
    db: impl PgExecutor<'_>,
    workloads: &[WorkloadId],
) -> Result<BTreeMap<WorkloadId, String>, Error> {
    let ids: Vec<_> = workloads.iter().map(|it| it.0).collect();
    let rows = sqlx::query!(
        "SELECT w.id, v.name FROM workloads w
         JOIN service_workloads s ON s.cluster_id = w.cluster_id AND s.namespace = w.namespace
              AND s.kind = w.kind AND s.name = w.name
         JOIN services v ON v.id = s.service_id
         WHERE w.id = ANY($1)",
        &ids
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|row| (WorkloadId(row.id), row.name)).collect())
}

/// Says whose pause it is; forgotten by itself when the workload is seen running again.
pub async fn set_paused_by_us(
    tx: &mut PgConnection,
    id: WorkloadId,
    by_us: bool,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE workloads SET paused_by_us = $2, paused = paused OR $2 WHERE id = $1",
        id.0,
        by_us
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How many pods a workload had when this run scaled it to none.
pub async fn record_count(
    tx: &mut PgConnection,
    of: &WorkloadRef,
    replicas: i32,
    run: RunId,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO recorded_counts (workload_id, replicas, run_id, recorded_at)
         SELECT w.id, $5, $6, $7 FROM workloads w JOIN clusters c ON c.id = w.cluster_id
         WHERE c.name = $1 AND w.namespace = $2 AND w.kind = $3 AND w.name = $4
         ON CONFLICT (workload_id) DO UPDATE SET
             replicas = EXCLUDED.replicas, run_id = EXCLUDED.run_id, recorded_at = EXCLUDED.recorded_at",
        of.cluster,
        of.namespace,
        of.kind.as_str(),
        of.name,
        replicas,
        run.0,
        at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What was recorded of this workload when it was last scaled to none.
pub async fn recorded_count(db: impl PgExecutor<'_>, id: WorkloadId) -> Result<Option<i32>, Error> {
    let sql =
        sqlx::query_scalar!("SELECT replicas FROM recorded_counts WHERE workload_id = $1", id.0);
    Ok(sql.fetch_optional(db).await?)
}

impl TryFrom<Row> for Workload {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.id;
        let inconsistent = || Error::Inconsistent { table: "workloads", id: id.to_string() };
        let rollout = match (row.rollout.as_str(), row.rollout_reason) {
            ("settled", None) => Rollout::Settled,
            ("progressing", None) => Rollout::Progressing,
            ("stuck", Some(reason)) => Rollout::Stuck { reason },
            _ => return Err(inconsistent()),
        };
        let digest = |it: String| it.parse::<Digest>().map_err(|_| inconsistent());
        Ok(Workload {
            id: WorkloadId(id),
            cluster: row.cluster,
            namespace: row.namespace,
            kind: WorkloadKind::parse(&row.kind).ok_or_else(inconsistent)?,
            name: row.name,
            service: row.service_id.map(ServiceId),
            uid: row.uid,
            owner: Owner::parse(&row.owner, row.owner_name).ok_or_else(inconsistent)?,
            paused: row.paused,
            paused_by_us: row.paused_by_us,
            replicas: row.replicas,
            ready: row.ready,
            updated: row.updated,
            rollout,
            update: row.update_strategy.map(|it| it.0),
            last_applied: row.last_applied,
            live: Live {
                revision: row.live_revision,
                digest: digest(row.live_digest)?,
                config_digest: digest(row.live_config_digest)?,
                images: row.live_images.0,
            },
            canary: row.canary.map(|it| it.0),
            conditions: row.conditions.0,
            healthy_since: row.healthy_since,
            seen_at: row.seen_at,
            gone_at: row.gone_at,
        })
    }
}
