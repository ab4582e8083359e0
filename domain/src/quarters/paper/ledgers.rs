//! The rows of a closed quarter, ledger by ledger, each with its digest.

use std::collections::BTreeMap;
use std::fmt::Display;

use chrono::{DateTime, TimeZone, Utc};
use serde::Serialize;
use serde_json::Value;

use super::NOTHING;
use crate::decisions::Cause;
use crate::drills::{Outcome, StateName};
use crate::quarters::Fact;
use crate::rollbacks::State;
use crate::texts::{
    Lang, count, date, drills, measurements, number, quarters, reports, rollbacks, spot_checks,
};
use crate::verdict::Verdict;

/// Of a text that somebody wrote, in characters; the whole of it is what the digest is of.
const LONGEST: usize = 80;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ledger {
    pub name: String,
    pub count: String,
    /// Row or promise, date, service or subject, what it was, outcome, digest.
    pub heads: [&'static str; 6],
    /// The digest as two halves of 32 digits.
    pub rows: Vec<([String; 5], [String; 2])>,
}

/// Ledgers and rows in the order of their subjects.
pub(super) fn ledgers<Z: TimeZone<Offset: Display>>(
    lang: Lang,
    facts: &[Fact],
    zone: &Z,
) -> Vec<Ledger> {
    let mut by_ledger = BTreeMap::<&str, Vec<&Fact>>::new();
    for fact in facts {
        by_ledger.entry(fact.ledger()).or_default().push(fact);
    }
    let ledger = |(name, mut facts): (&str, Vec<&Fact>)| {
        facts.sort_by(|a, b| a.subject.cmp(&b.subject));
        Ledger {
            name: (reports::TEXTS.of(lang).ledger_of)(name),
            count: count(i64::try_from(facts.len()).unwrap_or(i64::MAX)),
            heads: heads(lang, name),
            rows: facts.into_iter().map(|it| (cells(lang, it, zone), halves(it))).collect(),
        }
    };
    by_ledger.into_iter().map(ledger).collect()
}

fn heads(lang: Lang, ledger: &str) -> [&'static str; 6] {
    let (t, of_quarters) = (reports::TEXTS.of(lang), quarters::TEXTS.of(lang));
    let (whose, what) = match ledger {
        "rollbacks" => (of_quarters.service, t.cause),
        "measurements" => (t.subject, t.worst),
        "spot-checks" => (of_quarters.service, spot_checks::TEXTS.of(lang).item),
        _ => (of_quarters.service, t.scenario),
    };
    let row = if ledger == "measurements" { t.promise } else { of_quarters.row };
    [row, t.date, whose, what, t.outcome, t.row_digest]
}

fn cells<Z: TimeZone<Offset: Display>>(lang: Lang, fact: &Fact, zone: &Z) -> [String; 5] {
    let it = &fact.facts;
    let own = fact.subject.split_once('/').map_or(fact.subject.as_str(), |it| it.1);
    let day = |names: &[&str]| {
        let at = names.iter().find_map(|name| it[*name].as_str()?.parse::<DateTime<Utc>>().ok());
        at.map_or_else(nothing, |at| date(at, zone))
    };
    match fact.ledger() {
        "drills" => [
            own.to_owned(),
            day(&["t0", "planned_at"]),
            said(&it["service"]),
            said(&it["scenario"]),
            of_drill(lang, it),
        ],
        "rollbacks" => [
            own.to_owned(),
            day(&["created_at"]),
            said(&it["service"]),
            of_cause(lang, &it["cause"]),
            of_rollback(lang, it),
        ],
        "spot-checks" => [
            own.to_owned(),
            day(&["recorded_at"]),
            said(&it["service"]),
            said(&it["item"]),
            of_spot_check(lang, it),
        ],
        "measurements" => {
            let date = own.split('/').next().unwrap_or_default();
            let name = it["name"].as_str().unwrap_or_default();
            let of = |name: &str| it[name].as_u64().unwrap_or_default();
            [
                (measurements::TEXTS.of(lang).name_of)(name),
                date.to_owned(),
                said(&it["of"]),
                worst(it),
                (reports::TEXTS.of(lang).measured)(of("pass"), of("fail"), of("unknown")),
            ]
        }
        _ => [
            own.to_owned(),
            day(&["t0", "planned_at", "created_at"]),
            said(&it["service"]),
            said(&it["scenario"]),
            said(&it["outcome"]),
        ],
    }
}

/// The worst value of a day with its unit.
fn worst(it: &Value) -> String {
    let unit = it["unit"].as_str().unwrap_or_default();
    it["worst"]
        .as_f64()
        .map_or_else(nothing, |it| format!("{} {unit}", number(it)).trim().to_owned())
}

fn of_drill(lang: Lang, it: &Value) -> String {
    let t = drills::TEXTS.of(lang);
    let word = |name: &str| it[name].as_str();
    match (word("outcome").map(Outcome::parse), word("state").map(StateName::parse)) {
        (Some(Some(outcome)), _) => (t.outcome_of)(outcome).to_owned(),
        (None, Some(Some(state))) => (t.state_of)(state).to_owned(),
        _ => unknown(lang),
    }
}

fn of_rollback(lang: Lang, it: &Value) -> String {
    let t = rollbacks::TEXTS.of(lang);
    let word = |name: &str| it[name].as_str();
    let reason = word("state_reason").map(str::to_owned);
    let state = word("state").and_then(|it| State::from_columns(it, reason, word("closure")));
    match state {
        Some(State::Closed { closure, .. }) => (t.closure_of)(closure).to_owned(),
        Some(state) => (t.state_of)(&state).to_owned(),
        None => unknown(lang),
    }
}

fn of_spot_check(lang: Lang, it: &Value) -> String {
    match it["verdict"].as_str().and_then(Verdict::parse) {
        Some(verdict) => (spot_checks::TEXTS.of(lang).verdict_of)(verdict).to_owned(),
        None => unknown(lang),
    }
}

fn of_cause(lang: Lang, cause: &Value) -> String {
    match cause.as_str() {
        None => nothing(),
        Some(word) => Cause::parse(word)
            .map_or_else(|| unknown(lang), |cause| cause.text(lang).name.to_owned()),
    }
}

/// Its digits without the name of the hash.
fn halves(fact: &Fact) -> [String; 2] {
    let digest = fact.digest();
    let digits = digest.as_str().rsplit(':').next().unwrap_or_default();
    let (first, second) = digits.split_at_checked(32).unwrap_or((digits, ""));
    [first.to_owned(), second.to_owned()]
}

fn said(value: &Value) -> String {
    let Some(text) = value.as_str().filter(|it| !it.is_empty()) else { return nothing() };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn nothing() -> String {
    NOTHING.to_owned()
}

fn unknown(lang: Lang) -> String {
    reports::TEXTS.of(lang).unknown.to_owned()
}
