//! The tables of holidays, from which business days are counted.

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::holidays as wishes;
use axum::extract::Path;
use axum::{Extension, Json};
use chrono::NaiveDate;
use domain::access::Action;
use domain::business_days::Table;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::holidays::Year;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Answer, Body, Endpoint, Page, Problem, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(get)),
        needs(Action::AdministerHolidays, routes!(import)),
    ]
}

fn shown(it: &Year) -> Value {
    json!({
        "year": it.year, "source": it.source, "imported_by": it.imported_by, "imported_at": it.imported_at,
        "holidays": it.table.holidays, "workdays": it.table.workdays,
    })
}

/// Every year that is known, the newest first.
#[utoipa::path(get, path = "/holidays", tag = "holidays", responses((status = 200, body = Page<Value>)))]
async fn list(Extension(cx): Extension<Context>) -> Answer<Page<Value>> {
    let years = cx.read(Action::Read, async |cx| Ok(store::holidays::years(&cx.db).await?)).await?;
    Ok(Json(Page { items: years.iter().map(shown).collect(), next_cursor: None }))
}

/// One year; 404 where nobody has said which days are holidays.
#[utoipa::path(get, path = "/holidays/{year}", tag = "holidays", params(("year" = i32, Path)),
    responses((status = 200, body = Value)))]
async fn get(Extension(cx): Extension<Context>, Path(year): Path<String>) -> Answer<Value> {
    let years = cx.read(Action::Read, async |cx| Ok(store::holidays::years(&cx.db).await?)).await?;
    let year = parsed(&year)?;
    let found = years.iter().find(|it| it.year == year).ok_or(Error::NotFound)?;
    Ok(Json(shown(found)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct YearBody {
    /// Where it comes from, such as the number of the notice.
    source: String,
    /// `{"2027-01-01": "元旦"}`
    #[schema(value_type = Object)]
    holidays: BTreeMap<NaiveDate, String>,
    /// Saturdays and Sundays that are worked.
    #[schema(value_type = Object)]
    workdays: BTreeMap<NaiveDate, String>,
    /// Taken and not used, so that the files of chinese-days can be sent as they are.
    #[serde(default, rename = "inLieuDays")]
    #[schema(value_type = Option<Object>)]
    in_lieu: BTreeMap<NaiveDate, String>,
}

/// Replaces the table of a year. Re-tests that waited for it get the day on which they are due.
#[utoipa::path(put, path = "/holidays/{year}", tag = "holidays", params(("year" = i32, Path)),
    request_body = YearBody, responses((status = 200, body = Value)))]
async fn import(
    Extension(cx): Extension<Context>,
    Path(year): Path<String>,
    Body(body): Body<YearBody>,
) -> Result<Json<Value>, Problem> {
    let YearBody { source, holidays, workdays, in_lieu } = body;
    let year = parsed(&year)?;
    wishes::import(&cx, year, &source, &Table { holidays, workdays, in_lieu }).await?;
    let years = store::holidays::years(&cx.db).await.map_err(Error::from)?;
    let found = years.iter().find(|it| it.year == year).ok_or(Error::NotFound)?;
    Ok(Json(shown(found)))
}

fn parsed(year: &str) -> Result<i32, Error> {
    year.parse().map_err(|_| Error::NotFound)
}
