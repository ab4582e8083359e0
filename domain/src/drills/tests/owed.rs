//! What a drill owes: protections that are back, evidence in time, and values that are known.

use proptest::prelude::*;

use super::*;
use crate::measurements::{Finding, Mark, Measuring, Take, Window};
use crate::plans::Protection;

fn person(what: &str, protection: Option<Protection>) -> Step {
    let kind = StepKind::Manual { instruction: what.into(), evidence: false };
    Step { protection, ..Step::new(what, kind) }
}

fn pauses(name: &str) -> Step {
    person("stop it", Some(Protection::Pauses(name.into())))
}

fn resumes(name: &str) -> Step {
    person("start it", Some(Protection::Resumes(name.into())))
}

fn of(steps: Vec<Step>) -> Run {
    let new = NewRun {
        service: None,
        purpose: Purpose::Drill(DrillId(Uuid::nil())),
        plan: Plan::new(steps, vec![]),
        required: crate::approvals::Required::usual(at(1)),
        requested_by: "user:starter".into(),
        reason: "drill".into(),
        at: at(1),
    };
    Run::new(run_id(), new)
}

fn end(run: Run, step: usize, how: Ended, from: i64, to: i64) -> Run {
    let note = Note::Person { by: "user:lead".into(), reason: String::new() };
    run.start_step(step, at(from)).end_step(step, how, note, None, at(to))
}

fn stretch(name: &str, from: i64, to: Option<i64>) -> Unprotected {
    Unprotected { name: name.into(), from: at(from), to: to.map(at), resumed_by: None, note: None }
}

#[test]
fn what_a_step_may_have_paused_is_unprotected_until_another_has_resumed_it() {
    let plan = || of(vec![pauses("wal"), person("look", None), resumes("wal")]);
    assert_eq!(unprotected(&plan()), []);
    // Nobody knows when within the step it was stopped; so it was at once.
    let begun = plan().start_step(0, at(2));
    assert_eq!(unprotected(&begun), [stretch("wal", 2, None)]);
    let paused = end(plan(), 0, Ended::Succeeded, 2, 5);
    assert_eq!(unprotected(&paused), [stretch("wal", 2, None)]);
    let resumed = end(end(paused.clone(), 1, Ended::Succeeded, 5, 8), 2, Ended::Succeeded, 8, 9);
    assert_eq!(unprotected(&resumed), [stretch("wal", 2, Some(9))]);
    let failed = end(end(paused, 1, Ended::Succeeded, 5, 8), 2, Ended::Failed, 8, 9);
    assert_eq!(unprotected(&failed), [stretch("wal", 2, None)], "what failed has resumed nothing");
    for (how, expected) in [
        (Ended::NoChange, vec![stretch("wal", 2, None)]),
        (Ended::Failed, vec![stretch("wal", 2, None)]),
        (Ended::Refused, vec![]),
    ] {
        assert_eq!(unprotected(&end(plan(), 0, how, 2, 5)), expected, "{how:?}");
    }
    let other = of(vec![pauses("wal"), resumes("backup")]);
    let other = end(end(other, 0, Ended::Succeeded, 2, 3), 1, Ended::Succeeded, 3, 4);
    assert_eq!(unprotected(&other), [stretch("wal", 2, None)], "another one was resumed");
}

#[test]
fn what_never_reached_the_cluster_paused_nothing() {
    let step = Step { protection: Some(Protection::Pauses("sync".into())), ..fault() };
    let run = of(vec![step]).start_step(0, at(2));
    assert_eq!(unprotected(&run), []);
    let before = super::run().plan.live()[0].clone();
    let intent = Intent { before: before.clone(), expected: before, stamp: at(2) }.whole();
    assert_eq!(unprotected(&run.intend(0, intent, at(3))), [stretch("sync", 2, None)]);
}

#[test]
fn a_drill_that_is_given_up_owes_what_it_has_paused() {
    let plan = of(vec![pauses("wal"), resumes("wal")]);
    let paused = end(plan, 0, Ended::Succeeded, 2, 3);
    let drill = Drill { targets: vec![], ..planned() }.start(run_id()).unwrap().follow(&paused);
    let owed = Against::ProtectionPaused { name: "wal".into() };
    assert!(refusals(&drill, "pmo", at(4)).contains(&owed));
    assert_eq!(owed.code(), "protection_paused");

    let aborted = drill.cancel("a real fire".into(), true).unwrap();
    let gone_on = aborted.clone().follow(&end(paused.clone(), 1, Ended::Succeeded, 5, 7));
    assert_eq!(gone_on.unprotected, [stretch("wal", 2, Some(7))], "its run resumed it");
    let nothing = aborted.clone().resume("backup", "seen".into(), "user:helper", None, at(9));
    assert_eq!(nothing, Err(Refusal::NotPaused));
    let resumed = aborted
        .resume("wal", "lag is 0 again".into(), "user:helper", Some("helper"), at(9))
        .unwrap();
    assert_eq!(resumed.owed().count(), 0);
    assert_eq!(resumed.unprotected[0].resumed_by.as_deref(), Some("user:helper"));
    assert!(matches!(resumed.state, State::Aborted { .. }) && resumed.has_part("helper"));
    assert_eq!(resumed.unprotected[0].length(at(99)), TimeDelta::minutes(7));
    // The run says later what is known already.
    assert_eq!(resumed.clone().follow(&paused).unprotected, resumed.unprotected);
    // Paused again after that it is owed again.
    let again = end(of(vec![pauses("wal"), resumes("wal")]), 0, Ended::Succeeded, 20, 21);
    assert_eq!(resumed.follow(&again).unprotected[1], stretch("wal", 20, None));
}

#[test]
fn a_signature_waits_for_what_is_paused() {
    let drill = Drill { unprotected: vec![stretch("wal", 2, None)], ..complete(10) };
    let Err(Unsigned::Refused(reasons)) =
        drill.clone().sign_off("pmo", String::new(), None, at(30))
    else {
        panic!("it was signed")
    };
    assert_eq!(reasons, [Against::ProtectionPaused { name: "wal".into() }]);
    let resumed = drill.resume("wal", "seen".into(), "user:helper", None, at(12)).unwrap();
    assert!(resumed.sign_off("pmo", String::new(), None, at(30)).is_ok());
}

proptest! {
    /// However the steps end and whoever is asked how often: nothing that was paused is forgotten.
    #[test]
    fn what_is_paused_is_resumed_or_owed(ends in prop::collection::vec(0usize..4, 1..6), again in 0usize..4) {
        let steps: Vec<Step> = (0..ends.len())
            .map(|n| if n % 2 == 0 { pauses("wal") } else { resumes("wal") }).collect();
        let mut run = of(steps);
        let mut drill = planned().start(run_id()).unwrap();
        let mut paused = false;
        for (n, how) in ends.iter().enumerate() {
            let how = [Ended::Succeeded, Ended::NoChange, Ended::Failed, Ended::Refused][*how];
            if run.state.is_terminal() {
                break;
            }
            let minute = 10 * n as i64 + 2;
            run = end(run, n, how, minute, minute + 5);
            for _ in 0..=again {
                drill = drill.follow(&run);
            }
            paused = match (n % 2, how) {
                (0, Ended::Refused) => paused,
                (0, _) => true,
                (_, Ended::Succeeded | Ended::NoChange) => false,
                _ => paused,
            };
            prop_assert_eq!(drill.owed().count(), usize::from(paused));
            prop_assert!(drill.unprotected.iter().all(|it| it.to.is_none_or(|to| to >= it.from)));
        }
    }
}

#[test]
fn evidence_that_came_late_stays_late() {
    let drill = complete(10);
    let [shot, log] = &drill.requirements[..] else { panic!("two requirements") };
    // T0 is minute 3, T1 minute 10.
    let by = |it: &Requirement| it.deadline(&drill.times, drill.closure_limit());
    assert_eq!((by(shot), by(log)), (Some(at(123)), Some(at(10 + 24 * 60))));
    assert!(!shot.is_late(by(shot), at(99_999)) && !log.is_late(by(log), at(99_999)));
    let late = recovered(8).prove(&file(EvidenceKind::Screenshot, 1, 124));
    let [shot, log] = &late.requirements[..] else { panic!("two requirements") };
    assert!(shot.is_late(Some(at(123)), at(124)));
    let deadline = log.deadline(&late.times, late.closure_limit());
    assert_eq!(deadline, Some(at(124 + 24 * 60)));
    assert!(!log.is_late(deadline, at(124 + 24 * 60)) && log.is_late(deadline, at(125 + 24 * 60)));
    assert!(!log.is_late(None, at(99_999)), "without T1 nothing runs");
}

#[test]
fn an_explanation_names_the_class_of_its_cause() {
    let unclassed = Issue { class: None, ..issue(Some(RTO), "slow disk", "a faster one") };
    assert!(!unclassed.explains(RTO));
    assert!(issue(Some(RTO), "slow disk", "a faster one").explains(RTO));
}

fn by_query(for_s: u32) -> Target {
    let measure = Measuring {
        prometheus: None,
        query: "up".into(),
        take: Take::Max,
        until: None,
        from: Mark::T0,
        to: None,
        for_s: Some(for_s),
        baseline_s: None,
        coverage: 0.9,
        step_s: 15,
    };
    Target { measure: Some(measure), ..Target::within("p95", 5.0) }
}

#[test]
fn a_target_is_measured_once_its_window_is_over_and_nothing_is_signed() {
    let targets = vec![by_query(600), Target::within(RTO, 900.0)];
    let names = |drill: &Drill, minute| {
        drill.to_measure(at(minute)).iter().map(|it| it.name.clone()).collect::<Vec<_>>()
    };
    let drill = Drill { targets, ..running() };
    assert_eq!(drill.window_of(&drill.targets[0]), Some(Window { from: at(3), to: at(13) }));
    assert_eq!(names(&drill, 13), [""; 0]);
    assert_eq!(names(&drill, 14), ["p95"]);
    assert_eq!(drill.outcome(at(14)), Outcome::Incomplete);
    let none = crate::measurements::Answer {
        window: Window { from: at(3), to: at(13) },
        series: Err(Finding::NoData),
    };
    let unknown = drill.targets[0].measure(&none, None, "prometheus", at(14)).unwrap();
    let with = |it: Measurement| Drill { measurements: vec![it], ..drill.clone() };
    assert_eq!(names(&with(unknown.clone()), 14), [""; 0], "a moment ago");
    assert_eq!(names(&with(unknown.clone()), 15), ["p95"]);
    let aborted = with(unknown).cancel("rain".into(), true).unwrap();
    assert_eq!(names(&aborted, 99), [""; 0]);
    let signed = Drill { targets: drill.targets, ..complete(10) };
    let signed = signed.sign_off("pmo", String::new(), None, at(30)).unwrap();
    assert_eq!(signed.state.sign_off().unwrap().outcome, Outcome::Incomplete);
    assert_eq!(names(&signed, 99), [""; 0]);
}

#[test]
fn t0_and_t1_around_the_end_of_summer_time_are_an_hour_apart_less() {
    use crate::texts::{self, Lang};
    let berlin = chrono_tz::Europe::Berlin;
    // 02:50 is there twice on this day.
    let t0: DateTime<Utc> = "2026-10-25T00:50:00Z".parse().unwrap();
    let t1: DateTime<Utc> = "2026-10-25T01:50:00Z".parse().unwrap();
    let drill =
        Drill { times: Times { t0: Some(t0), t1: Some(t1), ..Times::default() }, ..planned() };
    assert_eq!(texts::time(t0, &berlin), "2026-10-25 02:50:00 UTC+2");
    assert_eq!(texts::time(t1, &berlin), "2026-10-25 02:50:00 UTC+1");
    let closure = drill.closure().unwrap();
    assert_eq!(texts::duration(Lang::En, closure), "1 h");
}
