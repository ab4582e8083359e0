//! What is answered, without a tool: strangers, wrong names, and what stands in the way.

use std::time::Duration;

use axum::http::StatusCode;
use domain::access::Role;
use domain::gates::Tool;
use domain::tokens;
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use crate::runs::Lab;
use crate::world::World;

const TOLD: &str =
    r#"{"name": "api", "namespace": "shop", "phase": "Progressing", "checksum": "85d557f47b"}"#;

struct Asked {
    world: World,
    lab: Lab,
    token: String,
    _watch: tokio_util::sync::DropGuard,
    _cluster: server::sim::Cluster,
}

impl Asked {
    async fn new(pool: PgPool) -> Self {
        let world = World::new(pool.clone()).await;
        let (lab, cluster) = Lab::pretend(pool).await;
        lab.deploy("api", &["shop/api:1"]).await;
        let watch = lab.watched("api", 1).await;
        let workload =
            store::workloads::find(&world.db, &lab.workload("api")).await.unwrap().unwrap();
        let token = tokens::text(rand::random());
        let mut tx = world.db.begin().await.unwrap();
        let new = store::gates::New {
            service: lab.service,
            workload: workload.id,
            tool: Tool::Flagger,
            name: "api",
            consent: true,
            hash: tokens::hash(&token),
            by: "user:root",
        };
        store::gates::make(&mut tx, new, clock::now()).await.unwrap();
        tx.commit().await.unwrap();
        let asked = Self { world, lab, token, _watch: watch, _cluster: cluster };
        // The cluster is seen as soon as the watch has written all of it.
        for _ in 0..400 {
            if asked.ask("rollout").await.1 != "not_seen" {
                return asked;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the cluster is never seen");
    }

    async fn ask(&self, hook: &str) -> (StatusCode, String) {
        let path = format!("/gates/flagger/{}/{hook}", self.token);
        let answer = self.world.call_with("POST", &path, "", &[], TOLD.to_owned()).await;
        let why = match answer.status {
            StatusCode::OK | StatusCode::FORBIDDEN => {
                answer.json()["why"].as_str().unwrap().to_owned()
            }
            _ => String::new(),
        };
        (answer.status, why)
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn strangers_and_wrong_questions_open_nothing(pool: PgPool) {
    let asked = Asked::new(pool).await;
    let token = &asked.token;
    for (path, body, expected) in [
        (format!("/gates/flagger/{}/rollout", tokens::text([7; 32])), TOLD, StatusCode::NOT_FOUND),
        ("/gates/flagger/x/rollout".to_owned(), TOLD, StatusCode::NOT_FOUND),
        (format!("/gates/flagger/{token}/open-sesame"), TOLD, StatusCode::NOT_FOUND),
        (format!("/gates/flagger/{token}/analysis"), TOLD, StatusCode::NOT_FOUND),
        (format!("/gates/flagger/{token}/rollout"), "no JSON", StatusCode::BAD_REQUEST),
        (format!("/gates/flagger/{token}/rollback"), TOLD, StatusCode::FORBIDDEN),
        (format!("/gates/flagger/{token}/rollout"), TOLD, StatusCode::OK),
    ] {
        let answer = asked.world.call_with("POST", &path, "", &[], body.to_owned()).await;
        assert_eq!(answer.status, expected, "{path} {}", answer.body);
    }
    let path = format!("/gates/argo/{token}");
    let other = asked.world.call_with("GET", &path, "", &[], String::new()).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND, "the token is Flagger's");
    // Who may not make tokens makes no gate.
    let (_, viewer) = asked.world.sign_in("vera", Role::Viewer).await;
    let form = format!("id={}&tool=flagger&name=api&password_token={}", uuid::Uuid::nil(), token);
    let made = asked.world.post("/api/app/pages/workloads/actions/make_gate", &viewer, &form).await;
    assert_eq!(made.status, StatusCode::FORBIDDEN);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_kill_switch_halts_and_brings_nothing_back(pool: PgPool) {
    let asked = Asked::new(pool).await;
    let (_, sre) = asked.world.sign_in("sam", Role::Sre).await;
    let on = json!({"on": true, "reason": "storm"});
    let switched = asked.world.call("PUT", "/kill-switches/services/api", &sre, on).await;
    assert!(switched.status.is_success(), "{}", switched.body);
    for (hook, expected) in [
        ("confirm-rollout", (StatusCode::FORBIDDEN, "kill_switch")),
        ("confirm-promotion", (StatusCode::FORBIDDEN, "kill_switch")),
        // Closed, it would count against the release, and Flagger would go back by itself.
        ("rollout", (StatusCode::OK, "clear")),
        ("rollback", (StatusCode::FORBIDDEN, "no_rollback")),
        ("event", (StatusCode::OK, "told")),
    ] {
        let (status, why) = asked.ask(hook).await;
        assert_eq!((status, why.as_str()), expected, "{hook}");
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_consent_is_for_one_version_and_one_release(pool: PgPool) {
    let asked = Asked::new(pool).await;
    let waiting = async || {
        let runs: Vec<uuid::Uuid> =
            sqlx::query_scalar("SELECT id FROM runs WHERE state = 'awaiting_approval'")
                .fetch_all(&asked.world.db)
                .await
                .unwrap();
        runs
    };
    let closed = (StatusCode::FORBIDDEN, "waiting".to_owned());
    let open = (StatusCode::OK, "consented".to_owned());
    assert_eq!(asked.ask("confirm-promotion").await, closed);
    assert_eq!(asked.ask("confirm-promotion").await, closed);
    let ids = waiting().await;
    let [question] = ids[..] else { panic!("people are asked once: {ids:?}") };
    // It waits in the inbox of who may approve.
    let (_, sre) = asked.world.sign_in("sam", Role::Sre).await;
    let inbox = asked.world.get("/", &sre).await;
    assert!(inbox.body.contains("confirm-promotion of api"), "{}", inbox.body);
    let run = store::runs::get(&asked.world.db, domain::ids::RunId(question)).await.unwrap();
    asked.lab.approve(&run).await;
    assert_eq!(asked.ask("confirm-promotion").await, open);
    // Another hook is another question.
    assert_eq!(asked.ask("confirm-rollout").await, closed);

    // The release is over: what was agreed to is used up.
    assert_eq!(asked.ask("post-rollout").await.0, StatusCode::OK);
    assert_eq!(asked.ask("confirm-promotion").await, closed);
    let question = waiting().await;
    assert_eq!(question.len(), 2, "a new one for it, and the other hook's");

    // Every change of an answer is in the log, and no poll is.
    let entries: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM audit WHERE action = 'answer_gate' AND subject LIKE 'workloads/%'",
    )
    .fetch_one(&asked.world.db)
    .await
    .unwrap();
    let answers: Vec<Value> =
        sqlx::query_scalar("SELECT to_jsonb(a) FROM gate_answers a ORDER BY id")
            .fetch_all(&asked.world.db)
            .await
            .unwrap();
    assert_eq!(usize::try_from(entries).unwrap(), answers.len(), "{answers:#?}");
}
