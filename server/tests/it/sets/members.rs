//! Several workloads of one service in one rollback: in the order of the catalog, with a result for each.

use axum::http::StatusCode;
use domain::services::{Service, WorkloadKind};
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use super::{Set, real_lab};
use crate::runs::Lab;
use crate::story::{Story, policy, state};

const WORKLOADS: [(WorkloadKind, &str); 3] = [
    (WorkloadKind::StatefulSet, "db"),
    (WorkloadKind::Deployment, "api"),
    (WorkloadKind::DaemonSet, "agent"),
];

async fn begin(owner: PgPool, lab: Lab) -> Story {
    let mut tx = lab.world.db.begin().await.unwrap();
    let workloads = WORKLOADS.map(|(kind, name)| {
        json!({"cluster": "lab", "namespace": lab.namespace, "kind": kind.as_str(), "name": name})
    });
    let service: Service = serde_json::from_value(json!({
        "name": "api", "team": "platform", "policy": "default", "workloads": workloads}))
    .unwrap();
    store::services::save(&mut tx, &service, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
    let story = Story::begin(owner, lab, policy("off")).await;
    for (kind, name) in WORKLOADS {
        let set = Set::new(&story.lab, kind, name);
        set.create(&format!("{name}:1"), json!({})).await;
        story.verified(&format!("{name}:1")).await;
    }
    for (kind, name) in WORKLOADS {
        let set = Set::new(&story.lab, kind, name);
        set.set_image(&format!("{name}:2")).await;
        set.settled().await;
    }
    // What the watch has not seen yet is nothing to go back from.
    let seen = async || {
        let all = story.get("/workloads?service=api").await;
        let live = |it: &Value| {
            let name = it["name"].as_str().unwrap_or_default();
            it["live"]["images"][0]["image"] == format!("{name}:2") && it["rollout"] == "settled"
        };
        let items = all["items"].as_array().unwrap();
        (items.iter().filter(|it| live(it)).count() == WORKLOADS.len()).then_some(())
    };
    story.eventually("the release, as the watch sees it", seen).await;
    story
}

fn all() -> Value {
    // In another order than that of the catalog.
    let workloads = WORKLOADS.iter().rev();
    workloads.map(|(kind, name)| json!({"kind": kind.as_str(), "name": name})).collect()
}

async fn asked(story: &Story) -> Value {
    let wish = json!({"service": "api", "reason_kind": "client_incompatible", "reason": "the release",
        "target": {"workloads": all()}});
    let asked = story.post("/rollbacks", &story.engineer, wish.clone()).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.body);
    let again = story.post("/rollbacks", &story.second, wish).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "one open rollback each: {}", again.body);
    let alone = json!({"service": "api", "reason_kind": "function_down", "reason": "r",
        "target": {"workload": {"kind": "DaemonSet", "name": "agent"}}});
    let alone = story.post("/rollbacks", &story.second, alone).await;
    assert_eq!(alone.status, StatusCode::CONFLICT, "also of the last of them: {}", alone.body);
    asked.json()
}

async fn approve(story: &Story, asked: &Value) {
    let path = format!("/rollbacks/{}/approvals", asked["id"].as_str().unwrap());
    let consent = json!({"plan_digest": asked["plan"]["digest"], "decision": "approve"});
    let given = story.post(&path, &story.second, consent).await;
    assert_eq!(given.status, StatusCode::CREATED, "{}", given.body);
}

fn members(rollback: &Value) -> Vec<(&str, &str)> {
    let members = rollback["members"].as_array().unwrap().iter();
    members
        .map(|it| (it["workload"]["name"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect()
}

async fn images(story: &Story) -> Vec<String> {
    let mut images = Vec::new();
    for (kind, name) in WORKLOADS {
        images.push(Set::new(&story.lab, kind, name).image().await);
    }
    images
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn all_of_them_come_back(owner: PgPool) {
    let (lab, _cluster) = Lab::pretend(owner.clone()).await;
    whole(owner, lab).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn all_of_them_come_back_on_a_real_cluster(owner: PgPool) {
    let lab = real_lab(owner.clone()).await;
    whole(owner, lab).await;
}

async fn whole(owner: PgPool, lab: Lab) {
    let story = begin(owner, lab).await;
    let waiting = asked(&story).await;
    assert_eq!(
        members(&waiting),
        [("db", "pending"), ("api", "pending"), ("agent", "pending")],
        "in the order of the catalog"
    );
    assert_eq!(waiting["members"][0]["target"]["images"][0]["image"], "db:1", "{waiting:#}");
    assert_eq!(waiting["members"][2]["from"]["images"][0]["image"], "agent:2");
    approve(&story, &waiting).await;
    let verifying = story.rollback("carried out", state("verifying")).await;
    assert_eq!(
        members(&verifying),
        [("db", "succeeded"), ("api", "succeeded"), ("agent", "succeeded")]
    );
    assert_eq!(images(&story).await, ["db:1", "api:1", "agent:1"]);
    let closed = story.ticked_off(&verifying).await;
    assert_eq!(closed["state_reason"], "verified", "{closed:#}");
    let checks = closed["verification"]["checks"].as_array().unwrap().iter();
    let checks: Vec<_> = checks.map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(checks, ["pods db", "pods api", "pods agent"]);
    for name in ["db:2", "api:2", "agent:2"] {
        assert_eq!(verdict(&story, name).await, "bad", "{name}: what was left is held");
    }
}

async fn verdict(story: &Story, image: &str) -> String {
    let page = story.get("/revisions?service=api").await;
    let mut all = page["items"].as_array().unwrap().iter();
    let found = all.find(|it| it["images"][0]["image"] == image).unwrap();
    found["verdict"].as_str().unwrap().to_owned()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_that_fails_stops_those_after_it_and_the_rest_is_partly_verified(owner: PgPool) {
    let (lab, _cluster) = Lab::pretend(owner.clone()).await;
    let story = begin(owner, lab).await;
    let waiting = asked(&story).await;
    // Somebody pauses the second one: going back is refused there.
    story.lab.patch("api", json!({"spec": {"paused": true}})).await;
    approve(&story, &waiting).await;
    let verifying = story.rollback("partly carried out", state("verifying")).await;
    assert_eq!(
        members(&verifying),
        [("db", "succeeded"), ("api", "failed"), ("agent", "skipped")],
        "{verifying:#}"
    );
    let message = verifying["members"][1]["message"].as_str().unwrap();
    assert!(message.contains("somebody paused the rollout"), "{message}");
    assert_eq!(images(&story).await, ["db:1", "api:2", "agent:2"]);
    let page = story
        .door
        .get(&format!("/rollbacks/{}", verifying["number"].as_str().unwrap()), &story.browser)
        .await;
    assert!(page.body.contains("id=\"members\""), "{}", page.body);

    let closed = story.ticked_off(&verifying).await;
    assert_eq!(closed["state_reason"], "partly_verified", "{closed:#}");
    assert_eq!(verdict(&story, "db:2").await, "bad");
    assert_ne!(verdict(&story, "agent:2").await, "bad", "nobody has left it");
}
