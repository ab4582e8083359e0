//! Whoever makes a copy says so: `curl -X POST …/api/v1/heartbeats/lb_…` at the end of a script.
//!
//! The token in the address is all there is to know who it is, so it can say nothing but that, of one row.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::backups::heartbeat::{APART, Heartbeat};
use domain::tokens;
use serde_json::{Value, json};
use utoipa_axum::router::UtoipaMethodRouterExt;
use utoipa_axum::routes;

use super::extract::parse;
use super::{Endpoint, Problem, Shared, open};
use crate::clock;

/// Of the body, in bytes; it says a few words.
const LONGEST: usize = 4096;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![open(routes!(beat).layer(DefaultBodyLimit::max(LONGEST)))]
}

/// A copy was made. Without a body: just now. With one: `{artefact?, tenant?, site?, taken_at? or lag_s?, size?,
/// sha256?, encrypted?, ok?}`; the same artefact again is the same copy.
#[utoipa::path(post, path = "/heartbeats/{token}", tag = "backups", params(("token" = String, Path)),
    request_body = Value, responses((status = 202, body = Value)))]
async fn beat(
    State(web): Shared,
    Path(token): Path<String>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    let unknown = || Problem::from(app::pages::error::Error::NotFound);
    // Nothing of what a stranger sends is looked at.
    let known = match tokens::is_text(&token) {
        true => store::backups::by_token(&web.db, tokens::hash(&token)).await?,
        false => None,
    };
    let holder = known.ok_or_else(unknown)?;
    let body = body.map_err(|it| Problem::new(it.status(), "body", it.body_text()))?;
    let heartbeat: Heartbeat = match body.trim_ascii() {
        [] => Heartbeat::default(),
        body => parse(body)?,
    };
    let now = clock::now();
    let told = heartbeat.copy(now).map_err(app::pages::error::Error::from)?;
    let (site, copy) = told;
    let mut tx = web.db.begin().await.map_err(store::Error::from)?;
    if !store::backups::use_token(&mut tx, holder.token, now, APART).await? {
        return Ok(too_many());
    }
    store::backups::tell(&mut tx, holder.backup.id, site, &copy, now).await?;
    tx.commit().await.map_err(store::Error::from)?;
    let answer: Value = json!({
        "backup": holder.backup.name, "site": site, "artefact": copy.artefact, "at": copy.taken_at,
        "outcome": copy.outcome,
    });
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

fn too_many() -> Response {
    let title = format!("One heartbeat in {} s is enough", APART.num_seconds());
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", title);
    let mut response = problem.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(APART.num_seconds()));
    response
}
