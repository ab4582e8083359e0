use std::collections::BTreeMap;

use domain::access::Action;
use domain::quarters::Quarter;
use domain::texts::quarters::TEXTS;
use domain::trends::{Period, Unit};
use leptos::prelude::*;

use crate::pages::ssr::read;
use crate::pages::ui::{Head, Table, Tone, badge, column, digest, live, page, when};
use crate::pages::visit::texts;

/// At least so many are listed, and all since the first row of a ledger: ten years at most.
const LEAST: usize = 4;
const MOST: usize = 40;

#[component]
pub fn QuartersPage() -> impl IntoView {
    let t = texts(&TEXTS);
    page(t.title, async move {
        let (closed, all) = read(Action::Read, async |cx| {
            let over = |it: Period| (it, it.has_ended(&cx.zone, cx.now));
            let closed = store::quarters::list(&cx.db, None, MOST as i64).await?;
            let first = store::quarters::first(&cx.db).await?;
            let now = Period::of(Unit::Quarter, cx.today());
            let since = first.map(|it| it.with_timezone(&cx.zone).date_naive());
            let oldest = since.map(|it| Period::of(Unit::Quarter, it));
            let all: Vec<_> = std::iter::successors(Some(now), |it| Some(it.previous()))
                .take(MOST)
                .enumerate()
                .take_while(|(n, it)| *n < LEAST || oldest.is_some_and(|oldest| *it >= oldest))
                .map(|(_, it)| over(it))
                .collect();
            Ok((closed, all))
        })
        .await?;
        let closed: BTreeMap<_, _> = closed.into_iter().map(|it| (it.period, it)).collect();
        let rows = all.into_iter().map(|(it, over)| row(it, over, closed.get(&it))).collect_view();
        let heads = vec![
            column(t.quarter),
            column(t.state),
            column(t.rows).number(),
            column(t.closed_by).optional(),
            column(t.closed_at).optional(),
            column(t.digest).optional(),
        ];
        Ok(view! {
            {live("quarters")}
            <Head title=t.title>{t.lede}</Head>
            <section class="panel" aria-label=t.title>
                <Table label=t.title heads>{rows}</Table>
            </section>
        })
    })
}

fn row(period: Period, over: bool, closed: Option<&Quarter>) -> AnyView {
    let t = texts(&TEXTS);
    let name = period.to_string();
    let href = format!("/quarters/{name}");
    let state = match closed {
        Some(_) => badge(Tone::Ok, t.closed),
        None if over => badge(Tone::Warn, t.open),
        None => badge(Tone::Idle, t.goes_on),
    };
    view! {
        <tr>
            <th scope="row"><a href=href>{name}</a></th>
            <td>{state}</td>
            <td class="number">{closed.map(|it| it.rows)}</td>
            <td class="optional">{closed.map(|it| it.closed_by.clone())}</td>
            <td class="optional">{closed.map(|it| when(it.closed_at))}</td>
            <td class="optional">{closed.map(|it| digest(it.digest.as_str()))}</td>
        </tr>
    }
    .into_any()
}
