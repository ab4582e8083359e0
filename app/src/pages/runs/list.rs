use std::collections::HashMap;

use domain::access::Action;
use domain::ids::{RunId, ServiceId};
use domain::runs::{Run, StateName};
use domain::texts::runs::{self, TEXTS};
use domain::texts::{common, rollbacks};
use leptos::either::Either;
use leptos::prelude::*;
use store::runs::Filter;

use super::standing;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{
    Head, Input, Query, Table, badge, column, empty, filters, live, page, pager, took, when_short,
};
use crate::pages::visit::{texts, visit};

/// Rows of one page.
const PAGE: usize = 50;

#[component]
pub fn RunsPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let words = texts(&common::TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let named = query.get("service").filter(|it| !it.is_empty());
        let state = query.get("state").and_then(|it| StateName::parse(&it));
        let after = query.get("cursor").as_deref().and_then(store::cursor::parse);
        let after = after.map(|(at, id)| (at, RunId(id)));
        let (mut rows, services) = read(Action::Read, async |cx| {
            let services: HashMap<ServiceId, String> = store::services::list(&cx.db)
                .await?
                .into_iter()
                .map(|it| (it.id, it.entry.name))
                .collect();
            let service = named.as_ref().map(|name| services.iter().find(|(_, it)| *it == name));
            let rows = match service {
                // A service that nobody knows has no runs.
                Some(None) => Vec::new(),
                service => {
                    let service = service.flatten().map(|(id, _)| *id);
                    let limit = PAGE as i64 + 1;
                    let filter = Filter { service, state, after, limit, ..Filter::default() };
                    store::runs::list(&cx.db, &filter).await?
                }
            };
            Ok::<_, Error>((rows, services))
        })
        .await?;
        let more = rows.len() > PAGE;
        rows.truncate(PAGE);
        let last = rows.last().filter(|_| more);
        let next = last.map(|it| store::cursor::of(it.requested_at, it.id.0));
        let content = match rows.is_empty() {
            true => Either::Left(empty(t.nothing_yet)),
            false => Either::Right(table(rows, &services)),
        };
        let choices = StateName::ALL.iter().map(|it| (it.as_str(), (t.state_of)(*it)));
        Ok(view! {
            {live("runs")}
            <Head title=t.title>{t.lede}</Head>
            {filters(&query, view! {
                {query.field(Input::search("service", words.service))}
                {query.choice("state", words.state, choices)}
            })}
            <section class="panel" aria-label=t.title>{content}</section>
            {pager(&query, next.as_deref())}
        })
    })
}

fn table(rows: Vec<Run>, services: &HashMap<ServiceId, String>) -> AnyView {
    let t = texts(&TEXTS);
    let words = texts(&common::TEXTS);
    let row = |run: Run| {
        let (tone, word) = standing(&run);
        let service = run.service.and_then(|it| services.get(&it)).cloned().unwrap_or_default();
        let steps = run.plan.steps().iter();
        let steps: Vec<_> = steps.map(|it| runs::step(it, visit().lang)).collect();
        let ended = run.steps.iter().filter_map(|it| it.finished_at()).max();
        let began = run.steps.iter().filter_map(|it| it.started_at()).min();
        let duration = began.zip(ended).map(|(began, ended)| took(ended - began));
        let href = format!("/runs/{}", run.id);
        view! {
            <tr>
                <th scope="row"><a href=href>{steps.join(" · ")}</a></th>
                <td>{badge(tone, word)}</td>
                <td><a href=format!("/services/{service}")>{service.clone()}</a></td>
                <td class="optional">{run.requested_by.clone()}</td>
                <td class="optional">{when_short(run.requested_at)}</td>
                <td class="number">{duration}</td>
            </tr>
        }
    };
    let heads = vec![
        column(texts(&rollbacks::TEXTS).plan),
        column(words.state),
        column(words.service),
        column(words.by).optional(),
        column(words.at).optional(),
        column(words.duration).number(),
    ];
    let rows = rows.into_iter().map(row).collect_view();
    view! { <Table label=t.title heads>{rows}</Table> }.into_any()
}
