//! Gates, what was answered at them, and the questions to people that came of it.

use chrono::{DateTime, Utc};
use domain::decisions::Decision;
use domain::gates::{Answer, Gate, Hook, Tool, Why};
use domain::ids::{GateId, RunId, ServiceId, WorkloadId};
use domain::runs::Run;
use domain::verdict::Verdict;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// A gate that is about to be.
#[derive(Clone, Debug)]
pub struct New<'a> {
    pub service: ServiceId,
    pub workload: WorkloadId,
    pub tool: Tool,
    pub name: &'a str,
    pub consent: bool,
    pub hash: [u8; 32],
    /// As the audit log writes it.
    pub by: &'a str,
}

/// What is known of a gate beside what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub gate: Gate,
    /// As the audit log writes it.
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    pub asked_at: Option<DateTime<Utc>>,
    /// The newest answer of each hook that asked.
    pub answers: Vec<Given>,
}

/// An answer, since when it has been the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub hook: Hook,
    pub at: DateTime<Utc>,
    pub verdict: Verdict,
    pub why: Why,
}

/// A new gate; the one of the same tool before it is good no longer.
pub async fn make(tx: &mut PgConnection, new: New<'_>, at: DateTime<Utc>) -> Result<GateId, Error> {
    sqlx::query!(
        "UPDATE gates SET revoked_at = $3 WHERE workload_id = $1 AND tool = $2 AND revoked_at IS NULL",
        new.workload.0,
        new.tool.as_str(),
        at
    )
    .execute(&mut *tx)
    .await?;
    let id = sqlx::query_scalar!(
        "INSERT INTO gates (service_id, workload_id, tool, name, consent, hash, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        new.service.0,
        new.workload.0,
        new.tool.as_str(),
        new.name,
        new.consent,
        &new.hash[..],
        new.by,
        at
    );
    Ok(GateId(id.fetch_one(tx).await?))
}

/// Its token is good no longer.
pub async fn revoke(tx: &mut PgConnection, id: GateId, at: DateTime<Utc>) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE gates SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        id.0,
        at
    );
    match done.execute(tx).await?.rows_affected() {
        0 => Err(Error::NotFound),
        _ => Ok(()),
    }
}

/// The gate of the token with this hash, while it is good and its workload belongs to the service that it was made for.
pub async fn by_token(db: impl PgExecutor<'_>, hash: [u8; 32]) -> Result<Option<Gate>, Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT g.id, g.service_id, g.workload_id, g.tool, g.name, g.consent, g.finished_at
         FROM gates g JOIN services s ON s.id = g.service_id AND s.removed_at IS NULL
         WHERE g.hash = $1 AND g.revoked_at IS NULL",
        &hash[..]
    );
    row.fetch_optional(db).await?.map(Gate::try_from).transpose()
}

/// As it is by now, locked until the transaction ends: two calls at once must not ask people twice.
pub async fn lock(tx: &mut PgConnection, id: GateId, at: DateTime<Utc>) -> Result<Gate, Error> {
    let row = sqlx::query_as!(
        Row,
        "UPDATE gates SET asked_at = $2 WHERE id = $1 AND revoked_at IS NULL
         RETURNING id, service_id, workload_id, tool, name, consent, finished_at",
        id.0,
        at
    );
    row.fetch_optional(tx).await?.ok_or(Error::NotFound)?.try_into()
}

/// The gates of a workload that are good, with what was answered last.
pub async fn of_workload(
    db: &mut PgConnection,
    workload: WorkloadId,
) -> Result<Vec<Standing>, Error> {
    let rows = sqlx::query!(
        r#"SELECT id, service_id, workload_id, tool, name, consent, finished_at, created_by, created_at, asked_at
           FROM gates WHERE workload_id = $1 AND revoked_at IS NULL ORDER BY tool"#,
        workload.0
    );
    let mut standing = Vec::new();
    for row in rows.fetch_all(&mut *db).await? {
        let gate = Row {
            id: row.id,
            service_id: row.service_id,
            workload_id: row.workload_id,
            tool: row.tool,
            name: row.name,
            consent: row.consent,
            finished_at: row.finished_at,
        };
        standing.push(Standing {
            gate: gate.try_into()?,
            created_by: row.created_by,
            created_at: row.created_at,
            asked_at: row.asked_at,
            answers: answers(&mut *db, GateId(row.id)).await?,
        });
    }
    Ok(standing)
}

async fn answers(db: &mut PgConnection, gate: GateId) -> Result<Vec<Given>, Error> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (hook) id, hook, at, verdict, why FROM gate_answers
         WHERE gate_id = $1 ORDER BY hook, id DESC",
        gate.0
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
        let given = || {
            Some(Given {
                hook: Hook::parse(&row.hook)?,
                at: row.at,
                verdict: Verdict::parse(&row.verdict)?,
                why: Why::parse(&row.why)?,
            })
        };
        given().ok_or(Error::Inconsistent { table: "gate_answers", id: row.id.to_string() })
    });
    rows.collect()
}

/// Writes an answer down where it is not the one that was given last about the same template. `true`: it was written.
pub async fn answered(
    tx: &mut PgConnection,
    gate: GateId,
    hook: Hook,
    answer: Answer,
    digest: &str,
    told: &Value,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO gate_answers (gate_id, hook, at, verdict, why, digest, told)
         SELECT $1, $2, $3, $4, $5, $6, $7
         WHERE NOT EXISTS (
             SELECT FROM (
                 SELECT verdict, why, digest FROM gate_answers
                 WHERE gate_id = $1 AND hook = $2 ORDER BY id DESC LIMIT 1
             ) last WHERE last.verdict = $4 AND last.why = $5 AND last.digest = $6
         )",
        gate.0,
        hook.as_str(),
        at,
        answer.verdict.as_str(),
        answer.why.as_str(),
        digest,
        told
    );
    Ok(done.execute(tx).await?.rows_affected() == 1)
}

/// The tool said that the release is over, so what was agreed to is used up.
pub async fn finished(tx: &mut PgConnection, id: GateId, at: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!("UPDATE gates SET finished_at = $2 WHERE id = $1", id.0, at).execute(tx).await?;
    Ok(())
}

/// People are asked by this run.
pub async fn ask(tx: &mut PgConnection, gate: GateId, hook: Hook, run: RunId) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO gate_questions (run_id, gate_id, hook) VALUES ($1, $2, $3)",
        run.0,
        gate.0,
        hook.as_str()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The newest questions of a hook, the newest first.
pub async fn asked(
    db: &mut PgConnection,
    gate: GateId,
    hook: Hook,
    most: i64,
) -> Result<Vec<Run>, Error> {
    let ids = sqlx::query_scalar!(
        "SELECT q.run_id FROM gate_questions q JOIN runs r ON r.id = q.run_id
         WHERE q.gate_id = $1 AND q.hook = $2 ORDER BY r.created_at DESC, r.id DESC LIMIT $3",
        gate.0,
        hook.as_str(),
        most
    );
    let mut runs = Vec::new();
    for id in ids.fetch_all(&mut *db).await? {
        runs.push(crate::runs::get(&mut *db, RunId(id)).await?);
    }
    Ok(runs)
}

/// The runs about this workload that are under way and have a gate in them.
pub async fn going(db: &mut PgConnection, service: ServiceId) -> Result<Vec<Run>, Error> {
    let ids = sqlx::query_scalar!(
        r#"SELECT r.id FROM runs r JOIN plans p ON p.digest = r.plan_digest
           WHERE r.service_id = $1 AND r.state = 'running' AND p.steps @> '[{"kind": "gate"}]'"#,
        service.0
    );
    let mut runs = Vec::new();
    for id in ids.fetch_all(&mut *db).await? {
        runs.push(crate::runs::get(&mut *db, RunId(id)).await?);
    }
    Ok(runs)
}

/// The signals that fire about a service, or about this workload of it alone, with the newest decision about each.
pub async fn firing(
    db: impl PgExecutor<'_>,
    service: ServiceId,
    workload: WorkloadId,
) -> Result<Vec<(String, Option<Decision>)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT a.name, (
               SELECT d.decision FROM decisions d WHERE d.alert_id = a.id ORDER BY d.at DESC, d.id DESC LIMIT 1
           ) AS "decision: Json<Decision>"
           FROM alerts a
           WHERE a.service_id = $1 AND a.state = 'firing' AND (a.workload_id IS NULL OR a.workload_id = $2)
           ORDER BY a.name, a.id"#,
        service.0,
        workload.0
    );
    let rows = rows.fetch_all(db).await?;
    Ok(rows.into_iter().map(|it| (it.name, it.decision.map(|it| it.0))).collect())
}

struct Row {
    id: Uuid,
    service_id: Uuid,
    workload_id: Uuid,
    tool: String,
    name: String,
    consent: bool,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Gate {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let tool = Tool::parse(&row.tool);
        let broken = || Error::Inconsistent { table: "gates", id: row.id.to_string() };
        Ok(Gate {
            id: GateId(row.id),
            service: ServiceId(row.service_id),
            workload: WorkloadId(row.workload_id),
            tool: tool.ok_or_else(broken)?,
            name: row.name,
            consent: row.consent,
            finished_at: row.finished_at,
        })
    }
}
