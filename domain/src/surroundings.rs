//! What lies around workloads and can be what is wrong: the autoscaler, network policies, certificates.
//!
//! **Invariant:** an object is told of only while it is in trouble, or for when it was changed; whom it concerns is
//! decided by what it says itself, never by how it is called.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decide::situation::TroubleKind;
use crate::workloads::WorkloadKind;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Surrounding {
    pub namespace: String,
    /// `HorizontalPodAutoscaler/api`
    pub object: String,
    pub trouble: TroubleKind,
    pub concerns: Concerns,
    /// When it began, or was changed.
    pub since: Option<DateTime<Utc>>,
    pub message: String,
}

/// Whom an object concerns, in its own namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Concerns {
    Workload {
        kind: String,
        name: String,
    },
    /// Pods with labels that this selector takes; an empty one takes all.
    Pods {
        selector: Value,
    },
    /// Who mounts or reads this Secret.
    Secret {
        name: String,
    },
}

/// What is read of such an object.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub spec: &'a Value,
    pub status: &'a Value,
    /// When its spec was last written, as far as the API says.
    pub changed_at: Option<DateTime<Utc>>,
}

impl Seen<'_> {
    fn condition(&self, kind: &str) -> Option<&Value> {
        self.status["conditions"].as_array()?.iter().find(|it| it["type"] == kind)
    }
}

fn since(condition: &Value) -> Option<DateTime<Utc>> {
    condition["lastTransitionTime"].as_str()?.parse().ok()
}

/// An autoscaler that would make more pods and may not.
pub fn of_autoscaler(it: &Seen<'_>) -> Option<Surrounding> {
    let limited = it.condition("ScalingLimited")?;
    if limited["status"] != "True" || limited["reason"] != "TooManyReplicas" {
        return None;
    }
    let target = &it.spec["scaleTargetRef"];
    let (kind, name) = (target["kind"].as_str()?.to_owned(), target["name"].as_str()?.to_owned());
    let most = it.spec["maxReplicas"].as_i64().unwrap_or_default();
    Some(Surrounding {
        namespace: it.namespace.to_owned(),
        object: format!("HorizontalPodAutoscaler/{}", it.name),
        trouble: TroubleKind::HpaAtMaximum,
        concerns: Concerns::Workload { kind, name },
        since: since(limited),
        message: format!("{} is at its maximum of {most} and wants more", it.name),
    })
}

/// A network policy, for when it was changed.
pub fn of_network_policy(it: &Seen<'_>) -> Surrounding {
    Surrounding {
        namespace: it.namespace.to_owned(),
        object: format!("NetworkPolicy/{}", it.name),
        trouble: TroubleKind::NetworkPolicy,
        concerns: Concerns::Pods { selector: it.spec["podSelector"].clone() },
        since: it.changed_at,
        message: format!("the network policy {} was changed", it.name),
    }
}

/// A certificate of cert-manager that is not ready: expired, or refused by its issuer.
pub fn of_certificate(it: &Seen<'_>) -> Option<Surrounding> {
    let ready = it.condition("Ready")?;
    if ready["status"] != "False" {
        return None;
    }
    let secret = it.spec["secretName"].as_str()?;
    let why = ready["message"].as_str().or(ready["reason"].as_str()).unwrap_or_default();
    Some(Surrounding {
        namespace: it.namespace.to_owned(),
        object: format!("Certificate/{}", it.name),
        trouble: TroubleKind::Certificate,
        concerns: Concerns::Secret { name: secret.to_owned() },
        since: since(ready),
        message: format!("the certificate {} is not ready: {why}", it.name),
    })
}

impl Concerns {
    /// Whether it concerns pods of this template of this workload.
    pub fn take_in(&self, kind: WorkloadKind, name: &str, template: &Value) -> bool {
        match self {
            Self::Workload { kind: of, name: own } => of == kind.as_str() && own == name,
            Self::Pods { selector } => selects(selector, template),
            Self::Secret { name } => uses_secret(template, name),
        }
    }
}

/// As Kubernetes matches labels; an expression that this build does not know takes in everybody.
fn selects(selector: &Value, template: &Value) -> bool {
    let labels: BTreeMap<&str, &str> = template["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect();
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut equal = equal.map(|(name, value)| labels.get(name.as_str()).copied() == value.as_str());
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    let mut expressions = expressions.map(|it| {
        let found = labels.get(it["key"].as_str().unwrap_or_default()).copied();
        let among = || {
            let values = it["values"].as_array().into_iter().flatten();
            found.is_some_and(|found| values.clone().any(|it| it == found))
        };
        match it["operator"].as_str() {
            Some("In") => among(),
            Some("NotIn") => !among(),
            Some("Exists") => found.is_some(),
            Some("DoesNotExist") => found.is_none(),
            _ => true,
        }
    });
    equal.all(|it| it) && expressions.all(|it| it)
}

/// A Secret can be mounted, projected or read into variables; wherever a member that names one has this name.
fn uses_secret(template: &Value, name: &str) -> bool {
    match template {
        Value::Object(members) => members.iter().any(|(member, value)| match member.as_str() {
            "secretName" => value == name,
            "secret" | "secretRef" | "secretKeyRef" => {
                value["name"] == name || uses_secret(value, name)
            }
            _ => uses_secret(value, name),
        }),
        Value::Array(items) => items.iter().any(|it| uses_secret(it, name)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen<'a>(spec: &'a Value, status: &'a Value) -> Seen<'a> {
        Seen { namespace: "shop", name: "x", spec, status, changed_at: None }
    }

    fn condition(kind: &str, status: &str, reason: &str) -> Value {
        json!({"conditions": [{"type": kind, "status": status, "reason": reason, "message": "m",
            "lastTransitionTime": "2026-03-03T10:00:00Z"}]})
    }

    #[test]
    fn an_autoscaler_is_in_trouble_only_at_its_upper_end() {
        let spec =
            json!({"scaleTargetRef": {"kind": "Deployment", "name": "api"}, "maxReplicas": 4});
        for (status, reason, expected) in [
            ("True", "TooManyReplicas", true),
            ("True", "TooFewReplicas", false),
            ("False", "DesiredWithinRange", false),
        ] {
            let status = condition("ScalingLimited", status, reason);
            let found = of_autoscaler(&seen(&spec, &status));
            assert_eq!(found.is_some(), expected, "{reason}");
            if let Some(it) = found {
                assert!(it.concerns.take_in(WorkloadKind::Deployment, "api", &Value::Null));
                assert!(!it.concerns.take_in(WorkloadKind::StatefulSet, "api", &Value::Null));
                assert_eq!(it.message, "x is at its maximum of 4 and wants more");
            }
        }
        assert_eq!(of_autoscaler(&seen(&spec, &json!({}))), None);
    }

    #[test]
    fn a_network_policy_concerns_whom_it_selects() {
        let template = json!({"metadata": {"labels": {"app": "api", "tier": "web"}}});
        for (selector, expected) in [
            (json!({}), true),
            (json!({"matchLabels": {"app": "api"}}), true),
            (json!({"matchLabels": {"app": "db"}}), false),
            (json!({"matchLabels": {"app": "api", "tier": "data"}}), false),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}),
                false,
            ),
            (json!({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}), true),
            (json!({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}), false),
        ] {
            let spec = json!({"podSelector": selector});
            let found = of_network_policy(&seen(&spec, &Value::Null));
            let takes = found.concerns.take_in(WorkloadKind::Deployment, "api", &template);
            assert_eq!(takes, expected, "{spec}");
        }
    }

    #[test]
    fn a_certificate_concerns_who_uses_its_secret() {
        let spec = json!({"secretName": "tls"});
        let failed = condition("Ready", "False", "Expired");
        let found = of_certificate(&seen(&spec, &failed)).unwrap();
        assert_eq!(of_certificate(&seen(&spec, &condition("Ready", "True", "Ready"))), None);
        for (template, expected) in [
            (json!({"spec": {"volumes": [{"secret": {"secretName": "tls"}}]}}), true),
            (
                json!({"spec": {"volumes": [{"projected": {"sources": [{"secret": {"name": "tls"}}]}}]}}),
                true,
            ),
            (
                json!({"spec": {"containers": [{"envFrom": [{"secretRef": {"name": "tls"}}]}]}}),
                true,
            ),
            (
                json!({"spec": {"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "tls", "key": "k"}}}]}]}}),
                true,
            ),
            (
                json!({"spec": {"volumes": [{"secret": {"secretName": "other"}}], "containers": [{"name": "tls"}]}}),
                false,
            ),
        ] {
            let takes = found.concerns.take_in(WorkloadKind::Deployment, "api", &template);
            assert_eq!(takes, expected, "{template}");
        }
    }
}
