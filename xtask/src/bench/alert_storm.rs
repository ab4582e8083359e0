//! Everything at once: 5,000 alerts for 50 services, each told twice by two senders, as a highly available pair of
//! Alertmanagers does when a data centre trips. What comes of it are 50 decisions.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::fleet::{self, Fleet, RULE};
use super::http::Client;
use super::server::Server;
use super::{Figure, Limit, PATIENCE};
use crate::process::ensure_not_stopped;

const SERVICES: usize = 50;
/// Of each service: one for each of its instances.
const ALERTS: usize = 100;
const SENDERS: usize = 2;
const TIMES: usize = 2;

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    let mut fleet = Fleet::crashing("alert-storm", SERVICES)?;
    let (peak, (recorded_s, decisions)) =
        fleet.server.peak_mib(|| storm(&fleet.server, &fleet.token, &mut fleet.client))?;
    fleet.server.stop()?;
    let decisions = u32::try_from(decisions)?.into();
    Ok(vec![
        Figure { name: "decisions", value: decisions, limit: Limit::Exactly(SERVICES as f64) },
        Figure { name: "recorded_s", value: recorded_s, limit: Limit::AtMost(10.0) },
        Figure { name: "peak_rss_mib", value: peak, limit: Limit::AtMost(400.0) },
    ])
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
    let instance = |n: usize| json!({"instance": format!("10.0.{}.{}:9100", n / 250, n % 250)});
    let instances: Vec<_> = (0..ALERTS).map(instance).collect();
    for _ in 0..TIMES {
        for n in 0..SERVICES {
            let body = fleet::webhook(&fleet::name(n), starts_at, &instances);
            // An answer of 202 says that its alerts are stored.
            let answer = client.call("POST", "/api/v1/alerts", "application/json", &body)?;
            ensure!(answer.status == 202, "{}: {}", answer.status, answer.body);
        }
    }
    Ok(())
}
