use domain::access::Action;
use domain::approvals::Decision;
use domain::fields::Fault;
use domain::ids::RunId;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, entered};
use crate::wishes::runs::{self, Wish};

/// `checked` is sent by who has read the plan; the page asks for it.
#[server]
pub async fn approve_run(
    id: String,
    plan_digest: String,
    #[server(default)] checked: bool,
    #[server(default)] otp: String,
    #[server(default)] reason: String,
) -> Result<(), Error> {
    answer(
        async {
            let cx = entered(Action::ApproveRun)?;
            if !checked {
                return Err(Error::field("checked", Fault::Required));
            }
            runs::decide(&cx, parsed(&id)?, &plan_digest, Decision::Approve, &reason, Some(&otp))
                .await?;
            Ok(())
        }
        .await,
    )
}

#[server]
pub async fn reject_run(
    id: String,
    plan_digest: String,
    #[server(default)] reason: String,
) -> Result<(), Error> {
    answer(
        async {
            let cx = entered(Action::ApproveRun)?;
            if reason.trim().is_empty() {
                return Err(Error::field("reason", Fault::Required));
            }
            runs::decide(&cx, parsed(&id)?, &plan_digest, Decision::Reject, &reason, None).await?;
            Ok(())
        }
        .await,
    )
}

#[server]
pub async fn pause_run(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    answer(wished(Action::PauseRun, &id, Wish::Pause, &reason).await)
}

#[server]
pub async fn resume_run(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    answer(wished(Action::ResumeRun, &id, Wish::Resume, &reason).await)
}

#[server]
pub async fn abort_run(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    answer(wished(Action::PauseRun, &id, Wish::Abort, &reason).await)
}

#[server]
pub async fn retry_run(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    answer(wished(Action::ResumeRun, &id, Wish::Retry, &reason).await)
}

/// `id` is the run's and the number of the step, from 0: `…/2`.
#[server]
pub async fn confirm_step(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    answer(
        async {
            let cx = entered(Action::PerformDrillStep)?;
            let (run, step) = id.split_once('/').ok_or(Error::NotFound)?;
            let step = step.parse().map_err(|_| Error::NotFound)?;
            runs::confirm(&cx, parsed(run)?, step, &reason).await?;
            Ok(())
        }
        .await,
    )
}

async fn wished(action: Action, id: &str, wish: Wish, reason: &str) -> Result<(), Error> {
    let cx = entered(action)?;
    if reason.trim().is_empty() {
        return Err(Error::field("reason", Fault::Required));
    }
    runs::wish(&cx, parsed(id)?, wish, reason).await?;
    Ok(())
}

fn parsed(id: &str) -> Result<RunId, Error> {
    id.parse().map_err(|_| Error::NotFound)
}
