//! The pretend cluster by itself, for benches: a process beside the server under measurement, so that neither
//! is counted with the other. It ends with its standard input.
//!
//! `pretend_cluster KUBECONFIG` writes the kubeconfig there, prints `{"event": "ready", "url"}`, and then one
//! line for each PATCH of a Deployment that takes effect, when it has arrived:
//! `{"event": "patch", "name", "at_us"}`, in microseconds since 1970 by this machine's clock.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::Context;
use chrono::TimeDelta;
use serde_json::json;
use server::clock;
use server::sim::{Cluster, Options, Seen};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Enough for the pods of a thousand services, without a node that has them all.
const NODES: usize = 10;

/// So many changes of each resource a watch may be behind.
const MEMORY: usize = 40_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let kubeconfig =
        std::env::args_os().nth(1).map(PathBuf::from).context("where to write the kubeconfig?")?;
    let options = Options {
        nodes: NODES,
        memory: MEMORY,
        namespaces: vec!["bench".to_owned()],
        ..Options::default()
    };
    let cluster = Cluster::start(options).await?;
    std::fs::write(&kubeconfig, cluster.kubeconfig())
        .with_context(|| format!("cannot write {}", kubeconfig.display()))?;
    let changes = cluster.subscribe();
    say(&json!({"event": "ready", "url": cluster.url()}))?;
    let parent = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    tokio::select! {
        res = tell(changes) => res,
        _ = parent => Ok(()),
    }
}

/// Says what arrives. Whoever listens must know that nothing is missing, so being too slow is the end.
async fn tell(mut changes: Receiver<std::sync::Arc<Seen>>) -> anyhow::Result<()> {
    loop {
        let seen = match changes.recv().await {
            Ok(seen) => seen,
            Err(RecvError::Closed) => return Ok(()),
            Err(RecvError::Lagged(missed)) => anyhow::bail!("{missed} changes were not told"),
        };
        if seen.verb != "patch" || seen.resource != "deployments.apps" || seen.is_dry_run() {
            continue;
        }
        let ago = TimeDelta::from_std(seen.at.elapsed())?;
        let at = clock::now() - ago;
        say(&json!({"event": "patch", "name": seen.name, "at_us": at.timestamp_micros()}))?;
    }
}

fn say(event: &serde_json::Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{event}")?;
    out.flush()
}
