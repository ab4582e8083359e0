//! How far a rollout has come, followed by a watch: the last pod's readiness is seen the moment the API server
//! says it.

use std::time::Duration;

use axum::http::Request;
use domain::rollouts;
use domain::services::{WorkloadKind, WorkloadRef};
use domain::workloads::Rollout;
use futures::TryStreamExt;
use kube::core::WatchEvent;
use serde_json::Value;

use super::actions;
use super::error::Asked;
use super::{Cluster, Error};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// As many pods of the live template as wanted are available.
    Done {
        ready: i32,
    },
    /// Those of a StatefulSet that are to be of the live template are, and available; those with a number below the
    /// partition stay as they are.
    DoneToPartition {
        updated: i32,
        partition: i32,
    },
    /// So many pods are of another template, and nobody replaces them but who deletes them.
    OnDelete {
        outdated: i32,
    },
    Going {
        ready: i32,
        updated: i32,
        wanted: i32,
    },
    /// The controller has given up: the progress deadline is over.
    Stuck {
        reason: String,
    },
    /// The workload is gone.
    Gone,
}

/// How far it has come by now.
pub async fn progress(cluster: &Cluster, workload: &WorkloadRef) -> Result<Progress, Error> {
    match actions::get(cluster, workload).await {
        Ok(object) => Ok(of(workload.kind, &object)),
        Err(Error::NotFound { .. }) => Ok(Progress::Gone),
        Err(error) => Err(error),
    }
}

/// Follows the rollout until it is done, stuck or gone, or for so long; then says how far it has come.
pub async fn follow(
    cluster: &Cluster,
    workload: &WorkloadRef,
    within: Duration,
) -> Result<Progress, Error> {
    let object = match actions::get(cluster, workload).await {
        Ok(object) => object,
        Err(Error::NotFound { .. }) => return Ok(Progress::Gone),
        Err(error) => return Err(error),
    };
    let mut last = of(workload.kind, &object);
    if last.is_over() {
        return Ok(last);
    }
    let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    let watched = watch(cluster, workload, version.unwrap_or_default(), &mut last);
    match tokio::time::timeout(within, watched).await {
        Ok(Err(error)) => Err(error),
        Ok(Ok(())) | Err(_) => Ok(last),
    }
}

/// Until it is over, or the API server ends the watch.
async fn watch(
    cluster: &Cluster,
    workload: &WorkloadRef,
    from: &str,
    last: &mut Progress,
) -> Result<(), Error> {
    let mut look = |event: WatchEvent<Value>| {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                *last = of(workload.kind, &object);
            }
            WatchEvent::Deleted(_) => *last = Progress::Gone,
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(_) => return true,
        }
        last.is_over()
    };
    events(cluster, workload, from, &mut look).await
}

/// Until the workload is seen to change.
pub(super) async fn next_change(
    cluster: &Cluster,
    workload: &WorkloadRef,
    since: &str,
) -> Result<(), Error> {
    events(cluster, workload, since, &mut |event| !matches!(event, WatchEvent::Bookmark(_))).await
}

/// What happens to the object, until one is enough or the API server ends the watch.
async fn events(
    cluster: &Cluster,
    workload: &WorkloadRef,
    from: &str,
    enough: &mut (dyn FnMut(WatchEvent<Value>) -> bool + Send),
) -> Result<(), Error> {
    let (path, resource) = actions::path(workload);
    let WorkloadRef { namespace, name, .. } = workload;
    let collection = path.trim_end_matches(name.as_str()).trim_end_matches('/');
    let uri = format!(
        "{collection}?watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion={from}"
    );
    let request = Request::get(uri).body(Vec::new());
    let request = request
        .map_err(|it| Error::Malformed { cluster: cluster.name.clone(), reason: it.to_string() })?;
    let asked = Asked { verb: "watch", resource, namespace, name };
    let failed = |error| failed(cluster, &asked, error);
    let events = cluster.client.request_events::<Value>(request).await.map_err(&failed)?;
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.try_next().await.map_err(&failed)? {
        if enough(event) {
            return Ok(());
        }
    }
    Ok(())
}

fn failed(cluster: &Cluster, asked: &Asked<'_>, error: kube::Error) -> Error {
    match error {
        kube::Error::Api(status) if status.code == 403 => Error::Forbidden {
            cluster: cluster.name.clone(),
            verb: asked.verb.to_owned(),
            resource: asked.resource.to_owned(),
            namespace: asked.namespace.to_owned(),
        },
        kube::Error::Api(status) if status.code == 410 => {
            Error::Gone { cluster: cluster.name.clone() }
        }
        kube::Error::Api(status) => Error::Trouble {
            cluster: cluster.name.clone(),
            status: status.code,
            message: status.message.clone(),
        },
        error => Error::no_answer(&cluster.name, &error),
    }
}

impl Progress {
    /// There is nothing to see by looking on.
    fn is_over(&self) -> bool {
        !matches!(self, Progress::Going { .. } | Progress::OnDelete { .. })
    }
}

/// From one reading of the object.
pub fn of(kind: WorkloadKind, object: &Value) -> Progress {
    if kind == WorkloadKind::Rollout {
        return of_rollout(object);
    }
    let number = |path: &str| {
        let number = object.pointer(path).and_then(Value::as_i64).unwrap_or(0);
        i32::try_from(number).unwrap_or(i32::MAX)
    };
    let seen = number("/status/observedGeneration") >= number("/metadata/generation");
    let (wanted, current, updated, available) = match kind {
        WorkloadKind::DaemonSet => (
            number("/status/desiredNumberScheduled"),
            number("/status/currentNumberScheduled"),
            number("/status/updatedNumberScheduled"),
            number("/status/numberAvailable"),
        ),
        _ => (
            object.pointer("/spec/replicas").map_or(1, |_| number("/spec/replicas")),
            number("/status/replicas"),
            number("/status/updatedReplicas"),
            number("/status/availableReplicas"),
        ),
    };
    let ready = available.min(updated);
    if seen && let Some(reason) = gave_up(object) {
        return Progress::Stuck { reason };
    }
    // Pods of a StatefulSet with a lower number are of the template before, and are meant to be.
    let partition = match kind {
        WorkloadKind::StatefulSet => number("/spec/updateStrategy/rollingUpdate/partition"),
        _ => 0,
    };
    let kept = partition.clamp(0, wanted.max(0));
    // Old pods that are still going away may be among the available ones; even if all of them are, enough
    // remain.
    let old = (current - updated - kept).max(0);
    let by_hand = object.pointer("/spec/updateStrategy/type").is_some_and(|it| it == "OnDelete");
    match seen && updated >= wanted - kept && available - old >= wanted {
        true if kept > 0 && updated < wanted => Progress::DoneToPartition { updated, partition },
        true => Progress::Done { ready },
        false if seen && by_hand && current > updated => {
            Progress::OnDelete { outdated: current - updated }
        }
        false => Progress::Going { ready, updated, wanted },
    }
}

/// The controller of Argo says itself when a canary is through.
fn of_rollout(object: &Value) -> Progress {
    let number = |path: &str| {
        let number = object.pointer(path).and_then(Value::as_i64).unwrap_or(0);
        i32::try_from(number).unwrap_or(i32::MAX)
    };
    let wanted = object.pointer("/spec/replicas").map_or(1, |_| number("/spec/replicas"));
    let (ready, updated) = (number("/status/availableReplicas"), number("/status/updatedReplicas"));
    let state = rollouts::Progress::of(object).rollout(rollouts::observed(object));
    match state {
        Rollout::Stuck { reason } => Progress::Stuck { reason },
        Rollout::Settled if updated >= wanted => Progress::Done { ready: ready.min(updated) },
        Rollout::Settled | Rollout::Progressing => Progress::Going { ready, updated, wanted },
    }
}

/// The words of the controller when the progress deadline is over.
fn gave_up(object: &Value) -> Option<String> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let given_up =
        |it: &&Value| it["type"] == "Progressing" && it["reason"] == "ProgressDeadlineExceeded";
    let condition = conditions.iter().find(given_up)?;
    Some(condition["message"].as_str().unwrap_or("the progress deadline is over").to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(observed: i64, replicas: i64, updated: i64, available: i64) -> Value {
        json!({
            "metadata": {"generation": 2},
            "spec": {"replicas": 3},
            "status": {
                "observedGeneration": observed, "replicas": replicas,
                "updatedReplicas": updated, "availableReplicas": available
            }
        })
    }

    #[test]
    fn it_is_done_when_enough_new_pods_are_available() {
        let going = |ready, updated| Progress::Going { ready, updated, wanted: 3 };
        for (object, expected) in [
            (deployment(2, 3, 3, 3), Progress::Done { ready: 3 }),
            // What the status says is about the template before.
            (deployment(1, 3, 3, 3), going(3, 3)),
            (deployment(2, 4, 1, 3), going(1, 1)),
            // Three are available, but one of them may be an old one.
            (deployment(2, 4, 3, 3), going(3, 3)),
            // An old one is going away, and four are available: three of them are new.
            (deployment(2, 4, 3, 4), Progress::Done { ready: 3 }),
        ] {
            assert_eq!(of(WorkloadKind::Deployment, &object), expected, "{object}");
        }
    }

    fn stateful_set(partition: i64, updated: i64, available: i64, by: &str) -> Value {
        let mut object = deployment(2, 3, updated, available);
        object["spec"]["updateStrategy"] =
            json!({"type": by, "rollingUpdate": {"partition": partition}});
        object
    }

    #[test]
    fn a_partition_is_as_far_as_it_goes() {
        let going = |ready, updated| Progress::Going { ready, updated, wanted: 3 };
        let to = |updated, partition| Progress::DoneToPartition { updated, partition };
        for (object, expected) in [
            (stateful_set(0, 3, 3, "RollingUpdate"), Progress::Done { ready: 3 }),
            (stateful_set(0, 2, 3, "RollingUpdate"), going(2, 2)),
            (stateful_set(2, 1, 3, "RollingUpdate"), to(1, 2)),
            (stateful_set(2, 0, 3, "RollingUpdate"), going(0, 0)),
            (stateful_set(2, 1, 2, "RollingUpdate"), going(1, 1)),
            (stateful_set(9, 0, 3, "RollingUpdate"), to(0, 9)),
            (stateful_set(0, 1, 3, "OnDelete"), Progress::OnDelete { outdated: 2 }),
            (stateful_set(0, 3, 3, "OnDelete"), Progress::Done { ready: 3 }),
        ] {
            assert_eq!(of(WorkloadKind::StatefulSet, &object), expected, "{object}");
        }
    }

    #[test]
    fn the_controller_giving_up_is_an_end() {
        let mut object = deployment(2, 4, 1, 3);
        object["status"]["conditions"] = json!([{
            "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
            "message": "ReplicaSet has timed out progressing."
        }]);
        let reason = "ReplicaSet has timed out progressing.".to_owned();
        assert_eq!(of(WorkloadKind::Deployment, &object), Progress::Stuck { reason });
    }
}
