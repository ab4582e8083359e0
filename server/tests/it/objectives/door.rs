//! The API and the pages: who may change a target, what becomes of it, and what others read.

use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::access::{Role, Scope, Subject};
use domain::measurements::{Judge, Measurement, RTO, Target, Window};
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use super::state;
use crate::world::World;

const FORM: &str = "/api/app/pages/objectives/actions/edit_objective";

fn orders() -> Value {
    json!({"name": "orders", "title": "=订单", "team": "payments", "database": true,
    "path": "PITR", "signals": ["账单对账失败"],
    "sources": [
        {"document": "plan", "section": "§2", "rto_s": 1800, "rpo_s": 300},
        {"document": "chapter 13", "rto_s": 900, "rpo_s": "n/a"},
    ]})
}

fn caches() -> Value {
    json!({"name": "caches", "team": "cache",
        "sources": [{"document": "plan", "rto_s": 600, "rpo_s": "may_be_lost"}]})
}

async fn bearer(world: &World, name: &str, role: Role) -> String {
    let (id, _) = world.sign_in(name, role).await;
    let scopes = [Scope::Read, Scope::CatalogWrite];
    format!("Bearer {}", world.token(name, Some(id), &scopes).await)
}

fn stricter(version: i32, reason: &str) -> Value {
    json!({"version": version, "reason": reason,
        "sources": [{"document": "plan", "section": "§2", "rto_s": 600, "rpo_s": 60}]})
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_target_is_changed_with_a_reason_and_an_old_day_keeps_its_own(pool: PgPool) {
    let world = World::new(pool).await;
    let before = state(&world.db, orders()).await;
    state(&world.db, caches()).await;
    let [viewer, dba, sre] =
        [Role::Viewer, Role::Dba, Role::Sre].map(|it| bearer(&world, it.as_str(), it));
    let (viewer, dba, sre) = (viewer.await, dba.await, sre.await);
    let put = async |who: &str, name: &str, body: &Value| {
        world.call("PUT", &format!("/objectives/{name}"), who, body.clone()).await
    };

    for (who, name, body, status) in [
        (&viewer, "orders", stricter(1, "review"), StatusCode::FORBIDDEN),
        // Not a database domain.
        (&dba, "caches", stricter(1, "review"), StatusCode::FORBIDDEN),
        (&sre, "none", stricter(1, "review"), StatusCode::NOT_FOUND),
        (&sre, "orders", stricter(1, " "), StatusCode::UNPROCESSABLE_ENTITY),
        (&sre, "orders", stricter(7, "review"), StatusCode::CONFLICT),
        (
            &sre,
            "orders",
            json!({"version": 1, "reason": "r", "sources": []}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            &sre,
            "orders",
            json!({"version": 1, "reason": "r", "sources": orders()["sources"]}),
            StatusCode::CONFLICT,
        ),
    ] {
        let answer = put(who, name, &body).await;
        assert_eq!(answer.status, status, "{name} {body}: {}", answer.body);
    }
    let wrong = json!({"version": 1, "reason": "r", "sources": [{"document": "p", "rto_s": "may_be_lost"}]});
    let answer = put(&sre, "orders", &wrong).await.json();
    assert_eq!(answer["errors"][0]["field"], "sources[0].rto_s", "{answer}");

    let moment = clock::now();
    let changed = put(&dba, "orders", &stricter(1, "drill of May was slow")).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    let changed = changed.json();
    assert_eq!(
        (&changed["rto_s"], &changed["rpo_s"], &changed["version"]),
        (&json!(600), &json!(60), &json!(2))
    );
    let history = changed["history"].as_array().unwrap();
    assert_eq!(history[0]["reason"], "drill of May was slow");
    assert_eq!(history[0]["changed_by"], "user:dba");
    assert_eq!((&history[1]["rto_s"], &history[1]["version"]), (&json!(900), &json!(1)));
    let then = store::objectives::at(&world.db, "orders", moment).await.unwrap().unwrap();
    assert_eq!(then, before);
    let said = "SELECT actor, details->>'reason' FROM audit WHERE subject = 'objectives/orders'";
    let said: Vec<(String, String)> = sqlx::query_as(said).fetch_all(&world.db).await.unwrap();
    assert_eq!(said, [("user:dba".to_owned(), "drill of May was slow".to_owned())]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn others_read_the_matrix_the_values_and_the_tables(pool: PgPool) {
    let world = World::new(pool).await;
    let dated = state(&world.db, orders()).await;
    state(&world.db, caches()).await;
    let viewer = bearer(&world, "viewer", Role::Viewer).await;
    let now = clock::now();
    let window = Window { from: now - TimeDelta::seconds(840), to: now };
    let rto = Measurement {
        objective: Some(Judge { name: "orders".into(), version: dated.version }),
        ..Measurement::span(RTO, window, "prometheus of lab".into(), &[Target::within(RTO, 900.0)])
    };
    let mut tx = world.db.begin().await.unwrap();
    let subject = Subject::new("drills", "DR-20261120-01");
    store::measurements::put(&mut tx, &subject, None, &[rto]).await.unwrap();
    tx.commit().await.unwrap();
    let get = async |path: &str| world.call("GET", path, &viewer, Value::Null).await;

    let all = get("/objectives").await.json();
    let items = all["items"].as_array().unwrap();
    let bounds = |it: &Value| (it["name"].clone(), it["rto_s"].clone(), it["rpo_s"].clone());
    assert_eq!(bounds(&items[0]), (json!("caches"), json!(600), json!("may_be_lost")));
    // The stricter of two documents, and both are there.
    assert_eq!(bounds(&items[1]), (json!("orders"), json!(900), json!(300)));
    assert_eq!(items[1]["sources"].as_array().unwrap().len(), 2);
    let attained = &items[1]["attained"][0];
    assert_eq!((&attained["value"], &attained["verdict"]), (&json!(840.0), &json!("pass")));

    for (query, count) in [
        ("subject=drills/DR-20261120-01", 1),
        ("name=rto&objective=orders&verdict=pass", 1),
        ("name=rpo", 0),
        ("service=none", 0),
        ("since=2999-01-01T00:00:00Z", 0),
    ] {
        let found = get(&format!("/measurements?{query}")).await;
        assert_eq!(found.status, StatusCode::OK, "{query}: {}", found.body);
        assert_eq!(found.json()["items"].as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(get("/measurements?verdict=good").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(get("/measurements?nonsense=1").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let id = attained["id"].as_str().unwrap();
    assert_eq!(
        get(&format!("/measurements/{id}")).await.json()["subject"],
        "drills/DR-20261120-01"
    );

    let table = get("/objectives/results.csv?table=DR-02").await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<_> = table.body.trim_start_matches('\u{feff}').lines().collect();
    assert!(lines[0].starts_with("domain,title,path,target_s,measured_s,verdict"), "{lines:?}");
    assert!(lines[1].starts_with("caches,caches,,600,,,,,"), "{lines:?}");
    // A title that a spreadsheet would compute.
    assert!(lines[2].starts_with("orders,'=订单,PITR,900,840,pass,"), "{lines:?}");
    assert!(lines[2].contains(",drills/DR-20261120-01,prometheus of lab,chapter 13,"), "{lines:?}");
    let rpo = get("/objectives/results.csv?table=DR-04").await.body;
    assert!(rpo.contains("caches,caches,,may_be_lost,,"), "{rpo}");
    assert_eq!(
        get("/objectives/results.csv?table=DR-99").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_page_shows_the_matrix_and_loses_nothing_that_was_typed(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, viewer) = world.sign_in("viewer", Role::Viewer).await;
    let (_, pmo) = world.sign_in("pmo", Role::Pmo).await;
    let empty = world.get("/objectives", &viewer).await;
    assert!(empty.body.contains("objectives.yaml"), "{}", empty.body);
    state(&world.db, orders()).await;

    let list = world.get("/objectives", &viewer).await.body;
    for part in [
        r#"href="/objectives/orders""#,
        "≤ 15 分",
        "≤ 5 分",
        "PITR",
        "payments",
        "chapter 13",
        "尚未测得",
    ] {
        assert!(list.contains(part), "{part} is not in {list}");
    }
    let detail = world.get("/objectives/orders", &viewer).await.body;
    assert!(detail.contains("生效") && !detail.contains(FORM), "{detail}");
    assert_eq!(world.get("/objectives/none", &viewer).await.status, StatusCode::NOT_FOUND);

    let page = world.get("/objectives/orders", &pmo).await.body;
    assert!(page.contains(FORM), "{page}");
    let form = |rto: &str, reason: &str| {
        format!(
            "id=orders%2F1&version=1&document=chapter+13&rto_s={rto}&rpo_s=n%2Fa&targets=crr+%3C%3D+60+s&reason={reason}"
        )
    };
    let at = "/objectives/orders";
    let back = world.submit(FORM, &pmo, at, &form("soon", "because")).await;
    let again = world.get(&back, &pmo).await.body;
    for part in ["value=\"soon\"", "value=\"because\"", "crr &lt;= 60 s", "may_be_lost"] {
        assert!(again.contains(part), "{part} is not in {again}");
    }
    world.submit(FORM, &pmo, at, &form("600", "because")).await;
    let page = world.get("/objectives/orders", &pmo).await.body;
    for part in ["because", "≤ 10 分", "user:pmo", "crr"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}
