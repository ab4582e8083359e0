use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::plans::Action;
use domain::runs::{Note, State, StateName};
use server::sim::{Cluster, Effect, Fault};
use server::workers::{World, executor};
use sqlx::PgPool;

use super::Lab;

async fn bad(pool: PgPool) -> (Lab, Cluster, Action) {
    let (lab, cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1", "shop/api:2-bad"]).await;
    let undo = lab.undo("api", 1).await;
    cluster.forget_requests();
    (lab, cluster, undo)
}

fn on(effect: Effect, verb: &str) -> Fault {
    Fault::new(effect).verb(verb).resource("deployments.apps").times(1)
}

/// Changes of the template that came to something.
fn effects(cluster: &Cluster) -> usize {
    let real = |it: &&std::sync::Arc<server::sim::Seen>| {
        it.verb == "patch" && !it.is_dry_run() && it.status() == Some(200)
    };
    cluster.requests().iter().filter(real).count()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn trouble_that_passes_is_waited_out_with_one_effect(pool: PgPool) {
    let (lab, cluster, undo) = bad(pool).await;
    let run = lab.asked("api", vec![undo, Action::WaitRollout]).await;
    lab.approve(&run).await;
    for fault in [
        on(Effect::LoseRequest, "get"),
        on(Effect::TooManyRequests(1), "get"),
        on(Effect::ServerError(503), "patch"),
        on(Effect::Conflict, "patch").after(1),
        on(Effect::LoseRequest, "patch").after(2),
        on(Effect::LoseAnswer, "patch").after(3),
        Fault::new(Effect::ServerError(500)).verb("list").resource("replicasets.apps").times(1),
    ] {
        cluster.inject(fault);
    }
    let run = lab.execute(run.id).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(lab.image("api").await, "shop/api:1");
    assert_eq!(effects(&cluster), 1);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_effect_whose_answer_got_lost_is_found(pool: PgPool) {
    let (lab, cluster, undo) = bad(pool).await;
    // The rehearsal goes through, the answer to the effect does not.
    cluster.inject(on(Effect::LoseAnswer, "patch").after(1));
    let run = lab.done("api", vec![undo]).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert!(run.steps[0].state.proof().unwrap().found);
    assert_eq!(effects(&cluster), 1);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_missing_right_is_named_and_the_run_can_be_tried_again(pool: PgPool) {
    let (lab, cluster, undo) = bad(pool).await;
    for (fault, expected) in [
        (
            on(Effect::Forbidden, "patch"),
            "Lifeboat may not patch deployments.apps in namespace shop of lab (403); grant the verb in its Role",
        ),
        (
            Fault::new(Effect::Forbidden).verb("list").resource("replicasets.apps").times(1),
            "Lifeboat may not list replicasets.apps in namespace shop of lab (403); grant the verb in its Role",
        ),
        (
            on(Effect::Unauthorized, "get"),
            "the API server of lab does not accept our credentials (401); renew the kubeconfig",
        ),
    ] {
        let run = lab.asked("api", vec![undo.clone()]).await;
        lab.approve(&run).await;
        cluster.inject(fault);
        let run = lab.execute(run.id).await;
        let note = Note::Trouble { what: expected.to_owned() };
        assert!(matches!(&run.state, State::Failed { note: it, .. } if *it == note), "{run:?}");
    }
    let run = lab.asked("api", vec![undo]).await;
    lab.approve(&run).await;
    cluster.inject(on(Effect::Forbidden, "patch"));
    lab.execute(run.id).await;
    let now = lab.world.now();
    lab.wish(run.id, |run| run.retry("user:eva", "granted", now).unwrap()).await;
    let run = lab.execute(run.id).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_api_server_that_stays_away_ends_the_step_at_its_deadline(pool: PgPool) {
    let (lab, cluster, undo) = bad(pool).await;
    let mut step = domain::plans::Step::act(lab.workload("api"), undo);
    step.deadline_s = 1;
    let plan = domain::plans::Plan::new(vec![step], vec![lab.live("api").await]);
    let run = lab.asked_for(plan).await;
    lab.approve(&run).await;
    cluster.refuse();
    let run = lab.execute(run.id).await;
    let note = Note::TimedOut { seconds: 1 };
    assert!(matches!(&run.state, State::Failed { note: it, .. } if *it == note), "{run:?}");
    cluster.accept();
    assert_eq!(effects(&cluster), 0);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_worker_that_was_stopped_finds_the_run_in_other_hands(pool: PgPool) {
    let (lab, cluster, undo) = bad(pool).await;
    let run = lab.asked("api", vec![undo]).await;
    lab.approve(&run).await;
    // The first worker hangs in its rehearsal, and its lease is taken away as if it had run out.
    cluster.inject(on(Effect::Delay(Duration::from_secs(2)), "patch"));
    let mut changes = cluster.subscribe();
    let slow = executor::execute(&lab.world, run.id);
    let other = async {
        changes.recv().await.unwrap();
        let expire = "UPDATE runs SET leased_until = now() - interval '1 s' RETURNING 1";
        let _: i32 = sqlx::query_scalar(expire).fetch_one(&lab.world.db).await.unwrap();
        lab.execute(run.id).await
    };
    let (slow, other) = tokio::join!(slow, other);
    slow.unwrap();
    assert_eq!(other.state.name(), StateName::Succeeded, "{other:?}");
    assert_eq!(effects(&cluster), 1);
    let after = store::runs::get(&lab.world.db, run.id).await.unwrap();
    assert_eq!(after, other, "the first one wrote nothing any more");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_intent_without_an_effect_is_done_by_whoever_comes_next(pool: PgPool) {
    let (lab, cluster, undo) = bad(pool).await;
    let run = lab.asked("api", vec![undo]).await;
    lab.approve(&run).await;
    let before = lab.live("api").await;
    let expected = domain::plans::LiveState {
        digest: lab.digest_of("api", 1).await.unwrap(),
        ..before.clone()
    };
    let now = lab.world.now();
    let intent = domain::runs::Intent { before, expected, stamp: now }.whole();
    lab.wish(run.id, |run| run.intend(0, intent, now)).await;
    lab.tick().await;
    let run = store::runs::get(&lab.world.db, run.id).await.unwrap();
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(effects(&cluster), 1);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_nobody_approves_in_time_expires_by_itself(pool: PgPool) {
    fn later() -> DateTime<Utc> {
        server::clock::now() + chrono::TimeDelta::minutes(16)
    }

    fn soon() -> DateTime<Utc> {
        server::clock::now() + chrono::TimeDelta::minutes(6)
    }

    let (mut lab, _cluster, undo) = bad(pool).await;
    let run = lab.asked("api", vec![undo]).await;
    lab.tick().await;
    let waiting = store::runs::get(&lab.world.db, run.id).await.unwrap();
    assert_eq!((waiting.state, waiting.escalated), (State::AwaitingApproval, 0));
    lab.world = World { now: soon, ..lab.world };
    lab.tick().await;
    let waiting = store::runs::get(&lab.world.db, run.id).await.unwrap();
    assert_eq!((waiting.state, waiting.escalated), (State::AwaitingApproval, 1));
    assert_eq!(lab.audit(run.id).await.last().unwrap()["escalated"], 1);
    lab.world = World { now: later, ..lab.world };
    lab.tick().await;
    let expired = store::runs::get(&lab.world.db, run.id).await.unwrap();
    assert_eq!(expired.state.name(), StateName::Expired);
}
