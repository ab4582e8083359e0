//! What is counted and computed without anything happening: the simulator, the statistics, the filters of the ledger, and
//! the readiness of a service.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Role;
use domain::decide::{Situation, decide};
use domain::decisions::Disposition;
use domain::ids::{DecisionId, ServiceId};
use domain::rollbacks::{Closure, State};
use domain::texts::simulator::TEXTS;
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;
use store::decisions::New;

use crate::world::World;

const SIMULATE: &str = "/api/app/pages/simulator/actions/simulate";

fn sample(name: &str) -> Situation {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/tests/situations");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn service(world: &World, name: &str) -> ServiceId {
    let service = serde_json::from_value(json!({"name": name, "workloads": []})).unwrap();
    let mut tx = world.db.begin().await.unwrap();
    let id = store::services::save(&mut tx, &service, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn record(
    world: &World,
    service: ServiceId,
    situation: &Situation,
    change: impl FnOnce(&mut domain::decisions::Decision),
    at: DateTime<Utc>,
) -> DecisionId {
    let mut decision = decide(situation);
    change(&mut decision);
    let new = New {
        service,
        workload: None,
        alert: None,
        follows: None,
        input: domain::canonical::digest(situation),
        situation,
        decision: &decision,
    };
    let mut tx = world.db.begin().await.unwrap();
    let id = store::decisions::insert(&mut tx, new, at).await.unwrap();
    tx.commit().await.unwrap();
    id
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_recorded_situation_is_tried_and_held_against_its_record(owner: PgPool) {
    let world = World::new(owner).await;
    let (_, viewer) = world.sign_in("viewer", Role::Viewer).await;
    let api = service(&world, "api-gateway").await;
    let situation = sample("bad-image");
    let id = record(&world, api, &situation, |_| {}, clock::now()).await;
    let page = format!("/simulator?decision={id}");
    let shown = world.get(&format!("/decisions/{id}"), &viewer).await.body;
    assert!(shown.contains(&page), "the way there: {shown}");
    let shown = world.get(&page, &viewer).await.body;
    assert!(shown.contains("registry.example/api:1.2.0"), "{shown}");

    let t = &TEXTS.zh;
    let text = serde_json::to_string_pretty(&situation).unwrap();
    let back = world.submit(SIMULATE, &viewer, &page, &form(&[("situation", text.as_str())])).await;
    let same = world.get(&back, &viewer).await.body;
    assert!(same.contains(t.differs_not), "{same}");

    let mut other = situation.clone();
    other.policy.mode = domain::policies::Mode::Off;
    let text = serde_json::to_string(&other).unwrap();
    let back = world.submit(SIMULATE, &viewer, &page, &form(&[("situation", text.as_str())])).await;
    let differs = world.get(&back, &viewer).await.body;
    assert!(!differs.contains(t.differs_not) && differs.contains(t.differs), "{differs}");
    // The policy that was chosen beside takes the place of the written one: the built-in one suggests.
    let fields = [("situation", text.as_str()), ("policy", "policies/default"), ("value", "0")];
    let back = world.submit(SIMULATE, &viewer, &page, &form(&fields)).await;
    let chosen = world.get(&back, &viewer).await.body;
    assert!(chosen.contains("suggest"), "{chosen}");
    assert!(world.audit().await.is_empty(), "nothing was changed");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_no_situation_is_told_with_its_place_and_kept(owner: PgPool) {
    let world = World::new(owner).await;
    let (_, viewer) = world.sign_in("viewer", Role::Viewer).await;
    for (text, expected) in [
        ("{\n  \"at\": 5\n}", "第 2 行第 9 列：invalid type: integer"),
        ("{\"mood\": 1}", "第 1 行第 7 列：unknown field"),
        ("", "此项必填"),
    ] {
        let back =
            world.submit(SIMULATE, &viewer, "/simulator", &form(&[("situation", text)])).await;
        let page = world.get(&back, &viewer).await.body;
        assert!(page.contains(expected), "{expected} in {page}");
        assert!(text.is_empty() || page.contains("mood") || page.contains("\"at\": 5"), "{page}");
    }
    let situation = serde_json::to_string(&sample("bad-image")).unwrap();
    let fields = [("situation", situation.as_str()), ("value", "high")];
    let back = world.submit(SIMULATE, &viewer, "/simulator", &form(&fields)).await;
    let page = world.get(&back, &viewer).await.body;
    assert!(page.contains("不是数字") && page.contains("registry.example"), "{page}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn another_policy_is_tried_on_what_was_decided(owner: PgPool) {
    let world = World::new(owner).await;
    let (_, author) = world.sign_in("author", Role::Sre).await;
    let api = service(&world, "api-gateway").await;
    for _ in 0..3 {
        record(&world, api, &sample("bad-image"), |_| {}, clock::now()).await;
    }
    let body =
        json!({"version": 1, "policy": {"name": "default", "mode": "off"}, "reason": "try it"});
    let proposed = world.call("PUT", "/policies/default", &author, body).await.json();
    let id = proposed["id"].as_str().unwrap();
    let page = format!("/simulator?service=api-gateway&policy=imports%2F{id}&count=20");
    let page = world.get(&page, &author).await.body;
    assert!(page.contains(&(TEXTS.zh.past_result)(3, 3)), "{page}");

    let answer = world
        .call("POST", "/simulations", &author, json!({"situation": sample("bad-image")}))
        .await;
    assert_eq!(answer.json()["outcome"], "automatic", "{}", answer.body);
    let wrong = world.call("POST", "/simulations", &author, json!({"situation": {"at": 1}})).await;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
}

/// A rollback of `pay` that ended so, opened `days` ago.
async fn ended(world: &World, by: domain::ids::UserId, state: State, days: i64) -> String {
    let (number, _) = world.rollback(by).await;
    let mut rollback = store::rollbacks::by_number(&world.db, &number).await.unwrap();
    let opened = clock::now() - TimeDelta::days(days);
    let at = |seconds: i64| Some(opened + TimeDelta::seconds(seconds));
    rollback.times.onset_at = at(0);
    rollback.times.detected_at = at(1);
    rollback.times.decided_at = at(2);
    rollback.times.approved_at = at(10);
    rollback.times.executed_at = at(14);
    rollback.times.healthy_at = at(20);
    rollback.ended_at = at(60);
    rollback.state = state;
    let mut tx = world.db.begin().await.unwrap();
    store::rollbacks::save(&mut tx, &rollback).await.unwrap();
    tx.commit().await.unwrap();
    sqlx::query(
        r#"UPDATE rollbacks SET created_at = $2, onset_at = $2, detected_at = $3, decided_at = $4,
                  "from" = $5, target = $6 WHERE number = $1"#,
    )
    .bind(&number)
    .bind(opened)
    .bind(at(1))
    .bind(at(2))
    .bind(side(7, "v1.2.0"))
    .bind(target(6, "v1.1.0"))
    .execute(&world.owner)
    .await
    .unwrap();
    number
}

fn side(revision: i64, tag: &str) -> Value {
    let image = format!("registry.example:5000/api:{tag}");
    let digest = format!("sha256:{}", "1".repeat(64));
    json!({"revision": revision, "digest": digest, "images": [{"container": "api", "image": image}]})
}

fn target(revision: i64, tag: &str) -> Value {
    let mut value = side(revision, tag);
    value["kind"] = json!("workload");
    value["key"] = json!("newest_verified");
    value["reason"] = json!("");
    for name in ["workload", "config_digest", "release"] {
        value[name] = Value::Null;
    }
    value
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_ledger_is_asked_as_auditors_ask(owner: PgPool) {
    let world = World::new(owner).await;
    let (by, sre) = world.sign_in("sre", Role::Sre).await;
    let verified = State::Closed { closure: Closure::Verified, reason: "well".into() };
    let good = ended(&world, by, verified, 1).await;
    let bad = ended(&world, by, State::Failed { reason: "hung".into() }, 2).await;
    let old = ended(&world, by, State::Failed { reason: "hung".into() }, 40).await;

    for (query, expected) in [
        ("", vec![&good, &bad, &old]),
        ("success=true", vec![&good]),
        ("success=false", vec![&bad, &old]),
        ("from=v1.2.0&to=v1.1.0&service=pay", vec![&good, &bad, &old]),
        ("from=7", vec![&good, &bad, &old]),
        ("from=1.2.0", vec![]),
        ("to=v9", vec![]),
        ("duration_min_s=60&duration_max_s=60", vec![&good, &bad, &old]),
        ("duration_min_s=61", vec![]),
        ("duration_max_s=59", vec![]),
        ("cluster=nowhere", vec![]),
    ] {
        let answer = world.get(&format!("/api/v1/rollbacks?{query}"), &sre).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        let items = answer.json();
        let numbers: Vec<_> = items["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["number"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(numbers.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    // A page shows the last seven days unless it is asked for more.
    let page = world.get("/rollbacks", &sre).await.body;
    assert!(page.contains(&good) && !page.contains(&old), "{page}");
    let page = world.get("/rollbacks?period=all&success=false", &sre).await.body;
    assert!(page.contains(&old) && !page.contains(&good), "{page}");
    let (csv, _) = world.download("/api/v1/rollbacks.csv?success=true", &sre).await;
    assert!(csv.body.contains(&good) && !csv.body.contains(&bad), "{}", csv.body);
    assert!(csv.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn statistics_count_what_is_there_and_say_how_little_it_is(owner: PgPool) {
    let world = World::new(owner).await;
    let (by, sre) = world.sign_in("sre", Role::Sre).await;
    let nothing = world.get("/api/v1/rollbacks/statistics", &sre).await.json();
    assert_eq!(
        (&nothing["opened"], &nothing["success_rate"]),
        (&json!(0), &Value::Null),
        "{nothing}"
    );

    let verified = || State::Closed { closure: Closure::Verified, reason: "well".into() };
    ended(&world, by, verified(), 1).await;
    ended(&world, by, State::Failed { reason: "hung".into() }, 2).await;
    ended(&world, by, verified(), 40).await;
    let month = world.get("/api/v1/rollbacks/statistics?days=30", &sre).await.json();
    assert_eq!((&month["opened"], &month["success_rate"]), (&json!(2), &json!(0.5)), "{month}");
    assert_eq!(month["recovery"]["mean_s"], 20.0, "{month}");
    assert_eq!(
        month["phases"]["approve"],
        json!({"count": 2, "mean_s": 8.0, "p50_s": 8.0, "p90_s": null, "p99_s": null})
    );
    let quarter = world.get("/api/v1/rollbacks/statistics?days=90", &sre).await.json();
    assert_eq!(quarter["opened"], 3, "{quarter}");
    assert_eq!(world.get("/api/v1/rollbacks/statistics?days=91", &sre).await.status, 422);

    // What was only recorded is scored by what happened then; here nobody knows.
    let pay = service(&world, "pay").await;
    let only = |it: &mut domain::decisions::Decision| it.disposition = Disposition::RecordOnly;
    let id = record(&world, pay, &sample("bad-image"), only, clock::now()).await;
    let month = world.get("/api/v1/rollbacks/statistics", &sre).await.json();
    assert_eq!(month["shadow"][0]["score"], "unknown", "{month}");
    assert_eq!(month["shadow"][0]["decision"], json!(id));
    let page = world.get("/statistics?period=30d", &sre).await.body;
    for shown in ["n = 2", "98.5", "23.1 s", "/rollbacks?", "closure=verified", "P99"] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_inbox_says_what_waits_and_who_has_approved(owner: PgPool) {
    let world = World::new(owner).await;
    let (by, _) = world.sign_in("asker", Role::Sre).await;
    let (_, sre) = world.sign_in("sre", Role::Sre).await;
    let (number, _) = world.rollback(by).await;
    let rollback = store::rollbacks::by_number(&world.db, &number).await.unwrap();
    let digest = rollback.plan_digest.unwrap();
    let short: String = digest.as_str().trim_start_matches("sha256:").chars().take(12).collect();
    let page = world.get("/approvals", &sre).await.body;
    for shown in [number.as_str(), "pay", "5xx", "asker", &short, "已批准 0 / 1"] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
}
