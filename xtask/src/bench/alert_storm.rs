//! Everything at once: 5,000 alerts for 50 services, each told twice by two senders, as a highly available pair of
//! Alertmanagers does when a data centre trips. What comes of it are 50 decisions.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use super::fleet::{self, RULE, Window};
use super::http::Client;
use super::pretend::{self, Pretend};
use super::server::{Folder, Server};
use super::{Figure, Limit, PATIENCE, until};
use crate::process::{build_server, ensure_not_stopped};
use crate::site;

const SERVICES: usize = 50;
/// Of each service: one for each of its instances.
const ALERTS: usize = 100;
const SENDERS: usize = 2;
const TIMES: usize = 2;

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    site::build(true)?;
    build_server("release")?;
    pretend::build()?;
    let folder = Folder::new("alert-storm")?;
    let cluster = Pretend::start(&folder.as_ref().join("kubeconfig"))?;
    let server = Server::start(&folder.as_ref().join("data"), super::NO_ARGS)?;
    let token = server.token(&["read", "alerts:write"])?;
    let mut client = Client::connect(&server.address, Some(&token))?;
    prepare(&server, &cluster, &mut client, folder.as_ref())?;

    let done = AtomicBool::new(false);
    let (recorded_s, decisions, peak) = thread::scope(|scope| -> anyhow::Result<_> {
        let peak = scope.spawn(|| peak(&server, &done));
        let outcome = storm(&server, &token, &mut client);
        done.store(true, Ordering::Relaxed);
        let peak = peak.join().expect("who looks at the memory does not panic")?;
        let (recorded_s, decisions) = outcome?;
        Ok((recorded_s, decisions, peak))
    })?;
    server.stop()?;
    let decisions = u32::try_from(decisions)?.into();
    Ok(vec![
        Figure { name: "decisions", value: decisions, limit: Limit::Exactly(SERVICES as f64) },
        Figure { name: "recorded_s", value: recorded_s, limit: Limit::AtMost(10.0) },
        Figure { name: "peak_rss_mib", value: peak, limit: Limit::AtMost(400.0) },
    ])
}

/// Every service has a version that was verified and one whose pods the watch has seen crashing.
fn prepare(
    server: &Server,
    cluster: &Pretend,
    client: &mut Client,
    folder: &Path,
) -> anyhow::Result<()> {
    let (catalog, kubeconfig) = (folder.join("catalog"), folder.join("kubeconfig"));
    let import = |window| {
        fleet::describe(&catalog, &kubeconfig, SERVICES, window)?;
        server.command(&["catalog", "import", &catalog.to_string_lossy()])
    };
    import(Window::Short)?;
    let mut api = Client::connect(&cluster.address, None)?;
    fleet::deploy(&mut api, SERVICES)?;
    until("verified versions", || {
        Ok(client.all("/api/v1/revisions", "&state=verified")?.len() == SERVICES)
    })?;
    import(Window::Usual)?;
    fleet::break_all(&mut api, SERVICES)?;
    until("crashing pods, as the watch sees them", || {
        Ok(fleet::services(&client.all("/api/v1/decisions", "")?).len() == SERVICES)
    })
}

/// How long it takes until every alert is in the ledger, in seconds from the first that was sent; and how many
/// decisions came of them, repetitions of the same one aside, once every service has one.
fn storm(server: &Server, token: &str, client: &mut Client) -> anyhow::Result<(f64, usize)> {
    let starts_at = super::now()?;
    let begin = Instant::now();
    thread::scope(|scope| {
        let senders: Vec<_> =
            (0..SENDERS).map(|_| scope.spawn(|| send(server, token, &starts_at))).collect();
        senders.into_iter().try_for_each(|it| it.join().expect("a sender does not panic"))
    })?;
    let sent = begin.elapsed();
    let stored = client.all("/api/v1/alerts", "")?;
    let stored = stored.iter().filter(|it| it["name"] == RULE).count();
    ensure!(stored == SERVICES * ALERTS, "{stored} alerts are in the ledger");
    println!(
        "{} alerts answered in {:.2} s",
        SERVICES * ALERTS * SENDERS * TIMES,
        sent.as_secs_f64()
    );
    let deadline = Instant::now() + PATIENCE;
    loop {
        ensure_not_stopped()?;
        let mut all = client.all("/api/v1/decisions", "")?;
        all.retain(|it| fleet::about_the_rule(it) && it["follows"].is_null());
        if fleet::services(&all).len() == SERVICES || Instant::now() > deadline {
            return Ok((sent.as_secs_f64(), all.len()));
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// The groups of all services, one webhook each, and then all of them once more.
fn send(server: &Server, token: &str, starts_at: &str) -> anyhow::Result<()> {
    let mut client = Client::connect(&server.address, Some(token))?;
    for _ in 0..TIMES {
        for n in 0..SERVICES {
            let body = webhook(&fleet::name(n), starts_at);
            let answer = client.call("POST", "/api/v1/alerts", "application/json", &body)?;
            ensure!(answer.status == 202, "{}: {}", answer.status, answer.body);
        }
    }
    Ok(())
}

/// Version 4 of the webhook. An answer of 202 says that its alerts are stored.
fn webhook(service: &str, starts_at: &str) -> String {
    let common = json!({"alertname": RULE, "service": service, "severity": "critical"});
    let alert = |n: usize| -> Value {
        let mut labels = common.clone();
        labels["instance"] = json!(format!("10.0.{}.{}:9100", n / 250, n % 250));
        json!({"status": "firing", "labels": labels, "annotations": {"summary": "its pods crash"},
            "startsAt": starts_at, "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example:9090/graph", "fingerprint": format!("{n:016x}")})
    };
    json!({
        "version": "4", "groupKey": format!("{{}}:{{service=\"{service}\"}}"), "truncatedAlerts": 0,
        "status": "firing", "receiver": "lifeboat", "groupLabels": {"service": service},
        "commonLabels": common, "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": (0..ALERTS).map(alert).collect::<Vec<_>>(),
    })
    .to_string()
}

fn peak(server: &Server, done: &AtomicBool) -> anyhow::Result<f64> {
    let mut peak = server.resident_mib()?;
    while !done.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(20));
        peak = peak.max(server.resident_mib()?);
    }
    Ok(peak)
}
