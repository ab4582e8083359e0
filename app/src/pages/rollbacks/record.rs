//! The record of a decision, rule by rule.

use domain::decisions::{Decision, RuleKind, RuleRecord};
use domain::texts::Lang;
use domain::texts::rollbacks::TEXTS;
use domain::verdict::Verdict;
use leptos::prelude::*;

use crate::pages::ui::{Panel, Table, Tone, badge, column, mark};
use crate::pages::visit::{texts, visit};

pub fn panel(decision: &Decision) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let outcome = decision.outcome.text(lang).name;
    let tone = match decision.against().next() {
        Some(_) => Tone::Warn,
        None => Tone::Ok,
    };
    let note = (t.confidence)(decision.score, decision.confidence);
    let note = view! { <small>{note}</small> }.into_any();
    let of = |kind: RuleKind, title: &'static str| part(decision, kind, title);
    let parts = (
        of(RuleKind::Trigger, t.triggers),
        of(RuleKind::Gate, t.gates),
        of(RuleKind::Rail, t.rails),
        of(RuleKind::Score, t.scores),
    );
    let remedy =
        format!("{} → {}", decision.cause.text(lang).name, decision.strategy.text(lang).name);
    view! {
        <Panel id="rules" title=t.rules badge=badge(tone, outcome) note=note>
            <p class="body">{remedy}</p>
            {parts}
        </Panel>
    }
    .into_any()
}

fn part(decision: &Decision, kind: RuleKind, title: &'static str) -> AnyView {
    let t = texts(&TEXTS);
    let rows: Vec<_> = decision.rules.iter().filter(|it| it.kind == kind).map(row).collect();
    let heads = vec![
        column(t.rule),
        column(t.input).optional(),
        column(t.measured).number(),
        column(t.limit).number(),
        column(t.verdict),
        column(t.reason).optional(),
    ];
    view! {
        <h3 class="body">{title}</h3>
        <Table label=title heads=heads>{rows}</Table>
    }
    .into_any()
}

/// The sentence in English says the figures too; in other languages they stand in their own columns.
pub(crate) fn reason(rule: &RuleRecord, lang: Lang) -> String {
    match lang {
        Lang::En => rule.reason.to_string(),
        Lang::Zh => rule.key.text(lang).to_owned(),
    }
}

fn row(rule: &RuleRecord) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let tone = match (rule.kind, rule.verdict) {
        (RuleKind::Score, _) => Tone::Idle,
        (_, Verdict::Pass) => Tone::Ok,
        (_, Verdict::Fail) => Tone::Bad,
        (_, Verdict::Unknown) => Tone::Warn,
    };
    let shown = |it: &Option<_>| it.as_ref().map(ToString::to_string);
    view! {
        <tr>
            <th scope="row">{rule.name.text(lang).name}</th>
            <td class="optional">{rule.input.to_string()}</td>
            <td class="number">{shown(&rule.value)}</td>
            <td class="number">{shown(&rule.limit)}</td>
            <td>{mark(tone, (t.verdict_of)(rule.verdict))}</td>
            <td class="optional">{reason(rule, lang)}</td>
        </tr>
    }
}
