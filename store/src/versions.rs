//! The versions of policies and signals, and who put each of them in force.

use chrono::{DateTime, Utc};
use domain::catalog::Kind;
use domain::ids::ImportId;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

/// One version of a policy or a signal.
#[derive(Clone, Debug)]
pub struct Version {
    pub name: String,
    pub version: i32,
    pub definition: Value,
    /// When it came into force.
    pub at: DateTime<Utc>,
    /// As the audit log names who put it in force; nobody for what is built in.
    pub by: Option<String>,
    /// Who wrote it, where another person consented.
    pub author: Option<String>,
    pub reason: Option<String>,
    /// The product brings it; no catalog re-states it.
    pub built_in: bool,
}

/// What is in force, by name.
pub async fn in_force(db: impl PgExecutor<'_>, kind: Kind) -> Result<Vec<Version>, Error> {
    let rows = match kind {
        Kind::Policy => {
            sqlx::query_as!(
                Version,
                "SELECT h.name, v.version, v.definition, v.created_at AS at, v.stated_by AS by,
                        i.requested_by AS \"author?\", i.reason AS \"reason?\", h.built_in
                 FROM policies h JOIN policy_versions v ON v.policy_id = h.id AND v.version = h.version
                 LEFT JOIN catalog_imports i ON i.id = v.import_id
                 WHERE h.removed_at IS NULL ORDER BY h.name"
            )
            .fetch_all(db)
            .await?
        }
        _ => {
            sqlx::query_as!(
                Version,
                "SELECT h.name, v.version, v.definition, v.created_at AS at, v.stated_by AS by,
                        i.requested_by AS \"author?\", i.reason AS \"reason?\", h.built_in
                 FROM signals h JOIN signal_versions v ON v.signal_id = h.id AND v.version = h.version
                 LEFT JOIN catalog_imports i ON i.id = v.import_id
                 WHERE h.removed_at IS NULL ORDER BY h.name"
            )
            .fetch_all(db)
            .await?
        }
    };
    Ok(rows)
}

/// Every version of one, the newest first; that one is in force unless it was taken out of force.
pub async fn history(
    db: impl PgExecutor<'_>,
    kind: Kind,
    name: &str,
) -> Result<Vec<Version>, Error> {
    let rows = match kind {
        Kind::Policy => {
            sqlx::query_as!(
                Version,
                "SELECT h.name, v.version, v.definition, v.created_at AS at, v.stated_by AS by,
                        i.requested_by AS \"author?\", i.reason AS \"reason?\", h.built_in
                 FROM policies h JOIN policy_versions v ON v.policy_id = h.id
                 LEFT JOIN catalog_imports i ON i.id = v.import_id
                 WHERE h.name = $1 ORDER BY v.version DESC",
                name
            )
            .fetch_all(db)
            .await?
        }
        _ => {
            sqlx::query_as!(
                Version,
                "SELECT h.name, v.version, v.definition, v.created_at AS at, v.stated_by AS by,
                        i.requested_by AS \"author?\", i.reason AS \"reason?\", h.built_in
                 FROM signals h JOIN signal_versions v ON v.signal_id = h.id
                 LEFT JOIN catalog_imports i ON i.id = v.import_id
                 WHERE h.name = $1 ORDER BY v.version DESC",
                name
            )
            .fetch_all(db)
            .await?
        }
    };
    Ok(rows)
}

/// The version of this name that is in force; 0 where there is none.
pub async fn current(db: impl PgExecutor<'_>, kind: Kind, name: &str) -> Result<i32, Error> {
    let version = match kind {
        Kind::Policy => {
            sqlx::query_scalar!(
                "SELECT version FROM policies WHERE name = $1 AND removed_at IS NULL",
                name
            )
            .fetch_optional(db)
            .await?
        }
        _ => {
            sqlx::query_scalar!(
                "SELECT version FROM signals WHERE name = $1 AND removed_at IS NULL",
                name
            )
            .fetch_optional(db)
            .await?
        }
    };
    Ok(version.unwrap_or(0))
}

/// Writes down who put the newest version in force, and with which import.
pub async fn sign(
    tx: &mut PgConnection,
    kind: Kind,
    name: &str,
    by: &str,
    import: Option<ImportId>,
) -> Result<(), Error> {
    let import = import.map(|it| it.0);
    match kind {
        Kind::Policy => {
            sqlx::query!(
                "UPDATE policy_versions v SET stated_by = $2, import_id = $3 FROM policies h
                 WHERE h.name = $1 AND v.policy_id = h.id AND v.version = h.version",
                name,
                by,
                import
            )
            .execute(tx)
            .await?
        }
        Kind::Signal => {
            sqlx::query!(
                "UPDATE signal_versions v SET stated_by = $2, import_id = $3 FROM signals h
                 WHERE h.name = $1 AND v.signal_id = h.id AND v.version = h.version",
                name,
                by,
                import
            )
            .execute(tx)
            .await?
        }
        _ => return Ok(()),
    };
    Ok(())
}
