//! Alertmanager, as far as its webhook goes: one group for each service, sent again and again.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::super::fleet::{self, RULE};
use super::super::http::Client;
use super::super::now_us;

/// Connections that Alertmanager keeps.
const CONNECTIONS: usize = 8;

/// How much is sent, and how fast.
#[derive(Clone, Copy)]
pub(super) struct Storm {
    pub(super) services: usize,
    /// Alerts a second, one in each webhook.
    pub(super) rate: u32,
    pub(super) lasts: Duration,
}

/// When the first webhook of each service was due, in microseconds since 1970. One that the server keeps waiting
/// counts from when it should have been sent.
pub(super) fn send(storm: Storm, address: &str, token: &str) -> anyhow::Result<Vec<i64>> {
    let period = Duration::from_secs(1) / storm.rate;
    let alerts = usize::try_from(storm.lasts.as_nanos() / period.as_nanos())?;
    let begin_us = now_us()?;
    let begin = Instant::now();
    let starts_at = super::super::now()?;
    thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|first| {
                let starts_at = starts_at.as_str();
                scope.spawn(move || -> anyhow::Result<()> {
                    let mut client = Client::connect(address, Some(token))?;
                    for n in (first..alerts).step_by(CONNECTIONS) {
                        let due = period * u32::try_from(n)?;
                        thread::sleep(due.saturating_sub(begin.elapsed()));
                        let body = webhook(&fleet::name(n % storm.services), starts_at);
                        let answer =
                            client.call("POST", "/api/v1/alerts", "application/json", &body)?;
                        ensure!(answer.status == 202, "{}: {}", answer.status, answer.body);
                    }
                    Ok(())
                })
            })
            .collect();
        senders.into_iter().try_for_each(|it| it.join().expect("a sender does not panic"))
    })?;
    let late = begin.elapsed().saturating_sub(storm.lasts);
    println!("{alerts} alerts sent, the last one {} ms late", late.as_millis());
    let step = i64::try_from(period.as_micros())?;
    Ok((0..).map(|n| begin_us + n * step).take(storm.services).collect())
}

/// Version 4 of the webhook. The group is repeated with the same words, as Alertmanager does.
fn webhook(service: &str, starts_at: &str) -> String {
    let labels = json!({"alertname": RULE, "service": service, "severity": "critical"});
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{service=\"{service}\"}}"),
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "lifeboat",
        "groupLabels": {"service": service},
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": [{
            "status": "firing",
            "labels": labels,
            "annotations": {"summary": "its pods crash"},
            "startsAt": starts_at,
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example:9090/graph",
            "fingerprint": "0000000000000000",
        }],
    })
    .to_string()
}
