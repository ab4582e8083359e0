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
        needs(Action::Read, routes!(get)),
        needs(Action::ConsentVersion, routes!(consent)),
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

#[derive(Serialize, ToSchema)]
struct Import {
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
}

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

fn import_id(text: &str) -> Result<ImportId, Error> {
    text.parse().map_err(|_| Error::NotFound)
}

fn shown(import: domain::catalog::Import) -> Import {
    let (state, consented_by, in_force_at) = match import.state {
        ImportState::AwaitingConsent => ("awaiting_consent", None, None),
        ImportState::InForce { consented_by, at } => ("in_force", consented_by, Some(at)),
    };
    Import {
        id: import.id.0,
        state,
        digest: import.digest.as_str().to_owned(),
        changes: import.changes,
        requested_by: import.requested_by,
        requested_at: import.requested_at,
        consented_by,
        in_force_at,
    }
}
