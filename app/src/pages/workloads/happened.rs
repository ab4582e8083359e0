//! What was done to a workload, and what happened to it.

use domain::changes::{Change, ChangeKind, Item, Part};
use domain::texts::{common, workloads::TEXTS};
use domain::workloads::Event;
use leptos::prelude::*;
use serde_json::Value;

use super::detail::Shown;
use crate::pages::ui::{Panel, Table, Tone, badge, column, command, empty, mark, when_short};
use crate::pages::visit::texts;

pub(super) fn changes(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    if shown.changes.is_empty() {
        return view! { <Panel id="changes" title=t.changes>{empty(t.no_changes)}</Panel> }
            .into_any();
    }
    let heads = vec![column(texts(&common::TEXTS).at), column(t.changes), column(t.what)];
    let rows = shown.changes.iter().map(change).collect_view();
    view! {
        <Panel id="changes" title=t.changes>
            <Table label=t.changes heads>{rows}</Table>
        </Panel>
    }
    .into_any()
}

fn change(it: &Change) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let weight = match it.material {
        true => mark(Tone::Live, t.material),
        false => mark(Tone::Idle, t.not_material),
    };
    let numbers = match (&it.from, &it.to) {
        (Some(from), Some(to)) if from.revision != to.revision => {
            Some(format!("{} → {}", from.revision, to.revision))
        }
        _ => None,
    };
    view! {
        <tr>
            <th scope="row">{when_short(it.at)}</th>
            <td>{badge(Tone::Idle, (t.change_of)(it.kind))} " " {numbers} " " {weight}</td>
            <td>{what(it)}</td>
        </tr>
    }
}

/// Images and numbers word for word, for they tell releases apart; of everything else the part's name.
fn what(change: &Change) -> String {
    let t = texts(&TEXTS);
    if change.kind == ChangeKind::Config {
        return (t.part_of)(Part::Config).to_owned();
    }
    let (told, named): (Vec<&Item>, Vec<&Item>) = change
        .items
        .iter()
        .partition(|it| matches!(it.part, Part::Image | Part::Replicas | Part::Migration));
    let mut words: Vec<String> = told
        .into_iter()
        .map(|it| format!("{} → {}", plain(it.old.as_ref()), plain(it.new.as_ref())))
        .collect();
    let parts: std::collections::BTreeSet<Part> = named.into_iter().map(|it| it.part).collect();
    words.extend(parts.into_iter().map(|it| (t.part_of)(it).to_owned()));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    (texts(&common::TEXTS).list)(&words)
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

pub(super) fn events(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    if shown.events.is_empty() {
        return view! { <Panel id="events" title=t.events>{empty(t.no_events)}</Panel> }.into_any();
    }
    let heads = vec![
        column(texts(&common::TEXTS).at),
        column(texts(&common::TEXTS).reason),
        column(t.message),
        column(t.object).optional(),
        column(t.count).number().optional(),
    ];
    let rows = shown.events.iter().map(event).collect_view();
    view! {
        <Panel id="events" title=t.events>
            <Table label=t.events heads>{rows}</Table>
        </Panel>
    }
    .into_any()
}

fn event(it: &Event) -> impl IntoView + use<> {
    let tone = if it.warning { Tone::Warn } else { Tone::Idle };
    view! {
        <tr>
            <th scope="row">{when_short(it.last_at)}</th>
            <td>{mark(tone, &it.reason)}</td>
            <td>{it.message.clone()}</td>
            <td class="optional">{it.object.clone()}</td>
            <td class="number optional">{it.count}</td>
        </tr>
    }
}

pub(super) fn logs(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    if shown.logs.is_empty() {
        return ().into_any();
    }
    let log = |it: &store::pods::Log| {
        let lines = match &it.lines {
            Ok(lines) => command(lines),
            Err(why) => view! { <p>{(t.no_log)(why)}</p> }.into_any(),
        };
        view! { <h3>{it.pod.clone()} " / " {it.container.clone()} " " {when_short(it.at)}</h3> {lines} }
    };
    let logs = shown.logs.iter().map(log).collect_view();
    view! {
        <Panel id="logs" title=t.logs note=view! { <small>{t.logs_note}</small> }.into_any()>
            <div class="body">{logs}</div>
        </Panel>
    }
    .into_any()
}
