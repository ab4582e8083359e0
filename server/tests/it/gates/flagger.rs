//! Flagger itself asks: a closed gate halts it, people are asked once, and the gate for going back has it go back.

use domain::gates::Tool;
use domain::services::WorkloadKind;
use domain::workloads::Owner;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::place::Place;

const KIND: WorkloadKind = WorkloadKind::Deployment;

fn canary(address: &str, token: &str) -> Value {
    let hook = |kind: &str| json!({"name": kind, "type": kind, "url": format!("{address}/api/v1/gates/flagger/{token}/{kind}")});
    let hooks = [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-promotion",
        "post-rollout",
        "rollback",
        "event",
    ];
    json!({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "api"}, "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
        "progressDeadlineSeconds": 600,
        "service": {"port": 80},
        "analysis": {"interval": "10s", "threshold": 3, "iterations": 1, "webhooks": hooks.map(hook)},
    }})
}

/// Without a number of pods: Flagger gives it one.
fn target(image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "labels": {"app": "api"}},
        "spec": {"selector": {"matchLabels": {"app": "api"}}, "template": {
            "metadata": {"labels": {"app": "api"}},
            "spec": {"containers": [{"name": "app", "image": image}]}}}})
}

fn phase(object: &Value) -> &str {
    object["status"]["phase"].as_str().unwrap_or_default()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn flagger_waits_for_people_and_goes_back_when_a_rollback_was_approved(pool: PgPool) {
    let place = Place::new(pool, Tool::Flagger, KIND).await;
    place.apply(&target("shop/api:1")).await;
    let workload = place.seen(KIND, "api", |it| it.ready == 1).await;
    let token = place.gate(&workload, Tool::Flagger, "api").await;
    place.apply(&canary(&place.address, &token)).await;
    place.until("canary/api", |it| phase(it) == "Initialized").await;
    // Nothing says so on the target itself.
    place.seen(KIND, "api", |it| it.owner == Owner::Flagger("api".into())).await;
    assert_eq!(place.waiting().await, [] as [Value; 0], "nobody is asked about what runs already");

    // A new version waits at the first gate, and people are asked once however often Flagger asks.
    place.apply(&target("shop/api:2")).await;
    place.until("canary/api", |it| phase(it) == "Waiting").await;
    let asked = place.waiting().await;
    let [question] = &asked[..] else { panic!("{asked:#?}") };
    assert_eq!(question["plan"]["steps"][0]["kind"], "gate", "{question:#}");
    assert_eq!(question["plan"]["steps"][0]["name"], "confirm-rollout of api");
    place.decide(question, "approve").await;
    assert_eq!(place.ended(question["id"].as_str().unwrap()).await["state"], "succeeded");

    place.until("canary/api", |it| phase(it) == "WaitingPromotion").await;
    let asked = place.waiting().await;
    let [question] = &asked[..] else { panic!("{asked:#?}") };
    assert_eq!(question["plan"]["steps"][0]["name"], "confirm-promotion of api");

    // It is not promoted but taken back: by Flagger, because an undo would be a release of its own.
    let undo = json!([{"kind": "kubernetes", "action": "rollout_undo", "workload": {"kind": "Deployment", "name": "api"}}]);
    let refused = place.done(undo).await;
    assert_eq!(refused["steps"][0]["state"], "refused", "{refused:#}");

    let body = json!({"service": "api", "reason_kind": "function_down", "reason": "checkout is down",
        "target": {"workload": {"kind": "Deployment", "name": "api"}, "revision": 1}});
    let rollback = place.call("POST", "/rollbacks", &place.asker, body).await;
    assert_eq!(rollback["plan"]["steps"][0]["kind"], "gate", "{rollback:#}");
    let id = rollback["id"].as_str().unwrap();
    let body =
        json!({"plan_digest": rollback["plan"]["digest"], "decision": "approve", "reason": ""});
    place.call("POST", &format!("/rollbacks/{id}/approvals"), &place.ben, body).await;
    let rollback = place.call("GET", &format!("/rollbacks/{id}"), &place.asker, Value::Null).await;
    let run = place.ended(rollback["run"].as_str().unwrap()).await;
    assert_eq!(run["state"], "succeeded", "{run:#}");
    let canary = place.object("canary/api").await;
    assert_eq!(
        (phase(&canary), canary["status"]["canaryWeight"].as_i64().unwrap_or(0)),
        ("Failed", 0)
    );
    assert_eq!(place.object("deployment/api").await["spec"]["replicas"], 0, "{canary:#}");

    // What was answered is in the ledger, once for each time that it changed.
    let told: Vec<(String, String, String)> =
        sqlx::query_as("SELECT hook, verdict, why FROM gate_answers ORDER BY id")
            .fetch_all(&place.world.db)
            .await
            .unwrap();
    let of = |hook: &str| {
        let mut of: Vec<_> =
            told.iter().filter(|it| it.0 == hook).map(|it| it.2.as_str()).collect();
        of.dedup();
        of
    };
    assert_eq!(of("confirm-rollout"), ["waiting", "consented"], "{told:?}");
    assert_eq!(of("rollback"), ["no_rollback", "going_back"], "{told:?}");
    assert_eq!(of("confirm-promotion")[0], "waiting", "{told:?}");
    let page = place.world.get(&format!("/workloads/{}", workload.id), &place.admin).await;
    assert!(page.body.contains("confirm-promotion"), "{}", page.body);
}

fn on_canary(action: &str) -> Value {
    json!({"kind": "object", "action": action,
        "object": {"api_version": "flagger.app/v1beta1", "kind": "Canary", "name": "api"}})
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_canary_goes_only_once_its_target_has_taken_over(pool: PgPool) {
    let place = Place::new(pool, Tool::Flagger, KIND).await;
    place.apply(&target("shop/api:1")).await;
    place.seen(KIND, "api", |it| it.ready == 1).await;
    let mut plain = canary(&place.address, "");
    plain["spec"]["analysis"]["webhooks"] = json!([]);
    place.apply(&plain).await;
    place.until("canary/api", |it| phase(it) == "Initialized").await;
    place.seen(KIND, "api", |it| it.replicas == 0).await;

    // Suspended it freezes where it is, and goes on when it is resumed.
    assert_eq!(place.done(json!([on_canary("suspend_sync")])).await["state"], "succeeded");
    assert_eq!(place.object("canary/api").await["spec"]["suspend"], true);
    assert_eq!(place.done(json!([on_canary("resume_sync")])).await["state"], "succeeded");

    // Its primary would go and leave nothing behind.
    let refused = place.done(json!([on_canary("delete")])).await;
    assert_eq!(refused["steps"][0]["state"], "refused", "{refused:#}");
    plain["spec"]["revertOnDeletion"] = json!(true);
    place.apply(&plain).await;
    place.until("canary/api", |it| !it["metadata"]["finalizers"].is_null()).await;
    let refused = place.done(json!([on_canary("delete")])).await;
    let why = refused["steps"][0]["message"].as_str().unwrap();
    assert!(why.contains("0 ready pods of 1"), "{refused:#}");

    // The Service that Flagger has made would go too, and with it all traffic.
    let target = json!({"kind": "Deployment", "name": "api"});
    let gone = json!([
        {"kind": "kubernetes", "action": "scale", "workload": target, "replicas": 1},
        {"kind": "kubernetes", "action": "wait_rollout", "workload": target},
        on_canary("delete"),
    ]);
    let refused = place.done(gone.clone()).await;
    let why = refused["steps"][2]["message"].as_str().unwrap();
    assert!(why.contains("the Service api belongs to the Canary"), "{refused:#}");
    let alone = r#"[{"op": "remove", "path": "/metadata/ownerReferences"}]"#;
    place.kubectl(&["patch", "service/api", "--type=json", "-p", alone]).await.unwrap();
    let gone = place.done(gone).await;
    assert_eq!(gone["state"], "succeeded", "{gone:#}");
    assert!(place.kubectl(&["get", "canary", "api"]).await.is_err());
    let target = place.object("deployment/api").await;
    assert_eq!(target["status"]["readyReplicas"], 1, "{target:#}");
    let service = place.object("service/api").await;
    assert_eq!(service["spec"]["selector"], json!({"app": "api"}), "{service:#}");
}
