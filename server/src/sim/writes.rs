//! What the API server does between a request and the store: identity, preconditions, defaults,
//! rules of a kind, generations, finalizers and garbage collection.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::api::answer::Refusal;
use super::clock::stamp;
use super::defaults;
use super::json::{array, int, text};
use super::objects::{Key, Object, State};
use super::selectors::Selector;
use super::types::ResourceType;

/// Which part of an object a write may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All but the status, where the kind has a status subresource.
    Main,
    Status,
}

/// What becomes of the objects that a deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    Delete,
    Orphan,
}

/// How a write is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write {
    pub(crate) now: DateTime<Utc>,
    /// Answers what would come of it and stores nothing.
    pub(crate) dry: bool,
}

impl State {
    /// Creates an object from a request body.
    pub(crate) fn create(
        &mut self,
        kind: &ResourceType,
        namespace: &str,
        mut value: Value,
        write: Write,
    ) -> Result<Arc<Object>, Refusal> {
        strip_type(kind, &mut value)?;
        if !value["metadata"].is_object() {
            return Err(Refusal::bad_request("the object has no metadata"));
        }
        self.name_it(&mut value);
        let name = text(&value, "/metadata/name").to_owned();
        if name.is_empty() {
            let why = "Required value: name or generateName is required";
            return Err(Refusal::invalid(kind, "", "metadata.name", why));
        }
        self.place_it(kind, namespace, &mut value)?;
        if self.get(&kind.id, namespace, &name).is_some() {
            return Err(Refusal::already_exists(kind, &name));
        }
        let meta = &mut value["metadata"];
        for field in ["resourceVersion", "deletionTimestamp", "managedFields", "selfLink"] {
            meta.as_object_mut().and_then(|m| m.remove(field));
        }
        if kind.has("status") && kind.plural != "nodes" {
            value.as_object_mut().and_then(|v| v.remove("status"));
        }
        self.christen(&mut value, write.now);
        defaults::apply(kind, &mut value);
        check(kind, &value)?;
        if has_generation(kind) {
            value["metadata"]["generation"] = json!(1);
        }
        if kind.plural == "namespaces" {
            value["status"] = json!({"phase": "Active"});
            super::json::object(&mut value["metadata"], "labels")
                .insert("kubernetes.io/metadata.name".into(), json!(name));
        }
        if write.dry {
            return Ok(Arc::new(Object::new(value, self.version)));
        }
        if &*kind.id == "customresourcedefinitions.apiextensions.k8s.io" {
            self.establish(&mut value, write.now)?;
        }
        Ok(self.put(&kind.id, value))
    }

    /// Replaces an object by what a request made of it; the same content again changes nothing.
    pub(crate) fn replace(
        &mut self,
        kind: &ResourceType,
        old: &Arc<Object>,
        mut value: Value,
        part: Part,
        write: Write,
    ) -> Result<Arc<Object>, Refusal> {
        strip_type(kind, &mut value)?;
        check_identity(kind, old, &value)?;
        keep_metadata(&old.value, &mut value, part);
        match part {
            Part::Main if kind.has("status") => restore(&old.value, &mut value, "status"),
            Part::Status => {
                let mut whole = old.value.clone();
                whole["status"] = value["status"].take();
                whole["metadata"] = value["metadata"].take();
                value = whole;
            }
            Part::Main => {}
        }
        defaults::apply(kind, &mut value);
        check(kind, &value)?;
        check_immutable(kind, &old.value, &value)?;
        if has_generation(kind) && deserves_generation(kind, &old.value, &value) {
            value["metadata"]["generation"] = json!(int(&old.value, "/metadata/generation") + 1);
        }
        value["metadata"]["resourceVersion"] = old.value["metadata"]["resourceVersion"].clone();
        if value == old.value {
            return Ok(old.clone());
        }
        if write.dry {
            return Ok(Arc::new(Object::new(value, old.version)));
        }
        if &*kind.id == "customresourcedefinitions.apiextensions.k8s.io" {
            self.types.define(&value);
        }
        let object = self.put(&kind.id, value);
        let going = object.value["metadata"].get("deletionTimestamp").is_some();
        if going && array(&object.value, "/metadata/finalizers").is_empty() {
            self.take(&Key::new(&kind.id, object.namespace(), object.name()));
        }
        Ok(object)
    }

    /// Deletes an object and what it owns. With finalizers it is only marked. Answers its last state.
    pub(crate) fn delete(
        &mut self,
        kind: &ResourceType,
        old: &Arc<Object>,
        propagation: Propagation,
        write: Write,
    ) -> Arc<Object> {
        if write.dry {
            return old.clone();
        }
        let key = Key::new(&kind.id, old.namespace(), old.name());
        if !array(&old.value, "/metadata/finalizers").is_empty() {
            if old.value["metadata"].get("deletionTimestamp").is_some() {
                return old.clone();
            }
            let mut marked = old.value.clone();
            marked["metadata"]["deletionTimestamp"] = json!(stamp(write.now));
            return self.put(&kind.id, marked);
        }
        let last = self.take(&key).unwrap_or_else(|| old.clone());
        match propagation {
            Propagation::Delete => self.delete_dependents(old.uid(), write),
            Propagation::Orphan => self.orphan_dependents(old.uid()),
        }
        match &*kind.id {
            "namespaces" => self.empty_namespace(old.name(), write),
            "customresourcedefinitions.apiextensions.k8s.io" => {
                let id = old.name().to_owned();
                self.delete_all(&id, None, write);
                self.types.forget(&id);
            }
            _ => {}
        }
        last
    }

    fn name_it(&mut self, value: &mut Value) {
        let prefix = text(value, "/metadata/generateName").to_owned();
        if text(value, "/metadata/name").is_empty() && !prefix.is_empty() {
            value["metadata"]["name"] = json!(format!("{prefix}{}", self.suffix()));
        }
    }

    fn place_it(&self, kind: &ResourceType, ns: &str, value: &mut Value) -> Result<(), Refusal> {
        if !kind.namespaced {
            return Ok(());
        }
        let named = text(value, "/metadata/namespace");
        if !named.is_empty() && named != ns {
            let why = "the namespace of the provided object does not match the namespace sent on \
                       the request";
            return Err(Refusal::bad_request(why));
        }
        if self.get("namespaces", "", ns).is_none() {
            let namespaces = self.types.get("namespaces").map(Arc::clone);
            return Err(
                namespaces.map_or_else(Refusal::no_such_path, |k| Refusal::not_found(&k, ns))
            );
        }
        value["metadata"]["namespace"] = json!(ns);
        Ok(())
    }

    fn establish(&mut self, crd: &mut Value, now: DateTime<Utc>) -> Result<(), Refusal> {
        if !self.types.define(crd) {
            return Err(Refusal::bad_request("spec.group, names and versions are required"));
        }
        let condition = |kind: &str, reason: &str| {
            json!({"type": kind, "status": "True", "reason": reason,
                "lastTransitionTime": stamp(now)})
        };
        crd["status"] = json!({
            "acceptedNames": crd["spec"]["names"],
            "conditions": [
                condition("NamesAccepted", "NoConflicts"),
                condition("Established", "InitialNamesAccepted"),
            ],
            "storedVersions": array(crd, "/spec/versions").iter()
                .filter(|v| v["storage"] == json!(true)).map(|v| &v["name"]).collect::<Vec<_>>(),
        });
        Ok(())
    }

    fn delete_dependents(&mut self, uid: &str, write: Write) {
        for key in self.dependents(uid) {
            let kind = self.types.get(&key.resource).map(Arc::clone);
            if let (Some(kind), Some(object)) = (kind, self.get_key(&key).map(Arc::clone)) {
                self.delete(&kind, &object, Propagation::Delete, write);
            }
        }
    }

    fn orphan_dependents(&mut self, uid: &str) {
        for key in self.dependents(uid) {
            let Some(object) = self.get_key(&key).map(Arc::clone) else { continue };
            let mut value = object.value.clone();
            if let Some(owners) =
                value.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut)
            {
                owners.retain(|o| o["uid"] != uid);
            }
            self.put(&key.resource, value);
        }
    }

    fn empty_namespace(&mut self, namespace: &str, write: Write) {
        let ids: Vec<_> = self.types.all().filter(|t| t.namespaced).map(|t| t.id.clone()).collect();
        ids.iter().for_each(|id| self.delete_all(id, Some(namespace), write));
    }

    fn delete_all(&mut self, resource: &str, namespace: Option<&str>, write: Write) {
        let Some(kind) = self.types.get(resource).map(Arc::clone) else { return };
        let all: Vec<_> = self.list(resource, namespace).cloned().collect();
        for object in all {
            self.delete(&kind, &object, Propagation::Delete, write);
        }
    }
}

/// The API version and the kind say what was sent; they are not stored.
fn strip_type(kind: &ResourceType, value: &mut Value) -> Result<(), Refusal> {
    let Some(map) = value.as_object_mut() else {
        return Err(Refusal::bad_request("the object is not a JSON object"));
    };
    map.remove("apiVersion");
    match map.remove("kind") {
        Some(sent) if sent != kind.kind.as_str() => Err(Refusal::bad_request(format!(
            "{sent} in version sent cannot be handled as a {}",
            kind.kind
        ))),
        _ => Ok(()),
    }
}

fn check_identity(kind: &ResourceType, old: &Object, new: &Value) -> Result<(), Refusal> {
    let meta = &new["metadata"];
    if meta["name"] != old.value["metadata"]["name"] {
        let why = "the name of the object does not match the name on the URL";
        return Err(Refusal::bad_request(why));
    }
    let uid = meta["uid"].as_str().unwrap_or_default();
    if !uid.is_empty() && uid != old.uid() {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            old.uid()
        );
        return Err(Refusal::conflict(kind, old.name(), &why));
    }
    let version = meta["resourceVersion"].as_str().unwrap_or_default();
    if !version.is_empty() && version != "0" && version != old.version.to_string() {
        return Err(Refusal::modified(kind, old.name()));
    }
    Ok(())
}

/// What a client cannot change about an object.
fn keep_metadata(old: &Value, new: &mut Value, part: Part) {
    let fields = ["uid", "creationTimestamp", "deletionTimestamp", "generation", "namespace"];
    for field in fields {
        restore(&old["metadata"], &mut new["metadata"], field);
    }
    if let Some(meta) = new["metadata"].as_object_mut() {
        meta.remove("managedFields");
        meta.remove("selfLink");
    }
    if part == Part::Status {
        for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
            restore(&old["metadata"], &mut new["metadata"], field);
        }
    }
}

fn restore(old: &Value, new: &mut Value, field: &str) {
    let Some(map) = new.as_object_mut() else { return };
    match old.get(field) {
        Some(value) => map.insert(field.to_owned(), value.clone()),
        None => map.remove(field),
    };
}

fn has_generation(kind: &ResourceType) -> bool {
    kind.custom
        || matches!(kind.group.as_str(), "apps" | "batch" | "autoscaling" | "policy")
        || kind.group.ends_with("networking.k8s.io")
}

/// A Deployment's annotations count too: its controller copies them to ReplicaSets.
fn deserves_generation(kind: &ResourceType, old: &Value, new: &Value) -> bool {
    old["spec"] != new["spec"]
        || (&*kind.id == "deployments.apps"
            && old["metadata"]["annotations"] != new["metadata"]["annotations"])
}

const WORKLOADS: [&str; 4] =
    ["deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps"];

/// The rules of a kind that tests and people run into.
fn check(kind: &ResourceType, value: &Value) -> Result<(), Refusal> {
    if !WORKLOADS.contains(&&*kind.id) {
        return Ok(());
    }
    let name = text(value, "/metadata/name");
    let invalid = |field: &str, why: &str| Err(Refusal::invalid(kind, name, field, why));
    let selector = Selector::of_object(&value["spec"]["selector"]);
    if selector.is_empty() {
        return invalid("spec.selector", "Required value");
    }
    if !selector.matches(&value["spec"]["template"]) {
        let why = "Invalid value: `selector` does not match template `labels`";
        return invalid("spec.template.metadata.labels", why);
    }
    if int(value, "/spec/replicas") < 0 {
        let why = format!(
            "Invalid value: {}: must be greater than or equal to 0",
            int(value, "/spec/replicas")
        );
        return invalid("spec.replicas", &why);
    }
    let containers = array(value, "/spec/template/spec/containers");
    if containers.is_empty() {
        return invalid("spec.template.spec.containers", "Required value");
    }
    for (at, container) in containers.iter().enumerate() {
        for field in ["name", "image"] {
            if text(container, &format!("/{field}")).is_empty() {
                return invalid(
                    &format!("spec.template.spec.containers[{at}].{field}"),
                    "Required value",
                );
            }
        }
    }
    Ok(())
}

fn check_immutable(kind: &ResourceType, old: &Value, new: &Value) -> Result<(), Refusal> {
    let name = text(old, "/metadata/name");
    if WORKLOADS.contains(&&*kind.id) && old["spec"]["selector"] != new["spec"]["selector"] {
        let why = "Invalid value: field is immutable";
        return Err(Refusal::invalid(kind, name, "spec.selector", why));
    }
    let fixed = old["immutable"] == json!(true) && old["data"] != new["data"];
    if matches!(&*kind.id, "configmaps" | "secrets") && fixed {
        let why = "Forbidden: field is immutable when `immutable` is set";
        return Err(Refusal::invalid(kind, name, "data", why));
    }
    Ok(())
}
