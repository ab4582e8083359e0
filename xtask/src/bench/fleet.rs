//! The services under alert: what the catalog says of them, and their Deployments on the pretend cluster.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::ensure;
use serde_json::{Value, json};

use super::http::Client;

/// The rule whose alerts only the webhook brings; the watch confirms it and does not raise it.
pub(super) const RULE: &str = "ServiceCrashing";

/// The namespaces, so that none of them is as large as the cluster.
const NAMESPACES: usize = 20;

/// What is different while the fleet is made ready: nobody waits a quarter of an hour for a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Window {
    Short,
    Usual,
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
pub(super) fn describe(
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
pub(super) fn deploy(cluster: &mut Client, services: usize) -> anyhow::Result<()> {
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
pub(super) fn break_all(cluster: &mut Client, services: usize) -> anyhow::Result<()> {
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
