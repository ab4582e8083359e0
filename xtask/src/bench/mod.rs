//! Measurements on real servers, built in release. A bench is no test: it prints what it found beside
//! what should be reached, and writes it to `target/bench/NAME.json`.

mod machine;
mod server;
mod start;
mod wasm;

use std::fs;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use crate::process::output;
use crate::target;

/// What a figure should be.
#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
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

const BENCHES: [(&str, Measure); 2] = [("start", start::measure), ("wasm", wasm::measure)];

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

/// The middle one.
fn median(mut values: Vec<f64>) -> anyhow::Result<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("nothing was measured")
}
