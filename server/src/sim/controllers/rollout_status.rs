//! The status of a Deployment: counts, and whether it is available and getting on.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::conditions::{Condition, find, renew_condition, set_condition};
use super::scaling::max_unavailable;
use super::sets::{Sets, wanted};
use crate::sim::json::{int, object, text};
use crate::sim::objects::{Key, State};

pub(super) const PROGRESSING: &str = "Progressing";
const DONE: &str = "NewReplicaSetAvailable";
const LATE: &str = "ProgressDeadlineExceeded";
const COUNTS: [&str; 5] =
    ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"];

/// Whether every pod is of the new revision and available.
pub(super) fn is_complete(deployment: &Value) -> bool {
    let replicas = wanted(deployment);
    ["updatedReplicas", "replicas", "availableReplicas"]
        .iter()
        .all(|field| int(&deployment["status"], &format!("/{field}")) == replicas)
        && int(deployment, "/status/observedGeneration") >= int(deployment, "/metadata/generation")
}

/// Says in the conditions that a Deployment was paused or goes on.
pub(super) fn note_pause(state: &mut State, key: &Key, paused: bool, now: DateTime<Utc>) {
    state.edit(key, |value| {
        let reason = find(value, PROGRESSING).map(|c| text(c, "/reason").to_owned());
        let reason = reason.as_deref();
        let condition = match (paused, reason) {
            (_, Some(LATE)) => return,
            (true, Some("DeploymentPaused")) => return,
            (true, _) => ("DeploymentPaused", "Deployment is paused"),
            (false, Some("DeploymentPaused")) => ("DeploymentResumed", "Deployment is resumed"),
            (false, _) => return,
        };
        let (reason, message) = condition;
        set_condition(value, Condition::new(PROGRESSING, "Unknown", reason, message), now);
    });
}

/// Counts the pods and judges the rollout; comes back when its deadline is over.
pub(super) fn write(state: &mut State, key: &Key, now: DateTime<Utc>) {
    let Some(deployment) = state.get_key(key).cloned() else { return };
    let sets = Sets::of(state, &deployment);
    let mut counts = Map::new();
    let available = sets.sum("/status/availableReplicas");
    let total = sets.sum("/status/replicas");
    let updated = sets.new.as_ref().map_or(0, |s| int(&s.value, "/status/replicas"));
    let ready = sets.sum("/status/readyReplicas");
    for (field, n) in
        COUNTS.iter().zip([total, updated, ready, available, (total - available).max(0)])
    {
        // Go leaves out a zero.
        if n != 0 {
            counts.insert((*field).to_owned(), json!(n));
        }
    }
    let enough = available >= wanted(&deployment.value) - max_unavailable(&deployment);
    let name =
        sets.new.as_ref().map_or_else(|| deployment.name().to_owned(), |s| s.name().to_owned());
    let stored = state.edit(key, |value| {
        let before = value["status"].clone();
        let status = object(value, "status");
        status.retain(|field, _| !COUNTS.contains(&field.as_str()));
        status.extend(counts);
        let generation = value["metadata"]["generation"].clone();
        value["status"]["observedGeneration"] = generation;
        let (status, reason, message) = if enough {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            (
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            )
        };
        set_condition(value, Condition::new("Available", status, reason, message), now);
        judge(&before, value, &name, now);
    });
    if let Some(due) = stored.and_then(|d| deadline(&d.value)) {
        // The deadline is over only after it.
        state.work.at(due + TimeDelta::seconds(1), key.clone());
    }
}

/// Sets the Progressing condition of a status that has its new counts.
fn judge(before: &Value, value: &mut Value, set: &str, now: DateTime<Utc>) {
    let reason =
        find(value, PROGRESSING).map(|c| text(c, "/reason").to_owned()).unwrap_or_default();
    let rolled_out = int(value, "/status/replicas") == int(value, "/status/updatedReplicas");
    if rolled_out && reason == DONE {
        return;
    }
    let note = |status, reason, words: &str| {
        Condition::new(PROGRESSING, status, reason, format!("ReplicaSet \"{set}\" {words}."))
    };
    if is_complete(value) {
        set_condition(value, note("True", DONE, "has successfully progressed"), now);
    } else if has_moved(before, &value["status"]) {
        renew_condition(value, note("True", "ReplicaSetUpdated", "is progressing"), now);
    } else if reason == LATE || deadline(value).is_some_and(|due| due < now) {
        set_condition(value, note("False", LATE, "has timed out progressing"), now);
    }
}

fn has_moved(before: &Value, after: &Value) -> bool {
    let n = |status: &Value, field: &str| int(status, &format!("/{field}"));
    let old_pods = |status| n(status, "replicas") - n(status, "updatedReplicas");
    ["updatedReplicas", "readyReplicas", "availableReplicas"]
        .iter()
        .any(|field| n(after, field) > n(before, field))
        || old_pods(after) < old_pods(before)
}

/// When the rollout counts as stuck; `None` while it is done, late already, or not under way.
fn deadline(deployment: &Value) -> Option<DateTime<Utc>> {
    let condition = find(deployment, PROGRESSING)?;
    let paused = ["DeploymentPaused", DONE, LATE];
    if paused.contains(&text(condition, "/reason")) {
        return None;
    }
    let since = DateTime::parse_from_rfc3339(text(condition, "/lastUpdateTime")).ok()?;
    let seconds = int(deployment, "/spec/progressDeadlineSeconds");
    Some(since.to_utc() + TimeDelta::seconds(seconds))
}
