//! What lies around a workload and is what is wrong: seen by the watch alone, without any Prometheus. Each beside its
//! neighbour, in which the same thing concerns somebody else and a rollback is the remedy.

use chrono::TimeDelta;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use crate::runs::Lab;
use crate::story::{Story, policy, real, state};

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        },
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

/// Writes an object, and its status where it has one.
async fn put(story: &Story, of: &ApiResource, name: &str, body: Value) {
    let client = story.lab.world.clusters.get("lab").await.unwrap().client.clone();
    let namespace = story.lab.namespace.as_str();
    let api: Api<DynamicObject> = match of.kind.as_str() {
        "CustomResourceDefinition" => Api::all_with(client, of),
        _ => Api::namespaced_with(client, namespace, of),
    };
    let mut object =
        json!({"apiVersion": of.api_version, "kind": of.kind, "metadata": {"name": name}});
    for (member, value) in body.as_object().unwrap() {
        if member != "status" {
            object[member] = value.clone();
        }
    }
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
    if let Some(status) = body.get("status") {
        let patch = Patch::Merge(json!({"status": status}));
        api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }
}

async fn autoscaler(story: &Story, target: &str) {
    let of = resource("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers");
    let metrics = json!([{"type": "Resource", "resource": {"name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": 50}}}]);
    put(story, &of, target, json!({
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "minReplicas": 1, "maxReplicas": 2, "metrics": metrics},
        "status": {"desiredReplicas": 2, "currentReplicas": 2, "conditions": [{"type": "ScalingLimited",
            "status": "True", "reason": "TooManyReplicas", "message": "at its maximum",
            "lastTransitionTime": clock::now()}]},
    }))
    .await;
}

async fn network_policy(story: &Story, name: &str, labels: Value) {
    let of = resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies");
    let spec = json!({"podSelector": {"matchLabels": labels}, "policyTypes": ["Egress"]});
    put(story, &of, name, json!({"spec": spec})).await;
}

/// What the rules made of the bad release, by the newest decision.
async fn decision(story: &Story, outcome: &str) -> Value {
    story
        .eventually(outcome, async || {
            let page = story.get("/decisions?service=api").await;
            page["items"].as_array()?.iter().find(|it| it["outcome"] == outcome).cloned()
        })
        .await
}

async fn is_environment(story: &Story, message: &str) {
    let found = decision(story, "human").await;
    assert_eq!(found["cause"], "resource_or_environment", "{found:#}");
    assert_eq!(found["strategy"], "none");
    let rules = found["rules"].as_array().unwrap();
    let cause = rules.iter().find(|it| it["name"] == "cause").unwrap();
    assert!(cause["input"].as_str().unwrap().contains(message), "{cause:#}");
    assert_eq!(story.image().await, "app:2-bad", "nothing was rolled back");
}

/// Version 1 is verified, with this around it; then version 2 crashes.
async fn begin(story: &Story) {
    story.lab.deploy("api", &["app:1"]).await;
    story.verified("app:1").await;
}

async fn seen(story: &Story, object: &str) {
    let sql = "SELECT EXISTS (SELECT FROM surroundings WHERE object = $1)";
    story
        .eventually(object, async || {
            let there: bool =
                sqlx::query_scalar(sql).bind(object).fetch_one(&story.door.db).await.ok()?;
            there.then_some(())
        })
        .await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_autoscaler_at_its_maximum_is_no_fault_of_the_release(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    an_autoscaler(&story).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_autoscaler_at_its_maximum_on_a_real_cluster(owner: PgPool) {
    let (kubeconfig, namespace) = real().await;
    let lab = Lab::on(owner.clone(), kubeconfig, &namespace).await;
    let story = Story::begin(owner, lab, policy("auto")).await;
    an_autoscaler(&story).await;
}

async fn an_autoscaler(story: &Story) {
    begin(story).await;
    // The real controller corrects the status of one whose target exists, so the object itself is what both are shown.
    autoscaler(story, "api").await;
    seen(story, "HorizontalPodAutoscaler/api").await;
    story.lab.set_image("api", "app:2-bad").await;
    is_environment(story, "api is at its maximum of 2").await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_autoscaler_of_somebody_else_changes_nothing(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    begin(&story).await;
    autoscaler(&story, "shop").await;
    seen(&story, "HorizontalPodAutoscaler/shop").await;
    story.lab.set_image("api", "app:2-bad").await;
    story.rollback("carried out", state("verifying")).await;
    assert_eq!(story.image().await, "app:1");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_network_policy_that_was_changed_just_before_is_no_fault_of_the_release(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    begin(&story).await;
    network_policy(&story, "egress", json!({"app": "api"})).await;
    seen(&story, "NetworkPolicy/egress").await;
    story.lab.set_image("api", "app:2-bad").await;
    is_environment(&story, "the network policy egress was changed").await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_network_policy_for_others_changes_nothing(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    begin(&story).await;
    network_policy(&story, "egress", json!({"app": "db"})).await;
    seen(&story, "NetworkPolicy/egress").await;
    story.lab.set_image("api", "app:2-bad").await;
    story.rollback("carried out", state("verifying")).await;
    assert_eq!(story.image().await, "app:1");
}

async fn certificates(story: &Story) -> ApiResource {
    let of = resource(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    );
    put(story, &of, "certificates.cert-manager.io", json!({"spec": {
        "group": "cert-manager.io", "scope": "Namespaced",
        "names": {"plural": "certificates", "singular": "certificate", "kind": "Certificate", "listKind": "CertificateList"},
        "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
    }}))
    .await;
    resource("cert-manager.io", "v1", "Certificate", "certificates")
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_certificate_that_both_versions_use_is_no_fault_of_the_release(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    let of = certificates(&story).await;
    let failed = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Expired",
        "message": "expired on Sunday", "lastTransitionTime": clock::now()}]});
    put(&story, &of, "api", json!({"spec": {"secretName": "tls"}, "status": failed})).await;
    put(&story, &of, "other", json!({"spec": {"secretName": "other"}, "status": failed})).await;
    story.lab.deploy("api", &["app:1"]).await;
    let mounts = json!({"spec": {"template": {"spec": {"volumes": [{"name": "tls", "secret": {"secretName": "tls"}}]}}}});
    story.lab.patch("api", mounts).await;
    story
        .eventually("the mounting version verified", async || {
            let page = story.get("/revisions?service=api").await;
            let verified = |it: &Value| it["verdict"] == "verified" && it["revision"] == 2;
            page["items"].as_array()?.iter().any(verified).then_some(())
        })
        .await;
    seen(&story, "Certificate/api").await;
    story.lab.set_image("api", "app:2-bad").await;
    is_environment(&story, "the certificate api is not ready: expired on Sunday").await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_certificate_of_somebody_else_changes_nothing(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    let of = certificates(&story).await;
    let failed = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Expired", "message": "x"}]});
    put(&story, &of, "other", json!({"spec": {"secretName": "other"}, "status": failed})).await;
    begin(&story).await;
    seen(&story, "Certificate/other").await;
    story.lab.set_image("api", "app:2-bad").await;
    story.rollback("carried out", state("verifying")).await;
    assert_eq!(story.image().await, "app:1");
}

/// Says something about the newest pod of the bad version, as the kubelet does.
async fn say(story: &Story, reason: &str, message: &str) {
    let pods = resource("", "v1", "Pod", "pods");
    let client = story.lab.world.clusters.get("lab").await.unwrap().client.clone();
    let api: Api<DynamicObject> = Api::namespaced_with(client, &story.lab.namespace, &pods);
    let pod = story
        .eventually("a pod of the bad version", async || {
            let all = api.list(&Default::default()).await.ok()?.items;
            all.into_iter().find(|it| it.data["spec"]["containers"][0]["image"] == "app:2-bad")
        })
        .await;
    let events = resource("", "v1", "Event", "events");
    let now = clock::now() - TimeDelta::seconds(1);
    put(story, &events, &format!("{}.1", pod.metadata.name.clone().unwrap()), json!({
        "involvedObject": {"kind": "Pod", "apiVersion": "v1", "name": pod.metadata.name, "uid": pod.metadata.uid,
            "namespace": story.lab.namespace},
        "reason": reason, "message": message, "type": "Warning", "count": 1,
        "firstTimestamp": now, "lastTimestamp": now, "source": {"component": "kubelet"},
    }))
    .await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_volume_that_cannot_be_mounted_is_no_fault_of_a_release_that_changed_none(owner: PgPool) {
    // Asks, so that the event has come before anything is done.
    let (story, _cluster) = Story::pretend(owner, policy("suggest")).await;
    begin(&story).await;
    story.lab.set_image("api", "app:2-bad").await;
    say(&story, "FailedMount", "MountVolume.SetUp failed for volume \"data\"").await;
    story
        .eventually("told", async || {
            let page = story.get("/decisions?service=api").await;
            let told = |it: &Value| it["cause"] == "resource_or_environment";
            page["items"].as_array()?.iter().find(|it| told(it)).cloned()
        })
        .await;
}
