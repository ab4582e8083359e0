//! The `Table` form of answers: the columns that `kubectl get` prints.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Call;
use super::body::json_response;
use crate::sim::json::{array, int, text};
use crate::sim::objects::Object;

/// Whether the caller asked for a table.
pub(super) fn wanted(call: &Call) -> bool {
    call.header(header::ACCEPT).contains("as=Table")
}

/// The objects as rows.
pub(super) fn of(
    call: &Call,
    objects: &[Arc<Object>],
    version: u64,
    now: DateTime<Utc>,
) -> Response {
    let columns = columns(&call.target.kind.id);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|(name, wide)| {
            json!({"name": name, "type": "string", "description": "", "priority": u8::from(*wide),
                "format": if *name == "Name" { "name" } else { "" }})
        })
        .collect();
    let rows: Vec<Value> = objects.iter().map(|o| row(call, o, now)).collect();
    let table = json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version.to_string()},
        "columnDefinitions": definitions, "rows": rows,
    });
    json_response(StatusCode::OK, table.to_string())
}

/// The columns of a kind; `true` where only `-o wide` shows one.
fn columns(resource: &str) -> &'static [(&'static str, bool)] {
    match resource {
        "pods" => &[
            ("Name", false),
            ("Ready", false),
            ("Status", false),
            ("Restarts", false),
            ("Age", false),
            ("IP", true),
            ("Node", true),
        ],
        "deployments.apps" => &[
            ("Name", false),
            ("Ready", false),
            ("Up-to-date", false),
            ("Available", false),
            ("Age", false),
            ("Containers", true),
            ("Images", true),
        ],
        "replicasets.apps" => &[
            ("Name", false),
            ("Desired", false),
            ("Current", false),
            ("Ready", false),
            ("Age", false),
            ("Containers", true),
            ("Images", true),
        ],
        "statefulsets.apps" => {
            &[("Name", false), ("Ready", false), ("Age", false), ("Images", true)]
        }
        "daemonsets.apps" => &[
            ("Name", false),
            ("Desired", false),
            ("Current", false),
            ("Ready", false),
            ("Up-to-date", false),
            ("Age", false),
        ],
        "nodes" => &[("Name", false), ("Status", false), ("Age", false)],
        "namespaces" => &[("Name", false), ("Status", false), ("Age", false)],
        "configmaps" => &[("Name", false), ("Data", false), ("Age", false)],
        "events" => &[
            ("Last Seen", false),
            ("Type", false),
            ("Reason", false),
            ("Object", false),
            ("Message", false),
        ],
        _ => &[("Name", false), ("Age", false)],
    }
}

fn row(call: &Call, object: &Object, now: DateTime<Utc>) -> Value {
    let mut whole = object.value.clone();
    let kind = &call.target.kind;
    whole["apiVersion"] = json!(kind.api_version(&call.target.version));
    whole["kind"] = json!(kind.kind);
    if call.query.get("includeObject") != "Object" {
        whole = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": whole["metadata"]});
    }
    json!({"cells": cells(&kind.id, object, now), "object": whole})
}

fn cells(resource: &str, object: &Object, now: DateTime<Utc>) -> Vec<Value> {
    let value = &object.value;
    let name = json!(object.name());
    let age = json!(age(text(value, "/metadata/creationTimestamp"), now));
    let n = |pointer: &str| json!(int(value, pointer));
    let of =
        |ready: &str, wanted: &str| json!(format!("{}/{}", int(value, ready), int(value, wanted)));
    let (containers, images) = (listed(value, "name"), listed(value, "image"));
    match resource {
        "pods" => pod_cells(value, name, age),
        "deployments.apps" => vec![
            name,
            of("/status/readyReplicas", "/spec/replicas"),
            n("/status/updatedReplicas"),
            n("/status/availableReplicas"),
            age,
            containers,
            images,
        ],
        "replicasets.apps" => vec![
            name,
            n("/spec/replicas"),
            n("/status/replicas"),
            n("/status/readyReplicas"),
            age,
            containers,
            images,
        ],
        "statefulsets.apps" => {
            vec![name, of("/status/readyReplicas", "/spec/replicas"), age, images]
        }
        "daemonsets.apps" => vec![
            name,
            n("/status/desiredNumberScheduled"),
            n("/status/currentNumberScheduled"),
            n("/status/numberReady"),
            n("/status/updatedNumberScheduled"),
            age,
        ],
        "nodes" => vec![name, json!(node_status(value)), age],
        "namespaces" => vec![name, value["status"]["phase"].clone(), age],
        "configmaps" => {
            vec![name, json!(value["data"].as_object().map_or(0, serde_json::Map::len)), age]
        }
        "events" => vec![
            json!(self::age(text(value, "/lastTimestamp"), now)),
            value["type"].clone(),
            value["reason"].clone(),
            json!(format!(
                "{}/{}",
                text(value, "/involvedObject/kind").to_lowercase(),
                text(value, "/involvedObject/name")
            )),
            value["message"].clone(),
        ],
        _ => vec![name, age],
    }
}

fn pod_cells(value: &Value, name: Value, age: Value) -> Vec<Value> {
    let statuses = array(value, "/status/containerStatuses");
    let ready = statuses.iter().filter(|s| s["ready"] == json!(true)).count();
    let restarts: i64 = statuses.iter().map(|s| int(s, "/restartCount")).sum();
    let waiting = statuses.iter().map(|s| text(s, "/state/waiting/reason")).find(|r| !r.is_empty());
    let status = waiting.unwrap_or_else(|| text(value, "/status/phase"));
    let total = array(value, "/spec/containers").len();
    vec![
        name,
        json!(format!("{ready}/{total}")),
        json!(status),
        json!(restarts),
        age,
        value["status"]["podIP"].clone(),
        value["spec"]["nodeName"].clone(),
    ]
}

fn node_status(value: &Value) -> &'static str {
    let ready = array(value, "/status/conditions").iter().find(|c| c["type"] == "Ready");
    if ready.is_some_and(|c| c["status"] == "True") { "Ready" } else { "NotReady" }
}

fn listed(value: &Value, field: &str) -> Value {
    let containers = array(value, "/spec/template/spec/containers");
    let all: Vec<&str> = containers.iter().filter_map(|c| c[field].as_str()).collect();
    json!(all.join(","))
}

/// `5s`, `3m20s`, `4h`, `2d`.
fn age(created: &str, now: DateTime<Utc>) -> String {
    let Ok(created) = DateTime::parse_from_rfc3339(created) else { return "<unknown>".to_owned() };
    let seconds = (now - created.to_utc()).num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => format!("{}m{}s", seconds / 60, seconds % 60),
        600..10_800 => format!("{}m", seconds / 60),
        10_800..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
