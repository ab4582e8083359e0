//! The close of a quarter, and what was closed.

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::quarters::{self as wishes, Closed};
use axum::body::Bytes;
use axum::extract::{Path, State as Shown};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use domain::access::Action;
use domain::fields::Fault;
use domain::quarters::report::{Report, State, path};
use domain::quarters::{Addendum, PeriodFigures, Quarter};
use domain::texts::Lang;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::extract::parse;
use super::page::word;
use super::trends::figures;
use super::{Answer, Cursor, Endpoint, Page, Problem, Query, Shared, needs};
use crate::http::reports;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(get)),
        needs(Action::Read, routes!(rows)),
        needs(Action::Read, routes!(report)),
        needs(Action::CloseQuarter, routes!(close)),
    ]
}

fn shown(it: &Quarter) -> Value {
    let named = |it: &PeriodFigures| json!({"period": it.period, "figures": figures(&it.figures)});
    json!({
        "quarter": it.period,
        "state": "closed",
        "zone": it.zone,
        "since": it.starts,
        "until": it.ends,
        "figures": figures(&it.figures),
        "months": it.months.iter().map(named).collect::<Vec<_>>(),
        "before": it.before.iter().map(named).collect::<Vec<_>>(),
        "rows": it.rows,
        "digest": it.digest,
        "audit": it.audit,
        "closed_by": it.closed_by,
        "closed_at": it.closed_at,
    })
}

fn with_everything(it: &Closed) -> Value {
    let addendum = |entry: &Addendum| {
        let change = it.changes.get(&entry.subject);
        let mut value = json!(entry);
        value["at"] = json!(change.map(|it| it.0));
        value["by"] = json!(change.map(|it| &it.1));
        value
    };
    let mut value = shown(&it.quarter);
    value["addendum"] = it.addenda.iter().map(addendum).collect();
    value["report"] = json!(it.report.as_ref().map(standing));
    value
}

/// Whether the report is stored, and what keeps it from that.
fn standing(it: &Report) -> Value {
    match &it.state {
        State::Stored { file, at } => json!({
            "state": "stored", "sha256": file.sha256, "size": file.size, "path": path(it.period), "stored_at": at,
        }),
        State::Due { failed: None, .. } => json!({"state": "being_made"}),
        State::Due { failed: Some(failed), .. } => json!({
            "state": "failed", "reason": failed.fault, "tries": failed.tries, "failed_at": failed.at,
            "again_at": it.again_at(),
        }),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    limit: Option<u16>,
    cursor: Option<String>,
}

/// Closed quarters, the newest first.
#[utoipa::path(get, path = "/quarters", tag = "trends", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Value>> {
    let cursor = Cursor { limit: asked.limit, cursor: asked.cursor };
    let (after, limit) = (cursor.after::<String>()?, cursor.limit()? + 1);
    let page = cx
        .read(Action::Read, async |cx| {
            let rows = store::quarters::list(&cx.db, after.as_deref(), limit).await?;
            cursor.page(rows, |it| it.period, |it| shown(&it))
        })
        .await?;
    Ok(Json(page))
}

/// A closed quarter: what was frozen, and in `addendum` what has become of its rows since.
#[utoipa::path(get, path = "/quarters/{quarter}", tag = "trends", params(("quarter" = String, Path)),
    responses((status = 200, body = Value)))]
async fn get(Extension(cx): Extension<Context>, Path(quarter): Path<String>) -> Answer<Value> {
    let closed = wishes::look(&cx, &quarter).await?.ok_or(Error::NotFound)?;
    Ok(Json(with_everything(&closed)))
}

/// The rows of a closed quarter as they were frozen, each with its digest.
#[utoipa::path(get, path = "/quarters/{quarter}/rows", tag = "trends", params(("quarter" = String, Path)),
    responses((status = 200, body = Page<Value>)))]
async fn rows(
    Extension(cx): Extension<Context>,
    Path(quarter): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Value>> {
    let cursor = Cursor { limit: asked.limit, cursor: asked.cursor };
    let (after, limit) = (cursor.after::<String>()?, cursor.limit()? + 1);
    let page = cx
        .read(Action::Read, async |cx| {
            let period = wishes::quarter(&quarter)?;
            let closed = store::quarters::find(&cx.db, period).await?;
            closed.ok_or(Error::NotFound)?;
            let rows = store::quarters::rows(&cx.db, period, after.as_deref(), limit).await?;
            cursor.page(
                rows,
                |it| it.fact.subject.clone(),
                |it| json!({"subject": it.fact.subject, "facts": it.fact.facts, "digest": it.digest}),
            )
        })
        .await?;
    Ok(Json(page))
}

/// The printed report of a closed quarter. Until it is stored there is none; `report` of the quarter says why.
#[utoipa::path(get, path = "/quarters/{quarter}/report", tag = "trends", params(("quarter" = String, Path)),
    responses((status = 200, description = "the report", content_type = "application/pdf"),
        (status = 404, body = Problem), (status = 410, body = Problem)))]
async fn report(
    Shown(web): Shared,
    Extension(cx): Extension<Context>,
    Path(quarter): Path<String>,
) -> Result<Response, Problem> {
    Ok(reports::send(&cx, &web.objects, &quarter).await?)
}

fn lang(text: &str) -> Result<Lang, Error> {
    word(text, "lang", Lang::parse, Lang::ALL, Lang::as_str)
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Close {
    /// Of whoever closes it: `zh-CN` or `en`.
    lang: Option<String>,
}

/// Freezes the figures and rows of a quarter that is over.
#[utoipa::path(post, path = "/quarters/{quarter}/close", tag = "trends", params(("quarter" = String, Path)),
    request_body = Close, responses((status = 201, body = Value), (status = 409, body = Problem)))]
async fn close(
    Extension(cx): Extension<Context>,
    Path(quarter): Path<String>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let asked: Close = if bytes.is_empty() { Close::default() } else { parse(&bytes)? };
    let lang = asked.lang.as_deref().map(lang).transpose()?.unwrap_or(Lang::Zh);
    if wishes::quarter(&quarter).is_err() {
        let why = "a quarter is written 2026-Q3".to_owned();
        return Err(Error::field("quarter", Fault::Malformed(why)).into());
    }
    let closed = wishes::close(&cx, &quarter, lang).await?;
    Ok((StatusCode::CREATED, Json(shown(&closed))))
}
