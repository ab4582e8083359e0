//! Accounts, roles and tokens through the front door.

use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::access::{Role, Scope};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::world::World;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_role_takes_effect_with_the_consent_of_a_second_administrator(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, first) = world.sign_in("first admin", Role::Admin).await;
    let (_, second) = world.sign_in("second admin", Role::Admin).await;
    let new = json!({"name": "alice", "roles": ["sre"], "teams": ["platform"]});
    let added = world.call("POST", "/users", &first, new).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);

    // Nothing is in force yet.
    let users = world.call("GET", "/users", &second, Value::Null).await.json();
    let alice = users["items"].as_array().unwrap().iter().find(|it| it["name"] == "alice").unwrap();
    assert_eq!((&alice["roles"], &alice["teams"]), (&json!([]), &json!(["platform"])));
    let grants = world.call("GET", "/grants", &second, Value::Null).await.json();
    let waiting = grants["items"].as_array().unwrap().iter();
    let grant = waiting.clone().find(|it| it["state"] == "awaiting_consent").unwrap();
    let path = format!("/grants/{}/consent", grant["id"].as_str().unwrap());

    let own = world.call("POST", &path, &first, Value::Null).await;
    assert_eq!(own.status, StatusCode::FORBIDDEN);
    assert_eq!(own.json()["type"], "https://lifeboat.dev/problems/own-grant");
    for expected in [StatusCode::NO_CONTENT, StatusCode::CONFLICT] {
        let answer = world.call("POST", &path, &second, Value::Null).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }

    // It holds, and approves only a day later.
    let grants = world.call("GET", "/grants", &second, Value::Null).await.json();
    let grant = grants["items"].as_array().unwrap().iter().find(|it| it["id"] == grant["id"]);
    assert_eq!(grant.unwrap()["state"], "in_force");
    let id = store::users::by_name(&world.db, "alice").await.unwrap();
    let alice = store::users::get(&world.db, id).await.unwrap().unwrap().user;
    let now = server::clock::now();
    assert!(alice.has(Role::Sre));
    assert_eq!(alice.approving_roles(now), []);
    assert_eq!(alice.approving_roles(now + TimeDelta::hours(25)), [Role::Sre]);

    let audit: Vec<_> = world.audit().await.into_iter().map(|it| it.1).collect();
    assert_eq!(audit, ["administer_users", "consent_grant"]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_disabled_user_is_out_at_once_and_the_last_administrator_stays(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;
    let (id, viewer) = world.sign_in("viewer", Role::Viewer).await;
    let token = format!("Bearer {}", world.token("laptop", Some(id), &[Scope::Read]).await);
    for who in [&viewer, &token] {
        assert_eq!(world.call("GET", "/me", who, Value::Null).await.status, StatusCode::OK);
    }
    let answer = world.call("POST", "/users/viewer/disable", &admin, Value::Null).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
    for who in [&viewer, &token] {
        let answer = world.call("GET", "/me", who, Value::Null).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let own = world.call("POST", "/users/admin/disable", &admin, Value::Null).await;
    assert_eq!(own.status, StatusCode::FORBIDDEN);
    let grants = world.call("GET", "/grants", &admin, Value::Null).await.json();
    let role = grants["items"].as_array().unwrap().iter().find(|it| it["role"] == "admin").unwrap();
    let path = format!("/grants/{}/end", role["id"].as_str().unwrap());
    let last = world.call("POST", &path, &admin, Value::Null).await;
    assert_eq!(last.json()["type"], "https://lifeboat.dev/problems/last-administrator");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_token_is_shown_once_and_does_what_it_says_until_it_is_revoked(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;
    let new = json!({"machine": "ci", "scopes": ["read"], "expires_s": 3600});
    let made = world.call("POST", "/tokens", &admin, new.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let made = made.json();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    assert!(bearer.starts_with("Bearer lb_"));
    assert_eq!(world.call("GET", "/me", &bearer, Value::Null).await.json()["actor"], "machine:ci");
    let list = world.call("GET", "/tokens", &bearer, Value::Null).await;
    assert_eq!(list.status, StatusCode::FORBIDDEN, "the scope is missing");
    let list = world.call("GET", "/tokens", &admin, Value::Null).await;
    assert!(!list.body.contains("lb_") && list.body.contains("\"ci\""), "{}", list.body);

    let path = format!("/tokens/{}/revoke", made["id"].as_str().unwrap());
    for expected in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        assert_eq!(world.call("POST", &path, &admin, Value::Null).await.status, expected);
    }
    for wrong in [&*bearer, "Bearer lb_0", "Bearer "] {
        let answer = world.call("GET", "/me", wrong, Value::Null).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_wrong_is_said_field_by_field(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;
    for (path, body, status, field) in [
        ("/users", json!({"name": "admin"}), 422, "name"),
        ("/users", json!({"name": " "}), 422, "name"),
        ("/users", json!({"name": "a:b"}), 422, "name"),
        ("/users", json!({"name": "x".repeat(65)}), 422, "name"),
        ("/users", json!({"name": "a\0"}), 422, "name"),
        ("/users", json!({"name": "a", "roles": ["king"]}), 422, "roles[0]"),
        ("/users", json!({"name": "a", "nickname": "b"}), 422, "nickname"),
        ("/users", json!({"roles": []}), 422, "name"),
        ("/tokens", json!({"machine": "m", "scopes": ["approve"], "expires_s": 60}), 422, "scopes"),
        ("/tokens", json!({"machine": "m", "scopes": [], "expires_s": 60}), 422, "scopes"),
        ("/tokens", json!({"machine": "m", "scopes": ["read"], "expires_s": 0}), 422, "expires_s"),
        ("/tokens", json!({"user": "ghost", "scopes": ["read"], "expires_s": 60}), 422, "user"),
        ("/tokens", json!({"scopes": ["read"], "expires_s": 60}), 422, ""),
    ] {
        let answer = world.call("POST", path, &admin, body.clone()).await;
        let problem = answer.json();
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(
            (&problem["status"], &problem["errors"][0]["field"]),
            (&json!(status), &json!(field)),
            "{body}: {problem}"
        );
    }
    for (path, status, field) in [
        ("/audit?limit=0", 422, "limit"),
        ("/audit?limit=501", 422, "limit"),
        ("/audit?limit=x", 422, "limit"),
        ("/audit?cursor=x", 422, "cursor"),
        ("/audit?since=yesterday", 422, "since"),
        ("/audit?colour=red", 422, "colour"),
    ] {
        let problem = world.call("GET", path, &admin, Value::Null).await.json();
        assert_eq!(
            (&problem["status"], &problem["errors"][0]["field"]),
            (&json!(status), &json!(field)),
            "{path}: {problem}"
        );
    }
    let not_json = world.call_with("POST", "/users", &admin, &[], "{".to_owned()).await;
    assert_eq!(not_json.status, StatusCode::BAD_REQUEST);
    let nowhere = world.call("GET", "/nowhere", &admin, Value::Null).await;
    assert_eq!(nowhere.json()["type"], "https://lifeboat.dev/problems/not-found");
    assert!(world.audit().await.is_empty());
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_key_makes_a_request_happen_once(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;
    let (_, other) = world.sign_in("other", Role::Admin).await;
    let key = [("idempotency-key", "k1")];
    let body = json!({"name": "alice"}).to_string();
    let send = |who: &str, body: &str| {
        let (who, body) = (who.to_owned(), body.to_owned());
        let world = &world;
        async move { world.call_with("POST", "/users", &who, &key, body).await }
    };
    // Two at once, and one later: one account, one answer.
    let (first, second) = tokio::join!(send(&admin, &body), send(&admin, &body));
    let third = send(&admin, &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    for again in [second, third] {
        assert_eq!((again.status, &again.body), (first.status, &first.body));
    }
    assert_eq!(world.audit().await.len(), 1);

    let other_body = send(&admin, &json!({"name": "bob"}).to_string()).await;
    assert_eq!(other_body.json()["type"], "https://lifeboat.dev/problems/idempotency-key-reused");
    // The key belongs to its sender; somebody else's is another.
    let taken = send(&other, &body).await;
    assert_eq!(taken.json()["errors"][0]["field"], "name");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_request_whose_answer_was_lost_is_not_repeated(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;
    let key = [("idempotency-key", "k1")];
    let body = json!({"name": "alice"}).to_string();
    world.call_with("POST", "/users", &admin, &key, body.clone()).await;
    // As a process leaves it that dies between the commit and the answer.
    let sql = "UPDATE idempotency SET status = NULL, headers = NULL, body = NULL, begun_at = begun_at - interval '2 min'";
    sqlx::raw_sql(sql).execute(&world.db).await.unwrap();
    let lost = world.call_with("POST", "/users", &admin, &key, body).await;
    assert_eq!(lost.json()["type"], "https://lifeboat.dev/problems/idempotency-answer-lost");
    assert_eq!(world.audit().await.len(), 1);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_log_is_read_a_page_at_a_time(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;
    for name in ["a", "b", "c"] {
        world.call("POST", "/users", &admin, json!({"name": name})).await;
    }
    let first = world
        .call("GET", "/audit?limit=2&action=administer_users", &admin, Value::Null)
        .await
        .json();
    let subjects = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|it| it["subject"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(subjects(&first), ["users/c", "users/b"]);
    let next = format!(
        "/audit?limit=2&action=administer_users&cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    let last = world.call("GET", &next, &admin, Value::Null).await.json();
    assert_eq!((subjects(&last), &last["next_cursor"]), (vec!["users/a".to_owned()], &Value::Null));

    for (query, expected) in [
        ("subject=users/b", vec!["users/b"]),
        ("subject=users/a&text=USERS/A", vec!["users/a"]),
        ("actor=admin&limit=1", vec!["users/c"]),
        ("actor=user:admin&action=administer_users&limit=1", vec!["users/c"]),
        ("actor=nobody", vec![]),
        ("since=2200-01-01T00:00:00Z", vec![]),
        ("until=2000-01-01T00:00:00Z", vec![]),
    ] {
        let page = world.call("GET", &format!("/audit?{query}"), &admin, Value::Null).await.json();
        assert_eq!(subjects(&page), expected, "{query}");
    }
}
