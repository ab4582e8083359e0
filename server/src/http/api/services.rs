//! What is protected.

use std::collections::BTreeMap;

use app::doors::Context;
use app::pages::error::Error;
use axum::extract::Path;
use axum::{Extension, Json};
use domain::access::Action;
use domain::catalog::Stored;
use domain::checks::Check;
use domain::ids::ServiceId;
use domain::readiness::{Facts, findings};
use domain::services::Standing;
use domain::workloads::Workload;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgPool;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Answer, Cursor, Endpoint, Page, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(get)),
        needs(Action::Read, routes!(readiness)),
    ]
}

#[derive(Serialize, ToSchema)]
struct Service {
    id: Uuid,
    name: String,
    team: String,
    environment: String,
    policy: String,
    #[schema(example = "suggest")]
    mode: &'static str,
    workloads: Vec<Member>,
    /// An alert with all of these labels concerns this service.
    #[serde(rename = "match")]
    match_labels: BTreeMap<String, String>,
    #[schema(value_type = Vec<Object>)]
    checks: Vec<Check>,
    /// The number of its open rollback.
    open_rollback: Option<String>,
}

/// A workload that the catalog names; without an id while no watch has seen it.
#[derive(Serialize, ToSchema)]
struct Member {
    id: Option<Uuid>,
    cluster: String,
    namespace: String,
    kind: &'static str,
    name: String,
    #[schema(example = "well")]
    state: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service: Option<String>,
    team: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// Services by name.
#[utoipa::path(get, path = "/services", tag = "services", responses((status = 200, body = Page<Service>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Service>> {
    let page = cx.read(Action::Read, async |cx| {
        let cursor = Cursor { limit: asked.limit, cursor: asked.cursor };
        let after: Option<String> = cursor.after()?;
        let filter = store::services::Filter {
            name: asked.service.as_deref(),
            team: asked.team.as_deref(),
            search: None,
            after: after.as_deref(),
        };
        let found = store::services::page(&cx.db, &filter, cursor.limit()? + 1).await?;
        let shown = shown(&cx.db, found).await?;
        cursor.page(shown, |it| it.name.clone(), |it| it)
    });
    Ok(Json(page.await?))
}

/// One service, by name or id.
#[utoipa::path(get, path = "/services/{name}", tag = "services", params(("name" = String, Path)), responses((status = 200, body = Service)))]
async fn get(Extension(cx): Extension<Context>, Path(name): Path<String>) -> Answer<Service> {
    let service = cx.read(Action::Read, async |cx| {
        let found = match name.parse() {
            Ok(id) => store::services::get(&cx.db, id).await?,
            Err(_) => store::services::by_name(&cx.db, &name).await?,
        };
        shown(&cx.db, vec![found]).await?.pop().ok_or(Error::NotFound)
    });
    Ok(Json(service.await?))
}

async fn shown(
    db: &PgPool,
    services: Vec<Stored<ServiceId, domain::services::Service>>,
) -> Result<Vec<Service>, Error> {
    let ids: Vec<ServiceId> = services.iter().map(|it| it.id).collect();
    let seen = store::workloads::by_services(db, &ids).await?;
    let policies = store::policies::list(db).await?;
    let open = store::rollbacks::Filter { open: true, limit: 500, ..Default::default() };
    let open = store::rollbacks::list(db, &open).await?;
    let services = services.into_iter().map(|Stored { id, entry, .. }| {
        let policy = policies.iter().find(|it| it.name == entry.policy);
        let rollback = open.iter().find(|it| it.service == id);
        Service {
            id: id.0,
            mode: policy.map_or("off", |it| it.mode.as_str()),
            workloads: entry.workloads.iter().map(|it| member(it, &seen)).collect(),
            name: entry.name,
            team: entry.team,
            environment: entry.environment,
            policy: entry.policy,
            match_labels: entry.match_labels,
            checks: entry.checks,
            open_rollback: rollback.map(|it| it.number.clone()),
        }
    });
    Ok(services.collect())
}

fn member(named: &domain::services::WorkloadRef, seen: &[Workload]) -> Member {
    let seen = seen.iter().find(|it| it.reference() == *named);
    Member {
        id: seen.map(|it| it.id.0),
        cluster: named.cluster.clone(),
        namespace: named.namespace.clone(),
        kind: named.kind.as_str(),
        name: named.name.clone(),
        state: Standing::of(seen).as_str(),
    }
}

/// Whether it could be brought back quickly, if it had to be now: what was looked at of each workload, what fails first.
#[utoipa::path(get, path = "/services/{name}/readiness", tag = "services", params(("name" = String, Path)),
    responses((status = 200, body = Page<Value>)))]
async fn readiness(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
) -> Answer<Page<Value>> {
    let items = cx
        .read(Action::Read, async |cx| {
            let service = store::services::by_name(&cx.db, &name).await?;
            let seen = store::workloads::by_service(&cx.db, service.id).await?;
            let ids: Vec<_> = seen.iter().map(|it| it.id).collect();
            let shapes = store::readiness::shapes(&cx.db, &ids).await?;
            let revisions = store::revisions::of_all(&cx.db, &ids).await?;
            let there = seen.iter().filter(|it| it.gone_at.is_none());
            let items = there.map(|workload| {
                let revisions = revisions.get(&workload.id).map_or(&[][..], Vec::as_slice);
                let shape = shapes.get(&workload.id);
                let facts = Facts { workload, shape, revisions, checks: &service.checks };
                json!({"workload": workload.reference(), "findings": findings(&facts)})
            });
            Ok(items.collect())
        })
        .await?;
    Ok(Json(Page { items, next_cursor: None }))
}
