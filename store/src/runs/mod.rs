//! Runs with their steps and approvals, and the lease by which one worker at a time carries a run out.

use chrono::{DateTime, Utc};
use domain::ids::{DrillId, RunId, ServiceId};
use domain::runs::{NewRun, Purpose, Run, StateName};
use serde_json::json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

pub use self::lease::{Claim, claim, due, lock_claimed, release, renew};
use self::row::{ApprovalRow, Row, StepRow};
use crate::Error;

mod lease;
mod row;
#[cfg(test)]
mod tests;

/// What a list of runs is narrowed down to. The default is all of them, newest first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub service: Option<ServiceId>,
    pub state: Option<StateName>,
    pub since: Option<DateTime<Utc>>,
    pub oldest_first: bool,
    /// The last one of the page before.
    pub after: Option<(DateTime<Utc>, RunId)>,
    pub limit: i64,
}

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT r.id, service_id, purpose, purpose_id, requested_by, r.reason, r.created_at, required_count,
                   required_roles, expires_at, escalate_at, state, state_at, note, failed_step, moved,
                   wish, wish_by, wish_reason, wish_at, escalated, confirmed_at, epoch,
                   p.digest, p.steps AS planned, p.live,
                   COALESCE((
                       SELECT jsonb_agg(to_jsonb(s) ORDER BY position) FROM run_steps s WHERE run_id = r.id
                   ), '[]') AS "steps!",
                   COALESCE((
                       SELECT jsonb_agg(to_jsonb(a) ORDER BY at, by) FROM approvals a WHERE run_id = r.id
                   ), '[]') AS "approvals!"
               FROM runs r JOIN plans p ON p.digest = r.plan_digest WHERE "# + $condition
            $(, $argument)*
        )
    };
}
use select;

pub async fn get(db: impl PgExecutor<'_>, id: RunId) -> Result<Run, Error> {
    let row = select!("r.id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// Locks the row until the transaction ends.
pub async fn lock(tx: &mut PgConnection, id: RunId) -> Result<Run, Error> {
    let row = select!("r.id = $1 FOR UPDATE OF r", id.0).fetch_optional(tx).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

pub async fn list(db: impl PgExecutor<'_>, filter: &Filter) -> Result<Vec<Run>, Error> {
    let service = filter.service.map(|it| it.0);
    let state = filter.state.map(StateName::as_str);
    let (at, id) = filter.after.map(|(at, id)| (at, id.0)).unzip();
    let rows = match filter.oldest_first {
        false => {
            select!(
                "($1::uuid IS NULL OR service_id = $1) AND ($2::text IS NULL OR state = $2)
                 AND ($3::timestamptz IS NULL OR r.created_at >= $3)
                 AND ($4::timestamptz IS NULL OR (r.created_at, r.id) < ($4, $5::uuid))
                 ORDER BY r.created_at DESC, r.id DESC LIMIT $6",
                service,
                state,
                filter.since,
                at,
                id,
                filter.limit
            )
            .fetch_all(db)
            .await?
        }
        true => {
            select!(
                "($1::uuid IS NULL OR service_id = $1) AND ($2::text IS NULL OR state = $2)
                 AND ($3::timestamptz IS NULL OR r.created_at >= $3)
                 AND ($4::timestamptz IS NULL OR (r.created_at, r.id) > ($4, $5::uuid))
                 ORDER BY r.created_at, r.id LIMIT $6",
                service,
                state,
                filter.since,
                at,
                id,
                filter.limit
            )
            .fetch_all(db)
            .await?
        }
    };
    rows.into_iter().map(Run::try_from).collect()
}

/// Those that were made for a drill, the oldest first: one that was refused can be asked for again.
pub async fn of_drill(db: impl PgExecutor<'_>, drill: DrillId) -> Result<Vec<Run>, Error> {
    let rows =
        select!("purpose = 'drill' AND purpose_id = $1 ORDER BY r.created_at, r.id", drill.0);
    rows.fetch_all(db).await?.into_iter().map(Run::try_from).collect()
}

/// A run that waits for approval, with its plan. What approves it at once is done with it before the commit
/// and saved.
pub async fn create(tx: &mut PgConnection, new: NewRun) -> Result<Run, Error> {
    crate::plans::insert(tx, &new.plan, new.at).await?;
    let (purpose, purpose_id) = purpose(new.purpose);
    let roles: Vec<String> = new.required.roles.iter().map(|it| it.as_str().to_owned()).collect();
    let id = sqlx::query_scalar!(
        "INSERT INTO runs (service_id, purpose, purpose_id, plan_digest, requested_by, reason, created_at,
             required_count, required_roles, expires_at, escalate_at, state, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'awaiting_approval', $12) RETURNING id",
        new.service.map(|it| it.0),
        purpose,
        purpose_id,
        new.plan.digest().as_str(),
        new.requested_by,
        new.reason,
        new.at,
        i32::try_from(new.required.count).unwrap_or(i32::MAX),
        &roles,
        new.required.expires_at,
        &new.required.escalate_at,
        new.required.escalate_at.first().copied().unwrap_or(new.required.expires_at)
    );
    let id = id.fetch_one(&mut *tx).await?;
    let run = Run::new(RunId(id), new);
    write_steps(tx, &run).await?;
    Ok(run)
}

/// Writes the run as it is now. Whoever changes it has locked it, and a worker's claim must still hold:
/// [`Error::Fenced`] says that somebody else carries it out by now.
pub async fn save(tx: &mut PgConnection, run: &Run, now: DateTime<Utc>) -> Result<(), Error> {
    let state = row::State::of(&run.state)?;
    let saved = sqlx::query!(
        "UPDATE runs SET state = $3, state_at = $4, note = $5, failed_step = $6, moved = $7,
             wish = $8, wish_by = $9, wish_reason = $10, wish_at = $11, confirmed_at = $12, due_at = $13,
             escalated = $14
         WHERE id = $1 AND epoch = $2",
        run.id.0,
        run.epoch,
        run.state.name().as_str(),
        state.at,
        state.note,
        state.failed_step,
        state.moved,
        run.wish.as_ref().map(|it| it.kind.as_str()),
        run.wish.as_ref().map(|it| it.by.as_str()),
        run.wish.as_ref().map(|it| it.reason.as_str()),
        run.wish.as_ref().map(|it| it.at),
        run.confirmed_at,
        run.due(now),
        i32::try_from(run.escalated).unwrap_or(i32::MAX)
    );
    if saved.execute(&mut *tx).await?.rows_affected() == 0 {
        return Err(Error::Fenced { table: "runs", id: run.id.to_string() });
    }
    write_steps(tx, run).await?;
    write_approvals(tx, run).await?;
    match run.purpose {
        Purpose::Rollback(_) => crate::rollbacks::follow(tx, run, now).await,
        Purpose::Drill(_) => crate::drills::follow(tx, run).await,
        Purpose::Run => Ok(()),
    }
}

/// Those that have not changed are left alone.
async fn write_steps(tx: &mut PgConnection, run: &Run) -> Result<(), Error> {
    let steps = run.steps.iter().enumerate().map(|(i, step)| StepRow::of(i, step));
    let steps = json!(steps.collect::<Result<Vec<_>, _>>()?);
    sqlx::query!(
        "INSERT INTO run_steps (run_id, position, state, attempts, note, started_at, finished_at, intent, proof)
         SELECT $1, position, state, attempts, note, started_at, finished_at, intent, proof
         FROM jsonb_to_recordset($2) AS s (
             position integer, state text, attempts integer, note jsonb, started_at timestamptz,
             finished_at timestamptz, intent jsonb, proof jsonb
         )
         ON CONFLICT (run_id, position) DO UPDATE SET
             state = excluded.state, attempts = excluded.attempts, note = excluded.note,
             started_at = excluded.started_at, finished_at = excluded.finished_at,
             intent = excluded.intent, proof = excluded.proof
         WHERE run_steps IS DISTINCT FROM excluded",
        run.id.0,
        steps
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A decision is never changed; only what became of it.
async fn write_approvals(tx: &mut PgConnection, run: &Run) -> Result<(), Error> {
    if run.approvals.is_empty() {
        return Ok(());
    }
    let approvals: Vec<_> = run.approvals.iter().map(ApprovalRow::of).collect();
    sqlx::query!(
        "INSERT INTO approvals (run_id, requested_by, by, kind, person, roles, policy, policy_version, decision,
             reason, at, plan_digest, spent_at, void_at)
         SELECT $1, $2, by, kind, person, roles, policy, policy_version, decision, reason, at, plan_digest,
             spent_at, void_at
         FROM jsonb_to_recordset($3) AS a (
             by text, kind text, person text, roles text[], policy text, policy_version integer, decision text,
             reason text, at timestamptz, plan_digest text, spent_at timestamptz, void_at timestamptz
         )
         ON CONFLICT (run_id, by) DO UPDATE SET spent_at = excluded.spent_at, void_at = excluded.void_at
         WHERE (approvals.spent_at, approvals.void_at) IS DISTINCT FROM (excluded.spent_at, excluded.void_at)",
        run.id.0,
        run.requested_by,
        json!(approvals)
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn purpose(purpose: Purpose) -> (&'static str, Option<Uuid>) {
    match purpose {
        Purpose::Rollback(id) => ("rollback", Some(id.0)),
        Purpose::Drill(id) => ("drill", Some(id.0)),
        Purpose::Run => ("run", None),
    }
}
