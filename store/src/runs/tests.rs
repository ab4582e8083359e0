#![expect(clippy::disallowed_methods, reason = "unchecked SQL, to break what the checks protect")]

use chrono::TimeDelta;
use domain::access::Role;
use domain::approvals::{Approver, Decision, Required, Standing};
use domain::canonical::Digest;
use domain::plans::{Action, LiveState, Moved, Plan, Step, StepKind};
use domain::runs::{Ended, Intent, KillSwitch, Note, Proof};
use domain::services::{WorkloadKind, WorkloadRef};
use sqlx::PgPool;

use super::*;

const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

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

fn new() -> NewRun {
    let undo = Action::RolloutUndo { to_revision: 2, template_digest: Some(Digest::of(b"good")) };
    let steps = vec![Step::act(api(), undo), Step::new("settle", StepKind::Wait { seconds: 5 })];
    NewRun {
        service: None,
        purpose: Purpose::Run,
        plan: Plan::new(steps, vec![live(b"bad")]),
        required: Required::usual(AT),
        requested_by: "user:asker".into(),
        reason: "5xx".into(),
        at: AT,
    }
}

async fn user(pool: &PgPool, name: &str) {
    let user = crate::users::NewUser { name, password_hash: "", one_time: false, teams: &[] };
    let mut tx = pool.acquire().await.unwrap();
    crate::users::insert(&mut tx, &user, AT).await.unwrap();
}

async fn created(pool: &PgPool) -> Run {
    let mut tx = pool.begin().await.unwrap();
    let run = create(&mut tx, new()).await.unwrap();
    tx.commit().await.unwrap();
    run
}

async fn saved(pool: &PgPool, run: &Run) -> Result<Run, Error> {
    let mut tx = pool.begin().await?;
    save(&mut tx, run, AT).await?;
    tx.commit().await?;
    get(pool, run.id).await
}

fn decide(run: Run, name: &str, decision: Decision) -> Run {
    let approver = Approver { name: name.into(), roles: vec![Role::Sre] };
    let digest = run.plan.digest().to_string();
    run.decide(&approver, &digest, decision, "because", AT).unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_state_survives_a_round_trip(pool: PgPool) {
    user(&pool, "ben").await;
    let intent = Intent { before: live(b"bad"), expected: live(b"good"), stamp: AT }.whole();
    let proof = Proof { after: live(b"good"), resource_version: "7".into(), found: true }.whole();
    let undone = Note::Undone { revision: 2 };
    let trouble = Note::Trouble { what: "no answer".into() };
    let approve = |run| decide(run, "ben", Decision::Approve);
    let meant = |run| approve(run).intend(0, intent.clone(), AT);
    let done = |run| {
        let (note, proof) = (undone.clone(), Some(proof.clone()));
        meant(run).end_step(0, Ended::Succeeded, note, proof, AT)
    };
    let switch = KillSwitch { scope: "global".into(), reason: "stop".into(), since: AT };
    let states: [(&str, &dyn Fn(Run) -> Run); 13] = [
        ("awaiting_approval", &|run| run.escalate(AT + TimeDelta::minutes(6))),
        ("approved", &approve),
        ("approved", &|run| run.approve_by_policy("default", 3, AT).unwrap()),
        ("running", &|run| approve(run).remark(0, trouble.clone(), AT)),
        ("running", &|run| meant(run).pause("user:eva", "look", AT).unwrap()),
        ("paused", &|run| done(run).pause("user:eva", "look", AT).unwrap()),
        ("succeeded", &|run| {
            done(run).end_step(1, Ended::Succeeded, Note::Waited { seconds: 5 }, None, AT)
        }),
        ("failed", &|run| meant(run).end_step(0, Ended::Failed, trouble.clone(), None, AT)),
        ("aborted", &|run| {
            let run = run.approve_by_policy("default", 3, AT).unwrap();
            run.stopped_by(&switch, AT).unwrap()
        }),
        ("paused", &|run| approve(run).stopped_by(&switch, AT).unwrap()),
        ("rejected", &|run| decide(run, "ben", Decision::Reject)),
        ("expired", &|run| run.expire(AT + TimeDelta::hours(1))),
        ("superseded", &|run| approve(run).supersede(vec![Moved::Gone { workload: api() }], AT)),
    ];
    for (name, transition) in states {
        let run = transition(created(&pool).await);
        assert_eq!(run.state.name().as_str(), name);
        assert_eq!(saved(&pool, &run).await.unwrap(), run, "{name}");
    }
    let all = list(&pool, &Filter { limit: 100, ..Filter::default() }).await.unwrap();
    assert_eq!(all.len(), 13);
    let paused = Filter { state: Some(StateName::Paused), limit: 100, ..Filter::default() };
    assert_eq!(list(&pool, &paused).await.unwrap().len(), 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_list_goes_on_where_the_page_before_ended(pool: PgPool) {
    for _ in 0..5 {
        created(&pool).await;
    }
    for oldest_first in [false, true] {
        let mut filter = Filter { oldest_first, limit: 2, ..Filter::default() };
        let mut seen = std::collections::HashSet::new();
        loop {
            let page = list(&pool, &filter).await.unwrap();
            seen.extend(page.iter().map(|it| it.id));
            let Some(last) = page.last() else { break };
            filter.after = Some((last.requested_at, last.id));
        }
        assert_eq!(seen.len(), 5);
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_database_keeps_the_rules_by_itself(pool: PgPool) {
    for name in ["ben", "asker"] {
        user(&pool, name).await;
    }
    // Who asked does not approve, even if the code lets them.
    let mut own = decide(created(&pool).await, "ben", Decision::Approve);
    own.approvals[0].by =
        domain::approvals::By::Person { name: "asker".into(), roles: vec![Role::Sre] };
    assert!(matches!(saved(&pool, &own).await, Err(Error::Database(_))));
    // Nothing begins without a consent, nor with one that was taken back.
    let mut run = created(&pool).await;
    run.state = domain::runs::State::Approved { at: AT };
    assert!(matches!(saved(&pool, &run).await, Err(Error::Database(_))));
    let mut run = decide(created(&pool).await, "ben", Decision::Approve);
    run.approvals[0].standing = Standing::Void(AT);
    assert!(matches!(saved(&pool, &run).await, Err(Error::Database(_))));
    // A consent is for one plan.
    let mut run = decide(created(&pool).await, "ben", Decision::Approve);
    run.approvals[0].plan_digest = Digest::of(b"another");
    assert!(matches!(saved(&pool, &run).await, Err(Error::Database(_))));
    // A plan never changes.
    let changed = sqlx::query_scalar::<_, i32>("UPDATE plans SET live = '[]' RETURNING 1");
    assert!(changed.fetch_all(&pool).await.is_err());
    let stored = crate::plans::get(&pool, new().plan.digest()).await.unwrap();
    assert_eq!(stored, new().plan);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn one_worker_at_a_time_and_the_last_one_wins(pool: PgPool) {
    user(&pool, "ben").await;
    let run = decide(created(&pool).await, "ben", Decision::Approve);
    let run = saved(&pool, &run).await.unwrap();
    assert_eq!(due(&pool, AT, 10).await.unwrap(), [run.id]);

    let first = claim(&pool, run.id, 60.0).await.unwrap().unwrap();
    assert_eq!(claim(&pool, run.id, 60.0).await.unwrap(), None, "the lease holds");
    assert!(due(&pool, AT, 10).await.unwrap().is_empty());
    assert_eq!(renew(&pool, first, 0.0).await.unwrap(), Some(false), "nobody wants anything");

    // The lease ran out while its holder was stopped; whoever comes next takes over.
    let second = claim(&pool, run.id, 60.0).await.unwrap().unwrap();
    assert_eq!(second.epoch, first.epoch + 1);
    assert_eq!(renew(&pool, first, 60.0).await.unwrap(), None);
    let mut tx = pool.begin().await.unwrap();
    assert!(matches!(lock_claimed(&mut tx, first).await, Err(Error::Fenced { .. })));
    let held = lock_claimed(&mut tx, second).await.unwrap();
    let stale = Run { epoch: first.epoch, ..held.clone() };
    assert!(matches!(save(&mut tx, &stale, AT).await, Err(Error::Fenced { .. })));
    let ended = held.abort("user:eva", "stop", AT).unwrap();
    save(&mut tx, &ended, AT).await.unwrap();
    tx.commit().await.unwrap();

    release(&pool, second).await.unwrap();
    assert_eq!(claim(&pool, run.id, 60.0).await.unwrap(), None, "it has ended");
}

/// A person's word about a step and the worker's remark on it may come at the same moment.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn who_waits_for_a_run_reads_what_they_waited_for(pool: PgPool) {
    user(&pool, "ben").await;
    let run = decide(created(&pool).await, "ben", Decision::Approve);
    let id = saved(&pool, &run).await.unwrap().id;
    let claim = claim(&pool, id, 60.0).await.unwrap().unwrap();

    let mut tx = pool.begin().await.unwrap();
    let aborted = lock(&mut tx, id).await.unwrap().abort("user:eva", "stop", AT).unwrap();
    save(&mut tx, &aborted, AT).await.unwrap();
    let db = pool.clone();
    let worker = tokio::spawn(async move {
        let mut tx = db.begin().await.unwrap();
        lock_claimed(&mut tx, claim).await.unwrap()
    });
    let waiting =
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')";
    while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&pool).await.unwrap() {
        tokio::task::yield_now().await;
    }
    tx.commit().await.unwrap();
    let read = worker.await.unwrap();
    assert_eq!(read.steps, aborted.steps, "not the steps of before the wait");
    assert_eq!(read, get(&pool, id).await.unwrap());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_row_that_fits_nothing_is_an_error_by_name(pool: PgPool) {
    let run = created(&pool).await;
    for sql in [
        "UPDATE run_steps SET note = '{\"code\": \"unheard_of\"}' RETURNING 1",
        "DELETE FROM run_steps WHERE position = 1 RETURNING 1",
    ] {
        let _: i32 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
        let read = get(&pool, run.id).await;
        assert!(
            matches!(read, Err(Error::Inconsistent { table: "run_steps", .. })),
            "{sql}: {read:?}"
        );
    }
}
