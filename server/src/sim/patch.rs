//! The four kinds of PATCH: JSON Patch, merge patch, strategic merge patch and apply.
//!
//! The merge keys of the strategic kind are known by field name, for the built-in workloads and
//! what stands in them.

use serde_json::{Map, Value};

use super::api::answer::Refusal;

/// A decoded patch.
#[derive(Debug, Clone)]
pub(crate) enum Patch {
    Json(json_patch::Patch),
    Merge(Value),
    Strategic(Value),
    /// Server-side apply: creates what is missing, merges into what is there.
    Apply(Value),
}

impl Patch {
    /// Decodes a body by its content type.
    pub(crate) fn decode(content_type: &str, body: &[u8]) -> Result<Self, Refusal> {
        let json = || {
            serde_json::from_slice(body)
                .map_err(|e| Refusal::bad_request(format!("error decoding patch: {e}")))
        };
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/json-patch+json" => serde_json::from_slice(body)
                .map(Self::Json)
                .map_err(|e| Refusal::bad_request(format!("error decoding patch: {e}"))),
            "application/merge-patch+json" => json().map(Self::Merge),
            "application/strategic-merge-patch+json" => json().map(Self::Strategic),
            "application/apply-patch+yaml" => super::api::body::decode(body).map(Self::Apply),
            other => Err(Refusal::unsupported_media(other)),
        }
    }

    /// The patched object.
    pub(crate) fn apply(&self, mut object: Value) -> Result<Value, Refusal> {
        match self {
            Self::Json(patch) => apply_json(&mut object, patch)?,
            Self::Merge(patch) => json_patch::merge(&mut object, patch),
            Self::Strategic(patch) | Self::Apply(patch) => strategic(&mut object, patch),
        }
        Ok(object)
    }
}

/// A `test` against null holds where there is nothing: the API server takes both for absent.
fn apply_json(object: &mut Value, patch: &json_patch::Patch) -> Result<(), Refusal> {
    for operation in &patch.0 {
        if let json_patch::PatchOperation::Test(test) = operation
            && test.value.is_null()
            && object.pointer(test.path.as_str()).is_none()
        {
            continue;
        }
        json_patch::patch(object, std::slice::from_ref(operation))
            .map_err(|_| Refusal::patch_failed())?;
    }
    Ok(())
}

/// Merges `patch` into `target` as Kubernetes does with its own types.
pub(crate) fn strategic(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        target.clone_from(patch);
        return;
    };
    if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
        *target = without_directives(patch);
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (key, change) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
        merge_field(fields, key, change);
    }
    for (key, change) in patch {
        if let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/") {
            remove_values(fields, field, change);
        } else if let Some(field) = key.strip_prefix("$setElementOrder/") {
            reorder(fields, field, change);
        }
    }
    if let Some(kept) = patch.get("$retainKeys").and_then(Value::as_array) {
        fields.retain(|key, _| kept.iter().any(|k| k == key.as_str()));
    }
}

fn merge_field(fields: &mut Map<String, Value>, key: &str, change: &Value) {
    match change {
        Value::Null => {
            fields.remove(key);
        }
        Value::Object(map) if map.get("$patch").and_then(Value::as_str) == Some("delete") => {
            fields.remove(key);
        }
        Value::Object(_) => strategic(fields.entry(key).or_insert(Value::Null), change),
        Value::Array(items) => merge_list(fields, key, items),
        plain => {
            fields.insert(key.to_owned(), plain.clone());
        }
    }
}

fn merge_list(fields: &mut Map<String, Value>, key: &str, changes: &[Value]) {
    if key == "finalizers" {
        let list = fields.entry(key).or_insert_with(|| Value::Array(Vec::new()));
        let Some(list) = list.as_array_mut() else { return };
        changes.iter().for_each(|c| {
            if !list.contains(c) {
                list.push(c.clone())
            }
        });
        return;
    }
    let replaces = changes.iter().any(|c| c["$patch"] == "replace");
    let old = fields.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let by = changes.iter().chain(&old).find_map(|item| merge_key(key, item));
    let (Some(by), false) = (by, replaces) else {
        let plain = changes.iter().filter(|c| c["$patch"] != "replace").cloned().collect();
        fields.insert(key.to_owned(), Value::Array(plain));
        return;
    };
    let mut list = old;
    for change in changes {
        let at = list.iter().position(|item| item[by] == change[by]);
        match (change["$patch"].as_str(), at) {
            (Some("delete"), Some(at)) => {
                list.remove(at);
            }
            (Some("delete"), None) => {}
            (_, Some(at)) => strategic(&mut list[at], change),
            (_, None) => {
                let mut new = Value::Null;
                strategic(&mut new, change);
                list.push(new);
            }
        }
    }
    fields.insert(key.to_owned(), Value::Array(list));
}

/// What tells the elements of a list apart; `None` where the list is replaced as a whole.
fn merge_key(field: &str, element: &Value) -> Option<&'static str> {
    Some(match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "secrets" => "name",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        // A container names its port `containerPort`; a service `port`.
        "ports" if element.get("containerPort").is_some() => "containerPort",
        "ports" if element.get("port").is_some() => "port",
        "conditions" | "addresses" => "type",
        "hostAliases" => "ip",
        "topologySpreadConstraints" => "topologyKey",
        "ownerReferences" => "uid",
        _ => return None,
    })
}

fn remove_values(fields: &mut Map<String, Value>, field: &str, gone: &Value) {
    let gone = gone.as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(list) = fields.get_mut(field).and_then(Value::as_array_mut) {
        list.retain(|item| !gone.contains(item));
    }
}

/// Elements that the order names come in that order; the others keep their places behind them.
fn reorder(fields: &mut Map<String, Value>, field: &str, order: &Value) {
    let order = order.as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(list) = fields.get_mut(field).and_then(Value::as_array_mut) else { return };
    let by = order.iter().find_map(|item| merge_key(field, item));
    list.sort_by_key(|item| {
        let same = |o: &&Value| by.map_or(*o == item, |by| o[by] == item[by]);
        order.iter().position(|o| same(&o)).unwrap_or(order.len())
    });
}

fn without_directives(patch: &Map<String, Value>) -> Value {
    let plain = patch.iter().filter(|(key, _)| !key.starts_with('$'));
    Value::Object(plain.map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(mut object: Value, patch: &Value) -> Value {
        strategic(&mut object, patch);
        object
    }

    #[test]
    fn a_test_against_null_holds_where_there_is_nothing() {
        let patch = |value: Value| {
            let patch = json!([
                {"op": "test", "path": "/spec/paused", "value": value},
                {"op": "add", "path": "/spec/replicas", "value": 2}
            ]);
            Patch::Json(serde_json::from_value(patch).unwrap())
        };
        let running = json!({"spec": {}});
        let paused = json!({"spec": {"paused": true}});
        assert!(patch(Value::Null).apply(running.clone()).is_ok());
        assert!(patch(Value::Null).apply(paused.clone()).is_err());
        assert!(patch(json!(true)).apply(paused).is_ok());
        assert!(patch(json!(true)).apply(running).is_err());
    }

    #[test]
    fn containers_and_their_env_merge_by_name() {
        let object = json!({"containers": [
            {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]},
            {"name": "b", "image": "b:1"}]});
        let patch = json!({"containers": [
            {"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "2"}]},
            {"name": "b", "$patch": "delete"}]});
        assert_eq!(
            merged(object, &patch),
            json!({"containers": [{"name": "a", "image": "a:2",
                "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}]})
        );
    }

    #[test]
    fn directives_replace_retain_and_order() {
        let replaced = merged(
            json!({"spec": {"a": 1, "b": 2}}),
            &json!({"spec": {"$patch": "replace", "c": 3}}),
        );
        assert_eq!(replaced, json!({"spec": {"c": 3}}));
        let strategy = merged(
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}),
            &json!({"$retainKeys": ["type"], "type": "Recreate"}),
        );
        assert_eq!(strategy, json!({"type": "Recreate"}));
        let ordered = merged(
            json!({"volumes": [{"name": "a"}, {"name": "b"}]}),
            &json!({"$setElementOrder/volumes": [{"name": "b"}, {"name": "a"}],
                "volumes": [{"name": "a", "emptyDir": {}}]}),
        );
        assert_eq!(ordered, json!({"volumes": [{"name": "b"}, {"name": "a", "emptyDir": {}}]}));
        assert_eq!(
            merged(json!({"args": ["x", "y"]}), &json!({"args": ["z"]})),
            json!({"args": ["z"]})
        );
    }

    #[test]
    fn a_failing_test_of_a_json_patch_changes_nothing() {
        let body = br#"[{"op":"test","path":"/metadata/uid","value":"other"},{"op":"remove","path":"/spec"}]"#;
        let patch = Patch::decode("application/json-patch+json", body).unwrap();
        let refusal = patch.apply(json!({"metadata": {"uid": "this"}, "spec": {}})).unwrap_err();
        assert_eq!(refusal.code, 422);
    }
}
