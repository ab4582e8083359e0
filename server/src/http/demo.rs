//! What the demo plays of the world outside: the button that starts the story, and for a script that plays a year the
//! metrics and the time. The routes exist only with `--demo`; they stand for a pipeline and a wall clock outside, and so
//! are the one place where a request reaches a cluster, a pretended one.

use app::doors::Context;
use app::pages::visit::Visit;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use chrono::{DateTime, Utc};
use domain::access::{Action, Caller, Subject};
use serde::Deserialize;

use super::Web;
use crate::demo::world::Outside;

#[derive(Clone)]
struct Demo {
    web: Web,
    outside: Outside,
}

pub(super) fn router(web: Web, outside: Outside) -> Router {
    Router::new()
        .route("/demo/break", post(break_gateway))
        .route("/demo/metrics", post(measure))
        .route("/demo/clock", post(pass_time))
        .with_state(Demo { web, outside })
}

async fn break_gateway(
    State(demo): State<Demo>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Response {
    if visit.user.is_none() {
        return Redirect::to("/sign-in").into_response();
    }
    let subject = Subject::new("services", "api-gateway");
    if let Err(refused) = demo.record(visit, subject, "break the api-gateway".to_owned()).await {
        return refused.into_response();
    }
    if let Err(error) = demo.outside.break_gateway().await {
        tracing::error!("the demo could not break anything: {error:#}");
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let back = headers.get(header::REFERER).and_then(|it| it.to_str().ok()).unwrap_or("/");
    Redirect::to(back).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    /// As the catalog or a drill has it, letter by letter.
    query: String,
    /// No data where it is null.
    value: Option<f64>,
}

async fn measure(
    State(demo): State<Demo>,
    Extension(visit): Extension<Visit>,
    Json(Measured { query, value }): Json<Measured>,
) -> Result<StatusCode, Response> {
    let subject = Subject::new("clusters", "demo");
    let done = format!("measure {query} as {value:?}");
    demo.record(visit, subject, done).await.map_err(IntoResponse::into_response)?;
    demo.outside.measure(&query, value);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    at: DateTime<Utc>,
}

async fn pass_time(
    State(demo): State<Demo>,
    Extension(visit): Extension<Visit>,
    Json(Moment { at }): Json<Moment>,
) -> Result<StatusCode, Response> {
    let subject = Subject::new("clusters", "demo");
    let done = format!("pass time until {at}");
    demo.record(visit, subject, done).await.map_err(IntoResponse::into_response)?;
    let refused = |why: crate::demo::world::Unmoved| (StatusCode::CONFLICT, why.to_string());
    demo.outside.pass_time(at).map_err(|it| refused(it).into_response())?;
    Ok(StatusCode::NO_CONTENT)
}

impl Demo {
    /// What the demo does is in the audit log like everything else, by whoever is signed in.
    async fn record(&self, visit: Visit, subject: Subject, done: String) -> Result<(), StatusCode> {
        let user = visit.user.ok_or(StatusCode::UNAUTHORIZED)?;
        let (caller, now, zone) = (Caller::Person(user), visit.now, visit.zone);
        let Web { db, vault, .. } = self.web.clone();
        let cx = Context { db, caller, now, zone, request: None, vault };
        let recorded = cx.write(Action::Read, subject, async |_, tx| {
            tx.detail("demo", done);
            Ok(())
        });
        recorded.await.map_err(|error| {
            tracing::error!("the demo could not write down what it does: {error:?}");
            StatusCode::SERVICE_UNAVAILABLE
        })
    }
}
