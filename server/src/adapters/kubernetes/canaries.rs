//! Canaries of Flagger, as their status says where they stand.

use domain::gates::{Canary, Phase};
use serde_json::Value;

use super::error::Asked;
use super::{Cluster, Error};

const RESOURCE: &str = "canaries.flagger.app";

/// # Errors
/// Where the API server does not answer, Flagger is not installed, or there is no such Canary.
pub async fn read(cluster: &Cluster, namespace: &str, name: &str) -> Result<Canary, Error> {
    let asked = Asked { verb: "get", resource: RESOURCE, namespace, name };
    Ok(of(&cluster.get(&path(namespace, name), &asked).await?))
}

fn path(namespace: &str, name: &str) -> String {
    format!("/apis/flagger.app/v1beta1/namespaces/{namespace}/canaries/{name}")
}

/// A word that no version known here writes is no phase.
pub fn of(object: &Value) -> Canary {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    let number = |path: &str| object.pointer(path).and_then(Value::as_i64).unwrap_or(0);
    Canary {
        uid: text("/metadata/uid").unwrap_or_default().to_owned(),
        phase: text("/status/phase").and_then(Phase::parse),
        failed_checks: number("/status/failedChecks"),
        weight: number("/status/canaryWeight"),
        since: text("/status/lastTransitionTime").and_then(|it| it.parse().ok()),
        suspended: object.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or(false),
    }
}
