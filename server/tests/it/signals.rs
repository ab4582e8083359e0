//! Signals that we evaluate ourselves: a release that starts well and answers badly.

use std::collections::BTreeMap;

use serde_json::json;
use server::sim;
use server::sim::{Prometheus, PrometheusFault, SimClock};
use sqlx::PgPool;

use crate::story::{Story, patches, policy, state};

/// One series that names the service of the story.
pub(crate) fn of_api(value: f64) -> [(BTreeMap<String, String>, f64); 1] {
    [(BTreeMap::from([("service".to_owned(), "api".to_owned())]), value)]
}

pub(crate) fn ratio(name: &str, numerator: &str, denominator: &str) -> serde_json::Value {
    json!({"name": name, "severity": "critical", "limit": 0.05, "for_s": 1,
        "numerator": numerator, "denominator": denominator})
}

pub(crate) async fn measured(owner: PgPool) -> (Story, sim::Cluster, Prometheus) {
    let prometheus = Prometheus::start(0, SimClock::real()).await.unwrap();
    prometheus.set_vector("http_errors", of_api(0.0));
    prometheus.set_vector("http_requests", of_api(10.0));
    // What it was before the change.
    prometheus.set("((http_errors) or 0 * (http_requests)) / (http_requests)", 0.0);
    let mut policy = policy("auto");
    policy["gates"]["clean_before_s"] = json!(2);
    let (story, cluster) = Story::pretend(owner, policy).await;
    story.prometheus(&prometheus.url()).await;
    story.signal(ratio("HighErrorRate", "http_errors", "http_requests")).await;
    (story, cluster, prometheus)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_release_that_answers_badly_goes_back_without_any_alertmanager(owner: PgPool) {
    let (story, cluster, prometheus) = measured(owner).await;
    // As bad a share, of so few requests that it says nothing.
    prometheus.set_vector("rare_errors", of_api(0.01));
    prometheus.set_vector("rare_requests", of_api(0.05));
    story
        .signal(json!({"name": "RareErrors", "severity": "critical", "limit": 0.05, "for_s": 1,
            "numerator": "rare_errors", "denominator": "rare_requests"}))
        .await;
    story.release("app:1", "app:2").await;
    prometheus.set_vector("http_errors", of_api(2.0));

    let done = story.rollback("carried out", state("verifying")).await;
    assert_eq!(story.image().await, "app:1");
    assert_eq!(patches(&cluster), 2, "the release, and one way back");
    assert_eq!(done["approvals"][0]["kind"], "policy");
    assert!(
        done["times"]["detect_s"].as_f64().unwrap() >= 1.0,
        "from the first bad sample: {done:#}"
    );
    let alerts = story.get("/alerts?service=api").await;
    let names: Vec<_> =
        alerts["items"].as_array().unwrap().iter().map(|it| (&it["name"], &it["source"])).collect();
    assert_eq!(names, [(&json!("HighErrorRate"), &json!("promql"))], "{alerts:#}");

    prometheus.set_vector("http_errors", of_api(0.0));
    story
        .eventually("over", async || {
            let firing = story.get("/alerts?service=api&state=firing").await;
            (firing["items"] == json!([])).then_some(())
        })
        .await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_prometheus_that_does_not_answer_is_an_alarm_and_no_decision(owner: PgPool) {
    let (story, _cluster, prometheus) = measured(owner).await;
    prometheus.fault(Some(PrometheusFault::Error));
    let blind = async |state: &str| {
        let page = story.get(&format!("/alerts?state={state}")).await;
        page["items"].as_array()?.iter().find(|it| it["name"] == "DetectorBlind").cloned()
    };
    let alarm = story.eventually("the alarm", async || blind("firing").await).await;
    assert_eq!((&alarm["labels"]["cluster"], &alarm["service"]), (&json!("lab"), &json!(null)));
    assert_eq!(story.get("/decisions").await["items"], json!([]));
    prometheus.fault(None);
    story.eventually("its end", async || blind("resolved").await).await;
}
