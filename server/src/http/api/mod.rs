//! The API, `/api/v1`. One table of endpoints makes the router, the OpenAPI document and the test of who may do
//! what, so that none can be in one and not in the others.
//!
//! A request passes, from the outside: rate limit, session or bearer token ([`auth`]), `Idempotency-Key`
//! ([`idempotency`]), the gate of its endpoint, which asks whether the caller may do this anywhere at all and
//! before anything of the body is read, and then the same doors as a page ([`app::doors`]).

use std::sync::Arc;

use app::doors::Context;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use domain::access::Action;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};

pub use self::auth::of_token as caller_of;
pub(crate) use self::extract::{Body, Query};
pub(crate) use self::page::{Cursor, Page};
pub(crate) use self::problem::Problem;
use super::Web;

mod alerts;
mod attention;
mod audit;
mod auth;
mod backups;
mod bundles;
mod calendar;
mod catalog;
mod changes;
mod decisions;
mod document;
mod drills;
mod events;
mod evidence;
mod extract;
mod gates;
mod heartbeats;
mod holidays;
mod idempotency;
mod measurements;
mod objectives;
mod one_time;
mod openings;
mod page;
pub(crate) mod problem;
mod prometheus_rules;
mod quarters;
mod rails;
mod rollbacks;
mod runs;
mod services;
mod spot_checks;
mod statistics;
mod tokens;
mod trends;
mod users;
mod versions;
mod windows;
mod workloads;

/// Where all of it is.
pub const PREFIX: &str = "/api/v1";

/// Everything but a file fits; alerts and evidence have limits of their own.
const LONGEST: usize = 2 << 20;

/// One line of the table: a method on a path, and what it takes to call it.
pub(crate) struct Endpoint {
    /// Nothing where everybody may.
    action: Option<Action>,
    routes: UtoipaMethodRouter<Web>,
}

/// Every endpoint there is, feature by feature.
fn endpoints() -> Vec<Endpoint> {
    [
        document::endpoints(),
        alerts::endpoints(),
        attention::endpoints(),
        audit::endpoints(),
        decisions::endpoints(),
        drills::endpoints(),
        bundles::endpoints(),
        backups::endpoints(),
        gates::endpoints(),
        heartbeats::endpoints(),
        calendar::endpoints(),
        events::endpoints(),
        evidence::endpoints(),
        measurements::endpoints(),
        objectives::endpoints(),
        prometheus_rules::endpoints(),
        holidays::endpoints(),
        rails::endpoints(),
        rollbacks::endpoints(),
        catalog::endpoints(),
        changes::endpoints(),
        services::endpoints(),
        spot_checks::endpoints(),
        statistics::endpoints(),
        runs::endpoints(),
        users::endpoints(),
        versions::endpoints(),
        one_time::endpoints(),
        openings::endpoints(),
        windows::endpoints(),
        tokens::endpoints(),
        trends::endpoints(),
        quarters::endpoints(),
        workloads::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// For who may do this somewhere; the doors inside ask again for the place.
pub(crate) fn needs(action: Action, routes: UtoipaMethodRouter<Web>) -> Endpoint {
    let gate = from_fn(move |request: Request, next: Next| gate(action, request, next));
    Endpoint { action: Some(action), routes: routes.layer(gate) }
}

/// For everybody.
pub(crate) fn open(routes: UtoipaMethodRouter<Web>) -> Endpoint {
    Endpoint { action: None, routes }
}

async fn gate(action: Action, request: Request, next: Next) -> Response {
    match request.extensions().get::<Context>() {
        None => Problem::from(app::pages::error::Error::Unauthenticated).into_response(),
        Some(cx) if !cx.caller.may_somewhere(action, cx.now) => {
            Problem::from(app::pages::error::Error::Forbidden).into_response()
        }
        Some(_) => next.run(request).await,
    }
}

/// Method, path with its parameters in braces, and action of every endpoint.
pub fn table() -> Vec<(&'static str, String, Option<Action>)> {
    let lines = endpoints().into_iter().flat_map(|it| {
        let action = it.action;
        it.routes.1.paths.into_iter().flat_map(move |(path, item)| {
            let methods = [
                ("GET", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("DELETE", item.delete.is_some()),
            ];
            let path = format!("{PREFIX}{path}");
            let there = methods.into_iter().filter(|(_, there)| *there);
            there.map(move |(method, _)| (method, path.clone(), action)).collect::<Vec<_>>()
        })
    });
    lines.collect()
}

/// The OpenAPI document of this build.
pub fn openapi() -> OpenApi {
    let router = OpenApiRouter::with_openapi(document::frame()).nest(PREFIX, collect());
    router.split_for_parts().1
}

fn collect() -> OpenApiRouter<Web> {
    let all = endpoints().into_iter();
    all.fold(OpenApiRouter::new(), |router, it| router.routes(it.routes))
}

/// What is below [`PREFIX`].
pub(super) fn router(web: &Web) -> Router<Web> {
    let router: Router<Web> = collect().into();
    router
        .fallback(not_found)
        .layer(axum::Extension(Arc::new(openapi())))
        .layer(DefaultBodyLimit::max(LONGEST))
        .layer(from_fn_with_state(web.clone(), idempotency::once))
        .layer(from_fn_with_state(web.clone(), auth::identify))
}

async fn not_found() -> Problem {
    Problem::from(app::pages::error::Error::NotFound)
}

/// What a handler answers.
pub(crate) type Answer<T> = Result<Json<T>, Problem>;

/// A state that handlers need beside the doors.
pub(crate) type Shared = State<Web>;
