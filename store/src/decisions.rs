//! What the rules made of each situation, with what they looked at.

use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use domain::decide::situation::Situation;
use domain::decisions::Decision;
use domain::ids::{AlertId, DecisionId, RollbackId, ServiceId, WorkloadId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// A decision that is to be kept.
#[derive(Debug)]
pub struct New<'a> {
    pub service: ServiceId,
    pub workload: Option<WorkloadId>,
    pub alert: Option<AlertId>,
    pub follows: Option<DecisionId>,
    /// Digest of what the rules looked at, times aside.
    pub input: Digest,
    pub situation: &'a Situation,
    pub decision: &'a Decision,
}

/// A decision that was kept.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: DecisionId,
    pub service: String,
    pub workload: Option<WorkloadId>,
    pub alert: Option<AlertId>,
    pub at: DateTime<Utc>,
    pub follows: Option<DecisionId>,
    pub rollback: Option<RollbackId>,
    pub input: String,
    pub situation: Value,
    pub decision: Decision,
}

pub async fn insert(
    tx: &mut PgConnection,
    new: New<'_>,
    at: DateTime<Utc>,
) -> Result<DecisionId, Error> {
    let id = sqlx::query_scalar!(
        "INSERT INTO decisions (service_id, workload_id, alert_id, at, follows, input, situation, decision, outcome,
                                disposition, score, confidence)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
        new.service.0,
        new.workload.map(|it| it.0),
        new.alert.map(|it| it.0),
        at,
        new.follows.map(|it| it.0),
        new.input.as_str(),
        serde_json::to_value(new.situation).unwrap_or_default(),
        serde_json::to_value(new.decision).unwrap_or_default(),
        new.decision.outcome.as_str(),
        new.decision.disposition.as_str(),
        new.decision.score,
        new.decision.confidence
    );
    Ok(DecisionId(id.fetch_one(tx).await?))
}

/// The newest one about an alert: what it looked at, and when.
#[derive(Clone, Debug)]
pub struct Newest {
    pub id: DecisionId,
    pub at: DateTime<Utc>,
    pub input: String,
}

pub async fn newest_of(db: impl PgExecutor<'_>, alert: AlertId) -> Result<Option<Newest>, Error> {
    let row = sqlx::query!(
        "SELECT id, at, input FROM decisions WHERE alert_id = $1 ORDER BY at DESC LIMIT 1",
        alert.0
    );
    let row = row.fetch_optional(db).await?;
    Ok(row.map(|it| Newest { id: DecisionId(it.id), at: it.at, input: it.input }))
}

/// The workload that an alert was last decided about.
pub async fn workload_of(
    db: impl PgExecutor<'_>,
    alert: AlertId,
) -> Result<Option<WorkloadId>, Error> {
    let id = sqlx::query_scalar!(
        r#"SELECT workload_id AS "workload_id!" FROM decisions
           WHERE alert_id = $1 AND workload_id IS NOT NULL ORDER BY at DESC LIMIT 1"#,
        alert.0
    );
    Ok(id.fetch_optional(db).await?.map(WorkloadId))
}

pub async fn get(db: impl PgExecutor<'_>, id: DecisionId) -> Result<Stored, Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT d.id, services.name AS service, d.workload_id, d.alert_id, d.at, d.follows, d.input, d.situation,
                  d.decision, (SELECT r.id FROM rollbacks r WHERE r.decision_id = d.id) AS rollback_id
           FROM decisions d JOIN services ON services.id = d.service_id WHERE d.id = $1"#,
        id.0
    );
    row.fetch_optional(db).await?.ok_or(Error::NotFound)?.try_into()
}

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub service: Option<String>,
    pub alert: Option<AlertId>,
    /// An outcome.
    pub state: Option<String>,
    pub since: Option<DateTime<Utc>>,
    /// After this one, in the order of the list.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// Newest first.
pub async fn list(db: impl PgExecutor<'_>, filter: &Filter) -> Result<Vec<Stored>, Error> {
    let (at, id) = filter.after.unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT d.id, services.name AS service, d.workload_id, d.alert_id, d.at, d.follows, d.input, d.situation,
                  d.decision, (SELECT r.id FROM rollbacks r WHERE r.decision_id = d.id) AS rollback_id
           FROM decisions d JOIN services ON services.id = d.service_id
           WHERE ($1::text IS NULL OR services.name = $1) AND ($2::uuid IS NULL OR d.alert_id = $2)
                 AND ($3::text IS NULL OR d.outcome = $3) AND ($4::timestamptz IS NULL OR d.at >= $4)
                 AND ($5::timestamptz IS NULL OR (d.at, d.id) < ($5, $6))
           ORDER BY d.at DESC, d.id DESC LIMIT $7"#,
        filter.service.as_deref(),
        filter.alert.map(|it| it.0),
        filter.state.as_deref(),
        filter.since,
        at,
        id,
        filter.limit
    );
    rows.fetch_all(db).await?.into_iter().map(Stored::try_from).collect()
}

struct Row {
    id: Uuid,
    service: String,
    workload_id: Option<Uuid>,
    alert_id: Option<Uuid>,
    at: DateTime<Utc>,
    follows: Option<Uuid>,
    input: String,
    situation: Value,
    decision: Value,
    rollback_id: Option<Uuid>,
}

impl TryFrom<Row> for Stored {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let broken = |_| Error::Inconsistent { table: "decisions", id: row.id.to_string() };
        Ok(Stored {
            id: DecisionId(row.id),
            service: row.service,
            workload: row.workload_id.map(WorkloadId),
            alert: row.alert_id.map(AlertId),
            at: row.at,
            follows: row.follows.map(DecisionId),
            rollback: row.rollback_id.map(RollbackId),
            input: row.input,
            situation: row.situation,
            decision: serde_json::from_value(row.decision).map_err(broken)?,
        })
    }
}
