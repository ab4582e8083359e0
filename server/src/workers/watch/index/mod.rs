//! What a cluster holds, in memory, and what of it has to be written.
//!
//! Plain synchronous code: objects go in by [`Index::apply`], [`Index::delete`] and [`Index::replace`], rows come
//! out by [`Index::take`]. Of a template only its digest stays here; the text goes out with the first row that
//! needs it.
//!
//! **Invariant:** objects may come in any order. A pod may be seen before its ReplicaSet and that before its
//! Deployment; what belongs together is found when the last of it is there.

mod around;
mod batch;
mod build;
mod pods;
mod sets;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::canonical::{self, Digest};
use domain::pods::Bad;
use domain::readiness::Shape;
use domain::revisions::{self, Contents};
use domain::rollouts::Progress;
use domain::workloads::{
    self, Condition, Counts, Image, Key, LAST_APPLIED, Node, Owner, Update, WorkloadKind,
};
use store::revisions::Body;

use self::around::{Surrounded, place};
pub(crate) use self::batch::{Batch, WentBad};
use super::objects::{self, Meta, Object};
use super::surrounding::Around;

type Uid = Arc<str>;

#[derive(Debug, Default)]
pub(crate) struct Index {
    workloads: HashMap<Key, Workload>,
    /// By uid of the workload.
    keys: HashMap<Uid, Key>,
    /// ReplicaSets and ControllerRevisions: what the cluster keeps of a workload's templates.
    sets: HashMap<Uid, Set>,
    /// By uid of the workload.
    sets_of: HashMap<Uid, BTreeSet<Uid>>,
    pods: HashMap<Uid, Pod>,
    /// By uid of the controller: a ReplicaSet, StatefulSet or DaemonSet.
    pods_of: HashMap<Uid, BTreeSet<Uid>>,
    /// By namespace and name.
    configs: HashMap<(String, String), Config>,
    /// The workloads that refer to a ConfigMap.
    referring: HashMap<(String, String), BTreeSet<Key>>,
    nodes: BTreeMap<String, Node>,
    /// By namespace, kind and name.
    arounds: HashMap<(String, String), Surrounded>,
    /// Pods that were ready before this index began.
    once_ready: HashSet<String>,
    /// By Deployment: the Rollouts that take their template from it.
    rollouts_of: HashMap<Key, BTreeSet<Key>>,
    /// By uid of what they are about.
    waiting_events: HashMap<String, Vec<workloads::Event>>,
    changed: Changed,
}

/// What is to be written.
#[derive(Debug, Default)]
struct Changed {
    workloads: BTreeSet<Key>,
    pods: BTreeSet<Uid>,
    gone_workloads: BTreeSet<Key>,
    gone_pods: BTreeSet<Uid>,
    contents: BTreeMap<Digest, Contents>,
    nodes: BTreeSet<String>,
    surroundings: BTreeSet<(String, String)>,
    events: Vec<(Key, workloads::Event)>,
    /// ConfigMaps whose contents are needed and no longer at hand.
    wanted: BTreeSet<(String, String)>,
    went_bad: Vec<(Uid, String)>,
}

#[derive(Debug)]
struct Workload {
    uid: Uid,
    owner: Owner,
    paused: bool,
    shape: Shape,
    counts: Counts,
    update: Update,
    last_applied: bool,
    /// Of what cannot be changed in place.
    fixed: Option<Digest>,
    conditions: Vec<Condition>,
    canary: Option<Progress>,
    digest: Digest,
    /// Of the same template as a Rollout counts it.
    as_rollout: Option<Digest>,
    images: Vec<Image>,
    refs: BTreeSet<String>,
    /// The live template until it was written.
    body: Option<Body>,
    /// Hash of the row that was written last.
    written: Option<u64>,
    /// All ConfigMaps of the live template and of those kept by the cluster.
    all_refs: BTreeSet<String>,
}

#[derive(Debug)]
struct Set {
    owner: Uid,
    name: String,
    revision: i64,
    digest: Digest,
    refs: BTreeSet<String>,
    /// Of the annotations: a change cause may be given later.
    annotations: u64,
    body: Option<Body>,
    written: Option<u64>,
}

#[derive(Debug, PartialEq)]
struct Pod {
    name: String,
    namespace: String,
    node: String,
    controller: Uid,
    /// The label that names the ControllerRevision.
    hash: Option<String>,
    phase: String,
    ready: bool,
    ever_ready: bool,
    terminating: bool,
    restarts: i32,
    created_at: Option<DateTime<Utc>>,
    bad: Option<Bad>,
    image_ids: Vec<(String, String)>,
}

#[derive(Debug)]
struct Config {
    uid: String,
    digest: Digest,
    /// Its contents were handed out to be kept.
    kept: bool,
}

/// Which objects a list was of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Workload(WorkloadKind),
    ReplicaSet,
    ControllerRevision,
    Pod,
    ConfigMap,
    Node,
    Event,
    Around(Around),
    Release,
}

impl Index {
    /// `once_ready`: the uids of pods that are known to have been ready.
    pub(crate) fn new(once_ready: impl IntoIterator<Item = String>) -> Self {
        Self { once_ready: once_ready.into_iter().collect(), ..Self::default() }
    }

    /// An object was added or changed.
    pub(crate) fn apply(&mut self, object: Object, now: DateTime<Utc>) {
        match object {
            Object::Workload(kind, it) => self.apply_workload(kind, *it),
            Object::ReplicaSet(it) => self.apply_replica_set(*it),
            Object::ControllerRevision(it) => self.apply_controller_revision(*it),
            Object::Pod(it) => self.apply_pod(*it, now),
            Object::ConfigMap(it) => self.apply_config(*it),
            Object::Node(it) => self.apply_node(*it),
            Object::Event(it) => self.apply_event(*it, now),
            Object::Around(around, it) => self.apply_around(around, *it, now),
            // Kept apart from what runs: see `releases`.
            Object::Release(_) => {}
        }
    }

    pub(crate) fn delete(&mut self, object: &Object) {
        let meta = object.meta();
        match object {
            Object::Workload(kind, _) => self.delete_workload(&key(*kind, meta), &meta.uid),
            Object::ReplicaSet(_) | Object::ControllerRevision(_) => self.delete_set(&meta.uid),
            Object::Pod(_) => self.delete_pod(&meta.uid),
            Object::ConfigMap(_) => self.delete_config(&meta.namespace, &meta.name),
            Object::Node(_) => self.delete_node(&meta.name),
            Object::Event(_) | Object::Release(_) => {}
            Object::Around(around, _) => self.delete_around(&place(*around, meta)),
        }
    }

    /// A list was read anew: what is not in it any more was deleted meanwhile. `uids` are those of the list.
    pub(crate) fn replace(&mut self, kind: Kind, namespace: Option<&str>, uids: &HashSet<String>) {
        let inside = |it: &str| namespace.is_none_or(|only| only == it);
        match kind {
            Kind::Workload(kind) => {
                let gone = self.workloads.iter().filter(|(key, it)| {
                    key.kind == kind && inside(&key.namespace) && !uids.contains(&*it.uid)
                });
                let gone: Vec<_> =
                    gone.map(|(key, it)| (key.clone(), it.uid.to_string())).collect();
                gone.iter().for_each(|(key, uid)| self.delete_workload(key, uid));
            }
            Kind::ReplicaSet | Kind::ControllerRevision => {
                let of_deployment = kind == Kind::ReplicaSet;
                let gone = self.sets.iter().filter(|(uid, set)| {
                    let owner = self.keys.get(&set.owner);
                    let same = owner.is_none_or(|it| {
                        let replica_sets = [WorkloadKind::Deployment, WorkloadKind::Rollout];
                        replica_sets.contains(&it.kind) == of_deployment && inside(&it.namespace)
                    });
                    same && owner.is_some() && !uids.contains(&***uid)
                });
                let gone: Vec<_> = gone.map(|(uid, _)| uid.clone()).collect();
                gone.iter().for_each(|uid| self.delete_set(uid));
            }
            Kind::Pod => {
                let gone = self
                    .pods
                    .iter()
                    .filter(|(uid, it)| inside(&it.namespace) && !uids.contains(&***uid));
                let gone: Vec<_> = gone.map(|(uid, _)| uid.clone()).collect();
                gone.iter().for_each(|uid| self.delete_pod(uid));
            }
            Kind::ConfigMap => {
                let gone = self
                    .configs
                    .iter()
                    .filter(|((of, _), it)| inside(of) && !uids.contains(&*it.uid));
                let gone: Vec<_> = gone.map(|(name, _)| name.clone()).collect();
                gone.iter().for_each(|(namespace, name)| self.delete_config(namespace, name));
            }
            Kind::Node => {
                let gone = self.nodes.keys().filter(|it| !uids.contains(*it));
                let gone: Vec<_> = gone.cloned().collect();
                gone.iter().for_each(|name| self.delete_node(name));
            }
            Kind::Around(around) => self.replace_arounds(around, &inside, uids),
            Kind::Event | Kind::Release => {}
        }
    }

    /// Every workload that is there.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.workloads.keys()
    }

    /// The uid of every pod that is there.
    pub(crate) fn pod_uids(&self) -> impl Iterator<Item = &str> {
        self.pods.keys().map(|it| &**it)
    }

    fn apply_workload(&mut self, kind: WorkloadKind, it: objects::Workload) {
        let key = key(kind, &it.metadata);
        let counts = counts(kind, &it);
        let (update, fixed) = (it.spec.update(kind), it.spec.fixed(kind));
        let shape = it.spec.shape();
        let digest = match kind {
            WorkloadKind::Rollout => canonical::rollout_template(&it.spec.template),
            _ => canonical::template(&it.spec.template),
        };
        let as_rollout = (kind == WorkloadKind::Deployment)
            .then(|| canonical::rollout_template(&it.spec.template));
        let known = self.workloads.remove(&key);
        let same_object = known.as_ref().is_some_and(|old| *old.uid == *it.metadata.uid);
        if let Some(old) = known.as_ref().filter(|_| !same_object) {
            self.keys.remove(&old.uid);
        }
        let canary = it.metadata.controller().filter(|it| it.kind == "Canary");
        let owner = Owner::detect(
            &it.metadata.labels,
            &it.metadata.annotations,
            canary.map(|it| it.name.as_str()),
        );
        let same_template = known.as_ref().is_some_and(|old| old.digest == digest);
        let (old_body, old_images, written, all_refs) = match known {
            Some(old) => (old.body, Some(old.images), old.written, old.all_refs),
            None => (None, None, None, BTreeSet::new()),
        };
        // With what is known already of where their tags lead.
        let images = old_images.filter(|_| same_template);
        let images = images.unwrap_or_else(|| revisions::images(&it.spec.template));
        let refs = revisions::config_refs(&it.spec.template);
        let body = old_body.filter(|_| same_template).or_else(|| {
            (!same_template).then(|| Body {
                template: revisions::without_hash(it.spec.template),
                annotations: BTreeMap::new(),
                change_cause: it.metadata.annotations.get(revisions::CHANGE_CAUSE).cloned(),
                created_at: it.metadata.creation_timestamp.unwrap_or_default(),
            })
        });
        let uid: Uid = it.metadata.uid.as_str().into();
        self.keys.insert(uid.clone(), key.clone());
        let workload = Workload {
            uid,
            owner,
            paused: it.spec.paused,
            shape,
            counts,
            update,
            last_applied: it.metadata.annotations.contains_key(LAST_APPLIED),
            fixed,
            conditions: it.status.conditions.into_iter().map(Into::into).collect(),
            canary: it.canary,
            digest,
            as_rollout,
            images,
            refs,
            body,
            written,
            all_refs,
        };
        self.workloads.insert(key.clone(), workload);
        self.release_events(&it.metadata.uid, &key);
        self.changed.gone_workloads.remove(&key);
        self.borrow_template(&key);
        for rollout in self.rollouts_of.get(&key).cloned().into_iter().flatten() {
            self.borrow_template(&rollout);
            self.changed.workloads.insert(rollout);
        }
        self.changed.workloads.insert(key);
    }

    /// The template of a Rollout may be that of a Deployment, whichever of them is seen first.
    fn borrow_template(&mut self, key: &Key) {
        let canary = self.workloads.get(key).and_then(|it| it.canary.as_ref());
        let Some(name) = canary.and_then(|it| it.workload_ref.clone()) else { return };
        let deployment = Key { kind: WorkloadKind::Deployment, name, ..key.clone() };
        self.rollouts_of.entry(deployment.clone()).or_default().insert(key.clone());
        let Some(lender) = self.workloads.get(&deployment) else { return };
        let Some(digest) = lender.as_rollout.clone() else { return };
        let (images, refs) = (lender.images.clone(), lender.refs.clone());
        if let Some(rollout) = self.workloads.get_mut(key) {
            (rollout.digest, rollout.images, rollout.refs) = (digest, images, refs);
            // It is written down with the ReplicaSet that is made from it.
            rollout.body = None;
        }
    }

    fn delete_workload(&mut self, key: &Key, uid: &str) {
        // An object of the same name may have come already.
        let Some(workload) = self.workloads.get(key).filter(|it| *it.uid == *uid) else { return };
        let refs = workload.all_refs.clone();
        self.refer(key, &refs, &BTreeSet::new());
        self.workloads.remove(key);
        self.keys.remove(uid);
        self.changed.workloads.remove(key);
        self.changed.gone_workloads.insert(key.clone());
    }

    /// The workload behind a ReplicaSet, or the workload itself.
    fn key_of(&self, controller: &str) -> Option<&Key> {
        match self.sets.get(controller) {
            Some(set) => self.keys.get(&set.owner),
            None => self.keys.get(controller),
        }
    }

    /// Notes to which ConfigMaps a workload refers from now on.
    fn refer(&mut self, key: &Key, before: &BTreeSet<String>, after: &BTreeSet<String>) {
        for name in before.difference(after) {
            let config = (key.namespace.clone(), name.clone());
            if let Some(workloads) = self.referring.get_mut(&config) {
                workloads.remove(key);
                if workloads.is_empty() {
                    self.referring.remove(&config);
                }
            }
        }
        for name in after.difference(before) {
            let config = (key.namespace.clone(), name.clone());
            self.referring.entry(config).or_default().insert(key.clone());
        }
    }
}

fn key(kind: WorkloadKind, meta: &Meta) -> Key {
    Key { namespace: meta.namespace.clone(), kind, name: meta.name.clone() }
}

fn counts(kind: WorkloadKind, it: &objects::Workload) -> Counts {
    let (spec, status) = (&it.spec, &it.status);
    let generation = it.metadata.generation;
    let observed_generation = status.observed_generation;
    match kind {
        WorkloadKind::DaemonSet => Counts {
            generation,
            observed_generation,
            replicas: status.desired_number_scheduled,
            current: status.current_number_scheduled,
            updated: status.updated_number_scheduled,
            ready: status.number_ready,
            available: status.number_available,
            to_update: status.desired_number_scheduled,
        },
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::Rollout => {
            let replicas = spec.replicas.unwrap_or(1);
            let partition = spec.update_strategy.rolling_update.partition.unwrap_or_default();
            Counts {
                generation,
                observed_generation,
                replicas,
                current: status.replicas,
                updated: status.updated_replicas,
                ready: status.ready_replicas,
                available: status.available_replicas,
                to_update: (replicas - partition).max(0),
            }
        }
    }
}
