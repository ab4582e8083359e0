//! Incidents that are wished for and runbooks that are proposed.

use chrono::{DateTime, Utc};
use domain::access::Subject;
use domain::ids::{AlertId, OpeningId, RollbackId, ServiceId};
use domain::openings::{Cause, Kind, New, Opening, Priority};
use serde_json::json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::{Error, outbox};

struct Row {
    id: Uuid,
    kind: String,
    cause: String,
    severity: Option<String>,
    service_id: Uuid,
    service: String,
    team: String,
    alert_id: Option<Uuid>,
    rollback_id: Option<Uuid>,
    rollback: Option<String>,
    said: String,
    runbook: Option<String>,
    trace_id: Option<String>,
    opened_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    ended_by: Option<String>,
    ended_why: Option<String>,
}

macro_rules! select {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT o.id, o.kind, o.cause, o.severity, o.service_id, s.name AS service, s.team, o.alert_id, o.rollback_id,
                      r.number AS "rollback?", o.said, o.runbook, o.trace_id, o.opened_at, o.ended_at, o.ended_by,
                      o.ended_why
               FROM openings o JOIN services s ON s.id = o.service_id LEFT JOIN rollbacks r ON r.id = o.rollback_id "#
               + $rest
            $(, $argument)*
        )
    };
}

/// None where it is there already, or where another alert of the same signal has opened the same. Whoever sends
/// notices hears of it.
pub async fn open(
    tx: &mut PgConnection,
    new: &New,
    at: DateTime<Utc>,
) -> Result<Option<OpeningId>, Error> {
    let id = sqlx::query_scalar!(
        "INSERT INTO openings (kind, cause, severity, service_id, alert_id, rollback_id, said, runbook, trace_id, opened_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
         WHERE NOT EXISTS (
             SELECT FROM openings o JOIN alerts told ON told.id = o.alert_id JOIN alerts other ON other.name = told.name
             WHERE o.cause = $2 AND o.service_id = $4 AND o.ended_at IS NULL AND other.id = $5)
         ON CONFLICT DO NOTHING RETURNING id",
        new.kind.as_str(),
        new.cause.as_str(),
        new.severity.map(Priority::as_str),
        new.service.0,
        new.alert.map(|it| it.0),
        new.rollback.map(|it| it.0),
        new.said,
        new.runbook,
        new.trace_id,
        at
    );
    let Some(id) = id.fetch_optional(&mut *tx).await?.map(OpeningId) else { return Ok(None) };
    let subject = Subject::new("openings", id);
    let key = subject.to_string();
    let wish = outbox::Wish {
        kind: "opening",
        subject: &subject,
        at,
        payload: json!({
            "kind": new.kind, "cause": new.cause, "severity": new.severity, "service": new.service,
            "alert": new.alert, "rollback": new.rollback, "said": new.said, "runbook": new.runbook,
            "trace_id": new.trace_id,
        }),
        key: &key,
    };
    outbox::wish(tx, &wish).await?;
    Ok(Some(id))
}

/// Those of a signal that is over: a runbook that nobody needs any more. A wish for an incident stays, because what
/// happened has happened.
pub async fn end_of_alert(
    tx: &mut PgConnection,
    alert: AlertId,
    by: &str,
    why: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE openings SET ended_at = $2, ended_by = $3, ended_why = $4
         WHERE alert_id = $1 AND kind = 'runbook' AND ended_at IS NULL",
        alert.0,
        at,
        by,
        why
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// False where it has ended.
pub async fn end(
    tx: &mut PgConnection,
    id: OpeningId,
    by: &str,
    why: &str,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE openings SET ended_at = $2, ended_by = $3, ended_why = $4 WHERE id = $1 AND ended_at IS NULL",
        id.0,
        at,
        by,
        why
    );
    Ok(done.execute(tx).await?.rows_affected() == 1)
}

pub async fn get(db: impl PgExecutor<'_>, id: OpeningId) -> Result<Opening, Error> {
    let row = select!("WHERE o.id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// The oldest first.
pub async fn of_rollback(
    db: impl PgExecutor<'_>,
    rollback: RollbackId,
) -> Result<Vec<Opening>, Error> {
    let rows = select!(
        "WHERE o.rollback_id = $1
            OR o.alert_id IN (SELECT a::uuid FROM rollbacks b, jsonb_array_elements_text(b.trigger -> 'alerts') a
                              WHERE b.id = $1)
         ORDER BY o.opened_at, o.id",
        rollback.0
    );
    rows.fetch_all(db).await?.into_iter().map(Opening::try_from).collect()
}

/// Those that nobody has taken up, the oldest first.
pub async fn waiting(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<Opening>, Error> {
    let rows = select!("WHERE o.ended_at IS NULL ORDER BY o.opened_at, o.id LIMIT $1", limit);
    rows.fetch_all(db).await?.into_iter().map(Opening::try_from).collect()
}

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub service: Option<String>,
    pub kind: Option<Kind>,
    /// Those that wait, or those that have ended.
    pub open: Option<bool>,
    pub since: Option<DateTime<Utc>>,
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// Newest first.
pub async fn list(db: impl PgExecutor<'_>, filter: &Filter) -> Result<Vec<Opening>, Error> {
    let (at, id) = filter.after.unzip();
    let rows = select!(
        "WHERE ($1::text IS NULL OR s.name = $1) AND ($2::text IS NULL OR o.kind = $2)
           AND ($3::boolean IS NULL OR (o.ended_at IS NULL) = $3) AND ($4::timestamptz IS NULL OR o.opened_at >= $4)
           AND ($5::timestamptz IS NULL OR (o.opened_at, o.id) < ($5, $6))
         ORDER BY o.opened_at DESC, o.id DESC LIMIT $7",
        filter.service.as_deref(),
        filter.kind.map(Kind::as_str),
        filter.open,
        filter.since,
        at,
        id,
        filter.limit
    );
    rows.fetch_all(db).await?.into_iter().map(Opening::try_from).collect()
}

impl TryFrom<Row> for Opening {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let broken = || Error::Inconsistent { table: "openings", id: row.id.to_string() };
        let severity = row.severity.as_deref().map(|it| Priority::parse(it).ok_or_else(broken));
        Ok(Opening {
            id: OpeningId(row.id),
            kind: Kind::parse(&row.kind).ok_or_else(broken)?,
            cause: Cause::parse(&row.cause).ok_or_else(broken)?,
            severity: severity.transpose()?,
            service: ServiceId(row.service_id),
            service_name: row.service,
            team: row.team,
            alert: row.alert_id.map(AlertId),
            rollback: row.rollback_id.map(RollbackId),
            rollback_number: row.rollback,
            said: row.said,
            runbook: row.runbook,
            trace_id: row.trace_id,
            opened_at: row.opened_at,
            ended_at: row.ended_at,
            ended_by: row.ended_by,
            ended_why: row.ended_why,
        })
    }
}
