//! What the rules look at: what the ledger knows, and our own answer to whether the signal fires.

use chrono::{DateTime, Utc};
use domain::alerts::watched::sighting;
use domain::alerts::{Alert, Labels};
use domain::decide::situation::{Confirmation, Noticed};
use domain::scene::Scene;
use domain::signals::Source;
use domain::verdict::Verdict;
use domain::workloads::{Rollout, Workload};
use sqlx::PgConnection;

use super::measure;
use crate::workers::World;

/// None where the service has no workload that is watched.
pub(super) async fn gather(
    db: &mut PgConnection,
    alert: &Alert,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<Scene>> {
    let Some(service) = alert.service else { return Ok(None) };
    let workloads = store::workloads::by_service(&mut *db, service).await?;
    let Some(workload) = choose(alert, &workloads) else { return Ok(None) };
    let signal = match store::signals::by_name(&mut *db, &alert.name).await {
        Ok(stored) => Some(stored.entry),
        Err(store::Error::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    let mut scene = store::scenes::of(db, service, workload, &alert.name, now).await?;
    scene.signal = signal;
    scene.alert = Some(alert.clone());
    Ok(Some(scene))
}

/// Our own answer to whether the signal fires: the watch's, which is in the ledger, or that of Prometheus.
pub(super) async fn confirm(world: &World, scene: &mut Scene, now: DateTime<Utc>) {
    let Some(signal) = scene.signal.clone() else { return };
    match signal.source {
        Source::Watch(watch) => {
            scene.sighting = sighting(watch, &scene.workload, &scene.pods);
            // A cluster that nobody sees any more proves nothing.
            let seen = scene.connected.then_some(scene.sighting.is_some());
            scene.confirmation = Some(Confirmation {
                by: Noticed::Watch,
                verdict: Verdict::from(seen),
                checked_at: now,
            });
        }
        Source::Ratio { .. } | Source::Value { .. } => {
            measure::measure(world, &signal, scene, now).await;
        }
        Source::None => {}
    }
}

/// The workload that the alert names; else the only one in trouble; else the one that changed last.
fn choose<'a>(alert: &Alert, workloads: &'a [Workload]) -> Option<&'a Workload> {
    let named = |it: &&Workload| alert.workload == Some(it.id) || names(&alert.labels, it);
    if let Some(it) = workloads.iter().find(named) {
        return Some(it);
    }
    let in_trouble = |it: &&Workload| it.ready < it.replicas || it.rollout != Rollout::Settled;
    let mut troubled = workloads.iter().filter(in_trouble);
    match (troubled.next(), troubled.next()) {
        (Some(only), None) => Some(only),
        _ => workloads.iter().max_by_key(|it| it.seen_at),
    }
}

fn names(labels: &Labels, workload: &Workload) -> bool {
    labels.get(workload.kind.label()).is_some_and(|it| *it == workload.name)
        || labels.get("pod").is_some_and(|pod| {
            let rest = pod.strip_prefix(workload.name.as_str()).and_then(|it| it.strip_prefix('-'));
            rest.is_some_and(|it| it.split('-').count() <= 2)
        })
}
