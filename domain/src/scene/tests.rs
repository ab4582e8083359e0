//! What the ledger knows, as the rules see it.

use serde_json::{Value, json};

use super::*;
use crate::canonical::Digest;

fn scene(pods: &[(&str, BadReason, &str)], nodes: Value, conditions: Value) -> Scene {
    let digest = Digest::of(b"live");
    let at = "2026-03-03T10:00:00Z";
    let id = uuid::Uuid::nil();
    let pod = |(node, reason, message): &(&str, BadReason, &str)| Pod {
        uid: String::new(),
        name: "p".to_owned(),
        node: (*node).to_owned(),
        workload_id: crate::ids::WorkloadId(id),
        digest: Some(digest.clone()),
        phase: "Running".to_owned(),
        ready: false,
        ever_ready: false,
        terminating: false,
        restarts: 0,
        created_at: DateTime::UNIX_EPOCH,
        bad: Some(crate::pods::Bad {
            reason: *reason,
            message: (*message).to_owned(),
            container: None,
            exit_code: None,
            since: DateTime::UNIX_EPOCH,
            restarts: 0,
        }),
    };
    let workload = json!({
        "id": id, "cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": "api", "service": null,
        "uid": "u", "owner": {"kind": "none"}, "paused": false, "paused_by_us": false, "replicas": 3, "ready": 2,
        "updated": 1, "rollout": {"state": "progressing"},
        "live": {"revision": 3, "digest": digest, "config_digest": digest, "images": []},
        "conditions": conditions, "healthy_since": null, "seen_at": at, "gone_at": null,
    });
    Scene {
        service: serde_json::from_value(json!({
            "name": "api",
            "workloads": [{"cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": "api"}],
        }))
        .expect("a service"),
        policy: Policy::named("default"),
        policy_version: 1,
        signal: None,
        alert: None,
        request: None,
        workload: serde_json::from_value(workload).expect("a workload"),
        pods: pods.iter().map(pod).collect(),
        nodes: serde_json::from_value(nodes).expect("nodes"),
        revisions: vec![],
        changes: vec![],
        sighting: None,
        confirmation: None,
        measurement: facts::Measurement::default(),
        history: facts::History::default(),
        protected: false,
        release: None,
        connected: true,
        gated: false,
        rails: Rails {
            kill_switches: vec![],
            other_rollouts: vec![],
            open: None,
            last: None,
            newest: None,
            failures_in_a_row: 0,
            automatic_this_hour: 0,
            rolling_back_now: 0,
            held: vec![],
            drill: None,
        },
    }
}

fn troubles(scene: &Scene) -> Vec<(TroubleKind, Hits)> {
    let situation = scene.situation(None, None, DateTime::UNIX_EPOCH);
    situation.environment.into_iter().flatten().map(|it| (it.kind, it.hits)).collect()
}

#[test]
fn only_what_concerns_these_pods_is_a_trouble() {
    use BadReason::{CrashLoop, Unschedulable};
    let node =
        |name: &str, pressure: bool| json!({"name": name, "ready": true, "pressure": pressure});
    let nodes = json!([node("n1", false), node("n2", true), node("n3", true)]);
    let of = |pods: &[_]| troubles(&scene(pods, nodes.clone(), json!([])));
    assert_eq!(of(&[("n1", CrashLoop, "")]), []);
    // Where one is bad on a node that is well, the pressure of the other explains nothing.
    assert_eq!(of(&[("n1", CrashLoop, ""), ("n2", CrashLoop, "")]), []);
    assert_eq!(of(&[("n2", CrashLoop, "")]), [(TroubleKind::NodePressure, Hits::Unknown)]);
    assert_eq!(
        of(&[("", Unschedulable, "0/3 nodes: Insufficient cpu")]),
        [(TroubleKind::Scheduling, Hits::New)]
    );
    assert_eq!(
        of(&[("", Unschedulable, "pod has unbound immediate PersistentVolumeClaims")]),
        [(TroubleKind::Volume, Hits::New)]
    );
    let told = scene(&[("n1", CrashLoop, "")], nodes.clone(), json!([]));
    let nodes = told.situation(None, None, DateTime::UNIX_EPOCH).nodes.unwrap_or_default();
    assert_eq!(nodes.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["n1"]);
}

#[test]
fn a_quota_is_told_by_the_workload_alone() {
    let refused = json!([{
        "kind": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"api-1\" is forbidden: exceeded quota: compute",
    }]);
    assert_eq!(troubles(&scene(&[], json!([]), refused)), [(TroubleKind::Quota, Hits::New)]);
}

#[test]
fn a_change_of_the_configuration_names_it() {
    let state = |config: &[u8]| crate::changes::State {
        revision: 1,
        digest: Digest::of(b"t"),
        config_digest: Digest::of(config),
        replicas: 1,
    };
    let item = |part| crate::changes::Item { path: String::new(), part, old: None, new: None };
    let what = |kind, to: &[u8], parts: &[Part]| {
        change(&Change {
            id: crate::ids::ChangeId(uuid::Uuid::nil()),
            service: None,
            workload_id: None,
            kind,
            material: true,
            at: DateTime::UNIX_EPOCH,
            from: Some(state(b"a")),
            to: Some(state(to)),
            told: None,
            items: parts.iter().copied().map(item).collect(),
        })
        .what
    };
    assert_eq!(what(ChangeKind::Config, b"b", &[]), [Part::Config]);
    assert_eq!(what(ChangeKind::Template, b"b", &[Part::Image]), [Part::Image, Part::Config]);
    assert_eq!(what(ChangeKind::Template, b"a", &[Part::Image]), [Part::Image]);
    // Between two templates of which one is not known anything may have changed.
    assert_eq!(what(ChangeKind::Template, b"b", &[]), []);
}

#[test]
fn pods_that_nobody_sees_any_more_are_unknown_beside_what_is_measured_elsewhere() {
    let mut scene = scene(&[("n1", BadReason::CrashLoop, "")], json!([]), json!([]));
    let pods =
        |scene: &Scene| scene.situation(None, None, DateTime::UNIX_EPOCH).pods.map(|it| it.len());
    let signal =
        json!({"name": "P95", "severity": "critical", "unit": "ms", "limit": 500, "value": "p95"});
    scene.signal = serde_json::from_value(signal).ok();
    assert_eq!(pods(&scene), Some(1));
    scene.connected = false;
    assert_eq!(pods(&scene), None);
}
