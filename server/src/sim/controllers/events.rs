//! Events: what controllers tell people. One that happens again is counted, not written again.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::sim::clock::stamp;
use crate::sim::json::{int, short_hash};
use crate::sim::objects::{Key, Object, State};

/// Who speaks, and about what kind of object.
pub(crate) struct Source {
    component: &'static str,
    api_version: &'static str,
    kind: &'static str,
}

pub(crate) const DEPLOYMENT: Source =
    Source { component: "deployment-controller", api_version: "apps/v1", kind: "Deployment" };
pub(crate) const REPLICA_SET: Source =
    Source { component: "replicaset-controller", api_version: "apps/v1", kind: "ReplicaSet" };
pub(crate) const KUBELET: Source = Source { component: "kubelet", api_version: "v1", kind: "Pod" };
pub(crate) const SCHEDULER: Source =
    Source { component: "default-scheduler", api_version: "v1", kind: "Pod" };

/// Writes an event about an object, or counts one up.
pub(crate) fn write(
    state: &mut State,
    source: &Source,
    about: &Object,
    kind: &str,
    reason: &str,
    message: &str,
    now: DateTime<Utc>,
) {
    // Events about what belongs to no namespace stand in `default`.
    let namespace = Some(about.namespace()).filter(|ns| !ns.is_empty()).unwrap_or("default");
    let uid = about.uid();
    let name = format!("{}.{}", about.name(), short_hash(&json!([uid, reason, message]), 0));
    let key = Key::new("events", namespace, &name);
    let again = state.edit(&key, |event| {
        event["count"] = json!(int(event, "/count") + 1);
        event["lastTimestamp"] = json!(stamp(now));
    });
    if again.is_some() {
        return;
    }
    let mut event: Value = json!({
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {"apiVersion": source.api_version, "kind": source.kind,
            "name": about.name(), "namespace": about.namespace(), "uid": uid,
            "resourceVersion": about.version.to_string()},
        "reason": reason, "message": message, "type": kind, "count": 1,
        "source": {"component": source.component},
        "reportingComponent": source.component, "reportingInstance": "",
        "eventTime": null, "firstTimestamp": stamp(now), "lastTimestamp": stamp(now),
    });
    state.christen(&mut event, now);
    state.put("events", event);
    state.forget_oldest_event(key);
}
