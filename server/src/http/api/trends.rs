//! Trends by month and quarter, and the monthly reconciliation.

use app::doors::Context;
use app::wishes::trends::{self as wishes, Point, Trends};
use app::wishes::{quarters, trends::Asked as Wish};
use axum::{Extension, Json};
use domain::access::Action;
use domain::trends::{AUTOMATIC_SUCCESS, Figures, Mean, Share, Spread};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::routes;

use super::{Answer, Endpoint, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::Read, routes!(trends)), needs(Action::Read, routes!(reconciliation))]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    unit: Option<String>,
    to: Option<String>,
    service: Option<String>,
    team: Option<String>,
    source: Option<String>,
}

/// The figures of eight quarters or twelve months, the oldest first, and the last beside the one before it. `to` is
/// the last of them (`2026-Q3`, `2026-10`), `unit` is `quarter` or `month`, `source` is `all`, `real` or `drills`. A
/// figure without rows is null and never 0.
#[utoipa::path(get, path = "/trends", tag = "trends", responses((status = 200, body = Value)))]
async fn trends(Extension(cx): Extension<Context>, Query(asked): Query<Asked>) -> Answer<Value> {
    let Asked { unit, to, service, team, source } = asked;
    let trends = wishes::read(&cx, Wish { unit, to, service, team, source }).await?;
    Ok(Json(shown(&cx, &trends)))
}

fn shown(cx: &Context, trends: &Trends) -> Value {
    let period = |it: &Point| {
        json!({
            "period": it.period, "since": it.starts, "until": it.ends,
            "over": it.period.has_ended(&cx.zone, cx.now), "figures": figures(&it.figures),
        })
    };
    json!({
        "unit": trends.unit,
        "zone": cx.zone.name(),
        "service": trends.filter.service,
        "team": trends.filter.team,
        "source": trends.filter.source,
        "periods": trends.periods.iter().map(period).collect::<Vec<_>>(),
        "compared": {
            "period": trends.last().map(|it| it.period),
            "before": trends.before().map(|it| it.period),
        },
    })
}

/// As others read them: ratios from 0 to 1, times in seconds.
pub(super) fn figures(it: &Figures) -> Value {
    let rollbacks = &it.rollbacks;
    json!({
        "rto_attainment": share(it.rto),
        "rpo_attainment": share(it.rpo),
        "closure": spread(&it.closure),
        "drills": it.drills,
        "spot_checks": share(it.spot_checks),
        "mttd": mean(it.mttd),
        "mtta": mean(it.mtta),
        "mttr": mean(it.mttr),
        "rollbacks": {
            "executed": rollbacks.executed,
            "automatic": rollbacks.automatic,
            "automatic_rate": it.automatic_rate(),
            "success": share(rollbacks.success),
            "automatic_success": share(rollbacks.automatic_success),
            "automatic_success_target": AUTOMATIC_SUCCESS as f64 / 1000.0,
        },
        "causes": it.causes,
        "drill_causes": it.drill_causes,
    })
}

fn share(it: Share) -> Value {
    json!({"met": it.met, "missed": it.missed, "unknown": it.unknown, "ratio": it.ratio()})
}

fn spread(it: &Spread) -> Value {
    json!({
        "count": it.count, "over": it.over,
        "median_s": it.median_us.map(seconds), "worst_s": it.worst_us.map(seconds),
    })
}

fn mean(it: Mean) -> Value {
    let mean = it.mean_us().map(seconds);
    json!({"count": it.count, "mean_s": mean, "worst_s": it.worst_us.map(seconds)})
}

fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Month {
    month: Option<String>,
}

/// Rows of a month that lack what should stand beside them; last month where none is named.
#[utoipa::path(get, path = "/reconciliation", tag = "trends", responses((status = 200, body = Value)))]
async fn reconciliation(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Month>,
) -> Answer<Value> {
    let found = quarters::reconcile(&cx, asked.month.as_deref()).await?;
    Ok(Json(json!({"month": found.month, "rows": found.rows, "items": found.mismatches})))
}
