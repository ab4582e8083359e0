//! Signals of the catalog. Every version is kept, because decisions were made by one of them.

use chrono::{DateTime, Utc};
use domain::catalog::Stored;
use domain::ids::{ServiceId, SignalId};
use domain::signals::{self, Signal};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

struct Row {
    id: uuid::Uuid,
    version: i32,
    definition: Value,
}

impl TryFrom<Row> for Stored<SignalId, Signal> {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let entry = serde_json::from_value(row.definition).map_err(|_| Error::Inconsistent {
            table: "signal_versions",
            id: row.id.to_string(),
        })?;
        Ok(Stored { id: SignalId(row.id), version: row.version, entry })
    }
}

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT head.id, head.version, body.definition FROM signals head
             JOIN signal_versions body ON body.signal_id = head.id AND body.version = head.version
             WHERE head.removed_at IS NULL AND " + $condition
            $(, $argument)*
        )
    };
}

/// Every signal, the built-in ones too.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Stored<SignalId, Signal>>, Error> {
    let rows = select!("true ORDER BY head.name").fetch_all(db).await?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// What catalogs stated; without built-in ones that were not re-stated.
pub async fn stated(db: impl PgExecutor<'_>) -> Result<Vec<Stored<SignalId, Signal>>, Error> {
    let rows = select!("NOT head.built_in ORDER BY head.name").fetch_all(db).await?;
    rows.into_iter().map(Stored::try_from).collect()
}

pub async fn by_name(
    db: impl PgExecutor<'_>,
    name: &str,
) -> Result<Stored<SignalId, Signal>, Error> {
    let row = select!("head.name = $1", name).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// A signal that is beyond its limit, but not yet for as long as it asks.
#[derive(Clone, Debug)]
pub struct Pending {
    pub signal: String,
    pub service: ServiceId,
    pub service_name: String,
    pub since: DateTime<Utc>,
    /// When it fires, if it stays.
    pub fires_at: DateTime<Utc>,
    /// In the signal's unit, when it was first beyond.
    pub value: f64,
}

/// The same stretch is the same, whatever its value is by now.
impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        (&self.signal, self.service, self.since, self.fires_at)
            == (&other.signal, other.service, other.since, other.fires_at)
    }
}

/// All of a cluster's that are pending now; the others are not any more.
pub async fn set_pending(
    tx: &mut PgConnection,
    cluster: &str,
    pending: &[Pending],
) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM pending_signals p USING clusters c WHERE c.id = p.cluster_id AND c.name = $1",
        cluster
    )
    .execute(&mut *tx)
    .await?;
    let signals: Vec<String> = pending.iter().map(|it| it.signal.clone()).collect();
    let services: Vec<uuid::Uuid> = pending.iter().map(|it| it.service.0).collect();
    let since: Vec<DateTime<Utc>> = pending.iter().map(|it| it.since).collect();
    let fires: Vec<DateTime<Utc>> = pending.iter().map(|it| it.fires_at).collect();
    let values: Vec<f64> = pending.iter().map(|it| it.value).collect();
    sqlx::query!(
        "INSERT INTO pending_signals (cluster_id, signal, service_id, since, fires_at, value)
         SELECT c.id, it.signal, it.service_id, it.since, it.fires_at, it.value
         FROM clusters c, unnest($2::text[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::float8[])
              AS it (signal, service_id, since, fires_at, value)
         WHERE c.name = $1 AND c.removed_at IS NULL ON CONFLICT DO NOTHING",
        cluster,
        &signals,
        &services,
        &since,
        &fires,
        &values
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Of all clusters, the next to fire first.
pub async fn pending(db: impl PgExecutor<'_>) -> Result<Vec<Pending>, Error> {
    let rows = sqlx::query!(
        "SELECT p.signal, p.service_id, s.name, p.since, p.fires_at, p.value
         FROM pending_signals p JOIN services s ON s.id = p.service_id ORDER BY p.fires_at, p.signal, s.name"
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows
        .map(|it| Pending {
            signal: it.signal,
            service: ServiceId(it.service_id),
            service_name: it.name,
            since: it.since,
            fires_at: it.fires_at,
            value: it.value,
        })
        .collect())
}

/// Puts the signal in force: a new one, or the next version of the one with its name.
pub async fn save(
    tx: &mut PgConnection,
    signal: &Signal,
    at: DateTime<Utc>,
) -> Result<SignalId, Error> {
    put(tx, signal, false, at).await
}

/// Takes the signal out of force; a built-in one goes back to what the product brings.
pub async fn remove(tx: &mut PgConnection, name: &str, at: DateTime<Utc>) -> Result<(), Error> {
    if let Some(signal) = signals::built_in().iter().find(|it| it.name == name) {
        put(tx, signal, true, at).await?;
        return Ok(());
    }
    sqlx::query!(
        "UPDATE signals SET removed_at = $2 WHERE name = $1 AND removed_at IS NULL",
        name,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn put(
    tx: &mut PgConnection,
    signal: &Signal,
    built_in: bool,
    at: DateTime<Utc>,
) -> Result<SignalId, Error> {
    let head = sqlx::query!(
        "INSERT INTO signals (name, built_in, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET
             version = signals.version + 1, built_in = excluded.built_in, removed_at = NULL
         RETURNING id, version",
        signal.name,
        built_in,
        at
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO signal_versions (signal_id, version, definition, created_at) VALUES ($1, $2, $3, $4)",
        head.id,
        head.version,
        sqlx::types::Json(signal) as _,
        at
    )
    .execute(tx)
    .await?;
    Ok(SignalId(head.id))
}
