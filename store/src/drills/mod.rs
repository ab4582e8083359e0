//! The ledger of drills.

use chrono::{DateTime, NaiveDate, Utc};
use domain::access::Subject;
use domain::drills::{Drill, Injection, Seen, State, StateName};
use domain::ids::{DrillId, RollbackId, RunId, WorkloadId};
use domain::runs::{Purpose, Run};
use domain::workloads::Workload;
use serde_json::json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

pub use self::list::{Filter, Key, Listed, Sort, SortBy, key_of, list, listed};
pub use self::measured::{ToMeasure, keep_measured, to_measure};
use self::row::Row;
use crate::{Error, measurements, numbers, rollbacks, runs};

pub mod imports;
mod list;
mod measured;
mod order;
mod row;
#[cfg(test)]
mod tests;

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT d.id AS "id!", d.number AS "number!", d.scenario AS "scenario!", d.script,
                   d.kind AS "kind!", d.service_id, s.name AS "service_name?", s.team AS "team?",
                   d.workload_id, d.steps AS "steps!", d.lead, d.participants AS "participants!", d.headcount,
                   d.expected_drill_id, e.name AS "expected_name?", d.period, d.retest_of,
                   r.number AS "retest_of_number?", d.retest_days AS "retest_days!", d.criteria AS "criteria!",
                   d.follow_ups AS "follow_ups!", d.tickets AS "tickets!", d.unprotected AS "unprotected!", d.event, d.report_to,
                   d.imported_at, d.links AS "links!",
                   d.planned_by AS "planned_by!", d.planned_at AS "planned_at!",
                   d.closure_limit_s AS "closure_limit_s!", d.targets AS "targets!",
                   d.requirements AS "requirements!", d.took_part AS "took_part!", d.run_id, d.rollback_id,
                   d.injected_at, d.t0, d.recovered_at, d.t1, d.state AS "state!", d.state_reason, d.signed_by,
                   d.signed_at, d.sign_note, d.outcome, d.retest_due, d.created_at AS "created_at!",
                   COALESCE((
                       SELECT jsonb_agg(to_jsonb(m) ORDER BY window_from, window_to, m.name)
                       FROM (
                           SELECT m.name, value, unit, verdict, source, query, window_from, window_to, measured_at,
                               result, objective_version, o.name AS objective
                           FROM measurements m LEFT JOIN objectives o ON o.id = m.objective_id
                           WHERE subject = 'drills/' || d.number
                       ) m
                   ), '[]') AS "measurements!",
                   COALESCE((
                       SELECT jsonb_agg(to_jsonb(i) ORDER BY position) FROM drill_issues i WHERE drill_id = d.id
                   ), '[]') AS "issues!",
                   COALESCE((
                       SELECT jsonb_agg(to_jsonb(a) ORDER BY position) FROM drill_actions a WHERE drill_id = d.id
                   ), '[]') AS "actions!"
               FROM drills d
               LEFT JOIN services s ON s.id = d.service_id
               LEFT JOIN expected_drills e ON e.id = d.expected_drill_id
               LEFT JOIN drills r ON r.id = d.retest_of
               WHERE "# + $condition
            $(, $argument)*
        )
    };
}

use select;

/// A drill that does not exist yet: everything but its number. `day` is today in the installation's zone.
pub async fn insert(tx: &mut PgConnection, new: Drill, day: NaiveDate) -> Result<Drill, Error> {
    let number = numbers::next(tx, numbers::Kind::Drill, day).await?;
    write(tx, Drill { number, ..new }).await
}

/// The row of an older ledger, which keeps its number; those that are drawn here go on after it.
///
/// # Errors
/// [`Error::Taken`] where there is a drill of this number.
pub async fn take_over(tx: &mut PgConnection, old: Drill) -> Result<Drill, Error> {
    let number = old.number.clone();
    let broken = || Error::Inconsistent { table: "drills", id: number.clone() };
    let (day, place) = domain::drills::ledger::dated(&number).ok_or_else(broken)?;
    numbers::keep(tx, numbers::Kind::Drill, day, place).await?;
    let taken = |error: &sqlx::Error| {
        error.as_database_error().is_some_and(|it| it.constraint() == Some("drills_number_key"))
    };
    match write(tx, old).await {
        Err(Error::Database(error)) if taken(&error) => Err(Error::Taken),
        other => other,
    }
}

async fn write(tx: &mut PgConnection, new: Drill) -> Result<Drill, Error> {
    // A row without steps or lead is a missed one or an imported one from the first moment.
    let birth = match new.state {
        State::Missed { .. } => StateName::Missed,
        _ => StateName::Planned,
    };
    let id = sqlx::query_scalar!(
        "INSERT INTO drills (number, scenario, kind, service_id, workload_id, steps, lead, participants, planned_by,
             planned_at, closure_limit_s, targets, requirements, state, created_at, script, headcount,
             expected_drill_id, period, retest_of, retest_days, criteria, follow_ups, imported_at, links,
             report_to)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
             $23, $24, $25, $26)
         RETURNING id",
        new.number,
        new.scenario,
        new.kind.as_str(),
        new.service.as_ref().map(|it| it.id.0),
        new.workload.map(|it| it.0),
        json!(new.steps),
        new.lead,
        &new.participants,
        new.planned_by,
        new.planned_at,
        to_i32(new.closure_limit_s),
        json!(new.targets),
        json!(new.requirements),
        birth.as_str(),
        new.created_at,
        new.script,
        new.headcount.map(to_i32),
        new.expected.as_ref().map(|it| it.id.0),
        new.expected.as_ref().map(|it| it.period.as_str()),
        new.retest_of.as_ref().map(|it| it.id.0),
        to_i32(new.retest_days),
        json!(new.criteria),
        &new.follow_ups,
        new.imported_at,
        &new.links,
        new.report_to
    );
    let id = DrillId(id.fetch_one(&mut *tx).await?);
    let drill = Drill { id, ..new };
    // What has happened to it already is written like what happens later.
    if drill.state.name() != birth || drill.imported_at.is_some() {
        save(tx, &drill).await?;
    }
    Ok(drill)
}

fn to_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Writes what changes in the life of a drill. Whoever changes it has locked it.
pub async fn save(tx: &mut PgConnection, drill: &Drill) -> Result<(), Error> {
    let it = drill;
    let signed = it.state.sign_off();
    sqlx::query!(
        "UPDATE drills SET requirements = $2, took_part = $3, run_id = $4, rollback_id = $5, injected_at = $6, t0 = $7,
             recovered_at = $8, t1 = $9, state = $10, state_reason = $11, signed_by = $12, signed_at = $13,
             sign_note = $14, outcome = $15, retest_due = $16, criteria = $17, follow_ups = $18, tickets = $19,
             unprotected = $20, event = $21
         WHERE id = $1",
        it.id.0,
        json!(it.requirements),
        &it.took_part,
        it.run.map(|it| it.0),
        it.rollback.map(|it| it.0),
        it.times.injected_at,
        it.times.t0,
        it.times.recovered_at,
        it.times.t1,
        it.state.name().as_str(),
        it.state.reason(),
        signed.map(|it| it.by.as_str()),
        signed.map(|it| it.at),
        signed.map(|it| it.note.as_str()),
        signed.map(|it| it.outcome.as_str()),
        signed.and_then(|it| it.retest_due),
        json!(it.criteria),
        &it.follow_ups,
        json!(it.tickets),
        json!(it.unprotected),
        it.event
    )
    .execute(&mut *tx)
    .await?;
    let subject = Subject::new("drills", &it.number);
    // Those that objectives or queries give are their own worker's.
    let by_query = |name: &str| it.targets.iter().any(|it| it.name == name && it.measure.is_some());
    let own = it.measurements.iter().filter(|it| it.objective.is_none() && !by_query(&it.name));
    let own: Vec<_> = own.cloned().collect();
    let service = it.service.as_ref().map(|it| it.id);
    measurements::put(tx, &subject, service, &own).await?;
    write_issues(tx, it).await?;
    write_actions(tx, it).await
}

/// What was written stays as it is; only what is new is added.
async fn write_issues(tx: &mut PgConnection, drill: &Drill) -> Result<(), Error> {
    if drill.issues.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO drill_issues (drill_id, position, text, about, class, cause, remedy, by, at)
         SELECT $1, n, i ->> 'text', i ->> 'about', i ->> 'class', i ->> 'cause', i ->> 'remedy', i ->> 'by',
                (i ->> 'at')::timestamptz
         FROM jsonb_array_elements($2) WITH ORDINALITY AS issues (i, n)
         ON CONFLICT (drill_id, position) DO NOTHING",
        drill.id.0,
        json!(drill.issues)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Of what was written only the verification is added.
async fn write_actions(tx: &mut PgConnection, drill: &Drill) -> Result<(), Error> {
    if drill.actions.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = drill.actions.iter().map(row::ActionRow::of).collect();
    sqlx::query!(
        "INSERT INTO drill_actions (drill_id, position, text, owner, due, critical, verified_by, verified_at, evidence)
         SELECT $1, position, text, owner, due, critical, verified_by, verified_at, evidence
         FROM jsonb_to_recordset($2) AS a (
             position integer, text text, owner text, due timestamptz, critical boolean, verified_by text,
             verified_at timestamptz, evidence text
         )
         ON CONFLICT (drill_id, position) DO UPDATE SET
             verified_by = excluded.verified_by, verified_at = excluded.verified_at, evidence = excluded.evidence
         WHERE drill_actions.verified_at IS NULL",
        drill.id.0,
        json!(rows)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes over what became of its run, in the transaction that changed the run. Nothing for a run of something else.
pub async fn follow(tx: &mut PgConnection, run: &Run) -> Result<(), Error> {
    let Purpose::Drill(id) = run.purpose else { return Ok(()) };
    let drill = lock(tx, id).await?;
    let after = drill.clone().follow(run);
    if after == drill {
        return Ok(());
    }
    save(tx, &after).await
}

/// Looks at the rollback that the fault brought about, and writes what its clocks say. The drill where something
/// has changed.
pub async fn settle(
    tx: &mut PgConnection,
    id: DrillId,
    now: DateTime<Utc>,
) -> Result<Option<Drill>, Error> {
    let drill = lock(tx, id).await?;
    let mut after = drill.clone().miss(now);
    if let Some(rollback) = rollback_of(tx, &after).await? {
        let run = match rollback.run {
            Some(run) => Some(runs::get(&mut *tx, run).await?),
            None => None,
        };
        after = after.see(&Seen { rollback: &rollback, run: run.as_ref() });
    }
    if after == drill {
        return Ok(None);
    }
    save(tx, &after).await?;
    Ok(Some(after))
}

/// The first rollback of the workload since the fault was begun that brought the service back; until one has,
/// the first of all, which may be asked again under another number.
pub async fn rollback_of(
    tx: &mut PgConnection,
    drill: &Drill,
) -> Result<Option<domain::rollbacks::Rollback>, Error> {
    let (Some(workload), Some(since)) = (drill.workload, drill.times.injected_at) else {
        return Ok(None);
    };
    match first_since(&mut *tx, workload, since).await? {
        Some(id) => Ok(Some(rollbacks::get(tx, id).await?)),
        None => Ok(None),
    }
}

/// The number of the drill whose fault is what this workload runs now, where it is a drill's. Also of one that was
/// aborted: its fault stays until somebody takes it back.
pub async fn whose_fault(
    db: &mut PgConnection,
    workload: &Workload,
) -> Result<Option<String>, Error> {
    let rows = sqlx::query!(
        r#"SELECT number, run_id AS "run!" FROM drills
           WHERE workload_id = $1 AND run_id IS NOT NULL AND state IN ('running', 'aborted')
           ORDER BY created_at DESC"#,
        workload.id.0
    );
    for row in rows.fetch_all(&mut *db).await? {
        let run = runs::get(&mut *db, RunId(row.run)).await?;
        if Injection::is_of(&run, &workload.reference(), &workload.live.digest) {
            return Ok(Some(row.number));
        }
    }
    Ok(None)
}

/// The number of the drill that does a failed one again.
pub async fn retest_of(db: impl PgExecutor<'_>, id: DrillId) -> Result<Option<String>, Error> {
    let number = sqlx::query_scalar!("SELECT number FROM drills WHERE retest_of = $1", id.0);
    Ok(number.fetch_optional(db).await?)
}

/// Whether a drill of this workload is under way. Two that ask at once are told apart by the table's constraint.
pub async fn running_of(db: impl PgExecutor<'_>, workload: WorkloadId) -> Result<bool, Error> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM drills WHERE workload_id = $1 AND state = 'running') AS "found!""#,
        workload.0
    );
    Ok(found.fetch_one(db).await?)
}

async fn first_since(
    db: impl PgExecutor<'_>,
    workload: WorkloadId,
    since: DateTime<Utc>,
) -> Result<Option<RollbackId>, Error> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM rollbacks WHERE workload_id = $1 AND created_at >= $2
         ORDER BY healthy_at IS NULL, created_at LIMIT 1",
        workload.0,
        since
    );
    Ok(id.fetch_optional(db).await?.map(RollbackId))
}

/// Those that the clock or a rollback may move on: planned ones that are overdue, and running ones.
pub async fn under_way(
    db: impl PgExecutor<'_>,
    overdue: DateTime<Utc>,
) -> Result<Vec<DrillId>, Error> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM drills WHERE (state = 'running' AND t0 IS NOT NULL) OR (state = 'planned' AND planned_at < $1)
         ORDER BY planned_at",
        overdue
    );
    Ok(ids.fetch_all(db).await?.into_iter().map(DrillId).collect())
}

pub async fn by_number(db: impl PgExecutor<'_>, number: &str) -> Result<Drill, Error> {
    let row = select!("d.number = $1", number).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

pub async fn get(db: impl PgExecutor<'_>, id: DrillId) -> Result<Drill, Error> {
    let row = select!("d.id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// By its number or its id, as addresses name it.
pub async fn find(db: impl PgExecutor<'_>, name: &str) -> Result<Drill, Error> {
    match name.parse::<Uuid>() {
        Ok(id) => get(db, DrillId(id)).await,
        Err(_) => by_number(db, name).await,
    }
}

/// Locks the row until the transaction ends. It is read once the lock is held: one statement for both would see what
/// belongs to it as it was before the wait.
pub async fn lock(tx: &mut PgConnection, id: DrillId) -> Result<Drill, Error> {
    let locked = sqlx::query_scalar!("SELECT id FROM drills WHERE id = $1 FOR UPDATE", id.0);
    locked.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
    get(tx, id).await
}

/// Those in which something waits for somebody, whoever that is: begun and not signed, missed and not explained, given up
/// with a protection that is not back, with open action items (those of `name` before others'), and what is planned next. Of each at most `limit`.
pub async fn waiting(db: impl PgExecutor<'_>, name: &str, limit: i64) -> Result<Vec<Drill>, Error> {
    let rows = select!(
        "d.id IN (
             (SELECT id FROM drills WHERE state IN ('running', 'recovered', 'evidence_complete')
              ORDER BY created_at DESC LIMIT $2)
             UNION
             (SELECT id FROM drills WHERE state = 'missed' AND state_reason IS NULL AND imported_at IS NULL
              ORDER BY planned_at DESC LIMIT $2)
             UNION
             (SELECT id FROM drills WHERE state IN ('aborted', 'cancelled')
                  AND jsonb_path_exists(unprotected, '$[*] ? (@.to == null)')
              ORDER BY created_at DESC LIMIT $2)
             UNION
             (SELECT id FROM drills WHERE state = 'planned' ORDER BY planned_at LIMIT $2)
             UNION
             (SELECT drill_id FROM drill_actions WHERE verified_at IS NULL ORDER BY owner <> $1, due LIMIT $2)
         ) ORDER BY d.planned_at, d.number",
        name,
        limit
    );
    rows.fetch_all(db).await?.into_iter().map(Drill::try_from).collect()
}
