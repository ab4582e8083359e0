//! The button of the demo that starts the story. The route exists only with `--demo`; it plays the part of a pipeline
//! outside, and so is the one place where a request reaches a cluster, a pretended one.

use app::doors::Context;
use app::pages::visit::Visit;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Extension, Router};
use domain::access::{Action, Caller, Subject};

use super::Web;
use crate::demo::world::Breaker;

pub(super) fn router(web: Web, breaker: Breaker) -> Router {
    Router::new().route("/demo/break", post(break_gateway)).with_state((web, breaker))
}

async fn break_gateway(
    State((web, breaker)): State<(Web, Breaker)>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Response {
    let Some(user) = visit.user else { return Redirect::to("/sign-in").into_response() };
    let (caller, now, zone) = (Caller::Person(user), visit.now, visit.zone);
    let cx = Context { db: web.db, caller, now, zone, request: None, vault: web.vault };
    let subject = Subject::new("services", "api-gateway");
    let recorded = cx.write(Action::Read, subject, async |_, tx| {
        tx.detail("demo", "break the api-gateway");
        Ok(())
    });
    if let Err(error) = recorded.await {
        tracing::error!("the demo could not write down what it does: {error:?}");
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if let Err(error) = breaker.break_gateway().await {
        tracing::error!("the demo could not break anything: {error:#}");
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let back = headers.get(header::REFERER).and_then(|it| it.to_str().ok()).unwrap_or("/");
    Redirect::to(back).into_response()
}
