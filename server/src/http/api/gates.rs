//! Flagger and Argo Rollouts ask whether to go on. The token in the address is all there is to know who asks; what
//! they send is kept and decides nothing.

use app::pages::error::Error;
use app::wishes::gates;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::gates::{Answer, Gate, Hook, Tool};
use domain::texts::{Lang, gates as texts};
use domain::tokens;
use domain::verdict::Verdict;
use serde_json::{Value, json};
use utoipa_axum::router::UtoipaMethodRouterExt;
use utoipa_axum::routes;

use super::{Endpoint, Problem, Shared, open};
use crate::clock;

/// Of the body, in bytes. Flagger says who it is and what the Canary's author wrote under `metadata`.
const LONGEST: usize = 64 << 10;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![open(routes!(flagger).layer(DefaultBodyLimit::max(LONGEST))), open(routes!(argo))]
}

/// Whether a Canary may go on at one of its hooks: 200 open, 403 closed. At `rollback` open means go back.
///
/// For `webhooks` of a Canary's `analysis`; `hook` is the `type` there.
#[utoipa::path(post, path = "/gates/flagger/{token}/{hook}", tag = "gates",
    params(("token" = String, Path), ("hook" = String, Path)), request_body = Value,
    responses((status = 200, body = Value), (status = 403, body = Value)))]
async fn flagger(
    State(web): Shared,
    Path((token, hook)): Path<(String, String)>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    // Nothing of what a stranger sends is looked at.
    let gate = known(&web.db, &token, Tool::Flagger).await?;
    let hook = Hook::parse(&hook).filter(|it| it.tool() == Tool::Flagger);
    let hook = hook.ok_or_else(|| Problem::from(Error::NotFound))?;
    let body = body.map_err(|it| Problem::new(it.status(), "body", it.body_text()))?;
    let told: Value = serde_json::from_slice(&body)
        .map_err(|it| Problem::new(StatusCode::BAD_REQUEST, "body", it.to_string()))?;
    let answer = gates::ask(&web.db, gate.id, hook, &kept(&told), clock::now()).await?;
    let status = match answer.verdict {
        Verdict::Pass => StatusCode::OK,
        Verdict::Fail | Verdict::Unknown => StatusCode::FORBIDDEN,
    };
    Ok((status, Json(said(&answer))).into_response())
}

/// Whether a Rollout may go on, as a measurement: `value` is 1 for a pass, 0 for a fail, and between them while nobody
/// knows, so that an AnalysisTemplate with both conditions is inconclusive.
#[utoipa::path(get, path = "/gates/argo/{token}", tag = "gates", params(("token" = String, Path)),
    responses((status = 200, body = Value)))]
async fn argo(State(web): Shared, Path(token): Path<String>) -> Result<Json<Value>, Problem> {
    let gate = known(&web.db, &token, Tool::Argo).await?;
    let answer = gates::ask(&web.db, gate.id, Hook::Analysis, &Value::Null, clock::now()).await?;
    let mut said = said(&answer);
    // A number in any case: Argo counts an empty value as an error, and errors abort.
    said["value"] = json!(match answer.verdict {
        Verdict::Pass => 1.0,
        Verdict::Unknown => 0.5,
        Verdict::Fail => 0.0,
    });
    Ok(Json(said))
}

async fn known(db: &sqlx::PgPool, token: &str, tool: Tool) -> Result<Gate, Problem> {
    let known = match tokens::is_text(token) {
        true => store::gates::by_token(db, tokens::hash(token)).await?,
        false => None,
    };
    known.filter(|it| it.tool == tool).ok_or_else(|| Problem::from(Error::NotFound))
}

/// What Flagger says of itself. `metadata` is anybody's, and may hold what is secret.
fn kept(told: &Value) -> Value {
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    let short =
        |name: &str| text(name).chars().take(253).filter(|it| !it.is_control()).collect::<String>();
    json!({
        "name": short("name"), "namespace": short("namespace"), "phase": short("phase"), "checksum": short("checksum"),
    })
}

fn said(answer: &Answer) -> Value {
    json!({
        "verdict": answer.verdict, "why": answer.why, "message": texts::why(answer.why, Lang::En),
    })
}
