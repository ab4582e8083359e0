//! The HTTP face of the pretend API server: who asks, for what, and which fault stands in the way.

pub(crate) mod answer;
pub(crate) mod body;
mod discovery;
mod openapi;
mod path;
mod query;
mod read;
mod table;
mod watch;
mod write;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{HeaderMap, Method, header, request::Parts};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use self::answer::Refusal;
pub(crate) use self::path::Target;
use self::query::Query;
use super::Inner;
use super::faults::Effect;
use super::listener::Connection;
use super::requests::Seen;

/// As the real API server: nothing larger is read.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// A request that names a resource.
pub(crate) struct Call {
    pub(crate) target: Target,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: axum::body::Bytes,
    pub(crate) arrived: Instant,
}

impl Call {
    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

/// Answers every request of the API.
pub(crate) async fn serve(
    Shared(cluster): Shared<Arc<Inner>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return Refusal::bad_request("the body is larger than 3 MiB").into_response();
    };
    if !cluster.admits(&parts.headers) {
        return Refusal::unauthorized().into_response();
    }
    let arrived = Instant::now(); // Before the lock: controllers may hold it.
    let target = Target::parse(parts.uri.path(), &cluster.lock().types);
    let Some(target) = target else {
        return discovery::answer(&cluster, &parts, &body);
    };
    let call = Call {
        target,
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        headers: parts.headers.clone(),
        body,
        arrived,
    };
    answer(&cluster, &connection, &parts, call).await
}

async fn answer(
    cluster: &Arc<Inner>,
    connection: &Connection,
    parts: &Parts,
    call: Call,
) -> Response {
    let verb = call.target.verb(&parts.method, call.query.flag("watch"));
    let seen = cluster.requests.record(Seen::new(verb, &parts.method, &parts.uri, &call));
    let mut lose_answer = false;
    for effect in cluster.faults.take(verb, &call.target) {
        match effect {
            Effect::Delay(time) => tokio::time::sleep(time).await,
            Effect::LoseRequest => return connection.cut(),
            Effect::LoseAnswer => lose_answer = true,
            other => {
                let refusal = other.refusal(verb, &call.target, &cluster.options.user);
                seen.answered(refusal.code);
                return refusal.into_response();
            }
        }
    }
    let response = dispatch(cluster, verb, &call);
    cluster.wake.notify_one();
    seen.answered(response.status().as_u16());
    if lose_answer { connection.cut() } else { response }
}

fn dispatch(cluster: &Arc<Inner>, verb: &str, call: &Call) -> Response {
    let result = match (verb, call.target.subresource.as_str()) {
        ("watch", "") => watch::open(cluster, call),
        ("list", "") => read::list(cluster, call),
        ("get", "log") => read::log(cluster, call),
        ("get", "scale") => read::scale(cluster, call),
        ("get", "" | "status") => read::get(cluster, call),
        ("create", "") if call.target.name.is_empty() => write::create(cluster, call),
        ("create", "eviction") => write::evict(cluster, call),
        ("update" | "patch", "scale") => write::scale(cluster, call),
        ("update", "" | "status" | "finalize") => write::update(cluster, call),
        ("patch", "" | "status") => write::patch(cluster, call),
        ("delete", "") => write::delete(cluster, call),
        ("deletecollection", "") => write::delete_collection(cluster, call),
        _ => Err(Refusal::method_not_allowed()),
    };
    result.unwrap_or_else(IntoResponse::into_response)
}

impl Connection {
    /// Breaks the connection; the answer never gets out.
    fn cut(&self) -> Response {
        self.broken.cancel();
        Response::new(Body::empty())
    }
}

impl Inner {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.options.token else { return true };
        let sent = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        sent.and_then(|s| s.strip_prefix("Bearer ")) == Some(token.as_str())
    }
}

/// Whether a request of this method changes something.
pub(crate) fn changes(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}
