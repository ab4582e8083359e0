//! The services under alert: what the catalog says of them, and their Deployments on the pretend cluster.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::ensure;
use serde_json::{Value, json};

use super::http::Client;
use super::pretend::{self, Pretend};
use super::server::{Folder, Server};
use super::until;
use crate::process::build_server;
use crate::site;

/// The rule whose alerts only the webhook brings; the watch confirms it and does not raise it.
pub(super) const RULE: &str = "ServiceCrashing";

/// The namespaces, so that none of them is as large as the cluster.
const NAMESPACES: usize = 20;

/// What is different while the fleet is made ready: nobody waits a quarter of an hour for a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Window {
    Short,
    Usual,
}

/// A server that watches so many services. Every one has a version that was verified and a live one whose pods the watch
/// has seen crashing; nobody has told of it yet.
pub(super) struct Fleet {
    pub(super) client: Client,
    pub(super) token: String,
    // Ended in this order.
    pub(super) server: Server,
    pub(super) cluster: Pretend,
    folder: Folder,
}

impl Fleet {
    /// Builds what it needs in release.
    pub(super) fn crashing(what: &str, services: usize) -> anyhow::Result<Self> {
        site::build(true)?;
        build_server("release")?;
        pretend::build()?;
        let folder = Folder::new(what)?;
        let cluster = Pretend::start(&folder.as_ref().join("kubeconfig"))?;
        let server = Server::start(&folder.as_ref().join("data"), super::NO_ARGS)?;
        let token = server.token(&["read", "alerts:write"])?;
        let client = Client::connect(&server.address, Some(&token))?;
        let mut fleet = Self { client, token, server, cluster, folder };
        fleet.crash(services)?;
        println!("{services} services crash, and nobody has told of it yet");
        Ok(fleet)
    }

    fn crash(&mut self, services: usize) -> anyhow::Result<()> {
        let folder = self.folder.as_ref();
        let (catalog, kubeconfig) = (folder.join("catalog"), folder.join("kubeconfig"));
        let import = |window| {
            describe(&catalog, &kubeconfig, services, window)?;
            self.server.command(&["catalog", "import", &catalog.to_string_lossy()])
        };
        import(Window::Short)?;
        let mut api = Client::connect(&self.cluster.address, None)?;
        deploy(&mut api, services)?;
        until("verified versions", || {
            Ok(self.client.all("/api/v1/revisions", "&state=verified")?.len() == services)
        })?;
        import(Window::Usual)?;
        break_all(&mut api, services)?;
        until("crashing pods, as the watch sees them", || {
            Ok(self::services(&self.client.all("/api/v1/decisions", "")?).len() == services)
        })
    }
}

/// The webhook of Alertmanager, version 4, with one group: an alert for each of `own`, which are the labels that it has
/// beside those of the group.
pub(super) fn webhook(service: &str, starts_at: &str, own: &[Value]) -> String {
    let common = json!({"alertname": RULE, "service": service, "severity": "critical"});
    let alert = |(n, own): (usize, &Value)| {
        let mut labels = common.clone();
        for (name, value) in own.as_object().into_iter().flatten() {
            labels[name] = value.clone();
        }
        json!({
            "status": "firing",
            "labels": labels,
            "annotations": {"summary": "its pods crash"},
            "startsAt": starts_at,
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example:9090/graph",
            "fingerprint": format!("{n:016x}"),
        })
    };
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{service=\"{service}\"}}"),
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "lifeboat",
        "groupLabels": {"service": service},
        "commonLabels": common,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": own.iter().enumerate().map(alert).collect::<Vec<_>>(),
    })
    .to_string()
}

pub(super) fn name(n: usize) -> String {
    format!("service-{n:04}")
}

fn namespace(n: usize) -> String {
    format!("bench-{:02}", n % NAMESPACES)
}

/// Which of them these decisions are about.
pub(super) fn services(decisions: &[Value]) -> BTreeSet<&str> {
    decisions.iter().filter_map(|it| it["service"].as_str()).collect()
}

/// Whether a decision is about what a webhook told.
pub(super) fn about_the_rule(decision: &Value) -> bool {
    let rules = decision["rules"].as_array();
    rules.is_some_and(|it| it.iter().any(|it| it["name"] == "signal" && it["input"] == RULE))
}

/// Writes the catalog into this folder.
fn describe(
    folder: &Path,
    kubeconfig: &Path,
    services: usize,
    window: Window,
) -> anyhow::Result<()> {
    let mut documents = vec![
        json!({"kind": "cluster", "name": "pretend", "kubeconfig": kubeconfig}),
        policy(window),
        json!({"kind": "signal", "name": RULE, "severity": "critical", "unit": "ratio",
            "watch": "crash_loop", "limit": 0, "ceiling": 1, "baseline": 0, "for_s": 0}),
    ];
    // The watch raises these by itself, sooner than any webhook; for information they are never acted upon.
    for built_in in ["PodCrashLoop", "PodImagePull", "PodOOMKilled", "RolloutStuck"] {
        documents.push(json!({"kind": "signal", "name": built_in, "severity": "info", "limit": 0}));
    }
    documents.extend((0..services).map(service));
    // JSON is YAML.
    let text: Vec<String> = documents.iter().map(Value::to_string).collect();
    fs::create_dir_all(folder)?;
    Ok(fs::write(folder.join("bench.yaml"), text.join("\n---\n"))?)
}

/// Caps, cool-down and blast radius are lifted. That the signal was clean for ten minutes is asked of one second,
/// because the services are only just there; it is asked all the same.
fn policy(window: Window) -> Value {
    let mut policy = json!({
        "kind": "policy", "name": "default", "mode": "auto",
        "gates": {"clean_before_s": 1},
        "rails": {"cooldown_s": 0, "per_rule_hour": 1_000_000, "blast_radius": 1_000_000},
    });
    if window == Window::Short {
        policy["observation_s"] = json!(1);
    }
    policy
}

fn service(n: usize) -> Value {
    let name = name(n);
    json!({"kind": "service", "name": name, "team": "bench", "environment": "production",
        "workloads": [{"cluster": "pretend", "namespace": namespace(n), "kind": "Deployment", "name": name}],
        "match": {"service": name}})
}

/// Their first version, which is healthy.
fn deploy(cluster: &mut Client, services: usize) -> anyhow::Result<()> {
    for n in 0..NAMESPACES {
        let body = json!({"metadata": {"name": namespace(n)}});
        send(cluster, "POST", "/api/v1/namespaces", "application/json", &body)?;
    }
    for n in 0..services {
        let path = format!("/apis/apps/v1/namespaces/{}/deployments", namespace(n));
        send(cluster, "POST", &path, "application/json", &deployment(&name(n)))?;
    }
    Ok(())
}

/// Their second version, whose pods crash.
fn break_all(cluster: &mut Client, services: usize) -> anyhow::Result<()> {
    let container = json!({"name": "app", "image": "app:2-bad"});
    let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    for n in 0..services {
        let namespace = namespace(n);
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{}", name(n));
        send(cluster, "PATCH", &path, "application/strategic-merge-patch+json", &patch)?;
    }
    Ok(())
}

fn send(
    cluster: &mut Client,
    method: &str,
    path: &str,
    content_type: &str,
    body: &Value,
) -> anyhow::Result<()> {
    let answer = cluster.call(method, path, content_type, &body.to_string())?;
    ensure!(answer.status < 300, "{method} {path} answers {}: {}", answer.status, answer.body);
    Ok(())
}

fn deployment(name: &str) -> Value {
    let labels = json!({"app": name});
    json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{
                "name": "app", "image": "app:1", "args": ["serve", "--listen=:8080"],
                "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "REGION", "value": "cn-east-1"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            }]},
        }},
    })
}
