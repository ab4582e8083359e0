use domain::access::Action;
use domain::catalog::{Import, ImportState, Kind};
use domain::policies::Policy;
use domain::signals::Signal;
use domain::texts::versions::TEXTS;
use domain::texts::{common, services};
use leptos::prelude::*;
use store::versions::Version;

use super::{may_edit, person, word};
use crate::pages::services::{mode_badge, severity_mark, threshold};
use crate::pages::ssr::read;
use crate::pages::ui::{Head, Table, Tone, badge, column, live, page, when_short};
use crate::pages::visit::texts;

/// More wait nowhere.
const MOST: i64 = 200;

#[component]
pub fn PoliciesPage() -> impl IntoView {
    list(Kind::Policy)
}

#[component]
pub fn SignalsPage() -> impl IntoView {
    list(Kind::Signal)
}

fn list(kind: Kind) -> AnyView {
    let t = texts(&TEXTS);
    let (title, lede, new) = match kind {
        Kind::Policy => (t.policies, t.policies_lede, t.new_policy),
        _ => (t.signals, t.signals_lede, t.new_signal),
    };
    page(title, async move {
        let (rows, waiting) = read(Action::Read, async |cx| {
            let rows = store::versions::in_force(&cx.db, kind).await?;
            Ok((rows, store::imports::waiting(&cx.db, MOST).await?))
        })
        .await?;
        let of = |name: &str| {
            let subject = format!("{}/{name}", word(kind));
            waiting.iter().filter(|it| is_about(it, &subject)).count()
        };
        let start = format!("{}/", word(kind));
        let all = waiting
            .iter()
            .filter(|it| it.edit.as_ref().is_some_and(|edit| edit.subject.starts_with(&start)));
        let all = all.count();
        let rows: Vec<_> = rows.iter().map(|it| row(kind, it, of(&it.name))).collect();
        let new = may_edit(kind).then(|| {
            view! { <a class="button" href=format!("/{}/new", word(kind))>{new}</a> }
        });
        Ok(view! {
            {live(format!("{} catalog-imports", word(kind)))}
            <Head title=title actions=new.into_any()>{lede(all)}</Head>
            <section class="panel" aria-label=title>
                <Table label=title heads=heads(kind)>{rows}</Table>
            </section>
        })
    })
}

fn is_about(import: &Import, subject: &str) -> bool {
    import.state == ImportState::AwaitingConsent
        && import.edit.as_ref().is_some_and(|it| it.subject == subject)
}

fn heads(kind: Kind) -> Vec<crate::pages::ui::Column> {
    let (t, s) = (texts(&TEXTS), texts(&services::TEXTS));
    let own = match kind {
        Kind::Policy => vec![column(s.mode), column(s.approvals).optional()],
        _ => vec![column(s.severity), column(s.fires).optional()],
    };
    let first = std::iter::once(column(texts(&common::TEXTS).name));
    let rest = [
        column(t.version).number(),
        column(t.in_force_since),
        column(t.written_by).optional(),
        column(t.put_in_force_by).optional(),
        column(texts(&common::TEXTS).reason).optional(),
    ];
    first.chain(own).chain(rest).collect()
}

fn row(kind: Kind, it: &Version, waiting: usize) -> AnyView {
    let t = texts(&TEXTS);
    let waits = (waiting > 0).then(|| view! { " " {badge(Tone::Warn, (t.waiting_of)(waiting))} });
    let author = it.author.as_deref().or(it.by.as_deref());
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/{}/{}", word(kind), it.name)>{it.name.clone()}</a> {waits}
            </th>
            {own(kind, it)}
            <td class="number">{it.version}</td>
            <td>{when_short(it.at)}</td>
            <td class="optional">{person(author, it.built_in)}</td>
            <td class="optional">{person(it.by.as_deref(), it.built_in)}</td>
            <td class="optional">{it.reason.clone()}</td>
        </tr>
    }
    .into_any()
}

/// What one wants to know of it at once.
fn own(kind: Kind, it: &Version) -> AnyView {
    let s = texts(&services::TEXTS);
    if kind == Kind::Policy {
        let policy = serde_json::from_value::<Policy>(it.definition.clone()).ok();
        let mode = policy.as_ref().map(|it| mode_badge(it.mode));
        let count = policy.map(|it| {
            let roles: Vec<&str> = it.approvals.roles.iter().map(|it| it.as_str()).collect();
            format!("{} · {}", it.approvals.count, (texts(&common::TEXTS).list)(&roles))
        });
        return view! { <td>{mode}</td> <td class="optional">{count}</td> }.into_any();
    }
    let signal = serde_json::from_value::<Signal>(it.definition.clone()).ok();
    let severity = signal.as_ref().map(|it| severity_mark(it.severity));
    let fires = signal.map(|it| format!("{} · {}", threshold(&it), (s.opens_what)(it.opens)));
    view! { <td>{severity}</td> <td class="optional">{fires}</td> }.into_any()
}
