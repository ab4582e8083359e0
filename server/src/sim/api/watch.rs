//! Watches: a cursor in the log of a resource, moved on whenever something changes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::answer::Refusal;
use super::body::typed;
use super::{Call, Target};
use crate::sim::Inner;
use crate::sim::objects::{Change, Object, State};
use crate::sim::selectors::Selector;

/// How often an idle watch says where it stands, as the real server does about once a minute.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// Opens a watch. Versions that are too old or too new are told inside the stream.
pub(super) fn open(cluster: &Arc<Inner>, call: &Call) -> Result<Response, Refusal> {
    let mut selector = call.query.selector()?;
    if !call.target.name.is_empty() {
        let one = format!("metadata.name={}", call.target.name);
        selector =
            Selector::parse(call.query.get("labelSelector"), &one).map_err(Refusal::bad_request)?;
    }
    let asked = call.query.version()?;
    let initial = call.query.flag("sendInitialEvents");
    let now = Instant::now();

    let mut state = cluster.lock();
    let collection = state.collection(&call.target.kind.id);
    let (changed, cut) = (collection.changed.subscribe(), collection.cut.subscribe());
    let mut stream = Stream {
        cluster: cluster.clone(),
        target: call.target.clone(),
        selector,
        cursor: asked.unwrap_or(state.version),
        ends: now + call.query.watch_time(),
        bookmarks: call.query.flag("allowWatchBookmarks"),
        bookmark_at: now + BOOKMARK_EVERY,
        first: Vec::new(),
        finished: false,
        changed,
        cut,
    };
    if initial || asked.is_none() {
        stream.begin_with_everything(&state, initial);
    } else if stream.cursor > state.version {
        let refusal = Refusal::too_new(stream.cursor, state.version);
        stream.first = error_line(&refusal);
        stream.finished = true;
    }
    drop(state);

    let body = futures::stream::unfold(stream, |mut stream| async move {
        let chunk = stream.next().await?;
        Some((Ok::<_, std::io::Error>(chunk), stream))
    });
    let headers = [(header::CONTENT_TYPE, "application/json")];
    Ok((StatusCode::OK, headers, Body::from_stream(body)).into_response())
}

struct Stream {
    cluster: Arc<Inner>,
    target: Target,
    selector: Selector,
    /// Everything up to this version was sent.
    cursor: u64,
    ends: Instant,
    bookmarks: bool,
    bookmark_at: Instant,
    /// Lines to send before anything else.
    first: Vec<u8>,
    finished: bool,
    changed: watch::Receiver<u64>,
    cut: watch::Receiver<u64>,
}

impl Stream {
    /// The state of now as ADDED events; a streaming list ends them with a bookmark.
    fn begin_with_everything(&mut self, state: &State, bookmark: bool) {
        let head = self.head();
        for object in state.list(&self.target.kind.id, self.target.scope()) {
            if self.selector.matches(&object.value) {
                event_line(&mut self.first, "ADDED", &head, object);
            }
        }
        self.cursor = state.version;
        if bookmark {
            let mark = json!({"k8s.io/initial-events-end": "true"});
            self.first.extend(self.bookmark_line(&mark));
        }
    }

    /// The next lines, or `None` where the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.first.is_empty() {
            return Some(std::mem::take(&mut self.first).into());
        }
        loop {
            if self.finished {
                return None;
            }
            self.changed.mark_unchanged();
            let lines = self.collect();
            if !lines.is_empty() {
                return Some(lines.into());
            }
            tokio::select! {
                biased;
                () = self.cluster.stop.cancelled() => return None,
                _ = self.cut.changed() => return None,
                changed = self.changed.changed() => changed.ok()?,
                () = sleep_until(self.ends) => return None,
                () = sleep_until(self.bookmark_at), if self.bookmarks => {
                    self.bookmark_at = Instant::now() + BOOKMARK_EVERY;
                    return Some(self.bookmark_line(&Value::Null).into());
                }
            }
        }
    }

    /// The lines of everything after the cursor.
    fn collect(&mut self) -> Vec<u8> {
        let mut lines = Vec::new();
        let cluster = self.cluster.clone();
        let mut state = cluster.lock();
        let version = state.version;
        let collection = state.collection(&self.target.kind.id);
        let Some(changes) = collection.after(self.cursor) else {
            self.finished = true;
            return error_line(&Refusal::expired(self.cursor, version));
        };
        let changes: Vec<_> = changes.cloned().collect();
        drop(state);
        let head = self.head();
        for change in changes {
            if self.target.scope().is_none_or(|ns| ns == change.object.namespace())
                && let Some(kind) = self.kind_of(&change)
            {
                event_line(&mut lines, kind, &head, &change.object);
            }
        }
        self.cursor = version;
        lines
    }

    /// What a change means for this selection: an object that leaves it is DELETED for the watcher.
    fn kind_of(&self, change: &Change) -> Option<&'static str> {
        let selects = |object: &Object| self.selector.matches(&object.value);
        let before = change.before.as_deref().is_some_and(selects);
        let after = !change.removed && selects(&change.object);
        match (before, after) {
            (false, true) => Some("ADDED"),
            (true, true) => Some("MODIFIED"),
            (true, false) => Some("DELETED"),
            (false, false) => None,
        }
    }

    fn head(&self) -> Vec<u8> {
        typed(&self.target.kind, &self.target.version)
    }

    fn bookmark_line(&self, annotations: &Value) -> Vec<u8> {
        let mut meta = json!({"resourceVersion": self.cursor.to_string()});
        if annotations.is_object() {
            meta["annotations"] = annotations.clone();
        }
        let object = json!({
            "kind": self.target.kind.kind,
            "apiVersion": self.target.kind.api_version(&self.target.version),
            "metadata": meta,
        });
        line("BOOKMARK", &object)
    }
}

fn event_line(lines: &mut Vec<u8>, kind: &str, head: &[u8], object: &Object) {
    lines.extend_from_slice(format!(r#"{{"type":"{kind}","object":"#).as_bytes());
    lines.extend_from_slice(head);
    lines.extend_from_slice(object.body());
    lines.extend_from_slice(b"}\n");
}

fn error_line(refusal: &Refusal) -> Vec<u8> {
    line("ERROR", &refusal.status())
}

fn line(kind: &str, object: &Value) -> Vec<u8> {
    let mut line = json!({"type": kind, "object": object}).to_string().into_bytes();
    line.push(b'\n');
    line
}
