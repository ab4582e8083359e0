//! StatefulSets: pods with numbers, made in order and renewed from the highest down.
//!
//! Under OrderedReady a pod that never gets ready holds up everything, also after the template is
//! back: that is how Kubernetes is, and what a rollback has to help with.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::replica_sets::{is_ready, make_pod, remove_pod};
use super::revisions;
use super::sets::wanted;
use crate::sim::json::{array, int, object, text};
use crate::sim::objects::{Key, Object, State};

/// Names the whole revision on the pods of a StatefulSet.
const REVISION: &str = "controller-revision-hash";

type Pods = BTreeMap<i64, Arc<Object>>;

pub(super) fn reconcile(state: &mut State, key: &Key, now: DateTime<Utc>) {
    let Some(set) = state.get_key(key).cloned() else { return };
    if set.value["metadata"].get("deletionTimestamp").is_some() {
        return;
    }
    let update =
        revisions::current(state, &set, "StatefulSet", "controller.kubernetes.io/hash", now);
    if step(state, &set, &update, now) {
        // The next step needs to see what this one did.
        state.work.push(key.clone());
    }
    write_status(state, key, update.name());
    let Some(set) = state.get_key(key).cloned() else { return };
    let pods = pods(state, &set);
    let current = text(&set.value, "/status/currentRevision").to_owned();
    let used = |r: &Object| {
        r.name() == update.name()
            || r.name() == current
            || pods.values().any(|p| revision(p) == r.name())
    };
    revisions::forget_old(state, &set, used, now);
}

/// Does the next thing that is allowed; false where there is nothing to do or something to wait for.
fn step(state: &mut State, set: &Arc<Object>, update: &Arc<Object>, now: DateTime<Utc>) -> bool {
    let pods = pods(state, set);
    let replicas = wanted(&set.value);
    let ordered = text(&set.value, "/spec/podManagementPolicy") != "Parallel";
    let mut made = false;
    for ordinal in 0..replicas {
        match pods.get(&ordinal) {
            None => {
                make(state, set, update, ordinal, now);
                made = true;
                if ordered {
                    return true;
                }
            }
            Some(pod) if ordered && !is_ready(&pod.value) => return false,
            Some(_) => {}
        }
    }
    if let Some((_, extra)) = pods.range(replicas..).next_back() {
        remove_pod(state, extra, now);
        return true;
    }
    made || renew(state, set, update, &pods, now)
}

/// Deletes the highest pod that is not of the newest revision, once all above it are ready.
fn renew(
    state: &mut State,
    set: &Object,
    update: &Object,
    pods: &Pods,
    now: DateTime<Utc>,
) -> bool {
    if text(&set.value, "/spec/updateStrategy/type") == "OnDelete" {
        return false;
    }
    let partition = int(&set.value, "/spec/updateStrategy/rollingUpdate/partition");
    for pod in pods.range(partition..).rev().map(|(_, pod)| pod) {
        if revision(pod) != update.name() {
            remove_pod(state, pod, now);
            return true;
        }
        if !is_ready(&pod.value) {
            return false;
        }
    }
    false
}

fn make(
    state: &mut State,
    set: &Arc<Object>,
    update: &Arc<Object>,
    ordinal: i64,
    now: DateTime<Utc>,
) {
    let partition = int(&set.value, "/spec/updateStrategy/rollingUpdate/partition");
    let current = text(&set.value, "/status/currentRevision");
    let older = revisions::history(state, set).into_iter().find(|r| r.name() == current);
    let chosen = older.filter(|_| ordinal < partition).unwrap_or_else(|| update.clone());
    let name = format!("{}-{ordinal}", set.name());
    let volumes = claim_volumes(state, set, &name, now);
    let finish = |pod: &mut Value| {
        let template = revisions::template_of(&chosen);
        pod["spec"] = template["spec"].clone();
        if let Some(labels) = template["metadata"].get("labels") {
            pod["metadata"]["labels"] = labels.clone();
        }
        let labels = object(&mut pod["metadata"], "labels");
        labels.insert(REVISION.to_owned(), json!(chosen.name()));
        labels.insert("statefulset.kubernetes.io/pod-name".to_owned(), json!(name));
        labels.insert("apps.kubernetes.io/pod-index".to_owned(), json!(ordinal.to_string()));
        pod["spec"]["hostname"] = json!(name);
        if !volumes.is_empty() {
            let own = array(pod, "/spec/volumes").to_vec();
            pod["spec"]["volumes"] = Value::Array([own, volumes].concat());
        }
    };
    make_pod(state, set, "StatefulSet", name.clone(), finish, now);
}

/// The volumes of a pod from the claim templates; missing claims are made, and bound at once.
fn claim_volumes(state: &mut State, set: &Object, pod: &str, now: DateTime<Utc>) -> Vec<Value> {
    const CLAIMS: &str = "persistentvolumeclaims";
    let mut volumes = Vec::new();
    for template in array(&set.value, "/spec/volumeClaimTemplates") {
        let volume = text(template, "/metadata/name");
        let name = format!("{volume}-{pod}");
        if state.get(CLAIMS, set.namespace(), &name).is_none() {
            let mut claim = json!({
                "metadata": {"name": name, "namespace": set.namespace(),
                    "labels": set.value["spec"]["selector"]["matchLabels"]},
                "spec": template["spec"], "status": {"phase": "Bound"},
            });
            state.christen(&mut claim, now);
            state.put(CLAIMS, claim);
        }
        volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": name}}));
    }
    volumes
}

fn write_status(state: &mut State, key: &Key, update: &str) {
    let Some(set) = state.get_key(key).cloned() else { return };
    let pods = pods(state, &set);
    let count = |fits: &dyn Fn(&Object) -> bool| pods.values().filter(|p| fits(p)).count();
    let known = text(&set.value, "/status/currentRevision");
    let ready = count(&|p| is_ready(&p.value));
    let updated = count(&|p| revision(p) == update);
    // Under OnDelete nobody says when it is over, so what was current stays so.
    let rolls = text(&set.value, "/spec/updateStrategy/type") != "OnDelete";
    let all = usize::try_from(wanted(&set.value)).is_ok_and(|n| updated == n && ready == n);
    let done = rolls && all;
    let current = if done || known.is_empty() { update } else { known }.to_owned();
    let mut status = Map::new();
    status.insert("observedGeneration".into(), set.value["metadata"]["generation"].clone());
    status.insert("replicas".into(), json!(pods.len()));
    status.insert("availableReplicas".into(), json!(ready));
    status.insert("collisionCount".into(), json!(0));
    status.insert("updateRevision".into(), json!(update));
    let counts = [
        ("readyReplicas", ready),
        ("updatedReplicas", updated),
        ("currentReplicas", count(&|p| revision(p) == current)),
    ];
    status
        .extend(counts.into_iter().filter(|(_, n)| *n > 0).map(|(f, n)| (f.to_owned(), json!(n))));
    status.insert("currentRevision".into(), json!(current));
    state.edit(key, |value| value["status"] = Value::Object(status));
}

fn revision(pod: &Object) -> &str {
    pod.value["metadata"]["labels"].get(REVISION).and_then(Value::as_str).unwrap_or_default()
}

/// The pods of a set by their numbers.
fn pods(state: &State, set: &Object) -> Pods {
    let ordinal = |pod: &Object| pod.name().rsplit('-').next()?.parse().ok();
    let pods = state.owned(set.uid(), "pods").into_iter();
    pods.filter_map(|pod| Some((ordinal(&pod)?, pod))).collect()
}
