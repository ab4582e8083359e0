//! Runs with their steps and approvals, and the lease by which one worker at a time carries a run out.

use chrono::{DateTime, Utc};
use domain::ids::{DrillId, RunId, ServiceId};
use domain::runs::{NewRun, Purpose, Run, StateName};
use serde_json::{Value, json};
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
                   p.digest, p.steps AS planned, p.live, p.objects,
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

pub async fn get(db: impl PgExecutor<'_>, id: RunId) -> Result<Run, Error> {
    let row = select!("r.id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// Locks the row until the transaction ends. It is read once the lock is held: one statement for both would see the
/// steps and approvals as they were before the wait, and write them back.
pub async fn lock(tx: &mut PgConnection, id: RunId) -> Result<Run, Error> {
    let locked = sqlx::query_scalar!("SELECT id FROM runs WHERE id = $1 FOR UPDATE", id.0);
    locked.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
    get(tx, id).await
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

/// Those that have not ended, the oldest first.
pub async fn open(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<Run>, Error> {
    let rows = select!("due_at IS NOT NULL ORDER BY r.created_at, r.id LIMIT $1", limit);
    rows.fetch_all(db).await?.into_iter().map(Run::try_from).collect()
}

/// Those that were made for a drill, the oldest first: one that was refused can be asked for again.
pub async fn of_drill(db: impl PgExecutor<'_>, drill: DrillId) -> Result<Vec<Run>, Error> {
    let rows =
        select!("purpose = 'drill' AND purpose_id = $1 ORDER BY r.created_at, r.id", drill.0);
    rows.fetch_all(db).await?.into_iter().map(Run::try_from).collect()
}

/// A run that waits for approval, with its plan.
pub async fn create(tx: &mut PgConnection, new: NewRun) -> Result<Run, Error> {
    let id =
        sqlx::query_scalar!(r#"SELECT gen_random_uuid() AS "id!""#).fetch_one(&mut *tx).await?;
    let run = Run::new(RunId(id), new);
    insert(tx, &run, None).await?;
    Ok(run)
}

/// Writes the statement that `$run` is, named `run`, and with it the steps ($2) and approvals ($3) of run $1: one
/// round trip. A decision is never changed, only what became of it; steps that have not changed are left alone.
macro_rules! write {
    ($run:literal, $of:expr $(, $argument:expr)* $(,)?) => {
        sqlx::query_scalar!(
            "WITH " + $run + ", steps AS (
                 INSERT INTO run_steps
                     (run_id, position, state, attempts, note, started_at, finished_at, intent, proof)
                 SELECT run.id, s.position, s.state, s.attempts, s.note, s.started_at, s.finished_at, s.intent, s.proof
                 FROM run, jsonb_to_recordset($2) AS s (
                     position integer, state text, attempts integer, note jsonb, started_at timestamptz,
                     finished_at timestamptz, intent jsonb, proof jsonb
                 )
                 ON CONFLICT (run_id, position) DO UPDATE SET
                     state = excluded.state, attempts = excluded.attempts, note = excluded.note,
                     started_at = excluded.started_at, finished_at = excluded.finished_at,
                     intent = excluded.intent, proof = excluded.proof
                 WHERE run_steps IS DISTINCT FROM excluded
             ), consents AS (
                 INSERT INTO approvals (run_id, requested_by, by, kind, person, roles, policy, policy_version, decision,
                     reason, at, plan_digest, spent_at, void_at)
                 SELECT run.id, run.requested_by, a.by, a.kind, a.person, a.roles, a.policy, a.policy_version,
                     a.decision, a.reason, a.at, a.plan_digest, a.spent_at, a.void_at
                 FROM run, jsonb_to_recordset($3) AS a (
                     by text, kind text, person text, roles text[], policy text, policy_version integer, decision text,
                     reason text, at timestamptz, plan_digest text, spent_at timestamptz, void_at timestamptz
                 )
                 ON CONFLICT (run_id, by) DO UPDATE SET spent_at = excluded.spent_at, void_at = excluded.void_at
                 WHERE (approvals.spent_at, approvals.void_at) IS DISTINCT FROM (excluded.spent_at, excluded.void_at)
             )
             SELECT id FROM run",
            $of.id.0,
            steps($of)?,
            approvals($of),
            $($argument),*
        )
    };
}

/// A run that has no row yet, with its plan: it may have been approved already. Where a lease is asked for, whoever
/// inserts it holds the claim from the commit on.
pub async fn insert(
    tx: &mut PgConnection,
    run: &Run,
    lease_s: Option<f64>,
) -> Result<Option<Claim>, Error> {
    let (purpose, purpose_id) = purpose(run.purpose);
    let roles: Vec<String> = run.required.roles.iter().map(|it| it.as_str().to_owned()).collect();
    let state = row::State::of(&run.state)?;
    let epoch = i64::from(lease_s.is_some());
    let inserted = write!(
        "plan AS (
             INSERT INTO plans (digest, steps, live, objects, created_at) VALUES ($7, $20, $21, $22, $10)
             ON CONFLICT DO NOTHING
         ), run AS (
             INSERT INTO runs (id, service_id, purpose, purpose_id, plan_digest, requested_by, reason, created_at,
                 required_count, required_roles, expires_at, escalate_at, state, state_at, due_at, epoch,
                 leased_until)
             VALUES ($1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                 clock_timestamp() + make_interval(secs => $19))
             RETURNING id, requested_by
         )",
        run,
        run.service.map(|it| it.0),
        purpose,
        purpose_id,
        run.plan.digest().as_str(),
        run.requested_by,
        run.reason,
        run.requested_at,
        i32::try_from(run.required.count).unwrap_or(i32::MAX),
        &roles,
        run.required.expires_at,
        &run.required.escalate_at,
        run.state.name().as_str(),
        state.at,
        run.due(run.requested_at),
        epoch,
        lease_s,
        json!(run.plan.steps()),
        json!(run.plan.live()),
        json!(run.plan.objects())
    );
    inserted.fetch_one(tx).await?;
    Ok(lease_s.map(|_| Claim { run: run.id, epoch }))
}

/// Writes the run as it is now. Whoever changes it has locked it, and a worker's claim must still hold:
/// [`Error::Fenced`] says that somebody else carries it out by now.
pub async fn save(tx: &mut PgConnection, run: &Run, now: DateTime<Utc>) -> Result<(), Error> {
    let state = row::State::of(&run.state)?;
    let saved = write!(
        "run AS (
             UPDATE runs SET state = $5, state_at = $6, note = $7, failed_step = $8, moved = $9,
                 wish = $10, wish_by = $11, wish_reason = $12, wish_at = $13, confirmed_at = $14, due_at = $15,
                 escalated = $16
             WHERE id = $1 AND epoch = $4 RETURNING id, requested_by
         )",
        run,
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
    if saved.fetch_optional(&mut *tx).await?.is_none() {
        return Err(Error::Fenced { table: "runs", id: run.id.to_string() });
    }
    match run.purpose {
        Purpose::Rollback(_) => crate::rollbacks::follow(tx, run, now).await,
        Purpose::Drill(_) => crate::drills::follow(tx, run).await,
        Purpose::Run => Ok(()),
    }
}

fn steps(run: &Run) -> Result<Value, Error> {
    let steps = run.steps.iter().enumerate().map(|(i, step)| StepRow::of(i, step));
    Ok(json!(steps.collect::<Result<Vec<_>, _>>()?))
}

fn approvals(run: &Run) -> Value {
    run.approvals.iter().map(|it| json!(ApprovalRow::of(it))).collect()
}

fn purpose(purpose: Purpose) -> (&'static str, Option<Uuid>) {
    match purpose {
        Purpose::Rollback(id) => ("rollback", Some(id.0)),
        Purpose::Drill(id) => ("drill", Some(id.0)),
        Purpose::Run => ("run", None),
    }
}
