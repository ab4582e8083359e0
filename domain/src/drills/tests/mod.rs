mod owed;
mod whole;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::closing::{Outcome, Refusal as Against};
use super::*;
use crate::canonical::Digest;
use crate::evidence::{Evidence, EvidenceKind, Sha256};
use crate::ids::EvidenceId;
use crate::measurements::{Comparison, RTO};
use crate::plans::{LiveState, Plan, StepKind};
use crate::rollbacks::{Rollback, State as RollbackState, Times as RollbackTimes, Trigger};
use crate::runs::{Ended, Intent, NewRun, Note, Proof, Purpose, Run};
use crate::services::{WorkloadKind, WorkloadRef};
use crate::verdict::Verdict;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn api() -> WorkloadRef {
    WorkloadRef {
        cluster: "lab".into(),
        namespace: "shop".into(),
        kind: WorkloadKind::Deployment,
        name: "api".into(),
    }
}

fn fault() -> Step {
    let images = [("api".to_owned(), "api:bad".to_owned())].into();
    Step::new("break api", StepKind::Inject { workload: api(), images })
}

fn planned() -> Drill {
    Drill {
        number: "DR-19700101-01".into(),
        workload: Some(WorkloadId(Uuid::nil())),
        steps: vec![fault()],
        lead: Some("lead".into()),
        participants: vec!["member".into()],
        planned_by: "user:planner".into(),
        targets: vec![Target::within(RTO, 900.0)],
        requirements: vec![
            Requirement::open(EvidenceKind::Screenshot, Due::T1),
            Requirement::open(EvidenceKind::Log, Due::Day),
        ],
        ..Drill::of("bad image".into(), DrillType::Simulation, at(0))
    }
}

fn proof() -> Sha256 {
    Sha256::new([7; 32])
}

fn run_id() -> RunId {
    RunId(Uuid::from_u128(7))
}

fn run() -> Run {
    let live = LiveState {
        workload: api(),
        uid: "u".into(),
        digest: Digest::of(b"good"),
        revision: 1,
        paused: false,
        replicas: None,
        steering: None,
    };
    let new = NewRun {
        service: None,
        purpose: Purpose::Drill(DrillId(Uuid::nil())),
        plan: Plan::new(vec![fault()], vec![live]),
        required: crate::approvals::Required::usual(at(1)),
        requested_by: "user:starter".into(),
        reason: "drill".into(),
        at: at(1),
    };
    Run::new(run_id(), new)
}

/// A run whose fault ended like this at minute 3.
fn ended(how: Ended) -> Run {
    let after = LiveState { digest: Digest::of(b"bad"), ..run().plan.live()[0].clone() };
    let before = run().plan.live()[0].clone();
    let intent = Intent { before, expected: after.clone(), stamp: at(2) }.whole();
    let proof = Proof { after, resource_version: "1".into(), found: false }.whole();
    let proof = (how == Ended::Succeeded).then_some(proof);
    run().intend(0, intent, at(2)).end_step(0, how, Note::ImagesSet, proof, at(3))
}

fn running() -> Drill {
    let drill = planned().start(run_id()).unwrap();
    drill.follow(&ended(Ended::Succeeded))
}

/// Detected after one minute, and healthy at that minute if at all.
fn rollback(healthy: Option<i64>) -> Rollback {
    Rollback {
        id: RollbackId(Uuid::from_u128(9)),
        number: "RB-19700101-01".into(),
        service: ServiceId(Uuid::nil()),
        service_name: "api".into(),
        workload: Some(WorkloadId(Uuid::nil())),
        members: vec![],
        drill: None,
        follows: None,
        trigger: Trigger::Alert { alerts: vec![] },
        decision: None,
        from: None,
        target: None,
        run: None,
        plan_digest: None,
        asked: 1,
        state: RollbackState::Verifying,
        times: RollbackTimes {
            detected_at: Some(at(4)),
            healthy_at: healthy.map(at),
            ..RollbackTimes::default()
        },
        verification: crate::rollbacks::Verification::default(),
        observation_s: 60,
        created_at: at(4),
        ended_at: None,
    }
}

fn recovered(minute: i64) -> Drill {
    running().see(&Seen { rollback: &rollback(Some(minute)), run: None })
}

fn file(kind: EvidenceKind, content: u8, minute: i64) -> Evidence {
    Evidence {
        id: EvidenceId(Uuid::nil()),
        sha256: Sha256::new([content; 32]),
        size: 1,
        media_type: "image/png".into(),
        name: "a.png".into(),
        kind,
        subject: "drills/DR-19700101-01".into(),
        restricted: false,
        uploaded_by: "user:somebody".into(),
        uploaded_at: at(minute),
        erased: None,
    }
}

fn complete(minute: i64) -> Drill {
    let shot = file(EvidenceKind::Screenshot, 1, minute);
    let log = file(EvidenceKind::Log, 2, minute + 1);
    recovered(8).prove(&shot).prove(&log)
}

fn issue(about: Option<&str>, cause: &str, remedy: &str) -> Issue {
    Issue {
        text: "it was slow".into(),
        about: about.map(str::to_owned),
        class: about.map(|_| CauseClass::Procedure),
        cause: cause.into(),
        remedy: remedy.into(),
        by: "user:lead".into(),
        at: at(20),
    }
}

fn action(critical: bool) -> ActionItem {
    ActionItem {
        position: 0,
        text: "alert sooner".into(),
        owner: "owner".into(),
        due: at(9000),
        critical,
        verified: None,
    }
}

#[test]
fn t0_is_when_the_fault_is_proven() {
    let drill = planned().start(run_id()).unwrap();
    assert_eq!(drill.clone().follow(&run()).times, Times::default());
    let drill = drill.follow(&ended(Ended::Succeeded));
    assert_eq!((drill.times.injected_at, drill.times.t0), (Some(at(2)), Some(at(3))));
    assert_eq!(drill.state, State::Running);
    assert!(!drill.has_part("starter"), "starting it is keeping the ledger");
}

#[test]
fn a_fault_is_known_before_it_is_proven() {
    let bad = Digest::of(b"bad");
    let before = run().plan.live()[0].clone();
    let expected = LiveState { digest: bad.clone(), ..before.clone() };
    let begun = run().intend(0, Intent { before, expected, stamp: at(2) }.whole(), at(2));
    for run in [begun, ended(Ended::Succeeded)] {
        assert!(Injection::is_of(&run, &api(), &bad));
        assert!(!Injection::is_of(&run, &api(), &Digest::of(b"good")));
        let other = WorkloadRef { name: "web".into(), ..api() };
        assert!(!Injection::is_of(&run, &other, &bad));
    }
    assert!(!Injection::is_of(&run(), &api(), &bad), "nothing was begun");
}

#[test]
fn what_ends_before_the_fault_is_there_ends_the_drill_or_leaves_it_planned() {
    let started = || planned().start(run_id()).unwrap();
    let expired = run().expire(at(100));
    assert_eq!(started().follow(&expired).state, State::Planned);
    let aborted = run().abort("user:a", "not today", at(2)).unwrap();
    assert!(matches!(started().follow(&aborted).state, State::Aborted { .. }));
    for how in [Ended::Failed, Ended::Refused, Ended::NoChange] {
        let drill = started().follow(&ended(how));
        assert!(matches!(drill.state, State::Aborted { .. }), "{how:?}: {:?}", drill.state);
        assert_eq!(drill.times.t0, None);
    }
    // A run of before says nothing about the newer one.
    let other = Run { id: RunId(Uuid::from_u128(8)), ..expired };
    assert_eq!(started().follow(&other).state, State::Running);
}

#[test]
fn the_rollbacks_clocks_measure_the_recovery() {
    let drill = running().see(&Seen { rollback: &rollback(None), run: None });
    assert_eq!((drill.state.clone(), drill.measurement(RTO)), (State::Running, None));
    let detect = drill.measurement("mttd").unwrap();
    assert_eq!((detect.value, detect.verdict), (Some(60.0), None));

    let drill = drill.see(&Seen { rollback: &rollback(Some(8)), run: None });
    let rto = drill.measurement(RTO).unwrap();
    assert_eq!((rto.value, rto.verdict), (Some(300.0), Some(Verdict::Pass)));
    assert_eq!(rto.source, "rollback RB-19700101-01");
    assert_eq!((drill.state, drill.times.recovered_at), (State::Recovered, Some(at(8))));
    assert_eq!(
        recovered(60).measurement(RTO).and_then(|it| it.verdict),
        Some(Verdict::Fail),
        "57 minutes are more than 15"
    );
}

#[test]
fn t1_takes_the_recovery_and_the_evidence_due_by_then_in_any_order() {
    let shot = file(EvidenceKind::Screenshot, 1, 12);
    let log = file(EvidenceKind::Log, 2, 13);
    let after = recovered(8).prove(&shot);
    assert_eq!((after.state.clone(), after.times.t1), (State::Recovered, Some(at(12))));
    assert_eq!(after.closure(), Some(TimeDelta::minutes(9)));
    assert_eq!(after.prove(&log).state, State::EvidenceComplete);

    let early = file(EvidenceKind::Screenshot, 1, 5);
    let before = running().prove(&early).prove(&log);
    assert_eq!((before.state.clone(), before.times.t1), (State::Running, None));
    let before = before.see(&Seen { rollback: &rollback(Some(8)), run: None });
    assert_eq!((before.state, before.times.t1), (State::EvidenceComplete, Some(at(8))));
}

#[test]
fn one_file_counts_once() {
    let mut requirements = Requirement::usual();
    for (kind, content) in [
        (EvidenceKind::Screenshot, 1),
        (EvidenceKind::Screenshot, 1),
        (EvidenceKind::Log, 1),
        (EvidenceKind::Screenshot, 2),
        (EvidenceKind::Other, 3),
    ] {
        satisfy(&mut requirements, &file(kind, content, 0));
    }
    let met = requirements.iter().filter(|it| it.satisfied_by.is_some()).count();
    assert_eq!((met, requirements.len()), (2, 5));
}

#[test]
fn a_person_records_a_recovery_that_no_rollback_measures() {
    let open = rollback(None);
    let refused = running().recover(Some(&open), "user:lead", Some("lead"), at(9));
    assert_eq!(refused, Err(Refusal::RollbackOpen));
    assert_eq!(planned().recover(None, "user:lead", None, at(9)), Err(Refusal::NotBegun));
    let drill = running().recover(None, "user:helper", Some("helper"), at(9)).unwrap();
    let rto = drill.measurement(RTO).unwrap();
    assert_eq!((rto.value, rto.source.as_str()), (Some(360.0), "recorded by user:helper"));
    assert!(drill.has_part("helper"));
    assert_eq!(drill.recover(None, "user:lead", None, at(9)), Err(Refusal::Over));
}

/// Every reason by itself: what is changed about a drill that could be signed, who signs, and what is said.
#[test]
fn each_reason_stands_by_itself() {
    let log = EvidenceKind::Log;
    let late = |drill: Drill| Drill { times: Times { t1: Some(at(200)), ..drill.times }, ..drill };
    let slow = |drill: Drill| Drill {
        measurements: vec![Measurement {
            verdict: Some(Verdict::Fail),
            ..drill.measurements[1].clone()
        }],
        ..drill
    };
    let unexplained = Against::TargetUnexplained { name: RTO.into() };
    let open = Against::CriticalActionOpen { position: 1, text: "alert sooner".into() };
    let part = |name: &str| Against::SignerTookPart { name: name.into() };
    let cases: Vec<(&str, Drill, &str, Vec<Against>)> = vec![
        ("nothing", complete(10), "pmo", vec![]),
        (
            "evidence within a day",
            recovered(8).prove(&file(EvidenceKind::Screenshot, 1, 10)),
            "pmo",
            vec![Against::EvidenceMissing { kind: log, count: 1 }],
        ),
        (
            "evidence at T1",
            recovered(8).prove(&file(log, 2, 10)),
            "pmo",
            vec![
                Against::NoT1,
                Against::EvidenceMissing { kind: EvidenceKind::Screenshot, count: 1 },
            ],
        ),
        ("over target", slow(complete(10)), "pmo", vec![unexplained.clone()]),
        (
            "over target without a remedy",
            slow(complete(10)).add_issue(issue(Some(RTO), "slow disk", "")).unwrap(),
            "pmo",
            vec![unexplained],
        ),
        (
            "over target, explained",
            slow(complete(10)).add_issue(issue(Some(RTO), "slow disk", "a faster one")).unwrap(),
            "pmo",
            vec![],
        ),
        ("overrun", late(complete(10)), "pmo", vec![Against::OverrunUnexplained]),
        (
            "overrun, looked into",
            late(complete(10)).add_issue(issue(Some(CLOSURE), "lunch", "eat sooner")).unwrap(),
            "pmo",
            vec![],
        ),
        ("critical action", complete(10).add_action(action(true)).unwrap(), "pmo", vec![open]),
        ("another action", complete(10).add_action(action(false)).unwrap(), "pmo", vec![]),
        (
            "critical action done",
            complete(10)
                .add_action(action(true))
                .unwrap()
                .verify(1, proof(), "pmo", at(20))
                .unwrap(),
            "pmo",
            vec![],
        ),
        ("the lead", complete(10), "lead", vec![part("lead")]),
        ("a participant", complete(10), "member", vec![part("member")]),
        ("who began it", complete(10), "starter", vec![]),
        ("who uploaded", complete(10), "somebody", vec![]),
    ];
    for (what, drill, signer, expected) in cases {
        assert_eq!(closing::refusals(&drill, signer, at(30)), expected, "{what}");
        let signed = drill.sign_off(signer, String::new(), None, at(30));
        assert_eq!(signed.is_ok(), expected.is_empty(), "{what}");
    }
}

#[test]
fn all_reasons_come_at_once() {
    let mut drill = running().add_action(action(true)).unwrap();
    drill.measurements = recovered(60).measurements;
    let codes = |it: &Against| it.code();
    let found: Vec<_> = closing::refusals(&drill, "lead", at(300)).iter().map(codes).collect();
    assert_eq!(
        found,
        [
            "not_recovered",
            "no_t1",
            "evidence_missing",
            "evidence_missing",
            "target_unexplained",
            "overrun_unexplained",
            "critical_action_open",
            "signer_took_part",
        ]
    );
}

#[test]
fn approvers_of_the_run_took_part() {
    let approver = crate::approvals::Approver {
        name: "approver".into(),
        roles: vec![crate::access::Role::Sre],
    };
    let digest = run().plan.digest().to_string();
    let approve = crate::approvals::Decision::Approve;
    let run = run().decide(&approver, &digest, approve, "", at(2)).unwrap();
    let drill = planned().start(run_id()).unwrap().follow(&run);
    assert!(drill.has_part("approver"));
    let seen = rollback(None);
    let drill = running().see(&Seen { rollback: &seen, run: Some(&run) });
    assert!(drill.has_part("approver"), "of the rollback, too");
}

#[test]
fn the_signature_says_how_it_came_out() {
    let sign = |drill: Drill, outcome| {
        let drill = drill.sign_off("pmo", "well done".into(), outcome, at(30))?;
        let signed = drill.state.sign_off().unwrap().clone();
        Ok::<_, Unsigned>((signed.outcome, signed.retest_due))
    };
    assert_eq!(sign(complete(10), None), Ok((Outcome::Passed, None)));
    let with_action = complete(10).add_action(action(false)).unwrap();
    assert_eq!(sign(with_action.clone(), None), Ok((Outcome::PassedWithConditions, None)));
    let better = sign(with_action, Some(Outcome::Passed));
    assert_eq!(better, Err(Refusal::BetterThanMeasured.into()));
    let worse = sign(complete(10), Some(Outcome::Failed));
    assert_eq!(worse, Ok((Outcome::Failed, Some(at(30) + TimeDelta::days(30)))));
    let unmeasured = Drill { targets: vec![Target::within("rpo", 300.0)], ..complete(10) };
    assert_eq!(sign(unmeasured, None), Ok((Outcome::Incomplete, None)));

    let signed = complete(10).sign_off("pmo", String::new(), None, at(30)).unwrap();
    assert_eq!(
        signed.clone().sign_off("pmo", String::new(), None, at(31)),
        Err(Refusal::Over.into())
    );
    assert_eq!(signed.add_issue(issue(None, "", "")), Err(Refusal::Over));
}

#[test]
fn nobody_verifies_their_own_action_item() {
    let drill = complete(10).add_action(action(true)).unwrap();
    assert_eq!(drill.clone().verify(1, proof(), "owner", at(20)), Err(Refusal::OwnItem));
    assert_eq!(drill.clone().verify(2, proof(), "pmo", at(20)), Err(Refusal::UnknownItem));
    let drill = drill.verify(1, proof(), "pmo", at(20)).unwrap();
    assert_eq!(drill.verify(1, proof(), "other", at(21)), Err(Refusal::VerifiedAlready));
}

#[test]
fn it_ends_as_what_it_was() {
    let cancel = |it: Drill, acted| it.cancel("rain".into(), acted).map(|it| it.state.name());
    assert_eq!(cancel(planned(), false), Ok(StateName::Cancelled));
    let started = planned().start(run_id()).unwrap();
    assert_eq!(cancel(started.clone(), false), Ok(StateName::Cancelled));
    assert_eq!(cancel(started, true), Ok(StateName::Aborted));
    assert_eq!(cancel(running(), false), Ok(StateName::Aborted));
    assert_eq!(cancel(recovered(8), true), Err(Refusal::Over));
    assert_eq!(planned().miss(at(24 * 60)).state, State::Planned);
    assert_eq!(planned().miss(at(24 * 60 + 1)).state, State::Missed { reason: None });
    assert_eq!(running().miss(at(9000)).state, State::Running);
}

#[test]
fn targets_are_absolute_or_relative() {
    let relative = Target {
        name: "p95".into(),
        unit: "s".into(),
        comparison: Comparison::AtMost,
        limit: 1.1,
        baseline: Some(2.0),
        measure: None,
    };
    let least = Target { comparison: Comparison::AtLeast, ..Target::within("hits", 0.8) };
    for (target, value, verdict) in [
        (&relative, 2.2, Verdict::Pass),
        (&relative, 2.3, Verdict::Fail),
        (&least, 0.8, Verdict::Pass),
        (&least, 0.7, Verdict::Fail),
        (&least, f64::NAN, Verdict::Unknown),
    ] {
        assert_eq!(target.verdict(value), verdict, "{target:?} {value}");
    }
}
