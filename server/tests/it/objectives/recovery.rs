//! RTO by Debian's Prometheus, which scrapes an application that the test breaks and mends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::measurements::{Measurement, RTO};
use domain::verdict::Verdict;
use serde_json::{Value, json};
use server::clock;
use server::workers::measurer;
use sqlx::PgPool;
use store::measurements::Filter;

use super::{state, worker};
use crate::prometheus::{Prometheus, serve, until};
use crate::world::World;

/// What is called: two paths that fail and succeed as the test wishes.
#[derive(Default)]
struct Calls {
    fails: [AtomicBool; 2],
    succeeded: [AtomicU64; 2],
    failed: [AtomicU64; 2],
}

const PATHS: [&str; 2] = ["/lookup", "/history"];

impl Calls {
    /// A hundred calls on each path between two scrapes.
    fn scrape(&self) -> String {
        let mut text = String::new();
        for (n, path) in PATHS.iter().enumerate() {
            let counter =
                if self.fails[n].load(Ordering::SeqCst) { &self.failed } else { &self.succeeded };
            counter[n].fetch_add(100, Ordering::SeqCst);
            for (status, counter) in [("200", &self.succeeded[n]), ("500", &self.failed[n])] {
                let count = counter.load(Ordering::SeqCst);
                text += &format!("calls_total{{path=\"{path}\",status=\"{status}\"}} {count}\n");
            }
        }
        text
    }

    fn router(self: Arc<Self>) -> Router {
        let scrape = move || std::future::ready(self.scrape());
        Router::new().route("/metrics", get(scrape))
    }

    fn fail(&self, path: usize, fails: bool) {
        self.fails[path].store(fails, Ordering::SeqCst);
    }
}

/// Once it has seen all calls to succeed.
async fn watching(target: &str) -> Prometheus {
    let it = Prometheus::start(target).await;
    until("all calls seen to succeed", async || {
        let answer = it.now(QUERY).await?;
        let all = answer["data"]["result"].as_array()?.clone();
        let good = |it: &Value| it["value"][1] == "1";
        (all.len() == PATHS.len() && all.iter().all(good)).then_some(())
    })
    .await;
    it
}

const QUERY: &str = "sum by (path) (rate(calls_total{status!~\"5..\"}[3s])) / sum by (path) (rate(calls_total[3s]))";

fn objective(name: &str, recovery: &Value) -> Value {
    json!({"name": name, "services": ["pay"], "recovery": recovery,
        "sources": [{"document": "plan", "rto_s": 600}]})
}

/// A rollback that began at this moment.
async fn incident(owner: &PgPool, door: &World, t0: DateTime<Utc>) -> String {
    let (asker, _) = door.sign_in("asker", Role::Sre).await;
    let (number, _) = door.rollback(asker).await;
    sqlx::query("UPDATE rollbacks SET onset_at = $1, created_at = $1 WHERE number = $2")
        .bind(t0)
        .bind(&number)
        .execute(owner)
        .await
        .unwrap();
    number
}

/// The RTO of the rollback by each objective, by name.
async fn measured(db: &PgPool, number: &str) -> Vec<(String, Measurement)> {
    let filter = Filter {
        subject: Some(format!("rollbacks/{number}")),
        name: Some(RTO.to_owned()),
        limit: 50,
        ..Filter::default()
    };
    let mut found = Vec::new();
    for it in store::measurements::list(db, &filter).await.unwrap() {
        let it = store::measurements::get(db, it.id).await.unwrap().measurement;
        found.push((it.objective.clone().unwrap().name, it));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn code(it: &Measurement) -> &str {
    it.result.as_ref().and_then(|it| it["code"].as_str()).unwrap_or_default()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_rto_lasts_until_every_key_call_succeeds_again(owner: PgPool) {
    let door = World::new(owner.clone()).await;
    let world = worker(&door.db);
    let calls = Arc::new(Calls::default());
    let target = serve(calls.clone().router()).await;
    let prometheus = watching(&target).await;
    let recovery = json!({"prometheus": prometheus.url, "query": QUERY, "series": 2, "hold_s": 3, "step_s": 1});
    state(&door.db, objective("orders", &recovery)).await;

    let t0 = clock::now();
    calls.fail(0, true);
    calls.fail(1, true);
    let number = incident(&owner, &door, t0).await;
    let look = async |expected: &str| {
        until(expected, async || {
            measurer::tick(&world).await.unwrap();
            let found = measured(&door.db, &number).await;
            found.into_iter().map(|it| it.1).find(|it| code(it) == expected)
        })
        .await
    };
    let down = look("not_yet").await;
    assert_eq!((down.value, down.verdict), (None, Some(Verdict::Unknown)));
    calls.fail(0, false);
    // One of two is not enough, for longer than would have to be held.
    until("one call back for long enough", async || {
        let query = format!("min_over_time(({QUERY})[4s:1s])");
        let answer = prometheus.now(&query).await?;
        let all = answer["data"]["result"].as_array()?.clone();
        all.iter().any(|it| it["value"][1] == "1").then_some(())
    })
    .await;
    let half = look("not_yet").await;
    assert_eq!(half.value, None);
    let mended = clock::now();
    calls.fail(1, false);
    let back = look("back").await;

    let down_for = (mended - t0).num_milliseconds() as f64 / 1000.0;
    let rto = back.value.unwrap();
    // The rate looks back for 3 s, and samples are a second apart.
    assert!(rto >= down_for - 1.0 && rto <= down_for + 6.0, "{rto} after {down_for}");
    assert_eq!((back.verdict, back.query.as_deref()), (Some(Verdict::Pass), Some(QUERY)));
    assert_eq!(back.window.from.timestamp_millis(), t0.timestamp_millis());
    let bad = |it: &&domain::measurements::Sample| it.value.is_some_and(|it| it < 0.99);
    assert!(back.samples.iter().filter(bad).count() >= 3, "{:?}", back.samples);
    // What is measured stays as it is.
    calls.fail(1, true);
    measurer::tick(&world).await.unwrap();
    assert_eq!(measured(&door.db, &number).await[0].1, back);
    let said = door.audit().await;
    let of_it = said.iter().filter(|it| it.1 == "observe").count();
    assert!((2..=4).contains(&of_it), "{said:?}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_cannot_be_measured_is_unknown_and_says_why(owner: PgPool) {
    let door = World::new(owner.clone()).await;
    let world = worker(&door.db);
    let calls = Arc::new(Calls::default());
    let target = serve(calls.clone().router()).await;
    let prometheus = watching(&target).await;
    until("data of some seconds", async || {
        let answer = prometheus.now(&format!("count_over_time(({QUERY})[3s:1s]) >= 3")).await?;
        (answer["data"]["result"].as_array()?.len() == PATHS.len()).then_some(())
    })
    .await;
    let broken = serve(Router::new().fallback(async || StatusCode::SERVICE_UNAVAILABLE)).await;
    let slow = serve(Router::new().fallback(std::future::pending::<StatusCode>)).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let real = prometheus.url.clone();
    let cases = [
        ("absent", real.clone(), "calls_that_nobody_counts", 1, "no_data", ""),
        ("broken", format!("http://{broken}"), "up", 1, "no_answer", "503"),
        ("closed", format!("http://{closed}"), "up", 1, "no_answer", "refused"),
        ("nan", real.clone(), "vector(0) / vector(0)", 1, "not_a_number", ""),
        ("partial", real.clone(), QUERY, 3, "missing_series", ""),
        ("slow", format!("http://{slow}"), "up", 1, "no_answer", "within 5 s"),
        ("wrong", real.clone(), "no_such_function(up)", 1, "no_answer", "no_such_function"),
    ];
    for (name, address, query, series, ..) in &cases {
        let recovery = json!({"prometheus": address, "query": query, "series": series, "hold_s": 3, "step_s": 1});
        state(&door.db, objective(name, &recovery)).await;
    }
    let nowhere = json!({"query": "up", "hold_s": 3, "step_s": 1});
    state(&door.db, objective("nowhere", &nowhere)).await;
    let number = incident(&owner, &door, clock::now() - chrono::TimeDelta::seconds(5)).await;
    let looked = tokio::time::timeout(Duration::from_secs(30), measurer::tick(&world)).await;
    looked.expect("nothing is waited for without end").unwrap();

    let found = measured(&door.db, &number).await;
    let mut expected: Vec<_> = cases.iter().map(|it| (it.0, it.4, it.5)).collect();
    expected.push(("nowhere", "no_source", "which Prometheus"));
    expected.sort_unstable();
    assert_eq!(found.len(), expected.len());
    for ((name, it), (case, says, why)) in found.iter().zip(expected) {
        assert_eq!((name.as_str(), code(it)), (case, says), "{it:?}");
        assert_eq!((it.value, it.verdict), (None, Some(Verdict::Unknown)), "{name}");
        let reason = it.result.as_ref().unwrap()["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(why), "{name}: {reason}");
    }
}
