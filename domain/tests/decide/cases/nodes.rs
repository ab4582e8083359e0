//! Trouble that follows nodes.

use serde_json::{Value, json};

use super::{ASK, Case, ENVIRONMENT, EXECUTE, case};
use crate::world::State::{Crashed, Good, Lost, Starting};
use crate::world::{V2, V3, both, pod, pods};

const NODE: [&str; 4] = ["human", "ask", "partial_node_failure", "drain_and_shrink"];

/// Three nodes, of which these are as told and the others well.
fn nodes(told: &[(&str, Value)]) -> Value {
    let well = json!({"ready": true, "pressure": false});
    let node = |name: &str| {
        let told = told.iter().find(|it| it.0 == name).map_or(&well, |it| &it.1);
        let mut node = told.clone();
        node["name"] = json!(name);
        node
    };
    json!([node("node-1"), node("node-2"), node("node-3")])
}

pub(super) fn cases() -> Vec<Case> {
    let file = "bad-image";
    let gone = || json!({"ready": false, "pressure": false});
    let short = || json!({"ready": true, "pressure": true});
    let rebooted =
        || json!({"ready": true, "pressure": false, "rebooted_at": "2026-03-03T10:04:00Z"});
    let last_week =
        || json!({"ready": true, "pressure": false, "rebooted_at": "2026-02-24T10:04:00Z"});
    let crash = || both(pods(V3, &[Crashed, Crashed]), pods(V2, &[Good, Good, Good]));
    let on = |nodes: Value, pods: Value| json!({"nodes": nodes, "pods": pods});
    vec![
        case("the only new pod crashes on a node that was lost", file, on(nodes(&[("node-1", gone())]), both(pods(V3, &[Crashed]), pods(V2, &[Lost("not_ready"), Good, Good]))), NODE).by("old_was_good cause"),
        case("the only new pod crashes on a node under pressure", file, on(nodes(&[("node-1", short())]), both(pods(V3, &[Crashed]), vec![pod("node-2", V2, &Good)])), NODE).by("cause"),
        case("new pods crash on two nodes, and a third is under pressure", file, on(nodes(&[("node-3", short())]), crash()), EXECUTE).by(""),
        case("new pods crash on two nodes, one of them under pressure", file, on(nodes(&[("node-1", short())]), crash()), EXECUTE).by(""),
        case("a node was rebooted, and what ran on it is not ready", file, on(nodes(&[("node-1", rebooted())]), both(vec![pod("node-1", V3, &Lost("not_ready")), pod("node-2", V3, &Good)], vec![])), NODE).by("new_is_bad cause"),
        case("a reboot a week ago explains nothing", file, on(nodes(&[("node-1", last_week())]), crash()), EXECUTE).by(""),
        case("every node is under pressure and pods of both revisions fall", file, on(nodes(&[("node-1", short()), ("node-2", short()), ("node-3", short())]), both(pods(V3, &[Lost("oom"), Lost("oom")]), pods(V2, &[Lost("oom")]))), ENVIRONMENT).by("new_is_bad old_was_good cause"),
        case("errors while the only node that serves is under pressure", "errors-after-deploy", on(nodes(&[("node-1", short())]), json!(pods(V3, &[Good]))), ENVIRONMENT).by("new_is_bad cause"),
        case("a DaemonSet's pod crashes on one node of three", "one-of-three", json!({"workload": {"kind": "DaemonSet"}}), ASK).by("new_is_bad"),
        case("both new pods crash on one node; the third is well on another", file, on(nodes(&[]), both(vec![pod("node-1", V3, &Lost("crash_loop")), pod("node-1", V3, &Lost("crash_loop")), pod("node-2", V3, &Good)], vec![])), NODE).by("new_is_bad cause"),
        case("nobody knows the node of the crashing pod", file, json!({"pods": both(vec![json!({"name": "p", "digest": V3, "ready": false, "ever_ready": false, "bad": "crash_loop"})], pods(V2, &[Good]))}), ASK).by("cause"),
        case("the node of the crashing pod is not among those looked at", file, json!({"nodes": [{"name": "node-9", "ready": true, "pressure": false}]}), ASK).by("cause"),
        case("the rollout is stuck on a node that was lost", file, json!({"signal": {"name": "RolloutStuck", "severity": "critical", "limit": 0}, "workload": {"rollout": {"state": "stuck", "reason": "progress deadline"}}, "nodes": nodes(&[("node-1", gone())]), "pods": both(pods(V3, &[Starting]), vec![pod("node-2", V2, &Good)])}), NODE).by("cause"),
        case("one of two crashing pods is on a node that nobody told", file, json!({"pods": both(vec![pod("node-1", V3, &Lost("crash_loop")), json!({"name": "q", "digest": V3, "ready": false, "ever_ready": true, "bad": "crash_loop"})], vec![])}), ASK).by("new_is_bad"),
    ]
}
