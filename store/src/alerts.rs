//! Alerts, as they are told and as they are.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::alerts::{Alert, Labels, Report, Source, State, about};
use domain::canonical::Digest;
use domain::ids::{AlertId, ServiceId, WorkloadId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// A report and whom it concerns.
#[derive(Clone, Debug)]
pub struct Placed {
    pub report: Report,
    pub service: Option<ServiceId>,
    pub workload: Option<WorkloadId>,
    pub onset_at: Option<DateTime<Utc>>,
    pub value: Option<f64>,
}

/// An alert that a report opened, or the open one that it repeats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stored {
    pub id: AlertId,
    pub new: bool,
}

/// Stores what fires. Of one key there must be only one report in `placed`. A report that is no younger than a
/// closed alert of its key comes late and opens nothing.
pub async fn fire(
    tx: &mut PgConnection,
    placed: &[Placed],
    source: Source,
    now: DateTime<Utc>,
) -> Result<Vec<Stored>, Error> {
    let column = |get: fn(&Placed) -> String| placed.iter().map(get).collect::<Vec<_>>();
    let keys = column(|it| it.report.key.to_string());
    let names = column(|it| it.report.name.clone());
    let abouts = column(|it| about(&it.report.labels));
    let labels: Vec<Value> = placed.iter().map(|it| json(&it.report.labels)).collect();
    let annotations: Vec<Value> = placed.iter().map(|it| json(&it.report.annotations)).collect();
    let services: Vec<Option<Uuid>> = placed.iter().map(|it| it.service.map(|it| it.0)).collect();
    let workloads: Vec<Option<Uuid>> = placed.iter().map(|it| it.workload.map(|it| it.0)).collect();
    let starts: Vec<DateTime<Utc>> = placed.iter().map(|it| it.report.starts_at).collect();
    let onsets: Vec<Option<DateTime<Utc>>> = placed.iter().map(|it| it.onset_at).collect();
    let values: Vec<Option<f64>> = placed.iter().map(|it| it.value).collect();
    let rows = sqlx::query!(
        r#"INSERT INTO alerts (key, name, labels, annotations, service_id, workload_id, starts_at, onset_at, value,
                               source, state, received_at, told_at, about)
           SELECT it.key, it.name, it.labels, it.annotations, it.service_id, it.workload_id, it.starts_at, it.onset_at,
                  it.value, $10, 'firing', $11, $11, it.about
           FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::jsonb[], $5::uuid[], $6::uuid[], $7::timestamptz[],
                       $8::timestamptz[], $9::float8[], $12::text[])
                AS it (key, name, labels, annotations, service_id, workload_id, starts_at, onset_at, value, about)
           WHERE NOT EXISTS (
               SELECT FROM alerts closed
               WHERE closed.key = it.key AND closed.state = 'resolved' AND closed.starts_at >= it.starts_at
                     -- What we saw ourselves by a clock that was put back since says nothing about now.
                     AND ($10 = 'webhook' OR closed.starts_at <= $11))
           ON CONFLICT (key) WHERE state = 'firing' DO UPDATE
               SET annotations = excluded.annotations, resolved_said_at = NULL, told_at = excluded.told_at,
                   value = COALESCE(excluded.value, alerts.value),
                   onset_at = COALESCE(alerts.onset_at, excluded.onset_at)
           RETURNING id, (xmax = 0) AS "new!""#,
        &keys,
        &names,
        &labels,
        &annotations,
        &services as &[Option<Uuid>],
        &workloads as &[Option<Uuid>],
        &starts,
        &onsets as &[Option<DateTime<Utc>>],
        &values as &[Option<f64>],
        source.as_str(),
        now,
        &abouts
    );
    let rows = rows.fetch_all(tx).await?;
    Ok(rows.into_iter().map(|it| Stored { id: AlertId(it.id), new: it.new }).collect())
}

/// Tells the detectors of all processes that there is something to look at. To be called after the commit: a
/// transaction that notifies holds up every other one that does until it is on the disk, so this one is written
/// without waiting for that. A word that is lost costs a second.
pub async fn tell(db: impl PgExecutor<'_>) -> Result<(), Error> {
    sqlx::query!(
        "WITH hasty AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
         SELECT pg_notify('alerts', '') FROM hasty"
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What these alerts are called.
pub async fn names(
    db: impl PgExecutor<'_>,
    ids: &[AlertId],
) -> Result<HashMap<AlertId, String>, Error> {
    let ids: Vec<Uuid> = ids.iter().map(|it| it.0).collect();
    let rows = sqlx::query!("SELECT id, name FROM alerts WHERE id = ANY($1)", &ids);
    let rows = rows.fetch_all(db).await?;
    Ok(rows.into_iter().map(|it| (AlertId(it.id), it.name)).collect())
}

/// A sender says that these are over. Whether that is so is for the detector to find out.
pub async fn say_resolved(
    tx: &mut PgConnection,
    keys: &[String],
    now: DateTime<Utc>,
) -> Result<Vec<AlertId>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_scalar!(
        "UPDATE alerts SET resolved_said_at = $2 WHERE key = ANY($1) AND state = 'firing' RETURNING id",
        keys,
        now
    );
    Ok(rows.fetch_all(tx).await?.into_iter().map(AlertId).collect())
}

/// Our own sources no longer see these.
pub async fn say_over(
    tx: &mut PgConnection,
    ids: &[AlertId],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = ids.iter().map(|it| it.0).collect();
    sqlx::query!(
        "UPDATE alerts SET resolved_said_at = $2 WHERE id = ANY($1) AND state = 'firing'",
        &ids,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What concerns no service cannot be asked about, so what a sender says of it is believed.
pub async fn resolve_unmatched(
    tx: &mut PgConnection,
    keys: &[String],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE alerts SET state = 'resolved', ends_at = GREATEST($2, starts_at)
         WHERE key = ANY($1) AND state = 'firing' AND service_id IS NULL",
        keys,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn resolve(tx: &mut PgConnection, id: AlertId, at: DateTime<Utc>) -> Result<bool, Error> {
    let res = sqlx::query!(
        "UPDATE alerts SET state = 'resolved', ends_at = GREATEST($2, starts_at)
         WHERE id = $1 AND state = 'firing'",
        id.0,
        at
    );
    Ok(res.execute(tx).await?.rows_affected() == 1)
}

/// Those that the rules have not looked at yet, or not since `before` or since a rollback of their service ended, or
/// that are said to be over. Of several about the same matter the first speaks for all.
pub async fn due(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<Vec<AlertId>, Error> {
    // The rollbacks are asked apart, and only for those that ended since `before`: asked for each alert that fires,
    // they cost more than all the rest.
    let ids = sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM (
               SELECT id, decided_at, received_at FROM alerts a
               WHERE state = 'firing' AND service_id IS NOT NULL
                     AND (resolved_said_at IS NOT NULL OR ((decided_at IS NULL OR decided_at < $1) AND NOT EXISTS (
                         SELECT FROM alerts first
                         WHERE first.state = 'firing' AND first.service_id = a.service_id AND first.name = a.name
                               AND first.about = a.about AND first.source = a.source
                               AND (first.received_at, first.id) < (a.received_at, a.id))))
               UNION
               SELECT a.id, a.decided_at, a.received_at
               FROM rollbacks r JOIN alerts a ON a.service_id = r.service_id
               WHERE r.ended_at >= $1 AND a.state = 'firing' AND r.ended_at > a.decided_at
           ) due
           ORDER BY decided_at NULLS FIRST, received_at LIMIT 1000"#,
        before
    );
    Ok(ids.fetch_all(db).await?.into_iter().map(AlertId).collect())
}

/// Something that the rules look at has changed: the alerts of a service are due again.
pub async fn make_due(tx: &mut PgConnection, service: ServiceId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE alerts SET decided_at = NULL
         WHERE state = 'firing' AND service_id = $1 AND decided_at IS NOT NULL",
        service.0
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The same for all of them: a rail was lifted.
pub async fn make_all_due(tx: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE alerts SET decided_at = NULL
         WHERE state = 'firing' AND service_id IS NOT NULL AND decided_at IS NOT NULL"
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Claims an alert for one decision until the transaction ends; false where another process has it, or it is no
/// longer what `seen` says.
pub async fn claim(
    tx: &mut PgConnection,
    id: AlertId,
    decided_at: Option<DateTime<Utc>>,
) -> Result<bool, Error> {
    let row = sqlx::query_scalar!(
        "SELECT id FROM alerts
         WHERE id = $1 AND state = 'firing' AND decided_at IS NOT DISTINCT FROM $2
         FOR UPDATE SKIP LOCKED",
        id.0,
        decided_at
    );
    Ok(row.fetch_optional(tx).await?.is_some())
}

/// Looked at again, and nothing was new.
pub async fn touch(db: impl PgExecutor<'_>, id: AlertId, at: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!("UPDATE alerts SET decided_at = $2 WHERE id = $1", id.0, at).execute(db).await?;
    Ok(())
}

/// Whether any of these fires, or another about the same matter.
pub async fn any_firing(db: impl PgExecutor<'_>, ids: &[AlertId]) -> Result<bool, Error> {
    let ids: Vec<Uuid> = ids.iter().map(|it| it.0).collect();
    let any = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM alerts a JOIN alerts it ON it.service_id = a.service_id AND it.name = a.name
                    AND it.about = a.about AND it.source = a.source
               WHERE a.id = ANY($1) AND it.state = 'firing') AS "any!""#,
        &ids
    );
    Ok(any.fetch_one(db).await?)
}

/// Somebody or something acts on it: how it ends says nothing about recovery by itself any more.
pub async fn mark_acted(tx: &mut PgConnection, id: AlertId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE alerts it SET acted = true FROM alerts a
         WHERE a.id = $1 AND (it.id = a.id OR (it.state = 'firing' AND it.service_id = a.service_id AND it.name = a.name
                                               AND it.about = a.about AND it.source = a.source))",
        id.0
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn get(db: impl PgExecutor<'_>, id: AlertId) -> Result<Alert, Error> {
    let row = sqlx::query_as!(Row, "SELECT * FROM alerts WHERE id = $1", id.0);
    row.fetch_optional(db).await?.ok_or(Error::NotFound)?.try_into()
}

/// The firing ones that concern somebody, oldest first.
pub async fn firing(db: impl PgExecutor<'_>) -> Result<Vec<Alert>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM alerts WHERE state = 'firing' AND service_id IS NOT NULL ORDER BY received_at"
    );
    rows.fetch_all(db).await?.into_iter().map(Alert::try_from).collect()
}

/// The firing ones that the watch raised about these workloads.
pub async fn firing_of_watch(
    db: impl PgExecutor<'_>,
    workloads: &[WorkloadId],
) -> Result<Vec<Alert>, Error> {
    let ids: Vec<Uuid> = workloads.iter().map(|it| it.0).collect();
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM alerts WHERE state = 'firing' AND source = 'watch' AND workload_id = ANY($1)",
        &ids
    );
    rows.fetch_all(db).await?.into_iter().map(Alert::try_from).collect()
}

/// The newest of each key that has this name and came since then: the same alert of each of its senders.
pub async fn newest_named(
    db: impl PgExecutor<'_>,
    name: &str,
    since: DateTime<Utc>,
) -> Result<Vec<Alert>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT DISTINCT ON (key) * FROM alerts
         WHERE name = $1 AND (received_at >= $2 OR told_at >= $2) ORDER BY key, received_at DESC",
        name,
        since
    );
    rows.fetch_all(db).await?.into_iter().map(Alert::try_from).collect()
}

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub service: Option<String>,
    pub state: Option<State>,
    pub since: Option<DateTime<Utc>>,
    /// After this one, in the order of the list.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// Newest first.
pub async fn list(db: impl PgExecutor<'_>, filter: &Filter) -> Result<Vec<Alert>, Error> {
    let (at, id) = filter.after.unzip();
    let rows = sqlx::query_as!(
        Row,
        "SELECT alerts.* FROM alerts LEFT JOIN services ON services.id = service_id
         WHERE ($1::text IS NULL OR services.name = $1) AND ($2::text IS NULL OR alerts.state = $2)
               AND ($3::timestamptz IS NULL OR received_at >= $3)
               AND ($4::timestamptz IS NULL OR (received_at, alerts.id) < ($4, $5))
         ORDER BY received_at DESC, alerts.id DESC LIMIT $6",
        filter.service.as_deref(),
        filter.state.map(State::as_str),
        filter.since,
        at,
        id,
        filter.limit
    );
    rows.fetch_all(db).await?.into_iter().map(Alert::try_from).collect()
}

fn json(labels: &Labels) -> Value {
    labels.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

struct Row {
    id: Uuid,
    key: String,
    name: String,
    labels: Value,
    annotations: Value,
    service_id: Option<Uuid>,
    workload_id: Option<Uuid>,
    source: String,
    state: String,
    starts_at: DateTime<Utc>,
    onset_at: Option<DateTime<Utc>>,
    received_at: DateTime<Utc>,
    ends_at: Option<DateTime<Utc>>,
    resolved_said_at: Option<DateTime<Utc>>,
    value: Option<f64>,
    acted: bool,
    decided_at: Option<DateTime<Utc>>,
    told_at: Option<DateTime<Utc>>,
    #[expect(dead_code, reason = "a column of the table; only compared")]
    about: String,
}

impl TryFrom<Row> for Alert {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let broken = || Error::Inconsistent { table: "alerts", id: row.id.to_string() };
        let labels = |json: &Value| serde_json::from_value(json.clone()).map_err(|_| broken());
        Ok(Alert {
            id: AlertId(row.id),
            key: row.key.parse::<Digest>().map_err(|_| broken())?,
            labels: labels(&row.labels)?,
            annotations: labels(&row.annotations)?,
            source: Source::parse(&row.source).ok_or_else(broken)?,
            state: State::parse(&row.state).ok_or_else(broken)?,
            name: row.name,
            service: row.service_id.map(ServiceId),
            workload: row.workload_id.map(WorkloadId),
            starts_at: row.starts_at,
            onset_at: row.onset_at,
            received_at: row.received_at,
            ends_at: row.ends_at,
            resolved_said_at: row.resolved_said_at,
            value: row.value,
            acted: row.acted,
            decided_at: row.decided_at,
            told_at: row.told_at,
        })
    }
}
