//! Clusters: where workloads run, and how they are reached.

use serde::{Deserialize, Serialize};

use crate::catalog::{Faults, rules};

/// One Kubernetes cluster with the Prometheus that watches it.
///
/// **Invariant:** it holds references to credentials, never credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    pub name: String,
    /// `env:NAME` (a variable that holds the path), the path itself, or `demo` for the pretend cluster.
    pub kubeconfig: String,
    /// A context of the kubeconfig; without it the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Address of the Prometheus API; without it nothing is confirmed by PromQL here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<String>,
    /// What is watched; empty means every namespace.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Where nothing is ever rolled back by Lifeboat, whoever asks.
    #[serde(default)]
    pub protected_namespaces: Vec<String>,
    /// Where the Secrets of Helm releases are read, beside the namespaces of services whose policy says
    /// `strategy: release`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub helm_namespaces: Vec<String>,
    /// As `kubeconfig`, for the helm program alone, so that it works under rights of its own. Without it it works
    /// under ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm_kubeconfig: Option<String>,
}

impl Cluster {
    pub fn watches(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|it| it == namespace)
    }

    pub fn protects(&self, namespace: &str) -> bool {
        self.protected_namespaces.iter().any(|it| it == namespace)
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.at("name").refuse(rules::name(&self.name));
        faults.at("kubeconfig").refuse(kubeconfig(&self.kubeconfig));
        if let Some(url) = &self.prometheus {
            faults.at("prometheus").refuse(rules::url(url));
        }
        if let Some(reference) = &self.helm_kubeconfig {
            faults.at("helm_kubeconfig").refuse(kubeconfig(reference));
        }
        for (list, namespaces) in [
            ("namespaces", &self.namespaces),
            ("protected_namespaces", &self.protected_namespaces),
            ("helm_namespaces", &self.helm_namespaces),
        ] {
            let faults = &mut faults.at(list);
            for (index, namespace) in namespaces.iter().enumerate() {
                faults.at(index).refuse(rules::dns_label(namespace));
            }
            faults.refuse(rules::distinct(namespaces));
        }
    }
}

fn kubeconfig(reference: &str) -> Result<(), String> {
    let name = reference.strip_prefix("env:").unwrap_or(reference);
    if name.trim().is_empty() {
        return Err("names no file: give a path, env:NAME or demo".to_owned());
    }
    if reference.lines().count() > 1 || reference.len() > 1024 {
        return Err(
            "must refer to a kubeconfig, not contain one: a catalog holds no secrets".to_owned()
        );
    }
    Ok(())
}
