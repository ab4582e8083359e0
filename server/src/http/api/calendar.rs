//! The calendar: what is expected, and what became of it.

use app::doors::Context;
use app::wishes::calendar::{self as wishes, Entry};
use axum::extract::Path;
use axum::{Extension, Json};
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Action;
use domain::fields::Fault;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Answer, Body, Endpoint, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::Read, routes!(list)), needs(Action::PlanDrill, routes!(put_off))]
}

/// Nobody plans for longer.
const LONGEST: TimeDelta = TimeDelta::days(800);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
struct Calendar {
    items: Vec<Value>,
}

/// The occurrences of expected drills between two moments (a year from now where nothing is said), the earliest first.
#[utoipa::path(get, path = "/calendar", tag = "drills", responses((status = 200, body = Calendar)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(Asked { since, until }): Query<Asked>,
) -> Answer<Calendar> {
    let since = since.unwrap_or(cx.now);
    let until = until.unwrap_or(since + TimeDelta::days(365));
    if until - since > LONGEST {
        let why = "more than 800 days after since".to_owned();
        return Err(app::pages::error::Error::field("until", Fault::Malformed(why)).into());
    }
    let entries = cx.read(Action::Read, async |cx| wishes::between(cx, since, until).await).await?;
    Ok(Json(Calendar { items: entries.iter().map(shown).collect() }))
}

fn shown(it: &Entry) -> Value {
    let drills = it.drills.iter().map(|it| {
        json!({"number": it.number, "state": it.state, "outcome": it.outcome, "planned_at": it.planned_at})
    });
    let moves = it.moves.iter().map(|it| {
        json!({"from": it.from, "until": it.until, "reason": it.reason, "by": it.by, "at": it.at})
    });
    let expected = &it.expected.drill.entry;
    json!({
        "name": expected.name,
        "scenario": expected.scenario,
        "type": expected.r#type,
        "service": expected.service,
        "team": expected.team,
        "period": it.occurrence.period,
        "from": it.occurrence.from,
        "until": it.occurrence.until,
        "count": expected.count,
        "state": it.standing,
        "drills": drills.collect::<Vec<_>>(),
        "moves": moves.collect::<Vec<_>>(),
        "targets": expected.targets,
        "source": expected.source,
    })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Later {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    reason: String,
}

/// Puts an occurrence to another time, for a reason.
#[utoipa::path(post, path = "/calendar/{name}/{period}/move", tag = "drills",
    params(("name" = String, Path), ("period" = String, Path)), request_body = Later,
    responses((status = 200, body = Value)))]
async fn put_off(
    Extension(cx): Extension<Context>,
    Path((name, period)): Path<(String, String)>,
    Body(Later { from, until, reason }): Body<Later>,
) -> Answer<Value> {
    let moved = wishes::put_off(&cx, &name, &period, from, until, &reason).await?;
    Ok(Json(
        json!({"name": name, "period": moved.period, "from": moved.from, "until": moved.until}),
    ))
}
