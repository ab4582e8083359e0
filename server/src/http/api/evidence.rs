//! Evidence: files as proof, known by the SHA-256 of their bytes.

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::evidence as wishes;
use axum::extract::{DefaultBodyLimit, Multipart, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::evidence::{Evidence, Sha256};
use serde::Deserialize;
use serde_json::{Value, json};
use store::evidence::Filter;
use utoipa::ToSchema;
use utoipa_axum::router::UtoipaMethodRouterExt;
use utoipa_axum::routes;

use super::page::newest_first;
use super::{Answer, Body, Cursor, Endpoint, Page, Problem, Query, Shared, needs};
use crate::http::evidence::{LONGEST, Upload, send};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let upload = routes!(upload).layer(DefaultBodyLimit::max(LONGEST));
    vec![
        needs(Action::UploadEvidence, upload),
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(get)),
        needs(Action::Read, routes!(content)),
        needs(Action::EraseEvidence, routes!(erase)),
    ]
}

fn shown(it: &Evidence) -> Value {
    json!({
        "id": it.id,
        "sha256": it.sha256,
        "size": it.size,
        "type": it.media_type,
        "name": it.name,
        "kind": it.kind,
        "subject": it.subject,
        "restricted": it.restricted,
        "pretends": it.pretends(),
        "erased": it.erased,
        "uploaded_by": it.uploaded_by,
        "created_at": it.uploaded_at,
    })
}

/// What a form for a file holds.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only read for the document")]
struct NewEvidence {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    #[schema(example = "screenshot")]
    kind: String,
    #[schema(example = "drills/DR-20261016-01")]
    subject: String,
    /// Refused with 422 where the file is another.
    sha256: Option<String>,
    restricted: Option<bool>,
}

/// Keeps a file for ever, under the SHA-256 of its bytes.
#[utoipa::path(post, path = "/evidence", tag = "evidence",
    request_body(content = NewEvidence, content_type = "multipart/form-data"), responses((status = 201, body = Value)))]
async fn upload(
    State(web): Shared,
    Extension(cx): Extension<Context>,
    headers: HeaderMap,
    form: Multipart,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let upload = Upload::read(&web.objects, &headers, form).await?;
    let evidence = upload.keep(&cx, &web.objects).await?;
    Ok((StatusCode::CREATED, Json(shown(&evidence))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    subject: Option<String>,
    since: Option<DateTime<Utc>>,
    sort: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// What is known of files, newest first.
#[utoipa::path(get, path = "/evidence", tag = "evidence", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Value>> {
    let Asked { subject, since, sort, limit, cursor } = asked;
    newest_first(sort.as_deref(), "created_at")?;
    let cursor = Cursor { limit, cursor };
    let filter = Filter { subject, since, after: cursor.after()?, limit: cursor.limit()? + 1 };
    let page = cx
        .read(Action::Read, async |cx| {
            let rows = store::evidence::list(&cx.db, &filter).await?;
            cursor.page(rows, |it| (it.uploaded_at, it.id.0), |it| shown(&it))
        })
        .await?;
    Ok(Json(page))
}

/// What is known of one file: one item for each thing that it proves.
#[utoipa::path(get, path = "/evidence/{sha256}", tag = "evidence", params(("sha256" = String, Path)),
    responses((status = 200, body = Page<Value>)))]
async fn get(Extension(cx): Extension<Context>, Path(file): Path<String>) -> Answer<Page<Value>> {
    let rows = cx
        .read(Action::Read, async |cx| {
            let file: Sha256 = file.parse().map_err(|_| Error::NotFound)?;
            wishes::read(cx, &file).await
        })
        .await?;
    Ok(Json(Page { items: rows.iter().map(shown).collect(), next_cursor: None }))
}

/// The file itself.
#[utoipa::path(get, path = "/evidence/{sha256}/content", tag = "evidence", params(("sha256" = String, Path)),
    responses((status = 200, description = "the bytes", content_type = "application/octet-stream")))]
async fn content(
    State(web): Shared,
    Extension(cx): Extension<Context>,
    Path(file): Path<String>,
) -> Result<Response, Problem> {
    Ok(send(&cx, &web.objects, &file).await?)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Erasure {
    reason: String,
}

/// Erases a file because the law asks for it. Its rows stay, with the hash and the reason.
#[utoipa::path(post, path = "/evidence/{sha256}/erase", tag = "evidence", params(("sha256" = String, Path)),
    request_body = Erasure, responses((status = 200, body = Page<Value>)))]
async fn erase(
    Extension(cx): Extension<Context>,
    Path(file): Path<String>,
    Body(erasure): Body<Erasure>,
) -> Answer<Page<Value>> {
    let file: Sha256 = file.parse().map_err(|_| Problem::from(Error::NotFound))?;
    let rows = wishes::erase(&cx, &file, &erasure.reason).await?;
    Ok(Json(Page { items: rows.iter().map(shown).collect(), next_cursor: None }))
}
