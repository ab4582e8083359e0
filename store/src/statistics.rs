//! What the statistics of rollbacks are counted from. What it comes to is decided in [`domain::statistics`].

use chrono::{DateTime, Utc};
use domain::decisions::{Cause, Outcome};
use domain::ids::DecisionId;
use domain::rollbacks::{Closure, Times};
use domain::statistics::{Rolled, Row, Shadow};
use sqlx::PgExecutor;

use crate::Error;

/// What is counted: opened since then, of one service or in one cluster. Rollbacks of drills say nothing about how
/// things go in earnest and are left out.
#[derive(Clone, Debug)]
pub struct Filter {
    pub since: DateTime<Utc>,
    pub service: Option<String>,
    pub cluster: Option<String>,
}

pub async fn rollbacks(db: impl PgExecutor<'_>, filter: &Filter) -> Result<Vec<Row>, Error> {
    let rows = sqlx::query!(
        r#"SELECT r.id, r.state, r.closure, r.automatic, r.cause, r.onset_at, r.detected_at, r.decided_at, r.approved_at,
                  r.executed_at, r.healthy_at, r.ended_at IS NOT NULL AS "ended!"
           FROM rollbacks r JOIN services s ON s.id = r.service_id
           WHERE r.created_at >= $1 AND r.drill_id IS NULL AND ($2::text IS NULL OR s.name = $2)
                 AND ($3::text IS NULL OR EXISTS (
                     SELECT FROM workloads w JOIN clusters c ON c.id = w.cluster_id
                     WHERE w.id = r.workload_id AND c.name = $3))"#,
        filter.since,
        filter.service.as_deref(),
        filter.cluster.as_deref()
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
        let broken = || Error::Inconsistent { table: "rollbacks", id: row.id.to_string() };
        let closure = row.closure.as_deref().map(|it| Closure::parse(it).ok_or_else(broken));
        let cause = row.cause.as_deref().map(|it| Cause::parse(it).ok_or_else(broken));
        Ok(Row {
            closure: closure.transpose()?,
            cause: cause.transpose()?,
            state: row.state,
            automatic: row.automatic,
            times: Times {
                onset_at: row.onset_at,
                detected_at: row.detected_at,
                decided_at: row.decided_at,
                approved_at: row.approved_at,
                executed_at: row.executed_at,
                healthy_at: row.healthy_at,
            },
            ended: row.ended,
        })
    });
    rows.collect()
}

/// A decision that was only recorded, with what happened after it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub id: DecisionId,
    pub service: String,
    pub shadow: Shadow,
}

/// The first decision about each alert that was only recorded, the newest first.
pub async fn shadows(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Recorded>, Error> {
    let rows = sqlx::query!(
        r#"SELECT d.id, s.name AS service, d.outcome, d.at, a.ends_at AS "ends_at?",
                  r.created_at AS "rolled_at?", r.closure AS "closure?",
                  EXISTS (SELECT FROM changes c WHERE c.workload_id = d.workload_id AND c.material AND c.at > d.at
                          AND (a.ends_at IS NULL OR c.at <= a.ends_at)) AS "changed!"
           FROM decisions d JOIN services s ON s.id = d.service_id LEFT JOIN alerts a ON a.id = d.alert_id
           LEFT JOIN LATERAL (
               SELECT created_at, closure FROM rollbacks
               WHERE workload_id = d.workload_id AND created_at >= d.at AND drill_id IS NULL AND NOT automatic
               ORDER BY created_at LIMIT 1
           ) r ON true
           WHERE d.disposition = 'record_only' AND d.follows IS NULL AND d.at >= $1
                 AND ($2::text IS NULL OR s.name = $2)
                 AND ($3::text IS NULL OR EXISTS (
                     SELECT FROM workloads w JOIN clusters c ON c.id = w.cluster_id
                     WHERE w.id = d.workload_id AND c.name = $3))
           ORDER BY d.at DESC, d.id DESC LIMIT $4"#,
        filter.since,
        filter.service.as_deref(),
        filter.cluster.as_deref(),
        limit
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
        let broken = || Error::Inconsistent { table: "decisions", id: row.id.to_string() };
        let closure = row.closure.as_deref().map(|it| Closure::parse(it).ok_or_else(broken));
        let closure = closure.transpose()?;
        Ok(Recorded {
            id: DecisionId(row.id),
            service: row.service,
            shadow: Shadow {
                outcome: Outcome::parse(&row.outcome).ok_or_else(broken)?,
                at: row.at,
                resolved_at: row.ends_at,
                rolled_back: row.rolled_at.map(|at| Rolled { at, closure }),
                changed: row.changed,
            },
        })
    });
    rows.collect()
}
