//! What waits for people where a rollback is not the answer: incidents that are called for, runbooks that are proposed.

use app::doors::Context;
use app::wishes::openings as wishes;
use axum::extract::Path;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::openings::{Kind, Opening};
use serde::Deserialize;
use serde_json::{Value, json};
use store::openings::Filter;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::page::{newest_first, word};
use super::{Answer, Body, Cursor, Endpoint, Page, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::Read, routes!(list)), needs(Action::OpenIncident, routes!(take_up))]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service: Option<String>,
    kind: Option<String>,
    /// `open` or `ended`.
    state: Option<String>,
    since: Option<DateTime<Utc>>,
    sort: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TakenUp {
    reason: String,
}

pub(super) fn shown(it: &Opening) -> Value {
    json!({
        "id": it.id, "kind": it.kind, "cause": it.cause, "severity": it.severity, "service": it.service_name,
        "alert_id": it.alert, "rollback_id": it.rollback, "rollback": it.rollback_number, "said": it.said,
        "runbook": it.runbook, "trace_id": it.trace_id, "opened_at": it.opened_at,
        "state": if it.ended_at.is_none() { "open" } else { "ended" },
        "ended_at": it.ended_at, "ended_by": it.ended_by, "ended_why": it.ended_why,
    })
}

/// Newest first.
#[utoipa::path(get, path = "/openings", tag = "openings", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Value>> {
    let Asked { service, kind, state, since, sort, limit, cursor } = asked;
    newest_first(sort.as_deref(), "opened_at")?;
    let kind =
        kind.map(|it| word(&it, "kind", Kind::parse, Kind::ALL, Kind::as_str)).transpose()?;
    let parse = |it: &str| ["ended", "open"].iter().position(|word| *word == it);
    let name = |it: usize| ["ended", "open"][it];
    let state = state.map(|it| word(&it, "state", parse, &[0, 1], name)).transpose()?;
    let open = state.map(|it| it == 1);
    let cursor = Cursor { limit, cursor };
    let filter =
        Filter { service, kind, open, since, after: cursor.after()?, limit: cursor.limit()? + 1 };
    let rows =
        cx.read(Action::Read, async |cx| Ok(store::openings::list(&cx.db, &filter).await?)).await?;
    Ok(Json(cursor.page(rows, |it| (it.opened_at, it.id.0), |it| shown(&it))?))
}

/// Somebody deals with it, and says where; or says why nobody has to.
#[utoipa::path(post, path = "/openings/{id}/take-up", tag = "openings", params(("id" = String, Path)),
    request_body = TakenUp, responses((status = 200, body = Value)))]
async fn take_up(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(taken): Body<TakenUp>,
) -> Answer<Value> {
    Ok(Json(shown(&wishes::take_up(&cx, &id, &taken.reason).await?)))
}
