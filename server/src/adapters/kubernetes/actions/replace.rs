//! Deleting the pods that a StatefulSet or DaemonSet would not replace by itself. Which one is next is decided by
//! [`domain::plans::replacing`] on one reading of the set, its revisions and its pods; the deletion carries the pod's
//! uid as its condition, so that the one that came back under the name is never meant.

use std::time::Duration;

use domain::plans::replacing::{self, Pod, Set, Turn};
use domain::plans::{LiveState, Moved};
use domain::runs::{DeletedPod, Note, Proof};
use domain::services::{WorkloadKind, WorkloadRef};
use domain::{canonical, revisions};
use serde_json::Value;

use super::super::error::Asked;
use super::super::{Cluster, Error, rollout};
use super::{controlled, get, kept, live_state, version};

/// The label that names the ControllerRevision on pods and, of a DaemonSet, on the revision too.
const HASH: &str = "/metadata/labels/controller-revision-hash";

/// What there is to do now.
#[derive(Debug)]
pub enum Look {
    Delete(DeletedPod),
    /// Not yet, and why; the version of the set that was read, from which it can be followed.
    Wait {
        note: Note,
        version: String,
    },
    Done(Proof),
    Refused(Note),
    Moved(Vec<Moved>),
}

/// Looks which pod is next. Changes nothing.
///
/// # Errors
/// Where the API server does not answer, or refuses.
pub async fn look(
    cluster: &Cluster,
    workload: &WorkloadRef,
    believed: &LiveState,
) -> Result<Look, Error> {
    if let Some(refusal) =
        domain::plans::not_for_kind(workload.kind, &domain::plans::Action::ReplacePods)
    {
        return Ok(Look::Refused(refusal));
    }
    let namespace = &workload.namespace;
    if cluster.described.protects(namespace) {
        return Ok(Look::Refused(Note::Protected { namespace: namespace.clone() }));
    }
    let object = match get(cluster, workload).await {
        Ok(object) => object,
        Err(Error::NotFound { .. }) => {
            return Ok(Look::Moved(vec![Moved::Gone { workload: workload.clone() }]));
        }
        Err(error) => return Err(error),
    };
    let live = live_state(workload, &object);
    // The replicas are no matter here.
    let moved = LiveState { replicas: None, ..believed.clone() }.moved(Some(&live));
    if !moved.is_empty() {
        return Ok(Look::Moved(moved));
    }
    let history = kept(cluster, workload, &object).await?;
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let asked = Asked { verb: "list", resource: "pods", namespace, name: "" };
    let pods = controlled(cluster, &path, &asked, &object).await?;
    Ok(match replacing::next(&set(workload, &object, &history, &pods)) {
        Turn::Delete(pod) => Look::Delete(pod.pod.clone()),
        Turn::Wait(note) => Look::Wait { note, version: version(&object) },
        Turn::Done => {
            let resource_version = version(&object);
            Look::Done(Proof { after: live.into(), resource_version, found: false })
        }
    })
}

/// Deletes it, if it is still this very pod. One that is gone was deleted already.
///
/// # Errors
/// As for [`look`].
pub async fn delete(
    cluster: &Cluster,
    workload: &WorkloadRef,
    pod: &DeletedPod,
) -> Result<(), Error> {
    let (namespace, name) = (&workload.namespace, &pod.name);
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    let asked = Asked { verb: "delete", resource: "pods", namespace, name };
    match cluster.delete(&path, &asked, &pod.uid, false).await {
        // Another pod has its name by now, or none.
        Ok(_) | Err(Error::NotFound { .. } | Error::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Until the set is seen to change, at most so long.
///
/// # Errors
/// As for [`look`].
pub async fn changed(
    cluster: &Cluster,
    workload: &WorkloadRef,
    since: &str,
    within: Duration,
) -> Result<(), Error> {
    let seen = rollout::next_change(cluster, workload, since);
    match tokio::time::timeout(within, seen).await {
        Ok(seen) => seen,
        Err(_) => Ok(()),
    }
}

/// From one reading of everything.
fn set(workload: &WorkloadRef, object: &Value, history: &[Value], pods: &[Value]) -> Set {
    let number = |path: &str| object.pointer(path).and_then(Value::as_i64).unwrap_or(0);
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let revision = |it: &Value| it["revision"].as_i64().unwrap_or(0);
    let newest = history.iter().max_by_key(|it| revision(it));
    let stateful = workload.kind == WorkloadKind::StatefulSet;
    let live = canonical::template(object.pointer("/spec/template").unwrap_or(&Value::Null));
    let is_live = |it: &Value| {
        let template = revisions::of_controller_revision(&it["data"]);
        template.is_some_and(|it| canonical::template(&it) == live)
    };
    let observed = number("/status/observedGeneration") >= number("/metadata/generation")
        && newest.is_some_and(|it| {
            is_live(it) && (!stateful || it["metadata"]["name"] == text("/status/updateRevision"))
        });
    let on_delete = text("/spec/updateStrategy/type") == "OnDelete";
    let wanted = match stateful {
        true => object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1),
        false => number("/status/desiredNumberScheduled"),
    };
    Set {
        observed,
        ordered: stateful && !on_delete && text("/spec/podManagementPolicy") != "Parallel",
        on_delete,
        partition: number("/spec/updateStrategy/rollingUpdate/partition"),
        wanted: usize::try_from(wanted).unwrap_or(0),
        pods: pods.iter().map(|it| pod(stateful, it, history, newest)).collect(),
    }
}

fn pod(stateful: bool, pod: &Value, history: &[Value], newest: Option<&Value>) -> Pod {
    let text = |path: &str| pod.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let hash = text(HASH);
    // A StatefulSet labels its pods with the name of the revision, a DaemonSet with its hash.
    let of = |it: &&Value| {
        let named = it["metadata"]["name"] == hash;
        named || it.pointer(HASH).and_then(Value::as_str) == Some(hash)
    };
    let own = history.iter().find(of);
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let ready = |it: &Value| it["type"] == "Ready" && it["status"] == "True";
    let name = text("/metadata/name");
    let ordinal = name.rsplit('-').next().and_then(|it| it.parse().ok());
    Pod {
        pod: DeletedPod {
            name: name.to_owned(),
            uid: text("/metadata/uid").to_owned(),
            revision: own.and_then(|it| it["revision"].as_i64()),
        },
        ordinal: ordinal.filter(|_| stateful),
        live: own.is_some() && own == newest,
        ready: conditions.into_iter().flatten().any(ready),
        terminating: pod.pointer("/metadata/deletionTimestamp").is_some(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(kind: WorkloadKind) -> WorkloadRef {
        WorkloadRef { cluster: "lab".into(), namespace: "shop".into(), kind, name: "db".into() }
    }

    fn template(image: &str) -> Value {
        json!({"spec": {"containers": [{"name": "db", "image": image}]}})
    }

    fn revision(number: i64, image: &str) -> Value {
        json!({
            "metadata": {
                "name": format!("db-{image}"), "labels": {"controller-revision-hash": image},
            },
            "revision": number, "data": {"spec": {"template": template(image)}},
        })
    }

    fn running(name: &str, hash: &str, ready: &str) -> Value {
        json!({
            "metadata": {"name": name, "uid": name, "labels": {"controller-revision-hash": hash}},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        })
    }

    fn object(observed: i64, update: &str) -> Value {
        json!({
            "metadata": {"generation": 2},
            "spec": {"replicas": 3, "template": template("1"), "updateStrategy": {
                "type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
            "status": {"observedGeneration": observed, "updateRevision": update, "desiredNumberScheduled": 2},
        })
    }

    #[test]
    fn a_stateful_set_is_read_with_its_revisions_and_pods() {
        let workload = workload(WorkloadKind::StatefulSet);
        let history = [revision(3, "1"), revision(2, "2")];
        let pods = [running("db-0", "db-1", "True"), running("db-1", "db-2", "False")];
        let read = set(&workload, &object(2, "db-1"), &history, &pods);
        assert!(read.observed && read.ordered && !read.on_delete);
        assert_eq!((read.partition, read.wanted), (1, 3));
        let pods: Vec<_> = read.pods.iter().map(|it| (it.ordinal, it.live, it.ready)).collect();
        assert_eq!(pods, [(Some(0), true, true), (Some(1), false, false)]);
        assert_eq!(read.pods[1].pod.revision, Some(2));
        // The controller has not seen the template, or has not written down what follows from it.
        for early in [object(1, "db-1"), object(2, "db-2")] {
            assert!(!set(&workload, &early, &history, &[]).observed);
        }
        let old = [revision(1, "1"), revision(2, "2")];
        assert!(!set(&workload, &object(2, "db-1"), &old, &[]).observed);
    }

    #[test]
    fn the_pods_of_a_daemon_set_carry_the_hash_of_their_revision_and_no_number() {
        let workload = workload(WorkloadKind::DaemonSet);
        let history = [revision(3, "1"), revision(2, "2")];
        let pods = [running("db-1", "1", "True"), running("db-2", "2", "True")];
        let read = set(&workload, &object(2, ""), &history, &pods);
        assert_eq!((read.observed, read.ordered, read.wanted), (true, false, 2));
        let pods: Vec<_> = read.pods.iter().map(|it| (it.ordinal, it.live)).collect();
        assert_eq!(pods, [(None, true), (None, false)]);
    }
}
