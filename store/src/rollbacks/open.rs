//! Opens a rollback: the row, the run of its plan, and the policy's approval where nobody is asked.

use chrono::{DateTime, NaiveDate, Utc};
use domain::access::Actor;
use domain::decisions::Decision;
use domain::ids::{RollbackId, RunId, ServiceId};
use domain::plans::Plan;
use domain::rollbacks::proposal::{CHECKLIST, Proposal, required};
use domain::rollbacks::{
    ChecklistItem, Member, Rollback, RunEvent, Side, State, Times, Trigger, Verification,
};
use domain::runs::{LEASE_S, NewRun, Purpose, Run};
use domain::scene::Scene;
use sqlx::PgConnection;

use super::{insert, save};
use crate::Error;
use crate::runs::{self, Claim};

/// What is known of a rollback beside its scene and its decision.
#[derive(Clone, Debug)]
pub struct Opening {
    pub proposal: Proposal,
    /// All of its workloads, that of the scene first, where it brings back several.
    pub members: Vec<Member>,
    pub trigger: Trigger,
    /// The one that this one asks again for.
    pub follows: Option<RollbackId>,
    pub asked: u8,
    pub onset_at: Option<DateTime<Utc>>,
    pub detected_at: DateTime<Utc>,
    /// Who asks for the run; a person never approves their own.
    pub actor: Actor,
    /// Today, in the installation's zone.
    pub day: NaiveDate,
}

/// The rollback; and its run, where the policy approves it and it may be carried out at once.
pub async fn open(
    tx: &mut PgConnection,
    service: ServiceId,
    scene: &Scene,
    decision: &Decision,
    opening: Opening,
    now: DateTime<Utc>,
) -> Result<(Rollback, Option<Claim>), Error> {
    let ids =
        sqlx::query!(r#"SELECT gen_random_uuid() AS "rollback!", gen_random_uuid() AS "run!""#);
    let ids = ids.fetch_one(&mut *tx).await?;
    let id = RollbackId(ids.rollback);
    let Opening { proposal, members, trigger, follows, asked, onset_at, detected_at, actor, day } =
        opening;
    let by_policy = proposal.by_policy;
    let run = proposal.plan.map(|plan| {
        let run =
            Run::new(RunId(ids.run), new_run(id, service, scene, plan, &actor, decision, now));
        if by_policy { approved(run, scene, now) } else { Ok(run) }
    });
    let run = run.transpose()?;
    let claim = match &run {
        Some(run) => runs::insert(tx, run, by_policy.then_some(LEASE_S)).await?,
        None => None,
    };
    let live = &scene.workload.live;
    let rollback = Rollback {
        id,
        number: String::new(),
        service,
        service_name: scene.service.name.clone(),
        workload: Some(scene.workload.id),
        members,
        drill: scene.rails.drill.clone(),
        follows,
        trigger,
        decision: decision.id,
        from: Some(Side {
            revision: live.revision,
            images: live.images.clone(),
            digest: live.digest.clone(),
        }),
        target: decision.target.clone(),
        run: run.as_ref().map(|it| it.id),
        plan_digest: run.as_ref().map(|it| it.plan.digest().clone()),
        asked,
        state: match run {
            Some(_) => State::AwaitingApproval,
            None => proposal.state,
        },
        times: Times {
            onset_at,
            detected_at: Some(detected_at),
            decided_at: Some(now),
            ..Times::default()
        },
        verification: Verification {
            checklist: CHECKLIST.iter().map(|it| ChecklistItem::open(*it)).collect(),
            ..Verification::default()
        },
        observation_s: scene.policy.observation_s,
        created_at: now,
        ended_at: None,
    };
    // An approval that was there from the beginning is followed like one that comes later.
    let rollback = match run.as_ref().and_then(RunEvent::of) {
        Some(event) => rollback.follow(event, now),
        None => rollback,
    };
    let rollback = insert(tx, rollback, day).await?;
    Ok((rollback, claim))
}

/// Newer facts about an open rollback. The rollback where something changed, and its run where that may be carried
/// out at once.
pub async fn upgrade(
    tx: &mut PgConnection,
    rollback: Rollback,
    scene: &Scene,
    decision: &Decision,
    proposal: Proposal,
    actor: Actor,
    now: DateTime<Utc>,
) -> Result<(Option<Rollback>, Option<Claim>), Error> {
    match (&rollback.state, proposal.plan, rollback.run) {
        (State::NeedsPerson, Some(plan), None) => {
            let digest = plan.digest().clone();
            let (id, service) = (rollback.id, rollback.service);
            let new = new_run(id, service, scene, plan, &actor, decision, now);
            let run = runs::create(tx, new).await?.id;
            let rollback = Rollback {
                run: Some(run),
                plan_digest: Some(digest),
                decision: decision.id,
                target: decision.target.clone(),
                state: State::AwaitingApproval,
                ..rollback
            };
            save(tx, &rollback).await?;
            match proposal.by_policy {
                true => approve(tx, rollback.id, run, scene, now).await,
                false => Ok((Some(rollback), None)),
            }
        }
        // Only for the very plan that was asked for: another one is another question.
        (State::AwaitingApproval, Some(plan), Some(run))
            if proposal.by_policy && rollback.plan_digest.as_ref() == Some(plan.digest()) =>
        {
            approve(tx, rollback.id, run, scene, now).await
        }
        _ => Ok((None, None)),
    }
}

fn new_run(
    rollback: RollbackId,
    service: ServiceId,
    scene: &Scene,
    plan: Plan,
    actor: &Actor,
    decision: &Decision,
    now: DateTime<Utc>,
) -> NewRun {
    NewRun {
        service: Some(service),
        purpose: Purpose::Rollback(rollback),
        plan,
        required: required(&scene.policy, now),
        requested_by: actor.to_string(),
        reason: decision.target.as_ref().map(|it| it.reason.to_string()).unwrap_or_default(),
        at: now,
    }
}

/// Nobody is asked, because this version of the policy says so: the one that was decided by.
fn approved(run: Run, scene: &Scene, now: DateTime<Utc>) -> Result<Run, Error> {
    let id = run.id;
    run.approve_by_policy(&scene.policy.name, scene.policy_version, now)
        .map_err(|_| Error::Inconsistent { table: "runs", id: id.to_string() })
}

/// Approves a run that waited. It may be in somebody's hands for a moment, who looks after it; then it is not ours.
async fn approve(
    tx: &mut PgConnection,
    rollback: RollbackId,
    run: RunId,
    scene: &Scene,
    now: DateTime<Utc>,
) -> Result<(Option<Rollback>, Option<Claim>), Error> {
    let approved = approved(runs::lock(tx, run).await?, scene, now)?;
    runs::save(tx, &approved, now).await?;
    let claim = runs::claim(&mut *tx, run, LEASE_S).await?;
    Ok((Some(super::get(&mut *tx, rollback).await?), claim))
}
