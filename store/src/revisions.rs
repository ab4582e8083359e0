//! Revisions: templates by digest, what they ran with, and what is known of their health.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use domain::ids::{ClusterId, RevisionId, ServiceId, WorkloadId};
use domain::revisions::{Revision, RevisionVerdict};
use domain::workloads::Image;
use serde::Serialize;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::{Error, Of, workloads};

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Row {
    id: uuid::Uuid,
    workload_id: uuid::Uuid,
    revision: i64,
    digest: String,
    config_digest: String,
    config_current: bool,
    images: Json<Vec<Image>>,
    template: Value,
    annotations: Json<BTreeMap<String, String>>,
    change_cause: Option<String>,
    present: bool,
    fixed: Option<String>,
    rolled_out_at: Option<DateTime<Utc>>,
    seen_at: DateTime<Utc>,
    verdict: String,
    verdict_reason: Option<String>,
    verdict_at: Option<DateTime<Utc>>,
}

macro_rules! select {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT r.id, r.workload_id, r.revision, r.digest, r.config_digest, r.config_current,
                      r.images AS "images: Json<Vec<Image>>", t.template,
                      r.annotations AS "annotations: Json<BTreeMap<String, String>>", r.change_cause, r.present,
                      r.fixed, r.rolled_out_at, r.seen_at, r.verdict, r.verdict_reason, r.verdict_at
               FROM revisions r JOIN templates t USING (digest) "# + $rest
            $(, $argument)*
        )
    };
}

pub async fn get(db: impl PgExecutor<'_>, id: RevisionId) -> Result<Revision, Error> {
    let row = select!("WHERE r.id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// All revisions of a workload, newest number first; one template with several configurations comes
/// several times, the newest first. What was never given a number by the cluster comes last.
pub async fn of(db: impl PgExecutor<'_>, workload: WorkloadId) -> Result<Vec<Revision>, Error> {
    let rows = select!(
        "WHERE r.workload_id = $1 ORDER BY r.revision DESC, r.seen_at DESC, r.id",
        workload.0
    );
    rows.fetch_all(db).await?.into_iter().map(Revision::try_from).collect()
}

/// The same of several workloads at once.
pub async fn of_all(
    db: impl PgExecutor<'_>,
    workloads: &[WorkloadId],
) -> Result<BTreeMap<WorkloadId, Vec<Revision>>, Error> {
    let ids: Vec<_> = workloads.iter().map(|it| it.0).collect();
    let rows = select!(
        "WHERE r.workload_id = ANY($1) ORDER BY r.revision DESC, r.seen_at DESC, r.id",
        &ids
    );
    let mut all: BTreeMap<WorkloadId, Vec<Revision>> = BTreeMap::new();
    for row in rows.fetch_all(db).await? {
        let revision = Revision::try_from(row)?;
        all.entry(revision.workload_id).or_default().push(revision);
    }
    Ok(all)
}

/// Those that have this template, newest configuration first.
pub async fn with_digest(
    db: impl PgExecutor<'_>,
    workload: WorkloadId,
    digest: &Digest,
) -> Result<Vec<Revision>, Error> {
    let rows = select!(
        "WHERE r.workload_id = $1 AND r.digest = $2 ORDER BY r.seen_at DESC, r.id",
        workload.0,
        digest.as_str(),
    );
    rows.fetch_all(db).await?.into_iter().map(Revision::try_from).collect()
}

/// What a list is narrowed to; everything that is `None` does not narrow it.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// By name.
    pub service: Option<&'a str>,
    pub verdict: Option<&'a str>,
    pub seen_since: Option<DateTime<Utc>>,
    /// Only rows after this one, newest first.
    pub after: Option<(DateTime<Utc>, RevisionId)>,
}

/// Revisions of all workloads, last seen first.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<Revision>, Error> {
    let rows = select!(
        "WHERE ($1::text IS NULL OR r.workload_id IN (
                SELECT w.id FROM services v JOIN service_workloads s ON s.service_id = v.id
                JOIN workloads w ON w.cluster_id = s.cluster_id AND w.namespace = s.namespace
                     AND w.kind = s.kind AND w.name = s.name
                WHERE v.name = $1))
           AND ($2::text IS NULL OR r.verdict = $2)
           AND ($3::timestamptz IS NULL OR r.seen_at >= $3)
           AND ($4::timestamptz IS NULL OR (r.seen_at, r.id) < ($4, $5))
         ORDER BY r.seen_at DESC, r.id DESC LIMIT $6",
        filter.service,
        filter.verdict,
        filter.seen_since,
        filter.after.map(|it| it.0),
        filter.after.map(|it| it.1.0),
        limit,
    );
    rows.fetch_all(db).await?.into_iter().map(Revision::try_from).collect()
}

/// The revisions of a service that somebody or time has given a verdict, last seen first.
pub async fn judged(db: impl PgExecutor<'_>, service: ServiceId) -> Result<Vec<Revision>, Error> {
    let rows = select!(
        "WHERE r.verdict <> 'unknown' AND r.workload_id IN (
                SELECT w.id FROM service_workloads s
                JOIN workloads w ON w.cluster_id = s.cluster_id AND w.namespace = s.namespace
                     AND w.kind = s.kind AND w.name = s.name
                WHERE s.service_id = $1)
         ORDER BY r.seen_at DESC, r.id DESC",
        service.0
    );
    rows.fetch_all(db).await?.into_iter().map(Revision::try_from).collect()
}

/// Gives the revision its verdict. `unknown` takes it back.
pub async fn mark(
    tx: &mut PgConnection,
    id: RevisionId,
    verdict: RevisionVerdict,
    reason: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let marked = sqlx::query!(
        "UPDATE revisions SET verdict = $2, verdict_reason = $3,
                verdict_at = CASE WHEN $2 = 'unknown' THEN NULL ELSE $4::timestamptz END
         WHERE id = $1",
        id.0,
        verdict.as_str(),
        reason,
        at,
    )
    .execute(tx)
    .await?;
    if marked.rows_affected() == 0 { Err(Error::NotFound) } else { Ok(()) }
}

/// A revision that is live and healthy and has no verdict yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub id: RevisionId,
    pub workload: WorkloadId,
    pub service: Option<ServiceId>,
    pub healthy_since: DateTime<Utc>,
}

/// Live revisions without a verdict whose cluster is connected, whose pods are all good and of whose service no
/// alert fires that may open a rollback, with the moment from which that has been so without a gap in what was
/// seen.
pub async fn under_observation(db: impl PgExecutor<'_>) -> Result<Vec<Observed>, Error> {
    let rows = sqlx::query!(
        r#"SELECT r.id, w.id AS workload, s.service_id AS "service_id?",
                  GREATEST(w.healthy_since, g.connected_since, r.rolled_out_at, q.ended) AS "healthy_since!"
           FROM workloads w
           JOIN sights g ON g.cluster_id = w.cluster_id AND g.connected_since IS NOT NULL
           JOIN revisions r ON r.workload_id = w.id AND r.digest = w.live_digest
                AND r.config_digest = w.live_config_digest AND r.verdict = 'unknown'
           LEFT JOIN service_workloads s ON s.cluster_id = w.cluster_id AND s.namespace = w.namespace
                AND s.kind = w.kind AND s.name = w.name
           LEFT JOIN LATERAL (
                SELECT bool_or(a.state = 'firing') AS fires, max(a.ends_at) AS ended
                FROM alerts a
                JOIN signals n ON n.name = a.name AND n.removed_at IS NULL
                JOIN signal_versions d ON d.signal_id = n.id AND d.version = n.version
                WHERE a.service_id = s.service_id AND (a.workload_id IS NULL OR a.workload_id = w.id)
                  AND COALESCE(d.definition->>'opens', 'rollback') = 'rollback'
                  AND (a.state = 'firing' OR a.ends_at > w.healthy_since)
           ) q ON true
           WHERE w.healthy_since IS NOT NULL AND q.fires IS NOT TRUE
             AND NOT EXISTS (SELECT FROM pods p WHERE p.workload_id = w.id AND p.bad_reason IS NOT NULL
                             AND NOT p.terminating)"#
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let rows = rows.map(|row| Observed {
        id: RevisionId(row.id),
        workload: WorkloadId(row.workload),
        service: row.service_id.map(ServiceId),
        healthy_since: row.healthy_since,
    });
    Ok(rows.collect())
}

/// Marks as verified what has no verdict still.
pub async fn verify(
    tx: &mut PgConnection,
    id: RevisionId,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    let verified = sqlx::query!(
        "UPDATE revisions SET verdict = 'verified', verdict_reason = NULL, verdict_at = $2
         WHERE id = $1 AND verdict = 'unknown'",
        id.0,
        at,
    )
    .execute(tx)
    .await?;
    Ok(verified.rows_affected() == 1)
}

/// A template as the watch sees it now, with what its ConfigMaps hold now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// 0 while the cluster has given no number.
    pub revision: i64,
    pub digest: Digest,
    pub config_digest: Digest,
    pub live: bool,
    pub rolled_out: bool,
    /// `None` where nothing is known beyond what was written.
    pub images: Option<Vec<Image>>,
    /// Of what cannot be changed in place, where it is live.
    pub fixed: Option<Digest>,
    /// What does not change; `None` once it was written.
    #[serde(flatten)]
    pub body: Option<Body>,
    /// The ConfigMaps by name that could be read.
    pub configs: BTreeMap<String, Digest>,
}

/// What a revision is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Body {
    pub template: Value,
    pub annotations: BTreeMap<String, String>,
    pub change_cause: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// Writes what is seen. A template that is not live gets a row only if it has none yet: nothing was observed
/// of it with the ConfigMaps of today.
pub async fn observe(
    tx: &mut PgConnection,
    seen: &[Of<Seen>],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let seen = Json(seen);
    sqlx::query!(
        "INSERT INTO templates (digest, template)
         SELECT DISTINCT ON (x.digest) x.digest, x.template
         FROM jsonb_to_recordset($1) AS x(digest text, template jsonb) WHERE x.template IS NOT NULL
         ORDER BY x.digest
         ON CONFLICT DO NOTHING",
        &seen as _,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO revisions (workload_id, revision, digest, config_digest, config_current, images, annotations,
                change_cause, present, fixed, rolled_out_at, created_at, seen_at)
         SELECT x.workload_id, x.revision, x.digest, x.config_digest, true, COALESCE(x.images, o.images),
                COALESCE(x.annotations, o.annotations),
                CASE WHEN x.annotations IS NULL THEN o.change_cause ELSE x.change_cause END,
                x.revision > 0, x.fixed, CASE WHEN x.live AND x.rolled_out THEN $2::timestamptz END,
                COALESCE(x.created_at, o.created_at), $2
         FROM jsonb_to_recordset($1) AS x(workload_id uuid, revision bigint, digest text, config_digest text,
                live boolean, rolled_out boolean, images jsonb, annotations jsonb, change_cause text, fixed text,
                created_at timestamptz)
         LEFT JOIN LATERAL (
                SELECT r.id, r.images, r.annotations, r.change_cause, r.created_at FROM revisions r
                WHERE r.workload_id = x.workload_id AND r.digest = x.digest
                ORDER BY r.seen_at DESC LIMIT 1) o ON true
         WHERE x.live OR o.id IS NULL
         ON CONFLICT (workload_id, digest, config_digest) DO UPDATE SET
                revision = EXCLUDED.revision, images = EXCLUDED.images, annotations = EXCLUDED.annotations,
                change_cause = EXCLUDED.change_cause, present = EXCLUDED.present,
                fixed = COALESCE(EXCLUDED.fixed, revisions.fixed),
                config_current = true, seen_at = EXCLUDED.seen_at,
                rolled_out_at = COALESCE(revisions.rolled_out_at, EXCLUDED.rolled_out_at)",
        &seen as _,
        now,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE revisions r SET revision = x.revision, present = x.revision > 0,
                config_current = r.config_digest = x.config_digest
         FROM jsonb_to_recordset($1) AS x(workload_id uuid, revision bigint, digest text, config_digest text)
         WHERE r.workload_id = x.workload_id AND r.digest = x.digest
           AND (r.revision, r.present, r.config_current)
               IS DISTINCT FROM (x.revision, x.revision > 0, r.config_digest = x.config_digest)",
        &seen as _,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO revision_configs (revision_id, name, digest)
         SELECT r.id, c.key, c.value
         FROM jsonb_to_recordset($1) AS x(workload_id uuid, digest text, config_digest text, configs jsonb)
         JOIN revisions r USING (workload_id, digest, config_digest)
         CROSS JOIN LATERAL jsonb_each_text(x.configs) c
         JOIN config_contents k ON k.digest = c.value
         ON CONFLICT DO NOTHING",
        &seen as _,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Says of the revisions of these workloads which the cluster does not keep any more.
pub async fn prune(
    tx: &mut PgConnection,
    cluster: ClusterId,
    observed: &[&workloads::Observed],
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE revisions r SET present = false
         FROM jsonb_to_recordset($2) AS x(namespace text, kind text, name text, present jsonb)
         JOIN workloads w ON w.cluster_id = $1 AND w.namespace = x.namespace AND w.kind = x.kind
              AND w.name = x.name
         WHERE r.workload_id = w.id AND r.present AND NOT x.present ? r.digest",
        cluster.0,
        Json(observed) as _,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The templates with these digests.
pub async fn templates(
    db: impl PgExecutor<'_>,
    digests: &[String],
) -> Result<BTreeMap<String, Value>, Error> {
    let rows =
        sqlx::query!("SELECT digest, template FROM templates WHERE digest = ANY($1)", digests);
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| (row.digest, row.template)).collect())
}

/// What its ConfigMaps held, by name.
pub async fn configs(
    db: impl PgExecutor<'_>,
    id: RevisionId,
) -> Result<BTreeMap<String, Value>, Error> {
    let rows = sqlx::query!(
        "SELECT c.name, k.contents FROM revision_configs c JOIN config_contents k USING (digest)
         WHERE c.revision_id = $1",
        id.0
    );
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| (row.name, row.contents)).collect())
}

impl TryFrom<Row> for Revision {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.id;
        let inconsistent = || Error::Inconsistent { table: "revisions", id: id.to_string() };
        let digest = |it: String| it.parse::<Digest>().map_err(|_| inconsistent());
        Ok(Revision {
            id: RevisionId(id),
            workload_id: WorkloadId(row.workload_id),
            revision: row.revision,
            digest: digest(row.digest)?,
            config_digest: digest(row.config_digest)?,
            config_current: row.config_current,
            images: row.images.0,
            template: row.template,
            annotations: row.annotations.0,
            change_cause: row.change_cause,
            present: row.present,
            fixed: row.fixed.map(digest).transpose()?,
            rolled_out_at: row.rolled_out_at,
            seen_at: row.seen_at,
            verdict: RevisionVerdict::parse(&row.verdict).ok_or_else(inconsistent)?,
            verdict_reason: row.verdict_reason,
            verdict_at: row.verdict_at,
        })
    }
}
