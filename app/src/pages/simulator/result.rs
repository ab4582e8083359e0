//! What the rules make of it, and how that differs from what was recorded.

use domain::decide::compare::{Both, Difference, Found, compare};
use domain::decide::{Situation, decide};
use domain::decisions::Decision;
use domain::texts::simulator::TEXTS;
use domain::texts::{decision_pages, rollbacks};
use leptos::prelude::*;
use store::decisions::Stored;

use crate::pages::decisions::tone;
use crate::pages::rollbacks::record;
use crate::pages::ui::{Panel, Table, badge, column, empty, facts};
use crate::pages::visit::{texts, visit};

pub(super) fn show(situation: &Situation, recorded: Option<&Stored>) -> AnyView {
    let decision = decide(situation);
    let difference = recorded.map(|it| differs(&compare(&it.decision, &decision)));
    view! { {summary(&decision)} {difference} {record::panel(&decision)} }.into_any()
}

fn summary(it: &Decision) -> AnyView {
    let (t, d) = (texts(&TEXTS), texts(&decision_pages::TEXTS));
    let lang = visit().lang;
    let outcome = it.outcome.text(lang);
    let target = match &it.target {
        Some(target) => {
            let images: Vec<&str> = target.images.iter().map(|it| it.image.as_str()).collect();
            format!("{} · {}", target.revision, images.join(", "))
        }
        None => t.no_target.to_owned(),
    };
    let pairs = [
        (
            d.outcome,
            view! { {badge(tone(it.outcome), outcome.name)} " " {outcome.explanation} }.into_any(),
        ),
        (d.disposition, it.disposition.text(lang).explanation.into_any()),
        (t.score, format!("{:.3} / {:.3}", it.score, it.confidence).into_any()),
        (d.cause, it.cause.text(lang).explanation.into_any()),
        (d.strategy, it.strategy.text(lang).explanation.into_any()),
        (t.target, target.into_any()),
    ];
    let warnings = it.warnings.iter().map(|it| view! { <li>{it.text(lang)}</li> }).collect_view();
    view! {
        <Panel id="result" title=t.result tone=tone(it.outcome)>
            <div class="body">{facts(pairs)} <ul>{warnings}</ul></div>
        </Panel>
    }
    .into_any()
}

/// One line for each rule and each part of the decision that is another now.
fn differs(it: &Difference) -> AnyView {
    let (t, d) = (texts(&TEXTS), texts(&decision_pages::TEXTS));
    let lang = visit().lang;
    if it.is_empty() {
        return view! { <Panel id="difference" title=t.differs>{empty(t.differs_not)}</Panel> }
            .into_any();
    }
    let revision = |it: Option<i64>| it.map_or_else(|| t.no_target.to_owned(), |it| it.to_string());
    let number = |it: f64| format!("{it:.3}");
    let parts = [
        line(d.outcome, it.outcome, |it| it.text(lang).name.to_owned()),
        line(d.disposition, it.disposition, |it| it.text(lang).name.to_owned()),
        line(d.cause, it.cause, |it| it.text(lang).name.to_owned()),
        line(d.strategy, it.strategy, |it| it.text(lang).name.to_owned()),
        line(t.target, it.target, revision),
        line(t.score, it.confidence, number),
    ];
    let rules = it.rules.iter().map(|it| {
        row(it.name.text(lang).name.to_owned(), found(it.recorded.as_ref()), found(it.now.as_ref()))
    });
    let rows: Vec<_> = parts.into_iter().flatten().chain(rules).collect();
    let heads = vec![column(texts(&rollbacks::TEXTS).rule), column(t.recorded), column(t.now)];
    view! {
        <Panel id="difference" title=t.differs>
            <Table label=t.differs heads=heads>{rows}</Table>
        </Panel>
    }
    .into_any()
}

fn line<T>(label: &str, both: Option<Both<T>>, text: impl Fn(T) -> String) -> Option<AnyView> {
    let Both { recorded, now } = both?;
    Some(row(label.to_owned(), text(recorded), text(now)))
}

fn row(label: String, recorded: String, now: String) -> AnyView {
    view! { <tr><th scope="row">{label}</th> <td>{recorded}</td> <td><b>{now}</b></td></tr> }
        .into_any()
}

fn found(it: Option<&Found>) -> String {
    let t = texts(&TEXTS);
    let Some(it) = it else { return t.absent.to_owned() };
    let verdict = (texts(&rollbacks::TEXTS).verdict_of)(it.verdict);
    let value = it.value.as_ref().map(|it| format!(" · {it}")).unwrap_or_default();
    let limit = it.limit.as_ref().map(|it| format!(" / {it}")).unwrap_or_default();
    format!("{verdict}{value}{limit}")
}
