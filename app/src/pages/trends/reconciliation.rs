use domain::quarters::reconciliation::Mismatch;
use domain::texts::common;
use domain::texts::trends::TEXTS;
use domain::trends::{Period, Unit};
use leptos::prelude::*;

use crate::pages::ssr::context;
use crate::pages::ui::{
    Head, Input, Query, Table, Tone, badge, column, empty, filters, live, mark, page,
};
use crate::pages::visit::texts;
use crate::wishes::quarters::reconcile;

/// So many months can be chosen.
const MONTHS: usize = 24;

#[component]
pub fn ReconciliationPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.reconciliation, async move {
        let cx = context()?;
        let found = reconcile(&cx, query.get("month").as_deref()).await?;
        let month = found.month.to_string();
        let (lede, state) = match (found.rows, found.mismatches.len()) {
            (0, _) => ((t.nothing)(&month), badge(Tone::Idle, t.no_rows)),
            (_, 0) => ((t.all_fits)(&month), badge(Tone::Ok, texts(&common::TEXTS).none)),
            (_, n) => ((t.reconciliation_lede)(n, &month), badge(Tone::Bad, n)),
        };
        let mut months = Period::of(Unit::Month, cx.today()).last(MONTHS);
        months.reverse();
        let months = months.into_iter().map(|it| (it, it));
        let content = match found.mismatches.is_empty() {
            true => empty(t.reconciliation_note),
            false => rows(found.mismatches),
        };
        Ok(view! {
            {live("drills rollbacks evidence")}
            <Head title=t.reconciliation badge=state>{lede}</Head>
            {filters(
                &query,
                query.field(Input::select("month", t.month, months).value(found.month)),
            )}
            <section class="panel" aria-label=t.reconciliation>{content}</section>
        })
    })
}

fn rows(mismatches: Vec<Mismatch>) -> AnyView {
    let t = texts(&TEXTS);
    let row = |it: Mismatch| {
        let gaps = it.gaps.iter().map(|it| view! { {mark(Tone::Warn, (t.gap_of)(*it))} " " });
        let gaps = gaps.collect_view();
        view! {
            <tr>
                <th scope="row"><a href=format!("/{}", it.subject)>{it.subject.clone()}</a></th>
                <td>{it.service.clone()}</td>
                <td>{gaps}</td>
            </tr>
        }
    };
    let heads = vec![column(t.row), column(t.service), column(t.lacks)];
    let rows = mismatches.into_iter().map(row).collect_view();
    view! { <Table label=t.reconciliation caption=t.reconciliation_note heads>{rows}</Table> }
        .into_any()
}
