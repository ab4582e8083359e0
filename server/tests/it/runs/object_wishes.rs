//! Steps on objects as programs ask for them: a worker looks at what they name before there is a plan.

use axum::http::StatusCode;
use domain::access::Role;
use serde_json::{Value, json};
use server::workers;
use sqlx::PgPool;

use super::Lab;
use super::objects::{Things, contents, crds, http_route};
use crate::world::World;

fn asked(steps: Value) -> Value {
    json!({"service": "api", "reason": "5xx", "steps": steps})
}

fn route() -> Value {
    json!({"api_version": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "name": "api"})
}

fn on_route(blue: i32, green: i32) -> Value {
    json!({"kind": "object", "action": "set_weights", "object": route(),
        "weights": {"blue": blue, "green": green}})
}

fn would(answer: &Value) -> Vec<(&str, &str)> {
    let steps = answer["steps"].as_array().unwrap().iter();
    steps.map(|it| (it["would"].as_str().unwrap(), it["message"].as_str().unwrap())).collect()
}

async fn both(pool: PgPool) -> (World, Things, server::sim::Cluster) {
    let world = World::new(pool.clone()).await;
    let (lab, cluster) = Lab::pretend(pool).await;
    tokio::spawn(workers::objects::run(lab.world.clone()));
    let things = Things::of(lab).await;
    crds(&things).await;
    (world, things, cluster)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn objects_are_looked_at_rehearsed_approved_and_acted_on(pool: PgPool) {
    let (world, things, _cluster) = both(pool).await;
    things.make(&things.route(), http_route(0, 100)).await;
    let (_, anna) = world.sign_in("anna", Role::Sre).await;
    let (_, carl) = world.sign_in("carl", Role::Sre).await;

    let steps = json!([on_route(50, 50), on_route(50, 50), on_route(100, 0),
        {"kind": "object", "action": "config_restore", "contents": contents("1").digest(),
         "object": {"api_version": "v1", "kind": "ConfigMap", "name": "nowhere"}}]);
    let mut body = asked(steps);
    body["dry_run"] = json!(true);
    let answer = world.call("POST", "/runs", &anna, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(
        would(&answer.json()),
        [
            ("patch", "set the weights of HTTPRoute/api: blue 50, green 50"),
            ("nothing", "the weights are so already"),
            ("patch", "set the weights of HTTPRoute/api: blue 100, green 0"),
            ("refuse", "there is no such object"),
        ]
    );

    let answer = world
        .call("POST", "/runs", &anna, asked(json!([on_route(50, 50), on_route(100, 0)])))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let run = answer.json();
    assert_eq!(run["plan"]["objects"][0]["object"]["name"], "api", "{run:#}");
    assert_eq!(run["plan"]["objects"][0]["object"]["namespace"], "shop");
    assert_eq!(run["plan"]["steps"][0]["object"]["kind"], "HTTPRoute");
    let id: domain::ids::RunId = run["id"].as_str().unwrap().parse().unwrap();
    let consent = json!({"plan_digest": run["plan"]["digest"], "decision": "approve"});
    let answer = world.call("POST", &format!("/runs/{id}/approvals"), &carl, consent).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    things.lab.execute(id).await;
    let run = world.call("GET", &format!("/runs/{id}"), &anna, Value::Null).await.json();
    assert_eq!(run["state"], "succeeded", "{run:#}");
    assert_eq!(run["steps"][1]["message"], "weights: blue 100, green 0");
    let page = world.get(&format!("/runs/{id}"), &anna).await;
    assert!(page.body.contains("HTTPRoute/api"), "{}", page.body);
    let rules = things.read(&things.route()).await.unwrap()["spec"]["rules"].clone();
    assert_eq!(rules, http_route(100, 0)["spec"]["rules"]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_does_not_fit_is_said_by_field(pool: PgPool) {
    let (world, things, cluster) = both(pool).await;
    things.make(&things.route(), http_route(0, 100)).await;
    let (_, anna) = world.sign_in("anna", Role::Sre).await;
    let object = |kind: &str| json!({"api_version": "v1", "kind": kind, "name": "x"});
    for (step, field) in [
        (
            json!({"kind": "object", "action": "delete", "object": object("Secret")}),
            "steps[0].object.kind",
        ),
        (
            json!({"kind": "object", "action": "delete", "object": object("ConfigMap")}),
            "steps[0].action",
        ),
        (json!({"kind": "object", "action": "set_weights", "object": route()}), "steps[0].weights"),
        (
            json!({"kind": "object", "action": "set_weights", "object": route(), "weights": {"a": -1}}),
            "steps[0].weights",
        ),
        (
            json!({"kind": "object", "action": "cordon", "object": object("Node"), "images": {"a": "b"}}),
            "steps[0].images",
        ),
        (
            json!({"kind": "object", "action": "config_restore", "object": object("ConfigMap"), "contents": "abc"}),
            "steps[0].contents",
        ),
        (json!({"kind": "object", "action": "drain"}), "steps[0].object"),
        (
            json!({"kind": "object", "action": "cordon", "object": {"api_version": "v1", "kind": "Node", "name": "x", "cluster": "other"}}),
            "steps[0].object.cluster",
        ),
        (
            json!({"kind": "object", "action": "restore_claim", "snapshot": "s", "object": object("PersistentVolumeClaim")}),
            "steps[0].snapshot",
        ),
    ] {
        let answer = world.call("POST", "/runs", &anna, asked(json!([step.clone()]))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{step} {}", answer.body);
        assert!(answer.body.contains(field), "{step} {}", answer.body);
    }
    // Who may not look says so in the words of its rights.
    let fault = server::sim::Fault::new(server::sim::Effect::Forbidden).verb("get");
    cluster.inject(fault.resource("httproutes.gateway.networking.k8s.io"));
    let answer = world.call("POST", "/runs", &anna, asked(json!([on_route(50, 50)]))).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    assert!(
        answer.body.contains("may not get httproutes.gateway.networking.k8s.io"),
        "{}",
        answer.body
    );
}
