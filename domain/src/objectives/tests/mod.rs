mod recovered;
mod replicated;

use serde_json::{Value, json};

use super::*;
use crate::catalog::{Document, check};
use crate::verdict::Verdict::{Fail, Pass, Unknown};

fn objective(sources: Value) -> Objective {
    serde_json::from_value(json!({"name": "orders", "sources": sources})).unwrap()
}

#[test]
fn the_stricter_of_two_documents_holds_and_both_are_kept() {
    let it = objective(json!([
        {"document": "plan", "rto_s": 1800, "rpo_s": "may_be_lost",
         "targets": [{"name": "crr_delay", "unit": "s", "limit": 60.0},
                     {"name": "hits", "comparison": "at_least", "limit": 0.2}]},
        {"document": "chapter 13", "rto_s": 900, "rpo_s": "n/a",
         "targets": [{"name": "crr_delay", "unit": "s", "limit": 90.0},
                     {"name": "hits", "comparison": "at_least", "limit": 0.8}]},
        {"document": "calendar", "rpo_s": 300},
    ]));
    assert_eq!((it.rto(), it.rpo()), (Some(Bound::Within(900)), Some(Bound::Within(300))));
    let targets: Vec<_> = it.targets().into_iter().map(|it| (it.name.as_str(), it.limit)).collect();
    assert_eq!(targets, [("crr_delay", 60.0), ("hits", 0.8)]);
    assert_eq!(it.sources.len(), 3);
}

#[test]
fn what_may_be_lost_and_what_does_not_apply_ask_for_nothing_and_differ() {
    for (rpo, expected) in [
        (json!(300), Some(Bound::Within(300))),
        (json!("may_be_lost"), Some(Bound::MayBeLost)),
        (json!("n/a"), Some(Bound::NotApplicable)),
    ] {
        let it = objective(json!([{"document": "plan", "rto_s": 600, "rpo_s": rpo}]));
        assert_eq!(it.rpo(), expected);
        let written = serde_json::to_value(&it).unwrap();
        assert_eq!(written["sources"][0]["rpo_s"], rpo);
        assert_eq!(serde_json::from_value::<Objective>(written).unwrap(), it);
    }
    for bad in [json!(-1), json!(1.5), json!("soon"), json!(4_294_967_296_u64)] {
        let source = json!({"document": "plan", "rpo_s": bad});
        assert!(serde_json::from_value::<Source>(source).is_err(), "{bad}");
    }
}

#[test]
fn a_value_is_judged_by_its_own_target() {
    let it = objective(json!([
        {"document": "plan", "rto_s": 600, "rpo_s": "may_be_lost",
         "targets": [{"name": "mttd", "unit": "s", "limit": 8.7}]},
    ]));
    for (name, value, expected) in [
        (RTO, Some(600.0), Some(Pass)),
        (RTO, Some(600.1), Some(Fail)),
        (RTO, None, Some(Unknown)),
        (RTO, Some(f64::NAN), Some(Unknown)),
        (RPO, Some(1e9), None),
        (RPO, None, None),
        ("mttd", Some(8.7), Some(Pass)),
        ("mttd", Some(9.0), Some(Fail)),
        ("p95", Some(1.0), None),
    ] {
        assert_eq!(it.verdict(name, value), expected, "{name} {value:?}");
    }
}

#[test]
fn copies_that_come_too_seldom_are_a_gap() {
    let minutes = TimeDelta::minutes;
    let plan = |rpo: Value| objective(json!([{"document": "EdgeLink", "rto_s": 60, "rpo_s": rpo}]));
    for (interval, delay, rpo, worst) in [
        (minutes(24 * 60), minutes(0), json!(900), Some(86_400)),
        (minutes(15), minutes(0), json!(900), None),
        (minutes(15), minutes(1), json!(900), Some(960)),
        (minutes(1), minutes(1), json!(300), None),
        (minutes(24 * 60), minutes(0), json!("may_be_lost"), None),
        (minutes(24 * 60), minutes(0), json!("n/a"), None),
    ] {
        let found = gap(interval, delay, &plan(rpo.clone()));
        assert_eq!(found.map(|it| it.worst_s), worst, "{interval} {delay} {rpo}");
    }
}

#[test]
fn what_is_wrong_with_a_document_is_said_by_its_field() {
    let found = |change: Value| {
        let mut json = json!({"name": "orders", "sources": [{"document": "plan", "rto_s": 60}]});
        for (member, value) in change.as_object().unwrap() {
            json[member] = value.clone();
        }
        let document = Document::Objective(serde_json::from_value(json).unwrap());
        let problems = check(&[document], &[]);
        let line =
            |it: &crate::catalog::Problem| format!("{}: {}", it.fault.path, it.fault.message);
        problems.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    for (change, expected) in [
        (json!({}), ""),
        (json!({"name": "a b"}), "name: \"a b\" is no name"),
        (json!({"sources": []}), "sources: names no document"),
        (json!({"sources": [{"document": "plan"}]}), "sources[0]: asks for nothing"),
        (
            json!({"sources": [{"document": "plan", "rto_s": "may_be_lost"}]}),
            "sources[0].rto_s: a time cannot be lost",
        ),
        (
            json!({"sources": [{"document": "p", "targets": [{"name": "rpo", "limit": 1.0}]}]}),
            "sources[0].targets[0].name: stands in rto_s or rpo_s",
        ),
        (json!({"services": ["none"]}), "services[0]: there is no service \"none\""),
        (json!({"recovery": {"query": "sum(x"}}), "recovery.query: has brackets"),
        (
            json!({"recovery": {"query": "x", "hold_s": 5, "step_s": 30}}),
            "recovery.step_s: is longer",
        ),
        (
            json!({"replication": {"primary": "postgres://u:p@h/d", "standby": "env:S"}}),
            "replication.primary: must refer to a connection string",
        ),
        (
            json!({"replication": {"primary": "env:S", "standby": "env:S"}}),
            "replication.standby: is the primary itself",
        ),
        (
            json!({"replication": {"primary": "env:P", "standby": "env:S",
                "heartbeat": {"table": "a.b;", "column": "at"}}}),
            "replication.heartbeat.table: \"b;\" is no plain name",
        ),
    ] {
        let found = found(change.clone());
        assert!(
            found.starts_with(expected) && found.is_empty() == expected.is_empty(),
            "{change}: {found}"
        );
    }
}

fn dated(sources: Value) -> Dated {
    Dated {
        id: ObjectiveId::NEW,
        version: 3,
        since: DateTime::UNIX_EPOCH,
        reason: "review".into(),
        by: "user:pmo".into(),
        objective: objective(sources),
    }
}

#[test]
fn a_change_is_made_to_the_version_that_was_read() {
    let dated = dated(json!([{"document": "plan", "rto_s": 1800}]));
    let stricter = objective(json!([{"document": "plan", "rto_s": 900}])).sources;
    let changed = dated.change(3, stricter.clone()).unwrap();
    assert_eq!((changed.rto(), &changed.name), (Some(Bound::Within(900)), &dated.objective.name));
    assert_eq!(dated.change(2, stricter), Err(Refusal::ObjectiveMoved));
    assert_eq!(dated.change(3, dated.objective.sources.clone()), Err(Refusal::NothingChanges));
}
