//! Objects beside workloads as a worker saw them when somebody asked. Pages and the API write what they want to know
//! and read the answer here; only workers talk to clusters.

use chrono::{DateTime, Utc};
use domain::plans::ObjectRef;
use domain::workloads::Owner;
use serde_json::{Value, json};
use sqlx::postgres::PgListener;
use sqlx::{PgExecutor, PgPool};

use crate::Error;

/// What an object looked like.
#[derive(Clone, Debug, PartialEq)]
pub struct Sight {
    pub object: ObjectRef,
    /// The object, or that there is none; else why it could not be looked at.
    pub found: Result<Option<Value>, String>,
}

struct Row {
    cluster: String,
    namespace: String,
    api_version: String,
    kind: String,
    name: String,
    found: Option<Value>,
    trouble: Option<String>,
}

impl From<Row> for Sight {
    fn from(row: Row) -> Self {
        let Row { cluster, namespace, api_version, kind, name, found, trouble } = row;
        let found = trouble.map_or(Ok(found), Err);
        Self { object: ObjectRef { cluster, namespace, api_version, kind, name }, found }
    }
}

/// Asks for these objects and waits until a worker has looked at all of them; how long is for the caller to say.
pub async fn look(
    db: &PgPool,
    objects: &[ObjectRef],
    now: DateTime<Utc>,
) -> Result<Vec<Sight>, Error> {
    let mut seen = PgListener::connect_with(db).await?;
    seen.listen("objects_seen").await?;
    ask(db, objects, now).await?;
    loop {
        let sights = since(db, objects, now).await?;
        if sights.len() == objects.len() {
            return Ok(sights);
        }
        seen.recv().await?;
    }
}

/// What an object looked like when somebody looked last; `None` where nobody has since then, or could not.
pub async fn latest(
    db: impl PgExecutor<'_>,
    object: &ObjectRef,
    since: DateTime<Utc>,
) -> Result<Option<Value>, Error> {
    let sights = self::since(db, std::slice::from_ref(object), since).await?;
    Ok(sights.into_iter().next().and_then(|it| it.found.ok().flatten()))
}

/// What keeps workloads in step by GitOps, each with its cluster.
pub async fn tracked(db: impl PgExecutor<'_>) -> Result<Vec<(String, Owner)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT c.name AS cluster, w.owner, w.owner_name
           FROM workloads w JOIN clusters c ON c.id = w.cluster_id
           WHERE w.owner IN ('argocd', 'flux') AND w.gone_at IS NULL"#
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
        let owner = Owner::parse(&row.owner, row.owner_name);
        let broken = || Error::Inconsistent { table: "workloads", id: row.cluster.clone() };
        Ok((row.cluster.clone(), owner.ok_or_else(broken)?))
    });
    rows.collect()
}

/// Asks that a worker looks at these, without waiting for it.
pub async fn ask(
    db: impl PgExecutor<'_>,
    objects: &[ObjectRef],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO objects (cluster, namespace, api_version, kind, name, asked_at)
         SELECT DISTINCT x.cluster, x.namespace, x.api_version, x.kind, x.name, $2::timestamptz
         FROM jsonb_to_recordset($1)
             AS x(cluster text, namespace text, api_version text, kind text, name text)
         ON CONFLICT (cluster, namespace, api_version, kind, name)
             DO UPDATE SET asked_at = greatest(objects.asked_at, excluded.asked_at)",
        json!(objects),
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Those of them that a worker has looked at for somebody who asked then or later.
pub async fn since(
    db: impl PgExecutor<'_>,
    objects: &[ObjectRef],
    asked: DateTime<Utc>,
) -> Result<Vec<Sight>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT o.cluster, o.namespace, o.api_version, o.kind, o.name, o.found, o.trouble
           FROM objects o JOIN jsonb_to_recordset($1)
               AS x(cluster text, namespace text, api_version text, kind text, name text)
               USING (cluster, namespace, api_version, kind, name)
           WHERE o.seen_at >= $2"#,
        json!(objects),
        asked
    );
    Ok(rows.fetch_all(db).await?.into_iter().map(Sight::from).collect())
}

/// Those that somebody asked for and nobody has looked at since, with the time of the asking.
pub async fn wanted(
    db: impl PgExecutor<'_>,
    limit: i64,
) -> Result<Vec<(ObjectRef, DateTime<Utc>)>, Error> {
    let rows = sqlx::query!(
        "SELECT cluster, namespace, api_version, kind, name, asked_at FROM objects
         WHERE seen_at IS NULL OR seen_at < asked_at ORDER BY asked_at LIMIT $1",
        limit
    );
    let wanted = rows.fetch_all(db).await?.into_iter().map(|row| {
        let object = ObjectRef {
            cluster: row.cluster,
            namespace: row.namespace,
            api_version: row.api_version,
            kind: row.kind,
            name: row.name,
        };
        (object, row.asked_at)
    });
    Ok(wanted.collect())
}

/// Writes down what was found for those who asked at this time or before.
pub async fn seen(
    db: impl PgExecutor<'_>,
    sight: &Sight,
    asked_at: DateTime<Utc>,
) -> Result<(), Error> {
    let ObjectRef { cluster, namespace, api_version, kind, name } = &sight.object;
    let (found, trouble) = match &sight.found {
        Ok(found) => (found.clone(), None),
        Err(trouble) => (None, Some(trouble)),
    };
    sqlx::query!(
        "UPDATE objects SET found = $6, trouble = $7, seen_at = $8
         WHERE (cluster, namespace, api_version, kind, name) = ($1, $2, $3, $4, $5)",
        cluster,
        namespace,
        api_version,
        kind,
        name,
        found,
        trouble,
        asked_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets those that nobody asked for since.
pub async fn forget(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let forgotten = sqlx::query!("DELETE FROM objects WHERE asked_at < $1", before);
    Ok(forgotten.execute(db).await?.rows_affected())
}
