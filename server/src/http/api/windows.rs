//! Maintenance windows and freezes.

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::windows::{self as wishes, Asked};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::fields::Fault;
use domain::windows::{Kind, Window};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Answer, Body, Endpoint, Page, Problem, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::KillSwitchOn, routes!(set)),
        needs(Action::WaiveRail, routes!(end)),
    ]
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `maintenance` or `freeze`.
    kind: String,
    /// `global`, `clusters/NAME`, `services/NAME`.
    scope: String,
    reason: String,
    /// Now where it is not given.
    from: Option<DateTime<Utc>>,
    to: DateTime<Utc>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    reason: String,
}

fn shown(it: &Window, now: DateTime<Utc>) -> Value {
    json!({
        "id": it.id, "kind": it.kind, "scope": it.scope, "reason": it.reason, "from": it.from, "to": it.to,
        "running": it.is_running(now), "set_by": it.set_by_name, "set_at": it.set_at,
    })
}

/// Those that people have set and that run or are to come; those that come again are the policies'.
#[utoipa::path(get, path = "/windows", tag = "rails", responses((status = 200, body = Page<Value>)))]
async fn list(Extension(cx): Extension<Context>) -> Answer<Page<Value>> {
    let windows =
        cx.read(Action::Read, async |cx| Ok(store::windows::list(&cx.db, cx.now).await?)).await?;
    let items = windows.iter().map(|it| shown(it, cx.now)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// Keeps automation away for a stretch of time.
#[utoipa::path(post, path = "/windows", tag = "rails", request_body = Wanted,
    responses((status = 201, body = Value)))]
async fn set(
    Extension(cx): Extension<Context>,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let unknown = |field: &str| Error::field(field, Fault::Unknown);
    let asked = Asked {
        kind: Kind::parse(&wanted.kind).ok_or_else(|| unknown("kind"))?,
        scope: wanted.scope.parse().map_err(|_| unknown("scope"))?,
        reason: wanted.reason,
        from: wanted.from,
        to: wanted.to,
    };
    let window = wishes::set(&cx, asked).await?;
    Ok((StatusCode::CREATED, Json(shown(&window, cx.now))))
}

/// Ends one before its time.
#[utoipa::path(post, path = "/windows/{id}/end", tag = "rails", params(("id" = String, Path)), request_body = Why,
    responses((status = 200, body = Value)))]
async fn end(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(why): Body<Why>,
) -> Answer<Value> {
    Ok(Json(shown(&wishes::end(&cx, &id, &why.reason).await?, cx.now)))
}
