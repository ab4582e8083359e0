//! Looks at services that were rolled back, for as long as their observation window lasts, and lets what waits for
//! people come to its end.
//!
//! Everything is decided from the row and the time, so a process that dies loses nothing: the next one looks again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::access::{Action, Actor, Subject};
use domain::canonical::Digest;
use domain::checks::{Check, CheckKind, CheckResult, Condition, WorkloadName};
use domain::decisions::{Target, TargetKind};
use domain::ids::RollbackId;
use domain::rollbacks::{Observation, Rollback, members};
use domain::workloads::{Image, Workload};
use futures::StreamExt;
use serde_json::json;
use sqlx::PgConnection;
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
    let targets = targets(&mut db, &rollback).await?;
    let Some((first, _)) = targets.first() else { return Ok(()) };
    let service = store::services::get(&mut *db, rollback.service).await?.entry;
    drop(db); // What the checks ask may be slow.

    let pods: Vec<Check> = targets.iter().map(|(it, _)| pods_ready(it, targets.len())).collect();
    let subject = checks::Subject::new(rollback.service, &service, first);
    let all = pods.iter().chain(&service.checks);
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
    let drift = targets.iter().find_map(|(it, sides)| drift(&rollback, it, sides));
    save(world, id, Observation { at: now, checks, drift }, now).await
}

/// What a workload was brought from, and to.
struct Sides {
    from: Option<Digest>,
    to: Option<Digest>,
}

/// The workloads that are back, each with what it was brought from and to: of several only those that are.
async fn targets(
    db: &mut PgConnection,
    rollback: &Rollback,
) -> anyhow::Result<Vec<(Workload, Sides)>> {
    let mut targets = Vec::new();
    let run = rollback.run.filter(|_| !rollback.members.is_empty());
    if let Some(run) = run {
        let run = store::runs::get(&mut *db, run).await?;
        let back: Vec<_> = members::restored(&run).collect();
        for member in rollback.members.iter().filter(|it| back.contains(&&it.workload)) {
            let to = member.target.digest.clone();
            let sides = Sides { from: Some(member.from.digest.clone()), to };
            targets.push((store::workloads::get(&mut *db, member.workload_id).await?, sides));
        }
    } else if let Some(id) = rollback.workload {
        let from = rollback.from.as_ref().map(|it| it.digest.clone());
        let to = rollback.target.as_ref().and_then(|it| it.digest.clone());
        targets.push((store::workloads::get(&mut *db, id).await?, Sides { from, to }));
    }
    Ok(targets)
}

/// Asked of every workload, also where the catalog states no check; of several each by its name.
fn pods_ready(it: &Workload, of: usize) -> Check {
    let workload = Some(WorkloadName { kind: it.kind, name: it.name.clone() });
    let name = if of == 1 { "pods".to_owned() } else { format!("pods {}", it.name) };
    Check {
        name,
        kind: CheckKind::Kubernetes { condition: Condition::PodsReady, workload },
        timeout_s: 5,
        blocking: true,
    }
}

/// Somebody deployed meanwhile: what is being verified is no longer what was rolled back to.
fn drift(rollback: &Rollback, workload: &Workload, sides: &Sides) -> Option<String> {
    if let Some(target) = rollback.target.as_ref().filter(|it| it.kind == TargetKind::Config) {
        return config_drift(target, rollback, workload);
    }
    let wanted = sides.to.as_ref()?;
    let since = rollback.times.executed_at?;
    // The watch may be a moment behind the effect.
    if workload.live.digest == *wanted || workload.seen_at <= since {
        return None;
    }
    let of_old = sides.from.as_ref() == Some(&workload.live.digest);
    let revision = workload.live.revision;
    Some(match of_old {
        true => format!("the version that was left is live again (revision {revision})"),
        false => format!("another version is live: revision {revision}"),
    })
}

/// New pods with the old configuration have another template than the target had: the restart stands in it.
fn config_drift(target: &Target, rollback: &Rollback, workload: &Workload) -> Option<String> {
    let wanted = target.config_digest.as_ref()?;
    if workload.seen_at <= rollback.times.executed_at? {
        return None;
    }
    let images = |it: &[Image]| -> Vec<_> {
        it.iter().map(|it| (it.container.clone(), it.image.clone())).collect()
    };
    if workload.live.config_digest != *wanted {
        return Some("the ConfigMaps hold something else than was restored".to_owned());
    }
    let same = images(&workload.live.images) == images(&target.images);
    let revision = workload.live.revision;
    (!same).then(|| format!("another version is live: revision {revision}"))
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
