//! Catalogs through the API.

use std::collections::BTreeMap;

use app::doors::Context;
use app::pages::error::Error;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::canonical::Digest;
use domain::catalog::ImportState;
use domain::ids::ImportId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Answer, Body, Endpoint, Problem, needs};
use crate::catalog::imports;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::ImportCatalog, routes!(add)),
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(get)),
        needs(Action::ConsentVersion, routes!(consent)),
        needs(Action::ConsentVersion, routes!(refuse)),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewImport {
    /// The text of each YAML file under its name.
    #[schema(example = json!({"services.yaml": "kind: service\n…"}))]
    files: BTreeMap<String, String>,
    /// Also takes out of force what the files do not hold.
    #[serde(default)]
    prune: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Consent {
    /// Of the import that was read.
    #[schema(value_type = String, example = "sha256:…")]
    digest: Digest,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refused {
    reason: String,
}

#[derive(Serialize, ToSchema)]
struct Imports {
    items: Vec<Import>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Import {
    id: Uuid,
    #[schema(example = "awaiting_consent")]
    state: &'static str,
    /// What a consent names.
    digest: String,
    /// `created`, `changed` and `removed` documents, and the `differences` of those that change.
    #[schema(value_type = Object)]
    changes: Value,
    requested_by: String,
    requested_at: DateTime<Utc>,
    consented_by: Option<String>,
    in_force_at: Option<DateTime<Utc>>,
    refused_by: Option<String>,
    refused_reason: Option<String>,
    refused_at: Option<DateTime<Utc>>,
    /// `policies/default` where one document was edited.
    edits: Option<String>,
    /// The version that was edited.
    base: Option<i32>,
    /// Why it was edited.
    reason: Option<String>,
}

/// Of the list; more are found in the audit log.
const MOST: i64 = 500;

/// Asks for an import. What touches production waits for a second person.
#[utoipa::path(post, path = "/catalog/imports", tag = "catalog", request_body = NewImport, responses((status = 201, body = Import)))]
async fn add(
    Extension(cx): Extension<Context>,
    Body(new): Body<NewImport>,
) -> Result<(StatusCode, Json<Import>), Problem> {
    let import = imports::request(&cx, new.files, new.prune).await?;
    Ok((StatusCode::CREATED, Json(shown(import))))
}

/// What it changes, and whether it is in force.
#[utoipa::path(get, path = "/catalog/imports/{id}", tag = "catalog", params(("id" = Uuid, Path)), responses((status = 200, body = Import)))]
async fn get(Extension(cx): Extension<Context>, Path(id): Path<String>) -> Answer<Import> {
    let import =
        cx.read(Action::Read, async |cx| Ok(store::imports::get(&cx.db, import_id(&id)?).await?));
    Ok(Json(shown(import.await?)))
}

/// Puts an import in force that somebody else asked for.
#[utoipa::path(post, path = "/catalog/imports/{id}/consents", tag = "catalog", params(("id" = Uuid, Path)), request_body = Consent, responses((status = 201, body = Import)))]
async fn consent(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(Consent { digest }): Body<Consent>,
) -> Result<(StatusCode, Json<Import>), Problem> {
    let import = imports::consent(&cx, import_id(&id)?, &digest).await?;
    Ok((StatusCode::CREATED, Json(shown(import))))
}

/// Those that wait, the oldest first, and then the newest others.
#[utoipa::path(get, path = "/catalog/imports", tag = "catalog", responses((status = 200, body = Imports)))]
async fn list(Extension(cx): Extension<Context>) -> Answer<Imports> {
    let imports =
        cx.read(Action::Read, async |cx| Ok(store::imports::list(&cx.db, MOST).await?)).await?;
    Ok(Json(Imports { items: imports.into_iter().map(shown).collect() }))
}

/// Says no to an import that somebody else asked for; nothing puts it in force any more.
#[utoipa::path(post, path = "/catalog/imports/{id}/refusals", tag = "catalog", params(("id" = Uuid, Path)), request_body = Refused, responses((status = 201, body = Import)))]
async fn refuse(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(Refused { reason }): Body<Refused>,
) -> Result<(StatusCode, Json<Import>), Problem> {
    let import = app::wishes::imports::refuse(&cx, import_id(&id)?, &reason).await?;
    Ok((StatusCode::CREATED, Json(shown(import))))
}

fn import_id(text: &str) -> Result<ImportId, Error> {
    text.parse().map_err(|_| Error::NotFound)
}

pub(super) fn shown(import: domain::catalog::Import) -> Import {
    let mut shown = Import {
        id: import.id.0,
        state: "awaiting_consent",
        digest: import.digest.as_str().to_owned(),
        changes: import.changes,
        requested_by: import.requested_by,
        requested_at: import.requested_at,
        consented_by: None,
        in_force_at: None,
        refused_by: None,
        refused_reason: None,
        refused_at: None,
        edits: import.edit.as_ref().map(|it| it.subject.clone()),
        base: import.edit.as_ref().map(|it| it.base),
        reason: import.edit.map(|it| it.reason),
    };
    match import.state {
        ImportState::AwaitingConsent => {}
        ImportState::InForce { consented_by, at } => {
            shown.state = "in_force";
            (shown.consented_by, shown.in_force_at) = (consented_by, Some(at));
        }
        ImportState::Refused { by, reason, at } => {
            shown.state = "refused";
            (shown.refused_by, shown.refused_reason) = (Some(by), Some(reason));
            shown.refused_at = Some(at);
        }
    }
    shown
}
