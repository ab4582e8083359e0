//! Pods: whose they are, and how they fare.

use chrono::{DateTime, Utc};
use domain::pods::{self, Bad, BadReason};

use super::{Index, Pod, Uid};
use crate::workers::watch::objects;

impl Index {
    pub(super) fn apply_pod(&mut self, it: objects::Pod, now: DateTime<Utc>) {
        let meta = it.metadata;
        let owned = meta.controller();
        let owner = owned
            .filter(|it| matches!(&*it.kind, "ReplicaSet" | "StatefulSet" | "DaemonSet"))
            .map(|it| Uid::from(it.uid.as_str()));
        let Some(controller) = owner else { return };
        let uid: Uid = meta.uid.as_str().into();
        let known = self.pods.get(&uid);
        let image_ids = it.status.container_statuses.iter().filter(|it| !it.image_id.is_empty());
        let image_ids = image_ids.map(|it| (it.name.clone(), it.image_id.clone())).collect();
        let status = pods::Status::from(it.status);
        let ready = status.ready.is_some_and(|it| it.0);
        let ever_ready =
            ready || known.is_some_and(|it| it.ever_ready) || self.once_ready.contains(&*uid);
        let terminating = meta.deletion_timestamp.is_some();
        let mut bad = pods::bad(&status, ever_ready, now).filter(|_| !terminating);
        let before = known.and_then(|it| it.bad.as_ref());
        if let (Some(bad), Some(before)) = (&mut bad, before) {
            bad.since = bad.since.min(before.since);
        }
        if let Some(container) = crashed(bad.as_ref(), before) {
            self.changed.went_bad.push((uid.clone(), container));
        }
        let pod = Pod {
            hash: meta.labels.get("controller-revision-hash").cloned(),
            name: meta.name,
            namespace: meta.namespace,
            node: it.spec.node_name,
            controller: controller.clone(),
            restarts: pods::restarts(&status),
            phase: status.phase,
            ready,
            ever_ready,
            terminating,
            created_at: meta.creation_timestamp,
            bad,
            image_ids,
        };
        if known == Some(&pod) {
            return;
        }
        self.pods.insert(uid.clone(), pod);
        self.pods_of.entry(controller.clone()).or_default().insert(uid.clone());
        self.changed.gone_pods.remove(&uid);
        self.changed.pods.insert(uid);
        if let Some(key) = self.key_of(&controller).cloned() {
            self.release_events(&meta.uid, &key);
            self.changed.workloads.insert(key);
        }
    }

    pub(super) fn delete_pod(&mut self, uid: &str) {
        let Some((uid, pod)) = self.pods.remove_entry(uid) else { return };
        if let Some(pods) = self.pods_of.get_mut(&pod.controller) {
            pods.remove(&uid);
            if pods.is_empty() {
                self.pods_of.remove(&pod.controller);
            }
        }
        self.changed.workloads.extend(self.key_of(&pod.controller).cloned());
        self.changed.pods.remove(&uid);
        self.changed.gone_pods.insert(uid);
    }
}

/// The container whose last words explain why the pod is bad, if it has just crashed (again).
fn crashed(bad: Option<&Bad>, before: Option<&Bad>) -> Option<String> {
    let bad = bad.filter(|it| {
        matches!(it.reason, BadReason::CrashLoop | BadReason::Oom | BadReason::Failed)
    })?;
    let again = before.is_none_or(|it| it.restarts < bad.restarts || it.reason != bad.reason);
    bad.container.clone().filter(|_| again)
}
