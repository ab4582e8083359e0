use serde_json::json;

use super::*;
use crate::revisions::RevisionVerdict::{Bad, Forbidden, Unknown, Verified};
use crate::workloads::{Live, Owner, Rollout, Workload};

/// As a chart says it.
fn said(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}, "annotations": {"checksum/config": "1"}},
        "spec": {"serviceAccountName": "web", "containers": [{
            "name": "web", "image": image, "env": [{"name": "EMPTY", "value": ""}],
            "ports": [{"containerPort": 80}], "securityContext": {},
            "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 80}}}]}
    })
}

/// As the API server shows it then.
fn live(image: &str) -> Value {
    json!({
        "metadata": {
            "creationTimestamp": null, "labels": {"app": "web", "pod-template-hash": "x"},
            "annotations": {"checksum/config": "1", "kubectl.kubernetes.io/restartedAt": "2026-03-03T10:00:00Z"}
        },
        "spec": {
            "serviceAccountName": "web", "serviceAccount": "web", "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "securityContext": {},
            "schedulerName": "default-scheduler",
            "containers": [{
                "name": "web", "image": image, "env": [{"name": "EMPTY"}], "imagePullPolicy": "IfNotPresent",
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {
                    "limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}
                },
                "readinessProbe": {
                    "httpGet": {"path": "/ready", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1,
                    "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3
                }}]
        }
    })
}

#[test]
fn a_template_is_known_again_by_what_its_chart_says() {
    assert!(is_made_of(&live("web:1"), &said("web:1")));
    assert!(!is_made_of(&live("web:2"), &said("web:1")));
    // What the chart no longer says, or says anew, is another template.
    let change = |path: &str, value: Value| {
        let mut other = live("web:1");
        *other.pointer_mut(path).unwrap() = value;
        other
    };
    let container = "/spec/containers/0";
    for (path, value) in [
        ("/metadata/labels", json!({"app": "web", "tier": "front"})),
        ("/metadata/annotations", json!({"checksum/config": "2"})),
        (&format!("{container}/env"), json!([{"name": "EMPTY"}, {"name": "MORE", "value": "1"}])),
        (&format!("{container}/env"), json!([{"name": "EMPTY", "value": "now set"}])),
        (&format!("{container}/imagePullPolicy"), json!("Never")),
        (&format!("{container}/resources/limits/cpu"), json!("501m")),
        (&format!("{container}/readinessProbe/periodSeconds"), json!(5)),
        ("/spec/terminationGracePeriodSeconds", json!(60)),
        ("/spec/securityContext", json!({"runAsUser": 1})),
    ] {
        assert!(!is_made_of(&change(path, value.clone()), &said("web:1")), "{path} {value}");
    }
}

fn member(name: &str, image: &str, config: Option<&str>) -> Member {
    let configs = config.map(|it| ("env".to_owned(), Digest::of(it.as_bytes())));
    Member {
        namespace: "shop".into(),
        kind: WorkloadKind::Deployment,
        name: name.into(),
        template: said(image),
        configs: configs.into_iter().collect(),
    }
}

fn revision(number: i64, status: Status, members: Vec<Member>) -> Revision {
    Revision {
        revision: number,
        uid: format!("u{number}"),
        status,
        chart: "shop".into(),
        chart_version: "1.0.0".into(),
        app_version: number.to_string(),
        description: String::new(),
        first_deployed: None,
        last_deployed: None,
        digest: Digest::of(number.to_string().as_bytes()),
        content: Digest::of(b"content"),
        values_digest: Digest::of(b"values"),
        objects: vec![],
        hooks: vec![],
        members,
        unreadable: None,
    }
}

fn ran(image: &str, config: Option<&str>, verdict: RevisionVerdict) -> Observed {
    let configs = config.map(|it| ("env".to_owned(), Digest::of(it.as_bytes())));
    Observed { template: live(image), configs: configs.into_iter().collect(), verdict }
}

fn release(revisions: Vec<Revision>, observed: &[(&str, Vec<Observed>)]) -> Release {
    let key = |name: &str| ("shop".to_owned(), WorkloadKind::Deployment, name.to_owned());
    Release {
        cluster: "lab".into(),
        namespace: "shop".into(),
        name: "shop".into(),
        revisions,
        observed: observed.iter().map(|(name, it)| (key(name), it.clone())).collect(),
    }
}

#[test]
fn the_verdict_of_a_revision_is_that_of_its_members() {
    let of = |api: Vec<Observed>, web: Vec<Observed>| {
        let members = vec![member("api", "api:1", None), member("web", "web:1", Some("a"))];
        let release =
            release(vec![revision(1, Status::Superseded, members)], &[("api", api), ("web", web)]);
        release.verdict(release.current().unwrap())
    };
    let api = |it| vec![ran("api:1", None, it)];
    let web = |it| vec![ran("web:1", Some("a"), it)];
    assert_eq!(of(api(Verified), web(Verified)), Verified);
    assert_eq!(of(api(Verified), web(Bad)), Bad);
    assert_eq!(of(api(Forbidden), web(Bad)), Forbidden);
    assert_eq!(of(api(Verified), web(Unknown)), Unknown);
    assert_eq!(of(api(Verified), vec![]), Unknown, "one that nobody saw");
    // The same template with another configuration, and another template, say nothing about it.
    assert_eq!(of(api(Verified), vec![ran("web:1", Some("b"), Verified)]), Unknown);
    assert_eq!(of(api(Verified), vec![ran("web:2", Some("a"), Bad)]), Unknown);
    // After a restart there are two of the same.
    let twice = vec![ran("web:1", Some("a"), Verified), ran("web:1", Some("a"), Unknown)];
    assert_eq!(of(api(Verified), twice), Verified);
}

#[test]
fn without_members_or_unreadable_nothing_is_known_of_it() {
    let mut unreadable = revision(2, Status::Superseded, vec![member("api", "api:1", None)]);
    unreadable.unreadable = Some("it is not gzip".into());
    let observed = [("api", vec![ran("api:1", None, Verified)])];
    let release = release(vec![unreadable, revision(1, Status::Superseded, vec![])], &observed);
    let verdicts: Vec<_> = release.revisions.iter().map(|it| release.verdict(it)).collect();
    assert_eq!(verdicts, [Unknown, Unknown]);
}

#[test]
fn the_rules_learn_what_the_newest_change_touched() {
    let both = |api, web| vec![member("api", api, None), member("web", web, Some("a"))];
    let revisions = vec![
        revision(4, Status::Deployed, both("api:3", "web:2")),
        revision(3, Status::Failed, both("api:2", "web:1")),
        revision(2, Status::Superseded, both("api:1", "web:1")),
        revision(1, Status::Uninstalled, vec![]),
    ];
    let observed = [
        ("api", vec![ran("api:1", None, Verified)]),
        ("web", vec![ran("web:1", Some("a"), Verified)]),
    ];
    let facts = release(revisions, &observed).facts().unwrap();
    assert_eq!(
        (facts.revision, facts.members_changed, facts.hooks_with_jobs),
        (4, Some(2), Some(false))
    );
    let told: Vec<_> =
        facts.revisions.iter().map(|it| (it.revision, it.status, it.verdict)).collect();
    assert_eq!(
        told,
        [
            (4, ReleaseStatus::Deployed, Unknown),
            (3, ReleaseStatus::Failed, Unknown),
            (2, ReleaseStatus::Superseded, Verified)
        ]
    );
    // A configuration alone is a change of its member, and a member that is gone is one too.
    let of = |old: Vec<Member>, new: Vec<Member>| {
        release(vec![revision(2, Status::Deployed, new), revision(1, Status::Superseded, old)], &[])
            .members_changed()
    };
    assert_eq!(
        of(vec![member("web", "web:1", Some("a"))], vec![member("web", "web:1", Some("b"))]),
        Some(1)
    );
    assert_eq!(of(both("a:1", "w:1"), vec![member("api", "a:1", None)]), Some(1));
    assert_eq!(of(both("a:1", "w:1"), both("a:1", "w:1")), Some(0));
}

#[test]
fn hooks_of_the_target_count_and_only_those_that_a_rollback_runs() {
    let hook = |kind: &str, event: &str| Hook {
        name: "h".into(),
        kind: kind.into(),
        events: vec![event.into()],
    };
    let of = |current: Option<Hook>, target: Option<Hook>| {
        let with = |number, status, hook: Option<Hook>| Revision {
            hooks: hook.into_iter().collect(),
            ..revision(number, status, vec![member("api", "api:1", None)])
        };
        let revisions =
            vec![with(2, Status::Deployed, current), with(1, Status::Superseded, target)];
        release(revisions, &[]).facts().unwrap().hooks_with_jobs
    };
    assert_eq!(of(None, None), Some(false));
    assert_eq!(of(None, Some(hook("Job", "pre-rollback"))), Some(true));
    assert_eq!(of(None, Some(hook("Job", "post-upgrade"))), Some(false));
    assert_eq!(of(None, Some(hook("ConfigMap", "pre-rollback"))), Some(false));
    assert_eq!(of(Some(hook("Job", "pre-rollback")), None), Some(false), "it is left, not gone to");
}

#[test]
fn a_migration_between_two_revisions_is_told() {
    let with = |number, status, version: &str| {
        let mut it = member("api", "api:1", None);
        it.template["metadata"]["annotations"][crate::revisions::MIGRATION] = json!(version);
        revision(number, status, vec![it])
    };
    let revisions = vec![
        with(3, Status::Deployed, "7"),
        with(2, Status::Superseded, "7"),
        with(1, Status::Superseded, "6"),
    ];
    let facts = release(revisions, &[]).facts().unwrap();
    let told: Vec<_> = facts.revisions.iter().map(|it| it.migrates).collect();
    assert_eq!(told, [Some(false), Some(false), Some(true)]);
}

#[test]
fn the_difference_is_told_object_by_object() {
    let config = |value: &str| json!({"kind": "ConfigMap", "metadata": {"name": "env"}, "data": {"a": value}});
    let service = json!({"kind": "Service", "metadata": {"name": "web"}});
    let secret = json!({"kind": "Secret", "metadata": {"name": "db", "namespace": "data"}});
    let with = |objects: Vec<Value>| Revision { objects, ..revision(1, Status::Deployed, vec![]) };
    let told =
        differences(&with(vec![config("1"), service.clone()]), &with(vec![config("2"), secret]));
    let told: Vec<_> = told
        .iter()
        .map(|it| (it.object.as_str(), it.what, it.items.first().map(|it| it.path.as_str())))
        .collect();
    assert_eq!(
        told,
        [
            ("ConfigMap/env", What::Changed, Some("data.a")),
            ("Secret/data/db", What::Created, None),
            ("Service/web", What::Removed, None)
        ]
    );
    assert_eq!(differences(&with(vec![service.clone()]), &with(vec![service])), []);
}

#[test]
fn a_workload_that_was_put_back_alone_drifts_from_its_release() {
    let workload = Workload {
        id: crate::ids::WorkloadId(uuid::Uuid::nil()),
        cluster: "lab".into(),
        namespace: "shop".into(),
        kind: WorkloadKind::Deployment,
        name: "api".into(),
        service: None,
        uid: "u".into(),
        owner: Owner::Helm("shop".into()),
        paused: false,
        paused_by_us: false,
        canary: None,
        update: None,
        last_applied: false,
        replicas: 1,
        ready: 1,
        updated: 1,
        rollout: Rollout::Settled,
        live: Live {
            revision: 3,
            digest: Digest::of(b"t"),
            config_digest: Digest::of(b"c"),
            images: crate::revisions::images(&live("api:1")),
        },
        conditions: vec![],
        healthy_since: None,
        seen_at: DateTime::UNIX_EPOCH,
        gone_at: None,
    };
    let of = |status| release(vec![revision(2, status, vec![member("api", "api:2", None)])], &[]);
    let found = drift(&of(Status::Deployed), &workload, &live("api:1")).unwrap();
    assert_eq!(
        (found.revision, &*found.said[0].image, &*found.live[0].image),
        (2, "api:2", "api:1")
    );
    assert_eq!(drift(&of(Status::Deployed), &workload, &live("api:2")), None);
    assert_eq!(drift(&of(Status::PendingUpgrade), &workload, &live("api:1")), None);
}
