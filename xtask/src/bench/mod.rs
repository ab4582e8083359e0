//! Measurements on real servers, built in release. A bench is no test: it prints what it found beside
//! what should be reached, and writes it to `target/bench/NAME.json`.

mod alert_storm;
mod alert_to_patch;
mod fleet;
mod http;
mod lab;
mod ledger;
mod machine;
mod pretend;
mod quarter_close;
mod recover;
mod releases;
mod rollback;
mod server;
mod start;
mod trends_page;
mod wasm;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, thread};

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value, json};

use crate::process::{ensure_not_stopped, output};
use crate::target;

/// What a figure should be.
#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
    Exactly(f64),
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
            Self::Exactly(wanted) => (value - wanted).abs() < f64::EPSILON,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
            Self::Exactly(wanted) => write!(f, "= {wanted}"),
        }
    }
}

/// One measured value; its name carries the unit.
struct Figure {
    name: &'static str,
    value: f64,
    limit: Limit,
}

type Measure = fn() -> anyhow::Result<Vec<Figure>>;

const BENCHES: [(&str, Measure); 11] = [
    ("alert-storm", alert_storm::measure),
    ("alert-to-patch", alert_to_patch::measure),
    ("ledger-export", ledger::export),
    ("ledger-page", ledger::page),
    ("quarter-close", quarter_close::measure),
    ("recover", recover::measure),
    ("rollback", rollback::measure),
    ("scale", ledger::scale),
    ("start", start::measure),
    ("trends-page", trends_page::measure),
    ("wasm", wasm::measure),
];

/// For a server that is started as it comes.
const NO_ARGS: [&str; 0] = [];

pub(crate) fn run(name: &str) -> anyhow::Result<()> {
    let Some((_, measure)) = BENCHES.iter().find(|it| it.0 == name) else {
        bail!("no bench {name:?}; there are {}", BENCHES.map(|it| it.0).join(", "));
    };
    let figures = measure()?;
    println!("\n{:<28}{:>12}  {:<12}", name, "measured", "to reach");
    for Figure { name, value, limit } in &figures {
        let verdict = if limit.holds(*value) { "reached" } else { "NOT REACHED" };
        println!("{name:<28}{value:>12.2}  {:<12}{verdict}", limit.to_string());
    }
    write(name, &figures)
}

fn write(name: &str, figures: &[Figure]) -> anyhow::Result<()> {
    let figures: Map<String, Value> =
        figures.iter().map(|it| (it.name.to_owned(), json!(it.value))).collect();
    let report = json!({
        "name": name,
        "at": now()?,
        "machine": machine::describe()?,
        "figures": figures,
    });
    let folder = target().join("bench");
    fs::create_dir_all(&folder)?;
    let path = folder.join(name).with_extension("json");
    fs::write(&path, format!("{report:#}\n"))?;
    println!("{}", path.display());
    Ok(())
}

/// RFC 3339 in UTC.
fn now() -> anyhow::Result<String> {
    let mut date = std::process::Command::new("date");
    let said = output(date.args(["--utc", "+%Y-%m-%dT%H:%M:%SZ"]))?;
    Ok(said.trim().to_owned())
}

/// How long a server may take to come to what is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again: what is waited for is a state of the server, and no event tells of it here.
fn until(what: &str, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds()? {
        ensure_not_stopped()?;
        ensure!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// In microseconds since 1970: the one clock that all processes of a machine share.
fn now_us() -> anyhow::Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?)
}

/// The middle one.
fn median(values: &[f64]) -> anyhow::Result<f64> {
    percentile(values, 0.5)
}

/// The smallest value that is not exceeded by this share of them, from 0 to 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
fn percentile(values: &[f64], share: f64) -> anyhow::Result<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().context("nothing was measured")
}
