//! `kill -9` of the real program at every boundary of the way back of a canary: abort, undo, and the steps skipped.
//! The pretend cluster has the objects of Argo Rollouts and no controller of theirs, so nothing but the program acts.

use domain::canonical;
use domain::plans::{Action, Plan, Step};
use domain::runs::StateName;
use domain::services::{WorkloadKind, WorkloadRef};
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use server::adapters::kubernetes::actions::live_state;
use server::sim;
use sqlx::{ConnectOptions, PgPool};
use tempfile::TempDir;

use crate::runs::Lab;
use crate::runs::kill9::{Point, Program, Proxy, TELL_COMMITS, complete};

/// Requests of the program, in order: a look, a rehearsal and an effect for each step, and the undo lists its targets.
const REQUESTS: usize = 10;
/// Its commits that a listener can see: two for each effect.
const COMMITS: usize = 6;

fn points(share: usize) -> Vec<Point> {
    let before = (0..REQUESTS).map(Point::Before);
    let after = (0..REQUESTS).map(Point::After);
    let commits = (1..COMMITS).map(Point::Commit);
    before.chain(after).chain(commits).skip(share).step_by(2).collect()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_canary_goes_back_once_whenever_it_is_killed_first_share(pool: PgPool) {
    killed_at(pool, points(0)).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_canary_goes_back_once_whenever_it_is_killed_second_share(pool: PgPool) {
    killed_at(pool, points(1)).await;
}

async fn killed_at(pool: PgPool, points: Vec<Point>) {
    let options = sim::Options { namespaces: vec!["shop".to_owned()], ..Default::default() };
    let cluster = sim::Cluster::start(options).await.unwrap();
    let proxy = Proxy::start(cluster.url()).await;
    let folder = TempDir::new().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let config = cluster.kubeconfig().replace(&cluster.url(), &proxy.url);
    std::fs::write(&kubeconfig, config).unwrap();
    let url = pool.connect_options().to_url_lossy().to_string();
    sqlx::raw_sql(TELL_COMMITS).execute(&pool).await.unwrap();
    let lab = Lab::on(pool, kubeconfig, "shop").await;
    let program = Program { url, folder };
    let argo = Argo::install(&lab).await;

    for point in points {
        let name = format!("api-{point:?}").to_lowercase().replace(['(', ')'], "-");
        let name = name.trim_end_matches('-').to_owned();
        argo.deploy(&name).await;
        let of = WorkloadRef { kind: WorkloadKind::Rollout, ..lab.workload(&name) };
        let live = live_state(&of, &argo.object(&name).await);
        let undo = Action::RolloutUndo {
            to_revision: 1,
            template_digest: Some(canonical::rollout_template(&template(&name, "shop/api:1"))),
        };
        let actions = [Action::Abort, undo, Action::PromoteFull];
        let steps = actions.into_iter().map(|it| Step::act(of.clone(), it)).collect();
        let run = lab.asked_for(Plan::new(steps, vec![live])).await;
        cluster.forget_requests();
        let killed = program.killed_at(&lab, &proxy, &run, point, &name).await;
        assert!(killed, "{point:?} never came");

        let ended = program.ended(&lab, run.id).await;
        assert_eq!(ended.state.name(), StateName::Succeeded, "{point:?}: {ended:?}");
        let object = argo.object(&name).await;
        let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(image, "shop/api:1", "{point:?}");
        assert_eq!(object["status"]["abort"], true, "{point:?}");
        assert_eq!(object["status"]["promoteFull"], true, "{point:?}");
        one_effect_each(&cluster, &name, point);
        complete(&lab, &ended, point).await;
    }
}

fn one_effect_each(cluster: &sim::Cluster, name: &str, point: Point) {
    let requests = cluster.requests();
    let done = requests.iter().filter(|it| {
        it.verb == "patch" && it.name == name && !it.is_dry_run() && it.status() == Some(200)
    });
    let changed: Vec<_> = done
        .map(|it| {
            let patch = it.json();
            let mut paths = patch.as_array().unwrap().iter().filter(|it| it["op"] != "test");
            paths.next().unwrap()["path"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(changed, ["/status/abort", "/spec/template", "/status/promoteFull"], "{point:?}");
}

/// The objects of Argo Rollouts in the pretend cluster.
struct Argo {
    rollouts: Api<DynamicObject>,
    replica_sets: Api<DynamicObject>,
}

impl Argo {
    async fn install(lab: &Lab) -> Self {
        let client = lab.world.clusters.get("lab").await.unwrap().client;
        let kinds: Api<DynamicObject> = Api::all_with(
            client.clone(),
            &resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
        );
        let kind = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "rollouts.argoproj.io"},
            "spec": {"group": "argoproj.io", "scope": "Namespaced",
                "names": {"plural": "rollouts", "singular": "rollout", "kind": "Rollout"},
                "versions": [{"name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
        kinds.create(&PostParams::default(), &serde_json::from_value(kind).unwrap()).await.unwrap();
        let of = |group, version, kind| {
            Api::namespaced_with(client.clone(), "shop", &resource(group, version, kind))
        };
        Self {
            rollouts: of("argoproj.io", "v1alpha1", "Rollout"),
            replica_sets: of("apps", "v1", "ReplicaSet"),
        }
    }

    /// A Rollout in the middle of its canary, with the ReplicaSet of the version before.
    async fn deploy(&self, name: &str) {
        let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": name, "annotations": {"rollout.argoproj.io/revision": "2"}},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}},
                "template": template(name, "shop/api:2-bad"),
                "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}}});
        let made = self.create(&self.rollouts, rollout).await;
        let mut status = made.clone();
        status["status"] = json!({"phase": "Progressing", "currentStepIndex": 0});
        let status: DynamicObject = serde_json::from_value(status).unwrap();
        self.rollouts.replace_status(name, &PostParams::default(), &status).await.unwrap();
        let mut old = template(name, "shop/api:1");
        old["metadata"]["labels"]["rollouts-pod-template-hash"] = json!("5d4f");
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": format!("{name}-5d4f"), "labels": {"app": name},
                "annotations": {"rollout.argoproj.io/revision": "1"},
                "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": name,
                    "uid": made["metadata"]["uid"], "controller": true}]},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": old}});
        self.create(&self.replica_sets, set).await;
    }

    async fn create(&self, api: &Api<DynamicObject>, object: Value) -> Value {
        let object = serde_json::from_value(object).unwrap();
        let made = api.create(&PostParams::default(), &object).await.unwrap();
        serde_json::to_value(made).unwrap()
    }

    async fn object(&self, name: &str) -> Value {
        serde_json::to_value(self.rollouts.get(name).await.unwrap()).unwrap()
    }
}

fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn template(app: &str, image: &str) -> Value {
    json!({"metadata": {"labels": {"app": app}}, "spec": {"containers": [{"name": "app", "image": image}]}})
}
