//! Decisions: what the rules made of each situation.

use app::doors::Context;
use app::pages::error::Error;
use axum::extract::Path;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::decisions::{Decision, Outcome};
use domain::ids::{AlertId, DecisionId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::decisions::{Filter, Stored};
use utoipa_axum::routes;
use uuid::Uuid;

use super::page::{newest_first, word};
use super::{Answer, Cursor, Endpoint, Page, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::Read, routes!(list)), needs(Action::Read, routes!(get))]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service: Option<String>,
    alert: Option<Uuid>,
    /// An outcome.
    state: Option<String>,
    since: Option<DateTime<Utc>>,
    sort: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// The decision as `lifeboat decide` prints it, with what became known when it was stored.
pub(super) fn shown(stored: Stored) -> Value {
    let of_situation = |pointer| stored.situation.pointer(pointer).cloned();
    let (trace, runbook) = (of_situation("/alert/trace_id"), of_situation("/signal/runbook"));
    let decision = Decision {
        id: Some(stored.id),
        follows: stored.follows,
        rollback_id: stored.rollback,
        ..stored.decision
    };
    let mut value = json!(decision);
    value["alert_id"] = json!(stored.alert);
    value["workload_id"] = json!(stored.workload);
    value["trace_id"] = json!(trace);
    value["runbook"] = json!(runbook);
    value
}

/// Decisions, newest first.
#[utoipa::path(get, path = "/decisions", tag = "decisions", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Value>> {
    let Asked { service, alert, state, since, sort, limit, cursor } = asked;
    newest_first(sort.as_deref(), "at")?;
    let outcome = |it: String| word(&it, "state", Outcome::parse, Outcome::ALL, Outcome::as_str);
    let state = state.map(outcome).transpose()?.map(|it| it.as_str().to_owned());
    let cursor = Cursor { limit, cursor };
    let filter = Filter {
        service,
        alert: alert.map(AlertId),
        state,
        since,
        after: cursor.after()?,
        limit: cursor.limit()? + 1,
    };
    let rows = cx
        .read(Action::Read, async |cx| Ok(store::decisions::list(&cx.db, &filter).await?))
        .await?;
    Ok(Json(cursor.page(rows, |it| (it.at, it.id.0), shown)?))
}

/// One decision, with the situation that it was made in.
#[utoipa::path(get, path = "/decisions/{id}", tag = "decisions", params(("id" = Uuid, Path)),
    responses((status = 200, body = Value)))]
async fn get(Extension(cx): Extension<Context>, Path(id): Path<String>) -> Answer<Value> {
    let stored = cx
        .read(Action::Read, async |cx| {
            let id = id.parse().map(DecisionId).map_err(|_| Error::NotFound)?;
            Ok(store::decisions::get(&cx.db, id).await?)
        })
        .await?;
    let situation = stored.situation.clone();
    let mut value = shown(stored);
    value["situation"] = situation;
    Ok(Json(value))
}
