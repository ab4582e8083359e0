//! Contents of ConfigMaps by digest, for as long as a revision ran with them.

use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use domain::decisions::Target;
use domain::revisions::Contents;
use domain::rollbacks::proposal::ChangedConfig;
use domain::workloads::Workload;
use serde::Serialize;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observed {
    pub digest: Digest,
    pub contents: Contents,
}

/// Keeps contents that are not kept yet.
pub async fn observe(
    tx: &mut PgConnection,
    configs: &[Observed],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO config_contents (digest, contents, seen_at)
         SELECT DISTINCT ON (x.digest) x.digest, x.contents, $2
         FROM jsonb_to_recordset($1) AS x(digest text, contents jsonb) ORDER BY x.digest
         ON CONFLICT (digest) DO UPDATE SET seen_at = EXCLUDED.seen_at",
        Json(configs) as _,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn get(db: impl PgExecutor<'_>, digest: &Digest) -> Result<Contents, Error> {
    let contents = sqlx::query_scalar!(
        r#"SELECT contents AS "contents: Json<Contents>" FROM config_contents WHERE digest = $1"#,
        digest.as_str()
    );
    Ok(contents.fetch_optional(db).await?.ok_or(Error::NotFound)?.0)
}

/// The ConfigMaps of a workload that hold something else now than when this target was seen, by name.
pub async fn changed(
    db: impl PgExecutor<'_>,
    workload: &Workload,
    target: &Target,
) -> Result<Vec<ChangedConfig>, Error> {
    let (Some(digest), Some(config)) = (&target.digest, &target.config_digest) else {
        return Ok(Vec::new());
    };
    let rows = sqlx::query!(
        r#"SELECT t.name, t.digest AS target, k.contents AS "now?: Json<Contents>"
           FROM revisions r JOIN revision_configs t ON t.revision_id = r.id
           LEFT JOIN revisions l
               ON l.workload_id = r.workload_id AND l.digest = $4 AND l.config_digest = $5
           LEFT JOIN revision_configs c ON c.revision_id = l.id AND c.name = t.name
           LEFT JOIN config_contents k ON k.digest = c.digest
           WHERE r.workload_id = $1 AND r.digest = $2 AND r.config_digest = $3
               AND c.digest IS DISTINCT FROM t.digest
           ORDER BY t.name"#,
        workload.id.0,
        digest.as_str(),
        config.as_str(),
        workload.live.digest.as_str(),
        workload.live.config_digest.as_str()
    );
    let changed = rows.fetch_all(db).await?.into_iter().map(|row| {
        let id = row.target.clone();
        let broken = |_| Error::Inconsistent { table: "revision_configs", id };
        let target = row.target.parse().map_err(broken)?;
        Ok(ChangedConfig { name: row.name, now: row.now.map(|it| it.0), target })
    });
    changed.collect()
}

/// Forgets contents that no revision ran with and that were last seen before this time.
pub async fn prune(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let pruned = sqlx::query!(
        "DELETE FROM config_contents k
         WHERE seen_at < $1 AND NOT EXISTS (SELECT FROM revision_configs c WHERE c.digest = k.digest)",
        before
    );
    Ok(pruned.execute(db).await?.rows_affected())
}
