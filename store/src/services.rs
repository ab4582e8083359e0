//! Services of the catalog, with their workloads.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::catalog::Stored;
use domain::ids::ServiceId;
use domain::services::{Service, WorkloadKind};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Row {
    id: uuid::Uuid,
    version: i32,
    name: String,
    team: String,
    environment: String,
    policy: String,
    workloads: Value,
    match_labels: Value,
    checks: Value,
}

impl TryFrom<Row> for Stored<ServiceId, Service> {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.id;
        let service = || -> Result<Service, serde_json::Error> {
            Ok(Service {
                name: row.name,
                team: row.team,
                environment: row.environment,
                policy: row.policy,
                workloads: serde_json::from_value(row.workloads)?,
                match_labels: serde_json::from_value(row.match_labels)?,
                checks: serde_json::from_value(row.checks)?,
            })
        };
        let entry =
            service().map_err(|_| Error::Inconsistent { table: "services", id: id.to_string() })?;
        Ok(Stored { id: ServiceId(id), version: row.version, entry })
    }
}

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT id, version, name, team, environment, policy, match_labels, checks,
                   COALESCE((
                       SELECT jsonb_agg(
                           jsonb_build_object(
                               'cluster', c.name, 'namespace', w.namespace, 'kind', w.kind, 'name', w.name
                           ) ORDER BY w.position
                       )
                       FROM service_workloads w JOIN clusters c ON c.id = w.cluster_id
                       WHERE w.service_id = services.id
                   ), '[]') AS "workloads!"
               FROM services WHERE removed_at IS NULL AND "# + $condition
            $(, $argument)*
        )
    };
}

pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Stored<ServiceId, Service>>, Error> {
    let rows = select!("true ORDER BY name").fetch_all(db).await?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// What a list is narrowed to; everything that is `None` does not narrow it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    pub name: Option<&'a str>,
    pub team: Option<&'a str>,
    /// A part of the name.
    pub search: Option<&'a str>,
    /// Only names after this one.
    pub after: Option<&'a str>,
}

/// Services by name.
pub async fn page(
    db: impl PgExecutor<'_>,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<Stored<ServiceId, Service>>, Error> {
    let rows = select!(
        r#"($1::text IS NULL OR name = $1) AND ($2::text IS NULL OR team = $2)
           AND ($3::text IS NULL OR position(lower($3) IN lower(name)) > 0)
           AND ($4::text IS NULL OR name COLLATE "C" > $4)
           ORDER BY name COLLATE "C" LIMIT $5"#,
        filter.name,
        filter.team,
        filter.search,
        filter.after,
        limit
    );
    rows.fetch_all(db).await?.into_iter().map(Stored::try_from).collect()
}

pub async fn get(
    db: impl PgExecutor<'_>,
    id: ServiceId,
) -> Result<Stored<ServiceId, Service>, Error> {
    let row = select!("id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

pub async fn by_name(
    db: impl PgExecutor<'_>,
    name: &str,
) -> Result<Stored<ServiceId, Service>, Error> {
    let row = select!("name = $1", name).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// The service that a workload belongs to, if any.
pub async fn for_workload(
    db: impl PgExecutor<'_>,
    cluster: &str,
    namespace: &str,
    kind: WorkloadKind,
    name: &str,
) -> Result<Option<Stored<ServiceId, Service>>, Error> {
    let row = select!(
        "id = (
             SELECT w.service_id FROM service_workloads w JOIN clusters c ON c.id = w.cluster_id
             WHERE c.name = $1 AND w.namespace = $2 AND w.kind = $3 AND w.name = $4
         )",
        cluster,
        namespace,
        kind.as_str(),
        name
    )
    .fetch_optional(db)
    .await?;
    row.map(Stored::try_from).transpose()
}

/// The services that an alert with these labels concerns. The query only narrows down; the rule is the
/// domain's.
pub async fn matching(
    db: impl PgExecutor<'_>,
    labels: &BTreeMap<String, String>,
) -> Result<Vec<Stored<ServiceId, Service>>, Error> {
    let rows = select!(
        "(
             match_labels <> '{}' AND match_labels <@ $1
             OR EXISTS (
                 SELECT FROM service_workloads w
                 WHERE w.service_id = services.id AND w.namespace = $1 ->> 'namespace'
             )
         ) ORDER BY name",
        Json(labels) as _
    )
    .fetch_all(db)
    .await?;
    let services = rows.into_iter().map(Stored::try_from).collect::<Result<Vec<_>, Error>>()?;
    Ok(services.into_iter().filter(|it| it.matches(labels)).collect())
}

/// Makes the service be as it is given: a new one, or the next version of the one with its name. Its
/// clusters and its policy must be there.
pub async fn save(
    tx: &mut PgConnection,
    service: &Service,
    at: DateTime<Utc>,
) -> Result<ServiceId, Error> {
    let id = sqlx::query_scalar!(
        "INSERT INTO services
             (name, team, environment, policy, match_labels, checks, created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (name) DO UPDATE SET
             version = services.version + 1, team = excluded.team, environment = excluded.environment,
             policy = excluded.policy, match_labels = excluded.match_labels, checks = excluded.checks,
             changed_at = excluded.changed_at, removed_at = NULL
         RETURNING id",
        service.name,
        service.team,
        service.environment,
        service.policy,
        Json(&service.match_labels) as _,
        Json(&service.checks) as _,
        at
    )
    .fetch_one(&mut *tx)
    .await?;
    forget_workloads(tx, &service.name).await?;
    for (position, workload) in (0_i32..).zip(&service.workloads) {
        sqlx::query!(
            "INSERT INTO service_workloads (service_id, position, cluster_id, namespace, kind, name)
             VALUES ($1, $2, (SELECT id FROM clusters WHERE name = $3 AND removed_at IS NULL), $4, $5, $6)",
            id,
            position,
            workload.cluster,
            workload.namespace,
            workload.kind.as_str(),
            workload.name
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(ServiceId(id))
}

pub async fn remove(tx: &mut PgConnection, name: &str, at: DateTime<Utc>) -> Result<(), Error> {
    forget_workloads(tx, name).await?;
    sqlx::query!(
        "UPDATE services SET removed_at = $2, changed_at = $2 WHERE name = $1 AND removed_at IS NULL",
        name,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn forget_workloads(tx: &mut PgConnection, service: &str) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM service_workloads WHERE service_id = (SELECT id FROM services WHERE name = $1)",
        service
    )
    .execute(tx)
    .await?;
    Ok(())
}
