//! ReplicaSets and ControllerRevisions: the templates that the cluster keeps of a workload.

use domain::canonical::{self, Digest};
use domain::revisions;
use store::revisions::Body;

use super::super::objects::{self, Meta};
use super::{Index, Set, Uid, batch};

impl Index {
    pub(super) fn apply_replica_set(&mut self, it: objects::ReplicaSet) {
        let Some(owner) = it.metadata.controller() else { return };
        let (numbered, digest) = match &*owner.kind {
            "Deployment" => {
                ("deployment.kubernetes.io/revision", canonical::template(&it.spec.template))
            }
            "Rollout" => {
                ("rollout.argoproj.io/revision", canonical::rollout_template(&it.spec.template))
            }
            _ => return,
        };
        let revision = it.metadata.annotations.get(numbered);
        let revision = revision.and_then(|it| it.parse().ok()).unwrap_or_default();
        let owner = owner.uid.as_str().into();
        self.apply_set(&it.metadata, owner, revision, digest, it.spec.template);
    }

    pub(super) fn apply_controller_revision(&mut self, it: objects::ControllerRevision) {
        let owned = it.metadata.controller();
        let owner = owned.filter(|it| matches!(&*it.kind, "StatefulSet" | "DaemonSet"));
        let template = revisions::of_controller_revision(&it.data);
        let (Some(owner), Some(template)) = (owner, template) else { return };
        let owner = owner.uid.as_str().into();
        let digest = canonical::template(&template);
        self.apply_set(&it.metadata, owner, it.revision, digest, template);
    }

    fn apply_set(
        &mut self,
        meta: &Meta,
        owner: Uid,
        revision: i64,
        digest: Digest,
        template: serde_json::Value,
    ) {
        let uid: Uid = meta.uid.as_str().into();
        let kept = revisions::kept_annotations(&meta.annotations);
        let annotations = batch::hash(&kept);
        let known = self.sets.remove(&uid);
        let moved = known.as_ref().is_none_or(|old| old.digest != digest);
        let same = known.filter(|old| old.digest == digest && old.annotations == annotations);
        let (body, written) = match same {
            Some(old) => (old.body, old.written),
            None => {
                let body = Body {
                    template: revisions::without_hash(template.clone()),
                    change_cause: kept.get(revisions::CHANGE_CAUSE).cloned(),
                    annotations: kept,
                    created_at: meta.creation_timestamp.unwrap_or_default(),
                };
                (Some(body), None)
            }
        };
        let set = Set {
            owner: owner.clone(),
            name: meta.name.clone(),
            revision,
            digest,
            refs: revisions::config_refs(&template),
            annotations,
            body,
            written,
        };
        self.sets.insert(uid.clone(), set);
        self.sets_of.entry(owner.clone()).or_default().insert(uid.clone());
        if moved {
            // Pods that were seen before it learn only now what they run.
            for controller in [&uid, &owner] {
                let pods = self.pods_of.get(controller).into_iter().flatten().cloned();
                self.changed.pods.extend(pods);
            }
        }
        if let Some(key) = self.keys.get(&owner).cloned() {
            self.release_events(&meta.uid, &key);
            self.changed.workloads.insert(key);
        }
    }

    pub(super) fn delete_set(&mut self, uid: &str) {
        let Some(set) = self.sets.remove(uid) else { return };
        if let Some(sets) = self.sets_of.get_mut(&set.owner) {
            sets.remove(uid);
            if sets.is_empty() {
                self.sets_of.remove(&set.owner);
            }
        }
        self.changed.workloads.extend(self.keys.get(&set.owner).cloned());
    }
}
