//! The store of the pretend API server: every object once, with one global resource version, a log
//! of changes per resource for watches, and indexes by namespace and by owner.
//!
//! Everything happens under one lock and nothing waits inside it, so each request and each step of
//! a controller is atomic.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::clock::stamp;
use super::controllers::pods::{Delays, Kubelet};
use super::json::{as_go_writes, int, text};
use super::types::Types;

/// Where an object is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// As [`super::types::ResourceType::id`].
    pub(crate) resource: Arc<str>,
    /// Empty for what belongs to no namespace.
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Key {
    pub(crate) fn new(resource: &str, namespace: &str, name: &str) -> Self {
        Self { resource: resource.into(), namespace: namespace.into(), name: name.into() }
    }
}

/// One stored version of an object; never changed, only replaced.
#[derive(Debug)]
pub(crate) struct Object {
    /// Without `apiVersion` and `kind`: those depend on who asks.
    pub(crate) value: Value,
    pub(crate) version: u64,
    body: OnceLock<Bytes>,
}

impl Object {
    pub(crate) fn new(value: Value, version: u64) -> Self {
        Self { value, version, body: OnceLock::new() }
    }

    /// The object as JSON without its first brace, made once: `"metadata":…}`.
    pub(crate) fn body(&self) -> &Bytes {
        self.body.get_or_init(|| {
            let mut text = as_go_writes(&self.value);
            text.drain(..1);
            text.into()
        })
    }

    pub(crate) fn uid(&self) -> &str {
        text(&self.value, "/metadata/uid")
    }

    pub(crate) fn name(&self) -> &str {
        text(&self.value, "/metadata/name")
    }

    pub(crate) fn namespace(&self) -> &str {
        text(&self.value, "/metadata/namespace")
    }
}

/// One change, as watches replay it.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) version: u64,
    /// Absent where the object was created.
    pub(crate) before: Option<Arc<Object>>,
    /// What it is now; for a removal its last state with the version of the removal.
    pub(crate) object: Arc<Object>,
    pub(crate) removed: bool,
}

/// How many events are kept.
const EVENTS: usize = 5_000;

type Objects = BTreeMap<Arc<str>, BTreeMap<Arc<str>, Arc<Object>>>;

/// All objects of one resource and their recent changes.
#[derive(Debug)]
pub(crate) struct Collection {
    objects: Objects,
    log: VecDeque<Arc<Change>>,
    /// The version of the newest change that is no longer in the log.
    forgotten: u64,
    /// What readers see while reads are stale.
    frozen: Option<(Objects, u64)>,
    pub(crate) changed: watch::Sender<u64>,
    /// Counts how often the open watches were cut.
    pub(crate) cut: watch::Sender<u64>,
}

impl Collection {
    fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            log: VecDeque::new(),
            forgotten: 0,
            frozen: None,
            changed: watch::Sender::new(0),
            cut: watch::Sender::new(0),
        }
    }

    /// The changes after `version`, or `None` where the log no longer reaches back so far.
    pub(crate) fn after(&self, version: u64) -> Option<impl Iterator<Item = &Arc<Change>>> {
        (version >= self.forgotten).then(|| {
            let start = self.log.partition_point(|c| c.version <= version);
            self.log.range(start..)
        })
    }
}

/// What the controllers still have to look at.
#[derive(Debug, Default)]
pub(crate) struct Work {
    queue: VecDeque<Key>,
    queued: HashSet<Key>,
    timers: BTreeSet<(DateTime<Utc>, Key)>,
}

impl Work {
    pub(crate) fn push(&mut self, key: Key) {
        if self.queued.insert(key.clone()) {
            self.queue.push_back(key);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Key> {
        let key = self.queue.pop_front()?;
        self.queued.remove(&key);
        Some(key)
    }

    /// Looks at `key` again at `due`.
    pub(crate) fn at(&mut self, due: DateTime<Utc>, key: Key) {
        self.timers.insert((due, key));
    }

    /// Queues what is due, and says when the next is.
    pub(crate) fn ripen(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        while let Some((due, _)) = self.timers.first() {
            if *due > now {
                return Some(*due);
            }
            if let Some((_, key)) = self.timers.pop_first() {
                self.push(key);
            }
        }
        None
    }
}

/// Everything the API server knows.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) types: Types,
    pub(crate) work: Work,
    /// The resource version of the newest change.
    pub(crate) version: u64,
    collections: HashMap<Arc<str>, Collection>,
    /// Owner uid → what names it in its ownerReferences.
    owned: HashMap<String, BTreeSet<Key>>,
    pub(crate) kubelet: Kubelet,
    /// In the order they were written.
    events: VecDeque<Key>,
    /// How many changes each resource remembers for watches.
    memory: usize,
    /// The upper half of every uid, so that two clusters never share one.
    seed: u64,
    made: u64,
}

impl State {
    pub(crate) fn new(seed: u64, memory: usize, delays: Delays) -> Self {
        Self {
            types: Types::built_in(),
            work: Work::default(),
            version: 1000,
            collections: HashMap::new(),
            owned: HashMap::new(),
            kubelet: Kubelet::new(delays),
            events: VecDeque::new(),
            memory,
            seed,
            made: 0,
        }
    }

    pub(crate) fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.collections.get(resource)?.objects.get(namespace)?.get(name)
    }

    pub(crate) fn get_key(&self, key: &Key) -> Option<&Arc<Object>> {
        self.get(&key.resource, &key.namespace, &key.name)
    }

    /// All objects of a resource in the order of namespace and name, of one namespace if given.
    pub(crate) fn list<'a>(
        &'a self,
        resource: &str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<Object>> {
        let objects = self.collections.get(resource).map(|c| &c.objects);
        objects.into_iter().flat_map(move |o| in_namespace(o, namespace))
    }

    /// The keys of all objects of a resource.
    pub(crate) fn keys(&self, resource: &str) -> Vec<Key> {
        self.list(resource, None).map(|o| Key::new(resource, o.namespace(), o.name())).collect()
    }

    /// As [`Self::get`], but what a reader is shown: older while reads are stale.
    pub(crate) fn read(&self, resource: &str, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        let collection = self.collections.get(resource)?;
        let objects = collection.frozen.as_ref().map_or(&collection.objects, |(old, _)| old);
        objects.get(namespace)?.get(name)
    }

    /// As [`Self::list`], but what a reader is shown, with the version of the list.
    pub(crate) fn read_all<'a>(
        &'a self,
        resource: &str,
        namespace: Option<&'a str>,
    ) -> (impl Iterator<Item = &'a Arc<Object>>, u64) {
        let collection = self.collections.get(resource);
        let frozen = collection.and_then(|c| c.frozen.as_ref());
        let objects = frozen.map(|(old, _)| old).or(collection.map(|c| &c.objects));
        let version = frozen.map_or(self.version, |(_, version)| *version);
        (objects.into_iter().flat_map(move |o| in_namespace(o, namespace)), version)
    }

    /// The objects of `resource` that name `uid` as an owner, by name.
    pub(crate) fn owned(&self, uid: &str, resource: &str) -> Vec<Arc<Object>> {
        let keys = self.owned.get(uid).into_iter().flatten();
        keys.filter(|k| &*k.resource == resource)
            .filter_map(|k| self.get_key(k))
            .map(Arc::clone)
            .collect()
    }

    /// Everything that names `uid` as an owner.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<Key> {
        self.owned.get(uid).into_iter().flatten().cloned().collect()
    }

    /// Stores a new version of an object and tells watches and controllers.
    pub(crate) fn put(&mut self, resource: &str, mut value: Value) -> Arc<Object> {
        self.version += 1;
        let version = self.version;
        value["metadata"]["resourceVersion"] = json!(version.to_string());
        let object = Arc::new(Object::new(value, version));
        let key = Key::new(resource, object.namespace(), object.name());
        let collection = self.collection(&key.resource);
        let before = collection
            .objects
            .entry(key.namespace.clone())
            .or_default()
            .insert(key.name.clone(), object.clone());
        self.index(&key, before.as_deref(), Some(&object));
        self.record(&key, Change { version, before, object: object.clone(), removed: false });
        object
    }

    /// Changes an object as a controller does; a change of the spec makes a new generation, and no
    /// change makes no version. `None` where the object is gone.
    pub(crate) fn edit(
        &mut self,
        key: &Key,
        change: impl FnOnce(&mut Value),
    ) -> Option<Arc<Object>> {
        let old = self.get_key(key)?.clone();
        let mut value = old.value.clone();
        change(&mut value);
        if value == old.value {
            return Some(old);
        }
        if value["spec"] != old.value["spec"] && value["metadata"].get("generation").is_some() {
            value["metadata"]["generation"] = json!(int(&old.value, "/metadata/generation") + 1);
        }
        Some(self.put(&key.resource, value))
    }

    /// Removes an object; its dependents are the caller's business.
    pub(crate) fn take(&mut self, key: &Key) -> Option<Arc<Object>> {
        let objects = &mut self.collections.get_mut(&key.resource)?.objects;
        let in_namespace = objects.get_mut(&key.namespace)?;
        let before = in_namespace.remove(&key.name)?;
        if in_namespace.is_empty() {
            objects.remove(&key.namespace);
        }
        self.version += 1;
        let version = self.version;
        let mut last = before.value.clone();
        last["metadata"]["resourceVersion"] = json!(version.to_string());
        let object = Arc::new(Object::new(last, version));
        self.index(key, Some(&before), None);
        self.record(
            key,
            Change { version, before: Some(before), object: object.clone(), removed: true },
        );
        Some(object)
    }

    /// The collection of a resource, made when first asked for.
    pub(crate) fn collection(&mut self, resource: &Arc<str>) -> &mut Collection {
        self.collections.entry(resource.clone()).or_insert_with(Collection::new)
    }

    /// Forgets the history of changes: a watch from any version until now is answered with 410.
    pub(crate) fn compact(&mut self) {
        let version = self.version;
        for collection in self.collections.values_mut() {
            collection.log.clear();
            collection.forgotten = version;
        }
    }

    /// Ends the open watches of a resource, or of all.
    pub(crate) fn cut(&mut self, resource: Option<&str>) {
        for (id, collection) in &self.collections {
            if resource.is_none_or(|r| r == &**id) {
                collection.cut.send_modify(|n| *n += 1);
            }
        }
    }

    /// From now on gets and lists of a resource show what it is at this moment.
    pub(crate) fn freeze(&mut self, resource: &str) {
        let version = self.version;
        let collection = self.collection(&resource.into());
        collection.frozen = Some((collection.objects.clone(), version));
    }

    pub(crate) fn thaw(&mut self) {
        self.collections.values_mut().for_each(|c| c.frozen = None);
    }

    fn uid(&mut self) -> String {
        self.made += 1;
        // Multiplying by an odd number keeps all values apart and makes neighbours look different.
        let low = self.made.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Uuid::from_u64_pair(self.seed, low).to_string()
    }

    /// Five letters for a generated name; no two are alike within a cluster's first million names.
    pub(crate) fn suffix(&mut self) -> String {
        self.made += 1;
        // 27^5 names; a step that shares no factor with it visits each before it repeats.
        let mut n = self.made.wrapping_mul(7_368_787) % 27_u64.pow(5);
        let letter = |n: &mut u64| {
            let c = super::json::SAFE_LETTERS[(*n % 27) as usize];
            *n /= 27;
            char::from(c)
        };
        (0..5).map(|_| letter(&mut n)).collect()
    }

    /// Keeps the number of events in bounds: the real server forgets them after an hour.
    pub(crate) fn forget_oldest_event(&mut self, newest: Key) {
        self.events.push_back(newest);
        if self.events.len() > EVENTS
            && let Some(oldest) = self.events.pop_front()
        {
            self.take(&oldest);
        }
    }

    /// Metadata that every new object gets: uid and time of creation.
    pub(crate) fn christen(&mut self, value: &mut Value, now: DateTime<Utc>) {
        value["metadata"]["uid"] = json!(self.uid());
        value["metadata"]["creationTimestamp"] = json!(stamp(now));
    }

    fn index(&mut self, key: &Key, before: Option<&Object>, after: Option<&Object>) {
        let owners = |object: Option<&Object>| -> Vec<String> {
            object.map(|o| owner_uids(&o.value).map(str::to_owned).collect()).unwrap_or_default()
        };
        let (old, new) = (owners(before), owners(after));
        if old == new {
            return;
        }
        for uid in old {
            if let Some(keys) = self.owned.get_mut(&uid) {
                keys.remove(key);
                if keys.is_empty() {
                    self.owned.remove(&uid);
                }
            }
        }
        for uid in new {
            self.owned.entry(uid).or_default().insert(key.clone());
        }
    }

    fn record(&mut self, key: &Key, change: Change) {
        let memory = self.memory;
        if let Some(owner) = controller_of(&key.namespace, &change.object.value) {
            self.work.push(owner);
        }
        self.work.push(key.clone());
        let version = change.version;
        let collection = self.collection(&key.resource);
        collection.log.push_back(Arc::new(change));
        while collection.log.len() > memory {
            if let Some(old) = collection.log.pop_front() {
                collection.forgotten = old.version;
            }
        }
        collection.changed.send_replace(version);
    }
}

fn in_namespace<'a>(
    objects: &'a Objects,
    namespace: Option<&'a str>,
) -> Box<dyn Iterator<Item = &'a Arc<Object>> + 'a> {
    match namespace {
        Some(namespace) => Box::new(objects.get(namespace).into_iter().flat_map(BTreeMap::values)),
        None => Box::new(objects.values().flat_map(BTreeMap::values)),
    }
}

fn owner_uids(value: &Value) -> impl Iterator<Item = &str> {
    let owners = value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().filter_map(|o| o["uid"].as_str())
}

/// The workload that controls an object, where it is one that a controller here looks after.
fn controller_of(namespace: &str, value: &Value) -> Option<Key> {
    let owners = value.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|o| o["controller"] == json!(true))?;
    let resource = match owner["kind"].as_str()? {
        "ReplicaSet" => "replicasets.apps",
        "Deployment" => "deployments.apps",
        "StatefulSet" => "statefulsets.apps",
        "DaemonSet" => "daemonsets.apps",
        _ => return None,
    };
    Some(Key::new(resource, namespace, owner["name"].as_str()?))
}
