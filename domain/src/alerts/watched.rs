//! Signals of the watch: what the cluster itself says about a workload's pods, without any metrics.
//!
//! **Invariant:** a pod that is going away speaks neither for nor against its workload.

use chrono::{DateTime, Utc};

use crate::pods::{BadReason, Pod};
use crate::signals::WatchSignal;
use crate::workloads::{Rollout, Workload};

/// A signal of the watch that fires.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// The bad share of the live revision's pods; of all pods where none of the live revision is bad.
    pub value: f64,
    /// The first container state that is bad.
    pub onset: DateTime<Utc>,
    /// In the words of the cluster.
    pub message: String,
    /// The pod that says so; none for a rollout that is stuck without a bad pod.
    pub pod: Option<String>,
}

/// None where the signal does not fire.
pub fn sighting(signal: WatchSignal, workload: &Workload, pods: &[Pod]) -> Option<Sighting> {
    if let WatchSignal::Stuck = signal {
        let Rollout::Stuck { reason } = &workload.rollout else { return None };
        let worst = pods.iter().filter_map(|it| it.bad.as_ref()).min_by_key(|it| it.since);
        return Some(Sighting {
            value: 1.0,
            onset: worst.map_or(workload.seen_at, |it| it.since),
            message: reason.clone(),
            pod: None,
        });
    }
    let alive = || pods.iter().filter(|it| !it.terminating);
    let hit = |pod: &&Pod| pod.bad.as_ref().is_some_and(|it| covers(signal, it.reason));
    let first = alive().filter(hit).min_by_key(|it| it.bad.as_ref().map(|bad| bad.since))?;
    let bad = first.bad.as_ref()?;

    let live = |pod: &&Pod| pod.digest.as_ref() == Some(&workload.live.digest);
    let share = |bad: usize, all: usize| bad as f64 / all.max(1) as f64;
    let of_live = share(alive().filter(live).filter(hit).count(), alive().filter(live).count());
    let of_all = share(alive().filter(hit).count(), alive().count());
    Some(Sighting {
        value: if of_live > 0.0 { of_live } else { of_all },
        onset: bad.since,
        message: bad.message.clone(),
        pod: Some(first.name.clone()),
    })
}

/// A container that cannot be made loops as one that crashes does: it never gets further by itself.
fn covers(signal: WatchSignal, reason: BadReason) -> bool {
    match signal {
        WatchSignal::CrashLoop => matches!(reason, BadReason::CrashLoop | BadReason::CannotStart),
        WatchSignal::ImagePull => reason == BadReason::ImagePull,
        WatchSignal::Oom => reason == BadReason::Oom,
        WatchSignal::NotReady => reason == BadReason::NotReady,
        WatchSignal::Stuck => false,
    }
}
