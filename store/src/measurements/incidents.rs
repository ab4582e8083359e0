//! What has a T0 and may not be over: the drills and rollbacks whose RTO is still being measured.

use chrono::{DateTime, Utc};
use domain::access::Subject;
use domain::ids::{DrillId, ServiceId};
use serde_json::Value;
use sqlx::PgExecutor;

use crate::Error;

/// One stretch in which a service may have been down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Where it is a drill's.
    pub drill: Option<DrillId>,
    pub subject: Subject,
    pub service: ServiceId,
    pub service_name: String,
    /// Where the workload runs; its Prometheus knows the service.
    pub cluster: Option<String>,
    pub t0: DateTime<Utc>,
    /// When the ledger says that the service was back.
    pub over_at: Option<DateTime<Utc>>,
}

/// Those with a T0 since then, of services that stand on some domain; drills until their signature.
pub async fn list(db: impl PgExecutor<'_>, since: DateTime<Utc>) -> Result<Vec<Incident>, Error> {
    let rows = sqlx::query!(
        r#"WITH watched AS (
               SELECT DISTINCT jsonb_array_elements_text(v.definition->'services') AS service
               FROM objectives o JOIN objective_versions v ON v.objective_id = o.id
               WHERE o.removed_at IS NULL
           ),
           incidents AS (
               SELECT id AS drill_id, 'drills' AS kind, number, service_id, workload_id, t0, recovered_at AS over_at
               FROM drills WHERE t0 >= $1 AND state IN ('running', 'recovered', 'evidence_complete')
               UNION ALL
               SELECT NULL, 'rollbacks', number, service_id, workload_id, COALESCE(onset_at, detected_at), healthy_at
               FROM rollbacks WHERE COALESCE(onset_at, detected_at) >= $1 AND created_at >= $1
           )
           SELECT drill_id, i.kind AS "kind!", i.number AS "number!", i.service_id AS "service_id!", s.name AS service_name,
               c.name AS "cluster?", t0 AS "t0!", over_at
           FROM incidents i
           JOIN services s ON s.id = i.service_id
           JOIN watched ON watched.service = s.name
           LEFT JOIN workloads w ON w.id = i.workload_id
           LEFT JOIN clusters c ON c.id = w.cluster_id
           ORDER BY t0"#,
        since
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows
        .map(|it| Incident {
            drill: it.drill_id.map(DrillId),
            subject: Subject::new(&it.kind, it.number),
            service: ServiceId(it.service_id),
            service_name: it.service_name,
            cluster: it.cluster,
            t0: it.t0,
            over_at: it.over_at,
        })
        .collect())
}

/// What the last look came to, as its result; nothing before the first.
pub async fn last_result(
    db: impl PgExecutor<'_>,
    subject: &Subject,
    name: &str,
    objective: &str,
) -> Result<Option<Value>, Error> {
    let result = sqlx::query_scalar!(
        "SELECT result FROM measurements
         WHERE subject = $1 AND name = $2 AND objective_id = (SELECT id FROM objectives WHERE name = $3)
         ORDER BY measured_at DESC, id DESC LIMIT 1",
        subject.as_str(),
        name,
        objective
    );
    Ok(result.fetch_optional(db).await?.flatten())
}
