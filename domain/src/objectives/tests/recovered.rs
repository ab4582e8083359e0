use super::*;
use crate::measurements::{Measurement, Sample};

const STEP: i64 = 10;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn recovery(series: u32) -> Recovery {
    let json = json!({"query": "ok", "series": series, "hold_s": 30, "step_s": STEP});
    serde_json::from_value(json).unwrap()
}

/// One reading for each letter: `+` succeeds, `-` fails, `n` is NaN, a blank is none.
fn series(letters: &str) -> Vec<Sample> {
    let value = |letter: char| match letter {
        '+' => Some(0.995),
        '-' => Some(0.5),
        _ => None,
    };
    let all = letters.chars().enumerate().filter(|(_, it)| *it != ' ');
    all.map(|(n, it)| Sample { at: at(n as i64 * STEP), value: value(it) }).collect()
}

fn found(all: &[&str], expected: u32, over: Option<i64>) -> Finding {
    let recovery = recovery(expected);
    let longest = all.iter().map(|it| it.len()).max().unwrap_or(1) as i64;
    let until = at((longest.max(1) - 1) * STEP);
    let watch = Watch { recovery: &recovery, t0: at(0), until, over_at: over.map(at) };
    watch.finding(&all.iter().map(|it| series(it)).collect::<Vec<_>>())
}

fn back(second: i64, held: i64) -> Finding {
    Finding::Back { at: at(second), held_until: at(held) }
}

fn gap(from: i64, to: i64) -> Finding {
    Finding::Gap { from: at(from), to: at(to) }
}

#[test]
fn the_calls_are_back_when_they_succeed_and_go_on() {
    for (letters, expected) in [
        // The fault is seen a moment after T0, as rates look back.
        ("++---++++", back(50, 80)),
        ("---++++++++", back(30, 100)),
        // What does not last was no recovery.
        ("--++--++++", back(60, 90)),
        ("--++-++-++", Finding::NotYet { until: at(90) }),
        ("-----", Finding::NotYet { until: at(40) }),
        // Down again after it was held for long enough is another incident.
        ("--++++--", back(20, 50)),
    ] {
        assert_eq!(found(&[letters], 1, None), expected, "{letters}");
    }
}

#[test]
fn what_was_not_seen_has_no_value() {
    for (letters, expected) in [
        ("", Finding::NoData),
        ("nnnn", Finding::NotANumber),
        // They came back somewhere in the gap.
        ("--  ++++", gap(10, 40)),
        ("--nn++++", gap(10, 40)),
        // A gap while they were being held: whether they were is not known.
        ("--+ ++++", gap(20, 40)),
        // They may have been back for long enough inside of it.
        ("--     --++++", gap(10, 70)),
        // Too short for that.
        ("-- --++++", back(50, 80)),
        // The metrics ended.
        ("--    n", gap(10, 60)),
        ("  ++++", gap(0, 20)),
    ] {
        assert_eq!(found(&[letters], 1, None), expected, "{letters:?}");
    }
}

#[test]
fn all_key_calls_have_to_be_back() {
    assert_eq!(found(&["--+++++++", "----+++++"], 2, None), back(40, 80));
    // One is enough to be down; all are needed to be up.
    assert_eq!(found(&["---------", "  +++++++"], 2, None), Finding::NotYet { until: at(80) });
    assert_eq!(found(&["--+++++++", "--   ++++"], 2, None), gap(10, 50));
    assert_eq!(found(&["--+++++++"], 3, None), Finding::MissingSeries { found: 1, expected: 3 });
}

#[test]
fn what_never_fell_is_known_only_when_it_is_over() {
    assert_eq!(found(&["++++++++"], 1, None), Finding::NotSeen { until: at(70) });
    assert_eq!(found(&["++++++++"], 1, Some(50)), Finding::NotSeen { until: at(70) });
    assert_eq!(found(&["++++++++"], 1, Some(40)), Finding::NeverDown { until: at(70) });
    assert_eq!(found(&["+++ ++++"], 1, Some(40)), gap(20, 40));
}

fn measured(finding: &Finding, until: i64) -> Measurement {
    let objective = dated(json!([{"document": "plan", "rto_s": 60}]));
    let recovery = recovery(1);
    let watch = Watch { recovery: &recovery, t0: at(0), until: at(until), over_at: None };
    rto(&watch, finding, &objective, "prometheus", Vec::new())
}

#[test]
fn the_verdict_is_that_of_the_objective_and_unknown_never_passes() {
    for (finding, until, value, verdict) in [
        (back(60, 90), 90, Some(60.0), Pass),
        (back(61, 91), 91, Some(61.0), Fail),
        (Finding::NeverDown { until: at(99) }, 99, Some(0.0), Pass),
        (Finding::NotYet { until: at(50) }, 50, None, Unknown),
        // It is not over, and too late already.
        (Finding::NotYet { until: at(70) }, 70, None, Fail),
        (Finding::NotSeen { until: at(70) }, 70, None, Unknown),
        (Finding::NoData, 900, None, Unknown),
        (gap(10, 40), 900, None, Unknown),
    ] {
        let it = measured(&finding, until);
        assert_eq!((it.value, it.verdict), (value, Some(verdict)), "{finding:?}");
        assert_eq!(it.objective.map(|it| it.version), Some(3));
        assert_eq!(it.result.as_ref().and_then(Finding::of_value), Some(finding));
    }
}
