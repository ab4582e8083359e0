use domain::access::Action;
use domain::fields::Fault;
use domain::gates::Tool;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, context, entered};
use crate::wishes::{gates, workloads};

/// `id` is that of the revision; `verdict` one of `bad`, `forbidden`, `unknown`.
#[server]
pub async fn mark_revision(
    id: String,
    #[server(default)] verdict: String,
    #[server(default)] reason: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = context()?;
        cx.enter(Action::MarkRevision)?;
        let id = id.parse().map_err(|_| Error::field("id", Fault::Unknown))?;
        workloads::mark_revision(&cx, id, &verdict, &reason).await
    };
    answer(wish.await)
}

/// `id` is that of the workload. `password_token` is the token that the page showed; by its name it is not kept with
/// what was typed.
#[server]
pub async fn make_gate(
    id: String,
    tool: String,
    #[server(default)] name: String,
    #[server(default)] unattended: String,
    password_token: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::AdministerTokens)?;
        let id = id.parse().map_err(|_| Error::field("id", Fault::Unknown))?;
        let tool = Tool::parse(&tool).ok_or_else(|| Error::field("tool", Fault::Unknown))?;
        let wanted = gates::Wanted { tool, name, consent: unattended.is_empty() };
        gates::make(&cx, id, &wanted, &password_token).await
    };
    answer(wish.await)
}

/// `id` is that of the gate.
#[server]
pub async fn revoke_gate(id: String, workload: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::AdministerTokens)?;
        let id = id.parse().map_err(|_| Error::field("id", Fault::Unknown))?;
        let workload = workload.parse().map_err(|_| Error::field("workload", Fault::Unknown))?;
        gates::revoke(&cx, workload, id).await
    };
    answer(wish.await)
}
