//! The same for steps on objects: a ConfigMap, a route, what GitOps keeps in step, a restore, a claim that is replaced,
//! a node that is emptied.

use std::collections::BTreeMap;

use domain::plans::{ObjectAction, ObjectRef, Plan, Step};
use serde_json::json;

use super::super::objects::{Things, contents, crds, http_route};
use super::*;

/// Requests of the whole plan, in order; a node that is still being emptied makes more.
const OBJECT_REQUESTS: usize = 30;
/// Two for each effect.
const OBJECT_COMMITS: usize = 18;

/// Requests of steps on objects: of one that is named so, of our own POSTs, and of the pods of a node.
pub(super) fn is_ours(address: &str, name: &str) -> bool {
    let named = ["configmaps", "httproutes", "applications", "restores", "persistentvolumeclaims"];
    let named = named.iter().any(|it| address.contains(&format!("/{it}/{name}")));
    // Of workloads nothing is ever posted.
    let posted = ["restores?field", "persistentvolumeclaims?field", "/eviction?field"];
    let node = address.contains("/nodes/node-") || address.contains("spec.nodeName%3D");
    named || node || posted.iter().any(|it| address.contains(it))
}

fn object_points(share: usize) -> Vec<Point> {
    let before = (0..OBJECT_REQUESTS).map(Point::Before);
    let after = (0..OBJECT_REQUESTS).map(Point::After);
    let commits = (1..OBJECT_COMMITS).map(Point::Commit);
    let all: Vec<_> = before.chain(after).chain(commits).collect();
    assert!(all.len() >= 60);
    all.into_iter().skip(share).step_by(4).collect()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_effect_on_objects_whenever_it_is_killed_first_share(pool: PgPool) {
    objects_killed_at(pool, object_points(0)).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_effect_on_objects_whenever_it_is_killed_second_share(pool: PgPool) {
    objects_killed_at(pool, object_points(1)).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_effect_on_objects_whenever_it_is_killed_third_share(pool: PgPool) {
    objects_killed_at(pool, object_points(2)).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_effect_on_objects_whenever_it_is_killed_fourth_share(pool: PgPool) {
    objects_killed_at(pool, object_points(3)).await;
}

async fn objects_killed_at(pool: PgPool, points: Vec<Point>) {
    let options = sim::Options { namespaces: vec!["shop".to_owned()], ..Default::default() };
    let cluster = sim::Cluster::start(options).await.unwrap();
    let proxy = Proxy::start(cluster.url()).await;
    let folder = TempDir::new().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let config = cluster.kubeconfig().replace(&cluster.url(), &proxy.url);
    std::fs::write(&kubeconfig, config).unwrap();
    let url = pool.connect_options().to_url_lossy().to_string();
    sqlx::raw_sql(TELL_COMMITS).execute(&pool).await.unwrap();
    let things = Things::of(Lab::on(pool, kubeconfig, "shop").await).await;
    crds(&things).await;
    things.kept(&contents("1")).await;
    let program = Program { url, folder };

    for point in points {
        let name = format!("api-{point:?}").to_lowercase().replace(['(', ')'], "-");
        let name = name.trim_end_matches('-').to_owned();
        let run = prepared(&things, &name).await;
        cluster.forget_requests();
        let killed = program.killed_at(&things.lab, &proxy, &run, point, &name).await;
        assert!(killed, "{point:?} never came");

        let ended = program.ended(&things.lab, run.id).await;
        assert_eq!(ended.state.name(), StateName::Succeeded, "{point:?}: {ended:?}");
        effects(&cluster, &ended, point);
        complete(&things.lab, &ended, point).await;
    }
}

/// One of everything, in the state that the plan is made for.
async fn prepared(things: &Things, name: &str) -> Run {
    let config = things.config(name);
    let route = ObjectRef { name: name.to_owned(), ..things.route() };
    let application = things.named("argoproj.io/v1alpha1", "Application", name);
    let restore = things.named("velero.io/v1", "Restore", name);
    let claim = things.named("v1", "PersistentVolumeClaim", name);
    let node = things.named("v1", "Node", "node-1");
    things.make(&config, json!({"data": {"level": "2"}})).await;
    things.make(&route, http_route(0, 100)).await;
    let policy = json!({"automated": {"prune": true}});
    things.make(&application, json!({"spec": {"syncPolicy": policy}})).await;
    let spec =
        json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    things.make(&claim, json!({"spec": spec})).await;
    things.lab.deploy(name, &["shop/api:1"]).await;
    things.lab.until(name, |it| it["status"]["availableReplicas"] == 2).await;

    let weights: BTreeMap<_, _> = [("blue".to_owned(), 100), ("green".to_owned(), 0)].into();
    let create = |spec: serde_json::Value| ObjectAction::Create {
        manifest: json!({"metadata": {}, "spec": spec}),
    };
    let mut restored = spec.clone();
    restored["dataSource"] = json!({"kind": "VolumeSnapshot", "name": "nightly"});
    let actions = vec![
        (config, ObjectAction::ConfigRestore { contents: contents("1").digest() }),
        (route, ObjectAction::SetWeights { weights }),
        (application, ObjectAction::SuspendSync),
        (restore, create(json!({"backupName": "nightly"}))),
        (claim.clone(), ObjectAction::Delete),
        (claim, create(restored)),
        (node.clone(), ObjectAction::Cordon),
        (node.clone(), ObjectAction::Drain),
        (node, ObjectAction::Uncordon),
    ];
    let mut live: Vec<domain::plans::LiveObject> = Vec::new();
    for (object, _) in &actions {
        if !live.iter().any(|it| it.object == *object) {
            live.push(things.live(object).await);
        }
    }
    let steps = actions.into_iter().map(|(object, action)| Step::on(object, action)).collect();
    things.lab.asked_for(Plan::on(steps, vec![], live)).await
}

/// Of every effect there is one request that came to something; no pod is evicted twice.
fn effects(cluster: &sim::Cluster, run: &Run, point: Point) {
    let requests = cluster.requests();
    let ours =
        ["configmaps", "httproutes", "applications", "restores", "persistentvolumeclaims", "nodes"];
    let done = requests.iter().filter(|it| {
        let resource = it.resource.split('.').next().unwrap_or_default();
        let acts = matches!(it.verb, "patch" | "create" | "delete");
        acts && ours.contains(&resource)
            && !it.is_dry_run()
            && it.status().is_some_and(|it| it < 300)
    });
    let done: Vec<_> =
        done.map(|it| (it.verb, it.resource.split('.').next().unwrap_or_default())).collect();
    let expected = [
        ("patch", "configmaps"),
        ("patch", "httproutes"),
        ("patch", "applications"),
        ("create", "restores"),
        ("delete", "persistentvolumeclaims"),
        ("create", "persistentvolumeclaims"),
        ("patch", "nodes"),
        ("patch", "nodes"),
    ];
    assert_eq!(done, expected, "{point:?} {run:?}");
    let evicted =
        requests.iter().filter(|it| it.subresource == "eviction" && it.status() == Some(200));
    let mut evicted: Vec<_> =
        evicted.map(|it| it.json()["deleteOptions"]["preconditions"]["uid"].to_string()).collect();
    let all = evicted.len();
    evicted.sort();
    evicted.dedup();
    assert_eq!(evicted.len(), all, "{point:?}");
}
