//! The address with a token: who makes a copy says so, and can say nothing else.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::TimeDelta;
use domain::access::Role;
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use super::{row, save};
use crate::world::{Answer, World};

struct Scene {
    world: World,
    admin: String,
    path: String,
}

impl Scene {
    async fn new(owner: PgPool) -> Self {
        let world = World::new(owner).await;
        save(&world.db, &[row("wal", &json!({"source": {"kind": "heartbeat"}}))]).await;
        let (_, admin) = world.sign_in("ada", Role::Admin).await;
        let made = world.call("POST", "/backups/wal/token", &admin, json!({})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let path = made.json()["path"].as_str().unwrap().to_owned();
        Self { world, admin, path }
    }

    async fn beat(&self, body: impl Into<Body>) -> Answer {
        self.world.send(Request::post(&self.path).body(body.into()).unwrap()).await
    }

    /// The next heartbeat need not wait.
    async fn later(&self) {
        let sql = "UPDATE backup_tokens SET last_used_at = last_used_at - interval '1 hour'";
        sqlx::query(sql).execute(&self.world.owner).await.unwrap();
    }

    async fn get(&self) -> Value {
        self.world.get("/api/v1/backups/wal", &self.admin).await.json()
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_heartbeat_is_a_copy(owner: PgPool) {
    let scene = Scene::new(owner).await;
    assert_eq!(scene.get().await["state"], "never");
    let answer = scene.beat(Body::empty()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let found = scene.get().await;
    assert_eq!((&found["state"], &found["findings"]), (&json!("fresh"), &json!([])), "{found:#}");

    // The same copy told again, as by a script that was retried, is one copy.
    for _ in 0..2 {
        scene.later().await;
        let sha = "ab".repeat(32);
        let body =
            json!({"artefact": "000000010000000A", "size": 16_777_216, "sha256": sha, "lag_s": 3});
        assert_eq!(scene.beat(body.to_string()).await.status, StatusCode::ACCEPTED);
    }
    let copies = scene.get().await["copies"].clone();
    assert_eq!(copies.as_array().unwrap().len(), 2, "{copies:#}");
    scene.later().await;
    let failed = scene.beat(json!({"ok": false, "artefact": "x"}).to_string()).await;
    assert_eq!(failed.json()["outcome"], "failed");
    assert_eq!(scene.get().await["findings"][0]["code"], "last_failed");

    // One that is dated in the future is written down and not believed.
    scene.later().await;
    let ahead = clock::now() + TimeDelta::hours(5);
    scene.beat(json!({"artefact": "later", "taken_at": ahead}).to_string()).await;
    let found = scene.get().await;
    let codes: Vec<_> =
        found["findings"].as_array().unwrap().iter().map(|it| it["code"].clone()).collect();
    assert!(codes.contains(&json!("future_dated")), "{found:#}");
    assert_ne!(found["newest"]["artefact"], "later");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_wrong_huge_or_too_often_is_refused_and_leaves_nothing(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let huge = format!("{{\"artefact\": \"{}\"}}", "x".repeat(5000));
    for (body, status, field) in [
        (huge, StatusCode::PAYLOAD_TOO_LARGE, ""),
        ("{".to_owned(), StatusCode::BAD_REQUEST, ""),
        ("[1]".to_owned(), StatusCode::UNPROCESSABLE_ENTITY, ""),
        (json!({"what": 1}).to_string(), StatusCode::UNPROCESSABLE_ENTITY, "what"),
        (json!({"size": -1}).to_string(), StatusCode::UNPROCESSABLE_ENTITY, "size"),
        (json!({"sha256": "xyz"}).to_string(), StatusCode::UNPROCESSABLE_ENTITY, "sha256"),
        (json!({"site": "moon"}).to_string(), StatusCode::UNPROCESSABLE_ENTITY, "site"),
        (json!({"artefact": "a\u{0}b"}).to_string(), StatusCode::UNPROCESSABLE_ENTITY, "artefact"),
    ] {
        let answer = scene.beat(body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        if !field.is_empty() {
            assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.body);
        }
    }
    assert_eq!(scene.get().await["copies"], json!([]));
    assert_eq!(scene.beat(Body::empty()).await.status, StatusCode::ACCEPTED);
    let again = scene.beat(json!({"artefact": "second"}).to_string()).await;
    assert_eq!(again.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(again.headers["retry-after"], "1");
    assert_eq!(scene.get().await["copies"].as_array().unwrap().len(), 1);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn only_the_tokens_of_now_are_good(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let post = async |path: &str| {
        scene.world.send(Request::post(path).body(Body::empty()).unwrap()).await.status
    };
    let forged = format!("/api/v1/heartbeats/lb_{}", "0".repeat(64));
    for path in [&*forged, "/api/v1/heartbeats/x", "/api/v1/heartbeats/..%2Fbackups"] {
        assert_eq!(post(path).await, StatusCode::NOT_FOUND, "{path}");
    }
    let kept = "SELECT encode(hash, 'hex') FROM backup_tokens";
    let kept: String = sqlx::query_scalar(kept).fetch_one(&scene.world.db).await.unwrap();
    assert!(!scene.path.contains(&kept), "only its hash is kept");

    let next = scene.world.call("POST", "/backups/wal/token", &scene.admin, json!({})).await;
    assert_eq!(post(&scene.path).await, StatusCode::NOT_FOUND, "the one before is good no longer");
    assert_eq!(post(next.json()["path"].as_str().unwrap()).await, StatusCode::ACCEPTED);
    // It opens nothing else, and nobody but an administrator makes one.
    let token = next.json()["token"].as_str().unwrap().to_owned();
    let other = scene.world.call("GET", "/backups", &format!("Bearer {token}"), json!({})).await;
    assert_eq!(other.status, StatusCode::UNAUTHORIZED);
    let (_, sre) = scene.world.sign_in("sam", Role::Sre).await;
    let refused = scene.world.call("POST", "/backups/wal/token", &sre, json!({})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let none = scene.world.call("POST", "/backups/none/token", &scene.admin, json!({})).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let made: Vec<_> = scene.world.audit().await;
    assert_eq!(made.iter().filter(|it| it.1 == "administer_tokens").count(), 2);
}
