//! Objectives: the matrix, and one domain with its documents, measurements and history.

pub mod actions;
pub mod detail;
pub mod list;

use domain::measurements::{Measurement, Target};
use domain::objectives::{Dated, Finding};
use domain::texts::{measurements, objectives};
use domain::verdict::Verdict;
use leptos::prelude::*;
use store::measurements::Kept;

use super::ui::{Tone, mark, when_short};
use super::visit::{texts, visit};

fn tone_of(verdict: Option<Verdict>) -> Tone {
    match verdict {
        Some(Verdict::Pass) => Tone::Ok,
        Some(Verdict::Fail) => Tone::Bad,
        Some(Verdict::Unknown) => Tone::Warn,
        None => Tone::Idle,
    }
}

/// A value with its verdict; without one where nothing is asked of it.
fn attained(it: &Measurement) -> AnyView {
    let value = measurements::measured(visit().lang, it);
    let word = it.verdict.map(texts(&measurements::TEXTS).verdict_of);
    let said = match word {
        Some(word) => format!("{value} {word}"),
        None => value,
    };
    mark(tone_of(it.verdict), said)
}

/// What measuring came to, in the reader's language.
fn finding(it: &Measurement) -> Option<String> {
    let finding = it.result.as_ref().and_then(Finding::of_value)?;
    Some((texts(&objectives::TEXTS).finding)(&finding))
}

/// The newest value of each name, with its moment.
fn latest(dated: &Dated, all: &[Kept]) -> AnyView {
    let own = all
        .iter()
        .map(|it| &it.measurement)
        .filter(|it| it.objective.as_ref().is_some_and(|judge| judge.name == dated.objective.name));
    let names = texts(&measurements::TEXTS);
    let line = |it: &Measurement| {
        view! {
            <div title=finding(it)>
                {(names.name_of)(&it.name)} " " {attained(it)} " " <small>{when_short(it.at)}</small>
            </div>
        }
    };
    let lines: Vec<_> = own.map(line).collect();
    match lines.is_empty() {
        true => mark(Tone::Idle, texts(&objectives::TEXTS).never_measured),
        false => lines.into_any(),
    }
}

fn targets<'a>(targets: impl IntoIterator<Item = &'a Target>) -> AnyView {
    let names = texts(&measurements::TEXTS);
    let line = |it: &Target| {
        let bound = measurements::bound(visit().lang, it);
        view! { <div>{(names.name_of)(&it.name)} " " {bound}</div> }
    };
    targets.into_iter().map(line).collect_view().into_any()
}
