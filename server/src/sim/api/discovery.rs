//! What is served where: discovery, version, health, and the reviews that ask "may I?".

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::Refusal;
use super::body::{decode, json_response};
use super::openapi;
use crate::sim::Inner;
use crate::sim::types::{ResourceType, Types};

const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The Kubernetes release whose behaviour is imitated.
const RELEASE: (&str, &str, &str) = ("1", "34", "v1.34.4");

/// Answers the paths that name no resource.
pub(super) fn answer(cluster: &Inner, parts: &Parts, body: &Bytes) -> Response {
    let path = parts.uri.path().trim_end_matches('/');
    if parts.method == Method::POST {
        return review(cluster, path, body).unwrap_or_else(IntoResponse::into_response);
    }
    let state = cluster.lock();
    let steps: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let document = match steps[..] {
        ["healthz" | "livez" | "readyz", ..] => return "ok".into_response(),
        ["version"] => version(),
        ["api"] => json!({"kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": []}),
        ["api", version] => resources(&state.types, "", version),
        ["apis"] => groups(&state.types),
        ["apis", group] => {
            let found = group_list(&state.types).into_iter().find(|g| g["name"] == group);
            found
                .map(|mut found| {
                    found["kind"] = json!("APIGroup");
                    found["apiVersion"] = json!("v1");
                    found
                })
                .unwrap_or_default()
        }
        ["apis", group, version] => resources(&state.types, group, version),
        ["openapi", "v2"] => openapi::v2(),
        ["openapi", "v3"] => openapi::index(&state.types),
        ["openapi", "v3", "api", version] => openapi::v3(&state.types, "", version),
        ["openapi", "v3", "apis", group, version] => openapi::v3(&state.types, group, version),
        _ => Value::Null,
    };
    if document.is_null() {
        return Refusal::no_such_path().into_response();
    }
    json_response(StatusCode::OK, document.to_string())
}

fn version() -> Value {
    let (major, minor, release) = RELEASE;
    json!({"major": major, "minor": minor, "gitVersion": release, "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.24",
        "compiler": "gc", "platform": "linux/amd64"})
}

fn groups(types: &Types) -> Value {
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": group_list(types)})
}

fn group_list(types: &Types) -> Vec<Value> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in types.all().filter(|t| !t.group.is_empty()) {
        let versions = groups.entry(&kind.group).or_default();
        for version in &kind.versions {
            if !versions.contains(&version.as_str()) {
                versions.push(version);
            }
        }
    }
    groups
        .into_iter()
        .map(|(group, versions)| {
            let entry = |v: &&str| json!({"groupVersion": format!("{group}/{v}"), "version": v});
            let entries: Vec<Value> = versions.iter().map(entry).collect();
            json!({"name": group, "preferredVersion": entries[0], "versions": entries})
        })
        .collect()
}

fn resources(types: &Types, group: &str, version: &str) -> Value {
    let served: Vec<_> = types
        .all()
        .filter(|t| t.group == group && t.versions.iter().any(|v| v == version))
        .collect();
    let Some(first) = served.first() else { return Value::Null };
    json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": first.api_version(version),
        "resources": served.iter().flat_map(|t| entries(t)).collect::<Vec<_>>(),
    })
}

/// The entry of a resource and those of its subresources.
fn entries(kind: &ResourceType) -> Vec<Value> {
    let mut own = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
        "kind": kind.kind, "verbs": VERBS,
    });
    if !kind.short.is_empty() {
        own["shortNames"] = json!(kind.short);
    }
    if matches!(&*kind.plural, "pods" | "services") || kind.group == "apps" {
        own["categories"] = json!(["all"]);
    }
    let subresource = |sub: &String| {
        let (of, verbs) = match sub.as_str() {
            "scale" => ("Scale", json!(["get", "patch", "update"])),
            "eviction" => ("Eviction", json!(["create"])),
            "log" => (kind.kind.as_str(), json!(["get"])),
            _ => (kind.kind.as_str(), json!(["get", "patch", "update"])),
        };
        let mut entry = json!({"name": format!("{}/{sub}", kind.plural), "singularName": "",
            "namespaced": kind.namespaced, "kind": of, "verbs": verbs});
        match of {
            "Scale" => (entry["group"], entry["version"]) = (json!("autoscaling"), json!("v1")),
            "Eviction" => (entry["group"], entry["version"]) = (json!("policy"), json!("v1")),
            _ => {}
        }
        entry
    };
    let subresources: Vec<Value> = kind.subresources.iter().map(subresource).collect();
    [vec![own], subresources].concat()
}

/// SelfSubjectAccessReview: allowed unless a Forbidden fault stands in the way for good.
fn review(cluster: &Inner, path: &str, body: &Bytes) -> Result<Response, Refusal> {
    let mut review = decode(body)?;
    match path.trim_start_matches("/apis/") {
        "authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            let wish = &review["spec"]["resourceAttributes"];
            let word = |field: &str| wish[field].as_str().unwrap_or_default();
            let id = crate::sim::types::id(word("group"), word("resource"));
            let denied = cluster.faults.denies(word("verb"), &id, word("namespace"), word("name"));
            review["status"] = json!({"allowed": !denied});
        }
        "authentication.k8s.io/v1/selfsubjectreviews" => {
            review["status"] = json!({"userInfo": {"username": cluster.options.user}});
        }
        _ => return Err(Refusal::no_such_path()),
    }
    Ok(json_response(StatusCode::CREATED, review.to_string()))
}
