//! What needs the token's person now.

use app::doors::Context;
use app::wishes::attention as wishes;
use axum::{Extension, Json};
use domain::access::Action;
use domain::attention::Item;
use domain::texts::attention::TEXTS;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Answer, Endpoint, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::Read, routes!(list))]
}

#[derive(Serialize, ToSchema)]
struct Attention {
    items: Vec<Value>,
}

/// What waits for the token's person, the most urgent first. A machine, and a person who only looks on, are told what
/// concerns everybody, and then `mine` is false.
#[utoipa::path(get, path = "/attention", tag = "attention", responses((status = 200, body = Attention)))]
async fn list(Extension(cx): Extension<Context>) -> Answer<Attention> {
    let now = wishes::now(&cx).await?;
    Ok(Json(Attention { items: now.items.iter().map(shown).collect() }))
}

fn shown(it: &Item) -> Value {
    let Item { entry, urgency, mine } = it;
    let (service, team) = entry.whom.place.clone().unzip();
    json!({
        "kind": entry.kind,
        "subject": entry.subject,
        "title": entry.title,
        "what": (TEXTS.en.what)(entry.kind),
        "why": (TEXTS.en.why)(&entry.detail),
        "detail": entry.detail,
        "service": service,
        "team": team,
        "owner": entry.whom.owner,
        "roles": entry.whom.roles(),
        "since": entry.since,
        "due": entry.due,
        "urgency": urgency,
        "mine": mine,
        "href": entry.href,
    })
}
