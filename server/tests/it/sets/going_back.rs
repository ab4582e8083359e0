//! Runs that bring a set back, on the pretend cluster and on the real one.

use domain::plans::{Action, Moved};
use domain::runs::{Note, State, StateName};
use domain::services::WorkloadKind::{DaemonSet, StatefulSet};
use serde_json::json;
use sqlx::PgPool;

use super::{Set, deleted, on_delete, partition, real_lab};
use crate::runs::Lab;

const BACK: [Action; 2] = [Action::ReplacePods, Action::WaitRollout];

async fn back(set: &Set<'_>, to: i64) -> Vec<Action> {
    let mut actions = vec![set.undo(to).await];
    actions.extend(BACK);
    actions
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn every_set_comes_back(owner: PgPool) {
    let (lab, cluster) = Lab::pretend(owner).await;
    on(&lab).await;
    assert!(cluster.requests().iter().filter(|it| it.verb == "delete").count() >= 5);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn every_set_comes_back_on_a_real_cluster(owner: PgPool) {
    on(&real_lab(owner).await).await;
}

async fn on(lab: &Lab) {
    a_broken_pod_holds_up_a_stateful_set_until_it_is_deleted(lab).await;
    what_was_made_in_parallel_needs_no_help(lab).await;
    below_the_partition_nothing_changes(lab).await;
    under_on_delete_each_pod_is_deleted_once_the_others_are_ready(lab).await;
    a_daemon_set_helps_itself_but_under_on_delete(lab).await;
    nothing_is_deleted_where_somebody_deployed_meanwhile(lab).await;
}

async fn a_broken_pod_holds_up_a_stateful_set_until_it_is_deleted(lab: &Lab) {
    let db = Set::new(lab, StatefulSet, "db");
    db.create("shop/db:1", json!({})).await;
    db.set_image("shop/db:2-bad").await;
    db.until_pods(&[
        "db-0 shop/db:1 ready",
        "db-1 shop/db:1 ready",
        "db-2 shop/db:2-bad not ready",
    ])
    .await;
    let hangs = db.undo(1).await;
    let run = db.done(vec![hangs]).await;
    assert_eq!(run.steps[0].note, Some(Note::Undone { revision: 1 }));
    db.until_pods(&[
        "db-0 shop/db:1 ready",
        "db-1 shop/db:1 ready",
        "db-2 shop/db:2-bad not ready",
    ])
    .await;

    let run = db.done(BACK.to_vec()).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(deleted(run.steps[0].note.as_ref()), ["db-2"]);
    assert_eq!(run.steps[1].note, Some(Note::RolledOut { ready: 3 }));
    db.until_pods(&["db-0 shop/db:1 ready", "db-1 shop/db:1 ready", "db-2 shop/db:1 ready"]).await;

    let again = db.done(BACK.to_vec()).await;
    assert_eq!(again.steps[0].note, Some(Note::NoPodInTheWay), "{again:?}");
    let same = db.undo(3).await;
    let run = db.done(vec![same]).await;
    assert_eq!(run.steps[0].note, Some(Note::AlreadyAt { revision: 3 }));
}

async fn what_was_made_in_parallel_needs_no_help(lab: &Lab) {
    let cache = Set::new(lab, StatefulSet, "cache");
    cache.create("shop/c:1", json!({"podManagementPolicy": "Parallel"})).await;
    cache.set_image("shop/c:2-bad").await;
    cache.until_some_pod("shop/c:2-bad not ready").await;
    let run = cache.done(back(&cache, 1).await).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(deleted(run.steps[1].note.as_ref()), Vec::<String>::new());
    cache.settled().await;
}

async fn below_the_partition_nothing_changes(lab: &Lab) {
    let part = Set::new(lab, StatefulSet, "part");
    part.create("shop/p:1", json!({})).await;
    part.patch(json!({"spec": partition(2)})).await;
    part.set_image("shop/p:2-bad").await;
    part.until_some_pod("part-2 shop/p:2-bad not ready").await;
    let run = part.done(back(&part, 1).await).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(deleted(run.steps[1].note.as_ref()), ["part-2"]);
    part.settled().await;

    // A release that goes no further than the partition is as far as it is meant to go.
    part.set_image("shop/p:3").await;
    let run = part.done(BACK.to_vec()).await;
    assert_eq!(
        run.steps[1].note,
        Some(Note::RolledOutToPartition { updated: 1, partition: 2 }),
        "{run:?}"
    );
    part.until_pods(&["part-0 shop/p:1 ready", "part-1 shop/p:1 ready", "part-2 shop/p:3 ready"])
        .await;
}

async fn under_on_delete_each_pod_is_deleted_once_the_others_are_ready(lab: &Lab) {
    let slow = Set::new(lab, StatefulSet, "hand");
    slow.create("shop/h:1", on_delete()).await;
    slow.set_image("shop/h:2-bad").await;
    slow.until_pods(&["hand-0 shop/h:1 ready", "hand-1 shop/h:1 ready", "hand-2 shop/h:1 ready"])
        .await;
    slow.delete_pod("hand-1").await;
    slow.until_some_pod("hand-1 shop/h:2-bad not ready").await;
    let run = slow.done(back(&slow, 1).await).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(deleted(run.steps[1].note.as_ref()), ["hand-1"], "the others are of it still");
    slow.settled().await;

    slow.set_image("shop/h:3").await;
    let run = slow.done(BACK.to_vec()).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(deleted(run.steps[0].note.as_ref()), ["hand-2", "hand-1", "hand-0"]);
    slow.settled().await;
}

async fn a_daemon_set_helps_itself_but_under_on_delete(lab: &Lab) {
    let agent = Set::new(lab, DaemonSet, "agent");
    agent.create("shop/a:1", json!({})).await;
    agent.set_image("shop/a:2-bad").await;
    agent.until_some_pod("shop/a:2-bad not ready").await;
    let run = agent.done(back(&agent, 1).await).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(run.steps[0].note, Some(Note::Undone { revision: 1 }));
    assert_eq!(deleted(run.steps[1].note.as_ref()), Vec::<String>::new());
    agent.settled().await;

    agent
        .patch(json!({"spec": {"updateStrategy": {"$patch": "replace", "type": "OnDelete"}}}))
        .await;
    agent.set_image("shop/a:3").await;
    let all = agent.pods().await.len();
    let run = agent.done(BACK.to_vec()).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(deleted(run.steps[0].note.as_ref()).len(), all);
    agent.settled().await;
}

async fn nothing_is_deleted_where_somebody_deployed_meanwhile(lab: &Lab) {
    let late = Set::new(lab, StatefulSet, "late");
    late.create("shop/l:1", json!({})).await;
    late.set_image("shop/l:2-bad").await;
    late.until_some_pod("late-2 shop/l:2-bad not ready").await;
    let run = late.asked(BACK.to_vec()).await;
    late.set_image("shop/l:3").await;
    lab.approve(&run).await;
    let run = lab.execute(run.id).await;
    let State::Superseded { moved, .. } = &run.state else { panic!("{run:?}") };
    assert!(matches!(moved[..], [Moved::Template { .. }]), "{moved:?}");
    assert!(late.pods().await.contains(&"late-2 shop/l:2-bad not ready".to_owned()));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_pod_that_does_not_come_back_is_the_end_of_the_step_and_stays_said(owner: PgPool) {
    use domain::plans::{Plan, Step};
    let (lab, _cluster) = Lab::pretend(owner).await;
    let db = Set::new(&lab, StatefulSet, "db");
    db.create("shop/db:1", json!({})).await;
    db.set_image("shop/db:2-bad").await;
    db.until_some_pod("db-2 shop/db:2-bad not ready").await;
    db.set_image("shop/db:3-bad").await;
    // The template that is live now is no better: the pod is replaced once, and the others have to wait.
    let mut step = Step::act(db.workload(), Action::ReplacePods);
    step.deadline_s = 2;
    let run = lab.asked_for(Plan::new(vec![step], vec![db.live().await])).await;
    lab.approve(&run).await;
    let run = lab.execute(run.id).await;
    assert_eq!(run.state.name(), StateName::Failed, "{run:?}");
    let Some(Note::PodsDeleted { pods, then }) = &run.steps[0].note else { panic!("{run:?}") };
    assert_eq!(pods.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["db-2"]);
    assert_eq!(then.as_deref(), Some(&Note::TimedOut { seconds: 2 }));
}
