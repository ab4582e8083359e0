//! What runs in a cluster: Deployments, StatefulSets, DaemonSets and Argo's Rollouts as the watch saw them last.
//!
//! **Invariant:** a workload is known by cluster, namespace, kind and name; its `uid` says whether it is
//! still the same object. What is written here was observed, never wished for.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::ids::{ServiceId, WorkloadId};
use crate::rollouts::Progress;
use crate::services::WorkloadRef;

pub use crate::services::WorkloadKind;

/// The name of a workload inside one cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    pub namespace: String,
    pub kind: WorkloadKind,
    pub name: String,
}

/// `shop/Deployment/api-gateway`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.kind.as_str(), self.name)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    pub id: WorkloadId,
    /// The name of the cluster in the catalog.
    pub cluster: String,
    pub namespace: String,
    pub kind: WorkloadKind,
    pub name: String,
    /// The service that names this workload in the catalog.
    pub service: Option<ServiceId>,
    pub uid: String,
    pub owner: Owner,
    pub paused: bool,
    /// Paused by a run of ours; cleared by the watch as soon as it is seen running again.
    pub paused_by_us: bool,
    /// Pods that are asked for.
    pub replicas: i32,
    pub ready: i32,
    /// Pods of the live revision.
    pub updated: i32,
    pub rollout: Rollout,
    /// `None` for what was seen last before it was written down.
    #[serde(default)]
    pub update: Option<Update>,
    pub live: Live,
    /// `kubectl apply` wrote down what it is to be, and merges against that the next time.
    #[serde(default)]
    pub last_applied: bool,
    /// How far its canary has come, of a Rollout.
    pub canary: Option<Progress>,
    pub conditions: Vec<Condition>,
    /// Since when the live revision has been fully rolled out without a bad pod.
    pub healthy_since: Option<DateTime<Utc>>,
    /// When something about it was last seen to change.
    pub seen_at: DateTime<Utc>,
    /// Deleted from the cluster; its revisions stay.
    pub gone_at: Option<DateTime<Utc>>,
}

impl Workload {
    /// How the catalog and plans name it.
    pub fn reference(&self) -> WorkloadRef {
        WorkloadRef {
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            kind: self.kind,
            name: self.name.clone(),
        }
    }
}

/// Where `kubectl apply` keeps what it was given.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

words!(
    /// How pods come to a new template, as the API writes it. The first word is the usual one.
    UpdateBy { RollingUpdate = "RollingUpdate", Recreate = "Recreate", OnDelete = "OnDelete" }
);

/// What happens to the pods when the template changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Update {
    pub by: UpdateBy,
    /// Pods of a StatefulSet with a lower number keep their template.
    pub partition: i32,
    /// A StatefulSet that waits for each pod before it goes on (OrderedReady).
    pub ordered: bool,
}

impl Update {
    /// Whether a new template reaches every pod without anybody's doing.
    pub fn reaches_all(self) -> bool {
        self.by != UpdateBy::OnDelete && self.partition <= 0
    }

    /// Whether the controller can leave pods of another template behind, so that somebody has to delete them.
    pub fn leaves_pods(self) -> bool {
        self.by == UpdateBy::OnDelete || self.ordered
    }
}

/// The template that the workload asks for now, whether or not its pods are there yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// As `kubectl rollout history` numbers it; 0 until the controller has given a number.
    pub revision: i64,
    pub digest: Digest,
    pub config_digest: Digest,
    pub images: Vec<Image>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Image {
    pub container: String,
    pub image: String,
    /// What the tag stood for when a pod ran it, as the node reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
}

impl Image {
    /// Whether this is the image of this reference or this digest (`sha256:…`).
    pub fn is(&self, wanted: &str) -> bool {
        let named = |it: &str| {
            it == wanted || it.strip_suffix(wanted).is_some_and(|name| name.ends_with('@'))
        };
        named(&self.image) || self.image_id.as_deref().is_some_and(named)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Rollout {
    /// Every pod is of the live revision and available.
    Settled,
    Progressing,
    /// The controller gave up waiting (`progressDeadlineSeconds`).
    Stuck {
        reason: String,
    },
}

impl Rollout {
    /// The word of the API: `settled|progressing|stuck`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Rollout::Settled => "settled",
            Rollout::Progressing => "progressing",
            Rollout::Stuck { .. } => "stuck",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Condition {
    pub kind: String,
    /// `True`, `False` or `Unknown`, as the API writes it.
    pub status: String,
    pub reason: String,
    pub message: String,
}

/// What a workload says about itself, from which its rollout state is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    pub generation: i64,
    pub observed_generation: i64,
    pub replicas: i32,
    /// All pods, of old revisions too.
    pub current: i32,
    pub updated: i32,
    pub ready: i32,
    pub available: i32,
    /// Pods that are to be of the live revision; smaller than `replicas` under a StatefulSet's partition.
    pub to_update: i32,
}

/// As `kubectl rollout status` reads it: not settled until the controller has seen the newest template.
pub fn rollout(counts: &Counts, conditions: &[Condition]) -> Rollout {
    let stuck = conditions.iter().find(|it| {
        it.kind == "Progressing" && it.status == "False" && it.reason == "ProgressDeadlineExceeded"
    });
    let seen = counts.observed_generation >= counts.generation;
    match stuck {
        Some(it) if seen => Rollout::Stuck { reason: it.message.clone() },
        _ if !seen
            || counts.updated < counts.to_update
            || counts.current > counts.replicas
            || counts.available < counts.replicas =>
        {
            Rollout::Progressing
        }
        _ => Rollout::Settled,
    }
}

/// Who will put the workload back if we change it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Owner {
    None,
    /// A Helm release of this name.
    Helm(String),
    /// The tracking id of an Argo CD application.
    Argocd(String),
    /// A Kustomization or HelmRelease of Flux, as `KIND/NAMESPACE/NAME`; its name alone where no label says the rest.
    Flux(String),
    /// A Flagger canary.
    Flagger(String),
}

impl Owner {
    /// The word of the API: `none|helm|argocd|flux|flagger`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Owner::None => "none",
            Owner::Helm(_) => "helm",
            Owner::Argocd(_) => "argocd",
            Owner::Flux(_) => "flux",
            Owner::Flagger(_) => "flagger",
        }
    }

    pub fn name(&self) -> Option<&str> {
        match self {
            Owner::None => None,
            Owner::Helm(it) | Owner::Argocd(it) | Owner::Flux(it) | Owner::Flagger(it) => Some(it),
        }
    }

    /// `None` for a word or a mix that [`Owner::as_str`] and [`Owner::name`] cannot have made.
    pub fn parse(word: &str, name: Option<String>) -> Option<Self> {
        match (word, name) {
            ("none", None) => Some(Owner::None),
            ("helm", Some(it)) => Some(Owner::Helm(it)),
            ("argocd", Some(it)) => Some(Owner::Argocd(it)),
            ("flux", Some(it)) => Some(Owner::Flux(it)),
            ("flagger", Some(it)) => Some(Owner::Flagger(it)),
            _ => None,
        }
    }

    /// From what stands on the object. Who steers by rollouts comes first, then who restores from Git, then
    /// who only installed it: a Flux HelmRelease carries Helm's label too. `canary` is the Canary that
    /// controls the object. The label `app.kubernetes.io/instance` alone proves nothing about Argo CD.
    pub fn detect(
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
        canary: Option<&str>,
    ) -> Self {
        let label = |name: &str| labels.get(name).cloned();
        let annotation = |name: &str| annotations.get(name).cloned();
        if let Some(canary) = canary {
            return Owner::Flagger(canary.to_owned());
        }
        if let Some(id) = annotation("argocd.argoproj.io/tracking-id") {
            return Owner::Argocd(id);
        }
        for (kind, group) in [("Kustomization", "kustomize"), ("HelmRelease", "helm")] {
            let of = |what| label(&format!("{group}.toolkit.fluxcd.io/{what}"));
            if let Some(name) = of("name") {
                let whole = of("namespace").map(|it| format!("{kind}/{it}/{name}"));
                return Owner::Flux(whole.unwrap_or(name));
            }
        }
        let by_helm =
            label("app.kubernetes.io/managed-by").is_some_and(|it| it.eq_ignore_ascii_case("helm"));
        match annotation("meta.helm.sh/release-name") {
            Some(release) if by_helm => Owner::Helm(release),
            _ => Owner::None,
        }
    }
}

/// A node as far as it explains pods.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Node {
    pub name: String,
    pub ready: bool,
    /// Short of memory, disk or process ids.
    pub pressure: bool,
    /// Another one after it was started anew; empty where the cluster does not say.
    #[serde(default)]
    pub boot_id: String,
    /// When it was first seen under its boot id, where it had another before.
    #[serde(default)]
    pub rebooted_at: Option<DateTime<Utc>>,
}

/// What happened to a workload or its pods, in the words of the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub uid: String,
    /// `Pod/api-gateway-7d4b9-x2x`.
    pub object: String,
    pub warning: bool,
    pub reason: String,
    pub message: String,
    pub count: i32,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_owner_is_who_would_put_it_back() {
        let helm = ("app.kubernetes.io/managed-by", "Helm");
        let release = ("meta.helm.sh/release-name", "shop");
        let tracking = ("argocd.argoproj.io/tracking-id", "shop:apps/Deployment:shop/api");
        let flux = ("helm.toolkit.fluxcd.io/name", "shop");
        for (labels, annotations, canary, expected) in [
            (map(&[]), map(&[]), None, Owner::None),
            (map(&[helm]), map(&[release]), None, Owner::Helm("shop".into())),
            (map(&[helm]), map(&[]), None, Owner::None),
            (map(&[]), map(&[release]), None, Owner::None),
            (map(&[("app.kubernetes.io/instance", "shop")]), map(&[]), None, Owner::None),
            (map(&[helm]), map(&[release, tracking]), None, Owner::Argocd(tracking.1.into())),
            (map(&[helm, flux]), map(&[release]), None, Owner::Flux("shop".into())),
            (
                map(&[helm, flux, ("helm.toolkit.fluxcd.io/namespace", "apps")]),
                map(&[release]),
                None,
                Owner::Flux("HelmRelease/apps/shop".into()),
            ),
            (map(&[helm]), map(&[release]), Some("api"), Owner::Flagger("api".into())),
        ] {
            let owner = Owner::detect(&labels, &annotations, canary);
            assert_eq!(owner, expected, "{labels:?} {annotations:?}");
            let name = owner.name().map(str::to_owned);
            assert_eq!(Owner::parse(owner.as_str(), name), Some(expected));
        }
    }

    #[test]
    fn a_rollout_is_settled_when_every_pod_is_new_and_available() {
        let settled = Counts {
            generation: 2,
            observed_generation: 2,
            replicas: 3,
            current: 3,
            updated: 3,
            ready: 3,
            available: 3,
            to_update: 3,
        };
        let deadline = Condition {
            kind: "Progressing".into(),
            status: "False".into(),
            reason: "ProgressDeadlineExceeded".into(),
            message: "ReplicaSet has timed out progressing.".into(),
        };
        let stuck = Rollout::Stuck { reason: deadline.message.clone() };
        for (counts, conditions, expected) in [
            (settled, vec![], Rollout::Settled),
            (Counts { observed_generation: 1, ..settled }, vec![], Rollout::Progressing),
            (Counts { updated: 2, ..settled }, vec![], Rollout::Progressing),
            (Counts { updated: 1, to_update: 1, ..settled }, vec![], Rollout::Settled),
            (Counts { current: 4, ..settled }, vec![], Rollout::Progressing),
            (Counts { available: 2, ..settled }, vec![], Rollout::Progressing),
            (Counts { updated: 1, ..settled }, vec![deadline.clone()], stuck),
            // What the controller said about the template before this one.
            (Counts { observed_generation: 1, ..settled }, vec![deadline], Rollout::Progressing),
        ] {
            assert_eq!(rollout(&counts, &conditions), expected, "{counts:?}");
        }
    }
}
