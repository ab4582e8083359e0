//! The pretend servers from outside: through the kube client, kubectl and HTTP.

mod api;
mod kubectl;
mod other_servers;
mod workloads;

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use server::sim::{Cluster, Options};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn cluster() -> Cluster {
    let options = Options { namespaces: vec!["shop".to_owned()], ..Options::default() };
    Cluster::start(options).await.unwrap()
}

/// A client that tells of every failure at once.
pub(crate) async fn client(cluster: &Cluster) -> Client {
    let config = Kubeconfig::from_yaml(&cluster.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(config, &options).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

pub(crate) fn web(image: &str) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": image}]}}}
    }))
    .unwrap()
}

/// A cluster with the Deployment `web`, rolled out.
pub(crate) async fn with_web() -> (Cluster, Api<Deployment>) {
    let cluster = cluster().await;
    let deployments: Api<Deployment> = Api::namespaced(client(&cluster).await, "shop");
    deployments.create(&PostParams::default(), &web("shop/web:1")).await.unwrap();
    cluster.settle().await;
    (cluster, deployments)
}

pub(crate) async fn set_image(deployments: &Api<Deployment>, image: &str) {
    let patch =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}});
    deployments.patch("web", &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
}

pub(crate) fn progressing(deployment: &Deployment) -> (String, String) {
    let conditions = deployment.status.as_ref().unwrap().conditions.as_ref().unwrap();
    let found = conditions.iter().find(|c| c.type_ == "Progressing").unwrap();
    (found.status.clone(), found.reason.clone().unwrap_or_default())
}

pub(crate) fn code(error: kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        other => panic!("not an answer of the API server: {other}"),
    }
}
