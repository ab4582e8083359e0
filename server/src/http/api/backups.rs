//! The backup matrix: what is copied, whether that is so, and what is wrong.

use app::doors::Context;
use app::wishes::backups as wishes;
use app::wishes::backups::Standing;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::backups::{Finding, Freshness, Look};
use domain::texts::backups::TEXTS;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::backups::{CopyFilter, Written};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::page::word;
use super::{Answer, Cursor, Endpoint, Page, Problem, Query, needs};

/// Of the history that is shown with a row.
const CHANGES: i64 = 100;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(get)),
        needs(Action::Read, routes!(copies)),
        needs(Action::AdministerTokens, routes!(make_token)),
        needs(Action::AdministerTokens, routes!(revoke_token)),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    domain: Option<String>,
    owner: Option<String>,
    state: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// Rows by name. `state` is a freshness: fresh, due, unknown, stale or never.
#[utoipa::path(get, path = "/backups", tag = "backups", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Value>> {
    let Asked { domain, owner, state, limit, cursor } = asked;
    let parse = |it: &str| word(it, "state", Freshness::parse, Freshness::ALL, Freshness::as_str);
    let state = state.as_deref().map(parse).transpose()?;
    let cursor = Cursor { limit, cursor };
    let after: Option<String> = cursor.after()?;
    let most = usize::try_from(cursor.limit()?).unwrap_or_default() + 1;
    let mut rows = wishes::matrix(&cx).await?;
    rows.retain(|it| {
        domain.as_deref().is_none_or(|domain| it.row.domain == domain)
            && owner.as_deref().is_none_or(|owner| it.row.owner == owner)
            && state.is_none_or(|state| it.assessed.freshness == state)
            && after.as_deref().is_none_or(|after| it.row.name.as_str() > after)
    });
    rows.sort_by(|a, b| a.row.name.cmp(&b.row.name));
    rows.truncate(most);
    Ok(Json(cursor.page(rows, |it| it.row.name.clone(), |it| shown(&it))?))
}

/// One row with its newest copies, and how it stood before.
#[utoipa::path(get, path = "/backups/{name}", tag = "backups", params(("name" = String, Path)), responses((status = 200, body = Value)))]
async fn get(Extension(cx): Extension<Context>, Path(name): Path<String>) -> Answer<Value> {
    let standing = wishes::one(&cx, &name).await?;
    let filter = CopyFilter { limit: 50, ..CopyFilter::default() };
    let id = standing.row.id;
    let subject = Some(format!("backups/{name}"));
    let of_it = store::measurements::Filter { subject, limit: CHANGES, ..Default::default() };
    let (newest, history, measured) = cx
        .read(Action::Read, async |cx| {
            let newest = store::backups::copies(&cx.db, id, &filter).await?;
            let history = store::backups::history(&cx.db, id, CHANGES).await?;
            Ok((newest, history, store::measurements::list(&cx.db, &of_it).await?))
        })
        .await?;
    let mut shown = shown(&standing);
    shown["copies"] = newest.iter().map(copy).collect();
    let change =
        |(at, freshness): &(DateTime<Utc>, Freshness)| json!({"at": at, "state": freshness});
    shown["history"] = history.iter().map(change).collect();
    shown["measurements"] = measured.iter().map(|it| json!(it.measurement)).collect();
    Ok(Json(shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedCopies {
    tenant: Option<String>,
    since: Option<DateTime<Utc>>,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// The copies of a row, the newest first; those that are gone too.
#[utoipa::path(get, path = "/backups/{name}/copies", tag = "backups", params(("name" = String, Path)), responses((status = 200, body = Page<Value>)))]
async fn copies(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
    Query(asked): Query<AskedCopies>,
) -> Answer<Page<Value>> {
    let AskedCopies { tenant, since, limit, cursor } = asked;
    let cursor = Cursor { limit, cursor };
    let filter = CopyFilter { tenant, since, after: cursor.after()?, limit: cursor.limit()? + 1 };
    let key = |it: &Written| {
        let Written { site, copy, .. } = it;
        (copy.taken_at, site.as_str(), copy.tenant.clone(), copy.artefact.clone())
    };
    let page = cx
        .read(Action::Read, async |cx| {
            let row = store::backups::by_name(&cx.db, &name).await?;
            let rows = store::backups::copies(&cx.db, row.id, &filter).await?;
            cursor.page(rows, key, |it| copy(&it))
        })
        .await?;
    Ok(Json(page))
}

/// The token is shown here and never again.
#[derive(Serialize, ToSchema)]
struct Made {
    token: String,
    /// Where whoever makes a copy says so.
    path: String,
}

/// A token with which copies of this row are told: `POST` to `path`. The one before is good no longer.
#[utoipa::path(post, path = "/backups/{name}/token", tag = "backups", params(("name" = String, Path)), responses((status = 201, body = Made)))]
async fn make_token(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let token = app::wishes::tokens::random();
    wishes::make_token(&cx, &name, &token).await?;
    let path = format!("{}/heartbeats/{token}", super::PREFIX);
    Ok((StatusCode::CREATED, Json(Made { token, path })))
}

/// The token of this row is good no longer.
#[utoipa::path(delete, path = "/backups/{name}/token", tag = "backups", params(("name" = String, Path)), responses((status = 204)))]
async fn revoke_token(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    wishes::revoke_token(&cx, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(it: &Standing) -> Value {
    let Standing { row, seen, assessed, findings, since } = it;
    let tenants = assessed.tenants.iter().map(|it| {
        json!({
            "tenant": it.tenant, "state": it.freshness,
            "newest_at": it.newest.as_ref().map(|(_, at)| at),
        })
    });
    json!({
        "id": row.id,
        "name": row.name,
        "domain": row.domain,
        "artefact": row.artefact,
        "method": row.method,
        "interval_s": row.interval_s,
        "lag_s": row.lag_s,
        "grace_s": row.grace_s,
        "retention": row.retention,
        "place": row.place,
        "encryption": row.encryption,
        "offsite": row.offsite,
        "owner": row.owner,
        "source": row.source,
        "stated_in": row.stated_in,
        "state": assessed.freshness,
        "since": since,
        "newest": assessed.newest.as_ref().map(|(artefact, at)| json!({"artefact": artefact, "at": at})),
        "age_s": assessed.age.map(|it| it.num_seconds()),
        "tenants": tenants.collect::<Vec<_>>(),
        "looked": {"here": look(&seen.here), "offsite": look(&seen.offsite)},
        "findings": findings.iter().map(|it| finding(it, &row.owner)).collect::<Vec<_>>(),
    })
}

fn look(look: &Look) -> Value {
    json!({"at": look.at, "failure": look.failure, "warning": look.warning})
}

fn finding(it: &Finding, owner: &str) -> Value {
    let mut shown = serde_json::to_value(it).unwrap_or_default();
    shown["message"] = Value::String((TEXTS.en.finding)(it));
    shown["owner"] = Value::String(owner.to_owned());
    shown
}

fn copy(it: &Written) -> Value {
    let Written { site, copy, seen_at, gone_at } = it;
    json!({
        "site": site, "tenant": copy.tenant, "artefact": copy.artefact, "at": copy.taken_at, "outcome": copy.outcome,
        "size": copy.size, "sha256": copy.sha256, "encrypted": copy.encrypted, "seen_at": seen_at, "gone_at": gone_at,
    })
}
