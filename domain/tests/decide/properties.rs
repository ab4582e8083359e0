//! What holds for every situation.

use domain::decide::{Situation, decide, disposition_from, recompute};
use domain::decisions::{Decision, Disposition, Outcome, Reason, RuleKind, RuleName, Strategy};
use domain::signals::Severity;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, prop_assume, proptest};
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::arbitrary::{garbage, situations, troubles};

/// How much a machine does by itself.
fn automation(decision: &Decision) -> u8 {
    match (decision.outcome, decision.disposition) {
        (Outcome::Automatic, Disposition::Execute) => 4,
        (Outcome::Partial, Disposition::Execute) => 3,
        (Outcome::Automatic, _) => 2,
        (Outcome::Partial, _) => 1,
        _ => 0,
    }
}

/// None where it is no situation any more.
fn changed(situation: &Situation, change: impl FnOnce(&mut Value)) -> Option<Situation> {
    let mut value = serde_json::to_value(situation).expect("a situation is JSON");
    change(&mut value);
    serde_json::from_value(value).ok()
}

/// Every list in it begins elsewhere, or runs backwards.
fn turn(value: &mut Value, by: &Index, back: bool) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(|it| turn(it, by, back));
            if back {
                items.reverse();
            } else if !items.is_empty() {
                let by = by.index(items.len());
                items.rotate_left(by);
            }
        }
        Value::Object(members) => members.values_mut().for_each(|it| turn(it, by, back)),
        _ => {}
    }
}

/// The paths of everything in it.
fn leaves(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, it)| leaves(it, format!("{path}/{i}"), paths));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, it)| leaves(it, format!("{path}/{name}"), paths));
        }
        _ => {}
    }
    paths.push(path);
}

/// Rails that stop it whatever the mode.
const STOPS: &[RuleName] = &[
    RuleName::Signal,
    RuleName::Opens,
    RuleName::Duplicate,
    RuleName::Settled,
    RuleName::OwnRollback,
    RuleName::RollbackOfRollback,
    RuleName::Cooldown,
    RuleName::MaintenanceWindow,
    RuleName::Freeze,
    RuleName::PausedByOther,
    RuleName::ProtectedNamespace,
    RuleName::GitopsOwner,
    RuleName::FlaggerOwner,
    RuleName::Hold,
    RuleName::UpdateStrategy,
];

/// What may be unknown about a single pod or node.
const PARTS: &[(&str, &str)] = &[
    ("pods", "node"),
    ("pods", "digest"),
    ("pods", "ever_ready"),
    ("nodes", "ready"),
    ("nodes", "pressure"),
];

/// Facts whose absence says that nobody looked.
const FACTS: &[&str] = &[
    "/alert",
    "/alert/onset",
    "/signal",
    "/measurement",
    "/measurement/value",
    "/measurement/denominator",
    "/workload/rollout",
    "/workload/share",
    "/workload/release",
    "/rails",
    "/rails/drill",
    "/revisions/0/verdict",
    "/revisions/1/verdict",
    "/revisions/1/present",
    "/revisions/1/config_digest",
    "/revisions/1/config_current",
    "/revisions/1/config_stored",
    "/revisions/1/rolled_out",
    "/alert/second_source",
    "/changes",
    "/revisions",
    "/pods",
    "/nodes",
    "/environment",
    "/measurement/before",
    "/measurement/requests_in_window",
    "/workload/owner",
    "/workload/paused",
    "/workload/protected",
    "/rails/kill_switches",
    "/rails/other_rollouts",
    "/rails/duplicate",
    "/rails/rollbacks",
    "/rails/failures_in_a_row",
    "/rails/automatic_this_hour",
    "/rails/rolling_back_now",
    "/rails/maintenance",
    "/rails/freezes",
    "/rails/held",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_record_explains_the_outcome(situation in situations()) {
        let decision = decide(&situation);
        prop_assert_eq!(recompute(&decision), decision.outcome);
        // And what is read back from a database does so too.
        let read: Decision = serde_json::from_value(serde_json::to_value(&decision).unwrap()).unwrap();
        prop_assert_eq!(recompute(&read), decision.outcome);
        prop_assert_eq!(disposition_from(read.outcome, &read.rules), decision.disposition);
        prop_assert_eq!(read.rules.len(), RuleName::ALL.len());
        prop_assert!((0.0..=1.0).contains(&decision.confidence), "{}", decision.confidence);
        prop_assert!(decision.score.is_finite() && decision.score >= 0.0);
    }

    #[test]
    fn unknown_never_acts(situation in situations()) {
        let decision = decide(&situation);
        if decision.disposition == Disposition::Execute {
            let holds = |kind| matches!(kind, RuleKind::Gate | RuleKind::Rail);
            prop_assert!(decision.rules.iter().filter(|it| holds(it.kind)).all(|it| it.verdict.passed()));
            prop_assert!(decision.rule(RuleName::Signal).is_some_and(|it| it.verdict.passed()));
        }
    }

    #[test]
    fn no_outcome_is_automatic_with_a_gate_or_a_stopping_rail_that_does_not_pass(situation in situations()) {
        let decision = decide(&situation);
        if matches!(decision.outcome, Outcome::Automatic | Outcome::Partial) {
            let must = |name: RuleName| name.kind() == RuleKind::Gate || STOPS.contains(&name);
            for rule in decision.rules.iter().filter(|it| must(it.name)) {
                prop_assert!(rule.verdict.passed(), "{:?}", rule);
            }
            prop_assert!(decision.strategy != Strategy::None);
        }
    }

    #[test]
    fn what_is_forgotten_never_makes_it_more_automatic(situation in situations(), which in any::<Index>()) {
        let fact = which.get(FACTS);
        let forgotten = changed(&situation, |value| {
            if let Some(member) = value.pointer_mut(fact) {
                *member = Value::Null;
            }
        });
        if let Some(forgotten) = forgotten {
            prop_assert!(automation(&decide(&forgotten)) <= automation(&decide(&situation)), "{}", fact);
        }
    }

    #[test]
    fn what_is_forgotten_of_a_pod_or_a_node_never_makes_it_more_automatic(
        situation in situations(), which in any::<Index>(), what in select(PARTS),
    ) {
        let before = decide(&situation);
        // Of two facts that contradict each other, one alone may say more.
        let contradicts = before.rule(RuleName::NewIsBad).is_some_and(|it| it.key == Reason::PodsContradict);
        prop_assume!(!contradicts);
        let (list, member) = what;
        let forgotten = changed(&situation, |value| {
            let items = value[list].as_array_mut().filter(|it| !it.is_empty());
            if let Some(items) = items {
                let at = which.index(items.len());
                items[at][member] = Value::Null;
            }
        });
        let forgotten = forgotten.expect("both may be unknown");
        prop_assert!(automation(&decide(&forgotten)) <= automation(&before));
    }

    #[test]
    fn the_order_of_lists_does_not_matter(situation in situations(), by in any::<Index>(), back in any::<bool>()) {
        let turned = changed(&situation, |it| turn(it, &by, back)).expect("it is the same in another order");
        let [turned, straight] = [&turned, &situation].map(decide);
        for (a, b) in turned.rules.iter().zip(&straight.rules) {
            prop_assert_eq!(a, b);
        }
        prop_assert_eq!(turned, straight);
    }

    #[test]
    fn worse_values_are_never_less_automatic(
        situation in situations(), a in 0.0..2.0f64, b in 0.0..2.0f64,
    ) {
        let measures = |value: f64| {
            changed(&situation, |it| {
                it["signal"]["comparison"] = json!("greater");
                for (name, value) in [("numerator", json!(null)), ("denominator", json!(null)), ("value", json!(value))] {
                    it["measurement"][name] = value;
                }
            })
        };
        prop_assume!(situation.signal.is_some());
        let [less, more] = [a.min(b), a.max(b)].map(|it| decide(&measures(it).expect("a value is one")));
        prop_assert!(automation(&less) <= automation(&more));
        prop_assert!(less.score <= more.score);
    }

    #[test]
    fn a_severer_signal_is_never_less_automatic(situation in situations()) {
        prop_assume!(situation.signal.is_some());
        let of = |severity: &Severity| {
            let severe = changed(&situation, |it| it["signal"]["severity"] = json!(severity));
            automation(&decide(&severe.expect("a severity is one")))
        };
        prop_assert!(Severity::ALL.is_sorted_by_key(of));
    }

    #[test]
    fn whatever_is_written_in_a_situation_there_is_a_decision(
        situation in situations(), path in any::<Index>(), garbage in garbage(),
    ) {
        let mut value = serde_json::to_value(&situation).expect("a situation is JSON");
        let mut paths = Vec::new();
        leaves(&value, String::new(), &mut paths);
        let path: &String = path.get(&paths);
        *value.pointer_mut(path).expect("the path was just found") = garbage;
        if let Ok(situation) = serde_json::from_value::<Situation>(value) {
            let decision = decide(&situation);
            prop_assert_eq!(recompute(&decision), decision.outcome);
            prop_assert!(serde_json::to_string(&decision).is_ok());
        }
    }

    #[test]
    fn a_kill_switch_always_wins(situation in situations(), scope in "global|clusters/lab|services/x") {
        let on = changed(&situation, |it| it["rails"]["kill_switches"] = json!([scope]));
        let on = on.expect("a scope is a text");
        prop_assert!(decide(&on).disposition != Disposition::Execute);
    }

    #[test]
    fn more_trouble_around_never_makes_it_more_automatic(situation in situations(), trouble in troubles()) {
        prop_assume!(situation.environment.is_some());
        let worse = changed(&situation, |it| {
            it["environment"].as_array_mut().expect("it is known").push(trouble);
        });
        let worse = worse.expect("a trouble is one");
        prop_assert!(automation(&decide(&worse)) <= automation(&decide(&situation)));
    }

    #[test]
    fn a_weak_node_or_a_bad_old_pod_never_makes_it_more_automatic(
        situation in situations(), which in any::<Index>(), node in any::<bool>(),
    ) {
        let worse = changed(&situation, |it| {
            let (list, member, value) = match node {
                true => ("nodes", "pressure", json!(true)),
                false => ("pods", "bad", json!("crash_loop")),
            };
            let live = it["workload"]["live"]["digest"].clone();
            let items = it[list].as_array_mut().into_iter().flatten();
            let mut items: Vec<_> = items.filter(|it| node || it["digest"] != live).collect();
            if !items.is_empty() {
                let at = which.index(items.len());
                items[at][member] = value;
            }
        });
        let worse = worse.expect("nodes and pods can be so");
        prop_assert!(automation(&decide(&worse)) <= automation(&decide(&situation)));
    }

    #[test]
    fn nothing_goes_by_itself_in_another_mode_than_auto(
        situation in situations(), mode in "off|shadow|suggest",
    ) {
        let other = changed(&situation, |it| it["policy"]["mode"] = json!(mode));
        let other = other.expect("a mode is one");
        let [auto, other] = [&situation, &other].map(decide);
        prop_assert!(other.disposition != Disposition::Execute);
        // The mode says what becomes of an outcome, not what it is.
        prop_assert_eq!(auto.outcome, other.outcome);
    }
}
