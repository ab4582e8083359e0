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

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_pages_of_people_do_what_the_api_does(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;
    let (_, second) = world.sign_in("second", Role::Admin).await;
    let function = |name: &str| format!("/api/app/pages/admin/actions/{name}");

    // What was typed stays, and the field says what is wrong; the password is not kept.
    let form = "name=admin&role=sre&teams=a%2Cb&password=correct-horse-battery";
    let refused = world.submit(&function("add_user"), &admin, "/admin/users", form).await;
    let page = world.get(&refused, &admin).await.body;
    assert!(page.contains("已被占用") && page.contains(r#"value="a,b""#), "{page}");
    assert!(!page.contains("correct-horse-battery"));

    let form = "name=Li+Lei&role=sre&teams=a%EF%BC%8Cb&password=correct-horse-battery";
    world.submit(&function("add_user"), &admin, "/admin/users", form).await;
    let page = world.get("/admin/users", &second).await.body;
    assert!(page.contains("Li Lei") && page.contains("等待同意的角色"), "{page}");
    let grants = world.call("GET", "/grants", &admin, Value::Null).await.json();
    let waiting = grants["items"].as_array().unwrap().iter();
    let grant = waiting.clone().find(|it| it["state"] == "awaiting_consent").unwrap();
    let form = format!("id={}", grant["id"].as_str().unwrap());
    let own = world.submit(&function("consent_role"), &admin, "/admin/users", &form).await;
    assert!(world.get(&own, &admin).await.body.contains("另一位管理员"));
    world.submit(&function("consent_role"), &second, "/admin/users", &form).await;
    let page = world.get("/admin/users/Li%20Lei", &admin).await.body;
    assert!(page.contains("24 小时内不能审批") && page.contains("a, b"), "{page}");

    // The one-time password opens the profile alone, until another is chosen.
    let answer = world.post("/sign-in", "", "name=Li+Lei&password=correct-horse-battery").await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    assert_eq!(answer.headers["location"], "/profile");
    assert_eq!(world.get("/rollbacks", cookie).await.status, StatusCode::FORBIDDEN);
    let change = "/api/app/pages/profile/actions/change_password";
    for (old, new, said) in [
        ("wrong", "staple-battery-horse", "原密码不正确"),
        ("correct-horse-battery", "short", "至少 12 个字符"),
        ("correct-horse-battery", "staple-battery-horse", "已完成"),
    ] {
        let form = format!("old_password={old}&new_password={new}");
        let back = world.submit(change, cookie, "/profile", &form).await;
        let page = world.get(&back, cookie).await.body;
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(world.get("/rollbacks", cookie).await.status, StatusCode::OK);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn tokens_and_language_by_page(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;
    let token = domain::tokens::text(rand::random());
    let add = "/api/app/pages/admin/actions/add_token";
    for (scopes, said) in [("king", "只能是"), ("read, alerts:write", "已完成")] {
        let form = format!("machine=ci&scopes={scopes}&days=90&password_token={token}");
        let back = world.submit(add, &admin, "/admin/tokens", &form).await;
        let page = world.get(&back, &admin).await.body;
        assert!(page.contains(said) && !page.contains(&token), "{said}: {page}");
    }
    let me = world.call("GET", "/me", &format!("Bearer {token}"), Value::Null).await;
    assert_eq!(me.json()["actor"], "machine:ci");

    let language = "/api/app/pages/profile/actions/set_language";
    world.submit(language, &admin, "/profile", "language=en").await;
    let page = world.get("/profile", &format!("{admin}; lang=zh-CN")).await.body;
    assert!(page.contains(r#"lang="en""#) && page.contains("Sessions"), "{page}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_session_is_ended_from_another_and_all_others_at_once(pool: PgPool) {
    let world = World::new(pool).await;
    let (id, here) = world.sign_in("alice", Role::Viewer).await;
    let sign_in = async || {
        let answer = world.post("/sign-in", "", "name=alice&password=secret").await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    };
    let end = "/api/app/pages/profile/actions/end_session";
    let there = sign_in().await;
    let sessions = store::sessions::list(&world.db, id, server::clock::now()).await.unwrap();
    let form = format!("id={}", sessions[0].id);
    world.submit(end, &here, "/profile", &form).await;
    assert_eq!(world.get("/rollbacks", &there).await.status, StatusCode::UNAUTHORIZED);
    let others = [sign_in().await, sign_in().await];
    world.submit(end, &here, "/profile", "").await;
    for other in others {
        assert_eq!(world.get("/rollbacks", &other).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.get("/rollbacks", &here).await.status, StatusCode::OK);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_audit_page_filters_and_pages(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;
    for n in 0..51 {
        world.call("POST", "/users", &admin, json!({"name": format!("user {n}")})).await;
    }
    let page = world.get("/audit?action=administer_users", &admin).await.body;
    assert!(page.contains("users/user 50") && !page.contains("users/user 0<"), "{page}");
    let next = page.split("class=\"next\"").nth(1);
    assert!(next.is_some(), "there is a next page");
    let page = world.get("/audit?subject=users%2Fuser+7&from=2000-01-01T00:00", &admin).await.body;
    assert!(page.contains("users/user 7") && !page.contains("users/user 8"), "{page}");
    let page = world.get("/audit?text=nothing+like+it", &admin).await.body;
    assert!(page.contains("没有符合条件的记录"), "{page}");
}
