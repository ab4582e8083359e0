//! DaemonSets: a pod on each node; a new revision replaces them a few at a time.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::replica_sets::{is_ready, make_pod, remove_pod};
use super::revisions;
use crate::sim::json::{object, share, text};
use crate::sim::objects::{Key, Object, State};

/// The hash of the revision, on pods and revisions alike.
const REVISION: &str = "controller-revision-hash";

pub(super) fn reconcile(state: &mut State, key: &Key, now: DateTime<Utc>) {
    let Some(set) = state.get_key(key).cloned() else { return };
    if set.value["metadata"].get("deletionTimestamp").is_some() {
        return;
    }
    let update = revisions::current(state, &set, "DaemonSet", REVISION, now);
    let hash = revision(&update).to_owned();
    let nodes = nodes(state, &set);
    for pod in state.owned(set.uid(), "pods") {
        if !nodes.iter().any(|n| n == text(&pod.value, "/spec/nodeName")) {
            remove_pod(state, &pod, now);
        }
    }
    replace_old(state, &set, &hash, nodes.len(), now);
    let pods = state.owned(set.uid(), "pods");
    for node in &nodes {
        if pods.iter().any(|p| text(&p.value, "/spec/nodeName") == node) {
            continue;
        }
        let name = format!("{}-{}", set.name(), state.suffix());
        let finish = |pod: &mut Value| {
            pod["spec"]["nodeName"] = json!(node);
            object(&mut pod["metadata"], "labels").insert(REVISION.to_owned(), json!(hash));
        };
        make_pod(state, &set, "DaemonSet", name, finish, now);
    }
    write_status(state, key, &hash, nodes.len());
    let pods = state.owned(set.uid(), "pods");
    let used =
        |r: &Object| r.name() == update.name() || pods.iter().any(|p| revision(p) == revision(r));
    revisions::forget_old(state, &set, used, now);
}

/// Deletes pods of older revisions: those that do not work at once, the others as far as enough
/// nodes keep theirs.
fn replace_old(state: &mut State, set: &Object, hash: &str, nodes: usize, now: DateTime<Utc>) {
    let strategy = &set.value["spec"]["updateStrategy"];
    if strategy["type"] == "OnDelete" {
        return;
    }
    let pods = state.owned(set.uid(), "pods");
    let total = i64::try_from(nodes).unwrap_or(i64::MAX);
    let allowed = share(&strategy["rollingUpdate"]["maxUnavailable"], total, true).max(1);
    let ready = pods.iter().filter(|p| is_ready(&p.value)).count();
    let missing = total - i64::try_from(ready).unwrap_or(0);
    let mut room = allowed - missing;
    let old: Vec<&Arc<Object>> = pods.iter().filter(|p| revision(p) != hash).collect();
    for pod in old {
        if !is_ready(&pod.value) {
            remove_pod(state, pod, now);
        } else if room > 0 {
            room -= 1;
            remove_pod(state, pod, now);
        }
    }
}

fn write_status(state: &mut State, key: &Key, hash: &str, nodes: usize) {
    let Some(set) = state.get_key(key).cloned() else { return };
    let pods = state.owned(set.uid(), "pods");
    let ready = pods.iter().filter(|p| is_ready(&p.value)).count();
    let updated = pods.iter().filter(|p| revision(p) == hash).count();
    let mut status = Map::new();
    status.insert("observedGeneration".into(), set.value["metadata"]["generation"].clone());
    // Go writes these four even where they are zero.
    status.insert("desiredNumberScheduled".into(), json!(nodes));
    status.insert("currentNumberScheduled".into(), json!(pods.len()));
    status.insert("numberMisscheduled".into(), json!(0));
    status.insert("numberReady".into(), json!(ready));
    let counts = [
        ("updatedNumberScheduled", updated),
        ("numberAvailable", ready),
        ("numberUnavailable", nodes.saturating_sub(ready)),
    ];
    status
        .extend(counts.into_iter().filter(|(_, n)| *n > 0).map(|(f, n)| (f.to_owned(), json!(n))));
    state.edit(key, |value| value["status"] = Value::Object(status));
}

fn revision(object: &Object) -> &str {
    object.value["metadata"]["labels"].get(REVISION).and_then(Value::as_str).unwrap_or_default()
}

/// The nodes that the set wants a pod on.
fn nodes(state: &State, set: &Object) -> Vec<String> {
    let wanted = set.value["spec"]["template"]["spec"]["nodeSelector"].as_object();
    let fits = |node: &Object| {
        let labels = &node.value["metadata"]["labels"];
        wanted.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
    };
    state.list("nodes", None).filter(|n| fits(n)).map(|n| n.name().to_owned()).collect()
}
