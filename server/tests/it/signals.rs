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

/// Nothing fires for longer than it would have taken.
async fn stays_quiet(story: &Story, prometheus: &Prometheus, what: &str) {
    let before = prometheus.asked().len();
    // Two looks are longer than the signal's second.
    story.eventually(what, async || (prometheus.asked().len() >= before + 6).then_some(())).await;
    let firing = story.get("/alerts?service=api&state=firing").await;
    assert_eq!(firing["items"], json!([]), "{what}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_prometheus_cannot_tell_fires_nothing_and_ends_nothing(owner: PgPool) {
    let (story, _cluster, prometheus) = measured(owner).await;
    story.release("app:1", "app:2").await;
    for (what, errors, requests) in [
        ("NaN", f64::NAN, 10.0),
        ("Inf", f64::INFINITY, 10.0),
        ("a denominator of nothing", 2.0, 0.0),
        ("a denominator that is NaN", 2.0, f64::NAN),
        ("too few requests", 0.2, 0.5),
        ("negative requests", 2.0, -10.0),
    ] {
        prometheus.set_vector("http_errors", of_api(errors));
        prometheus.set_vector("http_requests", of_api(requests));
        stays_quiet(&story, &prometheus, what).await;
    }
    prometheus.unset("http_requests");
    prometheus.set_vector("http_errors", of_api(2.0));
    stays_quiet(&story, &prometheus, "no denominator").await;
    // No errors are counted, and requests are: that is none of them, and no unknown.
    prometheus.unset("http_errors");
    prometheus.set_vector("http_requests", of_api(10.0));
    stays_quiet(&story, &prometheus, "no numerator").await;

    prometheus.set_vector("http_errors", of_api(2.0));
    story.rollback("carried out", state("verifying")).await;
    let firing = async || {
        let page = story.get("/alerts?state=firing").await;
        let names = page["items"].as_array().unwrap().iter().map(|it| it["name"].clone());
        names.collect::<Vec<_>>()
    };
    prometheus.fault(Some(PrometheusFault::Empty));
    let before = prometheus.asked().len();
    story
        .eventually("asked", async || (prometheus.asked().len() >= before + 6).then_some(()))
        .await;
    assert_eq!(firing().await, [json!("HighErrorRate")], "no answer ends nothing");
    // What is no answer of a Prometheus leaves us as blind as none.
    prometheus.fault(Some(PrometheusFault::Garbage));
    let blind = async || firing().await.contains(&json!("DetectorBlind")).then_some(());
    story.eventually("blind", blind).await;
    assert!(firing().await.contains(&json!("HighErrorRate")));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_flaps_stays_pending_and_what_stays_beyond_fires(owner: PgPool) {
    let (story, _cluster, prometheus) = measured(owner).await;
    prometheus.set_vector("p95", of_api(0.1));
    story
        .signal(json!({"name": "SlowAnswers", "severity": "critical", "unit": "seconds", "limit": 0.5, "for_s": 5,
            "value": "p95"}))
        .await;
    story.release("app:1", "app:2").await;
    let pending = async || {
        let page = story.get("/pending-signals").await;
        page["items"].get(0).cloned()
    };
    // Beyond, and back before its time has come; again and again.
    for _ in 0..2 {
        prometheus.set_vector("p95", of_api(0.9));
        let seen = story.eventually("pending", async || pending().await).await;
        assert_eq!((&seen["signal"], &seen["service"]), (&json!("SlowAnswers"), &json!("api")));
        assert_eq!((&seen["state"], &seen["value"]), (&json!("pending"), &json!(0.9)));
        prometheus.set_vector("p95", of_api(0.2));
        let quiet = async || pending().await.is_none().then_some(());
        story.eventually("not pending any more", quiet).await;
    }
    assert_eq!(story.get("/alerts?service=api").await["items"], json!([]));
    prometheus.set_vector("p95", of_api(0.9));
    story
        .eventually("firing", async || {
            let alerts = story.get("/alerts?service=api&state=firing").await;
            alerts["items"].get(0).filter(|it| it["name"] == "SlowAnswers").cloned()
        })
        .await;
    assert_eq!(pending().await, None, "what fires is not pending");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_cluster_that_is_not_seen_and_a_watchdog_that_is_silent_are_alarms(owner: PgPool) {
    use chrono::TimeDelta;
    use server::clock;
    use server::workers::blindness::{SILENT, tick};

    let (story, cluster, prometheus) = measured(owner).await;
    let world = &story.lab.world;
    let alarm = async |source: &str| {
        let page = story.get("/alerts?state=firing").await;
        let ours = |it: &&serde_json::Value| it["labels"]["source"] == source;
        page["items"].as_array()?.iter().find(ours).cloned()
    };
    story.release("app:1", "app:2").await;
    tick(world, clock::now()).await.unwrap();
    assert_eq!(alarm("alertmanager").await, None, "who never sent one is not missed");

    let say = async |status: &str| {
        let dog = json!({"version": "4", "alerts": [{"status": status, "startsAt": clock::now(),
            "labels": {"alertname": "Watchdog", "severity": "none"}}]});
        let sender = format!("Bearer {}", story.sender);
        assert_eq!(story.post("/alerts", &sender, dog).await.status, 202);
    };
    say("firing").await;
    tick(world, clock::now()).await.unwrap();
    assert_eq!(alarm("alertmanager").await, None);
    tick(world, clock::now() + SILENT).await.unwrap();
    assert!(alarm("alertmanager").await.is_some(), "it has been silent for too long");
    say("firing").await;
    tick(world, clock::now()).await.unwrap();
    assert_eq!(alarm("alertmanager").await, None, "it barks again");
    say("resolved").await;
    // Whether it is believed is found out by the detector.
    story
        .eventually("an alarm: its Prometheus sends nothing any more", async || {
            tick(world, clock::now()).await.unwrap();
            alarm("alertmanager").await
        })
        .await;

    tick(world, clock::now()).await.unwrap();
    assert_eq!(alarm("watch").await, None);
    cluster.refuse();
    story
        .eventually("blind", async || {
            let sight = store::watching::sights(&world.db).await.ok()?.remove(0);
            (sight.state == domain::watching::SightState::Blind).then_some(())
        })
        .await;
    tick(world, clock::now() + TimeDelta::seconds(11)).await.unwrap();
    let seen = alarm("watch").await.unwrap();
    assert_eq!((&seen["labels"]["cluster"], &seen["service"]), (&json!("lab"), &json!(null)));
    cluster.accept();
    story
        .eventually("seen again", async || {
            tick(world, clock::now()).await.unwrap();
            alarm("watch").await.is_none().then_some(())
        })
        .await;
    drop(prometheus);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn debians_prometheus_measures_the_release_that_goes_back(owner: PgPool) {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::routing::get;

    let errors = Arc::new(AtomicU32::new(0));
    let said = errors.clone();
    let metrics = move || {
        let errors = said.load(Ordering::Relaxed);
        async move {
            format!(
                "http_errors{{service=\"api\"}} {errors}\nhttp_requests{{service=\"api\"}} 10\n"
            )
        }
    };
    let target = crate::prometheus::serve(Router::new().route("/metrics", get(metrics))).await;
    let prometheus = crate::prometheus::Prometheus::start(&target).await;
    let scraped = async || {
        let found = prometheus.now("http_requests").await?;
        found.pointer("/data/result/0").cloned()
    };
    crate::prometheus::until("scraped", scraped).await;

    let (story, cluster) = Story::pretend(owner, policy("auto")).await;
    story.prometheus(&prometheus.url).await;
    story
        .signal(json!({"name": "HighErrorRate", "severity": "critical", "limit": 0.05, "for_s": 1,
            "numerator": "sum by (service) (http_errors > 0)", "denominator": "sum by (service) (http_requests)"}))
        .await;
    // Nothing over nothing, as PromQL has it.
    story
        .signal(json!({"name": "NothingOverNothing", "severity": "critical", "unit": "ratio", "limit": 0.05, "for_s": 0,
            "value": "sum by (service) (http_errors * 0) / sum by (service) (http_requests * 0)"}))
        .await;
    story.release("app:1", "app:2").await;
    errors.store(2, Ordering::Relaxed);
    let done = story.rollback("carried out", state("verifying")).await;
    assert_eq!(story.image().await, "app:1");
    assert_eq!(done["approvals"][0]["kind"], "policy");
    assert_eq!(patches(&cluster), 2);
    let alerts = story.get("/alerts?service=api").await;
    assert_eq!(alerts["items"].as_array().unwrap().len(), 1, "{alerts:#}");
}
