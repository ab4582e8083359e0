//! What the figures were measured on.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::Context;
use serde_json::{Value, json};

use crate::embedded;
use crate::process::output;

pub(super) fn describe() -> anyhow::Result<Value> {
    Ok(json!({
        "cores": available_parallelism()?.get(),
        "memory_mib": memory_mib()?,
        "postgres": postgres(),
        "kubernetes": crate::cluster::VERSION,
    }))
}

fn memory_mib() -> anyhow::Result<u64> {
    let all = fs::read_to_string("/proc/meminfo")?;
    let total = all.lines().find_map(|it| it.strip_prefix("MemTotal:")).context("MemTotal")?;
    Ok(total.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}

/// "15.14", or nothing where there is none.
fn postgres() -> Option<String> {
    let folder = embedded::newest()?;
    let said = output(Command::new(folder.join("postgres")).arg("--version")).ok()?;
    said.split_whitespace().nth(2).map(str::to_owned)
}
