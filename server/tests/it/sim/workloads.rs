//! The controllers: rollouts that work, break, hang and go back.

use std::time::Duration;

use json_patch::Patch as JsonPatch;
use k8s_openapi::api::apps::v1::{
    ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet,
};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use server::sim::{Behaviour, Cluster, Options, SimClock};

use super::{client, cluster, code, progressing, set_image, web, with_web};

#[tokio::test]
async fn a_deployment_rolls_out_breaks_and_is_undone() {
    let (cluster, deployments) = with_web().await;
    let web = deployments.get("web").await.unwrap();
    assert_eq!(web.status.as_ref().unwrap().available_replicas, Some(3));
    assert_eq!(progressing(&web), ("True".to_owned(), "NewReplicaSetAvailable".to_owned()));
    assert_eq!(web.annotations()["deployment.kubernetes.io/revision"], "1");

    set_image(&deployments, "shop/web:2-bad").await;
    cluster.settle().await;
    let pods: Api<Pod> = Api::namespaced(client(&cluster).await, "shop");
    let all = pods.list(&ListParams::default().labels("app=web")).await.unwrap();
    let waiting = |pod: &Pod| {
        let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
        status.state.as_ref()?.waiting.as_ref()?.reason.clone()
    };
    let reasons: Vec<_> = all.iter().filter_map(waiting).collect();
    assert_eq!(all.items.len(), 4, "three old pods and one of the surge");
    assert_eq!(reasons, ["CrashLoopBackOff"]);
    let broken = all.iter().find(|p| waiting(p).is_some()).unwrap();
    let log = pods.logs(&broken.name_any(), &LogParams::default()).await.unwrap();
    assert!(log.contains("panic"), "{log}");

    let sets: Api<ReplicaSet> = Api::namespaced(client(&cluster).await, "shop");
    let first = sets.list(&ListParams::default()).await.unwrap().items;
    let first = first.iter().find(|s| s.annotations()["deployment.kubernetes.io/revision"] == "1");
    let mut template =
        serde_json::to_value(first.unwrap().spec.as_ref().unwrap().template.as_ref()).unwrap();
    template["metadata"]["labels"].as_object_mut().unwrap().remove("pod-template-hash");
    let undo: JsonPatch = serde_json::from_value(json!([
        {"op": "test", "path": "/metadata/uid", "value": web.uid().unwrap()},
        {"op": "replace", "path": "/spec/template", "value": template},
    ]))
    .unwrap();
    deployments.patch("web", &PatchParams::default(), &Patch::Json::<()>(undo)).await.unwrap();
    cluster.settle().await;

    let web = deployments.get("web").await.unwrap();
    assert_eq!(web.annotations()["deployment.kubernetes.io/revision"], "3");
    assert_eq!(progressing(&web), ("True".to_owned(), "NewReplicaSetAvailable".to_owned()));
    let after = sets.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(after.len(), 2, "the old ReplicaSet is used again");
    let again = after.iter().find(|s| s.name_any() == first.unwrap().name_any()).unwrap();
    assert_eq!(again.annotations()["deployment.kubernetes.io/revision"], "3");
    assert_eq!(again.annotations()["deployment.kubernetes.io/revision-history"], "1");
    let events: Api<Event> = Api::namespaced(client(&cluster).await, "shop");
    let events = events.list(&ListParams::default()).await.unwrap();
    let has = |reason: &str| events.iter().any(|e| e.reason.as_deref() == Some(reason));
    assert!(has("BackOff") && has("ScalingReplicaSet"));
}

#[tokio::test]
async fn a_stuck_rollout_misses_its_deadline_on_a_clock_of_ours() {
    let clock = SimClock::manual("2026-08-01T10:00:00Z".parse().unwrap());
    let options = Options { clock, namespaces: vec!["shop".to_owned()], ..Options::default() };
    let cluster = Cluster::start(options).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(client(&cluster).await, "shop");
    deployments.create(&PostParams::default(), &web("web:slow")).await.unwrap();
    cluster.settle().await;
    let ready = async || deployments.get("web").await.unwrap().status.unwrap().ready_replicas;
    assert_eq!(ready().await, None);
    cluster.advance(Duration::from_secs(10)).await;
    assert_eq!(ready().await, Some(3));

    set_image(&deployments, "web:nopull").await;
    cluster.settle().await;
    cluster.advance(Duration::from_secs(599)).await;
    assert_eq!(progressing(&deployments.get("web").await.unwrap()).0, "True");
    cluster.advance(Duration::from_secs(2)).await;
    let web = deployments.get("web").await.unwrap();
    assert_eq!(progressing(&web), ("False".to_owned(), "ProgressDeadlineExceeded".to_owned()));
}

#[tokio::test]
async fn restarts_are_counted_and_rules_override_images() {
    let clock = SimClock::manual("2026-08-01T10:00:00Z".parse().unwrap());
    let options = Options { clock, namespaces: vec!["shop".to_owned()], ..Options::default() };
    let cluster = Cluster::start(options).await.unwrap();
    let client = client(&cluster).await;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "shop");
    deployments.create(&PostParams::default(), &web("web:1")).await.unwrap();
    cluster.settle().await;
    cluster.behave(|pod| pod["metadata"]["labels"]["app"] == "web", Behaviour::OutOfMemory);
    cluster.settle().await;
    let pods: Api<Pod> = Api::namespaced(client, "shop");
    let first = async || {
        let pod = pods.list(&ListParams::default()).await.unwrap().items.remove(0);
        pod.status.unwrap().container_statuses.unwrap().remove(0)
    };
    let status = first().await;
    assert_eq!(status.restart_count, 1);
    assert_eq!(status.last_state.unwrap().terminated.unwrap().reason.as_deref(), Some("OOMKilled"));
    cluster.advance(Duration::from_secs(31)).await;
    assert_eq!(first().await.restart_count, 3, "after 10 s, and 20 s later");
    cluster.heal();
    cluster.settle().await;
    assert!(first().await.ready);

    cluster.break_node("node-1", true);
    cluster.settle().await;
    let web = deployments.get("web").await.unwrap();
    assert_eq!(web.status.unwrap().ready_replicas, Some(2), "one pod of three stood there");
}

#[tokio::test]
async fn what_a_deployment_owns_goes_with_it() {
    let (cluster, deployments) = with_web().await;
    let wrong = DeleteParams {
        preconditions: Some(kube::api::Preconditions {
            uid: Some("another".to_owned()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    assert_eq!(code(deployments.delete("web", &wrong).await.unwrap_err()), 409);
    deployments.delete("web", &DeleteParams::default()).await.unwrap();
    cluster.settle().await;
    for resource in ["replicasets.apps", "pods"] {
        assert!(cluster.objects(resource, "shop").is_empty(), "{resource}");
    }
}

fn workload(kind: &str, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "db"}}, "template": {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"containers": [{"name": "db", "image": image}]}}}})
}

fn image(image: &str) -> Patch<Value> {
    let containers = json!([{"name": "db", "image": image}]);
    Patch::Strategic(json!({"spec": {"template": {"spec": {"containers": containers}}}}))
}

/// The pods of `db` with image and readiness, by name.
async fn db_pods(pods: &Api<Pod>) -> Vec<(String, String, bool)> {
    let all = pods.list(&ListParams::default().labels("app=db")).await.unwrap();
    let row = |pod: &Pod| {
        let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
        Some((pod.name_any(), status.image.clone(), status.ready))
    };
    all.iter().filter_map(row).collect()
}

#[tokio::test]
async fn a_stateful_set_hangs_on_a_broken_pod_until_it_is_deleted() {
    let cluster = cluster().await;
    let client = client(&cluster).await;
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), "shop");
    let pods: Api<Pod> = Api::namespaced(client.clone(), "shop");
    let mut db = workload("StatefulSet", "db:1");
    db["spec"]["replicas"] = json!(3);
    sets.create(&PostParams::default(), &serde_json::from_value(db).unwrap()).await.unwrap();
    cluster.settle().await;
    let row = |name: &str, image: &str, ready| (name.to_owned(), image.to_owned(), ready);
    let whole = [row("db-0", "db:1", true), row("db-1", "db:1", true), row("db-2", "db:1", true)];
    assert_eq!(db_pods(&pods).await, whole);
    let status = sets.get("db").await.unwrap().status.unwrap();
    assert_eq!(status.current_revision, status.update_revision);

    sets.patch("db", &PatchParams::default(), &image("db:2-bad")).await.unwrap();
    cluster.settle().await;
    let broken = row("db-2", "db:2-bad", false);
    assert_eq!(db_pods(&pods).await[2], broken, "the highest goes first, and holds up the others");
    sets.patch("db", &PatchParams::default(), &image("db:1")).await.unwrap();
    cluster.settle().await;
    assert_eq!(db_pods(&pods).await[2], broken, "the template alone does not help");
    pods.delete("db-2", &DeleteParams::default()).await.unwrap();
    cluster.settle().await;
    assert_eq!(db_pods(&pods).await, whole);

    let revisions: Api<ControllerRevision> = Api::namespaced(client, "shop");
    let mut numbers: Vec<i64> =
        revisions.list(&ListParams::default()).await.unwrap().iter().map(|r| r.revision).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3], "the first was found again and got a new number");
}

#[tokio::test]
async fn a_daemon_set_stops_at_its_first_broken_pod_and_goes_back() {
    let cluster = cluster().await;
    let client = client(&cluster).await;
    let sets: Api<DaemonSet> = Api::namespaced(client.clone(), "shop");
    let pods: Api<Pod> = Api::namespaced(client, "shop");
    let db = serde_json::from_value(workload("DaemonSet", "db:1")).unwrap();
    sets.create(&PostParams::default(), &db).await.unwrap();
    cluster.settle().await;
    let ready = async || sets.get("db").await.unwrap().status.unwrap().number_ready;
    assert_eq!(ready().await, 3, "one on each node");

    sets.patch("db", &PatchParams::default(), &image("db:2-nopull")).await.unwrap();
    cluster.settle().await;
    assert_eq!(ready().await, 2);
    assert_eq!(db_pods(&pods).await.iter().filter(|(_, i, _)| i == "db:2-nopull").count(), 1);
    sets.patch("db", &PatchParams::default(), &image("db:1")).await.unwrap();
    cluster.settle().await;
    assert_eq!(ready().await, 3);
    cluster.add_node("node-4");
    cluster.settle().await;
    assert_eq!(ready().await, 4);
}

#[tokio::test]
async fn recreate_takes_all_down_first_and_a_pause_holds_a_rollout() {
    let clock = SimClock::manual("2026-08-01T10:00:00Z".parse().unwrap());
    let options = Options { clock, namespaces: vec!["shop".to_owned()], ..Options::default() };
    let cluster = Cluster::start(options).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(client(&cluster).await, "shop");
    let mut recreated = web("web:1");
    recreated.spec.as_mut().unwrap().strategy =
        serde_json::from_value(json!({"type": "Recreate"})).unwrap();
    deployments.create(&PostParams::default(), &recreated).await.unwrap();
    cluster.settle().await;
    set_image(&deployments, "web:2-slow").await;
    cluster.settle().await;
    let status = deployments.get("web").await.unwrap().status.unwrap();
    assert_eq!((status.replicas, status.ready_replicas), (Some(3), None));
    cluster.advance(Duration::from_secs(10)).await;
    assert_eq!(deployments.get("web").await.unwrap().status.unwrap().ready_replicas, Some(3));

    let pause = Patch::Merge(json!({"spec": {"paused": true}}));
    deployments.patch("web", &PatchParams::default(), &pause).await.unwrap();
    set_image(&deployments, "web:3").await;
    cluster.settle().await;
    let paused = deployments.get("web").await.unwrap();
    assert_eq!(progressing(&paused).1, "DeploymentPaused");
    assert_eq!(cluster.objects("replicasets.apps", "shop").len(), 2);
    let resume = Patch::Merge(json!({"spec": {"paused": null}}));
    deployments.patch("web", &PatchParams::default(), &resume).await.unwrap();
    cluster.settle().await;
    let web = deployments.get("web").await.unwrap();
    assert_eq!(progressing(&web).1, "NewReplicaSetAvailable");
    assert_eq!(web.status.unwrap().updated_replicas, Some(3));
}

#[tokio::test]
async fn a_deployment_in_the_middle_of_a_rollout_grows_in_proportion() {
    let (cluster, deployments) = with_web().await;
    set_image(&deployments, "shop/web:2-bad").await;
    cluster.settle().await;
    let scale = Patch::Merge(json!({"spec": {"replicas": 12}}));
    deployments.patch_scale("web", &PatchParams::default(), &scale).await.unwrap();
    cluster.settle().await;
    let sets = cluster.objects("replicasets.apps", "shop");
    let mut sizes: Vec<_> = sets.iter().map(|s| s["spec"]["replicas"].as_i64().unwrap()).collect();
    sizes.sort_unstable();
    // 12 and a surge of 3, once 3 and 1: both grow, and at least 9 of the old stay.
    assert_eq!(sizes.iter().sum::<i64>(), 15, "{sizes:?}");
    assert!(sizes[1] >= 9, "{sizes:?}");
    let web = deployments.get("web").await.unwrap();
    assert!(web.status.unwrap().available_replicas >= Some(9));
}

#[tokio::test]
async fn old_replica_sets_beyond_the_limit_are_forgotten() {
    let (cluster, deployments) = with_web().await;
    let limit = Patch::Merge(json!({"spec": {"revisionHistoryLimit": 2}}));
    deployments.patch("web", &PatchParams::default(), &limit).await.unwrap();
    for n in 2..=5 {
        set_image(&deployments, &format!("shop/web:{n}")).await;
        cluster.settle().await;
    }
    let sets = cluster.objects("replicasets.apps", "shop");
    let revision = |s: &Value| {
        s["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let mut revisions: Vec<_> = sets.iter().map(revision).collect();
    revisions.sort();
    assert_eq!(revisions, ["3", "4", "5"]);
}
