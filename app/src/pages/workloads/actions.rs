use domain::fields::Fault;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, context};
use crate::wishes::workloads;

/// `id` is that of the revision; `verdict` one of `bad`, `forbidden`, `unknown`.
#[server]
pub async fn mark_revision(
    id: String,
    #[server(default)] verdict: String,
    #[server(default)] reason: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = context()?;
        cx.enter(domain::access::Action::MarkRevision)?;
        let id = id.parse().map_err(|_| Error::field("id", Fault::Unknown))?;
        workloads::mark_revision(&cx, id, &verdict, &reason).await
    };
    answer(wish.await)
}
