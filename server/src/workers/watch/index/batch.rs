//! The rows of one transaction.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use domain::surroundings::Surrounding;
use domain::workloads::{self, Key, Node};
use store::{configs, pods, revisions};

/// What has to be written. Rows are only here if they say something new.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Batch {
    pub(crate) workloads: Vec<store::workloads::Observed>,
    pub(crate) revisions: Vec<(Key, revisions::Seen)>,
    pub(crate) pods: Vec<(Key, pods::Observed)>,
    pub(crate) events: Vec<(Key, workloads::Event)>,
    pub(crate) configs: Vec<configs::Observed>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) surroundings: Vec<Surrounding>,
    /// By namespace and object.
    pub(crate) gone_surroundings: Vec<(String, String)>,
    pub(crate) gone_workloads: Vec<Key>,
    pub(crate) gone_pods: Vec<String>,
    pub(crate) gone_nodes: Vec<String>,
    /// ConfigMaps, by namespace and name, whose contents are to be read from the cluster.
    pub(crate) wanted: Vec<(String, String)>,
    pub(crate) went_bad: Vec<WentBad>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Batch {
    /// The same rows, those of each workload for themselves and the rest together.
    pub(crate) fn apart(&self) -> Vec<(String, Self)> {
        let mut parts: BTreeMap<String, Self> = BTreeMap::new();
        // ConfigMap contents first: revisions refer to them.
        for it in &self.configs {
            parts.entry(format!(" {}", it.digest)).or_default().configs.push(it.clone());
        }
        for it in &self.workloads {
            parts.entry(it.key.to_string()).or_default().workloads.push(it.clone());
        }
        for it in &self.revisions {
            parts.entry(it.0.to_string()).or_default().revisions.push(it.clone());
        }
        for it in &self.pods {
            parts.entry(it.0.to_string()).or_default().pods.push(it.clone());
        }
        for it in &self.events {
            parts.entry(it.0.to_string()).or_default().events.push(it.clone());
        }
        let rest = Self {
            nodes: self.nodes.clone(),
            surroundings: self.surroundings.clone(),
            gone_surroundings: self.gone_surroundings.clone(),
            gone_workloads: self.gone_workloads.clone(),
            gone_pods: self.gone_pods.clone(),
            gone_nodes: self.gone_nodes.clone(),
            ..Self::default()
        };
        parts.into_iter().chain([("the rest".to_owned(), rest)]).collect()
    }
}

/// A container that has just crashed (again).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WentBad {
    pub(crate) key: Key,
    pub(crate) pod_uid: String,
    pub(crate) pod: String,
    pub(crate) container: String,
    pub(crate) digest: Option<String>,
}

pub(super) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
