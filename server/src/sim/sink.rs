//! A pretend chat: takes webhooks of any kind, remembers them, and answers as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::listener::{Connection, Door};
use super::serve;

/// One message that arrived.
#[derive(Debug, Clone)]
pub struct Message {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What it was answered with.
    pub status: u16,
}

impl Message {
    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// An answer other than yes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    retry_after: Option<u32>,
}

/// A running sink; it ends with the last clone of this handle.
#[derive(Debug, Clone)]
pub struct Sink {
    inner: Arc<Inner>,
    url: String,
    _end: Arc<DropGuard>,
}

#[derive(Debug)]
struct Inner {
    messages: Mutex<Vec<Message>>,
    answers: Mutex<VecDeque<Answer>>,
    /// How many messages there are.
    count: watch::Sender<usize>,
    door: Door,
}

impl Sink {
    /// Starts on 127.0.0.1; port 0 takes a free one.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(port: u16) -> std::io::Result<Self> {
        let door = Door::new();
        let inner = Arc::new(Inner {
            messages: Mutex::default(),
            answers: Mutex::default(),
            count: watch::Sender::new(0),
            door: door.clone(),
        });
        let stop = CancellationToken::new();
        let router = Router::new().fallback(take).with_state(inner.clone());
        let service = router.into_make_service_with_connect_info::<Connection>();
        let address = serve::start(port, door, service, stop.clone()).await?;
        Ok(Self { inner, url: format!("http://{address}"), _end: Arc::new(stop.drop_guard()) })
    }

    /// `http://127.0.0.1:PORT`; every path below it takes messages.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Answers the next message with this status, and with `Retry-After` in seconds if given.
    /// Several calls queue up; afterwards the answer is yes again.
    pub fn answer_next(&self, status: u16, retry_after: Option<u32>) {
        lock(&self.inner.answers).push_back(Answer { status, retry_after });
    }

    /// Takes no connections, or takes them again.
    pub fn refuse(&self, refuse: bool) {
        if refuse { self.inner.door.shut() } else { self.inner.door.open() }
    }

    /// The messages so far, refused ones too.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.inner.messages).clone()
    }

    /// Returns the messages as soon as there are `count`.
    pub async fn wait_for(&self, count: usize) -> Vec<Message> {
        // The sender lives in `self`, so the channel cannot close.
        let _ = self.inner.count.subscribe().wait_for(|n| *n >= count).await;
        self.messages()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1024 * 1024).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let answer = lock(&inner.answers).pop_front();
    let status = answer.as_ref().map_or(200, |a| a.status);
    let count = {
        let mut messages = lock(&inner.messages);
        messages.push(Message {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            headers: parts.headers,
            body,
            status,
        });
        messages.len()
    };
    inner.count.send_replace(count);
    let Some(answer) = answer else {
        // What Feishu, DingTalk and WeCom answer when they took a message; others read only 200.
        return Json(json!({"code": 0, "errcode": 0, "errmsg": "ok", "msg": "success"}))
            .into_response();
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match answer.retry_after {
        Some(seconds) => (status, [(header::RETRY_AFTER, seconds.to_string())]).into_response(),
        None => status.into_response(),
    }
}
