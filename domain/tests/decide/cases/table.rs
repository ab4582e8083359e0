//! The situations as a table: on the screen, and in `docs/situations.md`.

use std::fmt::Write;

use domain::decisions::{Decision, Outcome, RuleKind, RuleName, RuleRecord};

use super::{Case, all};

/// The rules that decide: those of the gates and rails that do not pass; where all of them do, what the score says.
pub(super) fn deciding(decision: &Decision) -> impl Iterator<Item = &RuleRecord> {
    let stops = |it: &RuleRecord| match it.kind {
        RuleKind::Gate | RuleKind::Rail => !it.verdict.passed(),
        RuleKind::Trigger => it.name != RuleName::Request && !it.verdict.passed(),
        RuleKind::Score => false,
    };
    let sure = |it: &RuleRecord| match it.name {
        RuleName::Severity | RuleName::AutomaticAbove => !it.verdict.passed(),
        RuleName::Share => decision.outcome == Outcome::Partial,
        _ => false,
    };
    let stopped = decision.rules.iter().any(stops);
    let named = decision.rule(RuleName::AutomaticRule).is_some_and(|it| it.verdict.passed());
    decision.rules.iter().filter(move |it| if stopped { stops(it) } else { !named && sure(it) })
}

/// Why it comes out so: the sentences of the deciding rules, or of the cause where nothing stands against it.
fn why(decision: &Decision) -> String {
    let mut sentences: Vec<String> = Vec::new();
    for rule in deciding(decision) {
        if !sentences.iter().any(|it| **it == *rule.reason) {
            sentences.push(rule.reason.clone().into_owned());
        }
    }
    if sentences.is_empty() {
        let cause = decision.rule(RuleName::Cause).map(|it| it.reason.clone().into_owned());
        sentences.extend(cause);
    }
    sentences.join(" ")
}

fn page() -> String {
    let mut page = String::from(
        "# What is decided in which situation\n\n\
         Each line is a situation of the tests of the rules (`domain/tests/decide`), as `decide` decides it: what \
         happens, the outcome and what becomes of it, the strategy, and why. The tests hold the lines to be right, \
         and this page to be that table; it is written anew by\n\n\
         ```\nSITUATIONS=write cargo test -p domain --test decide table\n```\n\n\
         Automatic and carried out is only what passes every gate and every rail. Unknown never acts.\n",
    );
    let count = |outcome| {
        let cases = all().into_iter().flat_map(|(_, cases)| cases);
        cases.filter(|it| it.decide().outcome == outcome).count()
    };
    page.push_str("\n| outcome | situations |\n|---|---|\n");
    for outcome in Outcome::ALL {
        _ = writeln!(page, "| {} | {} |", outcome.as_str(), count(*outcome));
    }
    for (about, cases) in all() {
        _ = write!(
            page,
            "\n## {about}\n\n| situation | outcome | strategy | why |\n|---|---|---|---|\n"
        );
        for case in &cases {
            page.push_str(&line(case));
        }
    }
    page
}

fn line(case: &Case) -> String {
    let decision = case.decide();
    let [outcome, disposition] = [decision.outcome.as_str(), decision.disposition.as_str()];
    let (what, strategy) = (case.what, decision.strategy.as_str());
    format!("| {what} | {outcome}, {disposition} | {strategy} | {} |\n", why(&decision))
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/situations.md");

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a person asks in this way for the page to be written"
)]
fn the_table_of_the_situations_is_the_page_about_them() {
    let page = page();
    println!("{page}");
    if std::env::var("SITUATIONS").is_ok_and(|it| it == "write") {
        std::fs::write(PAGE, &page).expect("docs can be written");
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    let differs = page.lines().zip(written.lines()).find(|(a, b)| a != b);
    assert!(written == page, "docs/situations.md is not the table of the tests: {differs:?}");
}
