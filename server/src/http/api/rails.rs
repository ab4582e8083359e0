//! Kill switches.

use app::doors::Context;
use app::wishes::rails;
use axum::extract::Path;
use axum::{Extension, Json};
use domain::access::Action;
use domain::rails::{KillSwitch, Scope};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Answer, Body, Endpoint, Page, Problem, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::KillSwitchOn, routes!(global)),
        needs(Action::KillSwitchOn, routes!(cluster)),
        needs(Action::KillSwitchOn, routes!(service)),
    ]
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
    reason: String,
}

/// The switches that are on.
#[utoipa::path(get, path = "/kill-switches", tag = "rails", responses((status = 200, body = Page<Value>)))]
async fn list(Extension(cx): Extension<Context>) -> Answer<Page<Value>> {
    let switches =
        cx.read(Action::Read, async |cx| Ok(store::rails::kill_switches(&cx.db).await?)).await?;
    let items = switches.iter().map(on).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

fn on(switch: &KillSwitch) -> Value {
    json!({
        "scope": switch.scope, "on": true, "reason": switch.reason, "set_by": switch.set_by_name,
        "set_at": switch.set_at,
    })
}

/// Stops every automatic rollback.
#[utoipa::path(put, path = "/kill-switches/global", tag = "rails", request_body = Switch,
    responses((status = 200, body = Value)))]
async fn global(Extension(cx): Extension<Context>, Body(switch): Body<Switch>) -> Answer<Value> {
    set(cx, Scope::Global, switch).await
}

/// Stops automatic rollbacks in a cluster.
#[utoipa::path(put, path = "/kill-switches/clusters/{name}", tag = "rails", params(("name" = String, Path)),
    request_body = Switch, responses((status = 200, body = Value)))]
async fn cluster(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
    Body(switch): Body<Switch>,
) -> Answer<Value> {
    set(cx, Scope::Cluster(name), switch).await
}

/// Stops automatic rollbacks of a service.
#[utoipa::path(put, path = "/kill-switches/services/{name}", tag = "rails", params(("name" = String, Path)),
    request_body = Switch, responses((status = 200, body = Value)))]
async fn service(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
    Body(switch): Body<Switch>,
) -> Answer<Value> {
    set(cx, Scope::Service(name), switch).await
}

async fn set(cx: Context, scope: Scope, switch: Switch) -> Result<Json<Value>, Problem> {
    if switch.on {
        return Ok(Json(on(&rails::switch_on(&cx, scope, &switch.reason).await?)));
    }
    rails::switch_off(&cx, scope.clone(), &switch.reason).await?;
    Ok(Json(json!({"scope": scope, "on": false, "reason": switch.reason})))
}
