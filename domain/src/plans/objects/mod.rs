//! Objects that are no workload: a route, a ConfigMap, a node, what GitOps keeps in step, a claim.
//!
//! A step depends on one part of its object only, named in one table ([`Kind::part`]). That part is in the digest
//! of the plan and in the condition of the call; the rest of the object may move as it likes.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Moved;
use crate::canonical::{self, Digest};
use crate::workloads::Owner;

pub use self::change::{Change, Set, change, is_suspended, weights};
pub use self::foreseen::Seen;
pub use self::live::Live;
pub use self::said::Said;

mod change;
mod foreseen;
mod live;
mod said;
#[cfg(test)]
mod tests;

/// Where an object is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRef {
    pub cluster: String,
    /// Empty for what belongs to no namespace.
    #[serde(default)]
    pub namespace: String,
    /// `v1`, `gateway.networking.k8s.io/v1`
    pub api_version: String,
    pub kind: String,
    pub name: String,
}

/// What an object looked like, as far as a step depends on it or can change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveObject {
    pub object: ObjectRef,
    /// `None` where there is no such object; empty where only its contents are known, as the ledger knows those of
    /// ConfigMaps: then whichever has the name is meant, as long as it holds the same.
    pub uid: Option<String>,
    /// Of [`Kind::part`] of the object; of nothing where there is none.
    pub digest: Digest,
}

/// What a step does to an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ObjectAction {
    /// Puts a ConfigMap back to these contents ([`crate::revisions::Contents::digest`]).
    ConfigRestore {
        contents: Digest,
    },
    /// Gives the backends of a route these shares: backend (`host` or `host/subset` of a VirtualService) → weight.
    SetWeights {
        weights: BTreeMap<String, i32>,
    },
    /// GitOps leaves alone what it keeps in step, until it is resumed.
    SuspendSync,
    ResumeSync,
    /// Whether nobody has resumed it meanwhile: an app of apps puts its members back by itself. Changes nothing.
    StillSuspended,
    /// No new pods on a node.
    Cordon,
    Uncordon,
    /// Evicts the pods of a node, as far as their disruption budgets allow.
    Drain,
    Create {
        manifest: Value,
    },
    Delete,
    /// Waits until a claim is bound, a restore completed. Changes nothing.
    WaitReady,
}

/// A kind of object that steps know.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Empty for the core group.
    pub group: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub namespaced: bool,
    /// JSON pointers to what steps depend on and change.
    pub part: &'static [&'static str],
    /// What may be done to it, as [`ObjectAction::as_str`].
    actions: &'static [&'static str],
}

const GITOPS: &[&str] = &["suspend_sync", "resume_sync", "still_suspended"];

/// Every kind that there are steps for.
pub const KINDS: &[Kind] = &[
    Kind {
        group: "",
        kind: "ConfigMap",
        plural: "configmaps",
        namespaced: true,
        part: &["/data", "/binaryData"],
        actions: &["config_restore"],
    },
    Kind {
        group: "",
        kind: "Node",
        plural: "nodes",
        namespaced: false,
        part: &["/spec/unschedulable"],
        actions: &["cordon", "uncordon", "drain"],
    },
    Kind {
        group: "",
        kind: "PersistentVolumeClaim",
        plural: "persistentvolumeclaims",
        namespaced: true,
        // Not the name of its volume, which comes later by itself.
        part: &[
            "/spec/accessModes",
            "/spec/dataSource",
            "/spec/resources",
            "/spec/storageClassName",
        ],
        actions: &["create", "delete", "wait_ready"],
    },
    Kind {
        group: "gateway.networking.k8s.io",
        kind: "HTTPRoute",
        plural: "httproutes",
        namespaced: true,
        part: &["/spec/rules"],
        actions: &["set_weights"],
    },
    Kind {
        group: "networking.istio.io",
        kind: "VirtualService",
        plural: "virtualservices",
        namespaced: true,
        part: &["/spec/http"],
        actions: &["set_weights"],
    },
    Kind {
        group: "argoproj.io",
        kind: "Application",
        plural: "applications",
        namespaced: true,
        part: &["/spec/syncPolicy"],
        actions: GITOPS,
    },
    Kind {
        group: "kustomize.toolkit.fluxcd.io",
        kind: "Kustomization",
        plural: "kustomizations",
        namespaced: true,
        part: &["/spec/suspend"],
        actions: GITOPS,
    },
    Kind {
        group: "helm.toolkit.fluxcd.io",
        kind: "HelmRelease",
        plural: "helmreleases",
        namespaced: true,
        part: &["/spec/suspend"],
        actions: GITOPS,
    },
    Kind {
        group: "flagger.app",
        kind: "Canary",
        plural: "canaries",
        namespaced: true,
        part: &["/spec/suspend", "/spec/revertOnDeletion", "/spec/targetRef"],
        // Suspended it freezes where it is.
        actions: &["suspend_sync", "resume_sync", "delete"],
    },
    Kind {
        group: "velero.io",
        kind: "Restore",
        plural: "restores",
        namespaced: true,
        // Velero writes its defaults into the rest.
        part: &["/spec/backupName"],
        actions: &["create", "wait_ready"],
    },
    // Only looked at, before a claim is made from it.
    Kind {
        group: "snapshot.storage.k8s.io",
        kind: "VolumeSnapshot",
        plural: "volumesnapshots",
        namespaced: true,
        part: &["/spec"],
        actions: &[],
    },
];

impl ObjectRef {
    /// A Canary of Flagger, with which its primary goes.
    pub fn is_canary(&self) -> bool {
        self.group() == "flagger.app" && self.kind == "Canary"
    }

    pub fn group(&self) -> &str {
        self.api_version.rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// What keeps a workload of this cluster in step, and leaves it alone once it is suspended. None where it cannot be
    /// told which object that is.
    pub fn keeper(cluster: &str, owner: &Owner) -> Option<Self> {
        match owner {
            Owner::Argocd(id) => Some(Self::application(cluster, id)),
            Owner::Flux(name) => {
                let mut parts = name.splitn(3, '/');
                let (kind, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
                let version = match kind {
                    "Kustomization" => "kustomize.toolkit.fluxcd.io/v1",
                    "HelmRelease" => "helm.toolkit.fluxcd.io/v2",
                    _ => return None,
                };
                Some(Self {
                    cluster: cluster.to_owned(),
                    namespace: namespace.to_owned(),
                    api_version: version.to_owned(),
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                })
            }
            Owner::None | Owner::Helm(_) | Owner::Flagger(_) => None,
        }
    }

    /// The Application that keeps a workload of this cluster in step. `argocd` is where they lie unless the tracking
    /// id says otherwise, as `NAMESPACE_NAME`.
    pub fn application(cluster: &str, tracking_id: &str) -> Self {
        let name = tracking_id.split(':').next().unwrap_or_default();
        let (namespace, name) = name.split_once('_').unwrap_or(("argocd", name));
        Self {
            cluster: cluster.to_owned(),
            namespace: namespace.to_owned(),
            api_version: "argoproj.io/v1alpha1".to_owned(),
            kind: "Application".to_owned(),
            name: name.to_owned(),
        }
    }

    /// `None` where there are no steps for such an object.
    pub fn known(&self) -> Option<&'static Kind> {
        KINDS.iter().find(|it| it.group == self.group() && it.kind == self.kind)
    }

    /// The object as it is read, or that there is none.
    pub fn live(&self, found: Option<&Value>) -> LiveObject {
        let uid = found.and_then(|it| it.pointer("/metadata/uid")?.as_str());
        LiveObject {
            object: self.clone(),
            // An object without a uid is one that only a rehearsal has seen.
            uid: found.map(|_| uid.unwrap_or_default().to_owned()),
            digest: canonical::digest(&self.part_of(found)),
        }
    }

    /// Pointer → value, without what says nothing: the API server writes neither an empty map nor an empty list.
    fn part_of(&self, found: Option<&Value>) -> Map<String, Value> {
        let paths = self.known().map_or(&["/spec"][..], |it| it.part);
        let says = |it: &&Value| **it != json!(null) && **it != json!({}) && **it != json!([]);
        let value = |path: &&str| Some((*path).to_owned()).zip(found?.pointer(path).filter(says));
        paths.iter().filter_map(value).map(|(path, value)| (path, value.clone())).collect()
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, namespace, kind, name, .. } = self;
        match namespace.is_empty() {
            true => write!(f, "{cluster}/{kind}/{name}"),
            false => write!(f, "{cluster}/{namespace}/{kind}/{name}"),
        }
    }
}

impl ObjectAction {
    /// The word for it, as in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            ObjectAction::ConfigRestore { .. } => "config_restore",
            ObjectAction::SetWeights { .. } => "set_weights",
            ObjectAction::SuspendSync => "suspend_sync",
            ObjectAction::ResumeSync => "resume_sync",
            ObjectAction::StillSuspended => "still_suspended",
            ObjectAction::Cordon => "cordon",
            ObjectAction::Uncordon => "uncordon",
            ObjectAction::Drain => "drain",
            ObjectAction::Create { .. } => "create",
            ObjectAction::Delete => "delete",
            ObjectAction::WaitReady => "wait_ready",
        }
    }

    /// Whether it changes the outside world.
    pub fn acts(&self) -> bool {
        !matches!(self, ObjectAction::StillSuspended | ObjectAction::WaitReady)
    }

    /// Whether there is such a step for such an object.
    pub fn fits(&self, object: &ObjectRef) -> bool {
        object.known().is_some_and(|it| it.actions.contains(&self.as_str()))
    }

    /// How long it is expected to take and how long it may take, in seconds.
    pub(super) fn times(&self) -> (u32, u32) {
        match self {
            ObjectAction::Drain => (60, 900),
            ObjectAction::Delete => (5, 300),
            ObjectAction::WaitReady => (60, 1800),
            _ => (1, 60),
        }
    }
}

impl LiveObject {
    /// Everything that is not as it was when `self` was written down.
    pub fn moved(&self, found: &LiveObject) -> Vec<Moved> {
        let object = self.object.clone();
        let moved = match (&self.uid, &found.uid) {
            (Some(_), None) => Some(Moved::ObjectGone { object }),
            (None, Some(found)) => Some(Moved::ObjectReplaced {
                object,
                expected: String::new(),
                found: found.clone(),
            }),
            (Some(expected), Some(found)) if !expected.is_empty() && expected != found => {
                Some(Moved::ObjectReplaced {
                    object,
                    expected: expected.clone(),
                    found: found.clone(),
                })
            }
            _ if self.digest != found.digest => Some(Moved::ObjectChanged {
                object,
                expected: self.digest.clone(),
                found: found.digest.clone(),
            }),
            _ => None,
        };
        moved.into_iter().collect()
    }

    pub fn looks_like(&self, other: &LiveObject) -> bool {
        self.object == other.object && self.moved(other).is_empty()
    }
}
