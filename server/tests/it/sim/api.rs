//! The API: preconditions, watches, pages, faults, custom resources.

use futures::{StreamExt, TryStreamExt};
use json_patch::Patch as JsonPatch;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{
    Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent,
    WatchParams,
};
use kube::core::GroupVersionKind;
use kube::runtime::watcher;
use serde_json::{Value, json};
use server::sim::{Effect, Fault};

use super::{DEADLINE, client, cluster, code, set_image, with_web};

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
