//! From a webhook of Alertmanager to the PATCH that arrives at the API server, under a storm: decision, record,
//! plan, approval by policy and execution lie in between. The API server is the pretend one, so that it is our own
//! path that is measured.

mod storm;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use self::storm::Storm;
use super::fleet::{self, Fleet};
use super::http::Client;
use super::pretend::Patch;
use super::{Figure, Limit, PATIENCE, percentile};
use crate::process::ensure_not_stopped;

const STORM: Storm = Storm { services: 1_000, rate: 200, lasts: Duration::from_secs(60) };

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    let mut fleet = Fleet::crashing("alert-to-patch", STORM.services)?;
    let began_us = super::now_us()?;
    let sent = storm::send(STORM, &fleet.server.address, &fleet.token)?;
    let decided = until_decided(&mut fleet.client)?;
    let rollbacks = until_executed(&mut fleet.client)?;
    let executed = rollbacks.iter().filter(|it| it["times"]["execute_s"].is_number()).count();
    let patches = fleet.cluster.patches_since(began_us);
    fleet.server.stop()?;
    figures(&sent, &patches, decided, executed)
}

/// How many services have a decision about what the webhook told.
fn until_decided(client: &mut Client) -> anyhow::Result<usize> {
    let mut decided = 0;
    let deadline = Instant::now() + PATIENCE;
    while decided < STORM.services && Instant::now() < deadline {
        ensure_not_stopped()?;
        let mut all = client.all("/api/v1/decisions", "")?;
        all.retain(fleet::about_the_rule);
        decided = fleet::services(&all).len();
    }
    Ok(decided)
}

/// The rollbacks, once nothing of them is under way any more, or patience is at its end.
fn until_executed(client: &mut Client) -> anyhow::Result<Vec<Value>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = client.all("/api/v1/rollbacks", "")?;
        let under_way = |it: &&Value| it["state"] == "approved" || it["state"] == "executing";
        if all.iter().find(under_way).is_none() || Instant::now() > deadline {
            let mut states = BTreeMap::<&str, usize>::new();
            all.iter().for_each(|it| {
                *states.entry(it["state"].as_str().unwrap_or_default()).or_default() += 1
            });
            println!("{} rollbacks: {states:?}", all.len());
            return Ok(all);
        }
        ensure_not_stopped()?;
        thread::sleep(Duration::from_millis(200));
    }
}

fn figures(
    sent: &[i64],
    patches: &[Patch],
    decided: usize,
    executed: usize,
) -> anyhow::Result<Vec<Figure>> {
    let mut first = BTreeMap::new();
    for patch in patches {
        first.entry(patch.name.clone()).or_insert(patch.at_us);
    }
    let took = |(n, sent): (usize, &i64)| Some(first.get(&fleet::name(n))? - sent);
    let took: Vec<i64> = sent.iter().enumerate().filter_map(took).collect();
    let ms: Vec<f64> = took.iter().map(|it| *it as f64 / 1000.0).collect();
    ensure!(!ms.is_empty(), "no PATCH arrived");
    println!(
        "{} of {} services were patched; ms: 90 % {:.1}, 99.9 % {:.1}, slowest {:.1}",
        ms.len(),
        sent.len(),
        percentile(&ms, 0.9)?,
        percentile(&ms, 0.999)?,
        ms.iter().copied().fold(0.0, f64::max)
    );
    let count = |it: usize| u32::try_from(it).map(f64::from).context("too many");
    Ok(vec![
        Figure { name: "p50_ms", value: percentile(&ms, 0.5)?, limit: Limit::AtMost(15.0) },
        Figure { name: "p99_ms", value: percentile(&ms, 0.99)?, limit: Limit::AtMost(50.0) },
        Figure { name: "lost", value: count(STORM.services - decided)?, limit: Limit::AtMost(0.0) },
        Figure {
            name: "doubled",
            value: count(patches.len())? - count(executed)?,
            limit: Limit::AtMost(0.0),
        },
    ])
}
