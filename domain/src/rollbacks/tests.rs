use uuid::Uuid;

use super::proposal::{Around, ChangedConfig};
use super::*;
use crate::checks::CheckResult;
use crate::decisions::{Cause, Decision, Disposition, Outcome, Strategy};
use crate::plans::{ObjectRef, Plan, Protection};
use crate::revisions::Contents;
use crate::workloads::{self, Owner, Rollout, Workload, WorkloadKind};

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

fn deployment() -> Workload {
    let digest = Digest::of(b"template");
    Workload {
        id: WorkloadId(Uuid::nil()),
        cluster: "lab".into(),
        namespace: "shop".into(),
        kind: WorkloadKind::Deployment,
        name: "api".into(),
        service: None,
        uid: "u".into(),
        owner: Owner::None,
        paused: false,
        paused_by_us: false,
        replicas: 2,
        ready: 2,
        updated: 2,
        rollout: Rollout::Settled,
        live: workloads::Live {
            revision: 3,
            digest: digest.clone(),
            config_digest: digest,
            images: vec![],
        },
        update: None,
        last_applied: false,
        canary: None,
        conditions: vec![],
        healthy_since: None,
        seen_at: T0,
        gone_at: None,
    }
}

fn proposed(strategy: Strategy, around: &Around) -> Option<Plan> {
    let decision = Decision {
        id: None,
        service: "pay".into(),
        at: T0,
        follows: None,
        rollback_id: None,
        outcome: Outcome::Human,
        disposition: Disposition::Ask,
        score: 1.0,
        confidence: 0.4,
        cause: Cause::Unknown,
        strategy,
        target: None,
        warnings: vec![],
        rules: vec![],
    };
    proposal::plan(&decision, &deployment(), around)
}

fn actions(plan: &Plan) -> Vec<String> {
    plan.steps().iter().map(|it| it.name.clone()).collect()
}

#[test]
fn a_configuration_goes_back_map_by_map_and_then_new_pods_read_it() {
    let contents = |value: &str| Contents {
        data: [("level".to_owned(), value.to_owned())].into(),
        ..Contents::default()
    };
    let changed = |name: &str, now: Option<Contents>| ChangedConfig {
        name: name.into(),
        now,
        target: contents("1").digest(),
    };
    let configs = vec![changed("env", Some(contents("2"))), changed("files", Some(contents("3")))];
    let around = Around { configs, ..Around::default() };
    let plan = proposed(Strategy::ConfigRestore, &around).unwrap();
    assert_eq!(
        actions(&plan),
        ["config_restore env", "config_restore files", "restart api", "wait_rollout api"]
    );
    // What the ledger knows of them is what the API server shows, whichever object has the name.
    let read = serde_json::json!({"metadata": {"uid": "x"}, "data": {"level": "2"}});
    let env = &plan.objects()[0];
    assert!(env.looks_like(&env.object.live(Some(&read))));
    let other = serde_json::json!({"metadata": {"uid": "x"}, "data": {"level": "9"}});
    assert!(!env.looks_like(&env.object.live(Some(&other))));
    // Nothing changed, or what it holds now is not known: a person has to look.
    assert_eq!(proposed(Strategy::ConfigRestore, &Around::default()), None);
    let gone = Around { configs: vec![changed("env", None)], ..Around::default() };
    assert_eq!(proposed(Strategy::ConfigRestore, &gone), None);
}

#[test]
fn weak_nodes_are_closed_before_any_is_emptied_and_only_where_there_is_room_elsewhere() {
    let bad_nodes = vec!["n1".to_owned(), "n2".to_owned()];
    let around = Around { bad_nodes, good_elsewhere: true, ..Around::default() };
    let plan = proposed(Strategy::DrainAndShrink, &around).unwrap();
    assert_eq!(
        actions(&plan),
        ["cordon n1", "cordon n2", "drain n1", "drain n2", "wait_rollout api"]
    );
    let open = serde_json::json!({"metadata": {"uid": "x"}, "spec": {}});
    let node = &plan.objects()[0];
    assert!(node.looks_like(&node.object.live(Some(&open))));
    let cordoned = serde_json::json!({"metadata": {"uid": "x"}, "spec": {"unschedulable": true}});
    assert!(!node.looks_like(&node.object.live(Some(&cordoned))));
    let nowhere = Around { good_elsewhere: false, ..around };
    assert_eq!(proposed(Strategy::DrainAndShrink, &nowhere), None);
}

#[test]
fn what_gitops_keeps_in_step_is_left_alone_before_it_is_put_back() {
    let application = ObjectRef::application("lab", "shop:apps/Deployment:shop/api");
    let keeper = application.live(Some(&serde_json::json!({"metadata": {"uid": "x"}})));
    let around = Around { gitops: Some(keeper), ..Around::default() };
    let plan = proposed(Strategy::Restart, &around).unwrap();
    assert_eq!(
        actions(&plan),
        [
            "suspend_sync shop",
            "restart api",
            "wait_rollout api",
            "wait 30 s",
            "still_suspended shop"
        ]
    );
    let pauses = Protection::Pauses("lab/argocd/Application/shop".into());
    assert_eq!(plan.steps()[0].protection, Some(pauses));
}
