//! Scaling to none and back: each workload has its own count, and an autoscaler is told of.

use axum::http::StatusCode;
use domain::services::{Service, WorkloadKind};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use super::{Set, real_lab};
use crate::runs::Lab;
use crate::story::{Story, policy};

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn each_workload_gets_its_own_count_back(owner: PgPool) {
    let (lab, _cluster) = Lab::pretend(owner.clone()).await;
    to_none_and_back(owner, lab).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn each_workload_gets_its_own_count_back_on_a_real_cluster(owner: PgPool) {
    let lab = real_lab(owner.clone()).await;
    to_none_and_back(owner, lab).await;
}

const WORKLOADS: [(WorkloadKind, &str, i64); 3] = [
    (WorkloadKind::Deployment, "api", 2),
    (WorkloadKind::Deployment, "web", 5),
    (WorkloadKind::StatefulSet, "db", 3),
];

fn step(action: &str, (kind, name, _): (WorkloadKind, &str, i64), replicas: Value) -> Value {
    let workload = json!({"kind": kind.as_str(), "name": name});
    let mut step = json!({"kind": "kubernetes", "action": action, "workload": workload});
    if !replicas.is_null() {
        step["replicas"] = replicas;
    }
    step
}

fn each(action: &str, replicas: Value) -> Vec<Value> {
    WORKLOADS.iter().map(|it| step(action, *it, replicas.clone())).collect()
}

async fn to_none_and_back(owner: PgPool, lab: Lab) {
    let mut tx = lab.world.db.begin().await.unwrap();
    let workloads = WORKLOADS.map(|(kind, name, _)| {
        json!({"cluster": "lab", "namespace": lab.namespace, "kind": kind.as_str(), "name": name})
    });
    let service: Service = serde_json::from_value(json!({
        "name": "api", "team": "platform", "policy": "default", "workloads": workloads}))
    .unwrap();
    store::services::save(&mut tx, &service, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
    let story = Story::begin(owner, lab, policy("off")).await;
    for (kind, name, replicas) in WORKLOADS {
        let set = Set::new(&story.lab, kind, name);
        set.create("app:1", json!({"replicas": replicas})).await;
    }
    autoscaler(&story.lab, "web").await;
    counts(&story, [2, 5, 3]).await;

    let never = json!({"service": "api", "reason": "r", "steps": each("scale", json!("recorded"))});
    let refused = story.post("/runs", &story.engineer, never).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    assert_eq!(refused.json()["errors"][0]["field"], "steps[0].replicas");

    // Down and up again in one plan.
    let mut steps = each("scale", json!(0));
    steps.extend(each("wait_rollout", Value::Null));
    steps.extend(each("scale", json!("recorded")));
    steps.extend(each("wait_rollout", Value::Null));
    let said = done(&story, steps).await;
    let scaled = "the autoscaler web (2 to 9)";
    let down = format!("replicas 5 → 0; {scaled} does not act while there are none");
    assert_eq!(said[..3], ["replicas 2 → 0", down.as_str(), "replicas 3 → 0"]);
    let up = format!("replicas 0 → 5; {scaled} goes on from here");
    assert_eq!(said[6..9], ["replicas 0 → 2", up.as_str(), "replicas 0 → 3"]);
    counts(&story, [2, 5, 3]).await;

    // Down in one run, up in another: what was recorded is in the ledger.
    done(&story, each("scale", json!(0))).await;
    counts(&story, [0, 0, 0]).await;
    done(&story, each("scale", json!("recorded"))).await;
    counts(&story, [2, 5, 3]).await;
}

/// As the watch sees them.
async fn counts(story: &Story, expected: [i64; 3]) {
    story
        .eventually(&format!("{expected:?}"), async || {
            let page = story.get("/workloads?service=api").await;
            let items = page["items"].as_array()?;
            let count =
                |name: &str| items.iter().find(|it| it["name"] == name)?["replicas"].as_i64();
            let there = WORKLOADS.map(|(_, name, _)| count(name));
            (there == expected.map(Some)).then_some(())
        })
        .await;
}

/// What each step of the run said.
async fn done(story: &Story, steps: Vec<Value>) -> Vec<String> {
    let asked = json!({"service": "api", "reason": "maintenance", "steps": steps});
    let asked = story.post("/runs", &story.engineer, asked).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.body);
    let (id, plan) = (asked.json()["id"].clone(), asked.json()["plan"].clone());
    let path = format!("/runs/{}", id.as_str().unwrap());
    let consent = json!({"plan_digest": plan["digest"], "decision": "approve", "reason": ""});
    let given = story.post(&format!("{path}/approvals"), &story.second, consent).await;
    assert_eq!(given.status, StatusCode::CREATED, "{}", given.body);
    let run = story
        .eventually("the end of the run", async || {
            let run = story.get(&path).await;
            let over = ["succeeded", "failed", "superseded"].contains(&run["state"].as_str()?);
            over.then_some(run)
        })
        .await;
    assert_eq!(run["state"], "succeeded", "{run:#}");
    let steps = run["steps"].as_array().unwrap().iter();
    steps.map(|it| it["message"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn autoscaler(lab: &Lab, name: &str) {
    let cluster = lab.world.clusters.get("lab").await.unwrap();
    let kind = GroupVersionKind::gvk("autoscaling", "v2", "HorizontalPodAutoscaler");
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client, &lab.namespace, &resource);
    let autoscaler = serde_json::from_value(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name},
        "spec": {"minReplicas": 2, "maxReplicas": 9,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}},
    }))
    .unwrap();
    api.create(&PostParams::default(), &autoscaler).await.unwrap();
}
