use domain::access::Action;
use domain::rollbacks::Rollback;
use domain::runs::Run;
use domain::texts::rollbacks::TEXTS;
use leptos::either::Either;
use leptos::prelude::*;
use store::rollbacks::Filter;

use super::{from_to, standing};
use crate::pages::ssr::read;
use crate::pages::ui::{Head, Queue, Waiting, badge, countdown, empty, live, page};
use crate::pages::visit::texts;

/// Everything that waits for a person to decide, the most urgent first.
#[component]
pub fn ApprovalsPage() -> impl IntoView {
    let t = texts(&TEXTS);
    page(t.approvals, async move {
        let rows = read(Action::Read, async |cx| waiting(cx).await).await?;
        let count = rows.len();
        let content = match rows.is_empty() {
            true => Either::Left(empty(t.nothing_waits)),
            false => {
                Either::Right(view! { <Queue>{rows.into_iter().map(row).collect_view()}</Queue> })
            }
        };
        Ok(view! {
            {live("rollbacks runs")}
            <Head title=t.approvals>{(t.approvals_lede)(count)}</Head>
            <section class="panel" aria-label=t.approvals>{content}</section>
        })
    })
}

/// Open rollbacks that wait for a person, with their run where they have one.
pub(crate) async fn waiting(
    cx: &crate::doors::Context,
) -> Result<Vec<(Rollback, Option<Run>)>, crate::pages::error::Error> {
    let mut rows = Vec::new();
    for state in ["awaiting_approval", "needs_person"] {
        let filter =
            Filter { state: Some(state.to_owned()), open: true, limit: 100, ..Filter::default() };
        for rollback in store::rollbacks::list(&cx.db, &filter).await? {
            let run = match rollback.run {
                Some(run) => Some(store::runs::get(&cx.db, run).await?),
                None => None,
            };
            rows.push((rollback, run));
        }
    }
    rows.sort_by_key(|(_, run)| run.as_ref().map(|it| it.required.expires_at));
    rows.sort_by_key(|(_, run)| run.is_none());
    Ok(rows)
}

fn row((rollback, run): (Rollback, Option<Run>)) -> impl IntoView {
    let t = texts(&TEXTS);
    let (tone, word) = standing(&rollback);
    let href = format!("/rollbacks/{}", rollback.number);
    let why = rollback.target.as_ref().map(|it| it.reason.to_string()).unwrap_or_default();
    let due = run.map(|run| {
        let until = run.required.expires_at;
        countdown(until, until - run.requested_at, t.window_left, "", false)
    });
    view! {
        <Waiting
            badge=badge(tone, word)
            href=href.clone()
            title=format!("{}: {}", rollback.service_name, from_to(&rollback))
            why=why
            due=due.unwrap_or_else(|| ().into_any())
            act=view! { <a class="button" href=href>{t.review}</a> }.into_any()
        />
    }
}
