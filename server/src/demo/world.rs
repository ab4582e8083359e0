//! The pretend world that the demo looks after: a cluster with EdgeLink's workloads, the application in front of them,
//! and its metrics. Everything listens on this machine alone and ends with the process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use domain::catalog::Document;
use domain::checks::CheckKind;
use domain::services::WorkloadKind;
use domain::signals::Comparison;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::devices;
use crate::catalog::demo::{CLEAN_BEFORE_S, Pretend, documents};
use crate::catalog::{self, parse::Located};
use crate::clock;
use crate::sim::{Cluster, Delays, Options, Prometheus, SimClock};

/// What ran before, so that there is a history.
const EARLIER: &str = "v0.3.0";
/// Before the release that the story breaks.
const GOOD: &str = "v0.3.1";
/// Crashes: the pretend kubelet goes by the tag.
const BAD: &str = "v0.4.0-bad";
/// The field manager of whoever deploys in the demo.
const PIPELINE: &str = "edgelink-ci";

/// The workload of the story.
const GATEWAY: &str = "edge-link-production-api-gateway";

/// Holds everything that is pretended; it ends when this is dropped.
pub struct World {
    cluster: Cluster,
    kubeconfig: PathBuf,
    prometheus: Prometheus,
    _application: DropGuard,
}

/// Plays what is outside of the product: the pipeline that breaks something, the metrics, and the time.
#[derive(Clone)]
pub struct Outside {
    cluster: Cluster,
    namespace: String,
    prometheus: Prometheus,
    measured: Measured,
    /// When the world has been watched for long enough to be known as a good one.
    not_before: Instant,
}

/// What each query was said to be from when on, the oldest first.
type Measured = Arc<Mutex<BTreeMap<String, Vec<(DateTime<Utc>, Option<f64>)>>>>;

/// What the watch takes to see the world for the first time, and the time it then has to be well.
const SETTLED: Duration = Duration::from_secs(CLEAN_BEFORE_S as u64 + 7);

/// Starts it, and puts its catalog into the database where it is not there yet.
///
/// # Errors
/// When a port cannot be had, or the catalog cannot be imported.
pub async fn start(db: &PgPool, data_dir: &Path) -> anyhow::Result<World> {
    let delays = Delays { ready: Duration::from_secs(1), ..Delays::default() };
    let options =
        Options { namespaces: NAMESPACES.map(str::to_owned).into(), delays, ..Options::default() };
    let cluster = Cluster::start(options).await.context("the pretend cluster did not start")?;
    let prometheus =
        Prometheus::start(0, SimClock::real()).await.context("the pretend Prometheus")?;
    let (application, end) = application(cluster.clone()).await?;
    let pretend = Pretend { prometheus: Some(prometheus.url()), application: Some(application) };
    let documents = documents(&pretend)
        .map_err(|errors| anyhow::anyhow!("the demo's catalog has {} errors", errors.len()))?;

    let kubeconfig = data_dir.join("demo.kubeconfig");
    std::fs::write(&kubeconfig, cluster.kubeconfig())
        .with_context(|| format!("cannot write {}", kubeconfig.display()))?;
    measure(&prometheus, &documents);
    deploy(&cluster, &documents).await.context("the workloads of the demo")?;
    take_over(db, &documents).await.context("the catalog of the demo")?;
    Ok(World { cluster, kubeconfig, prometheus, _application: end })
}

const NAMESPACE: &str = "edgelink-prod";

/// Of EdgeLink and of Glancy.
const NAMESPACES: [&str; 2] = [NAMESPACE, "prod"];

impl World {
    /// What `kubeconfig: demo` stands for.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub fn outside(&self) -> Outside {
        Outside {
            cluster: self.cluster.clone(),
            namespace: NAMESPACE.to_owned(),
            prometheus: self.prometheus.clone(),
            measured: Measured::default(),
            not_before: Instant::now() + SETTLED,
        }
    }
}

/// Why the time of the demo is not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmoved {
    #[error("the time of the demo only moves forward")]
    Backward,
    #[error("the demo does not play in the future")]
    Future,
}

impl Outside {
    /// Deploys a release whose pods crash, as a pipeline would; a moment later where the world has only just begun.
    ///
    /// # Errors
    /// When the pretend cluster refuses.
    pub async fn break_gateway(&self) -> anyhow::Result<()> {
        // A release that breaks what nobody has seen in health is no reason to roll back, and the rules say so.
        tokio::time::sleep_until(self.not_before).await;
        let client = client(&self.cluster)?;
        let deployments: Api<Deployment> = Api::namespaced(client, &self.namespace);
        release(&deployments, GATEWAY, "api-gateway", BAD).await
    }

    /// From now on the pretend Prometheus answers this query with this value, and with nothing where there is none. What
    /// it answered for earlier moments stays.
    pub fn measure(&self, query: &str, value: Option<f64>) {
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let history = measured.entry(query.to_owned()).or_default();
        history.push((clock::now(), value));
        let history = history.clone();
        self.prometheus.set_function(query, move |at| {
            let newest = history.iter().rev().find(|(since, _)| *since <= at);
            newest.and_then(|(_, value)| *value)
        });
    }

    /// Lets time pass at once, for a year that is played within minutes.
    ///
    /// # Errors
    /// [`Unmoved`].
    pub fn pass_time(&self, at: DateTime<Utc>) -> Result<(), Unmoved> {
        if at < clock::now() {
            return Err(Unmoved::Backward);
        }
        if at > clock::real() {
            return Err(Unmoved::Future);
        }
        clock::play_at(at);
        Ok(())
    }
}

/// What a pipeline does: another image, and the cause of the change.
async fn release(
    deployments: &Api<Deployment>,
    name: &str,
    container: &str,
    tag: &str,
) -> anyhow::Result<()> {
    let patch = json!({
        "metadata": {"annotations": {"kubernetes.io/change-cause": format!("release {tag}")}},
        "spec": {"template": {"spec": {"containers": [
            {"name": container, "image": image(container, tag)},
        ]}}},
    });
    let params = PatchParams { field_manager: Some(PIPELINE.to_owned()), ..PatchParams::default() };
    deployments.patch(name, &params, &Patch::Strategic(patch)).await?;
    Ok(())
}

fn client(cluster: &Cluster) -> anyhow::Result<kube::Client> {
    let config = kube::Config::new(cluster.url().parse()?);
    Ok(kube::Client::try_from(config)?)
}

fn image(container: &str, tag: &str) -> String {
    format!("registry.example/{container}:{tag}")
}

/// Every Deployment and StatefulSet that the catalog names, each with a release before the one that runs.
async fn deploy(cluster: &Cluster, documents: &[Located]) -> anyhow::Result<()> {
    let client = client(cluster)?;
    for located in documents {
        let Document::Service(service) = &located.document else { continue };
        for workload in &service.workloads {
            let of = |tag| manifest(&service.name, &workload.name, workload.kind, tag);
            match workload.kind {
                WorkloadKind::Deployment => {
                    let api: Api<Deployment> = Api::namespaced(client.clone(), &workload.namespace);
                    api.create(&PostParams::default(), &serde_json::from_value(of(EARLIER))?)
                        .await?;
                    cluster.settle().await;
                    release(&api, &workload.name, &service.name, GOOD).await?;
                }
                WorkloadKind::StatefulSet => {
                    let api: Api<StatefulSet> =
                        Api::namespaced(client.clone(), &workload.namespace);
                    api.create(&PostParams::default(), &serde_json::from_value(of(GOOD))?).await?;
                }
                WorkloadKind::DaemonSet | WorkloadKind::Rollout => {}
            }
        }
    }
    Ok(())
}

fn manifest(service: &str, name: &str, kind: WorkloadKind, tag: &str) -> Value {
    let labels = json!({"app": name});
    let replicas = if kind == WorkloadKind::StatefulSet { 1 } else { 3 };
    let mut spec = json!({
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{
                "name": service,
                "image": image(service, tag),
                "ports": [{"containerPort": 8080}],
                "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
                "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}},
            }]},
        },
    });
    if kind == WorkloadKind::StatefulSet {
        spec["serviceName"] = json!(name);
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": kind.as_str(),
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {"kubernetes.io/change-cause": format!("release {tag}")},
        },
        "spec": spec,
    })
}

/// What the protected applications answer: healthy while the gateway has a pod that is ready.
async fn application(cluster: Cluster) -> anyhow::Result<(String, DropGuard)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new()
        .route("/health", get(health))
        .route(
            "/metrics",
            get(async || "# TYPE http_requests_total counter\nhttp_requests_total 1027\n"),
        )
        .with_state(cluster)
        .merge(devices::router());
    let stop = CancellationToken::new();
    let ended = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ended).await {
            tracing::warn!("the pretend application stopped: {error}");
        }
    });
    Ok((url, stop.drop_guard()))
}

async fn health(State(cluster): State<Cluster>) -> Response {
    let gateway = cluster.object("deployments.apps", NAMESPACE, GATEWAY);
    let ready = gateway.and_then(|it| it.pointer("/status/readyReplicas")?.as_i64()).unwrap_or(0);
    match ready {
        0 => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "unavailable"})))
            .into_response(),
        _ => Json(json!({"status": "healthy", "ready": ready})).into_response(),
    }
}

/// Every query of a check gets a value that its limit allows; signals are quiet.
fn measure(prometheus: &Prometheus, documents: &[Located]) {
    for located in documents {
        let Document::Service(service) = &located.document else { continue };
        for check in &service.checks {
            if let CheckKind::Promql { query, comparison, limit } = &check.kind {
                let value = match comparison {
                    Comparison::Greater => limit + 1.0,
                    Comparison::Less => limit / 10.0,
                };
                prometheus.set(query, value);
            }
        }
    }
}

/// The import of the installation's owner: in force at once, audited, and nothing where nothing has changed.
async fn take_over(db: &PgPool, documents: &[Located]) -> anyhow::Result<()> {
    let report = catalog::import(db, documents, false, false, clock::now()).await?;
    anyhow::ensure!(report.errors.is_empty(), "{}", report.lines().join("; "));
    Ok(())
}
