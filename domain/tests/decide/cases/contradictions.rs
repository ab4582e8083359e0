//! Facts that are missing or contradict each other: unknown, and never automatic.

use serde_json::{Value, json};

use super::{ASK, Case, case};
use crate::world::State::{Crashed, Good};
use crate::world::{C1, C2, V1, V2, V3, both, pod, pods, revision};

pub(super) fn cases() -> Vec<Case> {
    let (crash, errors) = ("bad-image", "errors-after-deploy");
    let measured = |measured: Value| json!({"measurement": measured});
    let second = |by: &str, verdict: &str, received: &str, checked: &str| json!({"alert": {"received_at": received, "second_source": {"by": by, "verdict": verdict, "checked_at": checked}}});
    let live = || revision(3, V3, "unknown", json!({}));
    let known = |revisions: Value| json!({"revisions": revisions});
    let well = |name: &str| json!({"name": name, "ready": true, "pressure": false});
    let rails = |rails: Value| json!({"rails": rails});
    let mut bad_and_ready = pod("node-2", V3, &Crashed);
    bad_and_ready["ready"] = json!(true);
    let mut going = pod("node-2", V3, &Crashed);
    going["terminating"] = json!(true);
    let blind = json!({
        "alert": null, "measurement": null, "changes": null, "revisions": null, "pods": null, "nodes": null,
        "environment": null, "rails": null, "workload": {"owner": null, "paused": null, "protected": null},
    });
    let nothing = ["human", "ask", "unknown", "none"];
    vec![
        case("share and counts tell two stories", errors, measured(json!({"value": 0.9})), ASK).by("signal new_is_bad"),
        case("fewer errors than none", errors, measured(json!({"numerator": -6.0})), ASK).by("signal new_is_bad"),
        case("a denominator below zero", errors, measured(json!({"denominator": -40.0})), ASK).by("signal new_is_bad"),
        case("fewer requests than none", errors, measured(json!({"requests_in_window": -1.0})), ASK).by("signal new_is_bad enough_traffic"),
        case("clean for longer than it was watched", errors, measured(json!({"before": {"clean_s": 3600, "watched_s": 600}})), ASK).by("clean_before"),
        case("a pod that is bad and ready at once", crash, json!({"pods": both(vec![bad_and_ready], pods(V2, &[Good]))}), ASK).by("new_is_bad"),
        case("the only new pod is being deleted", crash, json!({"pods": both(vec![going], pods(V2, &[Good]))}), ASK).by("signal new_is_bad"),
        case("no pod at all", crash, json!({"pods": []}), ASK).by("signal new_is_bad"),
        case("every pod is of a revision that is neither old nor new", crash, json!({"pods": [{"name": "p", "node": "node-1", "bad": "crash_loop"}]}), ASK).by("signal new_is_bad old_was_good"),
        case("one node is told twice, well and weak", crash, json!({"nodes": [well("node-2"), {"name": "node-2", "ready": false}, well("node-1"), well("node-3")]}), ["human", "ask", "partial_node_failure", "drain_and_shrink"]).by("cause"),
        case("one node is told twice, well and unknown", crash, json!({"nodes": [well("node-2"), {"name": "node-2"}, well("node-1"), well("node-3")]}), ASK).by("cause"),
        case("two templates have one number", crash, known(json!([live(), revision(2, V2, "verified", json!({})), revision(2, V1, "verified", json!({}))])), ASK).by("target"),
        case("one version has two numbers at once", crash, known(json!([live(), revision(2, V2, "verified", json!({})), revision(1, V2, "verified", json!({}))])), ASK).by("target"),
        case("the live version under another number is no target", crash, known(json!([live(), revision(2, V3, "verified", json!({"config_digest": C2}))])), ["never", "none", "code_defect", "none"]).by("target"),
        case("the last rollback ended in the future", crash, rails(json!({"rollbacks": [{"ended_at": "2026-03-03T12:00:00Z", "to": {"digest": V1}}]})), ASK).by("cooldown"),
        case("a maintenance window ends before it begins", crash, rails(json!({"maintenance": [{"from": "2026-03-03T11:00:00Z", "to": "2026-03-03T10:00:00Z"}]})), ASK).by("maintenance_window"),
        case("a freeze ends before it begins", crash, rails(json!({"freezes": [{"from": "2026-03-03T11:00:00Z", "to": "2026-03-03T10:00:00Z"}]})), ASK).by("freeze"),
        case("the confirmation comes from the future", errors, second("promql", "pass", "2026-03-03T10:30:00Z", "2026-03-03T10:30:01Z"), ASK).by("second_source"),
        case("the confirmation is older than five minutes", errors, second("promql", "pass", "2026-03-03T10:00:58Z", "2026-03-03T10:00:59Z"), ASK).by("second_source"),
        case("the watch saw it and looks again: it is gone", crash, second("watch", "fail", "2026-03-03T10:05:03Z", "2026-03-03T10:05:04Z"), ASK).by("second_source"),
        case("the watch saw it a minute ago, and has lost the cluster since", crash, second("watch", "unknown", "2026-03-03T10:04:03Z", "2026-03-03T10:05:04Z"), ASK).by("second_source"),
        case("the watch has seen it a second ago, and cannot look again at once", crash, second("watch", "unknown", "2026-03-03T10:05:03Z", "2026-03-03T10:05:04Z"), super::EXECUTE).by(""),
        case("somebody else doubts what the watch sees", crash, second("flagger", "fail", "2026-03-03T10:05:03Z", "2026-03-03T10:05:04Z"), super::EXECUTE).by(""),
        case("it is decided before it began", crash, json!({"at": "2026-03-03T09:00:00Z"}), ASK).by("young"),
        case("nobody knows when it began", crash, json!({"alert": {"onset": null}}), nothing).by("material_change young cause"),
        case("nobody has looked at anything", crash, blind, nothing),
        case("nobody has asked any rail", crash, json!({"rails": null}), ASK),
        case("nobody knows whether the namespace is protected", crash, json!({"workload": {"protected": null}}), ASK).by("protected_namespace"),
        case("nobody knows whether it is paused", crash, json!({"workload": {"paused": null}}), ASK).by("paused_by_other"),
        case("the rollout of the workload itself is no other rollout", crash, rails(json!({"other_rollouts": ["shop/Deployment/api-gateway"]})), super::EXECUTE).by(""),
        case("what is held is another configuration", crash, rails(json!({"held": [{"digest": V3, "config_digest": C2}]})), super::EXECUTE).by(""),
        case("what is held is this version under whatever configuration", crash, rails(json!({"held": [{"digest": V3, "config_digest": C1}, {"digest": V1}]})), ASK).by("hold"),
    ]
}
