//! StatefulSets and DaemonSets: going back, what it takes until their pods follow, and what is decided about them.

mod counts;
mod going_back;
mod kill9;
mod members;
mod story;
mod twin;

use std::path::PathBuf;
use std::time::Duration;

use domain::canonical;
use domain::plans::{Action, LiveState, Plan, Step};
use domain::runs::{Note, Run};
use domain::services::{WorkloadKind, WorkloadRef};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PostParams};
use serde_json::{Value, json};
use server::adapters::kubernetes::actions;

use crate::runs::Lab;

/// One set of a lab.
pub(crate) struct Set<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) kind: WorkloadKind,
    pub(crate) name: String,
}

impl<'a> Set<'a> {
    pub(crate) fn new(lab: &'a Lab, kind: WorkloadKind, name: &str) -> Self {
        Self { lab, kind, name: name.to_owned() }
    }

    pub(crate) fn workload(&self) -> WorkloadRef {
        WorkloadRef { kind: self.kind, ..self.lab.workload(&self.name) }
    }

    /// Objects of the group `apps` in the namespace of the lab, or pods.
    pub(crate) async fn api(&self, kind: &str) -> Api<DynamicObject> {
        let cluster = self.lab.world.clusters.get("lab").await.unwrap();
        let group = if kind == "Pod" { "" } else { "apps" };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        Api::namespaced_with(cluster.client, &self.lab.namespace, &resource)
    }

    /// With three pods where it has a number of them, and these members of its specification.
    pub(crate) async fn create(&self, image: &str, spec: Value) {
        let object = manifest(self.kind, &self.name, image, spec);
        let object = serde_json::from_value(object).unwrap();
        self.api(self.kind.as_str()).await.create(&PostParams::default(), &object).await.unwrap();
        self.settled().await;
    }

    pub(crate) async fn patch(&self, patch: Value) {
        let api = self.api(self.kind.as_str()).await;
        api.patch(&self.name, &Default::default(), &Patch::Strategic(patch)).await.unwrap();
    }

    pub(crate) async fn set_image(&self, image: &str) {
        self.patch(json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}))
            .await;
    }

    pub(crate) async fn object(&self) -> Value {
        let object = self.api(self.kind.as_str()).await.get(&self.name).await.unwrap();
        serde_json::to_value(object).unwrap()
    }

    pub(crate) async fn image(&self) -> String {
        let object = self.object().await;
        object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    }

    /// `db-0 app:1 ready`, in the order of the names; of a DaemonSet the names are left out.
    pub(crate) async fn pods(&self) -> Vec<String> {
        let wanted = ListParams::default().labels(&format!("app={}", self.name));
        let pods = self.api("Pod").await.list(&wanted).await.unwrap();
        let pods = pods.items.iter().map(|it| serde_json::to_value(it).unwrap());
        let mut pods: Vec<_> = pods.map(|it| self.said(&it)).collect();
        pods.sort();
        pods
    }

    fn said(&self, pod: &Value) -> String {
        let conditions = pod["status"]["conditions"].as_array();
        let ready = |it: &Value| it["type"] == "Ready" && it["status"] == "True";
        let ready = match conditions.into_iter().flatten().any(ready) {
            true => "ready",
            false => "not ready",
        };
        let image = pod["spec"]["containers"][0]["image"].as_str().unwrap();
        match self.kind {
            WorkloadKind::DaemonSet => format!("{image} {ready}"),
            _ => format!("{} {image} {ready}", pod["metadata"]["name"].as_str().unwrap()),
        }
    }

    /// As soon as its pods are these.
    pub(crate) async fn until_pods(&self, expected: &[&str]) {
        let mut seen = Vec::new();
        for _ in 0..400 {
            seen = self.pods().await;
            if seen == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("its pods are never {expected:?}: {seen:?}\n{:#}", self.object().await);
    }

    /// As soon as a pod is there whose text has this in it.
    pub(crate) async fn until_some_pod(&self, has: &str) {
        for _ in 0..400 {
            if self.pods().await.iter().any(|it| it.contains(has)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("no pod is ever {has:?}: {:?}", self.pods().await);
    }

    /// Every pod is of the live template and ready, and the controller says so.
    pub(crate) async fn settled(&self) {
        for _ in 0..400 {
            let object = self.object().await;
            let seen = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            let status = |name: &str| object["status"][name].as_i64().unwrap_or(0);
            let done = match self.kind {
                WorkloadKind::DaemonSet => {
                    let wanted = status("desiredNumberScheduled");
                    wanted > 0
                        && status("updatedNumberScheduled") == wanted
                        && status("numberAvailable") == wanted
                }
                _ => {
                    let wanted = object["spec"]["replicas"].as_i64().unwrap();
                    status("updatedReplicas") == wanted && status("availableReplicas") == wanted
                }
            };
            if seen && done {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it never settled: {:#}", self.object().await);
    }

    pub(crate) async fn delete_pod(&self, name: &str) {
        self.api("Pod").await.delete(name, &Default::default()).await.unwrap();
    }

    /// Back to this revision, whose template is looked up as the watch would have seen it.
    pub(crate) async fn undo(&self, to_revision: i64) -> Action {
        let all = self.api("ControllerRevision").await.list(&ListParams::default()).await.unwrap();
        let mut all = all.items.iter().map(|it| serde_json::to_value(it).unwrap());
        let found = all.find(|it| {
            it["metadata"]["ownerReferences"][0]["name"] == *self.name
                && it["metadata"]["ownerReferences"][0]["kind"] == self.kind.as_str()
                && it["revision"] == to_revision
        });
        let template = found.and_then(|it| domain::revisions::of_controller_revision(&it["data"]));
        Action::RolloutUndo {
            to_revision,
            template_digest: template.map(|it| canonical::template(&it)),
        }
    }

    pub(crate) async fn live(&self) -> LiveState {
        actions::live_state(&self.workload(), &self.object().await)
    }

    pub(crate) async fn asked(&self, actions: Vec<Action>) -> Run {
        let steps = actions.into_iter().map(|it| Step::act(self.workload(), it)).collect();
        self.lab.asked_for(Plan::new(steps, vec![self.live().await])).await
    }

    pub(crate) async fn done(&self, actions: Vec<Action>) -> Run {
        let run = self.asked(actions).await;
        self.lab.approve(&run).await;
        self.lab.execute(run.id).await
    }
}

/// As somebody would write it, with these members of its specification.
pub(crate) fn manifest(kind: WorkloadKind, name: &str, image: &str, spec: Value) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": kind.as_str(),
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            // What the API server escapes in its JSON.
            "spec": {"containers": [{"name": "app", "image": image, "args": ["a && b > <c>"]}]}}}});
    if kind == WorkloadKind::StatefulSet {
        object["spec"]["serviceName"] = json!(name);
        object["spec"]["replicas"] = json!(3);
    }
    for (member, value) in spec.as_object().unwrap() {
        object["spec"][member] = value.clone();
    }
    object
}

pub(crate) fn on_delete() -> Value {
    json!({"updateStrategy": {"type": "OnDelete"}})
}

pub(crate) fn partition(partition: i64) -> Value {
    json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}})
}

/// The names of the pods that a step has deleted, in their order.
pub(crate) fn deleted(note: Option<&Note>) -> Vec<String> {
    match note {
        Some(Note::PodsDeleted { pods, .. }) => pods.iter().map(|it| it.name.clone()).collect(),
        _ => Vec::new(),
    }
}

/// A lab on the real cluster, in a namespace of its own.
pub(crate) async fn real_lab(owner: sqlx::PgPool) -> Lab {
    let (kubeconfig, namespace): (PathBuf, String) = crate::story::real().await;
    Lab::on(owner, kubeconfig, &namespace).await
}
