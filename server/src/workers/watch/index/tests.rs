use chrono::TimeDelta;
use domain::pods::BadReason;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn read<T: DeserializeOwned>(value: Value) -> Box<T> {
    serde_json::from_value(value).unwrap()
}

fn template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image, "envFrom": [{"configMapRef": {"name": "env"}}]}]}
    })
}

fn deployment(image: &str) -> Object {
    let object = json!({
        "metadata": {
            "name": "web", "namespace": "shop", "uid": "d1", "generation": 1,
            "managedFields": [{"manager": "kubectl"}], "creationTimestamp": "1970-01-01T00:00:00Z"
        },
        "spec": {"replicas": 2, "template": template(image)},
        "status": {
            "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2,
            "availableReplicas": 2
        }
    });
    Object::Workload(WorkloadKind::Deployment, read(object))
}

fn replica_set(uid: &str, revision: i64, image: &str) -> Object {
    let mut template = template(image);
    template["metadata"]["labels"]["pod-template-hash"] = json!(uid);
    let object = json!({
        "metadata": {
            "name": format!("web-{uid}"), "namespace": "shop", "uid": uid,
            "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
            "creationTimestamp": "1970-01-01T00:00:05Z",
            "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "d1", "controller": true}]
        },
        "spec": {"template": template}
    });
    Object::ReplicaSet(read(object))
}

fn pod(uid: &str, set: &str, container: Value) -> Object {
    let ready = container["ready"] == json!(true);
    let object = json!({
        "metadata": {
            "name": uid, "namespace": "shop", "uid": uid, "creationTimestamp": "1970-01-01T00:00:06Z",
            "ownerReferences": [{"kind": "ReplicaSet", "name": "x", "uid": set, "controller": true}]
        },
        "spec": {"nodeName": "node-1"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
            "containerStatuses": [container]
        }
    });
    Object::Pod(read(object))
}

fn running() -> Value {
    json!({
        "name": "web", "ready": true, "restartCount": 0, "imageID": "web@sha256:1",
        "state": {"running": {}}
    })
}

fn crashing(restarts: i32) -> Value {
    json!({
        "name": "web", "ready": false, "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}
    })
}

fn config(value: &str) -> Object {
    let metadata = json!({"name": "env", "namespace": "shop", "uid": "c1"});
    Object::ConfigMap(read(json!({"metadata": metadata, "data": {"A": value}})))
}

fn index(objects: impl IntoIterator<Item = Object>) -> Index {
    let mut index = Index::default();
    objects.into_iter().for_each(|it| index.apply(it, at(10)));
    index
}

fn settled() -> [Object; 5] {
    [
        config("1"),
        deployment("web:1"),
        replica_set("r1", 1, "web:1"),
        pod("p1", "r1", running()),
        pod("p2", "r1", running()),
    ]
}

#[test]
fn what_belongs_together_is_found_in_any_order() {
    let mut rows = Vec::new();
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [3, 1, 0, 4, 2]] {
        let objects = order.map(|it| settled()[it].clone());
        let mut index = index(objects);
        let mut first = index.take(100);
        assert_eq!(
            first.revisions.len(),
            1,
            "the workload's own template needs no row beside the set"
        );
        // Contents that came before anybody referred to them are asked for.
        if !first.wanted.is_empty() {
            assert_eq!(first.wanted, [("shop".to_owned(), "env".to_owned())]);
            assert!(first.configs.is_empty());
            index.apply(config("1"), at(11));
            let second = index.take(100);
            assert!(second.workloads.is_empty(), "{second:?}");
            first.configs = second.configs;
            first.wanted.clear();
        }
        rows.push(first);
        assert!(!index.has_changes());
    }
    let [row, ..] = &rows[..] else { panic!() };
    assert!(rows.iter().all(|it| it == row), "{rows:#?}");
    let workload = &row.workloads[0];
    assert!(workload.healthy);
    assert_eq!((workload.live_revision, workload.rollout), (1, "settled"));
    assert_eq!(workload.live_images[0].image_id.as_deref(), Some("web@sha256:1"));
    assert_eq!(workload.present, [row.revisions[0].1.digest.clone()]);
    assert_eq!(row.revisions[0].1.configs.len(), 1);
    let digest = Some(&workload.live_digest);
    assert!(row.pods.iter().all(|(_, pod)| pod.digest.as_ref() == digest && pod.ever_ready));
}

#[test]
fn what_says_nothing_new_is_not_written() {
    let mut index = index(settled());
    index.take(100);
    index.apply(config("1"), at(11));
    index.take(100);
    for object in settled() {
        index.apply(object, at(20));
    }
    assert!(index.take(100).is_empty());
}

#[test]
fn an_undo_gives_an_old_template_a_new_number() {
    let mut index = index(settled());
    index.apply(replica_set("r2", 2, "web:2"), at(11));
    index.apply(deployment("web:2"), at(11));
    let first = index.take(100);
    assert_eq!(first.workloads[0].live_revision, 2);
    assert!(!first.workloads[0].present.is_empty());

    index.apply(deployment("web:1"), at(12));
    let undone = index.take(100);
    assert_eq!(undone.workloads[0].live_revision, 1, "until the controller gives another");
    index.apply(replica_set("r1", 3, "web:1"), at(13));
    let renumbered = index.take(100);
    assert_eq!(renumbered.workloads[0].live_revision, 3);
    let live: Vec<_> = renumbered.revisions.iter().map(|(_, it)| (it.revision, it.live)).collect();
    assert_eq!(live, [(3, true)]);
    let kept = |it: &Batch| it.revisions.iter().all(|(_, it)| it.body.is_none());
    assert!(kept(&undone), "the template is in the database already");
}

#[test]
fn a_template_is_live_before_its_set_is_there() {
    let mut index = index(settled());
    index.take(100);
    index.apply(deployment("web:2"), at(11));
    let batch = index.take(100);
    let live = batch.revisions.iter().find(|(_, it)| it.live).unwrap();
    assert_eq!((live.1.revision, &live.1.digest), (0, &batch.workloads[0].live_digest));
    assert!(live.1.body.is_some());
    assert!(!batch.workloads[0].healthy, "its pods cannot be told from anybody's yet");
    assert!(!batch.revisions.iter().any(|(_, it)| it.live && it.revision == 1));
}

#[test]
fn a_crash_is_told_once_and_keeps_its_onset() {
    let mut index = index(settled());
    index.take(100);
    index.apply(pod("p1", "r1", crashing(1)), at(20));
    let batch = index.take(100);
    let (_, row) = &batch.pods[0];
    assert_eq!((row.bad_reason, row.bad_since), (Some(BadReason::CrashLoop), Some(at(20))));
    assert!(row.ever_ready);
    assert!(!batch.workloads[0].healthy);
    assert_eq!(batch.went_bad.len(), 1);
    assert_eq!(batch.went_bad[0].container, "web");

    index.apply(pod("p1", "r1", crashing(1)), at(30));
    assert!(index.take(100).is_empty(), "the same again");
    index.apply(pod("p1", "r1", crashing(2)), at(40));
    let again = index.take(100);
    assert_eq!(again.pods[0].1.bad_since, Some(at(20)));
    assert_eq!(again.went_bad.len(), 1, "it has new last words");
    assert!(again.workloads.is_empty(), "of the workload nothing is new");

    index.apply(pod("p1", "r1", running()), at(50));
    let healed = index.take(100);
    assert_eq!(healed.pods[0].1.bad_reason, None);
    assert!(healed.workloads[0].healthy);
}

#[test]
fn a_pod_that_was_ready_before_a_restart_of_ours_counts_as_once_ready() {
    let unready =
        json!({"name": "web", "ready": false, "restartCount": 0, "state": {"running": {}}});
    for (known, reason) in [(vec!["p1".to_owned()], Some(BadReason::NotReady)), (vec![], None)] {
        let mut index = Index::new(known);
        for object in
            [deployment("web:1"), replica_set("r1", 1, "web:1"), pod("p1", "r1", unready.clone())]
        {
            index.apply(object, at(10));
        }
        assert_eq!(index.take(100).pods[0].1.bad_reason, reason);
    }
}

#[test]
fn config_contents_belong_to_the_revision() {
    let mut index = index(settled());
    let before = index.take(100).workloads[0].live_config_digest.clone();
    index.apply(config("1"), at(11));
    index.take(100);
    index.apply(config("2"), at(12));
    let batch = index.take(100);
    assert_ne!(batch.workloads[0].live_config_digest, before);
    assert_eq!(batch.revisions[0].1.config_digest, batch.workloads[0].live_config_digest);
    assert_eq!(batch.configs[0].contents.data["A"], "2");
    assert_eq!(batch.revisions[0].1.configs["env"], batch.configs[0].digest);
    assert!(batch.revisions[0].1.body.is_none());

    index.delete(&config("2"));
    let deleted = index.take(100);
    assert!(deleted.revisions[0].1.configs.is_empty());
}

#[test]
fn what_a_new_list_does_not_hold_is_gone() {
    let mut index = index(settled());
    index.take(100);
    index.replace(Kind::Pod, Some("other"), &HashSet::new());
    assert!(index.take(100).gone_pods.is_empty(), "a list of another namespace says nothing");
    index.replace(Kind::Pod, Some("shop"), &HashSet::from(["p2".to_owned()]));
    assert_eq!(index.take(100).gone_pods, ["p1"]);
    index.replace(Kind::ReplicaSet, None, &HashSet::new());
    assert!(index.take(100).workloads[0].present.is_empty());
    index.replace(Kind::Workload(WorkloadKind::StatefulSet), None, &HashSet::new());
    assert!(index.take(100).is_empty());
    index.replace(Kind::Workload(WorkloadKind::Deployment), None, &HashSet::new());
    let batch = index.take(100);
    assert_eq!(batch.gone_workloads.len(), 1);
    assert!(batch.workloads.is_empty());
}

#[test]
fn a_name_that_is_used_again_is_another_workload() {
    let mut index = index(settled());
    index.take(100);
    let Object::Workload(kind, mut again) = deployment("web:1") else { panic!() };
    again.metadata.uid = "d2".to_owned();
    index.apply(Object::Workload(kind, again), at(20));
    index.delete(&deployment("web:1"));
    let batch = index.take(100);
    assert!(batch.gone_workloads.is_empty(), "the deletion was of the one before");
    assert_eq!(batch.workloads[0].uid, "d2");
}

#[test]
fn a_stateful_set_is_known_by_its_controller_revisions() {
    let owner = json!([{"kind": "StatefulSet", "name": "db", "uid": "s1", "controller": true}]);
    let mut data = json!({"spec": {"template": template("db:1")}});
    data["spec"]["template"]["$patch"] = json!("replace");
    let revision = json!({
        "metadata": {"name": "db-7d", "namespace": "shop", "uid": "cr1", "ownerReferences": owner},
        "data": data, "revision": 4
    });
    let set = json!({
        "metadata": {"name": "db", "namespace": "shop", "uid": "s1", "generation": 1},
        "spec": {"replicas": 1, "template": template("db:1"), "updateStrategy": {"rollingUpdate": {"partition": 1}}},
        "status": {"observedGeneration": 1, "replicas": 1, "availableReplicas": 1, "readyReplicas": 1}
    });
    let mut index = index([
        Object::ControllerRevision(read(revision)),
        Object::Workload(WorkloadKind::StatefulSet, read(set)),
    ]);
    let Object::Pod(mut pod) = pod("db-0", "s1", running()) else { panic!() };
    pod.metadata.owner_references[0].kind = "StatefulSet".to_owned();
    pod.metadata.labels.insert("controller-revision-hash".to_owned(), "db-7d".to_owned());
    index.apply(Object::Pod(pod), at(10));
    let batch = index.take(100);
    assert_eq!((batch.workloads[0].live_revision, batch.workloads[0].rollout), (4, "settled"));
    assert_eq!(batch.pods[0].1.digest.as_ref(), Some(&batch.workloads[0].live_digest));
}

#[test]
fn the_target_of_a_canary_belongs_to_flagger() {
    let Object::Workload(kind, mut primary) = deployment("web:1") else { panic!() };
    primary.metadata.name = "web-primary".to_owned();
    primary.metadata.uid = "d9".to_owned();
    primary.metadata.owner_references = vec![objects::OwnerReference {
        kind: "Canary".to_owned(),
        name: "web".to_owned(),
        uid: "k1".to_owned(),
        controller: true,
    }];
    let mut index = index([Object::Workload(kind, primary), deployment("web:1")]);
    let batch = index.take(100);
    let owners: Vec<_> =
        batch.workloads.iter().map(|it| (it.owner, it.owner_name.as_deref())).collect();
    assert_eq!(owners, [("flagger", Some("web")); 2]);
}

#[test]
fn an_event_waits_for_what_it_is_about() {
    let event = |uid: &str, kind: &str, reason: &str| {
        Object::Event(read(json!({
            "metadata": {"name": uid, "namespace": "shop", "uid": uid},
            "involvedObject": {"kind": "Pod", "name": "p1", "uid": "p1"},
            "type": kind, "reason": reason, "message": "m", "count": 3,
            "lastTimestamp": "1970-01-01T00:00:07Z"
        })))
    };
    let mut index = index([event("e1", "Warning", "BackOff"), event("e2", "Normal", "Pulled")]);
    assert!(index.take(100).events.is_empty());
    settled().into_iter().for_each(|it| index.apply(it, at(10)));
    let batch = index.take(100);
    let events: Vec<_> =
        batch.events.iter().map(|(key, it)| (&*key.name, &*it.reason, it.count)).collect();
    assert_eq!(events, [("web", "BackOff", 3)]);
}

#[test]
fn nodes_tell_of_pressure() {
    let node = |pressure: &str| {
        let conditions = json!([
            {"type": "Ready", "status": "True"}, {"type": "MemoryPressure", "status": pressure}
        ]);
        Object::Node(read(
            json!({"metadata": {"name": "n1"}, "status": {"conditions": conditions}}),
        ))
    };
    let mut index = index([node("False")]);
    assert_eq!(
        index.take(100).nodes,
        [Node {
            name: "n1".into(),
            ready: true,
            pressure: false,
            boot_id: String::new(),
            rebooted_at: None
        }]
    );
    index.apply(node("False"), at(11));
    assert!(index.take(100).is_empty());
    index.apply(node("True"), at(12));
    assert!(index.take(100).nodes[0].pressure);
    index.delete(&node("True"));
    assert_eq!(index.take(100).gone_nodes, ["n1"]);
}
