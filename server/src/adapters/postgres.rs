//! Postgres servers that are protected, asked how far they are. Nothing is ever written there.
//!
//! **Invariant:** a connection string comes from a variable or a file that the catalog only names, and stands in no
//! error, log or row.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::objectives::{Heartbeat, Lsn};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row};

/// For each side, the connection included.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the variable {0}, which holds the connection string, is not set")]
    Variable(String),
    #[error("the file {0}, which holds the connection string, cannot be read")]
    File(String),
    #[error("what {0} holds is no connection string of a Postgres: postgres://USER@HOST/DATABASE")]
    NoString(String),
    #[error("Postgres gave no answer within {} s", ANSWER_WITHIN.as_secs())]
    Slow,
    #[error("Postgres could not be asked: {0}")]
    NoAnswer(String),
}

impl Error {
    /// Whether the catalog or the installation is at fault, and not the other side.
    pub fn is_of_settings(&self) -> bool {
        matches!(self, Self::Variable(_) | Self::File(_) | Self::NoString(_))
    }
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub in_recovery: bool,
    /// The same for a primary and all its copies.
    pub system: String,
    /// Written and flushed; of a primary only.
    pub flushed: Option<Lsn>,
    /// Of a standby only, as are the next two.
    pub received: Option<Lsn>,
    pub replayed: Option<Lsn>,
    pub since_last_replay_s: Option<f64>,
    pub heartbeat: Option<DateTime<Utc>>,
}

const QUESTION: &str = "SELECT pg_is_in_recovery() AS in_recovery,
    (SELECT system_identifier::text FROM pg_control_system()) AS system,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint END AS flushed,
    CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')::bigint END AS received,
    CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint END AS replayed,
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS since_last_replay_s";

/// Asks the server that `reference` leads to; `variable` reads the environment.
pub async fn ask(
    reference: &str,
    heartbeat: Option<&Heartbeat>,
    variable: fn(&str) -> Option<String>,
) -> Result<Answer, Error> {
    let options = options(reference, variable)?;
    let asked = async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let answer = question(&mut connection, heartbeat).await;
        // It answered, or did not; that it did not say good-bye changes nothing.
        let _ = connection.close().await;
        answer
    };
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Err(_) => Err(Error::Slow),
        Ok(answer) => answer.map_err(|it| Error::NoAnswer(reason(&it))),
    }
}

async fn question(
    connection: &mut PgConnection,
    heartbeat: Option<&Heartbeat>,
) -> Result<Answer, sqlx::Error> {
    #[expect(clippy::disallowed_methods, reason = "another database than ours")]
    let row = sqlx::query(QUESTION).fetch_one(&mut *connection).await?;
    let lsn = |column: &str| -> Result<Option<Lsn>, sqlx::Error> {
        let bytes: Option<i64> = row.try_get(column)?;
        Ok(bytes.and_then(|it| u64::try_from(it).ok()).map(Lsn))
    };
    let heartbeat = match heartbeat {
        None => None,
        Some(it) => {
            // Plain names, as the catalog's check has made sure.
            let newest = format!("SELECT max({})::timestamptz FROM {}", it.column, it.table);
            #[expect(clippy::disallowed_methods, reason = "another database than ours")]
            let newest = sqlx::query_scalar(sqlx::AssertSqlSafe(newest));
            newest.fetch_one(connection).await?
        }
    };
    Ok(Answer {
        in_recovery: row.try_get("in_recovery")?,
        system: row.try_get("system")?,
        flushed: lsn("flushed")?,
        received: lsn("received")?,
        replayed: lsn("replayed")?,
        since_last_replay_s: row.try_get("since_last_replay_s")?,
        heartbeat,
    })
}

fn options(
    reference: &str,
    variable: fn(&str) -> Option<String>,
) -> Result<PgConnectOptions, Error> {
    let text = match reference.strip_prefix("env:") {
        Some(name) => variable(name)
            .filter(|it| !it.trim().is_empty())
            .ok_or_else(|| Error::Variable(name.to_owned()))?,
        None => {
            std::fs::read_to_string(reference).map_err(|_| Error::File(reference.to_owned()))?
        }
    };
    let options: PgConnectOptions =
        text.trim().parse().map_err(|_| Error::NoString(reference.to_owned()))?;
    let timeout = ANSWER_WITHIN.as_millis().to_string();
    Ok(options.application_name("lifeboat").options([
        ("statement_timeout", timeout.as_str()),
        ("default_transaction_read_only", "on"),
    ]))
}

/// The end of the chain says what it was; none of the texts holds the connection string.
fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(it) => it.message().to_owned(),
        sqlx::Error::Io(it) => it.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_leads_nowhere_is_said_without_what_it_holds() {
        let variable: fn(&str) -> Option<String> =
            |name| (name == "BAD").then(|| "secret nonsense".to_owned());
        for (reference, expected) in [
            ("env:NONE", "the variable NONE, which holds the connection string, is not set"),
            (
                "env:BAD",
                "what env:BAD holds is no connection string of a Postgres: postgres://USER@HOST/DATABASE",
            ),
            (
                "/nowhere/at/all",
                "the file /nowhere/at/all, which holds the connection string, cannot be read",
            ),
        ] {
            let error = options(reference, variable).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert!(error.is_of_settings());
        }
    }
}
