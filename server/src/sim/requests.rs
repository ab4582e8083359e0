//! What was asked of the pretend cluster: every change in full, reads as counts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::body::Bytes;
use axum::http::{Method, Uri, header};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::api::{Call, changes};

/// How many changes are remembered; the oldest are forgotten first.
const MEMORY: usize = 20_000;

/// One request as it arrived.
#[derive(Debug)]
pub struct Seen {
    /// When its body had arrived.
    pub at: Instant,
    /// As RBAC names it: `patch`, `create`, …
    pub verb: &'static str,
    /// `PATCH`, `POST`, …
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The query as sent, without `?`.
    pub query: String,
    /// `pods`, `deployments.apps`.
    pub resource: String,
    pub namespace: String,
    /// Empty for a collection.
    pub name: String,
    /// `status`, `scale`, … or empty.
    pub subresource: String,
    pub content_type: String,
    pub body: Bytes,
    changes: bool,
    status: OnceLock<u16>,
}

impl Seen {
    pub(crate) fn new(verb: &'static str, method: &Method, uri: &Uri, call: &Call) -> Self {
        Self {
            at: call.arrived,
            verb,
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            resource: call.target.kind.id.to_string(),
            namespace: call.target.namespace.clone(),
            name: call.target.name.clone(),
            subresource: call.target.subresource.clone(),
            content_type: call.header(header::CONTENT_TYPE).to_owned(),
            body: call.body.clone(),
            changes: changes(method),
            status: OnceLock::new(),
        }
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether this was a dry run.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.query.split('&').any(|p| p == "dryRun=All")
    }

    /// The HTTP status that it was answered with; `None` while it is under way, or when the
    /// connection was broken instead.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status.get().copied()
    }

    pub(crate) fn answered(&self, status: u16) {
        // Set once; a second answer to one request does not exist.
        let _ = self.status.set(status);
    }
}

/// The log of requests.
#[derive(Debug)]
pub(crate) struct Requests {
    inner: Mutex<Log>,
    arrivals: broadcast::Sender<Arc<Seen>>,
}

#[derive(Debug, Default)]
struct Log {
    changes: VecDeque<Arc<Seen>>,
    counts: HashMap<(&'static str, String), u64>,
}

impl Requests {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::default(), arrivals: broadcast::Sender::new(4096) }
    }

    pub(crate) fn record(&self, seen: Seen) -> Arc<Seen> {
        let seen = Arc::new(seen);
        if seen.changes {
            // Nobody may be listening.
            let _ = self.arrivals.send(seen.clone());
        }
        let mut log = self.lock();
        *log.counts.entry((seen.verb, seen.resource.clone())).or_default() += 1;
        if seen.changes {
            log.changes.push_back(seen.clone());
            if log.changes.len() > MEMORY {
                log.changes.pop_front();
            }
        }
        seen
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Seen>> {
        self.arrivals.subscribe()
    }

    pub(crate) fn changes(&self) -> Vec<Arc<Seen>> {
        self.lock().changes.iter().cloned().collect()
    }

    pub(crate) fn count(&self, verb: &str, resource: &str) -> u64 {
        let log = self.lock();
        let found = log.counts.iter().filter(|((v, r), _)| *v == verb && r == resource);
        found.map(|(_, n)| n).sum()
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Log::default();
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
