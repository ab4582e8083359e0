//! A pretend cluster: an HTTP server that speaks enough of the Kubernetes API for our kube client
//! and for kubectl, with controllers that roll out, crash and recover on a clock the test may own;
//! a pretend Prometheus ([`Prometheus`]); and a sink for chat webhooks ([`Sink`]).
//!
//! It stands *below* our clients: nothing of the product knows whether it talks to this or to a real
//! cluster, and it is right only where a real one agrees. It serves the demo and the tests; all of
//! it listens on 127.0.0.1.
//!
//! - `objects`: the store, its log of changes and its indexes
//! - `writes`: what the API server does between a request and the store
//! - `api`: paths, verbs, watches, discovery
//! - `controllers`: Deployments, StatefulSets, DaemonSets, pods, nodes
//! - `faults`, `listener`: what goes wrong when a test wants it to

mod api;
mod clock;
mod controllers;
mod defaults;
mod faults;
mod json;
mod listener;
mod objects;
mod patch;
mod prometheus;
mod requests;
mod selectors;
mod serve;
mod sink;
mod types;
mod writes;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::clock::SimClock;
pub use self::controllers::pods::{Behaviour, Delays};
pub use self::faults::{Effect, Fault};
use self::listener::{Connection, Door};
use self::objects::{Key, State};
pub use self::prometheus::{Labels, Prometheus, PrometheusFault};
use self::requests::Requests;
pub use self::requests::Seen;
pub use self::sink::{Message, Sink};

/// How a pretend cluster is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// 0 for a free one.
    pub port: u16,
    /// Namespaces besides `default` and `kube-system`.
    pub namespaces: Vec<String>,
    /// How many nodes: `node-1`, `node-2`, …
    pub nodes: usize,
    pub delays: Delays,
    pub clock: SimClock,
    /// The user that messages and the kubeconfig name.
    pub user: String,
    /// Without it everybody is admitted.
    pub token: Option<String>,
    /// How many changes of each resource a watch can catch up on; older ones are 410 Gone.
    pub memory: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            namespaces: Vec::new(),
            nodes: 3,
            delays: Delays::default(),
            clock: SimClock::real(),
            user: "lifeboat".to_owned(),
            token: None,
            memory: 4_000,
        }
    }
}

/// A running pretend cluster; it ends with the last clone of this handle, or by [`Self::stop`].
#[derive(Debug, Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
    address: SocketAddr,
    door: Door,
    _end: Arc<DropGuard>,
}

/// What the server and the controllers share.
#[derive(Debug)]
pub(crate) struct Inner {
    state: Mutex<State>,
    pub(crate) options: Options,
    pub(crate) clock: SimClock,
    pub(crate) faults: faults::Faults,
    pub(crate) requests: Requests,
    /// Rung when there is work for the controllers.
    pub(crate) wake: Notify,
    pub(crate) stop: CancellationToken,
}

impl Inner {
    /// The store. Nothing may wait while this is held.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster {
    /// Starts a cluster with its nodes and namespaces.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let stop = CancellationToken::new();
        let port = options.port;
        let inner = Arc::new(Inner {
            state: Mutex::new(furnished(&options)),
            clock: options.clock.clone(),
            faults: faults::Faults::default(),
            requests: Requests::new(),
            wake: Notify::new(),
            stop: stop.clone(),
            options,
        });
        let door = Door::new();
        let service = Router::new()
            .fallback(api::serve)
            .with_state(inner.clone())
            .into_make_service_with_connect_info::<Connection>();
        let address = serve::start(port, door.clone(), service, stop.clone()).await?;
        tokio::spawn(controllers::run(inner.clone()));
        Ok(Self { inner, address, door, _end: Arc::new(stop.drop_guard()) })
    }

    /// Ends the cluster: the port is freed and open connections break.
    pub fn stop(&self) {
        self.inner.stop.cancel();
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig in YAML for kubectl, helm and our client.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        let Options { user, token, .. } = &self.inner.options;
        let user_entry = match token {
            Some(token) => json!({"name": user, "user": {"token": token}}),
            None => json!({"name": user, "user": {}}),
        };
        // JSON is YAML.
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "sim",
            "clusters": [{"name": "sim", "cluster": {"server": self.url()}}],
            "contexts": [{"name": "sim",
                "context": {"cluster": "sim", "user": user, "namespace": "default"}}],
            "users": [user_entry],
        });
        format!("{config:#}\n")
    }

    /// Switches a fault on.
    pub fn inject(&self, fault: Fault) {
        self.inner.faults.add(fault);
    }

    /// Switches everything off again: faults, refused connections, stale reads, broken nodes and
    /// rules of behaviour.
    pub fn heal(&self) {
        self.inner.faults.clear();
        self.door.open();
        let mut state = self.inner.lock();
        state.thaw();
        state.kubelet.clear_rules();
        let broken = std::mem::take(&mut state.kubelet.broken_nodes);
        broken.iter().for_each(|node| state.work.push(Key::new("nodes", "", node)));
        let pods: Vec<Key> = state.keys("pods");
        pods.into_iter().for_each(|pod| state.work.push(pod));
        self.inner.wake.notify_one();
    }

    /// Takes no connections and breaks the open ones, until [`Self::accept`].
    pub fn refuse(&self) {
        self.door.shut();
    }

    /// Takes connections again.
    pub fn accept(&self) {
        self.door.open();
    }

    /// Ends the open watches of a resource (`pods`, `deployments.apps`), or all.
    pub fn cut_watches(&self, resource: Option<&str>) {
        self.inner.lock().cut(resource);
    }

    /// Forgets the history of changes: to watch on from any version seen so far is 410 Gone.
    pub fn compact(&self) {
        self.inner.lock().compact();
    }

    /// From now on gets and lists of a resource show this moment; writes and watches go on.
    pub fn freeze_reads(&self, resource: &str) {
        self.inner.lock().freeze(resource);
    }

    /// Reads are fresh again.
    pub fn thaw_reads(&self) {
        self.inner.lock().thaw();
    }

    /// Pods that fit, now and later, behave so whatever their image says. The newest rule counts.
    pub fn behave(
        &self,
        fits: impl Fn(&Value) -> bool + Send + Sync + 'static,
        behaviour: Behaviour,
    ) {
        let mut state = self.inner.lock();
        state.kubelet.add_rule(Arc::new(fits), behaviour);
        let pods: Vec<Key> = state.keys("pods");
        pods.into_iter().for_each(|pod| state.work.push(pod));
        self.inner.wake.notify_one();
    }

    /// Breaks a node, or mends it: its pods are not ready and no new ones go there.
    pub fn break_node(&self, node: &str, broken: bool) {
        let mut state = self.inner.lock();
        if broken {
            state.kubelet.broken_nodes.insert(node.to_owned());
        } else {
            state.kubelet.broken_nodes.remove(node);
        }
        state.work.push(Key::new("nodes", "", node));
        self.inner.wake.notify_one();
    }

    /// Adds a node that is ready.
    pub fn add_node(&self, name: &str) {
        controllers::add_node(&mut self.inner.lock(), name, self.inner.clock.now());
        self.inner.wake.notify_one();
    }

    /// Every change that was asked for, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<Seen>> {
        self.inner.requests.changes()
    }

    /// How many requests of a verb came for a resource, reads too.
    #[must_use]
    pub fn count(&self, verb: &str, resource: &str) -> u64 {
        self.inner.requests.count(verb, resource)
    }

    /// Forgets the requests seen so far.
    pub fn forget_requests(&self) {
        self.inner.requests.clear();
    }

    /// Tells of every change that is asked for from now on, as soon as its body is there.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Seen>> {
        self.inner.requests.subscribe()
    }

    /// What the cluster's clock shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.inner.clock.now()
    }

    /// Moves a manual clock, and returns when the controllers have done what became due.
    pub async fn advance(&self, by: Duration) {
        self.inner.clock.advance(by);
        self.settle().await;
    }

    /// Returns when the controllers have nothing left to do at this moment.
    pub async fn settle(&self) {
        controllers::work_off(&self.inner).await;
        // What is due later must be known to the task that waits for it.
        self.inner.wake.notify_one();
    }

    /// An object as it is stored, without its type; `None` where there is none.
    /// `resource` is `pods` or `deployments.apps`.
    #[must_use]
    pub fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.inner.lock().get(resource, namespace, name).map(|o| o.value.clone())
    }

    /// All objects of a resource in a namespace.
    #[must_use]
    pub fn objects(&self, resource: &str, namespace: &str) -> Vec<Value> {
        self.inner.lock().list(resource, Some(namespace)).map(|o| o.value.clone()).collect()
    }
}

fn furnished(options: &Options) -> State {
    let mut state = State::new(rand::random(), options.memory, options.delays);
    let now = options.clock.now();
    let namespaces = ["default", "kube-system"].into_iter();
    for name in namespaces.chain(options.namespaces.iter().map(String::as_str)) {
        let mut namespace = json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        });
        state.christen(&mut namespace, now);
        state.put("namespaces", namespace);
    }
    for n in 1..=options.nodes {
        controllers::add_node(&mut state, &format!("node-{n}"), now);
    }
    state
}
