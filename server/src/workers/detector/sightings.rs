//! What the watch sees becomes alerts, and what it no longer sees ends them. No Prometheus is needed for these.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::alerts::watched::{Sighting, sighting};
use domain::alerts::{Labels, Report, Source, State};
use domain::ids::{AlertId, WorkloadId};
use domain::signals::{self, Signal};
use domain::workloads::Workload;
use store::alerts::Placed;

use crate::workers::World;

/// Compares what the watch sees of every workload with the open alerts.
pub(super) async fn compare_all(world: &World) -> anyhow::Result<()> {
    compare(world, &store::workloads::troubled(&world.db).await?).await
}

/// Compares what the watch sees of these workloads with the open alerts.
pub(super) async fn compare(world: &World, workloads: &[WorkloadId]) -> anyhow::Result<()> {
    let now = (world.now)();
    let mut db = world.db.acquire().await?;
    let mut open: BTreeMap<(WorkloadId, String), AlertId> = BTreeMap::new();
    for alert in store::alerts::firing_of_watch(&mut *db, workloads).await? {
        open.extend(alert.workload.map(|it| ((it, alert.name), alert.id)));
    }
    let pods = store::pods::of_all(&mut *db, workloads).await?;
    let mut seen = store::workloads::of_ids(&mut *db, workloads).await?;
    seen.retain(|it| it.service.is_some() && it.gone_at.is_none());
    let pods_of = |it: &Workload| pods.get(&it.id).map_or(&[][..], Vec::as_slice);
    let is_news = |it: &Workload| {
        pods_of(it).iter().any(|it| it.bad.is_some())
            || it.conditions.iter().any(|it| it.status == "False")
            || open.keys().any(|(of, _)| *of == it.id)
    };
    if !seen.iter().any(is_news) {
        return Ok(()); // Most of the time.
    }
    let signals = store::signals::list(&mut *db).await?;
    let services = store::workloads::services(&mut *db, workloads).await?;
    drop(db);

    let (mut fired, mut ended) = (Vec::new(), Vec::new());
    // Others that name the watch are told by their senders; the watch only confirms them.
    let built_in = signals::built_in();
    for signal in signals.iter().filter(|it| built_in.iter().any(|own| own.name == it.name)) {
        let signals::Source::Watch(watch) = &signal.source else { continue };
        for workload in &seen {
            let alert = open.get(&(workload.id, signal.name.clone()));
            match (sighting(*watch, workload, pods_of(workload)), alert) {
                (Some(seen), None) => {
                    let service = services.get(&workload.id).map_or("", String::as_str);
                    fired.push(placed(workload, service, signal, seen, now));
                }
                (None, Some(alert)) => ended.push(*alert),
                _ => {}
            }
        }
    }
    if fired.is_empty() && ended.is_empty() {
        return Ok(());
    }
    let mut tx = world.db.begin().await?;
    if !fired.is_empty() {
        store::alerts::fire(&mut tx, &fired, Source::Watch, now).await?;
    }
    if !ended.is_empty() {
        // Not ended here: the detector finds out what follows from it.
        store::alerts::say_over(&mut tx, &ended, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

fn placed(
    workload: &Workload,
    service: &str,
    signal: &Signal,
    seen: Sighting,
    now: DateTime<Utc>,
) -> Placed {
    let mut labels = Labels::new();
    for (name, value) in [
        ("alertname", signal.name.as_str()),
        ("service", service),
        ("cluster", &workload.cluster),
        ("namespace", &workload.namespace),
        (workload.kind.label(), &workload.name),
    ] {
        labels.insert(name.to_owned(), value.to_owned());
    }
    let mut annotations = Labels::from([("description".to_owned(), seen.message)]);
    if let Some(pod) = seen.pod {
        annotations.insert("pod".to_owned(), pod);
    }
    Placed {
        // A stretch of trouble begins when it is seen: a container state may be older than our last look.
        report: Report::new(labels, annotations, State::Firing, Some(now), None, now),
        service: workload.service,
        workload: Some(workload.id),
        onset_at: Some(seen.onset),
        value: Some(seen.value),
    }
}
