//! How many pods each ReplicaSet of a Deployment should have.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::events;
use super::sets::{DESIRED, MAXIMUM, Sets, key_of, wanted};
use crate::sim::json::{annotate, annotation, int, share, text};
use crate::sim::objects::{Key, Object, State};

fn is_rolling(deployment: &Object) -> bool {
    text(&deployment.value, "/spec/strategy/type") != "Recreate"
}

/// How many pods above the wanted number a rollout may have.
pub(super) fn max_surge(deployment: &Object) -> i64 {
    let rolling = &deployment.value["spec"]["strategy"]["rollingUpdate"];
    if is_rolling(deployment) {
        share(&rolling["maxSurge"], wanted(&deployment.value), true)
    } else {
        0
    }
}

/// How many of the wanted pods may be missing during a rollout.
pub(super) fn max_unavailable(deployment: &Object) -> i64 {
    let replicas = wanted(&deployment.value);
    if !is_rolling(deployment) || replicas == 0 {
        return 0;
    }
    let rolling = &deployment.value["spec"]["strategy"]["rollingUpdate"];
    let unavailable = share(&rolling["maxUnavailable"], replicas, false);
    // With neither allowed nothing could ever move.
    let least = if unavailable == 0 && max_surge(deployment) == 0 { 1 } else { unavailable };
    least.min(replicas)
}

/// The size that the new ReplicaSet may grow to now, from `size`.
pub(super) fn new_size(deployment: &Object, sets: &Sets, size: i64) -> i64 {
    let replicas = wanted(&deployment.value);
    if !is_rolling(deployment) {
        return replicas;
    }
    let room = replicas + max_surge(deployment) - sets.sum("/spec/replicas");
    if room <= 0 { size } else { size + room.min(replicas - size) }
}

/// Sets the size of a ReplicaSet; false where it has it already.
pub(super) fn resize(
    state: &mut State,
    deployment: &Object,
    set: &Object,
    size: i64,
    now: DateTime<Utc>,
) -> bool {
    let (before, replicas) = (wanted(&set.value), wanted(&deployment.value));
    let maximum = replicas + max_surge(deployment);
    state.edit(&key_of(set), |value| {
        value["spec"]["replicas"] = json!(size);
        annotate(value, DESIRED, replicas.to_string());
        annotate(value, MAXIMUM, maximum.to_string());
    });
    if before == size {
        return false;
    }
    let way = if size > before { "up" } else { "down" };
    let message = format!("Scaled {way} replica set {} from {before} to {size}", set.name());
    events::write(
        state,
        &events::DEPLOYMENT,
        deployment,
        "Normal",
        "ScalingReplicaSet",
        &message,
        now,
    );
    true
}

/// Whether the wanted number changed since the ReplicaSets were sized.
pub(super) fn is_scaling(deployment: &Object, sets: &Sets) -> bool {
    let replicas = wanted(&deployment.value);
    sets.all()
        .filter(|s| wanted(&s.value) > 0)
        .filter_map(|s| annotation(&s.value, DESIRED).parse::<i64>().ok())
        .any(|desired| desired != replicas)
}

/// Brings the ReplicaSets to a changed number, in proportion where a rollout is under way.
pub(super) fn scale(state: &mut State, key: &Key, now: DateTime<Utc>) {
    let Some(deployment) = state.get_key(key).cloned() else { return };
    let sets = Sets::of(state, &deployment);
    let replicas = wanted(&deployment.value);
    let active: Vec<_> = sets.all().filter(|s| wanted(&s.value) > 0).cloned().collect();
    let only = match &active[..] {
        [] => sets.new.clone().or_else(|| sets.old.last().cloned()),
        [one] => Some(one.clone()),
        _ => None,
    };
    if let Some(only) = only {
        resize(state, &deployment, &only, replicas, now);
        return;
    }
    let saturated = sets.new.as_ref().is_some_and(|new| {
        wanted(&new.value) == replicas && int(&new.value, "/status/availableReplicas") == replicas
    });
    if saturated {
        for old in sets.old.iter().filter(|s| wanted(&s.value) > 0) {
            resize(state, &deployment, old, 0, now);
        }
    } else if is_rolling(&deployment) {
        proportional(state, &deployment, &sets, active, now);
    }
}

fn proportional(
    state: &mut State,
    deployment: &Object,
    sets: &Sets,
    mut active: Vec<Arc<Object>>,
    now: DateTime<Utc>,
) {
    let replicas = wanted(&deployment.value);
    let allowed = if replicas > 0 { replicas + max_surge(deployment) } else { 0 };
    let total = sets.sum("/spec/replicas");
    let change = allowed - total;
    // The largest first; among equals the newest grow and the oldest shrink.
    if change > 0 {
        active.reverse();
    }
    active.sort_by_key(|s| -wanted(&s.value));
    let mut done = 0;
    let mut sizes: Vec<i64> = Vec::new();
    for set in &active {
        let size = wanted(&set.value);
        let part = fraction(set, replicas, allowed, total);
        let part =
            if change > 0 { part.clamp(0, change - done) } else { part.clamp(change - done, 0) };
        done += part;
        sizes.push(size + part);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + change - done).max(0);
    }
    for (set, size) in active.iter().zip(sizes) {
        resize(state, deployment, set, size, now);
    }
}

/// How much one ReplicaSet changes when the whole goes from what it was sized for to `allowed`.
fn fraction(set: &Object, replicas: i64, allowed: i64, total: i64) -> i64 {
    let size = wanted(&set.value);
    if replicas == 0 {
        return -size;
    }
    let before =
        annotation(&set.value, MAXIMUM).parse().ok().filter(|n| *n > 0).unwrap_or(total.max(1));
    let scaled = size * allowed;
    (scaled + before / 2).div_euclid(before) - size
}
