//! How the process is: alive, ready, and in figures.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use domain::access::Action;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Web, api};
use crate::clock;

/// A database that does not answer within this is as good as none.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bounds of the histograms, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/healthz", get(async || Json(json!({"ok": true}))))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

async fn ready(State(web): State<Web>) -> (StatusCode, Json<Value>) {
    let database = tokio::time::timeout(PATIENCE, store::audit::latest(&web.db)).await;
    match database {
        Ok(Ok(_)) => (StatusCode::OK, Json(json!({"ok": true}))),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"ok": false, "reason": "the database does not answer"})),
        ),
    }
}

/// For a bearer token with the scope `read`.
async fn metrics(State(web): State<Web>, headers: HeaderMap) -> Response {
    let Some(handle) = &web.metrics else { return StatusCode::NOT_FOUND.into_response() };
    let now = clock::now();
    let token = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    let Some(token) = token.and_then(|it| it.strip_prefix("Bearer ")) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match api::caller_of(&web.db, token, now).await {
        Ok(caller) if caller.may_somewhere(Action::Read, now) => handle.render().into_response(),
        Ok(_) => StatusCode::FORBIDDEN.into_response(),
        Err(error) => error.status().into_response(),
    }
}

/// Counts requests by route, which is a closed set, and never by address, which is not.
pub(super) async fn measure(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "other".to_owned(), |it| it.as_str().to_owned());
    let method = request.method().to_string();
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    let labels = [("route", route), ("method", method), ("status", status)];
    metrics::histogram!("lifeboat_http_seconds", &labels).record(begun.elapsed().as_secs_f64());
    response
}

/// Collects the figures of this process; once.
pub fn recorder() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .install_recorder()
        .context("the metrics")
}

/// `/metrics` without a token, where it has an address of its own.
pub async fn serve_metrics(
    listen: Option<SocketAddr>,
    handle: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Some(listen) = listen else { return Ok(()) };
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on LIFEBOAT_METRICS_LISTEN, {listen}"))?;
    let router = Router::new().route("/metrics", get(async move || handle.render()));
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    served.await.context("the metrics listener")
}
