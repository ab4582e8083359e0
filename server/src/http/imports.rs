//! The form in which a second person consents to an import. It has a route of its own because the files are read
//! again for it, which no page can do.

use app::pages::error::Error;
use app::pages::imports::CONSENT;
use app::pages::visit::Visit;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use domain::access::Action;
use serde::Deserialize;

use super::{Web, context, forms};
use crate::catalog::imports;

/// The page that the sender goes back to where they came from no other.
const PAGE: &str = "/admin/imports";

#[derive(Deserialize)]
pub(super) struct Consent {
    /// Of the changes that were read.
    digest: String,
}

pub(super) async fn consent(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Consent>, FormRejection>,
) -> Response {
    let (Some(cx), Some(user)) = (context(&web, &visit), &visit.user) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    if !visit.may_somewhere(Action::ConsentVersion) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let consented = async {
        let id = id.parse().map_err(|_| Error::NotFound)?;
        let Form(Consent { digest }) = form.map_err(|_| Error::Malformed)?;
        let digest = digest.parse().map_err(|_| Error::Malformed)?;
        imports::consent(&cx, id, &digest).await
    };
    forms::back(&cx, user.id, CONSENT, consented.await.err(), &page(&headers)).await
}

/// Where the form stood: beside the other imports, or on the page of what was edited.
fn page(headers: &HeaderMap) -> String {
    let from = headers.get(header::REFERER).and_then(|it| it.to_str().ok());
    let path = from.and_then(|it| it.parse::<Uri>().ok()).map(|it| it.path().to_owned());
    let known = |it: &String| ["/policies/", "/signals/"].iter().any(|start| it.starts_with(start));
    path.filter(known).unwrap_or_else(|| PAGE.to_owned())
}
