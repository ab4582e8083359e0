use domain::access::Action;
use domain::alerts::{Alert, Source, State};
use domain::texts::{alerts, common, number};
use leptos::either::Either;
use leptos::prelude::*;
use store::alerts::Filter;
use store::signals::Pending;

use crate::pages::openings;
use crate::pages::ssr::read;
use crate::pages::ui::{
    Head, Input, Panel, Query, Table, Tone, badge, column, empty, filters, live, mark, page, pager,
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
        let (mut rows, services, openings, may, pending) = read(Action::Read, async |cx| {
            let services = store::services::list(&cx.db).await?;
            let names = services.into_iter().map(|it| (it.id, it.entry.name));
            Ok((
                store::alerts::list(&cx.db, &filter).await?,
                names.collect::<std::collections::HashMap<_, _>>(),
                store::openings::waiting(&cx.db, PAGE).await?,
                cx.caller.may_somewhere(Action::OpenIncident, cx.now),
                store::signals::pending(&cx.db).await?,
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
            {live("alerts openings")}
            <Head title=t.title>{(t.lede)(firing)}</Head>
            {filters(&query, view! {
                {query.field(Input::search("service", texts(&common::TEXTS).service))}
                {query.choice("state", texts(&common::TEXTS).state, states)}
            })}
            {pending_panel(pending)}
            <section class="panel" aria-label=t.title>{content}</section>
            {pager(&query, next.as_deref())}
            {openings::panel(openings, may, true)}
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

/// Nothing while nothing is beyond its limit.
fn pending_panel(pending: Vec<Pending>) -> Option<AnyView> {
    let t = texts(&alerts::TEXTS);
    if pending.is_empty() {
        return None;
    }
    let row = |it: Pending| {
        let href = format!("/services/{}", it.service_name);
        view! {
            <tr>
                <th scope="row">{it.signal}</th>
                <td><a href=href>{it.service_name}</a></td>
                <td class="number">{number(it.value)}</td>
                <td>{when_short(it.since)}</td>
                <td>{when_short(it.fires_at)}</td>
            </tr>
        }
    };
    let heads = vec![
        column(t.name),
        column(texts(&common::TEXTS).service),
        column(t.value).number(),
        column(t.since),
        column(t.fires_at),
    ];
    let rows: Vec<_> = pending.into_iter().map(row).collect();
    Some(
        view! {
            <Panel id="pending" title=t.pending>
                <Table label=t.pending heads>{rows}</Table>
            </Panel>
        }
        .into_any(),
    )
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
