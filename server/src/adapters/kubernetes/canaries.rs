//! Canaries of Flagger, as their status says where they stand.

use domain::gates::{Canary, Phase};
use domain::plans::ObjectRef;
use domain::plans::objects::Said;
use domain::runs::Note;
use domain::services::{WorkloadKind, WorkloadRef};
use serde_json::Value;

use super::error::Asked;
use super::{Cluster, Error, actions};

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

/// Why a Canary may not go yet: what takes over from its primary has fewer pods ready than the primary has, or the
/// Service that the traffic comes through would go with it. Flagger turns that Service to the target only where it is
/// not its own (`KubernetesDefaultRouter.Finalize`).
///
/// # Errors
/// Where the API server does not answer, or there is no such target.
pub(super) async fn not_yet(
    cluster: &Cluster,
    object: &ObjectRef,
    found: Option<&Value>,
) -> Result<Option<Note>, Error> {
    let text = |path: &str| found.and_then(|it| it.pointer(path)?.as_str());
    let target = text("/spec/targetRef/name");
    let Some(name) = target.filter(|_| object.is_canary()) else { return Ok(None) };
    let of = |name: String| WorkloadRef {
        cluster: object.cluster.clone(),
        namespace: object.namespace.clone(),
        kind: WorkloadKind::Deployment,
        name,
    };
    let count = |object: &Value, path: &str| object.pointer(path).and_then(Value::as_i64);
    let primary = actions::get(cluster, &of(format!("{name}-primary"))).await?;
    let target = actions::get(cluster, &of(name.to_owned())).await?;
    let wanted = count(&primary, "/spec/replicas").unwrap_or(1).max(1);
    let ready = count(&target, "/status/readyReplicas").unwrap_or(0);
    if ready < wanted {
        return Ok(Some(Said::TargetNotReady { target: name.to_owned(), ready, wanted }.into()));
    }
    let service = text("/spec/service/name").unwrap_or(name);
    let namespace = &object.namespace;
    let asked = Asked { verb: "get", resource: "services", namespace, name: service };
    let path = format!("/api/v1/namespaces/{namespace}/services/{service}");
    let goes = match cluster.get(&path, &asked).await {
        Ok(found) => belongs_to(&found, object),
        Err(Error::NotFound { .. }) => false,
        Err(error) => return Err(error),
    };
    Ok(goes.then(|| Said::ServiceGoes { service: service.to_owned() }.into()))
}

fn belongs_to(service: &Value, canary: &ObjectRef) -> bool {
    let owners = service.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let is_it =
        |it: &Value| it["kind"] == canary.kind.as_str() && it["name"] == canary.name.as_str();
    owners.is_some_and(|it| it.iter().any(is_it))
}
