//! Looks at services that were rolled back, for as long as their observation window lasts, and lets what waits for
//! people come to its end.
//!
//! Everything is decided from the row and the time, so a process that dies loses nothing: the next one looks again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::access::{Action, Actor, Subject};
use domain::checks::{Check, CheckKind, CheckResult, Condition, WorkloadName};
use domain::ids::RollbackId;
use domain::rollbacks::{Observation, Rollback};
use domain::workloads::Workload;
use futures::StreamExt;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::World;
use crate::{audit, checks};

/// How often a service is looked at while it is being verified. Shorter than any sensible window, and long enough
/// not to be a load of its own.
const PERIOD: Duration = Duration::from_secs(1);

/// So many are looked at in a period. Where more are being verified they come in turn, whose last look is the longest
/// ago first: what was rolled back already must not keep waiting what has yet to be.
const LOOKS: i64 = 64;

/// Looks that are under way at the same time: enough that checks which do not answer do not hold up the others.
const AT_ONCE: usize = 16;

const ACTOR: Actor = Actor::Worker("verifier");

/// For ever.
pub async fn run(world: World) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while world.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = tick(&world).await {
            tracing::warn!("the verifier will look again: {error:#}");
        }
    }
}

/// One look at what is being verified. An error about one does not keep the others waiting.
pub async fn tick(world: &World) -> anyhow::Result<()> {
    checks::chain::tidy(world).await?;
    let verifying = store::rollbacks::to_verify(&world.db, LOOKS).await?;
    let looks = verifying.into_iter().map(|id| async move {
        if let Err(error) = look(world, id).await {
            tracing::warn!(rollback = %id, "a rollback could not be looked at: {error:#}");
        }
    });
    futures::stream::iter(looks).buffer_unordered(AT_ONCE).collect::<()>().await;
    Ok(())
}

async fn look(world: &World, id: RollbackId) -> anyhow::Result<()> {
    let mut db = world.db.acquire().await?;
    let rollback = store::rollbacks::get(&mut *db, id).await?;
    let Some(workload) = rollback.workload else { return Ok(()) };
    let workload = store::workloads::get(&mut *db, workload).await?;
    let service = store::services::get(&mut *db, rollback.service).await?.entry;
    drop(db); // What the checks ask may be slow.

    let pods = pods_ready(&workload);
    let subject = checks::Subject::new(rollback.service, &service, &workload);
    let all = std::iter::once(&pods).chain(&service.checks);
    let (chains, looks): (Vec<&Check>, Vec<&Check>) =
        all.partition(|it| matches!(it.kind, CheckKind::Chain(_)));
    let results = looks.into_iter().map(|check| checks::evaluate(world, check, &subject));
    let mut checks: Vec<CheckResult> = futures::future::join_all(results).await;
    if let Some(run) = rollback.run {
        // What is carried out only once is not spent on a service that has yet to come up.
        let well = checks.iter().all(|it| !it.blocking || it.verdict.passed());
        checks.extend(checks::chain::look(world, run, &chains, well).await?);
    }
    let now = (world.now)();
    let drift = drift(&rollback, &workload);
    save(world, id, Observation { at: now, checks, drift }, now).await
}

/// Asked of every workload, also where the catalog states no check.
fn pods_ready(workload: &Workload) -> Check {
    let workload = Some(WorkloadName { kind: workload.kind, name: workload.name.clone() });
    Check {
        name: "pods".to_owned(),
        kind: CheckKind::Kubernetes { condition: Condition::PodsReady, workload },
        timeout_s: 5,
        blocking: true,
    }
}

/// Somebody deployed meanwhile: what is being verified is no longer what was rolled back to.
fn drift(rollback: &Rollback, workload: &Workload) -> Option<String> {
    let wanted = rollback.target.as_ref()?.digest.as_ref()?;
    let since = rollback.times.executed_at?;
    // The watch may be a moment behind the effect.
    if workload.live.digest == *wanted || workload.seen_at <= since {
        return None;
    }
    let of_old = rollback.from.as_ref().is_some_and(|it| it.digest == workload.live.digest);
    let revision = workload.live.revision;
    Some(match of_old {
        true => format!("the version that was left is live again (revision {revision})"),
        false => format!("another version is live: revision {revision}"),
    })
}

async fn save(
    world: &World,
    id: RollbackId,
    look: Observation,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let mut tx = world.db.begin().await?;
    let rollback = store::rollbacks::lock(&mut tx, id).await?;
    let before = (rollback.state.clone(), rollback.verification.verdict, verdicts(&rollback));
    let rollback = rollback.observe(look);
    let after = (rollback.state.clone(), rollback.verification.verdict, verdicts(&rollback));
    store::rollbacks::save(&mut tx, &rollback).await?;
    // Looks that find the same are no news; a page would be loaded again every second.
    if before != after {
        let subject = Subject::new("rollbacks", &rollback.number);
        let details = json!({
            "state": rollback.state.as_str(), "closure": rollback.state.closure(),
            "verdict": rollback.verification.verdict, "why": rollback.verification.why,
        });
        store::audit::record(
            &mut tx,
            &ACTOR,
            Action::VerifyRollback,
            &subject,
            audit::details(details),
            now,
        )
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

fn verdicts(rollback: &Rollback) -> Vec<(String, domain::verdict::Verdict)> {
    rollback.verification.checks.iter().map(|it| (it.name.clone(), it.verdict)).collect()
}
