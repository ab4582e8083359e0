//! Helm releases, configuration, and workloads that are no Deployments.

use serde_json::{Value, json};

use super::{ASK, Case, EXECUTE, HELD_BACK, case};
use crate::world::{C1, C2, V1, V2, V3, revision};

/// The workload belongs to a release of which two members were changed.
fn release(hooks: Value, revisions: Value) -> Value {
    json!({"workload": {"owner": {"kind": "helm", "name": "shop"}, "release": {
        "name": "shop", "revision": 9, "members_changed": 2, "hooks_with_jobs": hooks, "revisions": revisions,
    }}})
}

pub(super) fn cases() -> Vec<Case> {
    let file = "bad-image";
    let good = || json!([{"revision": 7, "status": "superseded", "verdict": "verified"}]);
    let helm = |outcome, disposition| [outcome, disposition, "code_defect", "helm_rollback"];
    let config =
        |outcome, disposition, strategy| [outcome, disposition, "configuration_error", strategy];
    let live = || revision(3, V3, "unknown", json!({}));
    let known = |revisions: Value| json!({"revisions": revisions});
    let kind = |kind: &str| json!({"workload": {"kind": kind}});
    let updated = |kind: &str, by: &str, partition: i32| {
        let ordered = kind == "StatefulSet" && by == "RollingUpdate";
        let update = json!({"by": by, "partition": partition, "ordered": ordered});
        json!({"workload": {"kind": kind, "update": update}})
    };
    let at = |at: &str, what: &[&str]| json!({"at": at, "what": what});
    let chart = |pieces: Value| {
        let before = revision(2, V2, "verified", json!({"config_current": false}));
        json!({"changes": pieces, "workload": {"live": {"config_digest": C2}}, "revisions": [
            revision(3, V3, "unknown", json!({"config_digest": C2})), before,
        ]})
    };
    let configs =
        |revisions: Value, changes: Value| json!({"revisions": revisions, "changes": changes});
    let only_config = || json!([at("2026-03-03T10:00:00Z", &["config"])]);
    let bad_config = || {
        revision(3, V3, "unknown", json!({"config_digest": C2, "seen_at": "2026-03-03T10:00:00Z"}))
    };
    let kept = json!({"config_stored": true, "seen_at": "2026-03-01T10:00:00Z"});
    vec![
        case("two members of a release were changed, and the release goes back", file, release(json!(false), good()), helm("automatic", "execute")).by(""),
        case("a rollback of the release would start Jobs", file, release(json!(true), good()), helm("human", "ask")).by("target"),
        case("nobody knows the hooks of the release", file, release(Value::Null, good()), helm("human", "ask")).by("target"),
        case("the release before has failed, and there is no other", file, release(json!(false), json!([{"revision": 8, "status": "failed"}])), ["never", "none", "code_defect", "none"]).by("target"),
        case("a helm is at work on the release", file, release(json!(false), json!([{"revision": 9, "status": "pending"}, {"revision": 7, "status": "superseded", "verdict": "verified"}])), helm("human", "ask")).by("target"),
        case("a migration ran between the two revisions of the release", file, release(json!(false), json!([{"revision": 7, "status": "superseded", "verdict": "verified", "migrates": true}])), ["human", "ask", "code_defect", "none"]).by("target"),
        case("one revision of the release is told as verified and as bad", file, release(json!(false), json!([{"revision": 7, "status": "superseded", "verdict": "verified"}, {"revision": 7, "status": "superseded", "verdict": "bad"}])), ["never", "none", "code_defect", "none"]).by("target"),
        case("the policy wants releases, and nobody has read their history", file, json!({"policy": {"strategy": "release"}, "workload": {"owner": {"kind": "helm", "name": "shop"}, "release": null}}), ["human", "ask", "code_defect", "none"]).by("target"),
        case("a chart brings image and configuration seconds apart", file, chart(json!([at("2026-03-03T10:04:40Z", &["image"]), at("2026-03-03T10:05:00Z", &["config"])])), HELD_BACK).by("target_present"),
        case("something undescribed was changed seconds before the image", file, json!({"changes": [at("2026-03-03T10:05:00Z", &["image"]), at("2026-03-03T10:04:50Z", &[])]}), ["human", "ask", "unknown", "none"]).by("material_change cause"),
        case("somebody tries to mend it three minutes after the trouble began", file, json!({"alert": {"onset": "2026-03-03T10:01:00Z"}, "changes": [at("2026-03-03T10:00:00Z", &["image"]), at("2026-03-03T10:04:00Z", &["env"])]}), ["human", "ask", "unknown", "none"]).by("material_change cause"),
        case("new probes kill what ran well", file, json!({"changes": [at("2026-03-03T10:05:00Z", &["probes"])]}), EXECUTE).by(""),
        case("the verified configuration belongs to another template", "config-error", configs(json!([bad_config(), revision(2, V2, "verified", kept.clone())]), only_config()), config("human", "ask", "config_restore")).by("target"),
        case("a migration ran between the two configurations", "config-error", configs(json!([bad_config(), revision(3, V3, "verified", kept.clone())]), json!([at("2026-03-03T09:50:00Z", &["migration"]), at("2026-03-03T10:00:00Z", &["config"])])), config("human", "ask", "none")).by("target"),
        case("nobody knows whether the old configuration was kept", "config-error", configs(json!([bad_config(), revision(3, V3, "verified", json!({}))]), only_config()), config("human", "ask", "config_restore")).by("target"),
        case("a StatefulSet gets a bad image", file, kind("StatefulSet"), EXECUTE).by(""),
        case("a DaemonSet gets a bad image", file, kind("DaemonSet"), EXECUTE).by(""),
        case("a StatefulSet waits for its broken pod", file, updated("StatefulSet", "RollingUpdate", 0), EXECUTE).by(""),
        case("a partition keeps pods of the StatefulSet", file, updated("StatefulSet", "RollingUpdate", 2), ASK).by("update_strategy"),
        case("a StatefulSet's pods change when they are deleted", file, updated("StatefulSet", "OnDelete", 0), ASK).by("update_strategy"),
        case("a DaemonSet's pods change when they are deleted", file, updated("DaemonSet", "OnDelete", 0), ASK).by("update_strategy"),
        case("the target of a StatefulSet had other claims", file, json!({"workload": {"kind": "StatefulSet"}, "revisions": [live(), revision(2, V2, "verified", json!({"immutable_difference": true}))]}), ["human", "ask", "code_defect", "none"]).by("target"),
        case("the newest verified one is forbidden, and an older one is not", file, known(json!([live(), revision(2, V2, "forbidden", json!({"rolled_out": true})), revision(1, V1, "verified", json!({}))])), EXECUTE).by(""),
        case("an undo gave the bad version the newest number", file, known(json!([live(), revision(7, V2, "bad", json!({"rolled_out": true})), revision(1, V1, "verified", json!({}))])), EXECUTE).by(""),
        case("every other version was bad", file, known(json!([live(), revision(2, V2, "bad", json!({})), revision(1, V1, "bad", json!({}))])), ["never", "none", "code_defect", "none"]).by("target"),
        case("nobody knows whether the target is still in the cluster", file, known(json!([live(), revision(2, V2, "verified", json!({"present": null}))])), HELD_BACK).by("target_present"),
        case("nobody knows whether the target's configuration is still there", file, known(json!([live(), revision(2, V2, "verified", json!({"config_digest": C2, "config_current": null}))])), HELD_BACK).by("target_present"),
        case("the target had the configuration that is there now", file, known(json!([live(), revision(2, V2, "verified", json!({"config_digest": C1, "config_current": null}))])), EXECUTE).by(""),
        case("Flux installs the release, and would put it back", file, json!({"workload": {"owner": {"kind": "flux", "name": "shop"}}}), ASK).by("gitops_owner"),
    ]
}
