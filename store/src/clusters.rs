//! Clusters of the catalog.

use chrono::{DateTime, Utc};
use domain::catalog::Stored;
use domain::clusters::Cluster;
use domain::ids::ClusterId;
use sqlx::{PgConnection, PgExecutor};

use crate::Error;

struct Row {
    id: uuid::Uuid,
    version: i32,
    name: String,
    kubeconfig: String,
    context: Option<String>,
    prometheus: Option<String>,
    namespaces: Vec<String>,
    protected_namespaces: Vec<String>,
    helm_namespaces: Vec<String>,
    helm_kubeconfig: Option<String>,
}

impl From<Row> for Stored<ClusterId, Cluster> {
    fn from(row: Row) -> Self {
        let Row {
            id,
            version,
            name,
            kubeconfig,
            context,
            prometheus,
            namespaces,
            protected_namespaces,
            helm_namespaces,
            helm_kubeconfig,
        } = row;
        let entry = Cluster {
            name,
            kubeconfig,
            context,
            prometheus,
            namespaces,
            protected_namespaces,
            helm_namespaces,
            helm_kubeconfig,
        };
        Stored { id: ClusterId(id), version, entry }
    }
}

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, version, name, kubeconfig, context, prometheus, namespaces, protected_namespaces,
                    helm_namespaces, helm_kubeconfig
             FROM clusters WHERE removed_at IS NULL AND " + $condition
            $(, $argument)*
        )
    };
}

pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Stored<ClusterId, Cluster>>, Error> {
    let rows = select!("true ORDER BY name").fetch_all(db).await?;
    Ok(rows.into_iter().map(Stored::from).collect())
}

pub async fn get(
    db: impl PgExecutor<'_>,
    id: ClusterId,
) -> Result<Stored<ClusterId, Cluster>, Error> {
    let row = select!("id = $1", id.0).fetch_optional(db).await?;
    row.map(Stored::from).ok_or(Error::NotFound)
}

pub async fn by_name(
    db: impl PgExecutor<'_>,
    name: &str,
) -> Result<Stored<ClusterId, Cluster>, Error> {
    let row = select!("name = $1", name).fetch_optional(db).await?;
    row.map(Stored::from).ok_or(Error::NotFound)
}

/// Makes the cluster be as it is given: a new one, or the next version of the one with its name.
pub async fn save(
    tx: &mut PgConnection,
    cluster: &Cluster,
    at: DateTime<Utc>,
) -> Result<ClusterId, Error> {
    let id = sqlx::query_scalar!(
        "INSERT INTO clusters
             (name, kubeconfig, context, prometheus, namespaces, protected_namespaces, created_at, changed_at,
              helm_namespaces, helm_kubeconfig)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)
         ON CONFLICT (name) DO UPDATE SET
             version = clusters.version + 1, kubeconfig = excluded.kubeconfig, context = excluded.context,
             prometheus = excluded.prometheus, namespaces = excluded.namespaces,
             protected_namespaces = excluded.protected_namespaces, changed_at = excluded.changed_at,
             helm_namespaces = excluded.helm_namespaces, helm_kubeconfig = excluded.helm_kubeconfig,
             removed_at = NULL
         RETURNING id",
        cluster.name,
        cluster.kubeconfig,
        cluster.context,
        cluster.prometheus,
        &cluster.namespaces,
        &cluster.protected_namespaces,
        at,
        &cluster.helm_namespaces,
        cluster.helm_kubeconfig
    );
    Ok(ClusterId(id.fetch_one(tx).await?))
}

/// Where the Secrets of Helm releases are read: as the cluster says it, and where a service has a workload whose policy
/// goes by releases. In order.
pub async fn helm_namespaces(db: impl PgExecutor<'_>, id: ClusterId) -> Result<Vec<String>, Error> {
    let names = sqlx::query_scalar!(
        r#"SELECT unnest(helm_namespaces) AS "namespace!" FROM clusters WHERE id = $1 AND removed_at IS NULL
           UNION
           SELECT w.namespace FROM service_workloads w
           JOIN services s ON s.id = w.service_id AND s.removed_at IS NULL
           JOIN policies p ON p.name = s.policy AND p.removed_at IS NULL
           JOIN policy_versions v ON v.policy_id = p.id AND v.version = p.version
           WHERE w.cluster_id = $1 AND v.definition->>'strategy' = 'release'
           ORDER BY 1"#,
        id.0
    );
    Ok(names.fetch_all(db).await?)
}

pub async fn remove(tx: &mut PgConnection, name: &str, at: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE clusters SET removed_at = $2, changed_at = $2 WHERE name = $1 AND removed_at IS NULL",
        name,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}
