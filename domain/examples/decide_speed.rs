//! How many situations the rules decide in a second on one core.
//!
//! `cargo run --release -p domain --example decide_speed`
//!
//! The situations are those of the tests, each with a hundred pods more than it has, so that none is easy for being
//! small. Five rounds are counted; the slowest is what can be relied on.

use std::hint::black_box;
use std::time::{Duration, Instant};

use domain::decide::{Situation, decide};
use serde_json::{Value, json};

const ROUND: Duration = Duration::from_secs(1);
const PODS: usize = 100;

fn main() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/situations");
    let files = std::fs::read_dir(folder).expect("the situations of the tests are there");
    let texts =
        files.map(|it| std::fs::read_to_string(it.expect("a file").path()).expect("a text"));
    let values: Vec<Value> =
        texts.map(|it| serde_json::from_str(&it).expect("a situation")).collect();
    let large = values.iter().cloned().map(with_many_pods).collect();

    let mut figures = serde_json::Map::new();
    for (name, values) in [("decisions_per_s", values), ("decisions_per_s_100_pods", large)] {
        let situations: Vec<Situation> =
            values.into_iter().map(|it| serde_json::from_value(it).expect("a situation")).collect();
        let slowest = (0..5).map(|_| per_second(&situations)).fold(f64::INFINITY, f64::min);
        figures.insert(name.to_owned(), json!(slowest.round()));
    }
    println!("{}", json!({"name": "decide", "figures": figures}));
}

fn with_many_pods(mut situation: Value) -> Value {
    let pods = situation["pods"].as_array().cloned().unwrap_or_default();
    let more = pods.iter().cycle().take(if pods.is_empty() { 0 } else { PODS }).cloned();
    situation["pods"] = Value::from([pods.clone(), more.collect()].concat());
    situation
}

fn per_second(situations: &[Situation]) -> f64 {
    let began = Instant::now();
    let mut decided = 0;
    while began.elapsed() < ROUND {
        for situation in situations {
            black_box(decide(black_box(situation)));
        }
        decided += situations.len();
    }
    decided as f64 / began.elapsed().as_secs_f64()
}
