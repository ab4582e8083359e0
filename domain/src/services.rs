//! Services: what people talk about, made of workloads in clusters.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::{Faults, rules};
use crate::checks::Check;
use crate::workloads::{Rollout, Workload};

words!(
    /// The kinds of workload that keep revisions; spelled as Kubernetes spells them.
    WorkloadKind {
        Deployment = "Deployment",
        StatefulSet = "StatefulSet",
        DaemonSet = "DaemonSet",
        // Of Argo Rollouts.
        Rollout = "Rollout",
    }
);

/// A service as the catalog describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Fields", into = "Fields")]
pub struct Service {
    pub name: String,
    /// The team that owns it.
    pub team: String,
    pub environment: String,
    /// The name of its policy.
    pub policy: String,
    /// In the order in which they depend on each other. At least one.
    pub workloads: Vec<WorkloadRef>,
    /// An alert that carries all of these labels concerns this service. Empty matches no alert.
    pub match_labels: BTreeMap<String, String>,
    /// What must hold after a rollback.
    pub checks: Vec<Check>,
}

/// Where a workload is found. One workload belongs to at most one service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadRef {
    pub cluster: String,
    pub namespace: String,
    pub kind: WorkloadKind,
    pub name: String,
}

impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, namespace, kind, name } = self;
        write!(f, "{cluster}/{namespace}/{}/{name}", kind.as_str())
    }
}

impl Service {
    /// Whether an alert with these labels concerns this service: by all labels under `match`, or because
    /// `namespace` and `deployment`, `statefulset`, `daemonset`, `rollout` or `pod` name one of its workloads.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let by_labels = !self.match_labels.is_empty()
            && self.match_labels.iter().all(|(name, value)| labels.get(name) == Some(value));
        by_labels || self.workloads.iter().any(|it| it.is_named_by(labels))
    }

    /// Production is what a second person must agree to change.
    pub fn is_production(&self) -> bool {
        matches!(self.environment.to_ascii_lowercase().as_str(), "production" | "prod")
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.at("name").refuse(rules::name(&self.name));
        faults.at("team").refuse(rules::name(&self.team));
        faults.at("environment").refuse(rules::name(&self.environment));
        if self.workloads.is_empty() {
            faults.at("workloads").add("names no workload: a service has at least one");
        }
        let workloads = &mut faults.at("workloads");
        for (index, workload) in self.workloads.iter().enumerate() {
            let faults = &mut workloads.at(index);
            faults.at("namespace").refuse(rules::dns_label(&workload.namespace));
            faults.at("name").refuse(rules::dns_subdomain(&workload.name));
        }
        let labels = &mut faults.at("match");
        for (name, value) in &self.match_labels {
            labels.at(name.as_str()).refuse(rules::label(name, value));
        }
        let checks = &mut faults.at("checks");
        for (index, check) in self.checks.iter().enumerate() {
            check.check(&mut checks.at(index));
        }
        checks.refuse(rules::distinct(self.checks.iter().map(|it| &it.name)));
    }
}

words!(
    /// How a workload of a service stands, from good to bad: a service stands as its worst workload does.
    Standing {
        // Rolled out, every pod ready.
        Well = "well",
        Progressing = "progressing",
        // The catalog names it and no watch has seen it.
        Unseen = "unseen",
        NotReady = "not_ready",
        Stuck = "stuck",
        // Deleted from its cluster.
        Gone = "gone",
    }
);

impl Standing {
    pub fn of(workload: Option<&Workload>) -> Self {
        match workload {
            None => Self::Unseen,
            Some(it) if it.gone_at.is_some() => Self::Gone,
            Some(it) => match it.rollout {
                Rollout::Stuck { .. } => Self::Stuck,
                Rollout::Progressing => Self::Progressing,
                Rollout::Settled if it.ready < it.replicas => Self::NotReady,
                Rollout::Settled => Self::Well,
            },
        }
    }
}

impl WorkloadRef {
    fn is_named_by(&self, labels: &BTreeMap<String, String>) -> bool {
        let label = |name: &str| labels.get(name).map(String::as_str);
        if label("namespace") != Some(&self.namespace) {
            return false;
        }
        // Only where the alert names a cluster at all: most Prometheus set none on their own series.
        if label("cluster").is_some_and(|it| it != self.cluster) {
            return false;
        }
        let kind = self.kind.as_str().to_ascii_lowercase();
        label(&kind) == Some(&self.name)
            || label("pod").is_some_and(|pod| self.kind.made_pod(&self.name, pod))
    }
}

impl WorkloadKind {
    /// Whether its pods come one after the other, and its revisions are ControllerRevisions.
    pub const fn is_set(self) -> bool {
        matches!(self, Self::StatefulSet | Self::DaemonSet)
    }

    /// The label by which metrics and alerts name a workload of this kind.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Rollout => "rollout",
        }
    }

    /// Whether a pod of this name is one of a workload's: `NAME-<template hash>-<5>` for a Deployment or a Rollout,
    /// `NAME-<ordinal>` for a StatefulSet, `NAME-<5>` for a DaemonSet. The rest of the name decides, so
    /// that `api` does not take the pods of `api-gateway`.
    fn made_pod(self, workload: &str, pod: &str) -> bool {
        let Some(rest) = pod.strip_prefix(workload).and_then(|it| it.strip_prefix('-')) else {
            return false;
        };
        let suffix = |it: &str| it.len() == 5 && it.bytes().all(random_letter);
        match self {
            Self::Deployment | Self::Rollout => rest.split_once('-').is_some_and(|(hash, last)| {
                (6..=10).contains(&hash.len()) && hash.bytes().all(random_letter) && suffix(last)
            }),
            Self::StatefulSet => !rest.is_empty() && rest.bytes().all(|it| it.is_ascii_digit()),
            Self::DaemonSet => suffix(rest),
        }
    }
}

/// Kubernetes draws the random parts of names from consonants and digits.
fn random_letter(letter: u8) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit()
}

/// The document as it is written, with what may be left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    #[serde(default = "team")]
    team: String,
    #[serde(default = "environment")]
    environment: String,
    #[serde(default = "policy")]
    policy: String,
    workloads: Vec<WorkloadRef>,
    /// Absent: the label `service` with the service's name.
    #[serde(default, rename = "match")]
    match_labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    checks: Vec<Check>,
}

fn team() -> String {
    "platform".to_owned()
}

fn environment() -> String {
    "production".to_owned()
}

fn policy() -> String {
    crate::policies::DEFAULT.to_owned()
}

impl From<Fields> for Service {
    fn from(fields: Fields) -> Self {
        let Fields { name, team, environment, policy, workloads, match_labels, checks } = fields;
        let match_labels =
            match_labels.unwrap_or_else(|| BTreeMap::from([("service".to_owned(), name.clone())]));
        Self { name, team, environment, policy, workloads, match_labels, checks }
    }
}

impl From<Service> for Fields {
    fn from(service: Service) -> Self {
        let Service { name, team, environment, policy, workloads, match_labels, checks } = service;
        Self {
            name,
            team,
            environment,
            policy,
            workloads,
            match_labels: Some(match_labels),
            checks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(json: serde_json::Value) -> Service {
        serde_json::from_value(json).unwrap()
    }

    fn gateway() -> Service {
        service(serde_json::json!({"name": "api", "workloads": [
            {"cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": "api"},
            {"cluster": "lab", "namespace": "shop", "kind": "StatefulSet", "name": "db"},
        ]}))
    }

    #[test]
    fn what_is_left_out_has_defaults() {
        let service = gateway();
        assert_eq!(
            (&*service.team, &*service.environment, &*service.policy),
            ("platform", "production", "default")
        );
        assert_eq!(service.match_labels, BTreeMap::from([("service".into(), "api".into())]));
        assert!(service.is_production());
    }

    #[test]
    fn an_alert_concerns_a_service_by_its_labels_or_by_its_workloads() {
        for (labels, expected) in [
            (&[("service", "api")][..], true),
            (&[("service", "other")], false),
            (&[], false),
            (&[("namespace", "shop"), ("deployment", "api")], true),
            (&[("namespace", "other"), ("deployment", "api")], false),
            (&[("namespace", "shop"), ("deployment", "db")], false),
            (&[("namespace", "shop"), ("statefulset", "db")], true),
            (&[("namespace", "shop"), ("pod", "api-6d4cf56db6-x2k9p")], true),
            (&[("namespace", "shop"), ("pod", "api-gateway-6d4cf56db6-x2k9p")], false),
            (&[("namespace", "shop"), ("pod", "db-0")], true),
            (&[("namespace", "shop"), ("pod", "db-x")], false),
            (&[("namespace", "shop"), ("deployment", "api"), ("cluster", "other")], false),
            (&[("namespace", "shop"), ("deployment", "api"), ("cluster", "lab")], true),
        ] {
            let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
            assert_eq!(gateway().matches(&labels), expected, "{labels:?}");
        }
    }

    #[test]
    fn all_labels_under_match_must_agree_and_none_match_nothing() {
        let mut service = gateway();
        service.match_labels =
            BTreeMap::from([("app".into(), "api".into()), ("tier".into(), "edge".into())]);
        let one = BTreeMap::from([("app".into(), "api".into())]);
        assert!(!service.matches(&one));
        let both = service.match_labels.clone();
        assert!(service.matches(&both));
        service.match_labels.clear();
        assert!(!service.matches(&both));
    }
}
