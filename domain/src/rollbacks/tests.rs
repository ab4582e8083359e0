use uuid::Uuid;

use super::*;
use crate::checks::CheckResult;

const T0: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn at(seconds: i64) -> DateTime<Utc> {
    T0 + TimeDelta::seconds(seconds)
}

fn rollback(state: State) -> Rollback {
    Rollback {
        id: RollbackId(Uuid::nil()),
        number: "RB-19700101-01".into(),
        service: ServiceId(Uuid::nil()),
        service_name: "pay".into(),
        workload: None,
        members: vec![],
        drill: None,
        follows: None,
        trigger: Trigger::Alert { alerts: vec![] },
        decision: None,
        from: None,
        target: None,
        run: Some(RunId(Uuid::nil())),
        plan_digest: None,
        asked: 1,
        state,
        times: Times { onset_at: Some(T0), executed_at: Some(T0), ..Times::default() },
        verification: Verification {
            checklist: vec![ChecklistItem::open("walk-through")],
            ..Verification::default()
        },
        observation_s: 60,
        created_at: T0,
        ended_at: None,
    }
}

fn look(seconds: i64, verdict: Verdict) -> Observation {
    let check = |name: &str, verdict, blocking| CheckResult {
        name: name.into(),
        verdict,
        value: serde_json::Value::Null,
        limit: serde_json::Value::Null,
        blocking,
        message: "seen".into(),
    };
    // An advisory check never decides.
    let checks = vec![check("health", verdict, true), check("response time", Verdict::Fail, false)];
    Observation { at: at(seconds), checks, drift: None }
}

fn watch(looks: &[(i64, Verdict)]) -> Rollback {
    looks.iter().fold(rollback(State::Verifying), |it, (s, verdict)| it.observe(look(*s, *verdict)))
}

#[test]
fn only_a_whole_window_of_passing_looks_passes() {
    use Verdict::{Fail, Pass, Unknown};
    for (looks, expected) in [
        (&[(1, Pass), (60, Pass)][..], None),
        (&[(1, Pass), (61, Pass)], Some(Pass)),
        (&[(1, Pass), (30, Fail), (61, Pass)], None),
        (&[(1, Pass), (30, Unknown), (61, Pass), (90, Pass)], None),
        (&[(1, Pass), (30, Fail), (61, Pass), (121, Pass)], Some(Pass)),
        (&[(1, Fail), (359, Fail)], None),
        (&[(1, Fail), (360, Fail)], Some(Fail)),
        (&[(1, Fail), (360, Unknown)], Some(Unknown)),
    ] {
        assert_eq!(watch(looks).verification.verdict, expected, "{looks:?}");
    }
}

#[test]
fn recovery_counts_to_the_first_moment_of_the_stretch_that_held() {
    use Verdict::{Fail, Pass};
    let done = watch(&[(1, Pass), (5, Fail), (9, Pass), (69, Pass)]);
    assert_eq!(done.times.recovery(), Some(TimeDelta::seconds(9)));
    assert_eq!(done.times.split().verify_s, Some(9.0));
}

#[test]
fn checks_and_checklist_are_both_needed_and_in_any_order() {
    let ticks = [("walk-through".to_owned(), true, None)];
    let by = UserId(Uuid::nil());
    let verified = |it: &Rollback| it.state.closure() == Some(Closure::Verified);

    let checked = watch(&[(1, Verdict::Pass), (61, Verdict::Pass)]);
    assert_eq!(checked.state, State::Verifying);
    assert!(verified(&checked.tick(&ticks, by, at(70)).unwrap()));

    let ticked = rollback(State::Verifying).tick(&ticks, by, at(1)).unwrap();
    assert_eq!(ticked.state, State::Verifying);
    let checked = ticked.observe(look(2, Verdict::Pass)).observe(look(62, Verdict::Pass));
    assert!(verified(&checked));

    let unknown = [("dance".to_owned(), true, None)];
    assert_eq!(rollback(State::Verifying).tick(&unknown, by, T0), Err(Refusal::UnknownItem));
    assert_eq!(rollback(State::Approved).tick(&ticks, by, T0), Err(Refusal::NotVerifying));
}

#[test]
fn a_part_is_verified_as_a_part_until_the_rest_is_back_too() {
    let ticks = [("walk-through".to_owned(), true, None)];
    let by = UserId(Uuid::nil());
    let failed = RunEvent::Partly { reason: "rollout_undo api: paused".into() };
    let partly = rollback(State::Executing).follow(failed, T0);
    assert_eq!(partly.state, State::Verifying);
    let close = |it: Rollback| {
        let seen = it.observe(look(1, Verdict::Pass)).observe(look(99, Verdict::Pass));
        seen.tick(&ticks, by, at(100)).unwrap()
    };
    let closed = close(partly.clone());
    assert_eq!(closed.state.closure(), Some(Closure::PartlyVerified));
    assert_eq!(closed.state.reason(), Some("rollout_undo api: paused"));
    assert_eq!(closed.success(), None);

    let whole = close(partly.follow(RunEvent::Succeeded, T0));
    assert_eq!(whole.state.closure(), Some(Closure::Verified));
}

#[test]
fn an_open_checklist_ends_as_unknown() {
    let checked = watch(&[(1, Verdict::Pass), (61, Verdict::Pass)]);
    let late = checked.observe(look(24 * 3600, Verdict::Pass));
    assert_eq!(late.state.closure(), Some(Closure::Unknown));
    assert_eq!(late.success(), None);
}

#[test]
fn drift_fails_at_once() {
    let drifted = Observation { drift: Some("revision 5 runs".into()), ..look(2, Verdict::Pass) };
    let ended = rollback(State::Verifying).observe(drifted);
    assert_eq!(ended.state.closure(), Some(Closure::NotVerified));
    assert_eq!(ended.state.reason(), Some("revision 5 runs"));
    assert_eq!(ended.ended_at, Some(at(2)));
}

#[test]
fn a_late_word_of_the_run_changes_nothing() {
    let over = rollback(State::Expired).follow(RunEvent::Succeeded, at(1));
    assert_eq!(over.state, State::Expired);
    let verifying = rollback(State::Verifying).follow(RunEvent::Running, at(1));
    assert_eq!(verifying.state, State::Verifying);
}

#[test]
fn what_has_begun_is_not_cancelled_and_what_is_over_stays_over() {
    let why = || "we fix forward".to_owned();
    assert_eq!(
        rollback(State::NeedsPerson).cancel(why(), T0).unwrap().state.closure(),
        Some(Closure::NoAction)
    );
    assert!(rollback(State::AwaitingApproval).cancel(why(), T0).is_ok());
    assert_eq!(rollback(State::Executing).cancel(why(), T0), Err(Refusal::Acting));
    assert_eq!(rollback(State::Expired).cancel(why(), T0), Err(Refusal::Over));
    let executing = rollback(State::Executing).withdraw("gone", T0);
    assert_eq!(executing.state, State::Executing, "an act that has begun is not called back");
}

#[test]
fn every_state_survives_its_columns() {
    let why = || "why".to_owned();
    for state in [
        State::NeedsPerson,
        State::AwaitingApproval,
        State::Approved,
        State::Executing,
        State::Paused,
        State::Verifying,
        State::Expired,
        State::Suppressed { reason: why() },
        State::Blocked { rail: why() },
        State::Rejected { reason: why() },
        State::Withdrawn { reason: why() },
        State::Superseded { moved: why() },
        State::Cancelled { reason: why() },
        State::Failed { reason: why() },
        State::Closed { closure: Closure::Verified, reason: why() },
    ] {
        let closure = state.closure().map(Closure::as_str);
        let reason = state.reason().map(str::to_owned);
        assert_eq!(State::from_columns(state.as_str(), reason, closure), Some(state));
    }
    assert_eq!(State::from_columns("closed", Some(why()), None), None);
    assert_eq!(State::from_columns("verifying", Some(why()), None), None);
}
