//! Deployments: rolling and recreating rollouts, pause, history limit.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::rollout_status;
use super::scaling::{is_scaling, max_unavailable, new_size, resize, scale};
use super::sets::{REVISION, Sets, key_of, sync_revision, wanted};
use crate::sim::json::{annotation, int, text};
use crate::sim::objects::{Key, Object, State};
use crate::sim::writes::{Propagation, Write};

pub(super) fn reconcile(state: &mut State, key: &Key, now: DateTime<Utc>) {
    let Some(deployment) = state.get_key(key).cloned() else { return };
    if deployment.value["metadata"].get("deletionTimestamp").is_some() {
        return;
    }
    let paused = deployment.value["spec"]["paused"] == json!(true);
    rollout_status::note_pause(state, key, paused, now);
    if paused || is_scaling(&deployment, &Sets::of(state, &deployment)) {
        sync_revision(state, key, false, now);
        scale(state, key, now);
    } else if text(&deployment.value, "/spec/strategy/type") == "Recreate" {
        recreate(state, key, now);
    } else {
        roll(state, key, now);
    }
    rollout_status::write(state, key, now);
    forget_old(state, key, now);
}

fn roll(state: &mut State, key: &Key, now: DateTime<Utc>) {
    sync_revision(state, key, true, now);
    let Some(deployment) = state.get_key(key).cloned() else { return };
    let sets = Sets::of(state, &deployment);
    let Some(new) = &sets.new else { return };
    let (size, replicas) = (wanted(&new.value), wanted(&deployment.value));
    let target = if size > replicas { replicas } else { new_size(&deployment, &sets, size) };
    if target != size {
        resize(state, &deployment, new, target, now);
        return;
    }
    shrink_old(state, &deployment, &sets, now);
}

/// Takes pods from the old ReplicaSets as far as enough stay available; broken ones first.
fn shrink_old(state: &mut State, deployment: &Object, sets: &Sets, now: DateTime<Utc>) {
    let Some(new) = &sets.new else { return };
    let available = |s: &Object| int(&s.value, "/status/availableReplicas");
    let least = wanted(&deployment.value) - max_unavailable(deployment);
    let new_missing = wanted(&new.value) - available(new);
    let mut room = sets.sum("/spec/replicas") - least - new_missing;
    if room <= 0 {
        return;
    }
    let mut spare = sets.sum("/status/availableReplicas") - least;
    for set in &sets.old {
        let size = wanted(&set.value);
        let broken = (size - available(set)).clamp(0, room.max(0));
        room -= broken;
        let healthy = (size - broken).clamp(0, spare.max(0));
        spare -= healthy;
        if broken + healthy > 0 {
            resize(state, deployment, set, size - broken - healthy, now);
        }
    }
}

fn recreate(state: &mut State, key: &Key, now: DateTime<Utc>) {
    sync_revision(state, key, false, now);
    let Some(deployment) = state.get_key(key).cloned() else { return };
    let sets = Sets::of(state, &deployment);
    let mut shrunk = false;
    for old in sets.old.iter().filter(|s| wanted(&s.value) > 0) {
        shrunk |= resize(state, &deployment, old, 0, now);
    }
    if shrunk || sets.old.iter().any(|s| !state.owned(s.uid(), "pods").is_empty()) {
        return;
    }
    sync_revision(state, key, true, now);
    let Some(deployment) = state.get_key(key).cloned() else { return };
    if let Some(new) = Sets::of(state, &deployment).new {
        resize(state, &deployment, &new, wanted(&deployment.value), now);
    }
}

/// Deletes the oldest empty ReplicaSets beyond the history limit, once the rollout is complete.
fn forget_old(state: &mut State, key: &Key, now: DateTime<Utc>) {
    let Some(deployment) = state.get_key(key).cloned() else { return };
    if !rollout_status::is_complete(&deployment.value) {
        return;
    }
    let mut old = Sets::of(state, &deployment).old;
    let limit = int(&deployment.value, "/spec/revisionHistoryLimit");
    let excess = old.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    old.sort_by_key(|s| annotation(&s.value, REVISION).parse::<i64>().unwrap_or(0));
    let Some(kind) = state.types.get("replicasets.apps").map(Arc::clone) else { return };
    for set in old.into_iter().take(excess) {
        let empty = wanted(&set.value) == 0 && int(&set.value, "/status/replicas") == 0;
        if let (true, Some(set)) = (empty, state.get_key(&key_of(&set)).cloned()) {
            state.delete(&kind, &set, Propagation::Delete, Write { now, dry: false });
        }
    }
}
