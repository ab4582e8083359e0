//! `Idempotency-Key`: the same key and body give the first answer again, another body is refused, and of two at
//! once the second waits for the first.

use std::time::Duration;

use app::doors::Context;
use app::pages::error::Error;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::fields::Fault;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::idempotency::{Answer, Taken};

use super::Problem;
use crate::clock;
use crate::http::Web;

const KEY: &str = "idempotency-key";

/// What is hashed, and what an answer may be; a file is known by its own hash.
const LONGEST: usize = 16 << 20;

/// How long the second of two waits for the first.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of an answer only these are kept.
const KEPT: [HeaderName; 2] = [header::CONTENT_TYPE, header::LOCATION];

pub(super) async fn once(State(web): State<Web>, request: Request, next: Next) -> Response {
    let key = request.headers().get(KEY).cloned();
    let cx = request.extensions().get::<Context>().cloned();
    match (key, cx) {
        (Some(key), Some(cx)) if request.method() == Method::POST => {
            keyed(&web, &key, cx, request, next).await.unwrap_or_else(IntoResponse::into_response)
        }
        _ => next.run(request).await,
    }
}

async fn keyed(
    web: &Web,
    key: &HeaderValue,
    mut cx: Context,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = key.to_str().ok().filter(|it| (1..=255).contains(&it.len()));
    let key = key.ok_or_else(|| {
        let fault = Fault::Malformed("1 to 255 visible ASCII characters".into());
        Problem::from(Error::field("Idempotency-Key", fault))
    })?;
    let (mut parts, body) = request.into_parts();
    let (body, hash) = hashed(&parts.headers, body).await?;
    let caller = cx.caller.actor().to_string();
    let id = match wait(web, &caller, parts.uri.path(), key, hash).await? {
        Taken::Ours(id) => id,
        Taken::Answered(answer) => return Ok(repeat(answer)),
        Taken::OtherBody => {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "This Idempotency-Key was sent before with another body",
            ));
        }
        Taken::InProgress => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "idempotency-in-progress",
                "The first request with this Idempotency-Key is still being carried out",
            ));
        }
        Taken::AnswerLost => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "idempotency-answer-lost",
                "This was carried out, but its answer was lost; look at what there is now",
            ));
        }
    };
    cx.request = Some(id);
    parts.extensions.insert(cx);
    let (parts, body) = next.run(Request::from_parts(parts, body)).await.into_parts();
    let too_long = |_| Problem::from(Error::Internal);
    let body = to_bytes(body, LONGEST).await.map_err(too_long)?;
    match is_final(parts.status) {
        true => {
            store::idempotency::answer(&web.db, id, &keep(&parts.headers, parts.status, &body))
                .await?
        }
        false => store::idempotency::give_back(&web.db, id).await?,
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Whether sending it again cannot end differently for a reason of ours.
fn is_final(status: StatusCode) -> bool {
    let again = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS];
    !status.is_server_error() && !again.contains(&status)
}

/// The body with its hash; a file goes by, because it is known by its own hash and does not fit in memory.
async fn hashed(headers: &HeaderMap, body: Body) -> Result<(Body, [u8; 32]), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    if kind.is_some_and(|it| it.starts_with("multipart/")) {
        return Ok((body, [0; 32]));
    }
    let bytes = to_bytes(body, LONGEST).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body", "The body is longer than 16 MiB")
    })?;
    let hash = Sha256::digest(&bytes).into();
    Ok((Body::from(bytes), hash))
}

async fn wait(
    web: &Web,
    caller: &str,
    path: &str,
    key: &str,
    hash: [u8; 32],
) -> Result<Taken, Problem> {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let taken =
            store::idempotency::take(&web.db, caller, path, key, hash, clock::now()).await?;
        if taken != Taken::InProgress || tokio::time::Instant::now() > end {
            return Ok(taken);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn keep(headers: &HeaderMap, status: StatusCode, body: &Bytes) -> Answer {
    let kept = KEPT.iter().filter_map(|name| {
        Some((name.to_string(), Value::from(headers.get(name)?.to_str().ok()?)))
    });
    let headers = Value::Object(kept.collect::<Map<_, _>>());
    Answer { status: status.as_u16(), headers, body: body.to_vec() }
}

fn repeat(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    for name in KEPT {
        let value = answer.headers.get(name.as_str()).and_then(Value::as_str);
        if let Some(value) = value.and_then(|it| HeaderValue::from_str(it).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
