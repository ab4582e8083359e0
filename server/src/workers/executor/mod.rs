//! Carries runs out, step by step. What comes next is decided from the row alone ([`Run::next`]), under a lease
//! whose epoch every write carries: whoever finds the row in other hands stops at once.
//!
//! A step that acts on the world is done in this order, and each part is committed before the next begins:
//!
//! 1. look at the object, work out the change, and have the API server rehearse it;
//! 2. write down what is meant, with the result that is expected;
//! 3. do it, with the state it is meant for as the condition inside the call;
//! 4. write down what was seen.
//!
//! After a crash between any two of them the next worker finds the intent and looks first. No transaction is open
//! while the outside world is talked to.

use chrono::{DateTime, Utc};
use domain::access::{Action, Actor, Subject};
use domain::ids::RunId;
use domain::runs::{Ended, LEASE_S, Next, Note, Proof, Run};
use domain::services::WorkloadRef;
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::jobs::ExecuteRun;
use store::runs::Claim;

use self::lease::Lease;
use super::World;

mod act;
mod lease;
mod objects;
mod observe;
mod rails;
mod releases;
mod replace;

const ACTOR: Actor = Actor::Worker("executor");

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Job(ExecuteRun);

impl TaskHandler for Job {
    const IDENTIFIER: &'static str = ExecuteRun::NAME;

    async fn run(self, cx: WorkerContext) -> impl IntoTaskHandlerResult {
        let world = cx.get_ext::<World>().expect("given to the worker at the start").clone();
        execute(&world, self.0.id)
            .await
            .map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    }
}

/// As far as it goes without waiting for people or for long. Nothing, if somebody else is at it.
///
/// # Errors
/// Only of the database; what is wrong with the outside world is written down on the step.
pub async fn execute(world: &World, id: RunId) -> Result<(), store::Error> {
    match store::runs::claim(&world.db, id, LEASE_S).await? {
        Some(claim) => execute_claimed(world, claim).await,
        None => Ok(()),
    }
}

/// The same for a run that is ours already.
///
/// # Errors
/// As for [`execute`].
pub async fn execute_claimed(world: &World, claim: Claim) -> Result<(), store::Error> {
    let worker = Worker { world, claim, lease: Lease::hold(world.db.clone(), claim) };
    match worker.carry_out().await {
        Err(store::Error::Fenced { .. }) => {
            tracing::warn!(run = %claim.run, "the run is in other hands by now");
            Ok(())
        }
        result => {
            // A lease that cannot be given back runs out.
            let _ = store::runs::release(&world.db, claim).await;
            result
        }
    }
}

/// One process that holds one run.
struct Worker<'a> {
    world: &'a World,
    claim: Claim,
    lease: Lease,
}

/// Whether the run can go on at once.
enum Turn {
    /// From here: nobody else writes what is not in it, but for wishes, which are looked for at each save.
    From(Box<Run>),
    /// As it is by then.
    GoOn,
    /// It waits for people, for time, or is in other hands.
    Rest,
}

impl Worker<'_> {
    async fn carry_out(&self) -> Result<(), store::Error> {
        let mut known = None;
        while !self.lease.is_lost() && !self.world.stop.is_cancelled() {
            let run = match known.take() {
                Some(run) => run,
                None => Box::new(store::runs::get(&self.world.db, self.claim.run).await?),
            };
            let turn = match run.next(self.world.now()) {
                Next::Nothing { .. } => Turn::Rest,
                Next::Escalate => self.settle(Next::Escalate, Run::escalate).await?,
                Next::Expire => self.settle(Next::Expire, Run::expire).await?,
                Next::Honour => self.settle(Next::Honour, Run::honour).await?,
                Next::TimeOut(step) => self.time_out(&run, step).await?,
                Next::Look(step) => self.look(&run, step).await?,
                Next::Act(step) => self.act(&run, step).await?,
                Next::Observe(step) => self.observe(&run, step).await?,
            };
            match turn {
                Turn::From(run) => known = Some(run),
                Turn::GoOn => {}
                Turn::Rest => break,
            }
        }
        Ok(())
    }

    /// What follows from the time or from a wish alone.
    async fn settle(
        &self,
        next: Next,
        transition: impl FnOnce(Run, DateTime<Utc>) -> Run,
    ) -> Result<Turn, store::Error> {
        self.save(|run, now| (run.next(now) == next).then(|| transition(run, now))).await
    }

    /// The end of a step that is still the one to do.
    async fn end(
        &self,
        next: Next,
        step: usize,
        how: Ended,
        note: Note,
        proof: Option<Proof>,
    ) -> Result<Turn, store::Error> {
        let end = |run: Run, now| run.end_step(step, how, note, proof, now);
        self.settle(next, end).await
    }

    /// The end of a step whose effect was begun. Only who holds the claim can end it, so it is the one to do
    /// whatever anybody wants of the run meanwhile.
    async fn end_effect(
        &self,
        step: usize,
        how: Ended,
        note: Note,
        proof: Option<Proof>,
    ) -> Result<Turn, store::Error> {
        self.save(|run, now| {
            let begun = run.steps[step].may_be_acting();
            begun.then(|| run.end_step(step, how, note, proof, now))
        })
        .await
    }

    /// Changes the run as it is by now: somebody may have had a wish about it since it was read. Nothing is
    /// written where the transition finds that it no longer fits; then the run is looked at again.
    async fn save(
        &self,
        transition: impl FnOnce(Run, DateTime<Utc>) -> Option<Run>,
    ) -> Result<Turn, store::Error> {
        let now = self.world.now();
        let mut tx = self.world.db.begin().await?;
        let before = store::runs::lock_claimed(&mut tx, self.claim).await?;
        let Some(after) = transition(before.clone(), now).filter(|it| *it != before) else {
            return Ok(Turn::From(Box::new(before)));
        };
        store::runs::save(&mut tx, &after, now).await?;
        for (workload, replicas) in scaled_to_none(&before, &after) {
            store::workloads::record_count(&mut tx, workload, replicas, after.id, now).await?;
        }
        let subject = Subject::new("runs", after.id);
        let details = changes(&before, &after);
        let action = match after.escalated > before.escalated {
            true => Action::Escalate,
            false => Action::ExecuteStep,
        };
        store::audit::record(&mut tx, &ACTOR, action, &subject, details, now).await?;
        tx.commit().await?;
        Ok(Turn::From(Box::new(after)))
    }
}

/// The workloads that have just been scaled to none, and how many pods each had.
fn scaled_to_none<'a>(
    before: &'a Run,
    after: &'a Run,
) -> impl Iterator<Item = (&'a WorkloadRef, i32)> {
    before.steps.iter().zip(&after.steps).filter_map(|(old, new)| {
        let (intent, proof) = (new.state.intent()?, new.state.proof()?);
        let (before, after) = (intent.before.workload()?, proof.after.workload()?);
        let from = before.replicas.filter(|it| *it > 0)?;
        (old.state != new.state && after.replicas == Some(0)).then_some((&before.workload, from))
    })
}

/// What the audit log says: the state of the run, and of each step that changed.
fn changes(before: &Run, after: &Run) -> Map<String, Value> {
    let mut details = Map::from_iter([
        ("state".to_owned(), json!(after.state.name())),
        ("plan_digest".to_owned(), json!(after.plan.digest())),
        ("epoch".to_owned(), json!(after.epoch)),
        ("escalated".to_owned(), json!(after.escalated)),
    ]);
    let steps = before.steps.iter().zip(&after.steps).zip(after.plan.steps());
    let changed = steps.filter(|((old, new), _)| old != new).map(|((_, new), planned)| {
        let meant = new.state.intent().is_some();
        json!({"step": planned.name, "state": new.state_name(), "meant": meant, "note": new.note})
    });
    details.insert("steps".to_owned(), changed.collect());
    details
}
