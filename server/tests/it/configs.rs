//! A bad configuration: the version stays, its ConfigMap goes back to what it held while the version was verified, and
//! new pods read it.

use std::path::PathBuf;

use kube::api::PostParams;
use serde_json::{Value, json};
use server::sim::{Prometheus, SimClock};
use sqlx::PgPool;

use crate::runs::{Lab, deployment, objects::Things};
use crate::signals::{measured, of_api, ratio};
use crate::story::{Story, policy, real, state};

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_bad_configuration_goes_back_and_new_pods_read_it(owner: PgPool) {
    let (story, cluster, prometheus) = measured(owner).await;
    goes_back(story, &prometheus).await;
    let restored = cluster.requests().into_iter().filter(|it| {
        it.verb == "patch"
            && it.resource == "configmaps"
            && !it.is_dry_run()
            && it.query.contains("lifeboat")
    });
    assert_eq!(restored.count(), 1, "one effect");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_bad_configuration_goes_back_on_a_real_cluster(owner: PgPool) {
    let (kubeconfig, namespace): (PathBuf, String) = real().await;
    let prometheus = Prometheus::start(0, SimClock::real()).await.unwrap();
    prometheus.set_vector("http_errors", of_api(0.0));
    prometheus.set_vector("http_requests", of_api(10.0));
    prometheus.set("((http_errors) or 0 * (http_requests)) / (http_requests)", 0.0);
    let lab = Lab::on(owner.clone(), kubeconfig, &namespace).await;
    let mut policy = policy("auto");
    policy["gates"]["clean_before_s"] = json!(2);
    let story = Story::begin(owner, lab, policy).await;
    story.prometheus(&prometheus.url()).await;
    story.signal(ratio("HighErrorRate", "http_errors", "http_requests")).await;
    goes_back(story, &prometheus).await;
}

async fn goes_back(story: Story, prometheus: &Prometheus) {
    let things = Things::of(story.lab.clone()).await;
    let config = things.config("settings");
    things.make(&config, json!({"data": {"level": "1"}})).await;
    // It reads its configuration from the beginning, so that nothing but the contents changes afterwards.
    let mut object = deployment("api", "app:1");
    object.metadata.name = Some("api".to_owned());
    let pod = object.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    let from = json!([{"configMapRef": {"name": "settings"}}]);
    pod.containers[0].env_from = Some(serde_json::from_value(from).unwrap());
    things.lab.deployments().await.create(&PostParams::default(), &object).await.unwrap();
    story
        .eventually("verified with its configuration", async || {
            let page = story.get("/revisions?service=api").await;
            let mut all = page["items"].as_array()?.iter();
            all.find(|it| it["verdict"] == "verified" && it["revision"] == 1).map(|_| ())
        })
        .await;

    things.change(&config, json!({"data": {"level": "2"}})).await;
    story
        .eventually("the change is seen", async || {
            let page = story.get("/changes?service=api").await;
            page["items"].as_array()?.iter().find(|it| it["kind"] == "config").map(|_| ())
        })
        .await;
    prometheus.set_vector("http_errors", of_api(3.0));
    let opened = story
        .rollback("proposed", |it| it["state"] == "awaiting_approval" || it["state"] == "verifying")
        .await;
    assert_eq!(opened["plan"]["steps"][0]["name"], "config_restore settings", "{opened:#}");
    if opened["state"] == "awaiting_approval" {
        let path = format!("/rollbacks/{}/approvals", opened["id"].as_str().unwrap());
        let consent = json!({"plan_digest": opened["plan"]["digest"], "decision": "approve"});
        let answer = story.post(&path, &story.second, consent).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    let verifying = story.rollback("carried out", state("verifying")).await;
    assert_eq!(verifying["target"]["kind"], "config", "{verifying:#}");
    prometheus.set_vector("http_errors", of_api(0.0));
    assert_eq!(things.read(&config).await.unwrap()["data"], json!({"level": "1"}));
    let object = things.lab.object("api").await;
    let annotations = &object["spec"]["template"]["metadata"]["annotations"];
    assert!(annotations["kubectl.kubernetes.io/restartedAt"].is_string(), "{annotations}");

    let closed = story.ticked_off(&verifying).await;
    assert_eq!(
        (&closed["state_reason"], &closed["success"]),
        (&json!("verified"), &Value::Bool(true)),
        "{closed:#}"
    );
    // The version itself was fine, under the configuration that it has again.
    let page = story.get("/revisions?service=api").await;
    let items = page["items"].as_array().unwrap().clone();
    let fine = items.iter().any(|it| it["revision"] == 1 && it["verdict"] == "verified");
    assert!(fine, "{page:#}");
}
