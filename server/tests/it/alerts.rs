//! The webhook under what senders do to it: too much, too often.

use axum::http::StatusCode;
use domain::access::Scope;
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use crate::world::World;

fn group(alerts: &[Value]) -> Value {
    json!({"version": "4", "alerts": alerts})
}

fn alert(n: usize) -> Value {
    json!({"status": "firing", "startsAt": clock::now(), "labels": {"alertname": "Slow", "instance": n.to_string()}})
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn ten_thousand_alerts_are_stored_and_ten_mebibytes_are_not(owner: PgPool) {
    let world = World::new(owner).await;
    let sender = world.token("alertmanager", None, &[Scope::AlertsWrite, Scope::Read]).await;
    let bearer = format!("Bearer {sender}");
    let post = async |body: Value| world.call("POST", "/alerts", &bearer, body).await;

    let mut long = alert(0);
    long["annotations"] = json!({"description": "x".repeat(10 << 20)});
    let refused = post(group(&[long])).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", refused.body);
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    let nothing = world.call("GET", "/alerts", &bearer, Value::Null).await;
    assert_eq!(nothing.json()["items"], json!([]));

    let many: Vec<Value> = (0..10_000).map(alert).collect();
    for (new, duplicate) in [(10_000, 0), (0, 10_000)] {
        let stored = post(group(&many)).await;
        assert_eq!(stored.status, StatusCode::ACCEPTED, "{}", stored.body);
        let answer = stored.json();
        assert_eq!(
            (&answer["received"], &answer["new"], &answer["duplicate"], &answer["unmatched"]),
            (&json!(10_000), &json!(new), &json!(duplicate), &json!(10_000))
        );
    }
}
