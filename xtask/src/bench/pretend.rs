//! The pretend cluster as a process of its own: `server/examples/pretend_cluster.rs`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use serde_json::Value;

use crate::process::{NATIVE, cargo, check, spawn};
use crate::target;

/// Ends when dropped.
pub(super) struct Pretend {
    child: Child,
    /// As long as it is open the cluster runs.
    input: Option<ChildStdin>,
    /// `127.0.0.1:PORT`
    pub(super) address: String,
    patches: Arc<Mutex<Vec<Patch>>>,
}

/// A change of a Deployment that arrived there.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    pub(super) name: String,
    /// In microseconds since 1970.
    pub(super) at_us: i64,
}

/// Compiles it, as the server is compiled.
pub(super) fn build() -> anyhow::Result<()> {
    check(cargo(&["build", "--profile=release", "--example=pretend_cluster"]).args(NATIVE))
}

impl Pretend {
    /// Until it listens; its kubeconfig is written there.
    pub(super) fn start(kubeconfig: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(target().join("release/examples/pretend_cluster"));
        command.arg(kubeconfig).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn(&mut command)?;
        let input = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let ready = lines.next().context("the pretend cluster did not start")??;
        let ready: Value = serde_json::from_str(&ready)?;
        let url = ready["url"].as_str().context("its address")?;
        let address = url.trim_start_matches("http://").to_owned();
        let patches = Arc::<Mutex<Vec<Patch>>>::default();
        let kept = patches.clone();
        thread::spawn(move || {
            for patch in lines.map_while(Result::ok).filter_map(|it| patch(&it)) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(patch);
            }
        });
        Ok(Self { child, input, address, patches })
    }

    /// Those that have arrived since this moment, in microseconds since 1970.
    pub(super) fn patches_since(&self, at_us: i64) -> Vec<Patch> {
        let patches = self.patches.lock().unwrap_or_else(PoisonError::into_inner);
        patches.iter().filter(|it| it.at_us >= at_us).cloned().collect()
    }
}

impl Drop for Pretend {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

fn patch(line: &str) -> Option<Patch> {
    let line: Value = serde_json::from_str(line).ok()?;
    let name = line["name"].as_str().filter(|_| line["event"] == "patch")?;
    Some(Patch { name: name.to_owned(), at_us: line["at_us"].as_i64()? })
}
