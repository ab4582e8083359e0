//! Conditions of a status, with the times that Kubernetes keeps of them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::sim::clock::stamp;
use crate::sim::json::{array, object};

/// What a controller says about an object.
pub(super) struct Condition {
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl Condition {
    pub(super) fn new(
        kind: &'static str,
        status: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, status, reason, message: message.into() }
    }
}

/// The condition of a type.
pub(crate) fn find<'a>(value: &'a Value, kind: &str) -> Option<&'a Value> {
    array(value, "/status/conditions").iter().find(|c| c["type"] == kind)
}

/// Sets a condition of a Deployment. The same status for the same reason changes nothing.
pub(super) fn set_condition(value: &mut Value, condition: Condition, now: DateTime<Utc>) {
    let old = find(value, condition.kind);
    if old.is_some_and(|o| o["status"] == condition.status && o["reason"] == condition.reason) {
        return;
    }
    renew_condition(value, condition, now);
}

/// As [`set_condition`], but the time of the update moves in any case.
pub(super) fn renew_condition(value: &mut Value, condition: Condition, now: DateTime<Utc>) {
    let old = find(value, condition.kind);
    let since = old
        .filter(|o| o["status"] == condition.status)
        .map_or_else(|| json!(stamp(now)), |o| o["lastTransitionTime"].clone());
    let new = json!({
        "type": condition.kind, "status": condition.status, "reason": condition.reason,
        "message": condition.message, "lastUpdateTime": stamp(now), "lastTransitionTime": since,
    });
    let status = object(value, "status");
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    if let Some(list) = conditions.as_array_mut() {
        list.retain(|c| c["type"] != condition.kind);
        list.push(new);
    }
}
