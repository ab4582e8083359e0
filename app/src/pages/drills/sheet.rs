//! A drill on one sheet of paper, in the fields of the ledger (Glancy §4.2).

use domain::drills::Drill;
use domain::drills::ledger::{Cell, Column, Metric, Sheet, cells};
use domain::evidence::Evidence;
use domain::texts::drills::TEXTS;
use domain::texts::{ledger, time};
use leptos::prelude::*;

use super::{bound, measured, standing, tone_of};
use crate::pages::ui::{Tone, badge, facts, mark, when};
use crate::pages::visit::{texts, visit};

/// Everything of the ledger's row.
pub(super) fn sheet(drill: &Drill, files: &[Evidence]) -> AnyView {
    let (t, l) = (texts(&TEXTS), texts(&ledger::TEXTS));
    let (tone, word) = standing(drill);
    let row = cells(drill, files, Sheet { lang: visit().lang, zone: visit().zone });
    let text = |column: Column| {
        let index = Column::all().iter().position(|it| *it == column);
        match index.and_then(|it| row.get(it)) {
            Some(Cell::Text(text)) => Some(text.clone()),
            _ => None,
        }
    };
    let lines = |column: Column| match text(column) {
        Some(text) => {
            let lines = text.lines().map(|it| view! { <div>{it.to_owned()}</div> });
            lines.collect_view().into_any()
        }
        None => l.none.into_any(),
    };
    let people = [text(Column::Lead), text(Column::Participants)];
    let people = people.into_iter().flatten().collect::<Vec<_>>().join(" / ");
    let script = drill.script.as_deref().map(|it| format!("{it} "));
    let source = drill.imported_at.map(|_| view! { <small>{l.typed_in}</small> });
    let service = drill.service_name().to_owned();
    let pairs = vec![
        (t.scenario, view! { {script} {drill.scenario.clone()} }.into_any()),
        (t.drill_type, (t.type_of)(drill.kind).into_any()),
        (t.service, if service.is_empty() { l.none.into_any() } else { service.into_any() }),
        (l.people, if people.is_empty() { t.nobody.into_any() } else { people.into_any() }),
        (l.times, times(drill)),
        (t.closure, closure(drill)),
        (l.results, view! { {results(drill)} {source} }.into_any()),
        (t.evidence, lines(Column::Evidence)),
        (t.issues, lines(Column::Issues)),
        (t.actions, lines(Column::Actions)),
        (l.signature, signature(drill)),
    ];
    view! {
        <section class="panel sheet" aria-label=drill.number.clone()>
            <header>
                <h2>{drill.number.clone()}</h2>
                {badge(tone, word)}
            </header>
            <div class="body">{facts(pairs)}</div>
        </section>
    }
    .into_any()
}

fn times(drill: &Drill) -> AnyView {
    let t = texts(&TEXTS);
    match (drill.times.t0, drill.times.t1) {
        (Some(t0), t1) => {
            let t1 = t1.map(|it| view! { " – " {when(it)} });
            view! { {when(t0)} {t1} }.into_any()
        }
        (None, _) => view! { {t.planned_for} " " {when(drill.planned_at)} }.into_any(),
    }
}

fn closure(drill: &Drill) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let limit = (t.at_most)(&domain::texts::duration(lang, drill.closure_limit()));
    let took = drill.closure().map(|it| {
        let tone = if it > drill.closure_limit() { Tone::Bad } else { Tone::Ok };
        mark(tone, domain::texts::duration(lang, it))
    });
    view! { {took} " " {limit} }.into_any()
}

/// What every drill is measured by, and what else has a target or was measured.
fn results(drill: &Drill) -> AnyView {
    let (t, l) = (texts(&TEXTS), texts(&ledger::TEXTS));
    let own = Metric::ALL.iter().map(|it| it.as_str().to_owned());
    let targets = drill.targets.iter().map(|it| it.name.clone());
    let measurements = drill.measurements.iter().filter(|it| it.objective.is_none());
    let mut names: Vec<String> = Vec::new();
    for name in own.chain(targets).chain(measurements.map(|it| it.name.clone())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let rows: Vec<_> = names.iter().filter_map(|name| result(drill, name)).collect();
    if rows.is_empty() {
        return l.none.into_any();
    }
    view! {
        <table>
            <thead>
                <tr>
                    <th scope="col">{t.metric}</th>
                    <th scope="col" class="number">{t.measured}</th>
                    <th scope="col" class="number">{t.target}</th>
                    <th scope="col">{t.verdict}</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn result(drill: &Drill, name: &str) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let target = drill.targets.iter().find(|it| it.name == name);
    let value = drill.measurement(name);
    if target.is_none() && value.is_none() {
        return None;
    }
    let verdict = match value.and_then(|it| it.verdict) {
        Some(verdict) => Some(mark(tone_of(verdict), (t.verdict_of)(verdict))),
        None => target.map(|_| mark(Tone::Idle, t.not_measured)),
    };
    let row = view! {
        <tr>
            <th scope="row">{(t.metric_of)(name)}</th>
            <td class="number">{value.map(measured)}</td>
            <td class="number">{target.map(bound)}</td>
            <td>{verdict}</td>
        </tr>
    };
    Some(row.into_any())
}

fn signature(drill: &Drill) -> AnyView {
    let l = texts(&ledger::TEXTS);
    let Some(signed) = drill.state.sign_off() else {
        let reason = drill.state.reason().map(|it| format!(" {it}"));
        return view! { {l.unsigned} {reason} }.into_any();
    };
    let at = time(signed.at, &visit().zone);
    let note = (!signed.note.is_empty()).then(|| view! { <div>{signed.note.clone()}</div> });
    let due = texts(&TEXTS).retest_due;
    let retest = signed.retest_due.map(|it| view! { <div>{due} " " {when(it)}</div> });
    view! { {signed.by.clone()} " " {at} {note} {retest} }.into_any()
}
