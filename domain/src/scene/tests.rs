//! What the ledger knows, as the rules see it.

use serde_json::{Value, json};

use super::*;
use crate::canonical::Digest;
use crate::decide::situation::{Hits, TroubleKind};
use crate::pods::BadReason;

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
        surroundings: vec![],
        events: vec![],
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
            windows: vec![],
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

/// The scene of a crashing pod of the live version, whose onset is at ten.
fn crashing() -> Scene {
    let mut scene = scene(&[("n1", BadReason::CrashLoop, "")], json!([]), json!([]));
    let digest = Digest::of(b"alert");
    let at = "2026-03-03T10:00:00Z";
    let id = uuid::Uuid::nil();
    scene.alert = serde_json::from_value(json!({
        "id": id, "key": digest, "name": "PodCrashLoop", "labels": {}, "annotations": {}, "service": id, "workload": id,
        "source": "watch", "state": "firing", "starts_at": at, "onset_at": at, "received_at": at, "ends_at": null,
        "resolved_said_at": null, "value": 1.0, "acted": false, "decided_at": null, "told_at": null,
    }))
    .ok();
    assert!(scene.alert.is_some());
    scene
}

fn revision_of(digest: &Digest, template: Value, seen_at: &str) -> Revision {
    let id = uuid::Uuid::nil();
    serde_json::from_value(json!({
        "id": id, "workload_id": id, "revision": 1, "digest": digest, "config_digest": digest, "config_current": true,
        "images": [], "template": template, "annotations": {}, "change_cause": null, "present": true,
        "rolled_out_at": null, "seen_at": seen_at, "verdict": "unknown", "verdict_reason": null, "verdict_at": null,
    }))
    .expect("a revision")
}

fn event(object: &str, reason: &str, message: &str, at: &str) -> Event {
    serde_json::from_value(json!({
        "uid": "e", "object": object, "warning": true, "reason": reason, "message": message, "count": 1, "first_at": at,
        "last_at": at,
    }))
    .expect("an event")
}

#[test]
fn what_ran_before_anybody_looked_may_have_been_rolled_out() {
    let at = |revision: i64, digest: &[u8], seen_at: &str| Revision {
        revision,
        ..revision_of(&Digest::of(digest), json!({}), seen_at)
    };
    let (first, later) = ("2026-03-03T09:00:00Z", "2026-03-03T09:30:00Z");
    let all = [at(1, b"old", first), at(2, b"live", first), at(3, b"bad", later)];
    let told = |it| crate::revisions::rolled_out(it, &all);
    assert_eq!(told(&all[0]), None, "it was replaced when its workload was first seen");
    assert_eq!(told(&all[1]), Some(false), "it was live when we looked, and never complete");
    assert_eq!(told(&all[2]), Some(false));
    let done = Revision { rolled_out_at: Some(all[1].seen_at), ..all[1].clone() };
    assert_eq!(told(&done), Some(true));
    let with_new_config = at(1, b"old", later);
    assert_eq!(crate::revisions::rolled_out(&with_new_config, &all), Some(false));
}

#[test]
fn what_the_cluster_says_of_pods_counts_while_they_suffer_from_it() {
    let of = |pod: &str, reason: &str, bad: BadReason, at: &str| {
        let mut scene = crashing();
        scene.events = vec![event(pod, reason, "exceeded quota: no", at)];
        if let Some(it) = scene.pods[0].bad.as_mut() {
            it.reason = bad;
        }
        troubles(&scene)
    };
    let ten = "2026-03-03T10:00:00Z";
    let crash = BadReason::CrashLoop;
    assert_eq!(of("Pod/p", "FailedMount", crash, ten), [(TroubleKind::Volume, Hits::New)]);
    assert_eq!(
        of("Pod/other", "FailedMount", crash, ten),
        [],
        "a pod that is not ours, or is gone"
    );
    let secret = "FailedToRetrieveImagePullSecret";
    assert_eq!(of("Pod/p", secret, crash, ten), [], "it was pulled all the same");
    assert_eq!(
        of("Pod/p", secret, BadReason::ImagePull, ten),
        [(TroubleKind::PullSecret, Hits::New)]
    );
    assert_eq!(of("Pod/gone", "Evicted", crash, ten), [(TroubleKind::Eviction, Hits::Unknown)]);
    assert_eq!(of("Pod/gone", "Evicted", crash, "2026-03-03T09:30:00Z"), [], "long before");
    // Three are wanted, and one is there.
    assert_eq!(of("StatefulSet/db", "FailedCreate", crash, ten), [(TroubleKind::Quota, Hits::New)]);
}

#[test]
fn an_object_concerns_whom_it_says_and_hits_whom_it_concerns() {
    let live = Digest::of(b"live");
    let before = Digest::of(b"before");
    let uses = |secret: &str| {
        json!({"metadata": {"labels": {"app": "api"}},
        "spec": {"volumes": [{"secret": {"secretName": secret}}]}})
    };
    let of = |trouble: TroubleKind, concerns: Value, since: &str, new: &str, old: &str| {
        let mut scene = crashing();
        scene.revisions = vec![
            revision_of(&live, uses(new), "2026-03-03T09:59:00Z"),
            revision_of(&before, uses(old), "2026-03-03T08:00:00Z"),
        ];
        scene.surroundings = vec![Surrounding {
            namespace: "shop".to_owned(),
            object: "Kind/x".to_owned(),
            trouble,
            concerns: serde_json::from_value(concerns).expect("whom it concerns"),
            since: since.parse().ok(),
            message: String::new(),
        }];
        troubles(&scene)
    };
    let tls = || json!({"by": "secret", "name": "tls"});
    let nine = "2026-03-03T09:45:00Z";
    use TroubleKind::{Certificate, HpaAtMaximum, NetworkPolicy};
    assert_eq!(of(Certificate, tls(), nine, "tls", "tls"), [(Certificate, Hits::Both)]);
    assert_eq!(of(Certificate, tls(), nine, "tls", "old"), [(Certificate, Hits::New)]);
    assert_eq!(of(Certificate, tls(), nine, "new", "tls"), [(Certificate, Hits::Old)]);
    assert_eq!(of(Certificate, tls(), nine, "a", "b"), []);
    let target = |name: &str| json!({"by": "workload", "kind": "Deployment", "name": name});
    assert_eq!(of(HpaAtMaximum, target("api"), nine, "", ""), [(HpaAtMaximum, Hits::Both)]);
    assert_eq!(of(HpaAtMaximum, target("shop"), nine, "", ""), []);
    let pods = |app: &str| json!({"by": "pods", "selector": {"matchLabels": {"app": app}}});
    assert_eq!(of(NetworkPolicy, pods("api"), nine, "", ""), [(NetworkPolicy, Hits::Both)]);
    assert_eq!(of(NetworkPolicy, pods("db"), nine, "", ""), []);
    let long_ago = "2026-03-03T08:30:00Z";
    assert_eq!(of(NetworkPolicy, pods("api"), long_ago, "", ""), [], "it has worked with it");
    let after = "2026-03-03T10:00:30Z";
    assert_eq!(of(NetworkPolicy, pods("api"), after, "", ""), [], "it came later");
}

#[test]
fn windows_are_those_of_the_policy_and_those_that_cover_the_service() {
    let now: DateTime<Utc> = "2026-03-03T10:00:00Z".parse().expect("a time");
    let mut scene = crashing();
    scene.policy.windows = serde_json::from_value(json!([
        {"name": "always", "kind": "freeze", "cron": "* * * * *", "duration_s": 3600, "zone": "UTC"},
        {"name": "at-noon", "kind": "maintenance", "cron": "0 12 * * *", "duration_s": 3600, "zone": "UTC"},
    ]))
    .expect("windows");
    let set = |scope: &str| Window {
        id: crate::ids::WindowId::NEW,
        kind: windows::Kind::Maintenance,
        scope: scope.parse().expect("a scope"),
        reason: scope.to_owned(),
        from: now - TimeDelta::hours(1),
        to: now + TimeDelta::hours(1),
        set_by_name: String::new(),
        set_at: now,
    };
    scene.rails.windows =
        ["global", "services/api", "services/shop", "clusters/lab", "clusters/x"].map(set).to_vec();
    let rails = scene.situation(None, None, now).rails;
    let names = |it: Option<Vec<facts::Window>>| -> Vec<String> {
        it.into_iter().flatten().filter_map(|it| it.name).collect()
    };
    assert_eq!(names(rails.freezes), ["always"]);
    assert_eq!(names(rails.maintenance), ["global", "services/api", "clusters/lab"]);
}
