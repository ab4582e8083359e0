//! As much OpenAPI as kubectl needs to see that the server validates by itself.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::sim::types::{ResourceType, Types};

/// Version 2 without a single path: kubectl asks for it last and copes with its emptiness.
pub(super) fn v2() -> Value {
    json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.34.4"}, "paths": {},
        "definitions": {}})
}

/// Which groups have a document of version 3.
pub(super) fn index(types: &Types) -> Value {
    let mut roots = BTreeSet::new();
    for kind in types.all() {
        for version in &kind.versions {
            roots.insert(root(kind, version));
        }
    }
    let path = |root: String| {
        let url = json!({"serverRelativeURL": format!("/openapi/v3/{root}")});
        (root, url)
    };
    json!({"paths": roots.into_iter().map(path).collect::<Map<_, _>>()})
}

/// The document of one group: for each kind that PATCH takes `dryRun` and `fieldValidation`.
pub(super) fn v3(types: &Types, group: &str, version: &str) -> Value {
    let served =
        types.all().filter(|t| t.group == group && t.versions.iter().any(|v| v == version));
    let mut paths = Map::new();
    for kind in served {
        let namespace = if kind.namespaced { "namespaces/{namespace}/" } else { "" };
        let path = format!("/{}/{namespace}{}/{{name}}", root(kind, version), kind.plural);
        let parameters = ["dryRun", "fieldManager", "fieldValidation", "force"].map(parameter);
        let operation = json!({
            "operationId": format!("patch{}", kind.kind),
            "parameters": parameters,
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind":
                {"group": group, "version": version, "kind": kind.kind},
        });
        paths.insert(path, json!({"patch": operation}));
    }
    if paths.is_empty() {
        return Value::Null;
    }
    json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.34.4"},
        "paths": paths, "components": {"schemas": {}}})
}

fn root(kind: &ResourceType, version: &str) -> String {
    let start = if kind.group.is_empty() { "api" } else { "apis" };
    format!("{start}/{}", kind.api_version(version))
}

fn parameter(name: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}})
}
