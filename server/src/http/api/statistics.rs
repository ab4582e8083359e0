//! Statistics of rollbacks, and what the rules make of a situation that somebody sends.

use app::doors::Context;
use axum::{Extension, Json};
use chrono::TimeDelta;
use domain::access::Action;
use domain::decide::compare::compare;
use domain::decide::{Situation, decide};
use domain::fields::Fault;
use domain::ids::DecisionId;
use domain::statistics::{MTTD_S, MTTR_S, SUCCESS_THOUSANDTHS, score, statistics};
use serde::Deserialize;
use serde_json::{Value, json};
use store::statistics::Filter;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Answer, Body, Endpoint, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::Read, routes!(of_rollbacks)), needs(Action::Read, routes!(simulate))]
}

/// Of the shadow decisions; older ones are reached by fewer days.
const SHADOWS: i64 = 500;

const MOST_DAYS: u16 = 90;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// 30 where none is given.
    days: Option<u16>,
    service: Option<String>,
    cluster: Option<String>,
}

/// What the rollbacks of the last days (1 to 90) say; those of drills are left out. What nothing stands behind is null
/// and never 0. `shadow` scores what was only recorded against what happened then.
#[utoipa::path(get, path = "/rollbacks/statistics", tag = "rollbacks", responses((status = 200, body = Value)))]
async fn of_rollbacks(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Value> {
    let days = asked.days.unwrap_or(30);
    if !(1..=MOST_DAYS).contains(&days) {
        let fault = Fault::OutOfRange { from: 1, to: MOST_DAYS.into() };
        return Err(app::pages::error::Error::field("days", fault).into());
    }
    let since = cx.now - TimeDelta::days(days.into());
    let filter = Filter { since, service: asked.service, cluster: asked.cluster };
    let value = cx.read(Action::Read, async |cx| {
        let rows = store::statistics::rollbacks(&cx.db, &filter).await?;
        let shadows = store::statistics::shadows(&cx.db, &filter, SHADOWS).await?;
        let all = statistics(&rows);
        let mut value = json!(all);
        value["since"] = json!(since);
        value["automatic_rate"] = json!(all.automatic_rate());
        value["success_rate"] = json!(all.success.ratio());
        value["automatic_success_rate"] = json!(all.automatic_success.ratio());
        value["targets"] = json!({
            "success_rate": SUCCESS_THOUSANDTHS as f64 / 1000.0, "mttd_s": MTTD_S, "mttr_s": MTTR_S,
        });
        let shadows = shadows.iter().map(|it| {
            json!({
                "decision": it.id, "service": it.service, "at": it.shadow.at,
                "outcome": it.shadow.outcome, "score": score(&it.shadow),
            })
        });
        value["shadow"] = shadows.collect();
        Ok(value)
    });
    Ok(Json(value.await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Simulated {
    /// As `GET /decisions/{id}` gives it, or edited.
    #[schema(value_type = Object)]
    situation: Situation,
    /// The decision that it is held against.
    against: Option<Uuid>,
}

/// What the rules make of a situation. It only computes: nothing is written and nothing happens.
#[utoipa::path(post, path = "/simulations", tag = "decisions", request_body = Simulated,
    responses((status = 200, body = Value)))]
async fn simulate(
    Extension(cx): Extension<Context>,
    Body(asked): Body<Simulated>,
) -> Answer<Value> {
    let value = cx.read(Action::Read, async |cx| {
        let decision = decide(&asked.situation);
        let mut value = json!(decision);
        if let Some(id) = asked.against {
            let recorded = store::decisions::get(&cx.db, DecisionId(id)).await?;
            value["difference"] = json!(compare(&recorded.decision, &decision));
        }
        Ok(value)
    });
    Ok(Json(value.await?))
}
