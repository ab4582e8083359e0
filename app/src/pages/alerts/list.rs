use domain::access::Action;
use domain::alerts::{Alert, Source, State};
use domain::texts::{alerts, common};
use leptos::either::Either;
use leptos::prelude::*;
use store::alerts::Filter;

use crate::pages::ssr::read;
use crate::pages::ui::{
    Head, Input, Query, Table, Tone, badge, column, empty, filters, live, mark, page, pager,
    when_short,
};
use crate::pages::visit::texts;

/// Rows of one page.
const PAGE: i64 = 50;

#[component]
pub fn AlertsPage() -> impl IntoView {
    let t = texts(&alerts::TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let filter = Filter {
            service: query.get("service"),
            state: query.get("state").as_deref().and_then(State::parse),
            after: query.get("cursor").as_deref().and_then(store::cursor::parse),
            limit: PAGE + 1,
            ..Filter::default()
        };
        let (mut rows, services) = read(Action::Read, async |cx| {
            let services = store::services::list(&cx.db).await?;
            let names = services.into_iter().map(|it| (it.id, it.entry.name));
            Ok((
                store::alerts::list(&cx.db, &filter).await?,
                names.collect::<std::collections::HashMap<_, _>>(),
            ))
        })
        .await?;
        let more = rows.len() > PAGE as usize;
        rows.truncate(PAGE as usize);
        let next =
            rows.last().filter(|_| more).map(|it| store::cursor::of(it.received_at, it.id.0));
        let firing = rows.iter().filter(|it| it.state == State::Firing).count();
        let row = |it: Alert| {
            let service = it.service.and_then(|id| services.get(&id).cloned());
            row(it, service)
        };
        let content = match rows.is_empty() {
            true => Either::Left(empty(t.nothing_yet)),
            false => Either::Right(table(rows.into_iter().map(row).collect_view().into_any())),
        };
        let states = State::ALL.iter().map(|it| (it.as_str(), (t.state_of)(*it)));
        Ok(view! {
            {live("alerts")}
            <Head title=t.title>{(t.lede)(firing)}</Head>
            {filters(&query, view! {
                {query.field(Input::search("service", texts(&common::TEXTS).service))}
                {query.choice("state", texts(&common::TEXTS).state, states)}
            })}
            <section class="panel" aria-label=t.title>{content}</section>
            {pager(&query, next.as_deref())}
        })
    })
}

fn table(rows: AnyView) -> impl IntoView {
    let t = texts(&alerts::TEXTS);
    let common = texts(&common::TEXTS);
    let heads = vec![
        column(t.name),
        column(common.state),
        column(common.service),
        column(t.said).optional(),
        column(t.source).optional(),
        column(t.since),
        column(t.until).optional(),
        column(t.decisions),
    ];
    view! { <Table label=t.title heads>{rows}</Table> }
}

fn row(alert: Alert, service: Option<String>) -> impl IntoView {
    let t = texts(&alerts::TEXTS);
    let tone = match alert.state {
        State::Firing => Tone::Bad,
        State::Resolved => Tone::Idle,
    };
    let service = match service {
        Some(name) => {
            let href = format!("/services/{name}");
            view! { <a href=href>{name}</a> }.into_any()
        }
        None => mark(Tone::Warn, t.unmatched),
    };
    let said = alert.annotations.get("summary").or(alert.annotations.get("description")).cloned();
    let source = match alert.source {
        Source::Webhook => t.webhook,
        Source::Watch => t.watch,
        Source::Promql => t.promql,
    };
    let decisions = alert.service.map(|_| {
        let href = format!("/decisions?alert={}", alert.id);
        view! { <a href=href>{t.decisions}</a> }
    });
    view! {
        <tr>
            <th scope="row">{alert.name}</th>
            <td>{badge(tone, (t.state_of)(alert.state))}</td>
            <td>{service}</td>
            <td class="optional">{said}</td>
            <td class="optional">{source}</td>
            <td>{when_short(alert.onset_at.unwrap_or(alert.starts_at))}</td>
            <td class="optional">{alert.ends_at.map(when_short)}</td>
            <td>{decisions}</td>
        </tr>
    }
}
