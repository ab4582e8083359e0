//! From a webhook of Alertmanager to the PATCH that arrives at the API server, under a storm: decision, record,
//! plan, approval by policy and execution lie in between. The API server is the pretend one, so that it is our own
//! path that is measured.

mod storm;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use self::storm::Storm;
use super::fleet::{self, Window};
use super::http::Client;
use super::pretend::{self, Patch, Pretend};
use super::server::{Folder, Server};
use super::{Figure, Limit, PATIENCE, percentile, until};
use crate::process::{build_server, ensure_not_stopped};
use crate::site;

const STORM: Storm = Storm { services: 1_000, rate: 200, lasts: Duration::from_secs(60) };

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    site::build(true)?;
    build_server("release")?;
    pretend::build()?;
    let folder = Folder::new("alert-to-patch")?;
    let cluster = Pretend::start(&folder.as_ref().join("kubeconfig"))?;
    let server = Server::start(&folder.as_ref().join("data"), super::NO_ARGS)?;
    let token = server.token(&["read", "alerts:write"])?;
    let mut client = Client::connect(&server.address, Some(&token))?;
    prepare(&server, &cluster, &mut client, folder.as_ref())?;

    let began_us = super::now_us()?;
    let sent = storm::send(STORM, &server.address, &token)?;
    let decided = until_decided(&mut client)?;
    let rollbacks = until_executed(&mut client)?;
    let executed = rollbacks.iter().filter(|it| it["times"]["execute_s"].is_number()).count();
    let patches = cluster.patches_since(began_us);
    server.stop()?;
    figures(&sent, &patches, decided, executed)
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
        fleet::describe(&catalog, &kubeconfig, STORM.services, window)?;
        server.command(&["catalog", "import", &catalog.to_string_lossy()])
    };
    import(Window::Short)?;
    let mut api = Client::connect(&cluster.address, None)?;
    fleet::deploy(&mut api, STORM.services)?;
    until("verified versions", || {
        Ok(client.all("/api/v1/revisions", "&state=verified")?.len() == STORM.services)
    })?;
    import(Window::Usual)?;
    fleet::break_all(&mut api, STORM.services)?;
    until("crashing pods, as the watch sees them", || {
        let all = client.all("/api/v1/decisions", "")?;
        Ok(fleet::services(&all).len() == STORM.services)
    })?;
    println!("{} services crash, and nobody has told of it yet", STORM.services);
    Ok(())
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
