//! The file of an older ledger, as the form on the page sends it. It is kept for its preview and changes nothing.

use app::pages::drills::IMPORT;
use app::pages::error::Error;
use app::pages::visit::Visit;
use app::wishes::drills::import as wishes;
use axum::Extension;
use axum::extract::multipart::Field;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::access::Action;
use domain::drills::ledger::import::{LARGEST, Problem, Why};
use domain::fields::Fault;
use domain::ids::DrillImportId;

use super::evidence::called;
use super::{Web, context, forms};

/// Of a request with a file, in bytes. What is a little too long is answered on the page.
pub(super) const LONGEST: usize = LARGEST + (4 << 20);

/// The sender goes to the preview, or back to the form with what is wrong.
pub(super) async fn upload(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    form: Multipart,
) -> Response {
    let (Some(cx), Some(user)) = (context(&web, &visit), &visit.user) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    if !visit.may_somewhere(Action::PlanDrill) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let kept = async {
        let (name, content) = file(form, &visit).await?;
        wishes::upload(&cx, name, content).await
    };
    match kept.await {
        Ok(DrillImportId(id)) => Redirect::to(&format!("/drills/import?file={id}")).into_response(),
        Err(error) => forms::back(&cx, user.id, IMPORT, Some(error), "/drills/import").await,
    }
}

async fn file(mut form: Multipart, visit: &Visit) -> Result<(String, Vec<u8>), Error> {
    let required = || Error::field("file", Fault::Required);
    let field = form.next_field().await.map_err(|_| Error::Malformed)?.ok_or_else(required)?;
    if field.name() != Some("file") {
        return Err(Error::field(field.name().unwrap_or_default(), Fault::Unexpected));
    }
    let name = called(field.file_name().unwrap_or_default());
    let content = content(field, visit).await?;
    if content.is_empty() { Err(required()) } else { Ok((name, content)) }
}

async fn content(mut field: Field<'_>, visit: &Visit) -> Result<Vec<u8>, Error> {
    let too_large = || {
        let why = Problem::of_file(Why::TooLarge { mib: LARGEST >> 20 });
        Error::field("file", Fault::Malformed(why.text(visit.lang)))
    };
    let mut content = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|_| too_large())? {
        content.extend_from_slice(&chunk);
        if content.len() > LARGEST {
            return Err(too_large());
        }
    }
    Ok(content)
}
