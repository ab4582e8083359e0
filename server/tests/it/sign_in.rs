//! Signing in, and what it does against those who guess.

use axum::http::{StatusCode, header};
use domain::access::Role;
use serde_json::Value;
use sqlx::PgPool;

use crate::world::World;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn too_many_failures_lock_out_known_and_unknown_names_alike(pool: PgPool) {
    let world = World::new(pool).await;
    world.sign_in("alice", Role::Viewer).await;
    for name in ["alice", "nobody"] {
        for n in 1..=6 {
            let form = format!("name={name}&password=wrong");
            let answer = world.post("/sign-in", "", &form).await;
            let expected = if n <= 5 { "/sign-in?failed" } else { "/sign-in?locked" };
            assert_eq!(answer.headers[header::LOCATION], expected, "{name} {n}");
            assert!(answer.headers.get(header::SET_COOKIE).is_none());
        }
    }
    // The right password does not help while it lasts, and does afterwards.
    let right = "name=alice&password=secret";
    let locked = world.post("/sign-in", "", right).await;
    assert_eq!(locked.headers[header::LOCATION], "/sign-in?locked");
    let later = "UPDATE sign_in_failures SET locked_to = locked_to - interval '16 s'";
    sqlx::raw_sql(later).execute(&world.db).await.unwrap();
    assert_eq!(world.post("/sign-in", "", right).await.headers[header::LOCATION], "/");

    // Two lock-outs are written down; what was typed is not, where it is nobody's name.
    let refused = world.refused_sign_ins().await;
    assert_eq!(refused, ["users/alice", "users/unknown"]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_cookie_is_for_this_host_alone_and_ends_with_the_sign_out(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, cookie) = world.sign_in("alice", Role::Viewer).await;
    let set = world.post("/sign-in", "", "name=alice&password=secret").await;
    let set = set.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    for part in ["__Host-session=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    assert_eq!(world.call("GET", "/me", &cookie, Value::Null).await.status, StatusCode::OK);
    world.post("/sign-out", &cookie, "").await;
    let after = world.call("GET", "/me", &cookie, Value::Null).await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn every_answer_is_guarded_against_other_sites(pool: PgPool) {
    let world = World::new(pool).await;
    for path in ["/sign-in", "/rollbacks", "/api/v1/me", "/healthz", "/pkg/nothing"] {
        let headers = world.get(path, "").await.headers;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "camera=()"),
            ("strict-transport-security", "max-age="),
        ] {
            assert!(headers[name].to_str().unwrap().contains(value), "{path} {name}");
        }
    }
    let page = world.get("/sign-in", "").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("'nonce-") && !policy.contains("unsafe-inline"), "{policy}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_address_asks_so_often_and_no_oftener(pool: PgPool) {
    let world = World::new(pool).await;
    let mut refused = 0;
    for _ in 0..60 {
        let answer = world.post("/sign-in", "", "name=").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers.contains_key(header::RETRY_AFTER));
            refused += 1;
        }
    }
    assert!(refused > 0, "the body was never read, and no password was hashed");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_one_time_password_is_good_for_choosing_another(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, cookie) = world.sign_in("alice", Role::Viewer).await;
    sqlx::raw_sql("UPDATE users SET one_time = true").execute(&world.db).await.unwrap();
    assert_eq!(world.get("/rollbacks", &cookie).await.status, StatusCode::FORBIDDEN);
    let answer = world.post("/sign-in", "", "name=alice&password=secret").await;
    assert_eq!(answer.headers[header::LOCATION], "/profile");
}
