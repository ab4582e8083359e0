//! Emptying a node through the Eviction API, which keeps the disruption budgets.

use domain::plans::ObjectRef;
use serde_json::{Value, json};

use super::super::error::Asked;
use super::super::{Cluster, Error};

/// What one round over the pods came to.
pub(super) struct Pass {
    pub(super) left: u32,
    /// The sentence about the disruption budget that holds one of them.
    pub(super) held_by: Option<String>,
}

/// Evicts every pod that is to go and is not going yet. Exactly those that were read: the uid is the condition, so a
/// pod that took the name since stays.
pub(super) async fn pass(cluster: &Cluster, node: &ObjectRef) -> Result<Pass, Error> {
    let mut held_by = None;
    for pod in pods(cluster, node).await? {
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            continue;
        }
        match evict(cluster, &pod).await {
            // Another one has its name by now, or nobody.
            Ok(()) | Err(Error::NotFound { .. } | Error::Conflict { .. }) => {}
            Err(Error::Held { message, .. }) => held_by = Some(message),
            Err(error) => return Err(error),
        }
    }
    Ok(Pass { left: left(cluster, node).await?, held_by })
}

pub(super) async fn left(cluster: &Cluster, node: &ObjectRef) -> Result<u32, Error> {
    let pods = pods(cluster, node).await?;
    Ok(u32::try_from(pods.len()).unwrap_or(u32::MAX))
}

/// The pods that nobody would make again elsewhere.
pub(super) async fn unmanaged(cluster: &Cluster, node: &ObjectRef) -> Result<Vec<String>, Error> {
    let pods = pods(cluster, node).await?;
    let alone = pods.iter().filter(|it| controller(it).is_none());
    Ok(alone.map(|it| format!("{}/{}", text(it, "namespace"), text(it, "name"))).collect())
}

/// Those that are to go: not what belongs to the node itself (a DaemonSet's pods, mirrors of files on the node), nor
/// what has ended, nor what lies in a protected namespace.
async fn pods(cluster: &Cluster, node: &ObjectRef) -> Result<Vec<Value>, Error> {
    let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{}", node.name);
    let asked = Asked { verb: "list", resource: "pods", namespace: "", name: "" };
    let mut list = cluster.get(&path, &asked).await?;
    let Value::Array(pods) = list["items"].take() else { return Ok(Vec::new()) };
    let goes = |pod: &Value| {
        let mirror = pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some();
        let ended = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let protected = cluster.described.protects(text(pod, "namespace"));
        !mirror && !ended && !protected && controller(pod) != Some("DaemonSet")
    };
    Ok(pods.into_iter().filter(goes).collect())
}

/// The kind of what would make it again.
fn controller(pod: &Value) -> Option<&str> {
    let owners = pod.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find(|it| it["controller"] == true)?["kind"].as_str()
}

async fn evict(cluster: &Cluster, pod: &Value) -> Result<(), Error> {
    let (namespace, name) = (text(pod, "namespace"), text(pod, "name"));
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction");
    let asked = Asked { verb: "create", resource: "pods/eviction", namespace, name };
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": text(pod, "uid")}},
    });
    cluster.post(&path, &asked, &eviction, false).await.map(|_| ())
}

fn text<'a>(pod: &'a Value, name: &str) -> &'a str {
    pod["metadata"][name].as_str().unwrap_or_default()
}
