//! Workloads: what runs now, what it came from, and how it fares.

pub mod actions;
pub mod detail;
mod gates;
mod happened;
mod history;
mod pods;
pub mod revision;

use domain::ids::WorkloadId;
use domain::revisions::RevisionVerdict;
use domain::texts::workloads::TEXTS;
use domain::workloads::{Image, Rollout, Workload};
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ui::{Tone, badge, digest};
use crate::pages::visit::texts;

/// The workload of the address; `Error::NotFound` also for what is no id.
async fn find(db: &sqlx::PgPool, id: &str) -> Result<Workload, Error> {
    let id: WorkloadId = id.parse().map_err(|_| Error::NotFound)?;
    Ok(store::workloads::get(db, id).await?)
}

fn standing(workload: &Workload) -> AnyView {
    let t = texts(&TEXTS);
    if workload.gone_at.is_some() {
        return badge(Tone::Idle, t.gone);
    }
    let tone = match workload.rollout {
        Rollout::Settled if workload.healthy_since.is_some() => Tone::Ok,
        Rollout::Settled => Tone::Warn,
        Rollout::Progressing => Tone::Live,
        Rollout::Stuck { .. } => Tone::Bad,
    };
    badge(tone, (t.rollout_of)(&workload.rollout))
}

pub(in crate::pages) fn verdict(verdict: RevisionVerdict) -> AnyView {
    let tone = match verdict {
        RevisionVerdict::Verified => Tone::Ok,
        RevisionVerdict::Bad | RevisionVerdict::Forbidden => Tone::Bad,
        RevisionVerdict::Unknown => Tone::Idle,
    };
    badge(tone, (texts(&TEXTS).verdict_of)(verdict))
}

/// Each image, and below it what the tag stood for.
fn images(images: &[Image]) -> AnyView {
    let t = texts(&TEXTS);
    let one = |it: &Image| {
        let id =
            it.image_id.clone().map(|id| view! { <small>{t.image_id} " " {digest(&id)}</small> });
        view! { <li><code>{it.image.clone()}</code> <small>{it.container.clone()}</small> {id}</li> }
    };
    view! { <ul>{images.iter().map(one).collect_view()}</ul> }.into_any()
}
