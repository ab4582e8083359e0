//! The controllers of the pretend cluster: each looks at one object and brings the world one step
//! nearer to it. They run one after the other under the lock of the store, from a queue of what has
//! changed, so that the same requests always lead to the same objects.

mod conditions;
mod daemon_sets;
mod deployments;
mod events;
mod nodes;
pub(crate) mod pods;
mod replica_sets;
mod revisions;
mod rollout_status;
mod scaling;
mod sets;
mod stateful_sets;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub(crate) use self::nodes::add as add_node;
use super::Inner;
use super::objects::{Key, State};

/// How many objects are looked at before others get the lock.
const BATCH: usize = 4;

/// Works off the queue until the cluster stops.
pub(crate) async fn run(cluster: Arc<Inner>) {
    loop {
        let next = work_off(&cluster).await;
        let timer = async {
            match next {
                Some(due) => cluster.clock.wait_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cluster.stop.cancelled() => return,
            () = cluster.wake.notified() => {}
            () = timer => {}
        }
    }
}

/// Looks at everything that is queued or due; says when something is due next.
pub(crate) async fn work_off(cluster: &Inner) -> Option<DateTime<Utc>> {
    loop {
        {
            let mut state = cluster.lock();
            let now = cluster.clock.now();
            let next = state.work.ripen(now);
            for _ in 0..BATCH {
                match state.work.pop() {
                    Some(key) => reconcile(&mut state, &key, now),
                    None => return next,
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

fn reconcile(state: &mut State, key: &Key, now: DateTime<Utc>) {
    match &*key.resource {
        "deployments.apps" => deployments::reconcile(state, key, now),
        "replicasets.apps" => replica_sets::reconcile(state, key, now),
        "statefulsets.apps" => stateful_sets::reconcile(state, key, now),
        "daemonsets.apps" => daemon_sets::reconcile(state, key, now),
        "pods" => pods::reconcile(state, key, now),
        "nodes" => nodes::reconcile(state, key, now),
        _ => {}
    }
}
