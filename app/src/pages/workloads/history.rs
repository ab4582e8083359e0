use domain::revisions::Revision;
use domain::texts::workloads::TEXTS;
use leptos::prelude::*;

use super::detail::Shown;
use super::verdict;
use crate::pages::ui::{Panel, Table, Tone, column, empty, mark, when_short};
use crate::pages::visit::texts;

/// Revisions as `kubectl rollout history` numbers them, with what became of each. A template that ran with
/// several configurations stands here once for each.
pub(super) fn panel(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    // A template that never got a number was replaced before the controller looked at it.
    let listed: Vec<&Revision> =
        shown.revisions.iter().filter(|it| it.revision > 0 || is_live(shown, it)).collect();
    if listed.is_empty() {
        return view! { <Panel id="history" title=t.history>{empty(t.no_history)}</Panel> }
            .into_any();
    }
    let heads = vec![
        column(t.revision),
        column(t.verdict),
        column(t.images),
        column(t.change_cause).optional(),
        column(t.rolled_out).optional(),
    ];
    let rows = listed.into_iter().map(|it| row(shown, it)).collect_view();
    view! {
        <Panel id="history" title=t.history note=view! { <small>{t.history_note}</small> }.into_any()>
            <Table label=t.history heads>{rows}</Table>
        </Panel>
    }
    .into_any()
}

pub(super) fn is_live(shown: &Shown, it: &Revision) -> bool {
    let live = &shown.workload.live;
    it.digest == live.digest && it.config_digest == live.config_digest
}

fn row(shown: &Shown, it: &Revision) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let live = is_live(shown, it);
    let state = if live {
        Some(mark(Tone::Live, t.is_live))
    } else if !it.present {
        Some(mark(Tone::Idle, t.pruned))
    } else {
        (!it.config_current).then(|| mark(Tone::Warn, t.config_moved))
    };
    let href = format!("/workloads/{}/revisions/{}", it.workload_id, it.id);
    let images: Vec<String> = it.images.iter().map(|it| it.image.clone()).collect();
    let rolled_out = match it.rolled_out_at {
        Some(at) => when_short(at),
        None => view! { <small>{t.not_rolled_out}</small> }.into_any(),
    };
    let reason = it.verdict_reason.clone().map(|it| view! { " " <small>{it}</small> });
    view! {
        <tr aria-current=live.then_some("true")>
            <th scope="row"><a href=href>{it.revision}</a> " " {state}</th>
            <td>{verdict(it.verdict)} {reason}</td>
            <td><code>{images.join(", ")}</code></td>
            <td class="optional">{it.change_cause.clone()}</td>
            <td class="optional">{rolled_out}</td>
        </tr>
    }
}
