//! Workloads with their revisions, and what people say of them.

use std::collections::BTreeMap;

use app::doors::Context;
use app::pages::error::Error;
use app::wishes;
use axum::extract::Path;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::fields::Fault;
use domain::ids::{RevisionId, ServiceId, WorkloadId};
use domain::revisions::{Revision, RevisionVerdict};
use domain::rollouts::Progress;
use domain::workloads::{Image, Workload};
use serde::{Deserialize, Serialize};
use store::{revisions, workloads};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Answer, Body, Cursor, Endpoint, Page, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(get)),
        needs(Action::Read, routes!(list_revisions)),
        needs(Action::Read, routes!(get_revision)),
        needs(Action::MarkRevision, routes!(mark)),
    ]
}

#[derive(Serialize, ToSchema)]
struct ImageItem {
    container: String,
    image: String,
    /// What the tag stood for on the node.
    image_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct LiveItem {
    /// 0 while the controller has given no number.
    revision: i64,
    digest: String,
    config_digest: String,
    images: Vec<ImageItem>,
}

#[derive(Serialize, ToSchema)]
struct UpdateItem {
    /// `RollingUpdate`, `Recreate` or `OnDelete`.
    by: &'static str,
    /// Pods of a StatefulSet with a lower number keep their template.
    partition: i32,
    /// It waits for each pod before it goes on.
    ordered: bool,
}

#[derive(Serialize, ToSchema)]
struct WorkloadItem {
    id: Uuid,
    cluster: String,
    namespace: String,
    kind: &'static str,
    name: String,
    service: Option<String>,
    /// `none`, `helm`, `argocd`, `flux` or `flagger`.
    owner: &'static str,
    owner_name: Option<String>,
    paused: bool,
    replicas: i32,
    ready: i32,
    updated: i32,
    /// `settled`, `progressing` or `stuck`.
    rollout: &'static str,
    /// What happens to its pods when the template changes; null for what was last seen before that was written down.
    update: Option<UpdateItem>,
    live: LiveItem,
    /// Of a Rollout: how far its canary has come.
    #[schema(value_type = Option<Object>)]
    canary: Option<Progress>,
    revisions: Vec<RevisionItem>,
    healthy_since: Option<DateTime<Utc>>,
    seen_at: DateTime<Utc>,
    gone_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
struct RevisionItem {
    id: Uuid,
    workload_id: Uuid,
    service: Option<String>,
    revision: i64,
    digest: String,
    config_digest: String,
    images: Vec<ImageItem>,
    change_cause: Option<String>,
    /// The cluster still keeps it.
    present: bool,
    /// All its pods were ready at some time.
    rolled_out: bool,
    rolled_out_at: Option<DateTime<Utc>>,
    seen_at: DateTime<Utc>,
    /// `verified`, `bad`, `forbidden` or `unknown`.
    verdict: &'static str,
    verdict_reason: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// A name.
    service: Option<String>,
    /// A name; of workloads only.
    cluster: Option<String>,
    /// Of workloads the rollout, of revisions the verdict.
    state: Option<String>,
    since: Option<DateTime<Utc>>,
    /// `-created_at`, the only order there is: newest first.
    sort: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

impl Asked {
    fn cursor(&self) -> Result<Cursor, Error> {
        if self.sort.as_deref().is_some_and(|it| it != "-created_at") {
            return Err(Error::field("sort", Fault::NotOneOf(vec!["-created_at".to_owned()])));
        }
        Ok(Cursor { limit: self.limit, cursor: self.cursor.clone() })
    }

    fn state(&self, words: &[&str]) -> Result<Option<&str>, Error> {
        match self.state.as_deref() {
            Some(state) if !words.contains(&state) => {
                let words = words.iter().map(|it| (*it).to_owned()).collect();
                Err(Error::field("state", Fault::NotOneOf(words)))
            }
            state => Ok(state),
        }
    }
}

/// Workloads that are there, the one that changed last first.
#[utoipa::path(get, path = "/workloads", tag = "workloads", params(Asked), responses((status = 200, body = Page<WorkloadItem>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<WorkloadItem>> {
    let cursor = asked.cursor()?;
    let limit = cursor.limit()?;
    let filter = workloads::Filter {
        service: asked.service.as_deref(),
        cluster: asked.cluster.as_deref(),
        rollout: asked.state(&["settled", "progressing", "stuck"])?,
        seen_since: asked.since,
        after: cursor.after()?,
    };
    let (rows, mut known, services) = cx
        .read(Action::Read, async |cx| {
            let rows = workloads::list(&cx.db, &filter, limit + 1).await?;
            let ids: Vec<WorkloadId> = rows.iter().map(|it| it.id).collect();
            let known = revisions::of_all(&cx.db, &ids).await?;
            Ok((rows, known, names(cx).await?))
        })
        .await?;
    let key = |it: &Workload| (it.seen_at, it.id);
    Ok(Json(cursor.page(rows, key, |it| {
        let revisions = known.remove(&it.id).unwrap_or_default();
        workload(it, revisions, &services)
    })?))
}

/// One workload with its revisions.
#[utoipa::path(get, path = "/workloads/{id}", tag = "workloads", params(("id" = Uuid, Path)), responses((status = 200, body = WorkloadItem)))]
async fn get(Extension(cx): Extension<Context>, Path(id): Path<String>) -> Answer<WorkloadItem> {
    let item = cx
        .read(Action::Read, async |cx| {
            let id: WorkloadId = id.parse().map_err(|_| Error::NotFound)?;
            let found = workloads::get(&cx.db, id).await?;
            let revisions = revisions::of(&cx.db, id).await?;
            Ok(workload(found, revisions, &names(cx).await?))
        })
        .await?;
    Ok(Json(item))
}

/// Revisions of all workloads, the one that was seen last first.
#[utoipa::path(get, path = "/revisions", tag = "workloads", params(Asked), responses((status = 200, body = Page<RevisionItem>)))]
async fn list_revisions(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<RevisionItem>> {
    let cursor = asked.cursor()?;
    let limit = cursor.limit()?;
    let words: Vec<&str> = RevisionVerdict::ALL.iter().map(|it| it.as_str()).collect();
    let filter = revisions::Filter {
        service: asked.service.as_deref(),
        verdict: asked.state(&words)?,
        seen_since: asked.since,
        after: cursor.after()?,
    };
    let (rows, services) = cx
        .read(Action::Read, async |cx| {
            let rows = revisions::list(&cx.db, &filter, limit + 1).await?;
            let ids: Vec<WorkloadId> = rows.iter().map(|it| it.workload_id).collect();
            Ok((rows, workloads::services(&cx.db, &ids).await?))
        })
        .await?;
    let key = |it: &Revision| (it.seen_at, it.id);
    Ok(Json(cursor.page(rows, key, |it| {
        let service = services.get(&it.workload_id).cloned();
        revision(it, service)
    })?))
}

/// One revision.
#[utoipa::path(get, path = "/revisions/{id}", tag = "workloads", params(("id" = Uuid, Path)), responses((status = 200, body = RevisionItem)))]
async fn get_revision(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
) -> Answer<RevisionItem> {
    let item = cx
        .read(Action::Read, async |cx| {
            let id: RevisionId = id.parse().map_err(|_| Error::NotFound)?;
            let found = revisions::get(&cx.db, id).await?;
            let services = workloads::services(&cx.db, &[found.workload_id]).await?;
            let service = services.get(&found.workload_id).cloned();
            Ok(revision(found, service))
        })
        .await?;
    Ok(Json(item))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Mark {
    /// `bad`, `forbidden`, or `unknown` to take it back.
    verdict: String,
    reason: String,
}

/// Says what is known of a revision; what is bad or forbidden is never a target.
#[utoipa::path(post, path = "/revisions/{id}/verdict", tag = "workloads", params(("id" = Uuid, Path)), request_body = Mark, responses((status = 200, body = RevisionItem)))]
async fn mark(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(body): Body<Mark>,
) -> Answer<RevisionItem> {
    let parsed: RevisionId = id.parse().map_err(|_| Error::NotFound)?;
    wishes::workloads::mark_revision(&cx, parsed, &body.verdict, &body.reason).await?;
    get_revision(Extension(cx), Path(id)).await
}

/// The names of all services.
pub(super) async fn names(cx: &Context) -> Result<BTreeMap<Uuid, String>, Error> {
    let services = store::services::list(&cx.db).await?.into_iter();
    Ok(services.map(|it| (it.id.0, it.entry.name)).collect())
}

fn workload(
    it: Workload,
    revisions: Vec<Revision>,
    services: &BTreeMap<Uuid, String>,
) -> WorkloadItem {
    let service = it.service.and_then(|ServiceId(id)| services.get(&id).cloned());
    WorkloadItem {
        id: it.id.0,
        kind: it.kind.as_str(),
        revisions: revisions.into_iter().map(|it| revision(it, service.clone())).collect(),
        service,
        owner: it.owner.as_str(),
        owner_name: it.owner.name().map(str::to_owned),
        rollout: it.rollout.as_str(),
        update: it.update.map(|it| UpdateItem {
            by: it.by.as_str(),
            partition: it.partition,
            ordered: it.ordered,
        }),
        canary: it.canary,
        live: LiveItem {
            revision: it.live.revision,
            digest: it.live.digest.to_string(),
            config_digest: it.live.config_digest.to_string(),
            images: images(it.live.images),
        },
        cluster: it.cluster,
        namespace: it.namespace,
        name: it.name,
        paused: it.paused,
        replicas: it.replicas,
        ready: it.ready,
        updated: it.updated,
        healthy_since: it.healthy_since,
        seen_at: it.seen_at,
        gone_at: it.gone_at,
    }
}

fn images(images: Vec<Image>) -> Vec<ImageItem> {
    let images = images.into_iter();
    images
        .map(|Image { container, image, image_id }| ImageItem { container, image, image_id })
        .collect()
}

fn revision(it: Revision, service: Option<String>) -> RevisionItem {
    RevisionItem {
        id: it.id.0,
        workload_id: it.workload_id.0,
        service,
        revision: it.revision,
        digest: it.digest.to_string(),
        config_digest: it.config_digest.to_string(),
        images: images(it.images),
        change_cause: it.change_cause,
        present: it.present,
        rolled_out: it.rolled_out_at.is_some(),
        rolled_out_at: it.rolled_out_at,
        seen_at: it.seen_at,
        verdict: it.verdict.as_str(),
        verdict_reason: it.verdict_reason,
    }
}
