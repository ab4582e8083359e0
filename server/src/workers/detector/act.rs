//! Writes down what the rules say, and opens what follows from it.
//!
//! Decision, rollback, plan, run, approval by policy and audit entries are one transaction: there is never one
//! without the others. What the caps allow is counted under a lock in that same transaction.

use chrono::{DateTime, Utc};
use domain::access::{Action, Actor, Subject};
use domain::alerts::Alert;
use domain::canonical::{self, Digest};
use domain::decide::decide as rules;
use domain::decide::situation::Situation;
use domain::decisions::{Decision, Disposition};
use domain::ids::RollbackId;
use domain::openings::of_alert;
use domain::rollbacks::Trigger;
use domain::rollbacks::proposal::{Proposal, propose};
use domain::scene::Scene;
use domain::verdict::Verdict;
use serde_json::json;
use sqlx::PgConnection;
use store::decisions::Newest;
use store::rollbacks::Opening;
use store::runs::Claim;

use super::REPEAT;
use crate::audit;
use crate::workers::World;

const ACTOR: Actor = Actor::Worker("detector");

/// The signal is gone, by the word of everybody who can tell.
pub(super) async fn resolve(
    world: &World,
    alert: &Alert,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let mut tx = world.db.begin().await?;
    if !store::alerts::resolve(&mut tx, alert.id, now).await? {
        return Ok(());
    }
    store::openings::end_of_alert(&mut tx, alert.id, &ACTOR.to_string(), "the signal is gone", now)
        .await?;
    let subject = Subject::new("alerts", alert.id);
    store::audit::record(
        &mut tx,
        &ACTOR,
        Action::Observe,
        &subject,
        audit::details(json!({"resolved": alert.name})),
        now,
    )
    .await?;
    if let Some(workload) =
        alert.workload.or(store::decisions::workload_of(&mut *tx, alert.id).await?)
    {
        withdraw(&mut tx, workload, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What waits for people because of alerts that are all over waits for nothing any more.
async fn withdraw(
    tx: &mut PgConnection,
    workload: domain::ids::WorkloadId,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let Some(open) = store::rollbacks::open_of(&mut *tx, workload).await? else { return Ok(()) };
    let Trigger::Alert { alerts } = &open.trigger else { return Ok(()) };
    if store::alerts::any_firing(&mut *tx, alerts).await? {
        return Ok(());
    }
    let locked = store::rollbacks::lock_with_run(tx, open.id).await?;
    let before = locked.state.clone();
    let withdrawn = locked.withdraw("the signal is gone", now);
    if withdrawn.state == before {
        return Ok(());
    }
    store::rollbacks::save(tx, &withdrawn).await?;
    if let Some(run) = withdrawn.run {
        let run = store::runs::lock(tx, run).await?;
        if let Ok(run) = run.abort(&ACTOR.to_string(), "the signal is gone", now) {
            store::runs::save(tx, &run, now).await?;
        }
    }
    let subject = Subject::new("rollbacks", &withdrawn.number);
    let details = json!({"state": withdrawn.state.as_str(), "reason": withdrawn.state.reason()});
    store::audit::record(tx, &ACTOR, Action::Decide, &subject, audit::details(details), now)
        .await?;
    Ok(())
}

/// The run to carry out at once, if there is one.
pub(super) async fn decide(
    world: &World,
    alert: &Alert,
    mut scene: Scene,
    newest: Option<Newest>,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<Claim>> {
    let service = alert.service.expect("a scene has a service");
    let follows = newest.as_ref().map(|it| it.id);
    let mut situation = scene.situation(follows, own(&scene, alert), now);
    let mut decision = rules(&situation);
    // A question that has expired since is asked again, also where the situation is the same.
    let ended = scene.rails.last.as_ref().and_then(|it| it.ended_at);
    let young =
        newest.filter(|it| now - it.at < REPEAT && ended.is_none_or(|ended| ended <= it.at));
    if young.is_some_and(|it| it.input == digest(&situation).as_str()) {
        store::alerts::touch(&world.db, alert.id, now).await?;
        return Ok(None);
    }

    let mut tx = world.db.begin().await?;
    if !store::alerts::claim(&mut tx, alert.id, alert.decided_at).await? {
        return Ok(None);
    }
    let acts = decision.disposition == Disposition::Execute;
    if acts {
        // Two decisions at once would each see room for one more.
        store::rails::lock_caps(&mut tx).await?;
    }
    if acts || decision.disposition == Disposition::Ask {
        // The workloads of a release are in trouble at the same moment, and go back together.
        store::rollbacks::lock_opening(&mut tx, service).await?;
        scene.rails =
            store::scenes::rails_of(&mut tx, service, &scene.workload, &alert.name, now).await?;
        situation = scene.situation(follows, own(&scene, alert), now);
        decision = rules(&situation);
        if !acts && decision.disposition == Disposition::Execute {
            // Only what has counted the caps may act; it is due still, and looked at anew.
            return Ok(None);
        }
    }
    let confirmed = scene.confirmation.as_ref().map_or(Verdict::Unknown, |it| it.verdict);
    if let Some(new) = scene.signal.as_ref().and_then(|it| of_alert(alert, it, confirmed)) {
        store::openings::open(&mut tx, &new, now).await?;
    }
    let stored = store::decisions::New {
        service,
        workload: Some(scene.workload.id),
        alert: Some(alert.id),
        follows,
        input: digest(&situation),
        situation: &situation,
        decision: &decision,
    };
    decision.id = Some(store::decisions::insert(&mut tx, stored, now).await?);
    if scene.rails.drill.is_some() {
        // How the fault of a drill ends says nothing about whether the signal goes away by itself.
        store::alerts::mark_acted(&mut tx, alert.id).await?;
    }
    let run = follow_up(&mut tx, world, alert, &scene, &decision, now).await?;
    store::alerts::touch(&mut *tx, alert.id, now).await?;
    if run.is_some() {
        // The caps are locked until the commit has ended, and others wait for them. The executor writes down its
        // intent before it does anything.
        store::rails::leave_to_next_commit(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(run)
}

/// A rollback that is open because of this alert, or that still asks about this workload, is no duplicate.
fn own(scene: &Scene, alert: &Alert) -> Option<RollbackId> {
    scene.rails.open.as_ref().filter(|it| it.takes_in(alert.id)).map(|it| it.id)
}

/// What the rules looked at, without the clock: the same again is no news.
fn digest(situation: &Situation) -> Digest {
    let mut value = serde_json::to_value(situation).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        for volatile in ["at", "follows", "rollback_id"] {
            members.remove(volatile);
        }
    }
    if let Some(source) = value.pointer_mut("/alert/second_source") {
        source.as_object_mut().map(|it| it.remove("checked_at"));
    }
    canonical::digest(&value)
}

/// The run to carry out at once, if there is one.
async fn follow_up(
    tx: &mut PgConnection,
    world: &World,
    alert: &Alert,
    scene: &Scene,
    decision: &Decision,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<Claim>> {
    let around = store::scenes::around(&mut *tx, scene, decision, now).await?;
    let severity = scene.signal.as_ref().map(|it| it.severity);
    let Some(proposal) = propose(decision, &scene.workload, &around, severity) else {
        let subject = Subject::new("alerts", alert.id);
        let details = json!({"outcome": decision.outcome, "disposition": decision.disposition});
        store::audit::record(tx, &ACTOR, Action::Decide, &subject, audit::details(details), now)
            .await?;
        return Ok(None);
    };
    match &scene.rails.open {
        Some(open) if open.takes_in(alert.id) => {
            upgrade(tx, alert, open.id, scene, decision, proposal, now).await
        }
        Some(_) => Ok(None),
        None => {
            let last = scene.rails.last.as_ref();
            let asked = match last {
                Some(last) => match last.ask_again(alert.id) {
                    Some(asked) => asked,
                    // Asked often enough; or a person said no to this very alert.
                    None => return Ok(None),
                },
                None => 1,
            };
            let opening = Opening {
                proposal,
                members: vec![],
                trigger: Trigger::Alert { alerts: vec![alert.id] },
                follows: last.filter(|_| asked > 1).map(|it| it.id),
                onset_at: scene
                    .sighting
                    .as_ref()
                    .map(|it| it.onset)
                    .or(alert.onset_at)
                    .or(Some(alert.starts_at)),
                detected_at: alert.received_at,
                actor: ACTOR,
                asked,
                day: world.today(now),
            };
            store::alerts::mark_acted(tx, alert.id).await?;
            let service = alert.service.expect("a scene has a service");
            let (rollback, run) =
                store::rollbacks::open(tx, service, scene, decision, opening, now).await?;
            let subject = Subject::new("rollbacks", &rollback.number);
            let details = json!({
                "state": rollback.state.as_str(), "alert": alert.name, "outcome": decision.outcome,
                "plan_digest": rollback.plan_digest, "target": decision.target.as_ref().map(|it| it.revision),
            });
            store::audit::record(
                tx,
                &ACTOR,
                Action::Decide,
                &subject,
                audit::details(details),
                now,
            )
            .await?;
            Ok(run)
        }
    }
}

/// Newer facts about a rollback that is open already: what waited for a person may have a plan now, and what had a
/// plan may have become automatic. Never the other way round: a question that was asked stays asked.
async fn upgrade(
    tx: &mut PgConnection,
    alert: &Alert,
    open: RollbackId,
    scene: &Scene,
    decision: &Decision,
    proposal: Proposal,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<Claim>> {
    let rollback = store::rollbacks::lock_with_run(tx, open).await?;
    let rollback = match rollback.is_about(alert.id) {
        true => rollback,
        false => {
            let taken = rollback.take_in(alert.id);
            store::alerts::mark_acted(tx, alert.id).await?;
            store::rollbacks::save(tx, &taken).await?;
            taken
        }
    };
    if rollback.workload != Some(scene.workload.id) {
        // Its plan is about what another workload looked like.
        return Ok(None);
    }
    let (state, run) =
        store::rollbacks::upgrade(tx, rollback, scene, decision, proposal, ACTOR, now).await?;
    if let Some(state) = state {
        let subject = Subject::new("rollbacks", &state.number);
        let details = json!({"state": state.state.as_str(), "decision": decision.id});
        store::audit::record(tx, &ACTOR, Action::Decide, &subject, audit::details(details), now)
            .await?;
    }
    Ok(run)
}
