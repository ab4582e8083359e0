//! The pretend Prometheus and the sink for chat webhooks.

use std::time::Duration;

use serde_json::{Value, json};
use server::sim::{Labels, Prometheus, PrometheusFault, SimClock, Sink};

async fn get(url: String, query: &[(&str, &str)]) -> reqwest::Result<(u16, Value)> {
    // The provider of the process; a second call finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
    let answer = client.get(url).query(query).send().await?;
    let status = answer.status().as_u16();
    Ok((status, answer.json().await.unwrap_or_default()))
}

#[tokio::test]
async fn prometheus_answers_from_what_was_set() {
    let clock = SimClock::manual("2026-08-01T10:00:00Z".parse().unwrap());
    let prometheus = Prometheus::start(0, clock.clone()).await.unwrap();
    let onset = clock.now() + chrono::TimeDelta::seconds(30);
    let share = "sum(rate(http_requests_total{code=~\"5..\"}[5m]))";
    prometheus.set("http_requests_total", 100.0);
    prometheus.set_function(share, move |at| Some(if at < onset { 0.0 } else { 15.0 }));
    let query = async |text: &str| {
        let (_, answer) =
            get(format!("{}/api/v1/query", prometheus.url()), &[("query", text)]).await.unwrap();
        answer["data"]["result"].clone()
    };
    let value = |result: &Value| result[0]["value"][1].clone();
    assert_eq!(value(&query(share).await), "0");
    assert_eq!(value(&query("rate(http_requests_total[1m])").await), "100", "by the metric's name");
    clock.advance(Duration::from_secs(30));
    assert_eq!(value(&query(share).await), "15");
    assert_eq!(query("up").await, json!([]));

    let labels = |pod: &str| Labels::from([("pod".to_owned(), pod.to_owned())]);
    prometheus.set_vector("memory", [(labels("a"), 1.5), (labels("b"), f64::NAN)]);
    let memory = query("memory").await;
    assert_eq!((&memory[0]["metric"]["pod"], value(&memory)), (&json!("a"), json!("1.5")));
    assert_eq!(memory[1]["value"][1], "NaN");

    let range = [
        ("query", share),
        ("start", "2026-08-01T10:00:00Z"),
        ("end", "2026-08-01T10:01:00Z"),
        ("step", "30s"),
    ];
    let (_, answer) =
        get(format!("{}/api/v1/query_range", prometheus.url()), &range).await.unwrap();
    let points: Vec<&Value> =
        answer["data"]["result"][0]["values"].as_array().unwrap().iter().map(|p| &p[1]).collect();
    assert_eq!(points, ["0", "15", "15"]);

    prometheus.fault(Some(PrometheusFault::Empty));
    assert_eq!(query(share).await, json!([]));
    prometheus.fault(Some(PrometheusFault::Error));
    let ready = format!("{}/-/ready", prometheus.url());
    assert_eq!(get(ready.clone(), &[]).await.unwrap().0, 503);
    prometheus.fault(Some(PrometheusFault::Down));
    assert!(get(ready.clone(), &[]).await.is_err());
    prometheus.fault(None);
    assert_eq!(get(ready, &[]).await.unwrap().0, 200);
}

#[tokio::test]
async fn the_sink_keeps_messages_and_refuses_as_told() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sink = Sink::start(0).await.unwrap();
    sink.answer_next(429, Some(2));
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let send = async |text: &str| {
        client
            .post(format!("{}/hook/a", sink.url()))
            .json(&json!({"text": text}))
            .send()
            .await
            .unwrap()
    };
    let refused = send("first").await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (429, &"2".parse().unwrap())
    );
    assert_eq!(send("again").await.status().as_u16(), 200);
    let messages = sink.wait_for(2).await;
    assert_eq!(messages[0].json()["text"], "first");
    assert_eq!((messages[0].status, messages[1].status), (429, 200));
    assert_eq!(messages[1].path, "/hook/a");
}
