//! How the pods are.

use serde_json::{Value, json};

use super::{ASK, Case, ENVIRONMENT, EXECUTE, case};
use crate::world::State::{Crashed, Good, Lost, Starting};
use crate::world::{V2, V3, both, pod, pods};

pub(super) fn cases() -> Vec<Case> {
    let of = |new: Vec<Value>, old: Vec<Value>| json!({"pods": both(new, old)});
    let good = || pods(V2, &[Good, Good, Good]);
    vec![
        case("nobody looked at the pods", "bad-image", json!({"pods": null}), ASK),
        case("no new pod is there", "bad-image", of(vec![], good()), ASK),
        case("the new pod is still starting", "bad-image", of(pods(V3, &[Starting]), good()), ASK),
        case(
            "the rollout is stuck with pods that never became ready",
            "bad-image",
            json!({
                "signal": {"name": "RolloutStuck", "severity": "critical", "limit": 0},
                "workload": {"rollout": {"state": "stuck", "reason": "progress deadline"}},
                "pods": both(pods(V3, &[Starting]), good()),
            }),
            EXECUTE,
        ),
        case(
            "two of three crash on two nodes after they were ready",
            "bad-image",
            of(pods(V3, &[Lost("crash_loop"), Lost("crash_loop"), Good]), vec![]),
            EXECUTE,
        ),
        case(
            "two of four crash, both on one node where nothing else runs",
            "bad-image",
            of(
                [
                    vec![pod("node-1", V3, &Lost("crash_loop")); 2],
                    vec![pod("node-2", V3, &Good), pod("node-3", V3, &Good)],
                ]
                .concat(),
                vec![],
            ),
            ["human", "ask", "partial_node_failure", "drain_and_shrink"],
        ),
        case(
            "the only pod was ready once: its node may be to blame",
            "bad-image",
            of(pods(V3, &[Lost("crash_loop")]), vec![]),
            ASK,
        ),
        case(
            "one of three is enough where the policy names the rule",
            "one-of-three",
            json!({"policy": {"automatic_rules": ["PodCrashLoop"]}}),
            EXECUTE,
        ),
        case(
            "one of three, named by the policy, on a node under pressure",
            "one-of-three",
            json!({
                "policy": {"automatic_rules": ["PodCrashLoop"]},
                "nodes": [
                    {"name": "node-1", "ready": true, "pressure": true},
                    {"name": "node-2", "ready": true, "pressure": false},
                    {"name": "node-3", "ready": true, "pressure": false},
                ],
            }),
            ["human", "ask", "partial_node_failure", "drain_and_shrink"],
        ),
        case(
            "old and new crash alike",
            "bad-image",
            of(pods(V3, &[Crashed]), pods(V2, &[Good, Lost("crash_loop"), Lost("crash_loop")])),
            ENVIRONMENT,
        ),
        case(
            "one of many old pods is bad too: a person looks",
            "bad-image",
            of(
                pods(V3, &[Crashed, Crashed]),
                pods(V2, &[Good, Good, Lost("crash_loop"), Good, Good]),
            ),
            ASK,
        ),
        case(
            "only the old revision is bad: going back would do harm",
            "bad-image",
            of(pods(V3, &[Good, Good]), pods(V2, &[Lost("crash_loop")])),
            ["human", "ask", "unknown", "none"],
        ),
        case(
            "a pod of the old revision that is being deleted says nothing",
            "bad-image",
            json!({"pods": [
                pod("node-2", V3, &Crashed),
                {"name": "gone", "node": "node-1", "digest": V2, "terminating": true, "bad": "crash_loop"},
            ]}),
            EXECUTE,
        ),
        case(
            "a pod of an unknown revision may be an old one",
            "bad-image",
            json!({"pods": [pod("node-2", V3, &Crashed), {"name": "?", "node": "node-1", "bad": "crash_loop"}]}),
            ASK,
        ),
    ]
}
