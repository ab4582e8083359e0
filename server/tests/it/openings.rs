//! Signals that open something else than a rollback: a runbook that is proposed, an incident that is called for.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use server::clock;
use server::sim::{Prometheus, PrometheusFault, SimClock};
use sqlx::PgPool;

use crate::story::{Story, policy};

fn of_api(value: f64) -> [(BTreeMap<String, String>, f64); 1] {
    [(BTreeMap::from([("service".to_owned(), "api".to_owned())]), value)]
}

/// A service that is well, and signals about what lies behind it.
async fn begin(owner: PgPool, mode: &str) -> (Story, Prometheus, server::sim::Cluster) {
    let prometheus = Prometheus::start(0, SimClock::real()).await.unwrap();
    prometheus.set_vector("lag", of_api(1.0));
    prometheus.set_vector("mismatch", of_api(0.0));
    let (story, cluster) = Story::pretend(owner, policy(mode)).await;
    story.prometheus(&prometheus.url()).await;
    for (name, severity, query, limit, opens) in [
        ("ReplicationLag", "critical", "lag", 5, "runbook"),
        ("BillingMismatch", "emergency", "mismatch", 0, "incident"),
    ] {
        story
            .signal(json!({
                "name": name, "severity": severity, "unit": "seconds", "value": query, "limit": limit, "for_s": 0,
                "opens": opens, "runbook": "https://runbooks.example/dr"
            }))
            .await;
    }
    story.lab.deploy("api", &["app:1"]).await;
    story.verified("app:1").await;
    (story, prometheus, cluster)
}

async fn opening(story: &Story, state: &str) -> Value {
    story
        .eventually(&format!("an opening that is {state}"), async || {
            let page = story.get(&format!("/openings?service=api&state={state}")).await;
            page["items"].get(0).cloned()
        })
        .await
}

async fn alert(story: &Story, name: &str, status: &str) {
    let alert = json!({"version": "4", "alerts": [{"status": status, "startsAt": clock::now(),
        "labels": {"alertname": name, "namespace": "shop", "deployment": "api"},
        "annotations": {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "runbook_url": "https://evil.example/",
            "summary": "behind"}}]});
    let sender = format!("Bearer {}", story.sender);
    let answer = story.post("/alerts", &sender, alert).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_signal_proposes_its_runbook_and_takes_it_back(owner: PgPool) {
    let (story, prometheus, _cluster) = begin(owner, "auto").await;
    prometheus.set_vector("lag", of_api(9.0));
    let proposed = opening(&story, "open").await;
    assert_eq!((&proposed["kind"], &proposed["cause"]), (&json!("runbook"), &json!("signal")));
    assert_eq!(proposed["runbook"], "https://runbooks.example/dr");
    let queue = story.get("/attention").await;
    let kinds: Vec<_> = queue["items"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert!(kinds.contains(&&json!("runbook_proposed")), "{queue:#}");
    // The decision says why there is no rollback, and none is asked for.
    let decisions = story.get("/decisions?service=api").await;
    let decision = &decisions["items"][0];
    assert_eq!((&decision["outcome"], &decision["strategy"]), (&json!("human"), &json!("none")));
    assert_eq!(decision["runbook"], "https://runbooks.example/dr");
    assert_eq!(story.get("/rollbacks?service=api").await["items"], json!([]));
    prometheus.set_vector("lag", of_api(0.5));
    let over = opening(&story, "ended").await;
    assert_eq!(over["ended_why"], "the signal is gone");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_incident_that_is_called_for_stays_until_somebody_takes_it_up(owner: PgPool) {
    let (story, prometheus, _cluster) = begin(owner, "auto").await;
    // Nobody confirms what anybody may claim.
    alert(&story, "BillingMismatch", "firing").await;
    story
        .eventually("decided without a second source", async || {
            let decisions = story.get("/decisions?service=api").await;
            let gate = |it: &Value| it["name"] == "second_source" && it["verdict"] == "fail";
            decisions["items"].get(0)?["rules"].as_array()?.iter().any(gate).then_some(())
        })
        .await;
    assert_eq!(story.get("/openings").await["items"], json!([]));

    prometheus.set_vector("mismatch", of_api(3.0));
    let wish = opening(&story, "open").await;
    assert_eq!((&wish["kind"], &wish["severity"]), (&json!("incident"), &json!("p0")));
    prometheus.set_vector("mismatch", of_api(0.0));
    story
        .eventually("over", async || {
            let page = story.get("/alerts?service=api&state=resolved").await;
            page["items"].as_array()?.iter().any(|it| it["source"] == "promql").then_some(())
        })
        .await;
    assert_eq!(opening(&story, "open").await["id"], wish["id"], "what happened has happened");
    let path = format!("/openings/{}/take-up", wish["id"].as_str().unwrap());
    let silent = story.post(&path, &story.engineer, json!({"reason": " "})).await;
    assert_eq!(silent.status, 422, "{}", silent.body);
    let taken = story.post(&path, &story.engineer, json!({"reason": "INC-1"})).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    let twice = story.post(&path, &story.second, json!({"reason": "INC-2"})).await;
    assert_eq!(twice.status, 409, "{}", twice.body);
    let ended = opening(&story, "ended").await;
    assert_eq!(
        (&ended["ended_by"], &ended["ended_why"]),
        (&json!("user:engineer"), &json!("INC-1"))
    );
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE kind = 'opening'")
        .fetch_one(&story.door.db)
        .await
        .unwrap();
    assert_eq!(told, 1);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn trace_and_runbook_go_with_the_alert_to_the_rollback(owner: PgPool) {
    // Whichever comes first opens the question, and the other one belongs to it.
    let (story, _prometheus, _cluster) = begin(owner, "suggest").await;
    story
        .restate(
            "PodCrashLoop",
            json!({"runbook": "https://runbooks.example/crash", "watch": "crash_loop"}),
        )
        .await;
    alert(&story, "PodCrashLoop", "firing").await;
    story.lab.set_image("api", "app:2-bad").await;
    let rollback = story
        .rollback("with the trace", |it| it["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736")
        .await;
    assert_eq!(rollback["runbook"], "https://runbooks.example/crash", "never what the sender says");
    let decisions = story.get("/decisions?service=api").await;
    let traced = |it: &Value| it["trace_id"] == rollback["trace_id"];
    assert!(decisions["items"].as_array().unwrap().iter().any(traced), "{decisions:#}");
    let alerts = story.get("/alerts?service=api").await;
    let told = |it: &&Value| it["trace_id"] == rollback["trace_id"];
    assert!(alerts["items"].as_array().unwrap().iter().any(|it| told(&it)), "{alerts:#}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_resolved_that_nobody_confirms_ends_nothing(owner: PgPool) {
    let (story, prometheus, _cluster) = begin(owner, "auto").await;
    prometheus.set_vector("lag", of_api(9.0));
    alert(&story, "ReplicationLag", "firing").await;
    opening(&story, "open").await;
    alert(&story, "ReplicationLag", "resolved").await;
    prometheus.fault(Some(PrometheusFault::Error));
    alert(&story, "BillingMismatch", "firing").await;
    // The detector has been round by the time that the later alert is decided on.
    story
        .eventually("another round", async || {
            let page = story.get("/decisions?service=api").await;
            page["items"]
                .as_array()?
                .iter()
                .any(|it| it["rules"][0]["input"] == "BillingMismatch")
                .then_some(())
        })
        .await;
    let open = story.get("/openings?service=api&state=open").await;
    assert_eq!(open["items"].as_array().unwrap().len(), 1, "{open:#}");
}
