//! Signals of the catalog. Every version is kept, because decisions were made by one of them.

use chrono::{DateTime, Utc};
use domain::catalog::Stored;
use domain::ids::SignalId;
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
