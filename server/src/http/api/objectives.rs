//! Objectives: the matrix, one with its history, another target, and the tables that other documents want.

use app::doors::Context;
use app::wishes::objectives as wishes;
use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::cells::{self, Cell};
use domain::objectives::{Dated, Source, results};
use serde::Deserialize;
use serde_json::{Value, json};
use store::measurements::{Filter, Kept};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::page::word;
use super::{Answer, Body, Endpoint, Page, Problem, Query, measurements, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(table)),
        needs(Action::Read, routes!(get)),
        needs(Action::EditObjective, routes!(change)),
    ]
}

fn shown(dated: &Dated, attained: &[Kept]) -> Value {
    let it = &dated.objective;
    let own = attained.iter().filter(|kept| {
        kept.measurement.objective.as_ref().is_some_and(|judge| judge.name == it.name)
    });
    json!({
        "id": dated.id,
        "name": it.name,
        "title": it.title(),
        "team": it.team,
        "database": it.database,
        "services": it.services,
        "path": it.path,
        "signals": it.signals,
        "rto_s": it.rto(),
        "rpo_s": it.rpo(),
        "targets": it.targets(),
        "sources": it.sources,
        "measured": {"rto": it.recovery.is_some(), "rpo": it.replication.is_some()},
        "version": dated.version,
        "since": dated.since,
        "reason": dated.reason,
        "changed_by": dated.by,
        "attained": own.map(measurements::shown).collect::<Vec<_>>(),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service: Option<String>,
}

/// Those in force, by name, with what was measured last.
#[utoipa::path(get, path = "/objectives", tag = "objectives", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Value>> {
    let items = cx
        .read(Action::Read, async |cx| {
            let all = match &asked.service {
                None => store::objectives::list(&cx.db).await?,
                Some(service) => store::objectives::of_service(&cx.db, service, cx.now).await?,
            };
            let attained = store::measurements::latest(&cx.db).await?;
            Ok(all.iter().map(|it| shown(it, &attained)).collect())
        })
        .await?;
    Ok(Json(Page { items, next_cursor: None }))
}

/// One objective with every version of it, the newest first.
#[utoipa::path(get, path = "/objectives/{name}", tag = "objectives", params(("name" = String, Path)),
    responses((status = 200, body = Value)))]
async fn get(Extension(cx): Extension<Context>, Path(name): Path<String>) -> Answer<Value> {
    Ok(Json(cx.read(Action::Read, async |cx| one(cx, &name).await).await?))
}

async fn one(cx: &Context, name: &str) -> Result<Value, app::pages::error::Error> {
    let dated = store::objectives::by_name(&cx.db, name).await?;
    let history = store::objectives::history(&cx.db, name).await?;
    let mut value = shown(&dated, &store::measurements::latest(&cx.db).await?);
    let version = |it: &Dated| {
        json!({
            "version": it.version, "since": it.since, "reason": it.reason, "changed_by": it.by,
            "rto_s": it.objective.rto(), "rpo_s": it.objective.rpo(), "sources": it.objective.sources,
        })
    };
    value["history"] = history.iter().map(version).collect();
    Ok(value)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// The version that was read.
    version: i32,
    /// `{document, section?, rto_s?: seconds|"n/a", rpo_s?: seconds|"may_be_lost"|"n/a", targets?[]}`
    #[schema(value_type = Vec<Object>)]
    sources: Vec<Source>,
    reason: String,
}

/// Other targets from now on; what was measured before keeps the verdict of its day.
#[utoipa::path(put, path = "/objectives/{name}", tag = "objectives", params(("name" = String, Path)),
    request_body = Change, responses((status = 200, body = Value)))]
async fn change(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
    Body(change): Body<Change>,
) -> Answer<Value> {
    let Change { version, sources, reason } = change;
    wishes::change(&cx, &name, version, sources, &reason).await?;
    Ok(Json(one(&cx, &name).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableAsked {
    table: String,
    since: Option<DateTime<Utc>>,
}

/// What was reached, as rows for the tables that Glancy §6 keeps elsewhere: `table=DR-02` for RTO, `DR-04` for RPO.
#[utoipa::path(get, path = "/objectives/results.csv", tag = "objectives",
    responses((status = 200, content_type = "text/csv", body = String)))]
async fn table(
    Extension(cx): Extension<Context>,
    Query(asked): Query<TableAsked>,
) -> Result<impl IntoResponse, Problem> {
    use results::Table;
    let table = word(&asked.table, "table", Table::parse, Table::ALL, Table::as_str)?;
    let text = cx
        .read(Action::Read, async |cx| {
            let mut text = cells::line(results::HEADS.map(Cell::from));
            for dated in store::objectives::list(&cx.db).await? {
                let filter = Filter {
                    objective: Some(dated.objective.name.clone()),
                    name: Some(table.measurement().to_owned()),
                    since: asked.since,
                    limit: MOST_ROWS,
                    ..Filter::default()
                };
                let found = store::measurements::list(&cx.db, &filter).await?;
                let of_incidents = found.iter().filter(|it| results::is_of(table, &it.subject));
                let mut rows: Vec<_> = of_incidents
                    .map(|it| results::row(table, &dated, &it.subject, Some(&it.measurement)))
                    .collect();
                if rows.is_empty() {
                    rows.push(results::row(table, &dated, "", None));
                }
                text.extend(rows.into_iter().map(cells::line));
            }
            Ok(text)
        })
        .await?;
    let name = format!("attachment; filename=\"{}.csv\"", table.as_str());
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, format!("{}{text}", cells::BYTE_ORDER_MARK)))
}

/// Of one domain; older ones are reached by `since` of `/measurements`.
const MOST_ROWS: i64 = 500;
