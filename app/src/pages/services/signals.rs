//! The signals that can open something for a service.

use chrono::TimeDelta;
use domain::catalog::Stored;
use domain::ids::SignalId;
use domain::policies::Policy;
use domain::signals::{Severity, Signal, Source};
use domain::texts::{common, duration, number, percent, services, versions};
use leptos::prelude::*;

use super::detail::sign;
use crate::pages::ui::{Panel, Table, Tone, column, mark, number_of};
use crate::pages::visit::{texts, visit};

/// `policy` marks those that are automatic whatever the confidence.
pub(in crate::pages) fn signals_panel(
    signals: &[Stored<SignalId, Signal>],
    policy: Option<&Policy>,
) -> AnyView {
    let t = texts(&services::TEXTS);
    let common = texts(&common::TEXTS);
    let heads = vec![
        column(common.name),
        column(t.severity),
        column(t.fires).number(),
        column(t.lasting),
        column(t.baseline).number().optional(),
        column(t.ceiling).number().optional(),
        column(t.confirmed_by).optional(),
        column(t.opens),
    ];
    let rows = signals.iter().map(|it| row(it, policy)).collect_view();
    view! {
        <Panel id="signals" title=t.signals badge=number_of(signals.len(), None)>
            <Table label=t.signals heads>
                {rows}
            </Table>
        </Panel>
    }
    .into_any()
}

pub(in crate::pages) fn severity_mark(severity: Severity) -> AnyView {
    let tone = match severity {
        Severity::Info => Tone::Idle,
        Severity::Warning => Tone::Warn,
        Severity::Critical | Severity::Emergency => Tone::Bad,
    };
    mark(tone, (texts(&services::TEXTS).severity_of)(severity))
}

/// When it fires: `> 5 %`.
pub(in crate::pages) fn threshold(signal: &Signal) -> String {
    format!("{} {}", sign(signal.comparison), value(signal, signal.limit))
}

fn row(signal: &Signal, policy: Option<&Policy>) -> impl IntoView + use<> {
    let t = texts(&services::TEXTS);
    let lasting = match signal.for_s {
        0 => t.at_once.to_owned(),
        seconds => duration(visit().lang, TimeDelta::seconds(i64::from(seconds))),
    };
    let always = policy.is_some_and(|it| it.automatic_rules.contains(&signal.name));
    let href = format!("/signals/{}", signal.name);
    let name = view! { <a href=href>{signal.name.clone()}</a> };
    let runbook = signal.runbook.clone().map(|it| {
        view! { " " <a href=it><small>{texts(&versions::TEXTS).runbook}</small></a> }
    });
    view! {
        <tr>
            <th scope="row">
                {name} {runbook} {always.then(|| view! { <small>{t.automatic_rules}</small> })}
            </th>
            <td>{severity_mark(signal.severity)}</td>
            <td class="number">{threshold(signal)}</td>
            <td>{lasting}</td>
            <td class="number optional">{value(signal, signal.baseline)}</td>
            <td class="number optional">{value(signal, signal.ceiling)}</td>
            <td class="optional">{confirmed_by(&signal.source)}</td>
            <td>{(t.opens_what)(signal.opens)}</td>
        </tr>
    }
}

/// With its unit: 5 %, 0.5 seconds.
fn value(signal: &Signal, value: f64) -> String {
    match signal.unit.as_str() {
        "ratio" => percent(value),
        "seconds" => format!("{} s", number(value)),
        unit => format!("{} {unit}", number(value)),
    }
}

fn confirmed_by(source: &Source) -> AnyView {
    let t = texts(&services::TEXTS);
    match source {
        Source::Watch(watch) => (t.by_watch)(*watch).into_any(),
        Source::None => t.by_person.into_any(),
        Source::Value { value } => query(t.by_promql, value.clone()),
        Source::Ratio { numerator, denominator } => {
            query(t.by_promql, format!("{numerator}\n/ {denominator}"))
        }
    }
}

/// Long queries stay folded.
fn query(label: &'static str, text: String) -> AnyView {
    view! {
        <details>
            <summary>{label}</summary>
            <code>{text}</code>
        </details>
    }
    .into_any()
}
