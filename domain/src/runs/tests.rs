use proptest::prelude::*;

use super::*;
use crate::access::Role;
use crate::approvals::{Approver, Decision, Standing};
use crate::canonical::Digest;
use crate::plans::{Action, LiveState, Step, StepKind};
use crate::services::{WorkloadKind, WorkloadRef};

const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn after(seconds: i64) -> DateTime<Utc> {
    AT + TimeDelta::seconds(seconds)
}

fn api() -> WorkloadRef {
    WorkloadRef {
        cluster: "lab".into(),
        namespace: "shop".into(),
        kind: WorkloadKind::Deployment,
        name: "api".into(),
    }
}

fn live(template: &[u8]) -> LiveState {
    LiveState {
        workload: api(),
        uid: "u".into(),
        digest: Digest::of(template),
        revision: 3,
        paused: false,
        replicas: None,
        steering: None,
    }
}

fn undo() -> Action {
    Action::RolloutUndo { to_revision: 2, template_digest: Some(Digest::of(b"good")) }
}

fn run(steps: Vec<Step>) -> Run {
    Run::new(
        RunId(uuid::Uuid::nil()),
        NewRun {
            service: None,
            purpose: Purpose::Run,
            plan: Plan::new(steps, vec![live(b"bad")]),
            required: Required::usual(AT),
            requested_by: "user:asker".into(),
            reason: "5xx".into(),
            at: AT,
        },
    )
}

/// Undo, then wait: one step that acts and one that does not.
fn usual() -> Run {
    run(vec![Step::act(api(), undo()), Step::new("settle", StepKind::Wait { seconds: 5 })])
}

fn sre(name: &str) -> Approver {
    Approver { name: name.into(), roles: vec![Role::Sre] }
}

fn consent(run: Run, name: &str, now: DateTime<Utc>) -> Result<Run, Refusal> {
    let digest = run.plan.digest().to_string();
    run.decide(&sre(name), &digest, Decision::Approve, "", now)
}

fn approved() -> Run {
    consent(usual(), "ben", AT).unwrap()
}

fn intent() -> Intent {
    Intent { before: live(b"bad"), expected: live(b"good"), stamp: AT }.whole()
}

fn proof() -> Proof {
    Proof { after: live(b"good"), resource_version: "7".into(), found: false }.whole()
}

fn undone(run: Run, now: DateTime<Utc>) -> Run {
    run.end_step(0, Ended::Succeeded, Note::Undone { revision: 2 }, Some(proof()), now)
}

fn switch(since: DateTime<Utc>) -> KillSwitch {
    KillSwitch { scope: "global".into(), reason: "stop".into(), since }
}

#[test]
fn who_may_not_approve_is_told_why() {
    let digest = usual().plan.digest().to_string();
    let approve = |run: Run, who: &Approver, digest: &str, now| {
        run.decide(who, digest, Decision::Approve, "", now).map(|it| it.state.name())
    };
    let no_role = Approver { name: "eva".into(), roles: vec![] };
    let ended = approved().abort("user:eva", "no need", AT).unwrap();
    for (run, who, digest, now, expected) in [
        (usual(), &sre("asker"), &*digest, AT, Err(Unapproved::OwnRequest)),
        (approved(), &sre("asker"), "", AT, Err(Unapproved::OwnRequest)),
        (usual(), &no_role, &digest, AT, Err(Unapproved::WrongRole)),
        (usual(), &sre("ben"), "sha256:0", AT, Err(Unapproved::Moved)),
        (usual(), &sre("ben"), &digest, after(900), Err(Unapproved::Expired)),
        (usual().expire(AT), &sre("ben"), &digest, AT, Err(Unapproved::Expired)),
        (approved(), &sre("eva"), &digest, AT, Err(Unapproved::Spent)),
        (ended, &sre("eva"), &digest, AT, Err(Unapproved::Spent)),
        (
            usual().supersede(vec![Moved::Gone { workload: api() }], AT),
            &sre("ben"),
            &digest,
            AT,
            Err(Unapproved::Moved),
        ),
        (usual(), &sre("ben"), &digest, after(899), Ok(StateName::Approved)),
    ] {
        let state = run.state.name();
        let expected = expected.map_err(Refusal::Approval);
        assert_eq!(approve(run, who, digest, now), expected, "{state:?} {who:?}");
    }
}

#[test]
fn two_means_two_people() {
    let mut run = usual();
    run.required.count = 2;
    let run = consent(run, "ben", AT).unwrap();
    assert_eq!(run.state, State::AwaitingApproval);
    assert_eq!(consent(run.clone(), "ben", AT), Err(Refusal::Approval(Unapproved::Again)));
    assert_eq!(consent(run, "eva", AT).unwrap().state.name(), StateName::Approved);
}

#[test]
fn one_rejection_ends_it_and_says_why() {
    let run = usual();
    let digest = run.plan.digest().to_string();
    let reject = |reason| run.clone().decide(&sre("ben"), &digest, Decision::Reject, reason, AT);
    assert_eq!(reject(" "), Err(Refusal::Approval(Unapproved::ReasonMissing)));
    let run = reject("we fix forward").unwrap();
    let note = Note::Person { by: "user:ben".into(), reason: "we fix forward".into() };
    assert_eq!(run.state, State::Rejected { at: AT, note });
    assert_eq!(run.next(after(99_999)), Next::Nothing { until: None });
}

#[test]
fn it_waits_for_people_only_so_long() {
    assert_eq!(usual().next(after(299)), Next::Nothing { until: Some(after(300)) });
    assert_eq!(usual().next(after(300)), Next::Escalate);
    let asked = usual().escalate(after(300));
    assert_eq!(
        (asked.escalated, asked.next(after(300))),
        (1, Next::Nothing { until: Some(after(600)) })
    );
    let asked = asked.escalate(after(601));
    assert_eq!(asked.next(after(899)), Next::Nothing { until: Some(after(900)) });
    assert_eq!(usual().next(after(900)), Next::Expire);
    assert_eq!(usual().expire(after(900)).state, State::Expired { at: after(900) });

    // Approved, and then nobody there to begin: what was approved was a remedy for then.
    assert_eq!(approved().next(after(899)), Next::Act(0));
    assert_eq!(approved().next(after(900)), Next::Expire);
    let late = approved().expire(after(900));
    assert_eq!(late.state.name(), StateName::Superseded);
    assert_eq!(late.approvals[0].standing, Standing::Void(after(900)));

    let paused = approved().start_step(0, AT).pause("user:eva", "look", AT).unwrap();
    assert_eq!(paused.next(AT + PAUSE_LIMIT), Next::Expire);
    assert_eq!(paused.expire(AT + PAUSE_LIMIT).state.name(), StateName::Aborted);
}

#[test]
fn an_effect_is_done_once_whoever_takes_over() {
    let run = approved();
    assert_eq!(run.next(AT), Next::Act(0));
    // Begun, and dead before the intent: nothing can have happened.
    let begun = run.clone().start_step(0, AT);
    assert_eq!(begun.next(after(1)), Next::Act(0));
    assert_eq!(begun.approvals[0].standing, Standing::Spent(AT));
    // With an intent the effect may be there.
    let meant = run.intend(0, intent(), AT);
    assert_eq!(meant.next(after(1)), Next::Look(0));
    assert_eq!(meant.next(after(60)), Next::TimeOut(0));
    let done = undone(meant, after(1));
    assert_eq!(done.next(after(1)), Next::Observe(1));
    assert_eq!(done.believed(0), Some(live(b"bad").into()));
}

#[test]
fn later_steps_believe_what_earlier_ones_proved() {
    let steps = vec![
        Step::act(api(), Action::Pause),
        Step::act(api(), undo()),
        Step::act(api(), Action::Restart),
    ];
    let run = consent(run(steps), "ben", AT).unwrap();
    assert!(!run.paused_by_itself(0));
    assert_eq!(run.believed(1), Some(live(b"bad").into()));
    let paused = LiveState { paused: true, ..live(b"bad") };
    let proof = Proof { after: paused.clone(), resource_version: "6".into(), found: false }.whole();
    let own = run.clone().end_step(0, Ended::Succeeded, Note::Paused, Some(proof.clone()), AT);
    assert_eq!(own.believed(1), Some(paused.into()));
    assert!(own.paused_by_itself(1));
    // The undo takes the pause away with the same patch.
    assert!(!undone_at(own, 1).paused_by_itself(2));
    // Paused by somebody else before: the step found it so, and that is not ours.
    let theirs = run.end_step(0, Ended::NoChange, Note::AlreadyPaused, Some(proof), AT);
    assert!(!theirs.paused_by_itself(1));
}

fn undone_at(run: Run, step: usize) -> Run {
    run.end_step(step, Ended::Succeeded, Note::Undone { revision: 2 }, Some(proof()), AT)
}

#[test]
fn pause_and_abort_wait_for_an_effect_and_for_nothing_else() {
    type Wish = fn(Run) -> Run;
    let wishes: [(Wish, StateName); 2] = [
        (|it| it.pause("user:eva", "look", AT).unwrap(), StateName::Paused),
        (|it| it.abort("user:eva", "stop", AT).unwrap(), StateName::Aborted),
    ];
    for (wish, expected) in wishes {
        // In the middle of an effect: noted, and granted before the next step.
        let meant = wish(approved().intend(0, intent(), AT));
        assert_eq!(meant.state.name(), StateName::Running);
        assert_eq!(meant.next(AT), Next::Look(0));
        let done = undone(meant, AT);
        assert_eq!(done.next(AT), Next::Honour);
        assert_eq!(done.honour(AT).state.name(), expected);
        // In the middle of waiting: at once.
        let waiting = wish(undone(approved(), AT).start_step(1, AT));
        assert_eq!(waiting.state.name(), expected);
        assert!(waiting.steps[0].ended(Ended::Succeeded));
    }
}

#[test]
fn an_interrupted_wait_begins_again_and_counts_as_one_try() {
    let waiting = undone(approved(), AT).start_step(1, AT);
    let paused = waiting.pause("user:eva", "look", after(3)).unwrap();
    assert_eq!(paused.steps[1].state, StepState::Pending);
    assert_eq!(paused.clone().resume("user:eva", " ", after(9)), Err(Refusal::ReasonMissing));
    let run = paused.resume("user:eva", "fine", after(9)).unwrap().start_step(1, after(9));
    assert_eq!((run.steps[1].attempts, run.steps[1].started_at()), (1, Some(after(9))));
    // However late somebody looks: it was waited for.
    assert_eq!(run.next(after(99_999)), Next::Observe(1));
}

#[test]
fn every_step_has_a_deadline_and_a_failed_run_says_which() {
    let run = approved().start_step(0, AT);
    assert_eq!((run.next(after(59)), run.next(after(60))), (Next::Act(0), Next::TimeOut(0)));
    let failed = run.end_step(0, Ended::Failed, Note::TimedOut { seconds: 60 }, None, after(60));
    let note = Note::TimedOut { seconds: 60 };
    assert_eq!(failed.state, State::Failed { at: after(60), step: 0, note });
    assert!(failed.steps[1].ended(Ended::Skipped));
    assert_eq!(failed.clone().abort("user:eva", "x", AT), Err(Refusal::Ended));

    let again = failed.retry("user:eva", "the network is back", after(99)).unwrap();
    assert_eq!(again.next(after(99)), Next::Act(0));
    assert_eq!(again.steps[1].state, StepState::Pending);
    assert_eq!(usual().retry("user:eva", "x", AT), Err(Refusal::NotFailed));
}

#[test]
fn a_try_with_an_unknown_end_is_looked_for_before_it_is_repeated() {
    let failed = approved().intend(0, intent(), AT).end_step(
        0,
        Ended::Failed,
        Note::TimedOut { seconds: 60 },
        None,
        after(60),
    );
    let again = failed.retry("user:eva", "back", after(70)).unwrap();
    assert_eq!(again.next(after(70)), Next::Look(0));
    assert_eq!(again.steps[0].state.intent(), Some(&intent()));
}

#[test]
fn a_step_is_tried_as_often_as_the_plan_says() {
    let mut step = Step::new("settle", StepKind::Wait { seconds: 5 });
    step.retries = 2;
    let mut run = consent(run(vec![step]), "ben", AT).unwrap();
    let trouble = || Note::Trouble { what: "no answer".into() };
    for _ in 0..2 {
        run = run.end_step(0, Ended::Failed, trouble(), None, AT);
        assert_eq!((run.state.name(), run.next(AT)), (StateName::Running, Next::Observe(0)));
    }
    let run = run.end_step(0, Ended::Failed, trouble(), None, AT);
    assert_eq!((run.state.name(), run.steps[0].attempts), (StateName::Failed, 3));
}

#[test]
fn no_change_ends_well_and_a_refusal_does_not() {
    let end = |how| approved().end_step(0, how, Note::AlreadyAt { revision: 2 }, None, AT);
    let run = end(Ended::NoChange);
    assert_eq!(run.next(AT), Next::Observe(1));
    let run = run.end_step(1, Ended::Succeeded, Note::Waited { seconds: 5 }, None, AT);
    assert_eq!(run.state, State::Succeeded { at: AT });
    assert_eq!(end(Ended::Refused).state.name(), StateName::Failed);
}

#[test]
fn a_kill_switch_stops_policies_and_asks_people_again() {
    let automatic = usual().approve_by_policy("default", 3, AT).unwrap();
    assert_eq!(automatic.approvals[0].by.actor(), "policy:default");
    let stopped = automatic.stopped_by(&switch(AT), AT).unwrap();
    assert_eq!(stopped.state.name(), StateName::Aborted);
    assert_eq!(stopped.approvals[0].standing, Standing::Void(AT));

    let paused = approved().stopped_by(&switch(AT), AT).unwrap();
    assert_eq!(paused.state.name(), StateName::Paused);
    let confirmed = paused.resume("user:asker", "it is mine to decide", after(1)).unwrap();
    assert_eq!(confirmed.stopped_by(&switch(AT), after(2)), None);
    assert!(confirmed.stopped_by(&switch(after(2)), after(2)).is_some(), "a newer switch");
    // A pause that a person wished is no confirmation of anything.
    let other = approved().start_step(0, AT).pause("user:eva", "look", AT).unwrap();
    assert_eq!(other.resume("user:eva", "fine", AT).unwrap().confirmed_at, None);
}

#[test]
fn no_confirmation_puts_a_fault_in_while_a_kill_switch_is_on() {
    let images = [("app".to_owned(), "app:bad".to_owned())].into();
    let fault = StepKind::Inject { workload: api(), images };
    let steps = vec![Step::new("break it", fault), Step::act(api(), Action::Pause)];
    let run = consent(run(steps), "ben", AT).unwrap();
    let stopped = run.stopped_by(&switch(AT), AT).unwrap();
    let confirmed = stopped.resume("user:asker", "go on", after(1)).unwrap();
    let again = confirmed.stopped_by(&switch(AT), after(2)).unwrap();
    assert_eq!(again.state.name(), StateName::Paused);
    // What comes after the fault is a person's own request like any other.
    let injected = confirmed.end_step(0, Ended::Succeeded, Note::ImagesSet, None, after(2));
    assert_eq!(injected.stopped_by(&switch(AT), after(3)), None);
}

#[test]
fn a_person_confirms_what_waits_for_them() {
    let steps = vec![
        Step::new("call", StepKind::Manual { instruction: "call".into(), evidence: false }),
        Step::new("agree", StepKind::Approval),
    ];
    let run = consent(run(steps), "ben", AT).unwrap();
    assert_eq!(run.clone().confirm(0, "user:eva", "", AT), Err(Refusal::NotWaiting));
    let run = run.start_step(0, AT).confirm(0, "user:asker", "done", AT).unwrap();
    assert_eq!(run.clone().confirm(0, "user:eva", "", AT), Err(Refusal::NotWaiting));
    let run = run.start_step(1, AT);
    let own = run.clone().confirm(1, "user:asker", "", AT);
    assert_eq!(own, Err(Refusal::Approval(Unapproved::OwnRequest)));
    assert_eq!(run.confirm(1, "user:eva", "", AT).unwrap().state.name(), StateName::Succeeded);
}

#[derive(Clone, Debug)]
enum Event {
    Approve,
    Reject,
    Pause,
    Resume,
    Abort,
    Retry,
    Supersede,
    Switch,
    /// What `next` asks for, with this outcome, after this many seconds.
    Work(Ended, i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let outcome = prop::sample::select(vec![
        Ended::Succeeded,
        Ended::NoChange,
        Ended::Refused,
        Ended::Failed,
    ]);
    let event = prop_oneof![
        2 => Just(Event::Approve),
        1 => Just(Event::Reject),
        2 => Just(Event::Pause),
        2 => Just(Event::Resume),
        1 => Just(Event::Abort),
        2 => Just(Event::Retry),
        1 => Just(Event::Supersede),
        1 => Just(Event::Switch),
        8 => (outcome, 0..400i64).prop_map(|(how, s)| Event::Work(how, s)),
    ];
    prop::collection::vec(event, 0..40)
}

proptest! {
    /// Whatever comes in whatever order: nothing acts without a standing consent, what has ended stays as it is,
    /// and a run is never without a next step or an end.
    #[test]
    fn no_order_of_events_breaks_a_run(events in events()) {
        let mut run = usual();
        let mut now = AT;
        for event in events {
            let before = run.clone();
            let by = "user:eva";
            let result = match event {
                Event::Approve => consent(run, "ben", now),
                Event::Reject => {
                    let digest = run.plan.digest().to_string();
                    run.decide(&sre("eva"), &digest, Decision::Reject, "no", now)
                }
                Event::Pause => run.pause(by, "x", now),
                Event::Resume => run.resume(by, "x", now),
                Event::Abort => run.abort(by, "x", now),
                Event::Retry => run.retry(by, "x", now),
                Event::Supersede => Ok(run.supersede(vec![Moved::Gone { workload: api() }], now)),
                Event::Switch => match run.next(now) {
                    Next::Act(_) => Ok(run.stopped_by(&switch(now), now).unwrap_or(run)),
                    _ => Ok(run),
                },
                Event::Work(how, seconds) => {
                    now += TimeDelta::seconds(seconds);
                    let next = run.next(now);
                    if let Next::Act(_) | Next::Look(_) = next {
                        prop_assert!(run.required.met_by(&run.approvals), "{run:?}");
                    }
                    Ok(match next {
                        Next::Nothing { .. } => run,
                        Next::Escalate => run.escalate(now),
                        Next::Expire => run.expire(now),
                        Next::Honour => run.honour(now),
                        Next::Act(step) if how == Ended::Failed => run.intend(step, intent(), now),
                        Next::TimeOut(step) => {
                            run.end_step(step, Ended::Failed, Note::TimedOut { seconds: 1 }, None, now)
                        }
                        Next::Act(step) | Next::Look(step) | Next::Observe(step) => {
                            run.end_step(step, how, Note::AlreadyPaused, None, now)
                        }
                    })
                }
            };
            run = result.unwrap_or_else(|_| before.clone());
            if before.state.is_terminal() && run != before {
                prop_assert!(matches!(before.state, State::Failed { .. }), "{before:?}");
            }
            match &run.state {
                State::Approved { .. } | State::Running { .. } => prop_assert!(
                    !matches!(run.next(now), Next::Nothing { .. }),
                    "{run:?}"
                ),
                State::Succeeded { .. } => {
                    prop_assert!(run.steps.iter().all(|it| it.ended(Ended::Succeeded) || it.ended(Ended::NoChange)));
                }
                state if state.is_terminal() => {
                    prop_assert!(run.steps.iter().all(|it| it.state.is_ended()));
                }
                _ => {}
            }
        }
    }
}
