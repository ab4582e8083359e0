//! Every rail by itself: what it holds back now, since when, and who may lift it.

use domain::policies::Mode;
use domain::texts::rails::{self, Rail};
use leptos::prelude::*;

use super::{Guarded, Shown};
use crate::pages::ui::{Panel, Table, Tone, badge, column, countdown, when_short};
use crate::pages::visit::texts;

pub(super) fn panel(shown: &Shown) -> AnyView {
    let t = texts(&rails::TEXTS);
    let rows: Vec<_> = Rail::ALL.iter().map(|it| row(*it, now(*it, shown))).collect();
    let heads =
        vec![column(t.rail), column(t.state), column(t.now), column(t.lifted_by).optional()];
    view! {
        <Panel id="rails" title=t.every_rail>
            <Table label=t.every_rail heads=heads>{rows}</Table>
        </Panel>
    }
    .into_any()
}

/// What one rail holds back now, each with the way to it; nothing where it lets everything go on.
fn now(rail: Rail, shown: &Shown) -> Vec<AnyView> {
    let t = texts(&rails::TEXTS);
    let services = || shown.services.iter();
    match rail {
        Rail::KillSwitch => {
            let all = std::iter::once(&shown.global).chain(shown.clusters.iter().map(|it| &it.1));
            let all = all.chain(services().map(|it| &it.switch)).flatten();
            let one = |it: &domain::rails::KillSwitch| {
                view! { {it.scope.to_string()} " " {when_short(it.set_at)} }.into_any()
            };
            all.map(one).collect()
        }
        Rail::Mode => services()
            .filter(|it| it.mode != Mode::Auto)
            .map(|it| view! { {link(it)} " " {(t.mode_of)(it.mode)} }.into_any())
            .collect(),
        Rail::Cooldown => services()
            .filter_map(|it| {
                let until = it.cools_until?;
                let left = countdown(until, it.cooldown, t.cools, "", false);
                Some(view! { {link(it)} " " {left} }.into_any())
            })
            .collect(),
        Rail::FailuresBlock => services()
            .filter(|it| it.failures >= it.block_at)
            .map(|it| {
                view! { {link(it)} " " {format!("{} / {}", it.failures, it.block_at)} }.into_any()
            })
            .collect(),
        Rail::HourlyCap => services()
            .filter(|it| it.this_hour >= it.cap)
            .map(|it| {
                view! { {link(it)} " " {format!("{} / {}", it.this_hour, it.cap)} }.into_any()
            })
            .collect(),
        Rail::BlastRadius => services()
            .filter(|it| it.rolling_back >= it.blast_radius)
            .map(|it| {
                view! { {link(it)} " " {format!("{} / {}", it.rolling_back, it.blast_radius)} }
                    .into_any()
            })
            .collect(),
        Rail::Hold => services()
            .filter(|it| !it.holds.is_empty())
            .map(|it| view! { {link(it)} " " {holds(it)} }.into_any())
            .collect(),
        Rail::ProtectedNamespace => shown
            .protected
            .iter()
            .map(|(cluster, namespaces)| format!("{cluster}: {}", namespaces.join(", ")).into_any())
            .collect(),
    }
}

fn row(rail: Rail, now: Vec<AnyView>) -> AnyView {
    let t = texts(&rails::TEXTS);
    let said = (t.said)(rail);
    let state = match (now.len(), rail) {
        (0, _) => badge(Tone::Ok, t.lets_go),
        // It always stands, and nobody is waited for.
        (n, Rail::ProtectedNamespace) => badge(Tone::Idle, (t.holds_back)(n)),
        (n, Rail::KillSwitch | Rail::FailuresBlock) => badge(Tone::Bad, (t.holds_back)(n)),
        (n, _) => badge(Tone::Warn, (t.holds_back)(n)),
    };
    let now: Vec<_> = now.into_iter().map(|it| view! { <div class="row">{it}</div> }).collect();
    view! {
        <tr>
            <th scope="row">{said.name}</th>
            <td>{state}</td>
            <td>{now}</td>
            <td class="prose optional">{said.lifted_by}</td>
        </tr>
    }
    .into_any()
}

fn link(it: &Guarded) -> AnyView {
    view! { <a href=format!("/services/{}", it.name)>{it.name.clone()}</a> }.into_any()
}

/// The versions that do not come back unasked, each with the way to where it is released.
pub(super) fn holds(it: &Guarded) -> AnyView {
    let one = |it: &store::rails::Hold| {
        let name = it.images.join(", ");
        let name = match it.workload {
            Some(id) => view! { <a href=format!("/workloads/{id}")>{name}</a> }.into_any(),
            None => name.into_any(),
        };
        view! { <div>{name} " " <small>{when_short(it.since)}</small></div> }
    };
    it.holds.iter().map(one).collect_view().into_any()
}
