//! ReplicaSets: as many pods as wanted; those that work least go first.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::conditions::find;
use super::events;
use super::sets::wanted;
use crate::sim::defaults;
use crate::sim::json::{object, owner_reference, text};
use crate::sim::objects::{Key, Object, State};
use crate::sim::writes::{Propagation, Write};

pub(super) fn reconcile(state: &mut State, key: &Key, now: DateTime<Utc>) {
    let Some(set) = state.get_key(key).cloned() else { return };
    let pods = state.owned(set.uid(), "pods");
    let (have, want) = (pods.len(), usize::try_from(wanted(&set.value)).unwrap_or(0));
    for _ in have..want {
        let name = format!("{}-{}", set.name(), state.suffix());
        let pod = make_pod(state, &set, "ReplicaSet", name, |_| {}, now);
        let message = format!("Created pod: {}", pod.name());
        events::write(
            state,
            &events::REPLICA_SET,
            &set,
            "Normal",
            "SuccessfulCreate",
            &message,
            now,
        );
    }
    if have > want {
        let mut pods = pods;
        // Not ready before ready, then the newest first.
        pods.sort_by(|a, b| {
            let rank = |p: &Object| {
                (is_ready(&p.value), text(&p.value, "/metadata/creationTimestamp").to_owned())
            };
            let (a, b) = (rank(a), rank(b));
            a.0.cmp(&b.0).then(b.1.cmp(&a.1))
        });
        for pod in pods.into_iter().take(have - want) {
            remove_pod(state, &pod, now);
            let message = format!("Deleted pod: {}", pod.name());
            events::write(
                state,
                &events::REPLICA_SET,
                &set,
                "Normal",
                "SuccessfulDelete",
                &message,
                now,
            );
        }
    }
    write_status(state, key);
}

fn write_status(state: &mut State, key: &Key) {
    let Some(set) = state.get_key(key).cloned() else { return };
    let pods = state.owned(set.uid(), "pods");
    let ready = pods.iter().filter(|p| is_ready(&p.value)).count();
    state.edit(key, |value| {
        let mut status = Map::new();
        status.insert("replicas".into(), json!(pods.len()));
        status.insert("observedGeneration".into(), value["metadata"]["generation"].clone());
        let counts = [
            ("fullyLabeledReplicas", pods.len()),
            ("readyReplicas", ready),
            ("availableReplicas", ready),
        ];
        for (field, n) in counts.into_iter().filter(|(_, n)| *n > 0) {
            status.insert(field.into(), json!(n));
        }
        value["status"] = Value::Object(status);
    });
}

pub(super) fn is_ready(pod: &Value) -> bool {
    find(pod, "Ready").is_some_and(|c| c["status"] == "True")
}

/// Makes a pod from the template of a workload; `finish` may change it before it is stored.
pub(super) fn make_pod(
    state: &mut State,
    owner: &Object,
    kind: &str,
    name: String,
    finish: impl FnOnce(&mut Value),
    now: DateTime<Utc>,
) -> Arc<Object> {
    let template = &owner.value["spec"]["template"];
    let mut pod = json!({"metadata": template["metadata"], "spec": template["spec"]});
    let meta = object(&mut pod, "metadata");
    meta.insert("name".into(), json!(name));
    meta.insert("generateName".into(), json!(format!("{}-", owner.name())));
    meta.insert("namespace".into(), json!(owner.namespace()));
    meta.insert("ownerReferences".into(), json!([owner_reference(&owner.value, "apps/v1", kind)]));
    finish(&mut pod);
    state.christen(&mut pod, now);
    if let Some(pods) = state.types.get("pods").map(Arc::clone) {
        defaults::apply(&pods, &mut pod);
    }
    state.put("pods", pod)
}

pub(super) fn remove_pod(state: &mut State, pod: &Arc<Object>, now: DateTime<Utc>) {
    if let Some(kind) = state.types.get("pods").map(Arc::clone) {
        state.delete(&kind, pod, Propagation::Delete, Write { now, dry: false });
    }
}
