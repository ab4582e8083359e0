//! The ReplicaSets of a Deployment: which one is the new one, and their revision numbers.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::workloads::LAST_APPLIED;
use serde_json::{Map, Value, json};

use super::conditions::{Condition, set_condition};
use super::events;
use super::rollout_status::PROGRESSING;
use super::scaling::{max_surge, new_size};
use crate::sim::json::{annotate, annotation, int, object, owner_reference, short_hash, text};
use crate::sim::objects::{Key, Object, State};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";
const HASH: &str = "pod-template-hash";

/// Annotations of a Deployment that its ReplicaSets do not take over.
const OWN: [&str; 5] = [LAST_APPLIED, REVISION, HISTORY, DESIRED, MAXIMUM];

/// The ReplicaSets of one Deployment at one moment.
pub(super) struct Sets {
    /// The one with the Deployment's template.
    pub(super) new: Option<Arc<Object>>,
    /// The others, the oldest first.
    pub(super) old: Vec<Arc<Object>>,
}

impl Sets {
    pub(super) fn of(state: &State, deployment: &Object) -> Self {
        let mut all = state.owned(deployment.uid(), "replicasets.apps");
        all.sort_by(|a, b| born(a).cmp(&born(b)));
        let template = &deployment.value["spec"]["template"];
        let new = all.iter().position(|s| same_template(&s.value["spec"]["template"], template));
        let new = new.map(|at| all.remove(at));
        Self { new, old: all }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.old.iter().chain(&self.new)
    }

    pub(super) fn sum(&self, pointer: &str) -> i64 {
        self.all().map(|s| int(&s.value, pointer)).sum()
    }
}

fn born(set: &Object) -> (&str, &str) {
    (text(&set.value, "/metadata/creationTimestamp"), set.name())
}

pub(super) fn key_of(set: &Object) -> Key {
    Key::new("replicasets.apps", set.namespace(), set.name())
}

pub(super) fn wanted(value: &Value) -> i64 {
    int(value, "/spec/replicas")
}

/// Whether two pod templates are the same but for the hash label.
fn same_template(a: &Value, b: &Value) -> bool {
    let labels = |t: &'_ Value| -> Map<String, Value> {
        let labels = t["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        labels.into_iter().filter(|(key, _)| key != HASH).collect()
    };
    let rest = |t: &'_ Value| -> Map<String, Value> {
        let meta = t["metadata"].as_object().cloned().unwrap_or_default();
        meta.into_iter().filter(|(key, _)| key != "labels").collect()
    };
    a["spec"] == b["spec"] && labels(a) == labels(b) && rest(a) == rest(b)
}

/// Gives the new ReplicaSet its number, makes it if asked to, and writes the number on the
/// Deployment.
pub(super) fn sync_revision(state: &mut State, key: &Key, create: bool, now: DateTime<Utc>) {
    let Some(deployment) = state.get_key(key).cloned() else { return };
    let sets = Sets::of(state, &deployment);
    let revision = |set: &Arc<Object>| annotation(&set.value, REVISION).parse::<i64>().unwrap_or(0);
    let next = sets.old.iter().map(revision).max().unwrap_or(0) + 1;
    let (set, condition) = match &sets.new {
        Some(set) => {
            let renumbered = state.edit(&key_of(set), |value| {
                take_annotations(&deployment.value, value);
                renumber(value, next);
                set_min_ready(&deployment.value, value);
            });
            let Some(set) = renumbered else { return };
            let known = super::conditions::find(&deployment.value, PROGRESSING).is_some();
            let message = format!("Found new replica set \"{}\"", set.name());
            (
                set,
                (!known)
                    .then(|| Condition::new(PROGRESSING, "True", "FoundNewReplicaSet", message)),
            )
        }
        None if create => {
            let set = make(state, &deployment, &sets, next, now);
            let message = format!("Created new replica set \"{}\"", set.name());
            (set, Some(Condition::new(PROGRESSING, "True", "NewReplicaSetCreated", message)))
        }
        None => return,
    };
    let number = annotation(&set.value, REVISION).to_owned();
    state.edit(key, |value| {
        if annotation(value, REVISION) != number {
            annotate(value, REVISION, number);
            // The real controller's update bumps the generation here, as any annotation does.
            value["metadata"]["generation"] = json!(int(value, "/metadata/generation") + 1);
        }
        if let Some(condition) = condition {
            set_condition(value, condition, now);
        }
    });
}

fn take_annotations(deployment: &Value, set: &mut Value) {
    let annotations = deployment["metadata"]["annotations"].as_object();
    for (key, value) in annotations.into_iter().flatten() {
        if !OWN.contains(&key.as_str()) {
            object(&mut set["metadata"], "annotations").insert(key.clone(), value.clone());
        }
    }
}

/// A ReplicaSet that is used again gets the newest number and remembers its old ones.
fn renumber(set: &mut Value, next: i64) {
    let old = annotation(set, REVISION).to_owned();
    if old.parse::<i64>().unwrap_or(0) >= next {
        return;
    }
    annotate(set, REVISION, next.to_string());
    if !old.is_empty() {
        let history = annotation(set, HISTORY);
        let history = if history.is_empty() { old } else { format!("{history},{old}") };
        annotate(set, HISTORY, history);
    }
}

fn set_min_ready(deployment: &Value, set: &mut Value) {
    if let Some(seconds) = deployment["spec"].get("minReadySeconds") {
        set["spec"]["minReadySeconds"] = seconds.clone();
    }
}

fn make(
    state: &mut State,
    deployment: &Object,
    sets: &Sets,
    revision: i64,
    now: DateTime<Utc>,
) -> Arc<Object> {
    let spec = &deployment.value["spec"];
    let hash = short_hash(&spec["template"], int(&deployment.value, "/status/collisionCount"));
    let mut template = spec["template"].clone();
    object(&mut template["metadata"], "labels").insert(HASH.to_owned(), json!(hash));
    let mut selector = spec["selector"].clone();
    object(&mut selector, "matchLabels").insert(HASH.to_owned(), json!(hash));
    let mut set = json!({
        "metadata": {
            "name": format!("{}-{hash}", deployment.name()),
            "namespace": deployment.namespace(),
            "labels": template["metadata"]["labels"],
            "generation": 1,
            "ownerReferences": [owner_reference(&deployment.value, "apps/v1", "Deployment")],
        },
        "spec": {"replicas": 0, "selector": selector, "template": template},
        "status": {"replicas": 0},
    });
    set_min_ready(&deployment.value, &mut set);
    let size = new_size(deployment, sets, 0);
    set["spec"]["replicas"] = json!(size);
    take_annotations(&deployment.value, &mut set);
    annotate(&mut set, REVISION, revision.to_string());
    let replicas = wanted(&deployment.value);
    annotate(&mut set, DESIRED, replicas.to_string());
    annotate(&mut set, MAXIMUM, (replicas + max_surge(deployment)).to_string());
    state.christen(&mut set, now);
    let set = state.put("replicasets.apps", set);
    if size > 0 {
        let message = format!("Scaled up replica set {} from 0 to {size}", set.name());
        events::write(
            state,
            &events::DEPLOYMENT,
            deployment,
            "Normal",
            "ScalingReplicaSet",
            &message,
            now,
        );
    }
    set
}
