//! What was done to services: seen by the watch, or told by CI.

use chrono::{DateTime, Utc};
use domain::changes::{Change, ChangeKind, Item, State, Told};
use domain::ids::{ChangeId, ServiceId, WorkloadId};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

/// A change that has no row yet.
#[derive(Clone, Debug, PartialEq)]
pub struct New {
    pub subject: Subject,
    pub kind: ChangeKind,
    pub material: bool,
    pub at: DateTime<Utc>,
    pub items: Vec<Item>,
}

/// Where a change was seen, or of what it was told.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    Seen { workload: WorkloadId, from: Option<State>, to: State },
    Told { service: ServiceId, told: Told },
}

pub async fn insert(
    tx: &mut PgConnection,
    change: &New,
    now: DateTime<Utc>,
) -> Result<ChangeId, Error> {
    let (workload, service, from, to, told) = match &change.subject {
        Subject::Seen { workload, from, to } => {
            (Some(workload.0), None, from.as_ref(), Some(to), None)
        }
        Subject::Told { service, told } => (None, Some(service.0), None, None, Some(told)),
    };
    let id = sqlx::query_scalar!(
        "INSERT INTO changes (workload_id, service_id, kind, material, at, from_state, to_state, told, items,
                created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
        workload,
        service,
        change.kind.as_str(),
        change.material,
        change.at,
        from.map(Json) as _,
        to.map(Json) as _,
        told.map(Json) as _,
        Json(&change.items) as _,
        now,
    );
    Ok(ChangeId(id.fetch_one(tx).await?))
}

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Row {
    id: uuid::Uuid,
    service_id: Option<uuid::Uuid>,
    workload_id: Option<uuid::Uuid>,
    kind: String,
    material: bool,
    at: DateTime<Utc>,
    from_state: Option<Json<State>>,
    to_state: Option<Json<State>>,
    told: Option<Json<Told>>,
    items: Json<Vec<Item>>,
}

macro_rules! select {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT h.id, COALESCE(h.service_id, s.service_id) AS "service_id?", h.workload_id, h.kind, h.material,
                      h.at, h.from_state AS "from_state: Json<State>", h.to_state AS "to_state: Json<State>",
                      h.told AS "told: Json<Told>", h.items AS "items: Json<Vec<Item>>"
               FROM changes h
               LEFT JOIN workloads w ON w.id = h.workload_id
               LEFT JOIN service_workloads s ON s.cluster_id = w.cluster_id AND s.namespace = w.namespace
                    AND s.kind = w.kind AND s.name = w.name "# + $rest
            $(, $argument)*
        )
    };
}

pub async fn get(db: impl PgExecutor<'_>, id: ChangeId) -> Result<Change, Error> {
    let row = select!("WHERE h.id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// What was done to a service and its workloads since then, newest first.
pub async fn of_service(
    db: impl PgExecutor<'_>,
    service: ServiceId,
    since: DateTime<Utc>,
) -> Result<Vec<Change>, Error> {
    let rows = select!(
        "WHERE h.at >= $2 AND (h.service_id = $1 OR s.service_id = $1)
         ORDER BY h.at DESC, h.id LIMIT 500",
        service.0,
        since,
    );
    rows.fetch_all(db).await?.into_iter().map(Change::try_from).collect()
}

/// What was done to a workload, newest first.
pub async fn of_workload(
    db: impl PgExecutor<'_>,
    workload: WorkloadId,
    limit: i64,
) -> Result<Vec<Change>, Error> {
    let rows =
        select!("WHERE h.workload_id = $1 ORDER BY h.at DESC, h.id LIMIT $2", workload.0, limit);
    rows.fetch_all(db).await?.into_iter().map(Change::try_from).collect()
}

/// What a list is narrowed to; everything that is `None` does not narrow it.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// By name.
    pub service: Option<&'a str>,
    pub since: Option<DateTime<Utc>>,
    /// Only rows after this one, newest first.
    pub after: Option<(DateTime<Utc>, ChangeId)>,
}

/// Changes of all services, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<Change>, Error> {
    let rows = select!(
        "WHERE ($1::text IS NULL
                OR COALESCE(h.service_id, s.service_id) = (SELECT id FROM services WHERE name = $1))
           AND ($2::timestamptz IS NULL OR h.at >= $2)
           AND ($3::timestamptz IS NULL OR (h.at, h.id) < ($3, $4))
         ORDER BY h.at DESC, h.id DESC LIMIT $5",
        filter.service,
        filter.since,
        filter.after.map(|it| it.0),
        filter.after.map(|it| it.1.0),
        limit,
    );
    rows.fetch_all(db).await?.into_iter().map(Change::try_from).collect()
}

impl TryFrom<Row> for Change {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let kind = ChangeKind::parse(&row.kind)
            .ok_or_else(|| Error::Inconsistent { table: "changes", id: row.id.to_string() })?;
        Ok(Change {
            id: ChangeId(row.id),
            service: row.service_id.map(ServiceId),
            workload_id: row.workload_id.map(WorkloadId),
            kind,
            material: row.material,
            at: row.at,
            from: row.from_state.map(|it| it.0),
            to: row.to_state.map(|it| it.0),
            told: row.told.map(|it| it.0),
            items: row.items.0,
        })
    }
}
