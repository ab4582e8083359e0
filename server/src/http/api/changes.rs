//! What was done to services: seen by the watch or told by pipelines, and what pipelines ask.

use std::collections::BTreeMap;

use app::doors::Context;
use app::pages::error::Error;
use app::wishes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::changes::{Change, Told};
use domain::fields::Fault;
use domain::ids::{ChangeId, ServiceId};
use domain::revisions::hold;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{changes, revisions};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;

use super::page::{OfServices, newest_first};
use super::workloads::names;
use super::{Answer, Body, Cursor, Endpoint, Page, Problem, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(get)),
        needs(Action::RecordChange, routes!(record)),
        needs(Action::Read, routes!(verdict)),
    ]
}

#[derive(Serialize, ToSchema)]
struct ChangeItem {
    id: Uuid,
    service: Option<String>,
    workload_id: Option<Uuid>,
    /// `template`, `config`, `helm`, `migration`, `scale` or `restart`.
    kind: &'static str,
    material: bool,
    at: DateTime<Utc>,
    from_digest: Option<String>,
    to_digest: Option<String>,
    from_revision: Option<i64>,
    to_revision: Option<i64>,
    /// What a pipeline told of it.
    told: Option<Value>,
    /// `{path, part, old, new}` of each difference.
    items: Value,
}

/// What was done to services, newest first.
#[utoipa::path(get, path = "/changes", tag = "changes", responses((status = 200, body = Page<ChangeItem>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<OfServices>,
) -> Answer<Page<ChangeItem>> {
    let OfServices { service, state, since, sort, limit, cursor } = asked;
    newest_first(sort.as_deref(), "at")?;
    if state.is_some() {
        return Err(Error::field("state", Fault::Unknown).into());
    }
    let cursor = Cursor { limit, cursor };
    let limit = cursor.limit()?;
    let filter = changes::Filter { service: service.as_deref(), since, after: cursor.after()? };
    let (rows, services) = cx
        .read(Action::Read, async |cx| {
            let rows = changes::list(&cx.db, &filter, limit + 1).await?;
            Ok((rows, names(cx).await?))
        })
        .await?;
    Ok(Json(cursor.page(rows, |it| (it.at, it.id), |it| change(it, &services))?))
}

/// What a pipeline tells of a release.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Release {
    service: String,
    version: String,
    digest: Option<String>,
    commit: Option<String>,
    author: Option<String>,
    ticket: Option<String>,
    at: DateTime<Utc>,
}

#[derive(Serialize, ToSchema)]
struct Recorded {
    id: Uuid,
}

/// Keeps what a pipeline tells of a release, beside what the watch sees.
#[utoipa::path(post, path = "/changes", tag = "changes", request_body = Release, responses((status = 201, body = Recorded)))]
async fn record(
    Extension(cx): Extension<Context>,
    Body(it): Body<Release>,
) -> Result<(StatusCode, Json<Recorded>), Problem> {
    let told = Told {
        version: it.version,
        digest: it.digest,
        commit: it.commit,
        author: it.author,
        ticket: it.ticket,
    };
    let ChangeId(id) = wishes::workloads::record_change(&cx, &it.service, told, it.at).await?;
    Ok((StatusCode::CREATED, Json(Recorded { id })))
}

/// One change.
#[utoipa::path(get, path = "/changes/{id}", tag = "changes", params(("id" = Uuid, Path)), responses((status = 200, body = ChangeItem)))]
async fn get(Extension(cx): Extension<Context>, Path(id): Path<String>) -> Answer<ChangeItem> {
    let item = cx
        .read(Action::Read, async |cx| {
            let id: ChangeId = id.parse().map_err(|_| Error::NotFound)?;
            Ok(change(changes::get(&cx.db, id).await?, &names(cx).await?))
        })
        .await?;
    Ok(Json(item))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// A name.
    service: String,
    /// Of an image (`sha256:…`, or the whole reference as deployed) or of a pod template.
    digest: String,
}

#[derive(Serialize, ToSchema)]
struct Verdict {
    /// `free` or `held`.
    verdict: &'static str,
    reason: String,
}

/// May a pipeline deploy this again? What was rolled back from or forbidden is held: deployed all the same, it is
/// a person's decision whether to act on its alerts.
#[utoipa::path(get, path = "/verdicts", tag = "changes", params(Asked), responses((status = 200, body = Verdict)))]
async fn verdict(
    Extension(cx): Extension<Context>,
    Query(Asked { service, digest }): Query<Asked>,
) -> Answer<Verdict> {
    if digest.trim().is_empty() {
        return Err(Error::field("digest", Fault::Required).into());
    }
    let judged = cx
        .read(Action::Read, async |cx| {
            let service = store::services::by_name(&cx.db, &service).await?;
            Ok(revisions::judged(&cx.db, service.id).await?)
        })
        .await?;
    Ok(Json(match hold(&judged, digest.trim()) {
        Some(held) => {
            let reason = held.verdict_reason.as_deref().unwrap_or_default();
            let reason =
                format!("revision {} is {}: {reason}", held.revision, held.verdict.as_str());
            Verdict { verdict: "held", reason }
        }
        None => Verdict { verdict: "free", reason: "nothing is known against it".to_owned() },
    }))
}

fn change(it: Change, services: &BTreeMap<Uuid, String>) -> ChangeItem {
    let json = |it: serde_json::Result<Value>| it.unwrap_or_default();
    ChangeItem {
        id: it.id.0,
        service: it.service.and_then(|ServiceId(id)| services.get(&id).cloned()),
        workload_id: it.workload_id.map(|it| it.0),
        kind: it.kind.as_str(),
        material: it.material,
        at: it.at,
        from_digest: it.from.as_ref().map(|it| it.digest.to_string()),
        to_digest: it.to.as_ref().map(|it| it.digest.to_string()),
        from_revision: it.from.as_ref().map(|it| it.revision),
        to_revision: it.to.as_ref().map(|it| it.revision),
        told: it.told.map(|it| json(serde_json::to_value(it))),
        items: json(serde_json::to_value(it.items)),
    }
}
