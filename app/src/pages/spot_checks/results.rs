//! What was found, and why that is its verdict.

use domain::spot_checks::SpotCheck;
use domain::spot_checks::results::{Line, Outcome};
use domain::texts::spot_checks::TEXTS;
use leptos::prelude::*;

use super::{bound, quantity};
use crate::pages::drills::tone_of;
use crate::pages::ui::{Check, Panel, Tone, badge, checklist, empty, mark};
use crate::pages::visit::texts;

pub(super) fn panel(check: &SpotCheck) -> AnyView {
    let t = texts(&TEXTS);
    let verdict = check.verdict().map(|it| badge(tone_of(it), (t.verdict_of)(it)));
    let findings = check.findings();
    let content = match findings.is_empty() {
        true => view! { {asked(check)} {empty(t.no_verdict)} }.into_any(),
        false => checklist(findings.into_iter().map(|it| finding(check, it))),
    };
    let note = check.record.as_ref().map(|it| it.results.note.clone());
    let note = note.filter(|it| !it.is_empty()).map(|it| view! { <p>{it}</p> });
    let badge = verdict.unwrap_or_else(|| ().into_any());
    view! {
        <Panel id="judgement" title=t.judgement badge=badge>
            <div class="body">{content} {note}</div>
        </Panel>
    }
    .into_any()
}

/// What will be asked, before anything was found.
fn asked(check: &SpotCheck) -> AnyView {
    let t = texts(&TEXTS);
    checklist(check.checks.iter().map(|it| {
        let proves = it.name.proves_data().then_some(t.proves_data);
        let limit = bound(it.name, it.limit);
        let what = format!("{} {limit}", (t.check_of)(it.name));
        Check { tone: Tone::Idle, what, why: proves.map(IntoAny::into_any) }
    }))
}

fn finding(check: &SpotCheck, it: domain::spot_checks::results::Finding) -> Check {
    let t = texts(&TEXTS);
    let tone = tone_of(it.verdict);
    let word = (t.verdict_of)(it.verdict);
    let (what, why) = match it.what {
        Line::Check(name) => {
            let limit = check.checks.iter().find(|it| it.name == name).map(|it| it.limit);
            let limit = limit.map(|it| bound(name, it)).unwrap_or_default();
            let found = check.record.as_ref().and_then(|it| it.results.value(name));
            let value = found.and_then(|it| it.value).map(|it| quantity(name, it));
            let skipped = found.and_then(|it| it.skipped.as_deref()).map(t.skipped_because);
            let found = value.or(skipped).unwrap_or_default();
            let proves = name.proves_data().then(|| format!(" · {}", t.proves_data));
            let what = format!("{}: {found}", (t.check_of)(name));
            (what, format!("{limit}{} · {word}", proves.unwrap_or_default()))
        }
        line => ((t.line_of)(line).to_owned(), word.to_owned()),
    };
    Check { tone, what, why: Some(why.into_any()) }
}

pub(super) fn outcome(it: Outcome) -> AnyView {
    let tone = match it {
        Outcome::Passed => Tone::Ok,
        Outcome::Compensated => Tone::Warn,
        Outcome::Failed => Tone::Bad,
        Outcome::Skipped => Tone::Idle,
    };
    mark(tone, (texts(&TEXTS).outcome_of)(it))
}
