//! Drills of which something is still to be measured.

use domain::access::Subject;
use domain::ids::DrillId;
use domain::measurements::Measurement;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::lock;
use crate::{Error, measurements};

/// A drill with targets that queries measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToMeasure {
    pub id: DrillId,
    /// Where its workload runs, or else its service; that cluster's Prometheus knows it.
    pub cluster: Option<String>,
}

/// Those that have a T0 and no signature, whether something of them is due or not.
pub async fn to_measure(db: impl PgExecutor<'_>) -> Result<Vec<ToMeasure>, Error> {
    let rows = sqlx::query!(
        r#"SELECT d.id, (
               SELECT c.name FROM clusters c WHERE c.id = COALESCE(
                   (SELECT w.cluster_id FROM workloads w WHERE w.id = d.workload_id),
                   (SELECT s.cluster_id FROM service_workloads s WHERE s.service_id = d.service_id
                    ORDER BY position LIMIT 1)
               )
           ) AS cluster
           FROM drills d
           WHERE d.t0 IS NOT NULL AND d.state IN ('running', 'recovered', 'evidence_complete')
                 AND jsonb_path_exists(d.targets, '$[*].measure')
           ORDER BY d.t0"#
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|it| ToMeasure { id: DrillId(it.id), cluster: it.cluster }).collect())
}

/// Writes what a query measured, unless the drill was signed or given up meanwhile. What was
/// written to, and what was known before.
pub async fn keep_measured(
    tx: &mut PgConnection,
    id: DrillId,
    measured: &Measurement,
) -> Result<Option<(Subject, Option<Value>)>, Error> {
    let drill = lock(tx, id).await?;
    if !drill.is_measured() {
        return Ok(None);
    }
    let last = drill.measurement(&measured.name).and_then(|it| it.result.clone());
    let subject = Subject::new("drills", &drill.number);
    let service = drill.service.as_ref().map(|it| it.id);
    measurements::put(tx, &subject, service, std::slice::from_ref(measured)).await?;
    Ok(Some((subject, last)))
}
