//! What the ledger keeps beside the clocks: criteria, re-tests, follow-ups, first passes, missed drills.

use super::*;

#[test]
fn criteria_are_judged_once_by_somebody_who_then_took_part() {
    let criteria = vec![Criterion::open("smoke tests pass"), Criterion::open("errors below 1 %")];
    let drill = Drill { criteria, ..complete(10) };
    let open = Against::CriterionOpen { position: 2, text: "errors below 1 %".into() };
    assert!(refusals(&drill, "pmo", at(20)).contains(&open));
    let drill = drill.judge(1, true, "tester", at(20)).unwrap();
    assert_eq!(drill.clone().judge(1, false, "pmo", at(21)), Err(Refusal::JudgedAlready));
    assert_eq!(drill.clone().judge(3, true, "pmo", at(21)), Err(Refusal::UnknownItem));
    assert_eq!(drill.clone().judge(0, true, "pmo", at(21)), Err(Refusal::UnknownItem));
    assert_eq!(drill.outcome(at(21)), Outcome::Incomplete);
    let passed = drill.clone().judge(2, true, "tester", at(21)).unwrap();
    assert_eq!(refusals(&passed, "pmo", at(22)), []);
    assert_eq!(passed.outcome(at(22)), Outcome::Passed);
    assert!(passed.has_part("tester"));
    let failed = drill.judge(2, false, "tester", at(21)).unwrap();
    assert_eq!(failed.outcome(at(22)), Outcome::Failed, "whatever the numbers say");
    assert_eq!(planned().judge(1, true, "tester", at(1)), Err(Refusal::NotBegun));
}

#[test]
fn a_failed_one_is_done_again() {
    let drill = Drill { retest_days: 10, ..complete(10) };
    assert_eq!(drill.retest("user:pmo", at(20)), None);
    let signed = drill.sign_off("pmo", String::new(), Some(Outcome::Failed), at(20)).unwrap();
    let again = signed.retest("user:pmo", at(20)).unwrap();
    assert_eq!(again.planned_at, at(20) + TimeDelta::days(10));
    assert_eq!(again.retest_of.as_ref().map(|it| it.number.as_str()), Some("DR-19700101-01"));
    assert_eq!((&again.state, &again.steps), (&State::Planned, &signed.steps));
    assert!(again.requirements.iter().all(|it| it.satisfied_by.is_none()));
    assert_eq!((again.run, again.took_part.len(), again.measurements.len()), (None, 0, 0));
    assert_eq!(again.times, Times::default());
}

#[test]
fn what_is_always_to_be_done_afterwards_is_the_leads() {
    let follow_ups = vec!["update the procedure".to_owned()];
    let drill = Drill { follow_ups, ..running() };
    let drill = drill.recover(None, "user:lead", Some("lead"), at(9)).unwrap();
    let [item] = &drill.actions[..] else { panic!("one action item") };
    assert_eq!((item.owner.as_str(), item.position, item.critical), ("lead", 1, false));
    assert_eq!(item.due, at(9) + TimeDelta::days(7));
    assert_eq!(drill.outcome(at(20)), Outcome::PassedWithConditions);
}

#[test]
fn steps_that_needed_a_second_attempt_are_no_first_pass() {
    let target = Target {
        unit: "ratio".into(),
        comparison: Comparison::AtLeast,
        ..Target::within(FIRST_PASS, 1.0)
    };
    let drill = Drill { targets: vec![target], ..planned() }.start(run_id()).unwrap();
    let passed = drill.clone().follow(&ended(Ended::Succeeded));
    assert_eq!(passed.measurement(FIRST_PASS).and_then(|it| it.verdict), Some(Verdict::Pass));
    let mut again = ended(Ended::Succeeded);
    again.steps[0].attempts = 2;
    let failed = drill.follow(&again);
    let measured = failed.measurement(FIRST_PASS).unwrap();
    assert_eq!((measured.value, measured.verdict), (Some(0.0), Some(Verdict::Fail)));
    let none = planned().start(run_id()).unwrap().follow(&ended(Ended::Succeeded));
    assert_eq!(none.measurement(FIRST_PASS), None, "nobody asked for it");
}

#[test]
fn a_missed_one_is_explained() {
    let missed = planned().miss(at(24 * 60 + 1));
    let said = missed.explain("the promotion ran longer".into()).unwrap();
    assert_eq!(said.state.reason(), Some("the promotion ran longer"));
    assert_eq!(planned().explain("x".into()), Err(Refusal::NotMissed));
}
