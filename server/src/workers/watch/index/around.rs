//! What explains workloads: the ConfigMaps that they refer to, the nodes that they run on, and what is said of them.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use domain::revisions::Contents;
use domain::surroundings::{self, Seen, Surrounding};
use domain::workloads::{self, Key, Node};

use super::batch::hash;
use super::{Config, Index};
use crate::workers::watch::objects::{self, Meta};
use crate::workers::watch::surrounding::{self, Around};

/// Events about objects that were not seen yet; more are dropped.
const WAITING_EVENTS: usize = 1_000;

/// An object around workloads.
#[derive(Debug)]
pub(super) struct Surrounded {
    around: Around,
    uid: String,
    /// Hash of its spec.
    spec: u64,
    changed_at: Option<DateTime<Utc>>,
    /// What is told of it; nothing while it is well.
    pub(super) row: Option<Surrounding>,
}

impl Index {
    pub(super) fn apply_config(&mut self, it: objects::ConfigMap) {
        let contents = Contents { data: it.data, binary_data: it.binary_data };
        let digest = contents.digest();
        let name = (it.metadata.namespace, it.metadata.name);
        let needed = self.referring.contains_key(&name);
        let known = self.configs.get(&name);
        if known.is_some_and(|old| old.digest == digest && (old.kept || !needed)) {
            return;
        }
        if needed {
            self.changed.contents.insert(digest.clone(), contents);
        }
        let uid = it.metadata.uid;
        self.changed.workloads.extend(self.referring.get(&name).into_iter().flatten().cloned());
        self.configs.insert(name, Config { uid, digest, kept: needed });
    }

    pub(super) fn delete_config(&mut self, namespace: &str, name: &str) {
        let name = (namespace.to_owned(), name.to_owned());
        if self.configs.remove(&name).is_some() {
            self.changed.workloads.extend(self.referring.get(&name).into_iter().flatten().cloned());
        }
    }

    pub(super) fn apply_node(&mut self, it: objects::Node) {
        let is = |kind: &str| {
            it.status.conditions.iter().any(|it| it.kind == kind && it.status == "True")
        };
        let pressure = ["MemoryPressure", "DiskPressure", "PIDPressure"].into_iter().any(is);
        let node = Node {
            name: it.metadata.name.clone(),
            ready: is("Ready"),
            pressure,
            boot_id: it.status.node_info.boot_id,
            // The database knows which boot id it had before.
            rebooted_at: None,
        };
        if self.nodes.get(&node.name) != Some(&node) {
            self.changed.nodes.insert(node.name.clone());
            self.nodes.insert(node.name.clone(), node);
        }
    }

    pub(super) fn delete_node(&mut self, name: &str) {
        if self.nodes.remove(name).is_some() {
            self.changed.nodes.insert(name.to_owned());
        }
    }

    pub(super) fn apply_around(
        &mut self,
        around: Around,
        it: surrounding::Surrounding,
        now: DateTime<Utc>,
    ) {
        let spec = hash(&it.spec.to_string());
        let place = place(around, &it.metadata);
        let known = self.arounds.get(&place);
        let changed_at = match known {
            // Whoever does not keep book of its fields is seen to change it.
            Some(old) if old.spec != spec => it.changed_at.max(Some(now)),
            Some(old) => old.changed_at,
            None => it.changed_at,
        };
        let seen = Seen {
            namespace: &place.0,
            name: &it.metadata.name,
            spec: &it.spec,
            status: &it.status,
            changed_at,
        };
        let row = match around {
            Around::Autoscaler => surroundings::of_autoscaler(&seen),
            Around::NetworkPolicy => Some(surroundings::of_network_policy(&seen)),
            Around::Certificate => surroundings::of_certificate(&seen),
        };
        if known.and_then(|it| it.row.as_ref()) != row.as_ref() {
            self.changed.surroundings.extend(known.and_then(|it| it.row.as_ref()).map(of));
            self.changed.surroundings.extend(row.as_ref().map(of));
        }
        let uid = it.metadata.uid;
        self.arounds.insert(place, Surrounded { around, uid, spec, changed_at, row });
    }

    /// A list of these was read anew.
    pub(super) fn replace_arounds(
        &mut self,
        around: Around,
        inside: &impl Fn(&str) -> bool,
        uids: &HashSet<String>,
    ) {
        let gone = self
            .arounds
            .iter()
            .filter(|((of, _), it)| it.around == around && inside(of) && !uids.contains(&it.uid));
        let gone: Vec<_> = gone.map(|(place, _)| place.clone()).collect();
        gone.iter().for_each(|place| self.delete_around(place));
    }

    pub(super) fn delete_around(&mut self, place: &(String, String)) {
        let gone = self.arounds.remove(place).and_then(|it| it.row);
        self.changed.surroundings.extend(gone.as_ref().map(of));
    }

    /// Every object around workloads that is told of, by namespace and object.
    pub(crate) fn surroundings(&self) -> impl Iterator<Item = (String, String)> {
        self.arounds.values().filter_map(|it| it.row.as_ref()).map(of)
    }

    pub(super) fn apply_event(&mut self, it: objects::Event, now: DateTime<Utc>) {
        let about = it.involved_object;
        let warning = it.kind == "Warning";
        let known = matches!(
            &*about.kind,
            "Pod" | "ReplicaSet" | "Deployment" | "StatefulSet" | "DaemonSet"
        );
        // That pods were scheduled, pulled and started as they should fills pages and explains nothing.
        if !known || (about.kind == "Pod" && !warning && it.reason != "Killing") {
            return;
        }
        let series = it.series.unwrap_or_default();
        let first = it.first_timestamp.or(it.event_time).or(it.metadata.creation_timestamp);
        let last = series.last_observed_time.or(it.last_timestamp).or(first).unwrap_or(now);
        let event = workloads::Event {
            uid: it.metadata.uid,
            object: format!("{}/{}", about.kind, about.name),
            warning,
            reason: it.reason,
            message: it.message,
            count: it.count.unwrap_or(1).max(series.count).max(1),
            first_at: first.unwrap_or(last),
            last_at: last,
        };
        let controller = match self.pods.get(&*about.uid) {
            Some(pod) => &*pod.controller,
            None => &*about.uid,
        };
        match self.key_of(controller).cloned() {
            Some(key) => self.changed.events.push((key, event)),
            None => {
                if self.waiting_events.values().map(Vec::len).sum::<usize>() >= WAITING_EVENTS {
                    self.waiting_events.clear();
                }
                self.waiting_events.entry(about.uid).or_default().push(event);
            }
        }
    }

    pub(super) fn release_events(&mut self, uid: &str, key: &Key) {
        let events = self.waiting_events.remove(uid).into_iter().flatten();
        self.changed.events.extend(events.map(|it| (key.clone(), it)));
    }
}

/// As the database knows it.
fn of(it: &Surrounding) -> (String, String) {
    (it.namespace.clone(), it.object.clone())
}

/// Where the index keeps an object around workloads.
pub(super) fn place(around: Around, meta: &Meta) -> (String, String) {
    (meta.namespace.clone(), format!("{}/{}", around.kind(), meta.name))
}
