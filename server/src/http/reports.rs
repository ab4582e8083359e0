//! The printed report of a closed quarter, to be saved.

use app::doors::Context;
use app::pages::error::Error;
use app::pages::visit::Visit;
use app::wishes::quarters as wishes;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::quarters::report::path;

use super::evidence::{Sent, sent};
use super::{Web, context};
use crate::adapters::objects::Objects;

/// For somebody who is signed in.
pub(super) async fn download(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(quarter): Path<String>,
) -> Response {
    let Some(cx) = context(&web, &visit) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match send(&cx, &web.objects, &quarter).await {
        Ok(response) => response,
        Err(error) => (error.status(), error.text(visit.lang)).into_response(),
    }
}

pub(super) async fn send(
    cx: &Context,
    objects: &Objects,
    quarter: &str,
) -> Result<Response, Error> {
    let (period, file) = wishes::report(cx, quarter).await?;
    let content = objects.read_path(&path(period)).await.map_err(Error::NotKept)?;
    let content = content.ok_or_else(|| {
        tracing::error!(quarter = %period, "the report was stored and is not in the object store");
        Error::NotFound
    })?;
    sent(
        content,
        &Sent {
            media_type: "application/pdf",
            name: &format!("{period}.pdf"),
            size: file.size,
            sha256: &file.sha256,
        },
    )
}
