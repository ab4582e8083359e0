//! From what is known of a workload to its rows.

use std::collections::{BTreeMap, BTreeSet};

use domain::canonical::Digest;
use domain::revisions;
use domain::workloads::{self, Key, Owner, Rollout};
use store::revisions::Seen;
use store::workloads::Observed;
use store::{configs, pods};

use super::batch::{Batch, WentBad, hash};
use super::{Index, Pod, Set, Uid, Workload};

/// The revision number that says which template of several with one digest is meant; the row is written under
/// the highest.
type Numbered<'a> = BTreeMap<&'a Digest, (&'a Uid, &'a Set)>;

impl Index {
    pub(crate) fn has_changes(&self) -> bool {
        let it = &self.changed;
        !(it.workloads.is_empty()
            && it.pods.is_empty()
            && it.gone_workloads.is_empty()
            && it.gone_pods.is_empty()
            && it.contents.is_empty()
            && it.nodes.is_empty()
            && it.surroundings.is_empty()
            && it.events.is_empty()
            && it.went_bad.is_empty())
    }

    /// The rows of up to `limit` workloads and pods that have changed; more stay for the next time.
    pub(crate) fn take(&mut self, limit: usize) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..limit {
            let Some(key) = self.changed.workloads.pop_first() else { break };
            self.build(&key, &mut batch);
        }
        // Rows of a workload come before those that refer to it.
        if self.changed.workloads.is_empty() {
            self.take_the_rest(limit, &mut batch);
        }
        let contents = std::mem::take(&mut self.changed.contents).into_iter();
        batch.configs =
            contents.map(|(digest, contents)| configs::Observed { digest, contents }).collect();
        batch.wanted = std::mem::take(&mut self.changed.wanted).into_iter().collect();
        batch
    }

    fn take_the_rest(&mut self, limit: usize, batch: &mut Batch) {
        for _ in 0..limit {
            let Some(uid) = self.changed.pods.pop_first() else { break };
            if let Some(pod) = self.pods.get(&uid)
                && let Some(key) = self.key_of(&pod.controller)
            {
                batch.pods.push((key.clone(), self.pod_row(&uid, pod)));
            }
        }
        let changed = &mut self.changed;
        batch.gone_workloads = std::mem::take(&mut changed.gone_workloads).into_iter().collect();
        let gone_pods = std::mem::take(&mut changed.gone_pods);
        batch.gone_pods = gone_pods.into_iter().map(|it| it.to_string()).collect();
        batch.events = std::mem::take(&mut changed.events);
        for name in std::mem::take(&mut changed.nodes) {
            match self.nodes.get(&name) {
                Some(node) => batch.nodes.push(node.clone()),
                None => batch.gone_nodes.push(name),
            }
        }
        for place in std::mem::take(&mut changed.surroundings) {
            match self.arounds.get(&place).and_then(|it| it.row.clone()) {
                Some(row) => batch.surroundings.push(row),
                None => batch.gone_surroundings.push(place),
            }
        }
        if self.changed.pods.is_empty() {
            let went_bad = std::mem::take(&mut self.changed.went_bad);
            batch.went_bad = went_bad.into_iter().filter_map(|it| self.went_bad(it)).collect();
        }
    }

    fn build(&mut self, key: &Key, batch: &mut Batch) {
        let Some(mut workload) = self.workloads.remove(key) else { return };
        self.note_refs(key, &mut workload);
        self.note_image_ids(&mut workload);
        let (row, revisions, written) = self.rows(key, &workload);
        let now_written = hash(&row);
        if workload.written != Some(now_written) {
            workload.written = Some(now_written);
            batch.workloads.push(row);
        }
        workload.body = None;
        for (uid, hash) in written {
            if let Some(set) = self.sets.get_mut(&uid) {
                set.body = None;
                set.written = Some(hash);
            }
        }
        batch.revisions.extend(revisions.into_iter().map(|it| (key.clone(), it)));
        self.workloads.insert(key.clone(), workload);
    }

    /// Refers to the ConfigMaps of the live template and of all that are kept, and asks for those whose
    /// contents passed by before anybody referred to them.
    fn note_refs(&mut self, key: &Key, workload: &mut Workload) {
        let mut refs = workload.refs.clone();
        refs.extend(self.sets_of(&workload.uid).flat_map(|(_, it)| it.refs.iter().cloned()));
        self.refer(key, &workload.all_refs, &refs);
        for name in &refs {
            let config = (key.namespace.clone(), name.clone());
            if self.configs.get(&config).is_some_and(|it| !it.kept) {
                self.changed.wanted.insert(config);
            }
        }
        workload.all_refs = refs;
    }

    /// What the tags of the live template stand for in a pod that runs it: the same pod's answer each time,
    /// however many there are, and the last one when there are none any more.
    fn note_image_ids(&self, workload: &mut Workload) {
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        for (_, pod) in self.pods_of(workload) {
            if !pod.image_ids.is_empty() && self.digest_of(pod) == Some(&workload.digest) {
                for (container, id) in &pod.image_ids {
                    let best = ids.entry(container.clone()).or_insert_with(|| id.clone());
                    if id < best {
                        best.clone_from(id);
                    }
                }
            }
        }
        for image in &mut workload.images {
            image.image_id = ids.remove(&image.container).or_else(|| image.image_id.take());
        }
    }

    fn sets_of(&self, workload: &Uid) -> impl Iterator<Item = (&Uid, &Set)> {
        let sets = self.sets_of.get(workload).into_iter().flatten();
        sets.filter_map(|uid| self.sets.get_key_value(uid))
    }

    /// The row of the workload, those of its revisions that say something new, and what is to be remembered of
    /// the latter.
    fn rows(&self, key: &Key, it: &Workload) -> (Observed, Vec<Seen>, Vec<(Uid, u64)>) {
        let mut sets: Numbered<'_> = BTreeMap::new();
        for (uid, set) in self.sets_of(&it.uid) {
            let best = sets.entry(&set.digest).or_insert((uid, set));
            if set.revision > best.1.revision {
                *best = (uid, set);
            }
        }
        let pods = self.pods_of(it);
        let row = self.workload_row(key, it, &sets, &pods);
        // A release that a partition holds back has not been rolled out, however well its share fares.
        let settled = row.rollout == "settled"
            && it.counts.replicas > 0
            && it.counts.updated >= it.counts.replicas;

        let mut rows = Vec::new();
        let mut written = Vec::new();
        for (digest, (uid, set)) in &sets {
            let live = **digest == it.digest;
            let (config_digest, configs) = self.config(key, &set.refs);
            let mut seen = Seen {
                revision: set.revision,
                digest: set.digest.clone(),
                config_digest,
                live,
                rolled_out: live && settled,
                images: live.then(|| it.images.clone()),
                fixed: it.fixed.clone().filter(|_| live),
                body: None,
                configs,
            };
            // Contents that came after the row are not in it yet.
            let kept = self.keeps(key, &set.refs);
            let now = hash(&(
                (seen.revision, live, seen.rolled_out, kept),
                (&seen.config_digest, &seen.configs, &seen.images, &seen.fixed),
            ));
            if set.written != Some(now) {
                seen.body.clone_from(&set.body);
                if let (None, Some(body)) = (&seen.images, &seen.body) {
                    seen.images = Some(revisions::images(&body.template));
                }
                rows.push(seen);
                written.push(((*uid).clone(), now));
            }
        }
        if let (Some(body), None) = (&it.body, sets.get(&it.digest)) {
            let (config_digest, configs) = self.config(key, &it.refs);
            rows.push(Seen {
                revision: 0,
                digest: it.digest.clone(),
                config_digest,
                live: true,
                rolled_out: false,
                images: Some(it.images.clone()),
                fixed: it.fixed.clone(),
                body: Some(body.clone()),
                configs,
            });
        }
        (row, rows, written)
    }

    fn workload_row(
        &self,
        key: &Key,
        it: &Workload,
        sets: &Numbered<'_>,
        pods: &[(&Uid, &Pod)],
    ) -> Observed {
        let seen = it.counts.observed_generation >= it.counts.generation;
        let rollout = match &it.canary {
            Some(canary) => canary.rollout(seen),
            None => workloads::rollout(&it.counts, &it.conditions),
        };
        let (rollout, rollout_reason) = match rollout {
            Rollout::Settled => ("settled", None),
            Rollout::Progressing => ("progressing", None),
            Rollout::Stuck { reason } => ("stuck", Some(reason)),
        };
        let bad = pods.iter().any(|(_, pod)| pod.bad.is_some());
        // Without the set its pods cannot be told from anybody's, and what cannot be seen is not healthy.
        let live = sets.get(&it.digest);
        let healthy = live.is_some()
            && rollout == "settled"
            && it.counts.replicas > 0
            && it.counts.ready >= it.counts.replicas
            && it.counts.updated >= it.counts.replicas
            && !bad;
        let owner = self.owner(key, it);
        let live_config_digest = self.config(key, &it.refs).0;
        Observed {
            key: key.clone(),
            uid: it.uid.to_string(),
            owner: owner.as_str(),
            owner_name: owner.name().map(str::to_owned),
            paused: it.paused,
            replicas: it.counts.replicas,
            ready: it.counts.ready,
            updated: it.counts.updated,
            rollout,
            rollout_reason,
            update_strategy: it.update,
            last_applied: it.last_applied,
            live_revision: live.map_or(0, |(_, set)| set.revision),
            live_digest: it.digest.clone(),
            live_config_digest,
            live_images: it.images.clone(),
            canary: it.canary.clone(),
            conditions: it.conditions.clone(),
            shape: it.shape.clone(),
            healthy,
            present: sets.keys().map(|it| (*it).clone()).collect(),
        }
    }

    /// Flagger leaves no mark on the workload that it steers, only on the copy beside it.
    fn owner(&self, key: &Key, it: &Workload) -> Owner {
        let primary = Key { name: format!("{}-primary", key.name), ..key.clone() };
        match self.workloads.get(&primary).map(|it| &it.owner) {
            Some(Owner::Flagger(canary)) => Owner::Flagger(canary.clone()),
            _ => it.owner.clone(),
        }
    }

    /// Whether the contents of all these ConfigMaps, as far as there are such, went into the ledger.
    fn keeps(&self, key: &Key, refs: &BTreeSet<String>) -> bool {
        let config = |name: &String| self.configs.get(&(key.namespace.clone(), name.clone()));
        refs.iter().filter_map(config).all(|it| it.kept)
    }

    /// What the ConfigMaps of these names hold now.
    fn config(&self, key: &Key, refs: &BTreeSet<String>) -> (Digest, BTreeMap<String, Digest>) {
        let digests = refs.iter().map(|name| {
            let config = self.configs.get(&(key.namespace.clone(), name.clone()));
            (name.clone(), config.map(|it| it.digest.clone()))
        });
        let digests: BTreeMap<_, _> = digests.collect();
        let digest = revisions::config_digest(&digests);
        (digest, digests.into_iter().filter_map(|(name, it)| Some((name, it?))).collect())
    }

    fn pods_of(&self, it: &Workload) -> Vec<(&Uid, &Pod)> {
        let controllers = self.sets_of(&it.uid).map(|(uid, _)| uid).chain([&it.uid]);
        let pods = controllers.filter_map(|uid| self.pods_of.get(uid)).flatten();
        pods.filter_map(|uid| self.pods.get_key_value(uid)).collect()
    }

    /// The template that a pod was made from.
    fn digest_of(&self, pod: &Pod) -> Option<&Digest> {
        if let Some(set) = self.sets.get(&pod.controller) {
            return Some(&set.digest);
        }
        let key = self.keys.get(&pod.controller)?;
        let hash = pod.hash.as_ref()?;
        // A StatefulSet labels its pods with the name of the ControllerRevision, a DaemonSet with its end.
        let of_daemon_set = format!("{}-{hash}", key.name);
        let mut sets = self.sets_of(&pod.controller).map(|(_, set)| set);
        sets.find(|set| set.name == *hash || set.name == of_daemon_set).map(|set| &set.digest)
    }

    fn pod_row(&self, uid: &Uid, pod: &Pod) -> pods::Observed {
        let bad = pod.bad.as_ref();
        pods::Observed {
            uid: uid.to_string(),
            name: pod.name.clone(),
            node: pod.node.clone(),
            digest: self.digest_of(pod).cloned(),
            phase: pod.phase.clone(),
            ready: pod.ready,
            ever_ready: pod.ever_ready,
            terminating: pod.terminating,
            restarts: pod.restarts,
            bad_reason: bad.map(|it| it.reason),
            bad_message: bad.map(|it| it.message.clone()),
            bad_container: bad.and_then(|it| it.container.clone()),
            bad_exit_code: bad.and_then(|it| it.exit_code),
            bad_since: bad.map(|it| it.since),
            created_at: pod.created_at.unwrap_or_default(),
        }
    }

    fn went_bad(&self, (uid, container): (Uid, String)) -> Option<WentBad> {
        let pod = self.pods.get(&uid)?;
        Some(WentBad {
            key: self.key_of(&pod.controller)?.clone(),
            digest: self.digest_of(pod).map(Digest::to_string),
            pod_uid: uid.to_string(),
            pod: pod.name.clone(),
            container,
        })
    }
}
