//! One queue for each role.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Role, Scope};
use domain::drills::{Criterion, Drill, DrillType, OfService, State};
use domain::plans::{Step, StepKind};
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use super::{items, kinds};
use crate::world::World;

/// A drill that somebody planned, of no service or of `pay`.
fn drill(scenario: &str, planned_at: DateTime<Utc>) -> Drill {
    let manual = StepKind::Manual { instruction: "switch DNS".into(), evidence: false };
    Drill {
        lead: Some("lead".into()),
        participants: vec!["pmo in it".into()],
        planned_by: "user:lead".into(),
        steps: vec![Step::new("dns", manual)],
        criteria: vec![Criterion::open("smoke tests pass")],
        requirements: vec![],
        ..Drill::of(scenario.into(), DrillType::Tabletop, planned_at)
    }
}

async fn insert(world: &World, drill: Drill) -> Drill {
    let mut tx = world.db.begin().await.unwrap();
    let day = clock::now().date_naive();
    let drill = store::drills::insert(&mut tx, drill, day).await.unwrap();
    tx.commit().await.unwrap();
    drill
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_approval_is_shown_to_who_may_give_it(owner: PgPool) {
    let world = World::new(owner).await;
    let (asker, asking) = world.sign_in("asker", Role::Sre).await;
    let (other, approving) = world.sign_in("other", Role::Sre).await;
    let (_, dba) = world.sign_in("dba", Role::Dba).await;
    let (_, pmo) = world.sign_in("pmo", Role::Pmo).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;
    let (_, viewer) = world.sign_in("viewer", Role::Viewer).await;
    let (number, _) = world.rollback(asker).await;

    let [item] = &items(&world, &approving).await[..] else { panic!("one thing waits") };
    assert_eq!(item["kind"], "rollback_approval");
    assert_eq!((&item["mine"], &item["urgency"]), (&json!(true), &json!("at_risk")), "{item}");
    assert_eq!(item["href"], format!("/rollbacks/{number}"));
    assert_eq!((&item["roles"], &item["service"]), (&json!(["sre"]), &json!("pay")));
    let page = world.get("/", &approving).await.body;
    assert!(page.contains(&number) && page.contains("审阅"), "{page}");

    let page = world.get("/", &asking).await.body;
    assert!(kinds(&world, &asking).await.is_empty(), "nobody approves their own request");
    assert!(page.contains("没有需要你处理的事"), "{page}");
    for cookie in [&dba, &pmo] {
        assert!(kinds(&world, cookie).await.is_empty());
    }
    // The holidays may be an administrator's to import; an approval never is.
    assert!(!kinds(&world, &admin).await.contains(&"rollback_approval".to_owned()));

    // Who only looks on is told, and nothing of it is theirs; a machine likewise.
    let machine = format!("Bearer {}", world.token("ci", None, &[Scope::Read]).await);
    for who in [&viewer, &machine] {
        let [item] = &items(&world, who).await[..] else { panic!("{who}") };
        assert_eq!((&item["kind"], &item["mine"]), (&json!("rollback_approval"), &json!(false)));
    }
    let page = world.get("/", &viewer).await.body;
    assert!(page.contains("需要知道的事") && !page.contains("审阅"), "{page}");
    // A person's token reads what waits for its person.
    let token = format!("Bearer {}", world.token("t", Some(other), &[Scope::Read]).await);
    assert_eq!(kinds(&world, &token).await, ["rollback_approval"]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_drill_is_shown_to_who_is_in_it_and_its_signature_to_who_is_not(owner: PgPool) {
    let world = World::new(owner).await;
    let (_, lead) = world.sign_in("lead", Role::Sre).await;
    let (_, other) = world.sign_in("other", Role::Sre).await;
    let (_, pmo) = world.sign_in("pmo", Role::Pmo).await;
    let (_, pmo_in_it) = world.sign_in("pmo in it", Role::Pmo).await;
    let now = clock::now();

    let planned = insert(&world, drill("DNS failover", now + TimeDelta::days(2))).await;
    assert_eq!(kinds(&world, &lead).await, ["drill_planned"]);
    assert_eq!(kinds(&world, &pmo_in_it).await, ["drill_planned"]);
    assert!(kinds(&world, &other).await.is_empty() && kinds(&world, &pmo).await.is_empty());
    let page = world.get("/", &other).await.body;
    assert!(page.contains("接下来") && page.contains("DNS failover"), "what comes next: {page}");

    let sql = "UPDATE drills SET state = 'recovered', injected_at = $2, t0 = $2, recovered_at = $3
               WHERE number = $1";
    let recover = sqlx::query(sql).bind(&planned.number).bind(now - TimeDelta::hours(1)).bind(now);
    recover.execute(&world.owner).await.unwrap();
    assert_eq!(kinds(&world, &lead).await, ["drill_criteria"]);
    let [item] = &items(&world, &pmo).await[..] else { panic!("one drill to sign") };
    assert_eq!(item["kind"], "drill_sign_off");
    let codes: Vec<_> =
        item["detail"]["refusals"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, ["no_t1", "criterion_open"], "what still refuses: {item}");
    assert_eq!(
        kinds(&world, &pmo_in_it).await,
        ["drill_criteria"],
        "no signature of who took part"
    );

    let missed =
        Drill { state: State::Missed { reason: None }, ..drill("PITR", now - TimeDelta::days(3)) };
    insert(&world, missed).await;
    // Which periods have ended meanwhile depends on the day.
    let drills = async |cookie: &str| {
        let all = kinds(&world, cookie).await.into_iter();
        all.filter(|it| it.starts_with("drill")).collect::<Vec<_>>()
    };
    assert_eq!(drills(&pmo).await, ["drill_unexplained", "drill_sign_off"]);
    assert_eq!(items(&world, &pmo).await[0]["urgency"], "overdue");
    assert_eq!(drills(&other).await, ["drill_unexplained"]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_action_item_is_its_owners_and_others_verify_it(owner: PgPool) {
    let world = World::new(owner).await;
    let (_, lead) = world.sign_in("lead", Role::Sre).await;
    let (_, responder) = world.sign_in("responder", Role::Responder).await;
    let (_, viewer) = world.sign_in("viewer", Role::Viewer).await;
    let now = clock::now();
    let drill = insert(&world, drill("DNS failover", now + TimeDelta::days(90))).await;
    let sql = "INSERT INTO drill_actions (drill_id, position, text, owner, due, critical)
               VALUES ($1, 1, 'raise the limit', 'lead', $2, false)";
    let due = now - TimeDelta::hours(2);
    sqlx::query(sql).bind(drill.id.0).bind(due).execute(&world.owner).await.unwrap();

    let [item] = &items(&world, &lead).await[..] else { panic!("one action item") };
    assert_eq!((&item["kind"], &item["urgency"]), (&json!("action_item"), &json!("overdue")));
    assert_eq!(item["title"], "raise the limit");
    assert_eq!(kinds(&world, &responder).await, ["action_verification"]);
    assert!(kinds(&world, &viewer).await.is_empty());
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_backup_and_a_domain_are_shown_to_their_owners(owner: PgPool) {
    let world = World::new(owner).await;
    let row = json!({
        "name": "wal", "domain": "history", "artefact": "WAL", "method": "script", "interval_s": 3600,
        "retention": {"age_s": 86400}, "place": "elsewhere", "encryption": "none", "owner": "database",
        "source": {"kind": "heartbeat"},
    });
    let objective = json!({
        "name": "history", "team": "database", "sources": [{"document": "plan", "rto_s": 60}],
    });
    let objective = serde_json::from_value(objective).unwrap();
    let mut tx = world.db.begin().await.unwrap();
    let row = serde_json::from_value(row).unwrap();
    store::backups::save(&mut tx, &row, clock::now()).await.unwrap();
    let (by, reason) = ("owner", "as documented");
    store::objectives::save(&mut tx, &objective, by, reason, clock::now()).await.unwrap();
    let (dba, in_team) = world.sign_in("dba", Role::Dba).await;
    store::users::set_teams(&mut tx, dba, &["database".into()]).await.unwrap();
    tx.commit().await.unwrap();
    let sql = "INSERT INTO measurements (subject, name, value, unit, verdict, source, window_from, window_to,
                   measured_at, objective_id, objective_version)
               SELECT 'objectives/history', 'rto', 99, 's', 'fail', 'watch', now(), now(), now(), id, version
               FROM objectives";
    sqlx::query(sql).execute(&world.owner).await.unwrap();
    let (_, sre) = world.sign_in("sre", Role::Sre).await;
    let (_, viewer) = world.sign_in("viewer", Role::Viewer).await;

    assert_eq!(kinds(&world, &in_team).await, ["backup", "objective"]);
    let page = world.get("/", &in_team).await.body;
    assert!(page.contains("/backups/wal") && page.contains("/objectives/history"), "{page}");
    assert!(kinds(&world, &sre).await.is_empty(), "another team's");
    let all = items(&world, &viewer).await;
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|it| it["mine"] == Value::Bool(false)), "{all:?}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_kill_switch_is_shown_to_who_may_lift_it(owner: PgPool) {
    let world = World::new(owner).await;
    let (_, setter) = world.sign_in("setter", Role::Sre).await;
    let (_, other) = world.sign_in("other", Role::Sre).await;
    let (_, dba) = world.sign_in("dba", Role::Dba).await;
    let on = json!({"on": true, "reason": "storm"});
    let thrown = world.call("PUT", "/kill-switches/global", &setter, on).await;
    assert!(thrown.status.is_success(), "{}", thrown.body);

    let [item] = &items(&world, &other).await[..] else { panic!("one switch") };
    assert_eq!((&item["kind"], &item["urgency"]), (&json!("kill_switch"), &json!("at_risk")));
    assert_eq!(item["why"], "storm");
    for cookie in [&setter, &dba] {
        assert!(kinds(&world, cookie).await.is_empty());
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_period_that_ended_is_shown_to_who_closes_and_reconciles_it(owner: PgPool) {
    let world = World::new(owner).await;
    let (sre, sre_cookie) = world.sign_in("sre", Role::Sre).await;
    let (_, pmo) = world.sign_in("pmo", Role::Pmo).await;
    let (_, dba) = world.sign_in("dba", Role::Dba).await;
    let (number, _) = world.rollback(sre).await;
    // It failed a month ago, and nothing followed; that month's quarter may be this one.
    let sql = "UPDATE rollbacks SET state = 'failed', state_reason = 'x', ended_at = now(),
                   created_at = date_trunc('month', now()) - interval '10 days' WHERE number = $1";
    sqlx::query(sql).bind(&number).execute(&world.owner).await.unwrap();
    let end = "UPDATE runs SET state = 'expired', state_at = now(), due_at = NULL";
    sqlx::query(end).execute(&world.owner).await.unwrap();
    assert_eq!(kinds(&world, &sre_cookie).await, ["reconciliation"]);

    let far = "UPDATE rollbacks SET created_at = created_at - interval '100 days'";
    sqlx::query(far).execute(&world.owner).await.unwrap();
    assert!(kinds(&world, &pmo).await.iter().all(|it| it == "quarter_close"));
    assert!(!kinds(&world, &pmo).await.is_empty());
    for cookie in [&sre_cookie, &dba] {
        assert!(kinds(&world, cookie).await.is_empty());
    }
}

/// Where a service of the drill is known, its team is; and the queue of a drill that runs has its clock.
#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_running_drill_has_the_clock_of_its_closure(owner: PgPool) {
    let world = World::new(owner).await;
    let (id, lead) = world.sign_in("lead", Role::Sre).await;
    let (_, viewer) = world.sign_in("viewer", Role::Viewer).await;
    let (number, _) = world.rollback(id).await;
    let service = store::rollbacks::find(&world.db, &number).await.unwrap().service;
    let service = OfService { id: service, name: "pay".into(), team: "platform".into() };
    let run = store::rollbacks::find(&world.db, &number).await.unwrap().run.unwrap();
    let drill = Drill { service: Some(service), ..drill("bad image", clock::now()) };
    let drill = insert(&world, drill).await;
    let t0 = clock::now() - TimeDelta::minutes(100);
    let sql = "UPDATE drills SET state = 'running', run_id = $2, injected_at = $3, t0 = $3 WHERE number = $1";
    let begin = sqlx::query(sql).bind(&drill.number).bind(run.0).bind(t0);
    begin.execute(&world.owner).await.unwrap();

    let all = items(&world, &lead).await;
    let clock = all.iter().find(|it| it["kind"] == "drill_under_way").unwrap();
    assert_eq!((&clock["urgency"], &clock["team"]), (&json!("at_risk"), &json!("platform")));
    let due: DateTime<Utc> = serde_json::from_value(clock["due"].clone()).unwrap();
    assert!((due - t0 - TimeDelta::minutes(120)).abs() < TimeDelta::seconds(1));
    let public = items(&world, &viewer).await;
    assert!(public.iter().any(|it| it["kind"] == "drill_under_way" && it["mine"] == false));
    assert!(world.get("/", &lead).await.body.contains(&drill.number));
}
