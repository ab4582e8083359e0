//! Objectives against measurements.

use domain::drills::Drill;
use domain::drills::ledger::import::IMPORTED;
use domain::measurements::{Finding, Measurement, Target};
use domain::texts::drills::TEXTS;
use domain::texts::{ledger, measurements, time};
use leptos::prelude::*;

use super::{bound_by, found, measured, times, tone_of};
use crate::pages::ui::{Panel, Table, Tone, column, empty, mark};
use crate::pages::visit::{texts, visit};

/// Every target, measured or not, and then what was measured beside.
pub(super) fn objectives(drill: &Drill) -> AnyView {
    let t = texts(&TEXTS);
    let with_target = drill.targets.iter().map(|it| (Some(it), drill.measurement(&it.name)));
    let aimed = |name: &str| drill.targets.iter().any(|it| it.name == name);
    // An objective judges for itself, whatever the drill's own target is.
    let beside = drill.measurements.iter().filter(|it| it.objective.is_some() || !aimed(&it.name));
    let both = with_target.chain(beside.map(|it| (None, Some(it))));
    let rows: Vec<_> = both.map(|it| row(drill, it)).collect();
    let content = match rows.is_empty() {
        true => empty(t.not_measured),
        false => {
            let heads = vec![
                column(t.metric),
                column(t.target).number(),
                column(t.measured).number(),
                column(t.verdict),
                column(t.how).optional(),
            ];
            view! { <Table label=t.objectives heads=heads>{rows}</Table> }.into_any()
        }
    };
    view! {
        <Panel id="objectives" title=t.objectives>
            {content}
        </Panel>
    }
    .into_any()
}

fn row(drill: &Drill, (target, value): (Option<&Target>, Option<&Measurement>)) -> AnyView {
    let t = texts(&TEXTS);
    let name = target.map(|it| &it.name).or(value.map(|it| &it.name));
    let name = name.map(|it| (t.metric_of)(it));
    let verdict = match (target, value.and_then(|it| it.verdict)) {
        (Some(_), None) => Some(mark(Tone::Idle, t.not_measured)),
        (None, None) => None,
        (_, Some(verdict)) => Some(mark(tone_of(verdict), (t.verdict_of)(verdict))),
    };
    let why = found(value).and_then(|it| match (it, target) {
        (Finding::Value { baseline: Some(it), .. }, Some(target)) => Some(times(target, &it)),
        (it, _) => measurements::finding(visit().lang, &it),
    });
    let later = match (target, value) {
        (Some(target), None) => later(drill, target),
        _ => None,
    };
    let why = why.or(later).map(|it| view! { <small>{it}</small> });
    let instruction = target.and_then(|it| it.measure.as_ref());
    let by = instruction.map(|it| measurements::how(visit().lang, it));
    let asked = instruction.filter(|_| value.is_none());
    let asked = asked.map(|it| view! { <code>{it.query.clone()}</code> });
    let how = value.map(|it| {
        let query = it.query.clone().map(|it| view! { <code>{it}</code> });
        let judge = it.objective.as_ref().map(|it| {
            let href = format!("/objectives/{}", it.name);
            view! { " " <a href=href>{it.name.clone()}</a> }
        });
        view! { {source(&it.source)} {judge} " " {query} }
    });
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td class="number">{target.map(|it| bound_by(it, value))}</td>
            <td class="number"><b>{value.map(measured)}</b></td>
            <td>{verdict} {why}</td>
            <td class="optional">{how} " " {asked} {by.map(|it| view! { <small>{it}</small> })}</td>
        </tr>
    }
    .into_any()
}

/// When a query will be asked, of a drill that is not over.
fn later(drill: &Drill, target: &Target) -> Option<String> {
    let t = texts(&TEXTS);
    target.measure.as_ref()?;
    if drill.state.is_over() {
        return None;
    }
    let at = drill.window_of(target).map(|it| time(it.to, &visit().zone));
    Some(at.map_or_else(|| t.measured_later.to_owned(), |at| (t.measured_at)(&at)))
}

/// Whose clock it was, in the reader's language and with the way to it.
fn source(source: &str) -> AnyView {
    let t = texts(&TEXTS);
    if let Some(number) = source.strip_prefix("rollback ") {
        let href = format!("/rollbacks/{number}");
        return view! { {t.rollback} " " <a href=href>{number.to_owned()}</a> }.into_any();
    }
    if source == IMPORTED {
        return texts(&ledger::TEXTS).typed_in.into_any();
    }
    match source.strip_prefix("recorded by ") {
        Some(by) => (t.recorded_by)(by.split_once(':').map_or(by, |(_, name)| name)).into_any(),
        None => source.to_owned().into_any(),
    }
}
