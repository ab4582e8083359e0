//! Contents of ConfigMaps by digest, for as long as a revision ran with them.

use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use domain::revisions::Contents;
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

/// Forgets contents that no revision ran with and that were last seen before this time.
pub async fn prune(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let pruned = sqlx::query!(
        "DELETE FROM config_contents k
         WHERE seen_at < $1 AND NOT EXISTS (SELECT FROM revision_configs c WHERE c.digest = k.digest)",
        before
    );
    Ok(pruned.execute(db).await?.rows_affected())
}
