//! A storm: thousands of alerts at once about a few services, each told twice by both of a pair. What counts is that
//! every service is decided on once, that all of it is recorded soon, and what that takes in memory.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::alert_to_patch::fleet::{self, RULE};
use super::alert_to_patch::{about_the_rule, prepare};
use super::http::Client;
use super::pretend::{self, Pretend};
use super::server::{Folder, Server};
use super::{Figure, Limit, PATIENCE};
use crate::process::{build_server, ensure_not_stopped};
use crate::site;

const SERVICES: usize = 50;
const ALERTS: usize = 5_000;
/// Both of a pair tell everything, and both repeat it.
const SENDERS: [&str; 2] = ["a", "b"];
const TIMES: usize = 2;
/// Alerts of one webhook, as Alertmanager groups them.
const GROUP: usize = 100;
/// Nothing more is decided once nothing was for so long.
const QUIET: Duration = Duration::from_secs(3);

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    site::build(true)?;
    build_server("release")?;
    pretend::build()?;
    let folder = Folder::new("alert-storm")?;
    let cluster = Pretend::start(&folder.as_ref().join("kubeconfig"))?;
    let server = Server::start(&folder.as_ref().join("data"), super::NO_ARGS)?;
    let token = server.token(&["read", "alerts:write"])?;
    let mut client = Client::connect(&server.address, Some(&token))?;
    prepare(&server, &cluster, &mut client, folder.as_ref(), SERVICES)?;

    let began = Instant::now();
    send(&server.address, &token)?;
    println!(
        "{ALERTS} alerts told {} times in {} ms",
        SENDERS.len() * TIMES,
        began.elapsed().as_millis()
    );
    let (decisions, recorded) = until_recorded(&mut client, began)?;
    let peak = server.peak_mib()?;
    server.stop()?;
    println!("{decisions} decisions about {SERVICES} services");
    ensure!(decisions >= SERVICES, "only {decisions} of {SERVICES} services were decided on");
    let count = |it: usize| u32::try_from(it).map(f64::from).context("too many");
    let one_each = Limit::AtMost(count(SERVICES)?);
    Ok(vec![
        Figure { name: "decisions", value: count(decisions)?, limit: one_each },
        Figure { name: "recorded_s", value: recorded.as_secs_f64(), limit: Limit::AtMost(10.0) },
        Figure { name: "peak_rss_mib", value: peak, limit: Limit::AtMost(400.0) },
    ])
}

fn send(address: &str, token: &str) -> anyhow::Result<()> {
    let starts_at = super::now()?;
    thread::scope(|scope| {
        let senders = SENDERS.map(|sender| {
            let starts_at = starts_at.as_str();
            scope.spawn(move || -> anyhow::Result<()> {
                let mut client = Client::connect(address, Some(token))?;
                for _ in 0..TIMES {
                    for first in (0..ALERTS).step_by(GROUP) {
                        let body = webhook(sender, first, starts_at);
                        let answer =
                            client.call("POST", "/api/v1/alerts", "application/json", &body)?;
                        ensure!(answer.status == 202, "{}: {}", answer.status, answer.body);
                    }
                }
                Ok(())
            })
        });
        senders.into_iter().try_for_each(|it| it.join().expect("a sender does not panic"))
    })
}

/// A group of alerts, each about another pod.
fn webhook(sender: &str, first: usize, starts_at: &str) -> String {
    let alert = |n: usize| {
        let service = fleet::name(n % SERVICES);
        json!({
            "status": "firing",
            "labels": {"alertname": RULE, "service": service, "severity": "critical", "prometheus_replica": sender,
                "namespace": fleet::namespace(n % SERVICES), "pod": format!("{service}-7d4b9c6f5-{n:05}")},
            "annotations": {"summary": "its pods crash"},
            "startsAt": starts_at,
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": format!("{n:016x}"),
        })
    };
    let alerts: Vec<Value> = (first..first + GROUP).map(alert).collect();
    json!({
        "version": "4", "groupKey": format!("{{}}:{first}"), "truncatedAlerts": 0, "status": "firing",
        "receiver": "lifeboat", "groupLabels": {}, "commonLabels": {"alertname": RULE}, "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093", "alerts": alerts,
    })
    .to_string()
}

/// How many decisions there are about the storm, and when the last of them was seen.
fn until_recorded(client: &mut Client, began: Instant) -> anyhow::Result<(usize, Duration)> {
    let (mut decisions, mut last) = (0, began.elapsed());
    while began.elapsed() < PATIENCE {
        ensure_not_stopped()?;
        let mut all = client.all("/api/v1/decisions", "")?;
        all.retain(|it| it["rules"].as_array().is_some_and(|it| it.iter().any(about_the_rule)));
        // What is looked at again follows what was decided first.
        all.retain(|it| it["follows"].is_null());
        if all.len() != decisions {
            (decisions, last) = (all.len(), began.elapsed());
        } else if decisions >= SERVICES && began.elapsed() - last > QUIET {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok((decisions, last))
}
