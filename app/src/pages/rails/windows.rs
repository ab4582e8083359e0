//! Maintenance windows and freezes: those that people have set, and those of the policies that run now.

use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::texts::windows::TEXTS;
use domain::windows::{Kind, Window};
use leptos::prelude::*;

use super::actions::{EndWindow, SetWindow};
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ui::{
    Button, Input, Panel, Table, Tone, badge, column, dialog, empty, submit, when_short,
};
use crate::pages::visit::texts;

pub(super) struct Shown {
    set: Vec<Window>,
    /// Name of the policy, kind, name, and when it ends.
    again: Vec<(String, Kind, String, DateTime<Utc>)>,
    now: DateTime<Utc>,
    may_set: bool,
    may_end: bool,
}

pub(super) async fn load(cx: &Context) -> Result<Shown, Error> {
    let policies = store::policies::list(&cx.db).await?;
    let again = policies.iter().flat_map(|policy| {
        policy.entry.windows.iter().filter_map(|it| {
            let running = it.running(cx.now)?;
            Some((policy.entry.name.clone(), it.kind, it.name.clone(), running.to))
        })
    });
    Ok(Shown {
        again: again.collect(),
        set: store::windows::list(&cx.db, cx.now).await?,
        now: cx.now,
        may_set: cx.caller.may_somewhere(Action::KillSwitchOn, cx.now),
        may_end: cx.caller.may_somewhere(Action::WaiveRail, cx.now),
    })
}

pub(super) fn panel(shown: &Shown) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let heads = vec![
        column(t.kind),
        column(t.scope),
        column(t.from).optional(),
        column(t.to),
        column(t.by).optional(),
        column(t.act),
    ];
    let content = match shown.set.is_empty() && shown.again.is_empty() {
        true => empty(t.none),
        false => {
            let again = shown.again.iter().map(of_policy);
            let rows: Vec<_> = again.chain(shown.set.iter().map(|it| row(shown, it))).collect();
            view! { <Table label=t.title heads>{rows}</Table> }.into_any()
        }
    };
    let set = shown.may_set.then(|| {
        dialog::<SetWindow, _>(
            "",
            t.set_question,
            (Button::Plain, t.set),
            |sent| {
                let kinds = Kind::ALL.iter().map(|it| (it.as_str(), (t.kind_of)(*it)));
                view! {
                    {sent.field(Input::select("kind", t.kind, kinds).required())}
                    {sent.field(Input::text("scope", t.scope).value("global").hint(t.scope_hint).required())}
                    {sent.field(Input::moment("from", t.from).hint(t.from_hint))}
                    {sent.field(Input::moment("to", t.to).required())}
                    {sent.field(Input::text("reason", t.reason).required())}
                }
            },
            submit(Button::Primary, t.set_now),
        )
    });
    view! {
        <Panel id="windows" title=t.title note=view! { <small>{t.note}</small> }.into_any()>
            {content}
            <div class="body">{set}</div>
        </Panel>
    }
}

fn of_policy((policy, kind, name, to): &(String, Kind, String, DateTime<Utc>)) -> AnyView {
    let t = texts(&TEXTS);
    view! {
        <tr>
            <th scope="row">{badge(Tone::Live, (t.kind_of)(*kind))} " " <small>{t.running}</small></th>
            <td>{(t.of_policy)(policy)} " " <small>{name.clone()}</small></td>
            <td class="optional"></td>
            <td>{when_short(*to)}</td>
            <td class="optional"></td>
            <td></td>
        </tr>
    }
    .into_any()
}

fn row(shown: &Shown, it: &Window) -> AnyView {
    let t = texts(&TEXTS);
    let (tone, state) = match it.is_running(shown.now) {
        true => (Tone::Live, t.running),
        false => (Tone::Idle, t.to_come),
    };
    let end = shown.may_end.then(|| {
        dialog::<EndWindow, _>(
            it.id,
            t.end_question,
            (Button::Plain, t.end),
            |sent| view! { {sent.field(Input::text("reason", t.reason).required())} },
            submit(Button::Primary, t.end),
        )
    });
    view! {
        <tr>
            <th scope="row">{badge(tone, (t.kind_of)(it.kind))} " " <small>{state}</small></th>
            <td>{it.scope.to_string()} " " <small>{it.reason.clone()}</small></td>
            <td class="optional">{when_short(it.from)}</td>
            <td>{when_short(it.to)}</td>
            <td class="optional">{it.set_by_name.clone()}</td>
            <td>{end}</td>
        </tr>
    }
    .into_any()
}
