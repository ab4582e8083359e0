use std::collections::BTreeMap;

use domain::plans::{Action, Moved, Plan, Step, StepKind};
use domain::runs::{Note, State, StateName};
use serde_json::json;
use sqlx::PgPool;

use super::Lab;
use super::lab::steps;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_bad_image_is_undone_and_the_rollout_waited_for(pool: PgPool) {
    let (lab, cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1", "shop/api:2-bad"]).await;
    let undo = lab.undo("api", 1).await;
    cluster.forget_requests();
    let run = lab.done("api", vec![undo, Action::WaitRollout]).await;

    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(
        steps(&run),
        [
            ("succeeded", Some(Note::Undone { revision: 1 })),
            ("succeeded", Some(Note::RolledOut { ready: 2 }))
        ]
    );
    assert_eq!(lab.image("api").await, "shop/api:1");
    let patches: Vec<_> =
        cluster.requests().iter().filter(|it| it.verb == "patch").cloned().collect();
    assert_eq!(patches.iter().map(|it| it.is_dry_run()).collect::<Vec<_>>(), [true, false]);
    let tests: Vec<_> = patches[1].json().as_array().unwrap().iter().take(3).cloned().collect();
    let paths: Vec<_> = tests.iter().map(|it| it["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/metadata/uid", "/spec/template", "/spec/paused"]);
    assert!(!String::from_utf8_lossy(&patches[1].body).contains("resourceVersion"));

    // Written down: what was meant before it was done, and what was seen afterwards.
    let record = &run.steps[0].state;
    let (intent, proof) = (record.intent().unwrap(), record.proof().unwrap());
    assert!(intent.expected.looks_like(&proof.after) && !proof.found);
    let audit = lab.audit(run.id).await;
    assert_eq!(audit[0]["steps"][0]["meant"], true);
    assert_eq!(audit.last().unwrap()["state"], "succeeded");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_so_already_is_no_change(pool: PgPool) {
    let (lab, cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1", "shop/api:2"]).await;
    let undo = lab.undo("api", 2).await;
    cluster.forget_requests();
    let images = BTreeMap::from([("app".to_owned(), "shop/api:2".to_owned())]);
    let actions =
        vec![undo, Action::Resume, Action::SetImage { images }, Action::Scale { replicas: 2 }];
    let run = lab.done("api", actions).await;
    assert_eq!(run.state.name(), StateName::Succeeded);
    assert!(run.steps.iter().all(|it| it.state_name() == "no_change"), "{run:?}");
    assert!(cluster.requests().is_empty(), "nothing was asked to change");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_cannot_be_is_refused_and_says_why(pool: PgPool) {
    let (lab, _cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1", "shop/api:2"]).await;
    let images = BTreeMap::from([("nginx".to_owned(), "n:1".to_owned())]);
    let no_container = Note::NoContainer { container: "nginx".into(), known: vec!["app".into()] };
    for (action, expected) in [
        (lab.undo("api", 9).await, Note::NoRevision { revision: 9, known: vec![1, 2] }),
        (lab.undo("api", 0).await, Note::NoEarlierRevision),
        (Action::SetImage { images }, no_container),
    ] {
        let run = lab.done("api", vec![action, Action::Pause]).await;
        assert_eq!(steps(&run), [("refused", Some(expected)), ("skipped", None)]);
        assert!(matches!(run.state, State::Failed { step: 0, .. }), "{:?}", run.state);
    }
    lab.patch("api", json!({"spec": {"paused": true}})).await;
    let undo = lab.undo("api", 1).await;
    let run = lab.done("api", vec![undo]).await;
    assert_eq!(steps(&run), [("refused", Some(Note::PausedByOther))]);
    assert_eq!(lab.image("api").await, "shop/api:2");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn its_own_pause_goes_with_the_undo_in_one_patch(pool: PgPool) {
    let (lab, cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1", "shop/api:2-bad"]).await;
    let undo = lab.undo("api", 1).await;
    cluster.forget_requests();
    let run = lab.done("api", vec![Action::Pause, undo, Action::WaitRollout]).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    let object = lab.object("api").await;
    assert_ne!(object["spec"]["paused"], true);
    assert_eq!(lab.image("api").await, "shop/api:1");
    let effects =
        cluster.requests().iter().filter(|it| it.verb == "patch" && !it.is_dry_run()).count();
    assert_eq!(effects, 2, "one to pause, one to undo and go on");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_other_actions_do_what_they_say(pool: PgPool) {
    let (lab, _cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1"]).await;
    let images = BTreeMap::from([("app".to_owned(), "shop/api:3".to_owned())]);
    let actions = vec![
        Action::SetImage { images },
        Action::Restart,
        Action::Scale { replicas: 4 },
        Action::WaitRollout,
    ];
    let run = lab.done("api", actions).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(run.steps[2].note, Some(Note::Scaled { from: 2, to: 4 }));
    let object = lab.object("api").await;
    assert_eq!(object["spec"]["replicas"], 4);
    assert_eq!(lab.image("api").await, "shop/api:3");
    let annotations = &object["spec"]["template"]["metadata"]["annotations"];
    assert!(annotations["kubectl.kubernetes.io/restartedAt"].is_string(), "{annotations}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn nothing_happens_where_the_world_has_moved(pool: PgPool) {
    let (lab, cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1", "shop/api:2"]).await;
    let undo = lab.undo("api", 1).await;
    let run = lab.asked("api", vec![undo.clone()]).await;
    lab.approve(&run).await;
    lab.set_image("api", "shop/api:3").await;
    cluster.settle().await;
    cluster.forget_requests();
    let run = lab.execute(run.id).await;
    let State::Superseded { moved, .. } = &run.state else { panic!("{:?}", run.state) };
    assert!(matches!(moved[..], [Moved::Template { .. }]), "{moved:?}");
    assert!(cluster.requests().is_empty());
    assert!(
        run.approvals.iter().all(|it| matches!(it.standing, domain::approvals::Standing::Void(_)))
    );

    // The same between the rehearsal and the effect: the API server itself refuses.
    let undo = lab.undo("api", 1).await;
    let run = lab.asked("api", vec![undo]).await;
    lab.approve(&run).await;
    let mut changes = cluster.subscribe();
    let meddler = async {
        while !changes.recv().await.unwrap().is_dry_run() {}
        lab.set_image("api", "shop/api:4").await;
    };
    let (run, ()) = tokio::join!(lab.execute(run.id), meddler);
    if lab.image("api").await == "shop/api:4" && run.state.name() == StateName::Superseded {
        return;
    }
    // The meddler came after the effect; then the effect was on what was approved.
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn another_object_of_the_same_name_is_another_object(pool: PgPool) {
    let (lab, cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1", "shop/api:2"]).await;
    let undo = lab.undo("api", 1).await;
    let run = lab.asked("api", vec![undo]).await;
    lab.approve(&run).await;
    lab.deployments().await.delete("api", &Default::default()).await.unwrap();
    cluster.settle().await;
    lab.deploy("api", &["shop/api:1", "shop/api:2"]).await;
    let run = lab.execute(run.id).await;
    let State::Superseded { moved, .. } = &run.state else { panic!("{:?}", run.state) };
    assert!(matches!(moved[..], [Moved::Replaced { .. }]), "{moved:?}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_wait_ends_by_the_clock_and_people_may_come_between(pool: PgPool) {
    let (lab, _cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1"]).await;
    let manual = StepKind::Manual { instruction: "call the lead".into(), evidence: false };
    let steps = vec![
        Step::new("settle", StepKind::Wait { seconds: 1 }),
        Step::new("call", manual),
        Step::new("rest", StepKind::Wait { seconds: 60 }),
    ];
    let run = lab.asked_for(Plan::new(steps, vec![])).await;
    lab.approve(&run).await;
    let run = lab.execute(run.id).await;
    assert_eq!(run.steps[0].state_name(), "succeeded");
    assert_eq!(run.steps[1].note, Some(Note::WaitsForPerson));
    let now = lab.world.now();
    lab.wish(run.id, |run| run.confirm(1, "user:eva", "she knows", now).unwrap()).await;
    let run = lab.execute(run.id).await;
    assert_eq!(run.steps[2].state_name(), "running");
    lab.wish(run.id, |run| run.abort("user:eva", "no need to wait", now).unwrap()).await;
    let run = lab.execute(run.id).await;
    assert_eq!(run.state.name(), StateName::Aborted);
    assert_eq!(run.steps[2].state_name(), "aborted");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_pruned_revision_comes_back_from_the_ledger_where_a_person_agreed(pool: PgPool) {
    let (lab, cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1", "shop/api:2"]).await;
    let _watch = lab.watched("api", 2).await;
    let undo = lab.undo("api", 1).await;
    lab.delete_revision("api", 1).await;
    cluster.settle().await;

    let automatic = lab.asked("api", vec![undo.clone()]).await;
    let now = lab.world.now();
    lab.wish(automatic.id, |run| run.approve_by_policy("default", 1, now).unwrap()).await;
    let refused = lab.execute(automatic.id).await;
    assert_eq!(steps(&refused), [("refused", Some(Note::Pruned { revision: 1 }))]);
    assert_eq!(lab.image("api").await, "shop/api:2");

    let run = lab.done("api", vec![undo, Action::WaitRollout]).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(lab.image("api").await, "shop/api:1");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_kill_switch_stops_what_nobody_agreed_to(pool: PgPool) {
    let (lab, _cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1", "shop/api:2"]).await;
    let undo = lab.undo("api", 1).await;
    let switch = domain::rails::KillSwitch {
        scope: domain::rails::Scope::Cluster("lab".into()),
        reason: "maintenance".into(),
        set_by: None,
        set_by_name: "owner".into(),
        set_at: lab.world.now(),
    };
    let mut tx = lab.world.db.begin().await.unwrap();
    store::rails::switch_on(&mut tx, &switch).await.unwrap();
    tx.commit().await.unwrap();

    let automatic = lab.asked("api", vec![undo.clone()]).await;
    let now = lab.world.now();
    lab.wish(automatic.id, |run| run.approve_by_policy("default", 1, now).unwrap()).await;
    assert_eq!(lab.execute(automatic.id).await.state.name(), StateName::Aborted);

    // A person's own request goes on after a second confirmation.
    let run = lab.done("api", vec![undo]).await;
    assert_eq!(run.state.name(), StateName::Paused);
    assert_eq!(lab.image("api").await, "shop/api:2");
    let now = lab.world.now();
    lab.wish(run.id, |run| run.resume("user:asker", "it is mine", now).unwrap()).await;
    assert_eq!(lab.execute(run.id).await.state.name(), StateName::Succeeded);
    assert_eq!(lab.image("api").await, "shop/api:1");
}
