//! What holds for every situation.

use domain::decide::{Situation, decide, disposition_from, recompute};
use domain::decisions::{Decision, Disposition, Outcome, RuleKind, RuleName};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::arbitrary::{situations, troubles};

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

fn changed(situation: &Situation, change: impl FnOnce(&mut Value)) -> Situation {
    let mut value = serde_json::to_value(situation).expect("a situation is JSON");
    change(&mut value);
    serde_json::from_value(value).expect("it still is a situation")
}

/// Facts whose absence says that nobody looked.
const FACTS: &[&str] = &[
    "/alert/onset",
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
    fn what_is_forgotten_never_lets_the_machine_act(situation in situations(), which in any::<Index>()) {
        let fact = which.get(FACTS);
        let forgotten = changed(&situation, |value| {
            if let Some(member) = value.pointer_mut(fact) {
                *member = Value::Null;
            }
        });
        let [before, after] = [&situation, &forgotten].map(|it| decide(it).disposition);
        prop_assert!(after != Disposition::Execute || before == Disposition::Execute, "{}", fact);
    }

    #[test]
    fn a_kill_switch_always_wins(situation in situations(), scope in "global|clusters/lab|services/x") {
        let on = changed(&situation, |it| it["rails"]["kill_switches"] = json!([scope]));
        prop_assert!(decide(&on).disposition != Disposition::Execute);
    }

    #[test]
    fn more_trouble_around_never_makes_it_more_automatic(situation in situations(), trouble in troubles()) {
        prop_assume!(situation.environment.is_some());
        let worse = changed(&situation, |it| {
            it["environment"].as_array_mut().expect("it is known").push(trouble);
        });
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
        prop_assert!(automation(&decide(&worse)) <= automation(&decide(&situation)));
    }

    #[test]
    fn nothing_goes_by_itself_in_another_mode_than_auto(
        situation in situations(), mode in "off|shadow|suggest",
    ) {
        let other = changed(&situation, |it| it["policy"]["mode"] = json!(mode));
        let [auto, other] = [&situation, &other].map(decide);
        prop_assert!(other.disposition != Disposition::Execute);
        // The mode says what becomes of an outcome, not what it is.
        prop_assert_eq!(auto.outcome, other.outcome);
    }
}
