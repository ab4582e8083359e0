use serde_json::json;

use super::*;
use crate::services::WorkloadKind;

fn workload(name: &str) -> WorkloadRef {
    WorkloadRef {
        cluster: "lab".into(),
        namespace: "shop".into(),
        kind: WorkloadKind::Deployment,
        name: name.into(),
    }
}

fn live(name: &str) -> LiveState {
    LiveState {
        workload: workload(name),
        uid: "u1".into(),
        digest: Digest::of(b"a"),
        revision: 3,
        paused: false,
        replicas: Some(3),
        steering: None,
    }
}

fn undo() -> Step {
    let template_digest = Some(Digest::of(b"b"));
    Step::act(workload("api"), Action::RolloutUndo { to_revision: 2, template_digest })
}

#[test]
fn the_digest_covers_the_steps_and_the_live_state() {
    let plan = Plan::new(vec![undo()], vec![live("api")]);
    let mut later = undo();
    later.deadline_s += 1;
    for other in [
        Plan::new(vec![later], vec![live("api")]),
        Plan::new(vec![undo(), undo()], vec![live("api")]),
        Plan::new(vec![undo()], vec![LiveState { uid: "u2".into(), ..live("api") }]),
        Plan::new(vec![undo()], vec![LiveState { revision: 4, ..live("api") }]),
        Plan::new(vec![undo()], vec![LiveState { paused: true, ..live("api") }]),
        Plan::new(vec![undo()], vec![LiveState { digest: Digest::of(b"c"), ..live("api") }]),
    ] {
        assert_ne!(plan.digest(), other.digest(), "{other:?}");
    }
}

#[test]
fn replicas_count_only_where_a_step_scales() {
    let moved = LiveState { replicas: Some(9), ..live("api") };
    let undo_of = |it| Plan::new(vec![undo()], vec![it]).digest().clone();
    assert_eq!(undo_of(live("api")), undo_of(moved.clone()));
    let scale = Step::act(workload("api"), Action::Scale { replicas: 0 });
    let scale_of = |it| Plan::new(vec![scale.clone()], vec![it]).digest().clone();
    assert_ne!(scale_of(live("api")), scale_of(moved));
}

#[test]
fn a_stored_plan_is_the_same_or_an_error() {
    let plan = Plan::new(
        vec![
            undo(),
            Step::new("settle", StepKind::Wait { seconds: 5 }),
            Step::new(
                "open it",
                StepKind::Gate {
                    hook: Hook::Rollback,
                    of: "api".into(),
                    workload: workload("api"),
                },
            ),
        ],
        vec![live("web"), live("api")],
    );
    let mut stored = serde_json::to_value(&plan).unwrap();
    assert_eq!(stored["steps"][0]["kind"], "kubernetes");
    assert_eq!(stored["steps"][0]["action"], "rollout_undo");
    assert_eq!(serde_json::from_value::<Plan>(stored.clone()).unwrap(), plan);
    stored["steps"][1]["seconds"] = json!(0);
    assert!(serde_json::from_value::<Plan>(stored).is_err());
}

#[test]
fn the_one_before_is_the_second_newest() {
    for (revisions, expected) in
        [(&[][..], None), (&[7], None), (&[3, 9, 5], Some(5)), (&[1, 2], Some(1))]
    {
        assert_eq!(the_one_before(revisions), expected);
    }
}

#[test]
fn it_says_what_moved() {
    let before = live("api");
    assert_eq!(before.moved(Some(&LiveState { revision: 9, ..live("api") })), []);
    assert!(matches!(*before.moved(None), [Moved::Gone { .. }]));
    let other = LiveState { uid: "u2".into(), paused: true, ..live("api") };
    assert!(matches!(*before.moved(Some(&other)), [Moved::Replaced { .. }]));
    let other =
        LiveState { digest: Digest::of(b"c"), paused: true, replicas: Some(4), ..live("api") };
    assert!(matches!(
        *before.moved(Some(&other)),
        [
            Moved::Template { .. },
            Moved::Paused { found: true, .. },
            Moved::Replicas { found: 4, .. }
        ]
    ));
}
