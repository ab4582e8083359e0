//! create, update, patch, delete, eviction and writes through the scale subresource.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::Call;
use super::answer::Refusal;
use super::body::{decode, json_response, object_json};
use super::read::{existing, scale_of};
use crate::sim::Inner;
use crate::sim::objects::Object;
use crate::sim::patch::Patch;
use crate::sim::writes::{Part, Propagation, Write};

pub(super) fn create(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let value = decode_object(call)?;
    let target = &call.target;
    let object =
        cluster.lock().create(&target.kind, &target.namespace, value, write(cluster, call))?;
    Ok(answer(call, StatusCode::CREATED, &object))
}

pub(super) fn update(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let value = decode_object(call)?;
    let mut state = cluster.lock();
    let old = existing(&state, call)?.clone();
    let object = state.replace(&call.target.kind, &old, value, part(call), write(cluster, call))?;
    drop(state);
    Ok(answer(call, StatusCode::OK, &object))
}

pub(super) fn patch(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let target = &call.target;
    let content_type = call.header(header::CONTENT_TYPE);
    let patch = Patch::decode(content_type, &call.body)?;
    if target.kind.custom && matches!(patch, Patch::Strategic(_)) {
        return Err(Refusal::unsupported_media(content_type));
    }
    let mut state = cluster.lock();
    let old = state.get(&target.kind.id, &target.namespace, &target.name).cloned();
    let (old, patch) = match (old, patch) {
        (Some(old), patch) => (old, patch),
        (None, Patch::Apply(mut value)) if target.subresource.is_empty() => {
            value["metadata"]["name"] = json!(target.name);
            let write = write(cluster, call);
            let object = state.create(&target.kind, &target.namespace, value, write)?;
            return Ok(answer(call, StatusCode::CREATED, &object));
        }
        (None, _) => return Err(Refusal::not_found(&target.kind, &target.name)),
    };
    // A patch may test or name the type, which is not stored.
    let mut value = old.value.clone();
    value["apiVersion"] = json!(target.kind.api_version(&target.version));
    value["kind"] = json!(target.kind.kind);
    let value = patch.apply(value)?;
    let object = state.replace(&target.kind, &old, value, part(call), write(cluster, call))?;
    drop(state);
    Ok(answer(call, StatusCode::OK, &object))
}

pub(super) fn scale(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let target = &call.target;
    let mut state = cluster.lock();
    let old = existing(&state, call)?.clone();
    let scale = match Patch::decode(call.header(header::CONTENT_TYPE), &call.body) {
        Ok(patch) => patch.apply(scale_of(&target.kind, &old))?,
        // A PUT brings the whole Scale.
        Err(_) => decode_object(call)?,
    };
    let version = scale["metadata"]["resourceVersion"].clone();
    let mut value = old.value.clone();
    value["spec"]["replicas"] = scale["spec"].get("replicas").cloned().unwrap_or(json!(0));
    if version.is_string() {
        value["metadata"]["resourceVersion"] = version;
    }
    let object = state.replace(&target.kind, &old, value, Part::Main, write(cluster, call))?;
    Ok(json_response(StatusCode::OK, scale_of(&target.kind, &object).to_string()))
}

pub(super) fn delete(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let options = delete_options(call)?;
    let mut state = cluster.lock();
    let old = existing(&state, call)?.clone();
    check_preconditions(call, &options, &old)?;
    let last = state.delete(
        &call.target.kind,
        &old,
        propagation(call, &options),
        delete_write(cluster, call, &options),
    );
    drop(state);
    let marked = last.value["metadata"].get("deletionTimestamp").is_some();
    if marked || &*call.target.kind.id == "pods" {
        return Ok(answer(call, StatusCode::OK, &last));
    }
    Ok(success(json!({
        "name": last.name(), "group": call.target.kind.group, "kind": call.target.kind.plural,
        "uid": last.uid(),
    })))
}

pub(super) fn delete_collection(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let options = delete_options(call)?;
    let selector = call.query.selector()?;
    let target = &call.target;
    let mut state = cluster.lock();
    let all: Vec<_> = state
        .list(&target.kind.id, target.scope())
        .filter(|o| selector.matches(&o.value))
        .cloned()
        .collect();
    let write = delete_write(cluster, call, &options);
    for object in all {
        state.delete(&target.kind, &object, propagation(call, &options), write);
    }
    Ok(success(json!({"group": target.kind.group, "kind": target.kind.plural})))
}

/// Deletes a pod unless a PodDisruptionBudget forbids it.
pub(super) fn evict(cluster: &Inner, call: &Call) -> Result<Response, Refusal> {
    let mut state = cluster.lock();
    let old = existing(&state, call)?.clone();
    let options = if call.body.is_empty() { json!({}) } else { decode_object(call)? };
    check_preconditions(call, &options["deleteOptions"], &old)?;
    let guards = |budget: &&Arc<Object>| {
        let selector = &budget.value["spec"]["selector"];
        budget.value["status"]["disruptionsAllowed"] == json!(0)
            && crate::sim::selectors::Selector::of_object(selector).matches(&old.value)
    };
    let namespace = Some(call.target.namespace.as_str());
    let budget = state.list("poddisruptionbudgets.policy", namespace).find(guards).cloned();
    if let Some(budget) = budget {
        return Err(Refusal::disruption_budget(&budget.value));
    }
    state.delete(&call.target.kind, &old, Propagation::Delete, write(cluster, call));
    Ok(success(json!({"name": old.name(), "kind": "pods"})))
}

fn answer(call: &Call, status: StatusCode, object: &Arc<Object>) -> Response {
    let target = &call.target;
    json_response(status, object_json(&target.kind, &target.version, object))
}

fn success(details: Value) -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
        "status": "Success", "details": details});
    json_response(StatusCode::OK, status.to_string())
}

fn decode_object(call: &Call) -> Result<Value, Refusal> {
    let content_type = call.header(header::CONTENT_TYPE);
    if content_type.contains("protobuf") {
        return Err(Refusal::unsupported_media(content_type));
    }
    decode(&call.body)
}

fn write(cluster: &Inner, call: &Call) -> Write {
    Write { now: cluster.clock.now(), dry: call.query.dry_run() }
}

fn part(call: &Call) -> Part {
    if call.target.subresource == "status" { Part::Status } else { Part::Main }
}

/// The body of a DELETE may be empty.
fn delete_options(call: &Call) -> Result<Value, Refusal> {
    if call.body.is_empty() { Ok(json!({})) } else { decode_object(call) }
}

fn delete_write(cluster: &Inner, call: &Call, options: &Value) -> Write {
    let dry = options["dryRun"].as_array().is_some_and(|d| d.contains(&json!("All")));
    Write { dry: dry || call.query.dry_run(), ..write(cluster, call) }
}

fn propagation(call: &Call, options: &Value) -> Propagation {
    let policy = options["propagationPolicy"].as_str();
    let policy = policy.unwrap_or_else(|| call.query.get("propagationPolicy"));
    if policy == "Orphan" || options["orphanDependents"] == json!(true) {
        Propagation::Orphan
    } else {
        Propagation::Delete
    }
}

fn check_preconditions(call: &Call, options: &Value, old: &Object) -> Result<(), Refusal> {
    for (field, is) in [("uid", old.uid()), ("resourceVersion", &old.version.to_string())] {
        if let Some(wanted) = options["preconditions"][field].as_str()
            && wanted != is
        {
            let label = if field == "uid" { "UID" } else { "ResourceVersion" };
            let why = format!(
                "Precondition failed: {label} in precondition: {wanted}, {label} in object meta: {is}"
            );
            return Err(Refusal::conflict(&call.target.kind, old.name(), &why));
        }
    }
    Ok(())
}
