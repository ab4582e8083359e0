//! What the watch sees becomes alerts, and what it no longer sees ends them. No Prometheus is needed for these.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::alerts::watched::{Sighting, sighting};
use domain::alerts::{Alert, Labels, Report, Source, State};
use domain::ids::WorkloadId;
use domain::signals::{self, Signal};
use domain::workloads::Workload;
use store::alerts::Placed;

use crate::workers::World;

/// Compares what the watch sees of every workload with the open alerts.
pub(super) async fn compare_all(world: &World) -> anyhow::Result<()> {
    for workload in store::workloads::troubled(&world.db).await? {
        compare(world, workload).await?;
    }
    Ok(())
}

/// Compares what the watch sees of one workload with the open alerts.
pub(super) async fn compare(world: &World, workload: WorkloadId) -> anyhow::Result<()> {
    let now = (world.now)();
    let workload = store::workloads::get(&world.db, workload).await?;
    let Some(service) = workload.service.filter(|_| workload.gone_at.is_none()) else {
        return Ok(());
    };
    let pods = store::pods::of(&world.db, workload.id).await?;
    let open: BTreeMap<String, Alert> = store::alerts::firing_of_service(&world.db, service)
        .await?
        .into_iter()
        .filter(|it| it.source == Source::Watch && it.workload == Some(workload.id))
        .map(|it| (it.name.clone(), it))
        .collect();
    let bad = pods.iter().any(|it| it.bad.is_some())
        || workload.conditions.iter().any(|it| it.status == "False");
    if open.is_empty() && !bad {
        return Ok(()); // Most of the time.
    }
    let service = store::services::get(&world.db, service).await?;
    let signals = store::signals::list(&world.db).await?;
    let mut fired = Vec::new();
    let mut ended = Vec::new();
    // Others that name the watch are told by their senders; the watch only confirms them.
    let built_in = signals::built_in();
    for signal in signals.iter().filter(|it| built_in.iter().any(|own| own.name == it.name)) {
        let signals::Source::Watch(watch) = &signal.source else { continue };
        match (sighting(*watch, &workload, &pods), open.get(&signal.name)) {
            (Some(seen), None) => {
                fired.push(placed(&workload, &service.entry.name, signal, seen, now))
            }
            (None, Some(alert)) => ended.push(alert.id),
            _ => {}
        }
    }
    if fired.is_empty() && ended.is_empty() {
        return Ok(());
    }
    let mut tx = world.db.begin().await?;
    store::alerts::fire(&mut tx, &fired, Source::Watch, now).await?;
    for alert in ended {
        // Not ended here: the detector finds out what follows from it.
        store::alerts::say_over(&mut tx, alert, now).await?;
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
