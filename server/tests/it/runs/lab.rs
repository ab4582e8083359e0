//! A cluster in the catalog, a service on it, people, and the workers that act on it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::access::Role;
use domain::approvals::{Approver, Decision, Required};
use domain::canonical::{self, Digest};
use domain::ids::{RunId, ServiceId};
use domain::plans::{Action, LiveState, Plan, Step};
use domain::runs::{NewRun, Note, Purpose, Run};
use domain::services::{Service, WorkloadKind, WorkloadRef};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::api::{Api, ListParams, ObjectMeta, PostParams};
use serde_json::{Value, json};
use server::adapters::kubernetes::{Clusters, actions};
use server::workers::watch;
use server::workers::{World, executor, reconcile};
use server::{adapters, clock, demo, sim};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) world: World,
    pub(crate) service: ServiceId,
    pub(crate) namespace: String,
    _folder: Option<Arc<TempDir>>,
}

impl Lab {
    /// On a pretend cluster.
    pub(crate) async fn pretend(owner: PgPool) -> (Self, sim::Cluster) {
        let options = sim::Options { namespaces: vec!["shop".to_owned()], ..Default::default() };
        let cluster = sim::Cluster::start(options).await.unwrap();
        let folder = TempDir::new().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, cluster.kubeconfig()).unwrap();
        let mut lab = Self::on(owner, kubeconfig, "shop").await;
        lab._folder = Some(Arc::new(folder));
        (lab, cluster)
    }

    /// On whatever this kubeconfig leads to. The service `api` has the Deployment `api`.
    pub(crate) async fn on(owner: PgPool, kubeconfig: PathBuf, namespace: &str) -> Self {
        store::migrate(&owner).await.unwrap();
        let db = store::pool((*owner.connect_options()).clone(), 10);
        let mut tx = db.begin().await.unwrap();
        let described: domain::clusters::Cluster =
            serde_json::from_value(json!({"name": "lab", "kubeconfig": kubeconfig})).unwrap();
        store::clusters::save(&mut tx, &described, clock::now()).await.unwrap();
        let service: Service = serde_json::from_value(json!({
            "name": "api", "team": "platform", "policy": "default",
            "workloads": [{"cluster": "lab", "namespace": namespace, "kind": "Deployment", "name": "api"}]
        }))
        .unwrap();
        let service = store::services::save(&mut tx, &service, clock::now()).await.unwrap();
        for name in ["asker", "ben", "eva"] {
            demo::people::person(&mut tx, name, "", Role::Sre).await.unwrap();
        }
        tx.commit().await.unwrap();
        let clusters = Clusters::new(db.clone(), |_| None, None);
        let http = adapters::http::client().unwrap();
        let world =
            World::new(db, clusters, http, chrono_tz::Asia::Shanghai, CancellationToken::new());
        Self { world, service, namespace: namespace.to_owned(), _folder: None }
    }

    pub(crate) fn workload(&self, name: &str) -> WorkloadRef {
        WorkloadRef {
            cluster: "lab".into(),
            namespace: self.namespace.clone(),
            kind: WorkloadKind::Deployment,
            name: name.into(),
        }
    }

    pub(crate) async fn deployments(&self) -> Api<Deployment> {
        let cluster = self.world.clusters.get("lab").await.unwrap();
        Api::namespaced(cluster.client, &self.namespace)
    }

    async fn replica_sets(&self) -> Api<ReplicaSet> {
        let cluster = self.world.clusters.get("lab").await.unwrap();
        Api::namespaced(cluster.client, &self.namespace)
    }

    /// The Deployment with these images, one revision after the other, each rolled out. The last one need not
    /// become healthy.
    pub(crate) async fn deploy(&self, name: &str, images: &[&str]) {
        let api = self.deployments().await;
        for (n, image) in images.iter().enumerate() {
            if n == 0 {
                let mut first = deployment(name, image);
                first.metadata = ObjectMeta { name: Some(name.to_owned()), ..first.metadata };
                api.create(&PostParams::default(), &first).await.unwrap();
            } else {
                self.set_image(name, image).await;
            }
            let revision = (n + 1).to_string();
            self.until(name, |it| {
                it["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == *revision
                    && it["status"]["observedGeneration"] == it["metadata"]["generation"]
                    && (n + 1 == images.len() || it["status"]["updatedReplicas"] == 2)
            })
            .await;
        }
    }

    pub(crate) async fn set_image(&self, name: &str, image: &str) {
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}});
        self.patch(name, patch).await;
    }

    pub(crate) async fn patch(&self, name: &str, patch: Value) {
        let patch = kube::api::Patch::Strategic(patch);
        self.deployments().await.patch(name, &Default::default(), &patch).await.unwrap();
    }

    /// The object as the API server shows it, as soon as this holds of it.
    pub(crate) async fn until(&self, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        for _ in 0..400 {
            seen = self.object(name).await;
            if holds(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it never came to that: {seen:#}");
    }

    pub(crate) async fn object(&self, name: &str) -> Value {
        serde_json::to_value(self.deployments().await.get(name).await.unwrap()).unwrap()
    }

    pub(crate) async fn image(&self, name: &str) -> String {
        let object = self.object(name).await;
        object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn live(&self, name: &str) -> LiveState {
        actions::live_state(&self.workload(name), &self.object(name).await)
    }

    /// Back to this revision, whose template is looked up as the watch would have seen it.
    pub(crate) async fn undo(&self, name: &str, to_revision: i64) -> Action {
        Action::RolloutUndo {
            to_revision,
            template_digest: self.digest_of(name, to_revision).await,
        }
    }

    pub(crate) async fn digest_of(&self, name: &str, revision: i64) -> Option<Digest> {
        let all = self.replica_sets().await.list(&ListParams::default()).await.unwrap();
        let all = all.items.iter().map(|it| serde_json::to_value(it).unwrap());
        let mut wanted = all.filter(|it| {
            it["metadata"]["ownerReferences"][0]["name"] == name
                && it["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
                    == *revision.to_string()
        });
        wanted.next().map(|it| canonical::template(&it["spec"]["template"]))
    }

    pub(crate) async fn delete_revision(&self, name: &str, revision: i64) {
        let digest = self.digest_of(name, revision).await;
        let api = self.replica_sets().await;
        for set in api.list(&ListParams::default()).await.unwrap().items {
            let template = serde_json::to_value(&set.spec.as_ref().unwrap().template).unwrap();
            if Some(canonical::template(&template)) == digest {
                let name = set.metadata.name.unwrap();
                api.delete(&name, &Default::default()).await.unwrap();
            }
        }
    }

    /// Watches the cluster until the newest revision of this Deployment is in the ledger, as the workers would.
    pub(crate) async fn watched(&self, name: &str, revisions: usize) -> DropGuard {
        let stop = CancellationToken::new();
        let world = World { stop: stop.clone(), ..self.world.clone() };
        tokio::spawn(watch::run(world));
        let live = self.live(name).await;
        for _ in 0..400 {
            let db = &self.world.db;
            if let Some(seen) = store::workloads::find(db, &self.workload(name)).await.unwrap()
                && seen.live.digest == live.digest
                && store::revisions::of(db, seen.id).await.unwrap().len() == revisions
            {
                return stop.drop_guard();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the watch never saw {name}");
    }

    /// A run of these actions on one Deployment, made for the state it is in now.
    pub(crate) async fn asked(&self, name: &str, actions: Vec<Action>) -> Run {
        let steps = actions.into_iter().map(|it| Step::act(self.workload(name), it)).collect();
        self.asked_for(Plan::new(steps, vec![self.live(name).await])).await
    }

    pub(crate) async fn asked_for(&self, plan: Plan) -> Run {
        let now = self.world.now();
        let new = NewRun {
            service: Some(self.service),
            purpose: Purpose::Run,
            plan,
            required: Required::usual(now),
            requested_by: "user:asker".into(),
            reason: "5xx".into(),
            at: now,
        };
        let mut tx = self.world.db.begin().await.unwrap();
        let run = store::runs::create(&mut tx, new).await.unwrap();
        tx.commit().await.unwrap();
        run
    }

    /// Somebody else than the one who asked agrees to exactly this plan.
    pub(crate) async fn approve(&self, run: &Run) {
        let ben = Approver { name: "ben".into(), roles: vec![Role::Sre] };
        let (digest, now) = (run.plan.digest().to_string(), self.world.now());
        self.wish(run.id, |run| run.decide(&ben, &digest, Decision::Approve, "", now).unwrap())
            .await;
    }

    pub(crate) async fn wish(&self, id: RunId, wish: impl FnOnce(Run) -> Run) {
        let mut tx = self.world.db.begin().await.unwrap();
        let run = wish(store::runs::lock(&mut tx, id).await.unwrap());
        store::runs::save(&mut tx, &run, self.world.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn execute(&self, id: RunId) -> Run {
        executor::execute(&self.world, id).await.unwrap();
        store::runs::get(&self.world.db, id).await.unwrap()
    }

    /// Asked for, approved and carried out.
    pub(crate) async fn done(&self, name: &str, actions: Vec<Action>) -> Run {
        let run = self.asked(name, actions).await;
        self.approve(&run).await;
        self.execute(run.id).await
    }

    pub(crate) async fn tick(&self) {
        reconcile::tick(&self.world).await.unwrap();
    }

    /// What each step of the run said in its audit entries, in order.
    pub(crate) async fn audit(&self, id: RunId) -> Vec<Value> {
        let sql = "SELECT details FROM audit WHERE subject = $1 ORDER BY id";
        sqlx::query_scalar(sql).bind(format!("runs/{id}")).fetch_all(&self.world.db).await.unwrap()
    }
}

pub(crate) fn deployment(name: &str, image: &str) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"app": name}, "annotations": {"team": "platform"}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            // What the API server escapes in its JSON.
            "spec": {"containers": [{"name": "app", "image": image, "args": ["a && b > <c>"]}]}}}
    }))
    .unwrap()
}

/// How each step ended, and what there is to say about it.
pub(crate) fn steps(run: &Run) -> Vec<(&'static str, Option<Note>)> {
    run.steps.iter().map(|it| (it.state_name(), it.note.clone())).collect()
}
