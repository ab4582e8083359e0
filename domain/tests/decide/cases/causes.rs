//! Where the trouble comes from.

use serde_json::json;

use super::{ASK, Case, ENVIRONMENT, EXECUTE, case};
use crate::world::State::{Good, Lost, Never};
use crate::world::{C2, State, V2, V3, both, pod, pods, revision};

pub(super) fn cases() -> Vec<Case> {
    let image_pull = |new: &[State], old: &[State], what: &str| {
        json!({
            "signal": {"name": "PodImagePull", "severity": "critical", "limit": 0},
            "changes": [{"at": "2026-03-03T10:05:00Z", "what": [what]}],
            "pods": both(pods(V3, new), pods(V2, old)),
        })
    };
    let around = |kind: &str, hits: &str| json!({"environment": [{"kind": kind, "hits": hits}]});
    let old = [Good, Good, Good];
    vec![
        case(
            "the new image alone cannot be pulled: a bad image",
            "bad-image",
            image_pull(&[Never("image_pull")], &old, "image"),
            EXECUTE,
        ),
        case(
            "the image is the same and cannot be pulled: the registry or its secret",
            "bad-image",
            image_pull(&[Never("image_pull")], &old, "env"),
            ENVIRONMENT,
        ),
        case(
            "no node takes the pods, which ask for no more than before",
            "bad-image",
            json!({"pods": both(pods(V3, &[Never("unschedulable")]), pods(V2, &old))}),
            ENVIRONMENT,
        ),
        case(
            "no node takes pods that ask for more than before",
            "bad-image",
            json!({
                "changes": [{"at": "2026-03-03T10:05:00Z", "what": ["resources"]}],
                "pods": both(pods(V3, &[Never("unschedulable")]), pods(V2, &old)),
            }),
            EXECUTE,
        ),
        case("the quota is used up", "bad-image", around("quota", "both"), ENVIRONMENT),
        case(
            "the autoscaler is at its end",
            "bad-image",
            around("hpa_at_maximum", "both"),
            ENVIRONMENT,
        ),
        case("a volume is gone", "bad-image", around("volume", "unknown"), ENVIRONMENT),
        case("a certificate has run out", "bad-image", around("certificate", "new"), ENVIRONMENT),
        case("a network policy blocks", "bad-image", around("network_policy", "new"), ENVIRONMENT),
        case("the registry is gone", "bad-image", around("registry", "new"), ENVIRONMENT),
        case("the pull secret is gone", "bad-image", around("pull_secret", "new"), ENVIRONMENT),
        case("the database is down", "bad-image", around("dependency", "both"), ENVIRONMENT),
        case("nodes were rebooted", "bad-image", around("node_reboot", "unknown"), ENVIRONMENT),
        case("nobody looked at the surroundings", "bad-image", json!({"environment": null}), ASK),
        case("nobody looked at the nodes", "bad-image", json!({"nodes": null}), ASK),
        case(
            "the errors of old and new are measured alike",
            "errors-after-deploy",
            json!({"measurement": {"new_value": 0.15, "old_value": 0.14}}),
            ENVIRONMENT,
        ),
        case(
            "old and new are bad on one node and good on the others",
            "bad-image",
            json!({"pods": [
                pod("node-1", V3, &Lost("not_ready")), pod("node-1", V2, &Lost("not_ready")),
                pod("node-2", V3, &Good), pod("node-3", V2, &Good),
            ]}),
            ["human", "ask", "partial_node_failure", "drain_and_shrink"],
        ),
        case(
            "every node of the service is weak",
            "errors-after-deploy",
            json!({"nodes": [
                {"name": "node-1", "ready": true, "pressure": true},
                {"name": "node-2", "ready": false},
                {"name": "node-3", "ready": true, "pressure": false, "rebooted_at": "2026-03-03T10:00:30Z"},
            ]}),
            ENVIRONMENT,
        ),
        case(
            "images and configuration together are the template's fault",
            "config-error",
            json!({"changes": [{"at": "2026-03-03T10:00:00Z", "what": ["config", "image"]}]}),
            // What was verified is another template under another configuration: a person looks at both.
            ["automatic", "ask", "code_defect", "version_rollback"],
        ),
        case(
            "contents of the verified configuration were not kept, but the traffic can be moved",
            "config-error",
            json!({
                "workload": {"share": "routes"},
                "revisions": [revision(3, V3, "unknown", json!({"config_digest": C2}))],
            }),
            ["human", "ask", "configuration_error", "traffic_switch"],
        ),
        case(
            "contents of the verified configuration were not kept",
            "config-error",
            json!({"revisions": [
                revision(3, V3, "unknown", json!({"config_digest": C2})),
                revision(3, V3, "verified", json!({"config_stored": false})),
            ]}),
            ["never", "none", "configuration_error", "none"],
        ),
        case(
            "a migration alone is not undone by a template",
            "bad-image",
            json!({"changes": [{"at": "2026-03-03T10:05:00Z", "what": ["migration"]}]}),
            ["human", "ask", "unknown", "none"],
        ),
    ]
}
