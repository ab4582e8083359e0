//! Nodes: three that are ready, of which a test may break some.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::conditions::find;
use crate::sim::clock::stamp;
use crate::sim::json::text;
use crate::sim::objects::{Key, State};

/// Adds a node that is ready.
pub(crate) fn add(state: &mut State, name: &str, now: DateTime<Utc>) {
    let size = json!({"cpu": "8", "memory": "32Gi", "pods": "110"});
    let mut node = json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}},
        "spec": {"providerID": format!("sim://{name}")},
        "status": {"capacity": size, "allocatable": size,
            "addresses": [{"type": "Hostname", "address": name}],
            "nodeInfo": {"kubeletVersion": "v1.34.4", "operatingSystem": "linux",
                "architecture": "amd64", "osImage": "sim", "kernelVersion": "6.12",
                "containerRuntimeVersion": "containerd://2.1.0", "machineID": "", "bootID": "",
                "systemUUID": "", "kubeProxyVersion": ""}},
    });
    node["status"]["conditions"] = ready_condition(true, now);
    state.christen(&mut node, now);
    state.put("nodes", node);
}

/// Whether the scheduler may put pods there.
pub(super) fn takes_pods(node: &Value) -> bool {
    node["spec"]["unschedulable"] != json!(true) && is_ready(node)
}

fn is_ready(node: &Value) -> bool {
    find(node, "Ready").is_some_and(|c| c["status"] == "True")
}

fn ready_condition(ready: bool, now: DateTime<Utc>) -> Value {
    let (status, reason, message) = if ready {
        ("True", "KubeletReady", "kubelet is posting ready status")
    } else {
        ("False", "KubeletNotReady", "container runtime is down")
    };
    json!([{"type": "Ready", "status": status, "reason": reason, "message": message,
        "lastHeartbeatTime": stamp(now), "lastTransitionTime": stamp(now)}])
}

/// Says in the node's condition whether it works, and has its pods and waiting ones looked at.
pub(super) fn reconcile(state: &mut State, key: &Key, now: DateTime<Utc>) {
    let broken = state.kubelet.broken_nodes.contains(&*key.name);
    state.edit(key, |node| {
        if is_ready(node) == broken {
            node["status"]["conditions"] = ready_condition(!broken, now);
        }
    });
    let touched: Vec<Key> = state
        .list("pods", None)
        .filter(
            |p| matches!(text(&p.value, "/spec/nodeName"), on if on.is_empty() || on == &*key.name),
        )
        .map(|p| Key::new("pods", p.namespace(), p.name()))
        .chain(
            state
                .list("daemonsets.apps", None)
                .map(|d| Key::new("daemonsets.apps", d.namespace(), d.name())),
        )
        .collect();
    touched.into_iter().for_each(|k| state.work.push(k));
}
