//! `GET /events`: every change as it happens, and after a lost connection everything in between.

use std::collections::VecDeque;
use std::convert::Infallible;

use app::doors::Context;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use domain::access::Action;
use domain::audit::Entry;
use futures::{Stream, StreamExt, stream};
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use utoipa_axum::routes;

use super::{Endpoint, Problem, Shared, needs};
use crate::http::Web;
use crate::http::live::{Wake, end};

/// So many are read at once.
const BATCH: i64 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::Read, routes!(events))]
}

/// Changes as server-sent events. `id` is the number in the audit log; with `Last-Event-ID` the stream goes on
/// after it, without it begins now.
#[utoipa::path(
    get, path = "/events", tag = "audit",
    params(("Last-Event-ID" = Option<i64>, Header, description = "The last event that was seen")),
    responses((status = 200, description = "data: {seq, at, actor, action, subject}", content_type = "text/event-stream"))
)]
async fn events(
    State(web): Shared,
    Extension(cx): Extension<Context>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    // First listen, then read what is missing: the other way round something could fall between.
    let wake = web.live.subscribe();
    let seen = headers.get("last-event-id").and_then(|it| it.to_str().ok()?.parse().ok());
    let after = match seen {
        Some(after) => after,
        None => cx.read(Action::Read, async |cx| Ok(store::audit::latest(&cx.db).await?)).await?,
    };
    let follower = Follower { web: web.clone(), wake, after, ready: VecDeque::new() };
    let entries = stream::unfold(follower, async |mut it| Some((it.next().await?, it)));
    let events = entries.map(|it| Ok(event(&it)));
    Ok(Sse::new(events.take_until(Box::pin(end(web.stop)))).keep_alive(KeepAlive::default()))
}

fn event(entry: &Entry) -> Event {
    let Entry { seq, at, actor, action, subject, .. } = entry;
    let data = json!({"seq": seq, "at": at, "actor": actor, "action": action, "subject": subject});
    Event::default().id(seq.to_string()).event("change").data(data.to_string())
}

/// Reads the log after the last entry that was handed on, whenever it is told that there is something.
struct Follower {
    web: Web,
    wake: Receiver<Wake>,
    after: i64,
    ready: VecDeque<Entry>,
}

impl Follower {
    /// Nothing when the stream is to end; its reader comes back with the last number.
    async fn next(&mut self) -> Option<Entry> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                self.after = entry.seq;
                return Some(entry);
            }
            let missed = store::audit::list::after(&self.web.db, self.after, BATCH).await.ok()?;
            if !missed.is_empty() {
                self.ready = missed.into();
                continue;
            }
            // Whoever was too slow has missed wake-ups, which is one more reason to look.
            if let Err(RecvError::Closed) = self.wake.recv().await {
                return None;
            }
        }
    }
}
