use domain::access::Action;
use domain::objectives::{Dated, Source};
use domain::texts::objectives::{self, TEXTS};
use leptos::prelude::*;
use store::measurements::Kept;

use super::{latest, targets};
use crate::pages::ssr::read;
use crate::pages::ui::{Head, Table, column, empty, live, page};
use crate::pages::visit::{texts, visit};

#[component]
pub fn ObjectivesPage() -> impl IntoView {
    let t = texts(&TEXTS);
    page(t.title, async move {
        let (rows, measured) = read(Action::Read, async |cx| {
            let rows = store::objectives::list(&cx.db).await?;
            Ok((rows, store::measurements::latest(&cx.db).await?))
        })
        .await?;
        let content = match rows.is_empty() {
            true => empty(t.nothing_yet),
            false => matrix(&rows, &measured),
        };
        let table = |name: &str| format!("/api/v1/objectives/results.csv?table={name}");
        let exports = view! {
            <a class="button" href=table("DR-02") rel="external">{t.export_rto}</a>
            <a class="button" href=table("DR-04") rel="external">{t.export_rpo}</a>
        };
        Ok(view! {
            {live("objectives drills rollbacks")}
            <Head title=t.title actions=exports.into_any()>{t.lede}</Head>
            <section class="panel" aria-label=t.title>{content}</section>
        })
    })
}

fn matrix(rows: &[Dated], measured: &[Kept]) -> AnyView {
    let t = texts(&TEXTS);
    let heads = vec![
        column(t.domain),
        column("RTO").number(),
        column("RPO").number(),
        column(t.attained),
        column(t.others).optional(),
        column(t.path).optional(),
        column(t.signals).optional(),
        column(t.owner),
        column(t.sources).optional(),
    ];
    let rows: Vec<_> = rows.iter().map(|it| row(it, measured)).collect();
    view! { <Table label=t.title heads=heads>{rows}</Table> }.into_any()
}

fn row(dated: &Dated, measured: &[Kept]) -> AnyView {
    let lang = visit().lang;
    let it = &dated.objective;
    let signals = it.signals.iter().map(|it| view! { <div>{it.clone()}</div> }).collect_view();
    let sources = it.sources.iter().map(source).collect_view();
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/objectives/{}", it.name)>{it.title().to_owned()}</a>
                <small>{it.name.clone()}</small>
            </th>
            <td class="number">{objectives::bound(lang, it.rto())}</td>
            <td class="number">{objectives::bound(lang, it.rpo())}</td>
            <td>{latest(dated, measured)}</td>
            <td class="optional">{targets(it.targets())}</td>
            <td class="optional">{it.path.clone()}</td>
            <td class="optional">{signals}</td>
            <td>{it.team.clone()}</td>
            <td class="optional">{sources}</td>
        </tr>
    }
    .into_any()
}

fn source(it: &Source) -> impl IntoView + use<> {
    view! { <div>{it.document.clone()} " " {it.section.clone()}</div> }
}
