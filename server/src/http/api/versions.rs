//! Policies and signals: what is in force, how it came about, and new versions that wait for a second person.

use app::doors::Context;
use app::pages::error::Error;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use domain::access::Action;
use domain::catalog::{Document, ImportState, Kind};
use domain::fields::Fault;
use domain::policies::Policy;
use domain::signals::Signal;
use serde::Deserialize;
use serde_json::{Value, json};
use store::versions::Version;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::catalog::{Import, shown as import};
use super::{Answer, Body, Endpoint, Page, Problem, needs};
use crate::catalog::edits;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(policies)),
        needs(Action::Read, routes!(policy)),
        needs(Action::EditPolicy, routes!(edit_policy)),
        needs(Action::Read, routes!(signals)),
        needs(Action::Read, routes!(signal)),
        needs(Action::EditSignal, routes!(edit_signal)),
    ]
}

/// More are found among the imports.
const MOST: i64 = 100;

fn shown(it: Version) -> Value {
    json!({
        "name": it.name, "version": it.version, "definition": it.definition, "in_force_at": it.at,
        "by": it.by, "author": it.author, "reason": it.reason, "built_in": it.built_in,
    })
}

async fn list(cx: &Context, kind: Kind) -> Answer<Page<Value>> {
    let read = cx.read(Action::Read, async |cx| Ok(store::versions::in_force(&cx.db, kind).await?));
    let items = read.await?.into_iter().map(shown).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// The version in force, every version, and what waits.
async fn one(cx: &Context, kind: Kind, name: &str) -> Answer<Value> {
    let value = cx.read(Action::Read, async |cx| {
        let current = store::versions::current(&cx.db, kind, name).await?;
        let history = store::versions::history(&cx.db, kind, name).await?;
        let waiting = store::imports::edits(&cx.db, &edits::subject(kind, name), MOST).await?;
        let waiting = waiting.into_iter().filter(|it| it.state == ImportState::AwaitingConsent);
        let waiting: Vec<_> = waiting.map(import).collect();
        let versions: Vec<Value> = history.into_iter().map(shown).collect();
        let mut value = match versions.first() {
            Some(newest) if current > 0 => newest.clone(),
            _ => return Err(Error::NotFound),
        };
        value["versions"] = json!(versions);
        value["waiting"] = json!(waiting);
        Ok(value)
    });
    Ok(Json(value.await?))
}

/// The policies in force, by name.
#[utoipa::path(get, path = "/policies", tag = "catalog", responses((status = 200, body = Page<Value>)))]
async fn policies(Extension(cx): Extension<Context>) -> Answer<Page<Value>> {
    list(&cx, Kind::Policy).await
}

/// One policy with every version of it, the newest first, and what waits for consent.
#[utoipa::path(get, path = "/policies/{name}", tag = "catalog", params(("name" = String, Path)),
    responses((status = 200, body = Value)))]
async fn policy(Extension(cx): Extension<Context>, Path(name): Path<String>) -> Answer<Value> {
    one(&cx, Kind::Policy, &name).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EditedPolicy {
    /// The version that was read; 0 for a new policy.
    version: i32,
    /// The whole of it, as a catalog states it.
    #[schema(value_type = Object)]
    policy: Policy,
    reason: String,
}

/// Asks for a new version. It waits for a second person: `POST /catalog/imports/{id}/consents` or `/refusals`.
#[utoipa::path(put, path = "/policies/{name}", tag = "catalog", params(("name" = String, Path)),
    request_body = EditedPolicy, responses((status = 202, body = Import)))]
async fn edit_policy(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
    Body(edited): Body<EditedPolicy>,
) -> Result<(StatusCode, Json<Import>), Problem> {
    same("policy.name", &name, &edited.policy.name)?;
    propose(&cx, Document::Policy(edited.policy), edited.version, &edited.reason).await
}

/// The signals in force, by name.
#[utoipa::path(get, path = "/signals", tag = "catalog", responses((status = 200, body = Page<Value>)))]
async fn signals(Extension(cx): Extension<Context>) -> Answer<Page<Value>> {
    list(&cx, Kind::Signal).await
}

/// One signal with every version of it, the newest first, and what waits for consent.
#[utoipa::path(get, path = "/signals/{name}", tag = "catalog", params(("name" = String, Path)),
    responses((status = 200, body = Value)))]
async fn signal(Extension(cx): Extension<Context>, Path(name): Path<String>) -> Answer<Value> {
    one(&cx, Kind::Signal, &name).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EditedSignal {
    /// The version that was read; 0 for a new signal.
    version: i32,
    /// The whole of it, as a catalog states it.
    #[schema(value_type = Object)]
    signal: Signal,
    reason: String,
}

/// Asks for a new version. It waits for a second person: `POST /catalog/imports/{id}/consents` or `/refusals`.
#[utoipa::path(put, path = "/signals/{name}", tag = "catalog", params(("name" = String, Path)),
    request_body = EditedSignal, responses((status = 202, body = Import)))]
async fn edit_signal(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
    Body(edited): Body<EditedSignal>,
) -> Result<(StatusCode, Json<Import>), Problem> {
    same("signal.name", &name, &edited.signal.name)?;
    propose(&cx, Document::Signal(edited.signal), edited.version, &edited.reason).await
}

/// A name is for ever.
fn same(field: &str, path: &str, name: &str) -> Result<(), Error> {
    if path == name {
        return Ok(());
    }
    Err(Error::field(field, Fault::NotOneOf(vec![path.to_owned()])))
}

async fn propose(
    cx: &Context,
    document: Document,
    version: i32,
    reason: &str,
) -> Result<(StatusCode, Json<Import>), Problem> {
    let proposed = edits::propose(cx, document, version, reason).await?;
    Ok((StatusCode::ACCEPTED, Json(import(proposed))))
}
