//! Measurements, whatever they belong to.

use app::doors::Context;
use app::pages::error::Error;
use axum::extract::Path;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::ids::MeasurementId;
use domain::verdict::Verdict;
use serde::Deserialize;
use serde_json::{Value, json};
use store::measurements::{Filter, Kept};
use utoipa_axum::routes;

use super::page::{newest_first, word};
use super::{Answer, Cursor, Endpoint, Page, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::Read, routes!(list)), needs(Action::Read, routes!(get))]
}

/// A measurement with what it belongs to; samples only where one is asked for.
pub(super) fn shown(kept: &Kept) -> Value {
    let mut value = json!(kept.measurement);
    value["id"] = json!(kept.id);
    value["subject"] = json!(kept.subject);
    value["service"] = json!(kept.service);
    value
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service: Option<String>,
    subject: Option<String>,
    name: Option<String>,
    objective: Option<String>,
    verdict: Option<String>,
    since: Option<DateTime<Utc>>,
    sort: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// Everything that was measured, newest first, without samples.
#[utoipa::path(get, path = "/measurements", tag = "measurements", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Value>> {
    let Asked { service, subject, name, objective, verdict, since, sort, limit, cursor } = asked;
    newest_first(sort.as_deref(), "at")?;
    if let Some(it) = &verdict {
        word(it, "verdict", Verdict::parse, Verdict::ALL, Verdict::as_str)?;
    }
    let cursor = Cursor { limit, cursor };
    let (after, limit) = (cursor.after()?, cursor.limit()? + 1);
    let filter = Filter { service, subject, name, objective, verdict, since, after, limit };
    let page = cx
        .read(Action::Read, async |cx| {
            let rows = store::measurements::list(&cx.db, &filter).await?;
            cursor.page(rows, |it| (it.measurement.at, it.id.0), |it| shown(&it))
        })
        .await?;
    Ok(Json(page))
}

/// One with the samples it was made from.
#[utoipa::path(get, path = "/measurements/{id}", tag = "measurements", params(("id" = String, Path)),
    responses((status = 200, body = Value)))]
async fn get(Extension(cx): Extension<Context>, Path(id): Path<String>) -> Answer<Value> {
    let value = cx
        .read(Action::Read, async |cx| {
            let id: MeasurementId = id.parse().map_err(|_| Error::NotFound)?;
            Ok(shown(&store::measurements::get(&cx.db, id).await?))
        })
        .await?;
    Ok(Json(value))
}
