use domain::pods::{Bad, Pod};
use domain::texts::{common, workloads::TEXTS};
use leptos::prelude::*;

use super::detail::Shown;
use crate::pages::ui::{Panel, Table, Tone, badge, column, empty, number_of, when_short};
use crate::pages::visit::texts;

/// The pods that the cluster has now, with what is wrong with them.
pub(super) fn panel(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    if shown.pods.is_empty() {
        return view! { <Panel id="pods" title=t.pods>{empty(t.no_pods)}</Panel> }.into_any();
    }
    let bad = shown.pods.iter().filter(|it| it.bad.is_some()).count();
    let heads = vec![
        column(t.pod),
        column(texts(&common::TEXTS).state),
        column(t.revision).number(),
        column(t.node).optional(),
        column(t.restarts).number(),
        column(texts(&common::TEXTS).reason),
    ];
    let rows = shown.pods.iter().map(|it| row(shown, it)).collect_view();
    let count = number_of(shown.pods.len(), (bad > 0).then_some(Tone::Bad));
    view! {
        <Panel id="pods" title=t.pods badge=count>
            <Table label=t.pods heads>{rows}</Table>
        </Panel>
    }
    .into_any()
}

fn row(shown: &Shown, pod: &Pod) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let state = match &pod.bad {
        _ if pod.terminating => badge(Tone::Idle, t.terminating),
        Some(bad) => badge(Tone::Bad, (t.bad_of)(bad.reason)),
        None if pod.ready => badge(Tone::Ok, t.ready),
        None => badge(Tone::Warn, t.not_ready),
    };
    let was_ready =
        (!pod.ready && pod.ever_ready).then(|| view! { " " <small>{t.was_ready}</small> });
    let of = shown.revisions.iter().find(|it| Some(&it.digest) == pod.digest.as_ref());
    let revision = of.map(|it| it.revision.to_string());
    view! {
        <tr>
            <th scope="row">{pod.name.clone()}</th>
            <td>{state} {was_ready}</td>
            <td class="number">{revision}</td>
            <td class="optional">{pod.node.clone()}</td>
            <td class="number">{pod.restarts}</td>
            <td>{pod.bad.as_ref().map(why)}</td>
        </tr>
    }
}

fn why(bad: &Bad) -> AnyView {
    let t = texts(&TEXTS);
    let code = bad.exit_code.map(|it| view! { <small>{(t.exit_code)(it)}</small> " " });
    let container = bad.container.clone().map(|it| view! { <b>{it}</b> " " });
    view! { {container} {code} {bad.message.clone()} " " {when_short(bad.since)} }.into_any()
}
