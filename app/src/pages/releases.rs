//! A Helm release on the pages of what belongs to it: its history, what differs between two revisions, and that a
//! workload drifts from it.

use domain::changes::Item;
use domain::releases::{Difference, Drift, Hook, Release, Revision, Status, What, differences};
use domain::texts::releases::TEXTS;
use leptos::prelude::*;
use serde_json::Value;

use super::ui::{Line, Panel, Table, Tone, badge, column, diff, empty, mark, when_short};
use super::visit::texts;

/// How many lines of a difference are shown.
const MOST_LINES: usize = 400;

/// The history, newest first, and what going back to each would change.
pub(super) fn panel(release: &Release, drift: Option<&Drift>) -> AnyView {
    let t = texts(&TEXTS);
    let title = format!("{} · {}", t.title, release.name);
    let heads = vec![
        column(t.revision),
        column(t.status),
        column(t.verdict),
        column(t.chart),
        column(t.app_version).optional(),
        column(t.deployed).optional(),
        column(t.description).optional(),
    ];
    let rows = release.revisions.iter().map(|it| row(release, it)).collect_view();
    let warning = drift.map(|it| view! { <p>{mark(Tone::Warn, (t.drifts)(it))}</p> });
    let going_back = release
        .current()
        .map(|current| release.earlier().map(|it| going_back(current, it)).collect_view());
    view! {
        <Panel id="release" title=title note=view! { <small>{t.note}</small> }.into_any()>
            {warning.map(|it| view! { <div class="body">{it}</div> })}
            <Table label=t.title heads>{rows}</Table>
            <div class="body">{going_back}</div>
        </Panel>
    }
    .into_any()
}

/// Where the workload is Helm's and nobody reads its records.
pub(super) fn not_read(name: &str, namespace: &str) -> AnyView {
    let t = texts(&TEXTS);
    let title = format!("{} · {name}", t.title);
    let why = empty((t.not_read)(namespace));
    view! { <Panel id="release" title=title>{why}</Panel> }.into_any()
}

fn row(release: &Release, it: &Revision) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let current = release.current().is_some_and(|newest| newest.revision == it.revision);
    let tone = match it.status {
        Status::Deployed => Tone::Ok,
        Status::Failed => Tone::Bad,
        status if status.is_pending() => Tone::Warn,
        _ => Tone::Idle,
    };
    let said = match &it.unreadable {
        Some(why) => format!("{}: {why}", t.unreadable),
        None => it.description.clone(),
    };
    let hooks: Vec<&Hook> = it.hooks.iter().filter(|it| it.runs_at_rollback()).collect();
    let hooks = (!hooks.is_empty() && !current).then(|| {
        let names: Vec<_> = hooks.iter().map(|it| format!("{}/{}", it.kind, it.name)).collect();
        mark(Tone::Warn, format!("{}: {}", t.runs_hooks, names.join(", ")))
    });
    let verdict = super::workloads::verdict(release.verdict(it));
    view! {
        <tr aria-current=current.then_some("true")>
            <th scope="row">
                {it.revision} " " {current.then(|| mark(Tone::Live, t.is_current))}
            </th>
            <td>{badge(tone, (t.status_of)(it.status))}</td>
            <td>{verdict} " " {hooks}</td>
            <td>{format!("{} {}", it.chart, it.chart_version)}</td>
            <td class="optional">{it.app_version.clone()}</td>
            <td class="optional">{it.last_deployed.map(when_short)}</td>
            <td class="optional"><small>{said}</small></td>
        </tr>
    }
}

fn going_back(current: &Revision, to: &Revision) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let title = (t.difference)(current.revision, to.revision);
    view! {
        <details>
            <summary>{title.clone()}</summary>
            {difference(&title, current, to)}
        </details>
    }
}

/// What going from one revision to another changes, as lines.
pub(super) fn difference(title: &str, from: &Revision, to: &Revision) -> AnyView {
    let t = texts(&TEXTS);
    let told = differences(from, to);
    let values = (from.values_digest != to.values_digest).then_some(t.values_changed);
    if told.is_empty() {
        return view! { {empty(t.no_difference)} <p>{values}</p> }.into_any();
    }
    let mut lines: Vec<Line> = told.iter().flat_map(lines_of).collect();
    let more = lines.len() > MOST_LINES;
    lines.truncate(MOST_LINES);
    view! {
        {diff(title, lines)}
        <p><small>{t.hidden} " " {values} {more.then_some(" …")}</small></p>
    }
    .into_any()
}

fn lines_of(it: &Difference) -> Vec<Line> {
    let t = texts(&TEXTS);
    let mut lines = vec![Line::Of(format!("{} · {}", it.object, (t.what_of)(it.what)))];
    match it.what {
        What::Created => lines.push(Line::Added(it.object.clone())),
        What::Removed => lines.push(Line::Removed(it.object.clone())),
        What::Changed => lines.extend(it.items.iter().flat_map(lines_of_item)),
    }
    lines
}

fn lines_of_item(it: &Item) -> Vec<Line> {
    let mut lines = vec![Line::Same(it.path.clone())];
    lines.extend(it.old.as_ref().map(|it| Line::Removed(text(it))));
    lines.extend(it.new.as_ref().map(|it| Line::Added(text(it))));
    lines
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
