//! Helm releases, revision by revision.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use domain::ids::{ClusterId, WorkloadId};
use domain::releases::{Member, MemberKey, Observed, Release, Revision};
use domain::revisions::RevisionVerdict;
use domain::workloads::{Owner, Workload, WorkloadKind};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

/// The newest revisions that are looked at. Helm itself keeps ten.
const MOST: i64 = 30;

/// A revision as the watch saw it last.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub namespace: String,
    pub name: String,
    pub revision: Revision,
}

/// Writes what the Secrets say now, and forgets those that are gone, by uid.
pub async fn observe(
    tx: &mut PgConnection,
    cluster: ClusterId,
    seen: &[Seen],
    gone: &[String],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    // Before the others: a Secret that was made anew has the name of the one that is gone.
    sqlx::query!("DELETE FROM releases WHERE cluster_id = $1 AND uid = ANY($2)", cluster.0, gone)
        .execute(&mut *tx)
        .await?;
    for it in seen {
        sqlx::query!(
            "INSERT INTO releases (cluster_id, namespace, name, revision, uid, status, digest, body, seen_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (cluster_id, namespace, name, revision) DO UPDATE SET
                uid = excluded.uid, status = excluded.status, digest = excluded.digest, body = excluded.body,
                seen_at = excluded.seen_at",
            cluster.0,
            it.namespace,
            it.name,
            it.revision.revision,
            it.revision.uid,
            it.revision.status.as_str(),
            it.revision.digest.as_str(),
            Json(&it.revision) as _,
            now
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Forgets what is in the database and not in the cluster, of namespaces that are no longer read too. `uids` are those
/// of all Secrets that there are.
pub async fn leave_all_but(
    tx: &mut PgConnection,
    cluster: ClusterId,
    uids: &[String],
) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM releases WHERE cluster_id = $1 AND NOT uid = ANY($2)",
        cluster.0,
        uids
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The workloads that Helm says belong to these releases, each by its namespace and name: something about them has
/// changed.
pub async fn members(
    db: impl PgExecutor<'_>,
    cluster: ClusterId,
    namespaces: &[String],
    names: &[String],
) -> Result<Vec<WorkloadId>, Error> {
    let ids = sqlx::query_scalar!(
        "SELECT w.id FROM workloads w
         JOIN unnest($2::text[], $3::text[]) AS r (namespace, name)
              ON r.namespace = w.namespace AND r.name = w.owner_name
         WHERE w.cluster_id = $1 AND w.owner = 'helm' AND w.gone_at IS NULL",
        cluster.0,
        namespaces,
        names
    );
    Ok(ids.fetch_all(db).await?.into_iter().map(WorkloadId).collect())
}

/// The release that a workload belongs to, with how its members fared. None where Helm does not own the workload, and
/// where nobody reads its Secrets.
pub async fn of_workload(
    db: &mut PgConnection,
    workload: &Workload,
) -> Result<Option<Release>, Error> {
    match &workload.owner {
        Owner::Helm(name) => find(db, &workload.cluster, &workload.namespace, name).await,
        _ => Ok(None),
    }
}

/// `cluster` is its name. The namespace is that of the Secrets.
pub async fn find(
    db: &mut PgConnection,
    cluster: &str,
    namespace: &str,
    name: &str,
) -> Result<Option<Release>, Error> {
    let rows = sqlx::query!(
        r#"SELECT r.revision, r.body AS "body: Json<Revision>"
           FROM releases r JOIN clusters c ON c.id = r.cluster_id AND c.removed_at IS NULL
           WHERE c.name = $1 AND r.namespace = $2 AND r.name = $3
           ORDER BY r.revision DESC LIMIT $4"#,
        cluster,
        namespace,
        name,
        MOST
    );
    let rows = rows.fetch_all(&mut *db).await?;
    let revisions: Vec<Revision> = rows.into_iter().map(|it| it.body.0).collect();
    if revisions.is_empty() {
        return Ok(None);
    }
    let observed = observed(db, cluster, &revisions).await?;
    let (cluster, namespace, name) = (cluster.to_owned(), namespace.to_owned(), name.to_owned());
    Ok(Some(Release { cluster, namespace, name, revisions, observed }))
}

#[derive(Debug, serde::Deserialize)]
struct Trace {
    template: Value,
    configs: BTreeMap<String, Digest>,
    verdict: String,
}

/// Every revision of every member that was ever seen.
async fn observed(
    db: &mut PgConnection,
    cluster: &str,
    revisions: &[Revision],
) -> Result<BTreeMap<MemberKey, Vec<Observed>>, Error> {
    let keys: BTreeSet<MemberKey> =
        revisions.iter().flat_map(|it| it.members.iter().map(Member::key)).collect();
    let column = |of: fn(&MemberKey) -> &str| keys.iter().map(|it| of(it).to_owned()).collect();
    let namespaces: Vec<String> = column(|it| &it.0);
    let kinds: Vec<String> = column(|it| it.1.as_str());
    let names: Vec<String> = column(|it| &it.2);
    let rows = sqlx::query!(
        r#"SELECT w.namespace, w.kind, w.name, jsonb_agg(jsonb_build_object(
                    'template', t.template, 'verdict', r.verdict,
                    'configs', COALESCE((SELECT jsonb_object_agg(g.name, g.digest) FROM revision_configs g
                                         WHERE g.revision_id = r.id), '{}')
                  )) AS "traces!: Json<Vec<Trace>>"
           FROM clusters c
           JOIN workloads w ON w.cluster_id = c.id
           JOIN unnest($2::text[], $3::text[], $4::text[]) AS m (namespace, kind, name)
                ON m.namespace = w.namespace AND m.kind = w.kind AND m.name = w.name
           JOIN revisions r ON r.workload_id = w.id
           JOIN templates t ON t.digest = r.digest
           WHERE c.name = $1 AND c.removed_at IS NULL
           GROUP BY w.namespace, w.kind, w.name"#,
        cluster,
        &namespaces,
        &kinds,
        &names
    );
    let mut all = BTreeMap::new();
    for row in rows.fetch_all(db).await? {
        let wrong = || Error::Inconsistent { table: "revisions", id: row.name.clone() };
        let kind = WorkloadKind::parse(&row.kind).ok_or_else(wrong)?;
        let traces = row.traces.0.into_iter().map(|it| {
            let verdict = RevisionVerdict::parse(&it.verdict).ok_or_else(wrong)?;
            Ok(Observed { template: it.template, configs: it.configs, verdict })
        });
        all.insert((row.namespace, kind, row.name.clone()), traces.collect::<Result<_, Error>>()?);
    }
    Ok(all)
}
