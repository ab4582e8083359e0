//! Opens a rollback: the row, the run of its plan, and the policy's approval where nobody is asked.

use chrono::{DateTime, NaiveDate, Utc};
use domain::access::Actor;
use domain::decisions::Decision;
use domain::ids::{RollbackId, RunId, ServiceId};
use domain::plans::Plan;
use domain::rollbacks::proposal::{CHECKLIST, Proposal, required};
use domain::rollbacks::{ChecklistItem, Rollback, Side, State, Times, Trigger, Verification};
use domain::runs::{NewRun, Purpose};
use domain::scene::Scene;
use sqlx::PgConnection;

use super::{insert, save};
use crate::{Error, jobs, policies, runs, services};

/// What is known of a rollback beside its scene and its decision.
#[derive(Clone, Debug)]
pub struct Opening {
    pub proposal: Proposal,
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

/// The rollback, and its run where that is approved and may be carried out at once.
pub async fn open(
    tx: &mut PgConnection,
    scene: &Scene,
    decision: &Decision,
    opening: Opening,
    now: DateTime<Utc>,
) -> Result<(Rollback, Option<RunId>), Error> {
    let service = services::by_name(&mut *tx, &scene.service.name).await?.id;
    let id = RollbackId(
        sqlx::query_scalar!(r#"SELECT gen_random_uuid() AS "id!""#).fetch_one(&mut *tx).await?,
    );
    let Opening { proposal, trigger, follows, asked, onset_at, detected_at, actor, day } = opening;
    let reason = reason(decision);
    let plan = proposal.plan.clone();
    let run = match plan {
        Some(plan) => Some(start(tx, id, service, scene, plan, &actor, &reason, now).await?),
        None => None,
    };
    let live = &scene.workload.live;
    let rollback = Rollback {
        id,
        number: String::new(),
        service,
        service_name: scene.service.name.clone(),
        workload: Some(scene.workload.id),
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
        run,
        plan_digest: proposal.plan.as_ref().map(|it| it.digest().clone()),
        asked,
        state: proposal.state.clone(),
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
    // The policy's approval comes last, so that the rollback is there to follow its run.
    let rollback = Rollback { state: waiting(&proposal), ..rollback };
    let rollback = insert(tx, rollback, day).await?;
    match run.filter(|_| proposal.by_policy) {
        Some(run) => {
            let rollback = approve(tx, rollback, run, scene, now).await?;
            Ok((rollback, Some(run)))
        }
        None => Ok((rollback, None)),
    }
}

/// Newer facts about an open rollback. The rollback where something changed, and the run to carry out at once.
pub async fn upgrade(
    tx: &mut PgConnection,
    rollback: Rollback,
    scene: &Scene,
    decision: &Decision,
    proposal: Proposal,
    actor: Actor,
    now: DateTime<Utc>,
) -> Result<(Option<Rollback>, Option<RunId>), Error> {
    match (&rollback.state, proposal.plan, rollback.run) {
        (State::NeedsPerson, Some(plan), None) => {
            let digest = plan.digest().clone();
            let id = rollback.id;
            let reason = reason(decision);
            let run = start(tx, id, rollback.service, scene, plan, &actor, &reason, now).await?;
            let rollback = Rollback {
                run: Some(run),
                plan_digest: Some(digest),
                decision: decision.id,
                target: decision.target.clone(),
                state: State::AwaitingApproval,
                ..rollback
            };
            save(tx, &rollback).await?;
            if !proposal.by_policy {
                return Ok((Some(rollback), None));
            }
            let rollback = approve(tx, rollback, run, scene, now).await?;
            Ok((Some(rollback), Some(run)))
        }
        // Only for the very plan that was asked for: another one is another question.
        (State::AwaitingApproval, Some(plan), Some(run))
            if proposal.by_policy && rollback.plan_digest.as_ref() == Some(plan.digest()) =>
        {
            let rollback = approve(tx, rollback, run, scene, now).await?;
            Ok((Some(rollback), Some(run)))
        }
        _ => Ok((None, None)),
    }
}

fn waiting(proposal: &Proposal) -> State {
    match proposal.state {
        State::Approved => State::AwaitingApproval,
        ref state => state.clone(),
    }
}

fn reason(decision: &Decision) -> String {
    decision.target.as_ref().map(|it| it.reason.to_string()).unwrap_or_default()
}

#[expect(clippy::too_many_arguments, reason = "the members of a run, each from another source")]
async fn start(
    tx: &mut PgConnection,
    rollback: RollbackId,
    service: ServiceId,
    scene: &Scene,
    plan: Plan,
    actor: &Actor,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<RunId, Error> {
    let new = NewRun {
        service: Some(service),
        purpose: Purpose::Rollback(rollback),
        plan,
        required: required(&scene.policy, now),
        requested_by: actor.to_string(),
        reason: reason.to_owned(),
        at: now,
    };
    Ok(runs::create(tx, new).await?.id)
}

/// Nobody is asked, because this version of the policy says so.
async fn approve(
    tx: &mut PgConnection,
    rollback: Rollback,
    run: RunId,
    scene: &Scene,
    now: DateTime<Utc>,
) -> Result<Rollback, Error> {
    let policy = policies::for_service(&mut *tx, rollback.service).await?;
    let waiting = runs::lock(tx, run).await?;
    let id = waiting.id;
    let approved = waiting
        .approve_by_policy(&scene.policy.name, policy.version, now)
        .map_err(|_| Error::Inconsistent { table: "runs", id: id.to_string() })?;
    runs::save(tx, &approved, now).await?;
    jobs::execute_run(tx, run).await?;
    super::get(&mut *tx, rollback.id).await
}
