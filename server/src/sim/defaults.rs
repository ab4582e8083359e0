//! What the API server fills in and tidies up, so that templates read back as from the real one.

use serde_json::{Map, Value, json};

use super::json::{default, int, object};
use super::types::ResourceType;

/// Maps that Kubernetes leaves out when they are empty.
const OMITTED_WHEN_EMPTY: &[&str] = &[
    "labels",
    "annotations",
    "nodeSelector",
    "matchLabels",
    "limits",
    "requests",
    "data",
    "binaryData",
    "finalizers",
];

const PROBE: [(&str, i64); 4] = [
    ("timeoutSeconds", 1),
    ("periodSeconds", 10),
    ("successThreshold", 1),
    ("failureThreshold", 3),
];

/// Normalises an object of a built-in kind and fills in defaults. Custom resources stay as sent.
pub(crate) fn apply(kind: &ResourceType, value: &mut Value) {
    if kind.custom {
        return;
    }
    tidy(value);
    match &*kind.id {
        "pods" => {
            object(value, "spec");
            pod_spec(&mut value["spec"]);
            pod(value);
        }
        "deployments.apps" => deployment(value),
        "replicasets.apps" => {
            default(object_value(value, "spec"), "replicas", 1);
            template(&mut value["spec"]);
        }
        "statefulsets.apps" => stateful_set(value),
        "daemonsets.apps" => daemon_set(value),
        "jobs.batch" => {
            let spec = object_value(value, "spec");
            for (key, n) in [("parallelism", 1), ("completions", 1), ("backoffLimit", 6)] {
                default(spec, key, n);
            }
            template(spec);
        }
        "services" => service(value),
        _ => {}
    }
}

/// Drops nulls, empty lists and the empty maps that Go leaves out; writes quantities as Go does.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(tidy);
            for quantities in ["limits", "requests"] {
                let resources = map.get_mut(quantities).and_then(Value::as_object_mut);
                for quantity in resources.into_iter().flat_map(Map::values_mut) {
                    canonical(quantity);
                }
            }
            map.retain(|key, v| match v {
                Value::Null => false,
                Value::Array(list) => !list.is_empty(),
                Value::Object(inner) => {
                    !(inner.is_empty() && OMITTED_WHEN_EMPTY.contains(&key.as_str()))
                }
                _ => true,
            });
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Thousandths where there are any (`0.1` is `100m`), else a whole number. Quantities with another unit are
/// taken as they are.
fn canonical(quantity: &mut Value) {
    let text = match quantity {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return,
    };
    let (number, scale) = match text.strip_suffix('m') {
        Some(thousandths) => (thousandths, 1.0),
        None => (text.as_str(), 1000.0),
    };
    let Ok(number) = number.parse::<f64>() else { return };
    let thousandths = (number * scale).ceil() as i64;
    *quantity = match thousandths % 1000 {
        0 => (thousandths / 1000).to_string(),
        _ => format!("{thousandths}m"),
    }
    .into();
}

fn object_value<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    object(value, key);
    &mut value[key]
}

fn deployment(value: &mut Value) {
    let spec = object_value(value, "spec");
    default(spec, "replicas", 1);
    default(spec, "revisionHistoryLimit", 10);
    default(spec, "progressDeadlineSeconds", 600);
    // Go leaves out what is false.
    if spec["paused"] == false
        && let Some(spec) = spec.as_object_mut()
    {
        spec.remove("paused");
    }
    let strategy = object_value(spec, "strategy");
    default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        let rolling = object_value(strategy, "rollingUpdate");
        default(rolling, "maxSurge", "25%");
        default(rolling, "maxUnavailable", "25%");
    }
    template(spec);
}

fn stateful_set(value: &mut Value) {
    let spec = object_value(value, "spec");
    default(spec, "replicas", 1);
    default(spec, "revisionHistoryLimit", 10);
    default(spec, "podManagementPolicy", "OrderedReady");
    default(spec, "serviceName", "");
    let strategy = object_value(spec, "updateStrategy");
    default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        default(object_value(strategy, "rollingUpdate"), "partition", 0);
    }
    default(
        spec,
        "persistentVolumeClaimRetentionPolicy",
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
    );
    template(spec);
}

fn daemon_set(value: &mut Value) {
    let spec = object_value(value, "spec");
    default(spec, "revisionHistoryLimit", 10);
    let strategy = object_value(spec, "updateStrategy");
    default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        let rolling = object_value(strategy, "rollingUpdate");
        default(rolling, "maxSurge", 0);
        default(rolling, "maxUnavailable", 1);
    }
    template(spec);
}

fn template(spec: &mut Value) {
    let template = object_value(spec, "template");
    object(template, "metadata");
    pod_spec(object_value(template, "spec"));
}

fn pod_spec(spec: &mut Value) {
    default(spec, "restartPolicy", "Always");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "securityContext", json!({}));
    default(spec, "schedulerName", "default-scheduler");
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        default(spec, "serviceAccount", account);
    }
    for list in ["containers", "initContainers"] {
        if let Some(containers) = spec.get_mut(list).and_then(Value::as_array_mut) {
            containers.iter_mut().for_each(container);
        }
    }
    if let Some(volumes) = spec.get_mut("volumes").and_then(Value::as_array_mut) {
        for volume in volumes {
            for source in ["configMap", "secret", "projected"] {
                if let Some(source) = volume.get_mut(source) {
                    default(source, "defaultMode", 420);
                }
            }
        }
    }
}

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let policy = if latest(image) { "Always" } else { "IfNotPresent" };
    default(container, "imagePullPolicy", policy);
    default(container, "resources", json!({}));
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        default(port, "protocol", "TCP");
    }
    for env in container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(field) = env.pointer_mut("/valueFrom/fieldRef") {
            default(field, "apiVersion", "v1");
        }
        // Go leaves an empty value out.
        if env["value"] == ""
            && let Some(map) = env.as_object_mut()
        {
            map.remove("value");
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe) {
            for (key, n) in PROBE {
                default(probe, key, n);
            }
            if let Some(http) = probe.get_mut("httpGet") {
                default(http, "path", "/");
                default(http, "scheme", "HTTP");
            }
        }
    }
    integral_resources(container);
}

/// Quantities may be written as numbers; the server answers with text.
fn integral_resources(container: &mut Value) {
    let kinds = container.get_mut("resources").and_then(Value::as_object_mut);
    for amounts in kinds.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
        for amount in amounts.values_mut() {
            if let Value::Number(number) = amount {
                *amount = Value::String(number.to_string());
            }
        }
    }
}

fn latest(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn pod(value: &mut Value) {
    default(&mut value["spec"], "enableServiceLinks", true);
    let status = object_value(value, "status");
    default(status, "phase", "Pending");
    default(status, "qosClass", "BestEffort");
}

fn service(value: &mut Value) {
    let spec = object_value(value, "spec");
    default(spec, "type", "ClusterIP");
    default(spec, "sessionAffinity", "None");
    default(spec, "internalTrafficPolicy", "Cluster");
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        default(port, "protocol", "TCP");
        let number = int(port, "/port");
        default(port, "targetPort", number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_as_go_writes_them() {
        for (quantity, expected) in [
            (json!("0.1"), "100m"),
            (json!("1500m"), "1500m"),
            (json!("2000m"), "2"),
            (json!(1), "1"),
            (json!("64Mi"), "64Mi"),
        ] {
            let mut quantity = quantity;
            canonical(&mut quantity);
            assert_eq!(quantity, expected);
        }
    }
    use crate::sim::types::Types;

    #[test]
    fn a_short_deployment_reads_back_whole() {
        let mut value = json!({
            "metadata": {"name": "web", "annotations": {}, "creationTimestamp": null},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
                "metadata": {"labels": {"app": "web"}, "creationTimestamp": null},
                "spec": {"containers": [{"name": "web", "image": "registry:5000/web"}]}}}});
        let types = Types::built_in();
        apply(types.get("deployments.apps").unwrap(), &mut value);
        assert_eq!(value["spec"]["strategy"]["rollingUpdate"]["maxSurge"], "25%");
        assert_eq!(value["spec"]["template"]["metadata"], json!({"labels": {"app": "web"}}));
        assert_eq!(
            value["spec"]["template"]["spec"],
            json!({
                "containers": [{"name": "web", "image": "registry:5000/web",
                    "imagePullPolicy": "Always", "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File"}],
                "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
                "dnsPolicy": "ClusterFirst", "securityContext": {},
                "schedulerName": "default-scheduler"})
        );
        assert!(value["metadata"].get("annotations").is_none());
    }
}
