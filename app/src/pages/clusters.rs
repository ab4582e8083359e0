//! `/admin/clusters`: what is watched, and how well it can be seen. Clusters come from the catalog.

use domain::access::Action;
use domain::clusters::Cluster;
use domain::texts::{clusters, common};
use domain::watching::{Sight, SightState};
use leptos::prelude::*;

use super::ssr::read;
use super::ui::{Head, Table, Tone, badge, column, empty, live, page, when_short};
use super::visit::texts;

#[component]
pub fn ClustersPage() -> impl IntoView {
    let t = texts(&clusters::TEXTS);
    page(t.title, async move {
        let (clusters, sights) = read(Action::AdministerClusters, async |cx| {
            let clusters = store::clusters::list(&cx.db).await?;
            Ok((clusters, store::watching::sights(&cx.db).await?))
        })
        .await?;
        let unseen = sights.iter().filter(|it| it.state != SightState::Connected).count();
        let lede = (t.lede)(clusters.len(), unseen);
        let content = if clusters.is_empty() {
            empty(t.empty)
        } else {
            let sight = |name: &str| sights.iter().find(|it| it.cluster == name);
            let rows: Vec<_> = clusters.iter().map(|it| row(it, sight(&it.name))).collect();
            table(rows)
        };
        Ok(view! {
            {live("clusters")}
            <Head title=t.title>{lede}</Head>
            <section class="panel" aria-label=t.title>
                {content}
            </section>
        })
    })
}

fn table(rows: Vec<impl IntoView + 'static>) -> AnyView {
    let t = texts(&clusters::TEXTS);
    let common = texts(&common::TEXTS);
    let heads = vec![
        column(common.cluster),
        column(common.state),
        column(t.since).optional(),
        column(t.kubeconfig).optional(),
        column(t.prometheus).optional(),
        column(t.namespaces),
        column(t.protected).optional(),
    ];
    view! {
        <Table label=t.title heads>
            {rows}
        </Table>
    }
    .into_any()
}

fn row(cluster: &Cluster, sight: Option<&Sight>) -> impl IntoView + use<> {
    let t = texts(&clusters::TEXTS);
    let common = texts(&common::TEXTS);
    let state = sight.map_or(SightState::Connecting, |it| it.state);
    let tone = match state {
        SightState::Connecting => Tone::Idle,
        SightState::Connected => Tone::Ok,
        SightState::Partial => Tone::Warn,
        SightState::Blind => Tone::Bad,
    };
    let troubles: Vec<_> = sight
        .into_iter()
        .flat_map(|it| &it.troubles)
        .map(|it| view! { <small>{(t.trouble)(it)}</small> })
        .collect();
    let list = |names: &[String], none: &'static str| match names {
        [] => none.to_owned(),
        names => (common.list)(&names.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    let context = cluster.context.clone().unwrap_or_else(|| t.current_context.to_owned());
    view! {
        <tr>
            <th scope="row">{cluster.name.clone()}</th>
            <td>{badge(tone, (t.state_of)(state))} {troubles}</td>
            <td class="optional">{sight.map(|it| when_short(it.since))}</td>
            <td class="optional">
                <code>{cluster.kubeconfig.clone()}</code>
                <small>{format!("{}: {context}", t.context)}</small>
            </td>
            <td class="optional">
                {match &cluster.prometheus {
                    Some(url) => view! { <code>{url.clone()}</code> }.into_any(),
                    None => common.none.into_any(),
                }}
            </td>
            <td>{list(&cluster.namespaces, t.all_namespaces)}</td>
            <td class="optional">{list(&cluster.protected_namespaces, common.none)}</td>
        </tr>
    }
}
