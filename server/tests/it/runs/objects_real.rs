//! Steps on objects on the real API server, with the definitions that their projects ship and with the rights of
//! `deploy/` alone; the same on the pretend one, as far as that knows them.

use std::path::PathBuf;
use std::process::Command;

use domain::plans::objects::Said;
use domain::plans::{ObjectAction, ObjectRef, Plan, Step};
use domain::runs::{Note, Run, StateName};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::Lab;
use super::lab::deployment;
use super::objects::{Things, contents, crds, http_route};
use crate::world::real_cluster;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn on_a_real_cluster_objects_are_acted_on(pool: PgPool) {
    let (things, admin) = real(pool).await;
    everything(&things).await;
    let gone = ["delete", "namespace", &things.lab.namespace, "--wait=false"];
    admin.run(&gone);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn on_the_pretend_cluster_objects_are_acted_on(pool: PgPool) {
    let (lab, _cluster) = Lab::pretend(pool).await;
    let things = Things::of(lab).await;
    crds(&things).await;
    everything(&things).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn on_a_real_cluster_a_node_is_emptied_as_far_as_its_budgets_allow(pool: PgPool) {
    let (things, admin) = real(pool).await;
    let node = things.named("v1", "Node", &format!("drained-{:08x}", rand::random::<u32>()));
    admin.own_node(&node.name);
    let mut pinned = serde_json::to_value(deployment("api", "shop/api:1")).unwrap();
    pinned["spec"]["template"]["spec"]["nodeSelector"] = json!({"drained": node.name});
    pinned["spec"]["template"]["spec"]["tolerations"] =
        json!([{"key": "drained", "operator": "Exists"}]);
    let deployments = format!("/apis/apps/v1/namespaces/{}/deployments", things.lab.namespace);
    things.call("POST", &deployments, pinned).await;
    let here =
        |it: &Value| it["status"]["updatedReplicas"] == 2 && it["status"]["availableReplicas"] == 2;
    things.lab.until("api", here).await;
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "api"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "api"}}}});
    let budgets =
        format!("/apis/policy/v1/namespaces/{}/poddisruptionbudgets", things.lab.namespace);
    things.call("POST", &budgets, budget).await;
    // Until its controller has counted.
    while things.call("GET", &format!("{budgets}/api"), json!({})).await["status"]["currentHealthy"]
        != 2
    {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    let mut drain = Step::on(node.clone(), ObjectAction::Drain);
    drain.deadline_s = 3;
    let steps = vec![Step::on(node.clone(), ObjectAction::Cordon), drain];
    let run = things.lab.asked_for(Plan::on(steps, vec![], vec![things.live(&node).await])).await;
    things.lab.approve(&run).await;
    let run = things.lab.execute(run.id).await;
    let Some(Note::Object { said: Said::NotDrained { left: 2, held_by: Some(by), .. } }) =
        &run.steps[1].note
    else {
        panic!("{run:?}")
    };
    assert!(by.contains("disruption budget api needs 2 healthy pods and has 2 currently"), "{by}");

    things.call("PATCH", &format!("{budgets}/api"), json!({"spec": {"minAvailable": 0}})).await;
    let run = things
        .done(vec![(node.clone(), ObjectAction::Drain), (node, ObjectAction::Uncordon)])
        .await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    let gone = ["delete", "namespace", &things.lab.namespace, "--wait=false"];
    admin.run(&gone);
}

/// kubectl with every right.
struct Admin {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
}

impl Admin {
    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.kubectl);
        let output = command.env("KUBECONFIG", &self.kubeconfig).args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Where nobody else's pods go.
    fn own_node(&self, name: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.json");
        let resources = json!({"cpu": "32", "memory": "64Gi", "pods": "110"});
        let node = json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"drained": name}},
            "spec": {"taints": [{"key": "drained", "effect": "NoSchedule"}]},
            "status": {"allocatable": resources, "capacity": resources}});
        std::fs::write(&file, node.to_string()).unwrap();
        self.run(&["apply", "-f", file.to_str().unwrap()]);
    }
}

/// A namespace of its own, with the rights of every strategy.
async fn real(pool: PgPool) -> (Things, Admin) {
    let file = real_cluster();
    let admin = Admin { kubectl: file("kubectl"), kubeconfig: file("admin_kubeconfig") };
    let namespace = format!("objects-{:08x}", rand::random::<u32>());
    admin.run(&["create", "namespace", &namespace]);
    for rights in ["namespace", "config", "traffic", "gitops", "volumes", "velero"] {
        let rights = format!("{}/../deploy/rbac-{rights}.yaml", env!("CARGO_MANIFEST_DIR"));
        admin.run(&["-n", &namespace, "apply", "-f", &rights]);
    }
    let nodes = format!("{}/../deploy/rbac-drain.yaml", env!("CARGO_MANIFEST_DIR"));
    admin.run(&["apply", "-f", &nodes]);
    // Ours has only the rights that `deploy/` ships.
    let lab = Lab::on(pool, file("lifeboat_kubeconfig"), &namespace).await;
    (Things::with(lab, &file("admin_kubeconfig")).await, admin)
}

/// Each strategy once forth and, where there is a way, back.
async fn everything(things: &Things) {
    configuration(things).await;
    traffic(things).await;
    gitops(things).await;
    claims(things).await;
}

async fn configuration(things: &Things) {
    let config = things.config("settings");
    // What Go writes with escapes, and a condition is compared byte by byte.
    things.make(&config, json!({"data": {"level": "2", "script": "a && b > <c>\u{2028}é"}})).await;
    things.kept(&contents("1")).await;
    let restore = ObjectAction::ConfigRestore { contents: contents("1").digest() };
    let run = things.done(vec![(config.clone(), restore.clone()), (config.clone(), restore)]).await;
    assert_eq!(ends(&run), ["succeeded", "no_change"], "{run:?}");
    assert_eq!(things.read(&config).await.unwrap()["data"], json!({"level": "1"}));
}

async fn traffic(things: &Things) {
    let route = things.route();
    things.make(&route, http_route(0, 100)).await;
    let service = things.named("networking.istio.io/v1", "VirtualService", "api");
    let to = |subset: &str, weight: i32| json!({"destination": {"host": "api", "subset": subset}, "weight": weight});
    let spec = json!({"hosts": ["api"], "http": [{"route": [to("v1", 0), to("v2", 100)]}]});
    things.make(&service, json!({"spec": spec})).await;
    let set = |pairs: [(&str, i32); 2]| ObjectAction::SetWeights {
        weights: pairs.into_iter().map(|(name, it)| (name.to_owned(), it)).collect(),
    };
    let run = things
        .done(vec![
            (route.clone(), set([("blue", 50), ("green", 50)])),
            (route.clone(), set([("blue", 100), ("green", 0)])),
            (service.clone(), set([("api/v1", 100), ("api/v2", 0)])),
            (service.clone(), set([("api/v1", 100), ("api/v2", 0)])),
        ])
        .await;
    assert_eq!(ends(&run), ["succeeded", "succeeded", "succeeded", "no_change"], "{run:?}");
    let weights =
        |object: &ObjectRef, found: &Value| domain::plans::objects::weights(object, found);
    let found = things.read(&route).await.unwrap();
    assert_eq!(weights(&route, &found), [("blue".to_owned(), 100), ("green".to_owned(), 0)].into());
    let found = things.read(&service).await.unwrap();
    assert_eq!(
        weights(&service, &found),
        [("api/v1".to_owned(), 100), ("api/v2".to_owned(), 0)].into()
    );
}

async fn gitops(things: &Things) {
    let application = things.named("argoproj.io/v1alpha1", "Application", "shop");
    let kustomization = things.named("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "shop");
    let policy = json!({"automated": {"prune": true, "selfHeal": true}, "syncOptions": ["A=b"]});
    let spec = json!({"project": "default", "syncPolicy": policy,
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "source": {"repoURL": "https://git.example/shop", "path": "."}});
    things.make(&application, json!({"spec": spec})).await;
    let spec = json!({"interval": "5m", "prune": true, "sourceRef": {"kind": "GitRepository", "name": "shop"}});
    things.make(&kustomization, json!({"spec": spec})).await;
    let both = |action: ObjectAction| {
        vec![(application.clone(), action.clone()), (kustomization.clone(), action)]
    };
    let run = things
        .done([both(ObjectAction::SuspendSync), both(ObjectAction::StillSuspended)].concat())
        .await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(
        things.read(&application).await.unwrap()["spec"]["syncPolicy"],
        json!({"syncOptions": ["A=b"]})
    );
    assert_eq!(things.read(&kustomization).await.unwrap()["spec"]["suspend"], true);
    let run = things.done(both(ObjectAction::ResumeSync)).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(things.read(&application).await.unwrap()["spec"]["syncPolicy"], policy);
}

async fn claims(things: &Things) {
    let claim = things.named("v1", "PersistentVolumeClaim", "data-db-0");
    let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
        "resources": {"requests": {"storage": "1Gi"}}});
    let first = things.make(&claim, json!({"spec": spec})).await;
    let mut restored = spec.clone();
    restored["dataSource"] =
        json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "nightly"});
    let create =
        |spec: Value| ObjectAction::Create { manifest: json!({"metadata": {}, "spec": spec}) };
    let restore = things.named("velero.io/v1", "Restore", "back");
    let run = things
        .done(vec![
            (claim.clone(), ObjectAction::Delete),
            (claim.clone(), create(restored)),
            (restore.clone(), create(json!({"backupName": "nightly"}))),
        ])
        .await;
    assert_eq!(ends(&run), ["succeeded", "succeeded", "succeeded"], "{run:?}");
    let second = things.read(&claim).await.unwrap();
    assert_ne!(first["metadata"]["uid"], second["metadata"]["uid"]);
    assert_eq!(second["spec"]["dataSource"]["name"], "nightly");
    assert_eq!(things.read(&restore).await.unwrap()["spec"]["backupName"], "nightly");
}

fn ends(run: &Run) -> Vec<&'static str> {
    run.steps.iter().map(|it| it.state_name()).collect()
}
