//! get, list, log and the scale subresource.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::body::{json_response, object_json, typed};
use super::{Call, table};
use crate::sim::Inner;
use crate::sim::json::{array, int, text};
use crate::sim::objects::{Object, State};
use crate::sim::types::ResourceType;

pub(super) fn get(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let target = &call.target;
    let state = cluster.lock();
    let object = state
        .read(&target.kind.id, &target.namespace, &target.name)
        .ok_or_else(|| Refusal::not_found(&target.kind, &target.name))?
        .clone();
    drop(state);
    if table::wanted(call) {
        return Ok(table::of(
            call,
            std::slice::from_ref(&object),
            object.version,
            cluster.clock.now(),
        ));
    }
    Ok(json_response(StatusCode::OK, object_json(&target.kind, &target.version, &object)))
}

pub(super) fn list(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let target = &call.target;
    let selector = call.query.selector()?;
    let limit = call.query.number::<usize>("limit").filter(|n| *n > 0).unwrap_or(usize::MAX);
    let start = Continue::parse(call.query.get("continue"))?;

    let state = cluster.lock();
    let (all, version) = state.read_all(&target.kind.id, target.scope());
    let version = start.as_ref().map_or(version, |s| s.version);
    let mut matching = all.filter(|o| {
        start.as_ref().is_none_or(|s| s.is_before(o))
            && (selector.is_empty() || selector.matches(&o.value))
    });
    let page: Vec<_> = matching.by_ref().take(limit).cloned().collect();
    let rest = matching.count();
    drop(state);

    if table::wanted(call) {
        return Ok(table::of(call, &page, version, cluster.clock.now()));
    }
    let mut meta = json!({"resourceVersion": version.to_string()});
    if let (Some(last), true) = (page.last(), rest > 0) {
        meta["continue"] = json!(Continue::after(last, version).to_text());
        if selector.is_empty() {
            meta["remainingItemCount"] = json!(rest);
        }
    }
    let mut json = format!(
        r#"{{"kind":"{}List","apiVersion":"{}","metadata":{meta},"items":["#,
        target.kind.kind,
        target.kind.api_version(&target.version)
    )
    .into_bytes();
    // Items of built-in kinds do not carry their type, as with the real server.
    let head =
        if target.kind.custom { typed(&target.kind, &target.version) } else { b"{".to_vec() };
    for (at, object) in page.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        json.extend_from_slice(&head);
        json.extend_from_slice(object.body());
    }
    json.extend_from_slice(b"]}");
    Ok(json_response(StatusCode::OK, json))
}

/// Where the next page of a list begins. The pages share the version of the first; what changed in
/// between is told by a watch from that version.
struct Continue {
    version: u64,
    namespace: String,
    name: String,
}

impl Continue {
    fn after(object: &Object, version: u64) -> Self {
        let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
        Self { version, namespace, name }
    }

    fn parse(token: &str) -> Result<Option<Self>, Refusal> {
        if token.is_empty() {
            return Ok(None);
        }
        let decode = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let mut parts = text.splitn(3, '/').map(str::to_owned);
            let version = parts.next()?.parse().ok()?;
            Some(Self { version, namespace: parts.next()?, name: parts.next()? })
        };
        let refusal = || Refusal::bad_request("continue key is not valid");
        decode().map(Some).ok_or_else(refusal)
    }

    fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}/{}/{}", self.version, self.namespace, self.name))
    }

    fn is_before(&self, object: &Object) -> bool {
        (self.namespace.as_str(), self.name.as_str()) < (object.namespace(), object.name())
    }
}

pub(super) fn scale(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let target = &call.target;
    let state = cluster.lock();
    let object = existing(&state, call)?;
    Ok(json_response(StatusCode::OK, scale_of(&target.kind, object).to_string()))
}

/// The `Scale` of a workload.
pub(super) fn scale_of(kind: &ResourceType, object: &Object) -> Value {
    let meta = &object.value["metadata"];
    let selector = object.value["spec"]["selector"]["matchLabels"].as_object();
    let selector: Vec<String> = selector
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
        .collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
            "creationTimestamp": meta["creationTimestamp"]},
        "spec": {"replicas": replicas(kind, &object.value)},
        "status": {"replicas": int(&object.value, "/status/replicas"),
            "selector": selector.join(",")},
    })
}

fn replicas(kind: &ResourceType, value: &Value) -> i64 {
    let fallback = if kind.custom { 0 } else { 1 };
    value.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(fallback)
}

/// The log of a container, as the pod's behaviour writes it.
pub(super) fn log(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let state = cluster.lock();
    let pod = existing(&state, call)?;
    let containers = array(&pod.value, "/spec/containers");
    let asked = call.query.get("container");
    let container = match containers {
        [only] if asked.is_empty() => only,
        _ => containers.iter().find(|c| c["name"] == asked).ok_or_else(|| {
            Refusal::bad_request(format!(
                "container {asked} is not valid for pod {}",
                call.target.name
            ))
        })?,
    };
    let name = text(container, "/name");
    let lines = state.kubelet.log(&pod.value, name, call.query.flag("previous"));
    let lines = lines.map_err(Refusal::bad_request)?;
    let tail = call.query.number::<usize>("tailLines").unwrap_or(usize::MAX);
    let mut text = lines[lines.len().saturating_sub(tail)..].join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    Ok(([(header::CONTENT_TYPE, "text/plain")], text).into_response())
}

/// The object that a call names.
pub(super) fn existing<'a>(
    state: &'a State,
    call: &Call,
) -> Result<&'a std::sync::Arc<Object>, Refusal> {
    let target = &call.target;
    state
        .get(&target.kind.id, &target.namespace, &target.name)
        .ok_or_else(|| Refusal::not_found(&target.kind, &target.name))
}
