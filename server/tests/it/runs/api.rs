//! Runs as programs ask for them.

use axum::http::StatusCode;
use domain::access::{Role, Scope};
use domain::runs::StateName;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::Lab;
use crate::world::World;

fn step(action: &str, more: Value) -> Value {
    let workload = json!({"kind": "Deployment", "name": "api"});
    let mut step = json!({"kind": "kubernetes", "action": action, "workload": workload});
    for (name, value) in more.as_object().unwrap() {
        step[name] = value.clone();
    }
    step
}

fn asked(steps: Value) -> Value {
    json!({"service": "api", "reason": "5xx", "steps": steps})
}

fn would(answer: &Value) -> Vec<(&str, &str)> {
    let steps = answer.as_array().unwrap().iter();
    steps.map(|it| (it["would"].as_str().unwrap(), it["message"].as_str().unwrap())).collect()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn asked_for_rehearsed_approved_and_carried_out(pool: PgPool) {
    let world = World::new(pool.clone()).await;
    let (lab, _cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1", "shop/api:2-bad"]).await;
    let _watch = lab.watched("api", 2).await;
    let (anna_id, anna) = world.sign_in("anna", Role::Sre).await;
    let (_, carl) = world.sign_in("carl", Role::Sre).await;
    let (_, admin) = world.sign_in("root", Role::Admin).await;

    // What each step would do, and nothing is written.
    let steps = json!([
        step("rollout_undo", json!({})),
        step("rollout_undo", json!({"to_revision": 1})),
        step("rollout_undo", json!({"to_revision": 9})),
        step("set_image", json!({"images": {"nginx": "n:1"}})),
        step("scale", json!({"replicas": 2})),
    ]);
    let mut body = asked(steps);
    body["dry_run"] = json!(true);
    let answer = world.call("POST", "/runs", &anna, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let answer = answer.json();
    assert_eq!(
        would(&answer["steps"]),
        [
            ("patch", "roll back Deployment/api → 1"),
            ("nothing", "the template is that of revision 1 already; nothing to do"),
            ("refuse", "unable to find revision 9 in the history; there are 1, 2"),
            ("refuse", "there is no container nginx; there are app"),
            ("nothing", "there are 2 replicas already"),
        ]
    );
    let all = world.call("GET", "/runs", &anna, Value::Null).await.json();
    assert_eq!(all["items"], json!([]));

    // Asked for; by default the one before.
    let steps = json!([step("rollout_undo", json!({})), step("wait_rollout", json!({}))]);
    let answer = world.call("POST", "/runs", &anna, asked(steps)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let run = answer.json();
    assert_eq!((&run["state"], &run["service"]), (&json!("awaiting_approval"), &json!("api")));
    assert_eq!(run["plan"]["steps"][0]["would"], "patch");
    let (id, digest) = (run["id"].as_str().unwrap(), run["plan"]["digest"].as_str().unwrap());
    let path = format!("/runs/{id}/approvals");
    let consent =
        |digest: &str| json!({"plan_digest": digest, "decision": "approve", "reason": ""});

    let machine = world.token("robot", None, &[Scope::Read, Scope::RollbacksRequest]).await;
    let machine = format!("Bearer {machine}");
    let personal = world.token("mine", Some(anna_id), &[Scope::Read, Scope::Approve]).await;
    let personal = format!("Bearer {personal}");
    for (who, digest, status, code) in [
        (&anna, digest, StatusCode::FORBIDDEN, "own-request"),
        (&personal, digest, StatusCode::FORBIDDEN, "own-request"),
        (&machine, digest, StatusCode::FORBIDDEN, "forbidden"),
        (&admin, digest, StatusCode::FORBIDDEN, "forbidden"),
        (&carl, "sha256:0", StatusCode::CONFLICT, "moved"),
        (&carl, digest, StatusCode::CREATED, ""),
        (&carl, digest, StatusCode::CONFLICT, "spent"),
    ] {
        let answer = world.call("POST", &path, who, consent(digest)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        if !code.is_empty() {
            let kind = answer.json()["type"].as_str().unwrap().to_owned();
            assert!(kind.ends_with(&format!("/{code}")), "{kind}");
        }
    }

    lab.tick().await;
    let run = world.call("GET", &format!("/runs/{id}"), &anna, Value::Null).await.json();
    assert_eq!(run["state"], "succeeded", "{run:#}");
    assert_eq!(run["steps"][0]["state"], "succeeded");
    assert_eq!(run["steps"][0]["message"], "back at revision 1");
    assert_eq!(run["steps"][0]["proof"]["found"], false);
    assert_eq!(run["approvals"][0]["by"], "carl");
    assert_eq!(run["approvals"][0]["standing"], "spent");
    assert_eq!(lab.image("api").await, "shop/api:1");

    let page = world.get(&format!("/runs/{id}"), &carl).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("已回到修订 1"), "{}", page.body);
    assert!(world.get("/runs?service=api", &carl).await.body.contains(id));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_wrong_is_named(pool: PgPool) {
    let world = World::new(pool.clone()).await;
    let (lab, _cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1"]).await;
    let _watch = lab.watched("api", 1).await;
    let (_, anna) = world.sign_in("anna", Role::Sre).await;
    let one = |step: Value| asked(json!([step]));
    let mut other = step("pause", json!({}));
    other["workload"]["name"] = json!("web");
    for (body, field) in [
        (asked(json!([])), "steps"),
        (json!({"service": "pay", "reason": "x", "steps": [step("pause", json!({}))]}), "service"),
        (json!({"service": "api", "reason": " ", "steps": [step("pause", json!({}))]}), "reason"),
        (one(step("explode", json!({}))), "steps[0].action"),
        (one(json!({"kind": "magic"})), "steps[0].kind"),
        (one(json!({"kind": "kubernetes", "action": "pause"})), "steps[0].workload"),
        (one(other), "steps[0].workload"),
        (one(step("scale", json!({}))), "steps[0].replicas"),
        (one(step("scale", json!({"replicas": -1}))), "steps[0].replicas"),
        (one(step("set_image", json!({"images": {}}))), "steps[0].images"),
        (one(step("pause", json!({"replicas": 3}))), "steps[0].replicas"),
        (one(step("rollout_undo", json!({"to_revision": -1}))), "steps[0].to_revision"),
        (one(json!({"kind": "check", "check": "no such"})), "steps[0].check"),
        (json!({"service": "api", "reason": "x", "runbook": "r"}), "runbook"),
        (json!({"service": "api", "reason": "x", "colour": "red"}), "colour"),
    ] {
        let answer = world.call("POST", "/runs", &anna, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.body);
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}: {}", answer.body);
    }
    for path in ["/runs/x", "/runs/00000000-0000-0000-0000-000000000003"] {
        let answer = world.call("GET", path, &anna, Value::Null).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn paused_resumed_and_aborted(pool: PgPool) {
    let world = World::new(pool.clone()).await;
    let (lab, _cluster) = Lab::pretend(pool).await;
    lab.deploy("api", &["shop/api:1"]).await;
    let _watch = lab.watched("api", 1).await;
    let (_, anna) = world.sign_in("anna", Role::Sre).await;
    let (_, carl) = world.sign_in("carl", Role::Sre).await;
    let steps = json!([{"kind": "wait", "seconds": 60}, step("restart", json!({}))]);
    let run = world.call("POST", "/runs", &anna, asked(steps)).await.json();
    let id = run["id"].as_str().unwrap();
    let post = async |who: &str, what: &str, body: Value| {
        world.call("POST", &format!("/runs/{id}/{what}"), who, body).await
    };
    let why = || json!({"reason": "look"});
    assert_eq!(post(&anna, "pause", why()).await.status, StatusCode::CONFLICT);
    let consent =
        json!({"plan_digest": run["plan"]["digest"], "decision": "approve", "reason": ""});
    assert_eq!(post(&carl, "approvals", consent).await.status, StatusCode::CREATED);
    lab.tick().await;
    for (what, state) in [
        ("pause", StateName::Paused),
        ("resume", StateName::Running),
        ("abort", StateName::Aborted),
    ] {
        let answer = post(&anna, what, why()).await;
        assert_eq!(answer.json()["state"], json!(state), "{what}: {}", answer.body);
    }
    let answer = post(&anna, "retry", why()).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
    let run = world.call("GET", &format!("/runs/{id}"), &anna, Value::Null).await.json();
    assert_eq!(run["state_reason"], "user:anna: look");
    assert_eq!(run["steps"][1]["state"], "aborted");
}
