//! What the reader can do next: fix, draw, record, accept, or give up.

use domain::spot_checks::results::Outcome;
use domain::spot_checks::{Refusal, SpotCheck, State, SubjectKind};
use domain::texts::spot_checks::TEXTS;
use leptos::prelude::*;

use super::actions::{AcceptSpotCheck, CancelSpotCheck, DrawSample, FixPopulation, RecordResults};
use super::bound;
use super::detail::Shown;
use crate::pages::ui::{
    Button, Check, Input, Panel, Sent, Table, Tone, blocked, checklist, column, form, hidden, mark,
    stopwatch, submit,
};
use crate::pages::visit::{texts, visit};

/// As long as its results are to come.
pub(super) fn next(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let check = &shown.check;
    if !check.state.is_open() || !shown.may.record {
        return None;
    }
    let content = match &check.state {
        State::Planned => population(check),
        State::Populated => draw(check),
        _ => results(check),
    };
    let cancel = cancel(check);
    Some(
        view! {
            <Panel id="next" title=t.next tone=Tone::Live>
                <div class="body">{content} {cancel}</div>
            </Panel>
        }
        .into_any(),
    )
}

fn cancel(check: &SpotCheck) -> AnyView {
    let t = texts(&TEXTS);
    let fields = form::<CancelSpotCheck, _>(check.number.clone(), |sent| {
        Some(view! {
            {sent.field(Input::text("reason", t.cancel_note).required())}
            {submit(Button::Danger, t.cancel)}
        })
    });
    view! {
        <details>
            <summary>{t.cancel}</summary>
            {fields}
        </details>
    }
    .into_any()
}

/// The fields that fit its kind; which form was sent says `source`.
fn population(check: &SpotCheck) -> AnyView {
    let t = texts(&TEXTS);
    let of_drills = check.kind == SubjectKind::Drill;
    let sources: Vec<(&str, &str)> = match check.kind {
        SubjectKind::Drill => vec![("drills", t.by_drills)],
        SubjectKind::Backup => vec![("window", t.by_window), ("list", t.by_list)],
        _ => vec![("list", t.by_list), ("window", t.by_window)],
    };
    let offset = domain::texts::offset(visit().now, &visit().zone);
    let fields = form::<FixPopulation, _>(check.number.clone(), |sent| {
        let window =
            (!of_drills).then(|| sent.field(Input::number("step_min", t.step_min).value(60)));
        let list =
            (!of_drills).then(|| sent.field(Input::area("items", t.items).hint(t.items_note)));
        let source = match sources.len() {
            1 => hidden("source", sources[0].0),
            _ => sent.field(Input::select("source", t.source, sources)),
        };
        Some(view! {
            {source}
            {list}
            {sent.field(Input::moment("from", t.from).hint(offset.clone()))}
            {sent.field(Input::moment("to", t.to).hint(offset))}
            {window}
            {submit(Button::Deciding, t.fix)}
        })
    });
    view! {
        <p>{t.population_note}</p>
        {fields}
    }
    .into_any()
}

fn draw(check: &SpotCheck) -> AnyView {
    let t = texts(&TEXTS);
    form::<DrawSample, _>(check.number.clone(), |_| {
        Some(view! {
            <p>{t.draw_note}</p>
            {submit(Button::Deciding, t.draw)}
        })
    })
}

fn results(check: &SpotCheck) -> AnyView {
    let t = texts(&TEXTS);
    let draw = check.draw.as_ref();
    let sample = draw.map(|it| it.sample.clone()).unwrap_or_default();
    let clock = draw.zip(check.closure_limit()).map(|(draw, limit)| {
        let said = (t.at_most)(&domain::texts::duration(visit().lang, limit));
        stopwatch(draw.at, limit, limit * 3 / 4, t.closure, said, true)
    });
    let fields = form::<RecordResults, _>(check.number.clone(), |sent| {
        let items = sample.iter().enumerate().map(|(n, id)| item(sent, check.kind, n, id));
        let items: Vec<_> = items.collect();
        let heads = vec![column(t.sample), column(t.outcome), column(t.item_note)];
        let asked = check.checks.iter().filter(|it| !it.name.is_measured());
        let values = asked.enumerate().map(|(n, it)| {
            let label = format!("{} ({})", (t.check_of)(it.name), bound(it.name, it.limit));
            view! {
                {line(sent, format!("values[{n}]"), label)}
                {line(sent, format!("skipped[{n}]"), t.skip_why.to_owned())}
            }
        });
        Some(view! {
            <Table label=t.results heads=heads>
                {items}
            </Table>
            {values.collect_view()}
            {sent.field(Input::area("note", t.note))}
            {submit(Button::Deciding, t.record)}
        })
    });
    view! {
        {clock}
        <p>{t.results_note}</p>
        {fields}
    }
    .into_any()
}

/// One drawn item: what became of it, and why.
fn item(sent: &Sent, kind: SubjectKind, n: usize, id: &str) -> AnyView {
    let t = texts(&TEXTS);
    let (name, note) = (format!("outcomes[{n}]"), format!("notes[{n}]"));
    let typed = sent.typed(&name);
    let fits = |it: &&Outcome| **it != Outcome::Compensated || kind.may_be_compensated();
    let options = Outcome::ALL.iter().filter(fits).map(|it| {
        let chosen = typed.as_deref().unwrap_or("passed") == it.as_str();
        view! { <option value=it.as_str() selected=chosen>{(t.outcome_of)(*it)}</option> }
    });
    let wrong = problem(sent, &name);
    let unexplained = problem(sent, &note);
    let invalid = unexplained.as_ref().map(|_| "true");
    view! {
        <tr>
            <th scope="row">{id.to_owned()}</th>
            <td>
                <select name=name aria-label=format!("{} {id}", t.outcome)>
                    {options.collect_view()}
                </select>
                {wrong}
            </td>
            <td>
                <input
                    type="text"
                    autocomplete="off"
                    aria-label=format!("{} {id}", t.item_note)
                    value=sent.typed(&note).unwrap_or_default()
                    name=note
                    aria-invalid=invalid
                />
                {unexplained}
            </td>
        </tr>
    }
    .into_any()
}

/// One line whose name has its place in it.
fn line(sent: &Sent, name: String, label: String) -> AnyView {
    let place = format!("results-{}", name.replace(['[', ']'], "-"));
    let problem = problem(sent, &name);
    let invalid = problem.as_ref().map(|_| "true");
    view! {
        <div class="field">
            <label for=place.clone()>{label}</label>
            <input
                id=place
                type="text"
                autocomplete="off"
                value=sent.typed(&name).unwrap_or_default()
                name=name
                aria-invalid=invalid
            />
            {problem}
        </div>
    }
    .into_any()
}

fn problem(sent: &Sent, name: &str) -> Option<AnyView> {
    sent.problem(name).map(|it| view! { <p>{mark(Tone::Bad, it)}</p> }.into_any())
}

/// The signature of the PMO, with what stands in its way.
pub(super) fn acceptance(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    if shown.check.state != State::Recorded {
        return None;
    }
    let refused = |it: Refusal| (t.refused)(it).to_owned();
    let mark = |holds: bool, what: String| Check {
        tone: if holds { Tone::Ok } else { Tone::Bad },
        what,
        why: None,
    };
    let own = shown.against == Some(Refusal::OwnRecord);
    let rules = checklist([
        mark(!own, t.accept_rule.to_owned()),
        mark(
            !shown.files.is_empty(),
            match shown.files.is_empty() {
                true => refused(Refusal::NoEvidence),
                false => texts(&domain::texts::drills::TEXTS).met.evidence.to_owned(),
            },
        ),
    ]);
    let act = match (shown.may.accept, shown.against) {
        (false, _) => view! { <p>{t.only_pmo}</p> }.into_any(),
        (true, Some(it)) => view! {
            <p id="accept-why">{refused(it)}</p>
            {blocked(Button::Deciding, t.accept_sign, "accept-why")}
        }
        .into_any(),
        (true, None) => form::<AcceptSpotCheck, _>(shown.check.number.clone(), |sent| {
            Some(view! {
                {sent.field(Input::area("note", t.accept_note))}
                {submit(Button::Deciding, t.accept_sign)}
            })
        }),
    };
    Some(
        view! {
            <Panel id="acceptance" title=t.accept tone=Tone::Warn>
                <div class="body">{rules} {act}</div>
            </Panel>
        }
        .into_any(),
    )
}
