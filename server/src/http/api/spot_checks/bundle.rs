//! The bundle of a spot check: the draw with everything that repeats it, its audit entries and its evidence.

use app::doors::Context;
use app::pages::error::Error;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::access::{Action, Place, Subject};
use domain::bundle::{AUDIT, CHECKPOINT, EVIDENCE};
use domain::spot_checks::export::FILE;

use super::super::bundles::{Collected, log, send, shown_evidence, text};
use super::super::{Problem, Shared};
use super::exported;

/// A zip with what it takes to draw again, the audit entries with their seals, the newest signed checkpoint, the
/// evidence that the caller may read, and a signed manifest of it all.
#[utoipa::path(get, path = "/spot-checks/{number}/bundle", tag = "spot checks",
    params(("number" = String, Path)),
    responses((status = 200, description = "the bundle", content_type = "application/zip")))]
pub(super) async fn bundle(
    State(web): Shared,
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    let collected = cx.read(Action::ExportBundle, async |cx| collect(cx, &number).await).await?;
    send(web, &cx, collected).await
}

async fn collect(cx: &Context, number: &str) -> Result<Collected, Error> {
    let (check, export) = exported(cx, number).await?;
    let service = store::services::get(&cx.db, check.service).await?.entry;
    cx.require(Action::ExportBundle, &Place::service(&service.name, &service.team))?;
    let subject = Subject::new("spot-checks", &check.number);
    let listed = shown_evidence(cx, std::slice::from_ref(&subject)).await?;
    // Read last: of everything that the row says the log says it, too.
    let (entries, head) = log(cx, &[subject.to_string()]).await?;
    let lists = vec![
        (FILE, text(&export)?),
        (AUDIT, text(&entries)?),
        (CHECKPOINT, text(&head)?),
        (EVIDENCE, text(&listed)?),
    ];
    Ok(Collected::new(subject, check.number, lists, &listed))
}
