//! The ledger of rollbacks.

use chrono::{DateTime, NaiveDate, Utc};
use domain::canonical::Digest;
use domain::decisions::TargetKind;
use domain::ids::{DecisionId, DrillId, RollbackId, RunId, ServiceId, WorkloadId};
use domain::revisions::RevisionVerdict;
use domain::rollbacks::{Rollback, RunEvent, Side, State, Times, members};
use domain::runs::{Purpose, Run};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

mod open;

pub use self::open::{Opening, open, upgrade};
use crate::{Error, numbers, openings, rails, revisions};

/// A rollback that does not exist yet: everything but its number. `day` is today in the installation's zone.
pub async fn insert(
    tx: &mut PgConnection,
    new: Rollback,
    day: NaiveDate,
) -> Result<Rollback, Error> {
    let number = numbers::next(tx, numbers::Kind::Rollback, day).await?;
    sqlx::query!(
        r#"INSERT INTO rollbacks (id, number, service_id, workload_id, follows, trigger, decision_id, "from", target, run_id,
                                  plan_digest, asked, state, state_reason, closure, onset_at, detected_at, decided_at,
                                  approved_at, executed_at, healthy_at, verification, observation_s, created_at,
                                  ended_at, members, drill_id, cause, automatic)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                   $23, $24, $25, $27, (SELECT id FROM drills WHERE number = $26),
                   (SELECT decision ->> 'cause' FROM decisions WHERE id = $7),
                   EXISTS (SELECT FROM approvals WHERE run_id = $10 AND kind = 'policy' AND void_at IS NULL))"#,
        new.id.0,
        number,
        new.service.0,
        new.workload.map(|it| it.0),
        new.follows.map(|it| it.0),
        json(&new.trigger),
        new.decision.map(|it| it.0),
        new.from.as_ref().map(json),
        new.target.as_ref().map(json),
        new.run.map(|it| it.0),
        new.plan_digest.as_ref().map(Digest::as_str),
        i16::from(new.asked),
        new.state.as_str(),
        new.state.reason(),
        new.state.closure().map(|it| it.as_str()),
        new.times.onset_at,
        new.times.detected_at,
        new.times.decided_at,
        new.times.approved_at,
        new.times.executed_at,
        new.times.healthy_at,
        json(&new.verification),
        i32::try_from(new.observation_s).unwrap_or(i32::MAX),
        new.created_at,
        new.ended_at,
        new.drill,
        json(&new.members)
    )
    .execute(tx)
    .await?;
    Ok(Rollback { number, ..new })
}

/// What changes in the life of a rollback; the rest of the row is written once.
pub async fn save(tx: &mut PgConnection, rollback: &Rollback) -> Result<(), Error> {
    let it = rollback;
    sqlx::query!(
        "UPDATE rollbacks SET state = $2, state_reason = $3, closure = $4, run_id = $5, plan_digest = $6, asked = $7,
                approved_at = $8, executed_at = $9, healthy_at = $10, verification = $11, ended_at = $12,
                decision_id = $13, target = $14, trigger = $15,
                cause = (SELECT decision ->> 'cause' FROM decisions WHERE id = $13),
                automatic = EXISTS (SELECT FROM approvals WHERE run_id = $5 AND kind = 'policy' AND void_at IS NULL)
         WHERE id = $1",
        it.id.0,
        it.state.as_str(),
        it.state.reason(),
        it.state.closure().map(|it| it.as_str()),
        it.run.map(|it| it.0),
        it.plan_digest.as_ref().map(Digest::as_str),
        i16::from(it.asked),
        it.times.approved_at,
        it.times.executed_at,
        it.times.healthy_at,
        json(&it.verification),
        it.ended_at,
        it.decision.map(|it| it.0),
        it.target.as_ref().map(json),
        json(&it.trigger)
    )
    .execute(&mut *tx)
    .await?;
    if let (Some(new), Some(at)) = (domain::openings::of_rollback(it), it.ended_at) {
        openings::open(tx, &new, at).await?;
    }
    Ok(())
}

/// A failed one goes on, because its run is tried again.
pub async fn reopen(tx: &mut PgConnection, id: RollbackId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE rollbacks SET state = 'executing', state_reason = NULL, ended_at = NULL
         WHERE id = $1 AND state = 'failed'",
        id.0
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes over what became of its run, in the transaction that changed the run. Nothing for a run of its own.
pub async fn follow(tx: &mut PgConnection, run: &Run, now: DateTime<Utc>) -> Result<(), Error> {
    let Purpose::Rollback(id) = run.purpose else { return Ok(()) };
    let Some(event) = RunEvent::of(run) else { return Ok(()) };
    let rollback = match lock(tx, id).await {
        // The run is made a moment before its rollback, in the same transaction.
        Err(Error::NotFound) => return Ok(()),
        other => other?,
    };
    let before = rollback.clone();
    let after = rollback.follow(event, now);
    if after == before {
        return Ok(());
    }
    save(tx, &after).await?;
    if before.times.executed_at != after.times.executed_at {
        leave(tx, &after, run, now).await?;
    }
    Ok(())
}

/// The version that was left is bad, and is held: it does not come back unasked.
async fn leave(
    tx: &mut PgConnection,
    rollback: &Rollback,
    run: &Run,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if !rollback.members.is_empty() {
        let restored: Vec<_> = members::restored(run).collect();
        let back = rollback.members.iter().filter(|it| restored.contains(&&it.workload));
        for member in back {
            leave_version(tx, rollback, member.workload_id, &member.from, now).await?;
        }
        return Ok(());
    }
    match (rollback.workload, &rollback.from) {
        (Some(workload), Some(from)) => leave_version(tx, rollback, workload, from, now).await,
        _ => Ok(()),
    }
}

async fn leave_version(
    tx: &mut PgConnection,
    rollback: &Rollback,
    workload: WorkloadId,
    from: &Side,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let why = match &rollback.drill {
        Some(drill) => format!("put in by {drill}, rolled back from by {}", rollback.number),
        None => format!("rolled back from by {}", rollback.number),
    };
    let target = rollback.target.as_ref();
    let config = target.is_some_and(|it| it.kind == TargetKind::Config);
    for revision in revisions::with_digest(&mut *tx, workload, &from.digest).await? {
        // The same template was fine under other configurations, and goes on under the one that was restored.
        let restored = target.and_then(|it| it.config_digest.as_ref());
        let fine = revision.verdict == RevisionVerdict::Verified
            || restored == Some(&revision.config_digest);
        if config && fine {
            continue;
        }
        revisions::mark(tx, revision.id, RevisionVerdict::Bad, Some(&why), now).await?;
    }
    // Nobody released a drill's fault, so there is nothing to hold back; the drill may be done again. And what is
    // held is a template, of which a restored configuration left none.
    if rollback.drill.is_some() || config {
        return Ok(());
    }
    let hold = rails::Hold {
        service: rollback.service,
        workload: Some(workload),
        digest: from.digest.clone(),
        images: from.images.iter().map(|it| it.image.clone()).collect(),
        rollback: Some(rollback.id),
        since: now,
    };
    rails::hold(tx, &hold).await
}

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT rollbacks.*, services.name AS service_name,
                   (SELECT d.number FROM drills d WHERE d.id = rollbacks.drill_id) AS drill
               FROM rollbacks JOIN services ON services.id = service_id WHERE "# + $condition
            $(, $argument)*
        )
    };
}

pub async fn get(db: impl PgExecutor<'_>, id: RollbackId) -> Result<Rollback, Error> {
    let row = select!("rollbacks.id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

pub async fn by_number(db: impl PgExecutor<'_>, number: &str) -> Result<Rollback, Error> {
    let row = select!("number = $1", number).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// By its id or its number, as addresses name it.
pub async fn find(db: impl PgExecutor<'_>, name: &str) -> Result<Rollback, Error> {
    match name.parse::<Uuid>() {
        Ok(id) => get(db, RollbackId(id)).await,
        Err(_) => by_number(db, name).await,
    }
}

pub async fn of_run(db: impl PgExecutor<'_>, run: RunId) -> Result<Option<Rollback>, Error> {
    let row = select!("run_id = $1", run.0).fetch_optional(db).await?;
    row.map(Rollback::try_from).transpose()
}

/// Locks the rollback and before it its run, in the order in which whoever carries it out does: two that took them the
/// other way round would wait for each other for ever.
pub async fn lock_with_run(tx: &mut PgConnection, id: RollbackId) -> Result<Rollback, Error> {
    if let Some(run) = get(&mut *tx, id).await?.run {
        crate::runs::lock(tx, run).await?;
    }
    lock(tx, id).await
}

/// Locks the row until the transaction ends.
pub async fn lock(tx: &mut PgConnection, id: RollbackId) -> Result<Rollback, Error> {
    let row = select!("rollbacks.id = $1 FOR UPDATE OF rollbacks", id.0);
    row.fetch_optional(tx).await?.ok_or(Error::NotFound)?.try_into()
}

/// Rollbacks of a service are opened one after the other. Held until the transaction ends.
pub async fn lock_opening(tx: &mut PgConnection, service: ServiceId) -> Result<(), Error> {
    let lock = sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtext('rollbacks'), hashtext($1))",
        service.to_string()
    );
    lock.execute(tx).await?;
    Ok(())
}

/// The open one of a workload, alone, with others, or as a member of its release; there is at most one.
pub async fn open_of(
    db: impl PgExecutor<'_>,
    workload: WorkloadId,
) -> Result<Option<Rollback>, Error> {
    let row = select!(
        "ended_at IS NULL AND (workload_id = $1
             OR members @> jsonb_build_array(jsonb_build_object('workload_id', $1::uuid))
             OR (target ->> 'release' IS NOT NULL AND EXISTS (
                 SELECT FROM workloads own JOIN workloads it USING (cluster_id, namespace, owner, owner_name)
                 WHERE own.id = rollbacks.workload_id AND it.id = $1)))
         ORDER BY rollbacks.created_at LIMIT 1",
        workload.0
    );
    row.fetch_optional(db).await?.map(Rollback::try_from).transpose()
}

/// Those that took back the fault of a drill, or tried to, the oldest first.
pub async fn of_drill(db: impl PgExecutor<'_>, drill: DrillId) -> Result<Vec<Rollback>, Error> {
    let rows = select!(
        "rollbacks.drill_id = $1 OR rollbacks.id = (SELECT rollback_id FROM drills WHERE id = $1)
         ORDER BY rollbacks.created_at, rollbacks.id",
        drill.0
    );
    rows.fetch_all(db).await?.into_iter().map(Rollback::try_from).collect()
}

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub service: Option<String>,
    pub state: Option<String>,
    pub open: bool,
    pub since: Option<DateTime<Utc>>,
    /// Not at that moment any more.
    pub until: Option<DateTime<Utc>>,
    /// The owner of the service.
    pub team: Option<String>,
    pub closure: Option<String>,
    pub cause: Option<String>,
    /// Approved by a policy, or not.
    pub automatic: Option<bool>,
    /// Of a drill's fault, or not.
    pub of_drill: Option<bool>,
    /// What ran before, as the tag of an image, the image or the number of the revision.
    pub from: Option<String>,
    /// What it went back to, in the same words.
    pub to: Option<String>,
    /// Seconds from opening to end; what is open has no duration.
    pub shortest_s: Option<f64>,
    pub longest_s: Option<f64>,
    /// As [`Rollback::success`] says.
    pub success: Option<bool>,
    /// In this cluster.
    pub cluster: Option<String>,
    /// After this one, in the order of the list.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// Newest first.
pub async fn list(db: impl PgExecutor<'_>, filter: &Filter) -> Result<Vec<Rollback>, Error> {
    let (at, id) = filter.after.unzip();
    let rows = select!(
        "($1::text IS NULL OR services.name = $1) AND ($2::text IS NULL OR rollbacks.state = $2)
         AND (NOT $3 OR ended_at IS NULL) AND ($4::timestamptz IS NULL OR rollbacks.created_at >= $4)
         AND ($5::timestamptz IS NULL OR (rollbacks.created_at, rollbacks.id) < ($5, $6))
         AND ($8::timestamptz IS NULL OR rollbacks.created_at < $8) AND ($9::text IS NULL OR services.team = $9)
         AND ($10::text IS NULL OR closure = $10) AND ($11::text IS NULL OR cause = $11)
         AND ($12::boolean IS NULL OR automatic = $12) AND ($13::boolean IS NULL OR (drill_id IS NOT NULL) = $13)
         AND ($14::text IS NULL OR rollbacks.\"from\" ->> 'revision' = $14 OR EXISTS (
             SELECT FROM jsonb_array_elements(rollbacks.\"from\" -> 'images') i
             WHERE i ->> 'image' = $14 OR right(i ->> 'image', length($14) + 1) = ':' || $14))
         AND ($15::text IS NULL OR target ->> 'revision' = $15 OR EXISTS (
             SELECT FROM jsonb_array_elements(target -> 'images') i
             WHERE i ->> 'image' = $15 OR right(i ->> 'image', length($15) + 1) = ':' || $15))
         AND ($16::float8 IS NULL OR extract(epoch FROM ended_at - rollbacks.created_at) >= $16)
         AND ($17::float8 IS NULL OR extract(epoch FROM ended_at - rollbacks.created_at) <= $17)
         AND ($18::boolean IS NULL OR CASE WHEN $18 THEN closure = 'verified'
              ELSE closure = 'not_verified' OR rollbacks.state = 'failed' END)
         AND ($19::text IS NULL OR EXISTS (
             SELECT FROM workloads w JOIN clusters c ON c.id = w.cluster_id
             WHERE w.id = rollbacks.workload_id AND c.name = $19))
         ORDER BY rollbacks.created_at DESC, rollbacks.id DESC LIMIT $7",
        filter.service.as_deref(),
        filter.state.as_deref(),
        filter.open,
        filter.since,
        at,
        id,
        filter.limit,
        filter.until,
        filter.team.as_deref(),
        filter.closure.as_deref(),
        filter.cause.as_deref(),
        filter.automatic,
        filter.of_drill,
        filter.from.as_deref(),
        filter.to.as_deref(),
        filter.shortest_s,
        filter.longest_s,
        filter.success,
        filter.cluster.as_deref()
    );
    rows.fetch_all(db).await?.into_iter().map(Rollback::try_from).collect()
}

/// Those that are being verified, at most `limit`: whose last look is the longest ago comes first.
pub async fn to_verify(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<RollbackId>, Error> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM rollbacks WHERE state = 'verifying' AND ended_at IS NULL
         ORDER BY verification->>'looked_at' NULLS FIRST, created_at LIMIT $1",
        limit
    );
    Ok(ids.fetch_all(db).await?.into_iter().map(RollbackId).collect())
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Row {
    id: Uuid,
    number: String,
    service_id: Uuid,
    service_name: String,
    workload_id: Option<Uuid>,
    members: Value,
    #[expect(dead_code, reason = "a column of the table; the number is read instead")]
    drill_id: Option<Uuid>,
    drill: Option<String>,
    follows: Option<Uuid>,
    trigger: Value,
    decision_id: Option<Uuid>,
    from: Option<Value>,
    target: Option<Value>,
    run_id: Option<Uuid>,
    plan_digest: Option<String>,
    asked: i16,
    state: String,
    state_reason: Option<String>,
    closure: Option<String>,
    onset_at: Option<DateTime<Utc>>,
    detected_at: Option<DateTime<Utc>>,
    decided_at: Option<DateTime<Utc>>,
    approved_at: Option<DateTime<Utc>>,
    executed_at: Option<DateTime<Utc>>,
    healthy_at: Option<DateTime<Utc>>,
    verification: Value,
    observation_s: i32,
    created_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    #[expect(dead_code, reason = "a column of the table; only counted")]
    cause: Option<String>,
    #[expect(dead_code, reason = "a column of the table; only counted")]
    automatic: bool,
}

impl TryFrom<Row> for Rollback {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.id;
        let broken = move || Error::Inconsistent { table: "rollbacks", id: id.to_string() };
        fn part<T: serde::de::DeserializeOwned>(json: Option<Value>) -> Result<Option<T>, ()> {
            json.map(serde_json::from_value).transpose().map_err(|_| ())
        }
        let state = State::from_columns(&row.state, row.state_reason, row.closure.as_deref());
        Ok(Rollback {
            id: RollbackId(row.id),
            number: row.number,
            service: ServiceId(row.service_id),
            service_name: row.service_name,
            workload: row.workload_id.map(WorkloadId),
            members: part(Some(row.members)).ok().flatten().ok_or_else(broken)?,
            drill: row.drill,
            follows: row.follows.map(RollbackId),
            trigger: part(Some(row.trigger)).ok().flatten().ok_or_else(broken)?,
            decision: row.decision_id.map(DecisionId),
            from: part(row.from).map_err(|()| broken())?,
            target: part(row.target).map_err(|()| broken())?,
            run: row.run_id.map(RunId),
            plan_digest: row.plan_digest.map(|it| it.parse()).transpose().map_err(|_| broken())?,
            asked: u8::try_from(row.asked).map_err(|_| broken())?,
            state: state.ok_or_else(broken)?,
            times: Times {
                onset_at: row.onset_at,
                detected_at: row.detected_at,
                decided_at: row.decided_at,
                approved_at: row.approved_at,
                executed_at: row.executed_at,
                healthy_at: row.healthy_at,
            },
            verification: part(Some(row.verification)).ok().flatten().ok_or_else(broken)?,
            observation_s: u32::try_from(row.observation_s).map_err(|_| broken())?,
            created_at: row.created_at,
            ended_at: row.ended_at,
        })
    }
}
