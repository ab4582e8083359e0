//! The pretend cluster from outside: through the kube client, and through kubectl.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use json_patch::Patch as JsonPatch;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams,
    PostParams, WatchEvent, WatchParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::runtime::watcher;
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};
use server::sim::{Behaviour, Cluster, Effect, Fault, Options, SimClock};

const DEADLINE: Duration = Duration::from_secs(20);

async fn cluster() -> Cluster {
    let options = Options { namespaces: vec!["shop".to_owned()], ..Options::default() };
    Cluster::start(options).await.unwrap()
}

/// A client that tells of every failure at once.
async fn client(cluster: &Cluster) -> Client {
    let config = Kubeconfig::from_yaml(&cluster.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(config, &options).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

fn web(image: &str) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": image}]}}}
    }))
    .unwrap()
}

/// A cluster with the Deployment `web`, rolled out.
async fn with_web() -> (Cluster, Api<Deployment>) {
    let cluster = cluster().await;
    let deployments: Api<Deployment> = Api::namespaced(client(&cluster).await, "shop");
    deployments.create(&PostParams::default(), &web("shop/web:1")).await.unwrap();
    cluster.settle().await;
    (cluster, deployments)
}

async fn set_image(deployments: &Api<Deployment>, image: &str) {
    let patch =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}});
    deployments.patch("web", &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
}

fn progressing(deployment: &Deployment) -> (String, String) {
    let conditions = deployment.status.as_ref().unwrap().conditions.as_ref().unwrap();
    let found = conditions.iter().find(|c| c.type_ == "Progressing").unwrap();
    (found.status.clone(), found.reason.clone().unwrap_or_default())
}

fn code(error: kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        other => panic!("not an answer of the API server: {other}"),
    }
}

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
async fn a_failing_precondition_changes_nothing() {
    let (cluster, deployments) = with_web().await;
    cluster.forget_requests();
    let before = deployments.get("web").await.unwrap();
    let patch: JsonPatch = serde_json::from_value(json!([
        {"op": "test", "path": "/metadata/uid", "value": "another"},
        {"op": "replace", "path": "/spec/replicas", "value": 9},
    ]))
    .unwrap();
    let error = deployments.patch("web", &PatchParams::default(), &Patch::Json::<()>(patch)).await;
    assert_eq!(code(error.unwrap_err()), 422);

    let mut stale = before.clone();
    set_image(&deployments, "shop/web:2").await;
    stale.spec.as_mut().unwrap().replicas = Some(9);
    let error = deployments.replace("web", &PostParams::default(), &stale).await.unwrap_err();
    assert_eq!(code(error), 409);

    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let patch = json!({"spec": {"replicas": 7}});
    let answer = deployments.patch("web", &dry, &Patch::Merge(patch)).await.unwrap();
    assert_eq!(answer.spec.unwrap().replicas, Some(7));
    assert_eq!(deployments.get("web").await.unwrap().spec.unwrap().replicas, Some(3));

    let seen = cluster.requests();
    assert_eq!(
        seen.iter().map(|r| r.status()).collect::<Vec<_>>(),
        [Some(422), Some(200), Some(409), Some(200)]
    );
    assert!(seen[3].is_dry_run() && seen[3].json()["spec"]["replicas"] == 7);
}

#[tokio::test]
async fn the_watch_of_the_client_survives_cuts_and_a_lost_history() {
    let (cluster, deployments) = with_web().await;
    let config = watcher::Config::default().streaming_lists();
    let mut events = watcher(deployments.clone(), config).boxed();
    let mut next = async || {
        let event = tokio::time::timeout(DEADLINE, events.next()).await;
        event.expect("an event in time").expect("watchers do not end")
    };
    assert!(matches!(next().await, Ok(watcher::Event::Init)));
    assert!(matches!(next().await, Ok(watcher::Event::InitApply(d)) if d.name_any() == "web"));
    assert!(matches!(next().await, Ok(watcher::Event::InitDone)));

    deployments.patch("web", &PatchParams::default(), &labelled("one")).await.unwrap();
    while !matches!(next().await, Ok(watcher::Event::Apply(d)) if d.labels()["mark"] == "one") {}

    // Cut, and what happens meanwhile is told afterwards.
    cluster.cut_watches(Some("deployments.apps"));
    deployments.patch("web", &PatchParams::default(), &labelled("two")).await.unwrap();
    while !matches!(next().await, Ok(watcher::Event::Apply(d)) if d.labels()["mark"] == "two") {}

    // A history that was forgotten is 410 and a new list.
    cluster.refuse();
    cluster.accept();
    deployments.patch("web", &PatchParams::default(), &labelled("three")).await.unwrap();
    cluster.compact();
    let mut lists = 0;
    loop {
        match next().await {
            Ok(watcher::Event::Init) => lists += 1,
            Ok(watcher::Event::InitApply(d) | watcher::Event::Apply(d))
                if d.labels()["mark"] == "three" =>
            {
                break;
            }
            _ => {}
        }
    }
    assert!(lists <= 1);
}

fn labelled(mark: &str) -> Patch<Value> {
    Patch::Merge(json!({"metadata": {"labels": {"mark": mark}}}))
}

#[tokio::test]
async fn an_old_version_is_gone_and_a_selection_can_be_left() {
    let (cluster, deployments) = with_web().await;
    let version = deployments.list(&ListParams::default()).await.unwrap().metadata.resource_version;
    let version = version.unwrap();
    let params = WatchParams::default().labels("app=web");
    let mut watch = deployments.watch(&params, &version).await.unwrap().boxed();
    let patch = json!({"metadata": {"labels": {"app": "other"}}});
    deployments.patch("web", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let event = tokio::time::timeout(DEADLINE, watch.try_next()).await.unwrap().unwrap();
    assert!(matches!(event, Some(WatchEvent::Deleted(d)) if d.name_any() == "web"));

    cluster.compact();
    let mut watch = deployments.watch(&params, &version).await.unwrap().boxed();
    let event = tokio::time::timeout(DEADLINE, watch.try_next()).await.unwrap().unwrap();
    assert!(matches!(event, Some(WatchEvent::Error(e)) if e.code == 410));
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let cluster = cluster().await;
    let maps: Api<ConfigMap> = Api::namespaced(client(&cluster).await, "shop");
    for n in 0..7 {
        let map =
            serde_json::from_value(json!({"metadata": {"name": format!("map-{n}")}})).unwrap();
        maps.create(&PostParams::default(), &map).await.unwrap();
    }
    let mut names = Vec::new();
    let mut params = ListParams::default().limit(3);
    loop {
        let page = maps.list(&params).await.unwrap();
        names.extend(page.items.iter().map(ResourceExt::name_any));
        match page.metadata.continue_.filter(|c| !c.is_empty()) {
            Some(token) => params = ListParams::default().limit(3).continue_token(&token),
            None => break,
        }
    }
    assert_eq!(names, (0..7).map(|n| format!("map-{n}")).collect::<Vec<_>>());
    let one = maps.list(&ListParams::default().fields("metadata.name=map-4")).await.unwrap();
    assert_eq!(one.items.len(), 1);
}

#[tokio::test]
async fn faults_answer_as_the_real_server_does() {
    let (cluster, deployments) = with_web().await;
    let patch = async || deployments.patch("web", &PatchParams::default(), &labelled("x")).await;
    let on_patch = |effect| Fault::new(effect).verb("patch").resource("deployments.apps").times(1);

    cluster.inject(on_patch(Effect::Forbidden));
    let kube::Error::Api(status) = patch().await.unwrap_err() else { panic!("not a status") };
    assert_eq!(
        status.message,
        "deployments.apps \"web\" is forbidden: User \"lifeboat\" cannot patch resource \
         \"deployments\" in API group \"apps\" in the namespace \"shop\""
    );
    for (effect, expected) in [
        (Effect::Unauthorized, 401),
        (Effect::Conflict, 409),
        (Effect::Gone, 410),
        (Effect::TooManyRequests(1), 429),
        (Effect::ServerError(503), 503),
    ] {
        cluster.inject(on_patch(effect));
        assert_eq!(code(patch().await.unwrap_err()), expected);
    }
    cluster.inject(on_patch(Effect::LoseRequest));
    assert!(!matches!(patch().await.unwrap_err(), kube::Error::Api(_)));
    assert!(!deployments.get("web").await.unwrap().labels().contains_key("mark"));

    cluster.inject(on_patch(Effect::LoseAnswer));
    assert!(!matches!(patch().await.unwrap_err(), kube::Error::Api(_)));
    assert_eq!(deployments.get("web").await.unwrap().labels()["mark"], "x");

    cluster.refuse();
    assert!(deployments.get("web").await.is_err());
    cluster.accept();
    cluster.freeze_reads("deployments.apps");
    deployments.patch("web", &PatchParams::default(), &labelled("new")).await.unwrap();
    assert_eq!(deployments.get("web").await.unwrap().labels()["mark"], "x");
    cluster.heal();
    assert_eq!(deployments.get("web").await.unwrap().labels()["mark"], "new");
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
async fn custom_resources_are_served_once_they_are_defined() {
    let cluster = cluster().await;
    let client = client(&cluster).await;
    let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout");
    let rollouts: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), "shop", &ApiResource::from_gvk(&kind));
    assert_eq!(code(rollouts.list(&ListParams::default()).await.unwrap_err()), 404);

    let crds: Api<DynamicObject> = Api::all_with(
        client.clone(),
        &ApiResource::from_gvk(&GroupVersionKind::gvk(
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
        )),
    );
    let crd: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.argoproj.io"},
        "spec": {"group": "argoproj.io", "scope": "Namespaced",
            "names": {"plural": "rollouts", "singular": "rollout", "kind": "Rollout"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true,
                "subresources": {"status": {}, "scale": {}},
                "schema": {"openAPIV3Schema": {"type": "object"}}}]},
    }))
    .unwrap();
    let apply = PatchParams::apply("test");
    crds.patch("rollouts.argoproj.io", &apply, &Patch::Apply(&crd)).await.unwrap();

    let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "api"}, "spec": {"replicas": 2}});
    rollouts.patch("api", &apply, &Patch::Apply(&rollout)).await.unwrap();
    let abort = Patch::Merge(json!({"status": {"abort": true}, "spec": {"replicas": 9}}));
    let aborted = rollouts.patch_status("api", &PatchParams::default(), &abort).await.unwrap();
    assert_eq!(aborted.data["status"]["abort"], true);
    assert_eq!(
        aborted.data["spec"]["replicas"], 2,
        "the status subresource changes the status only"
    );
    assert_eq!(aborted.metadata.generation, Some(1));
    let scaled = Patch::Merge(json!({"spec": {"replicas": 5}}));
    rollouts.patch_scale("api", &PatchParams::default(), &scaled).await.unwrap();
    assert_eq!(rollouts.get("api").await.unwrap().data["spec"]["replicas"], 5);
    let groups = client.list_api_groups().await.unwrap();
    assert!(groups.groups.iter().any(|g| g.name == "argoproj.io"));
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
