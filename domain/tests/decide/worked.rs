//! The worked examples of the score: prior 0.5, a deploy some minutes before.

use domain::decide::decide;
use domain::decisions::Outcome;
use serde_json::{Value, json};

use crate::world::situation;

fn confidence(patch: &Value) -> f64 {
    let mut patch = patch.clone();
    patch["measurement"]["before"] = json!({"clean_s": 3600});
    decide(&situation("errors-after-deploy", &patch)).confidence
}

#[test]
fn the_worked_examples_of_the_confidence() {
    let share = |value: f64| json!({"numerator": value * 40.0, "denominator": 40.0});
    let latency = json!({
        "name": "LatencyP95", "severity": "warning", "unit": "ms", "numerator": null, "denominator": null,
        "value": "p95", "limit": 500, "ceiling": 2000, "baseline": 150,
    });
    let cpu = json!({
        "name": "CpuHigh", "numerator": null, "denominator": null, "value": "cpu",
        "limit": 0.95, "ceiling": 1.0, "baseline": 0.6,
    });
    for (what, patch, expected) in [
        ("5xx 15 %, six minutes after", json!({"measurement": share(0.15)}), 0.967),
        ("5xx 5.1 %, six minutes after", json!({"measurement": share(0.051)}), 0.911),
        (
            "5xx 5.1 %, 55 minutes after",
            json!({"at": "2026-03-03T10:55:00Z", "measurement": share(0.051)}),
            0.876,
        ),
        ("CPU 96 %", json!({"signal": cpu, "measurement": {"value": 0.96}}), 0.94),
        (
            "warning latency just over its limit",
            json!({"signal": latency, "measurement": {"value": 580.0}}),
            0.77,
        ),
    ] {
        let found = confidence(&patch);
        // As it is given: to two or three places.
        assert!((found - expected).abs() <= 0.0025, "{what}: {found}, not {expected}");
    }
}

/// Badness 0.5 to 1, times 4, over the potential, with the decay of six minutes.
#[test]
fn what_recovers_by_itself_is_less_urgent_and_what_was_tried_more() {
    for (what, history, expected) in [
        ("nothing known", json!({}), 0.967),
        ("all nine ended by themselves", json!({"unattended": 9, "ended_by_themselves": 9}), 0.872),
        ("none of nine did", json!({"unattended": 9}), 0.9997),
        ("one attempt has failed", json!({"failed_recoveries": 1}), 0.993),
        (
            "more ended than there were is a mistake of the counting",
            json!({"unattended": 1, "ended_by_themselves": 5}),
            0.930,
        ),
    ] {
        let found = confidence(&json!({"history": history}));
        assert!((found - expected).abs() <= 0.0005, "{what}: {found}, not {expected}");
    }
}

#[test]
fn a_signal_that_fires_on_too_little_is_counted_the_other_way() {
    let signal = json!({
        "name": "ActiveConnections", "unit": "ratio", "numerator": null, "denominator": null,
        "value": "connections / baseline", "comparison": "less", "limit": 0.5, "ceiling": 0.0, "baseline": 0.5,
    });
    let of = |value: f64| confidence(&json!({"signal": signal, "measurement": {"value": value}}));
    // Inside its limit only the decay is left, and nothing is proposed by it.
    assert!((of(0.6) - 0.336).abs() < 0.001, "{}", of(0.6));
    assert!((of(0.25) - 0.967).abs() < 0.0005, "{}", of(0.25));
    assert!(of(0.0) > of(0.1));
}

#[test]
fn crashing_pods_count_by_their_share_of_the_new_revision_and_at_least_half() {
    let badness = |name: &str| {
        let decision = decide(&situation(name, &json!({})));
        let rule = decision.rule(domain::decisions::RuleName::Badness).cloned();
        rule.and_then(|it| it.value).map(|it| it.to_string())
    };
    assert_eq!(badness("bad-image").as_deref(), Some("1"));
    assert_eq!(badness("one-of-three").as_deref(), Some("0.5"));
}

#[test]
fn the_thresholds_are_the_policys_and_lie_above() {
    let at = |above: f64, partial: f64| {
        let patch = json!({"policy": {"automatic_above": above, "partial_above": partial}});
        decide(&situation("errors-after-deploy", &patch)).outcome
    };
    let exactly = decide(&situation("errors-after-deploy", &json!({}))).confidence;
    assert_eq!(at(0.9, 0.7), Outcome::Automatic);
    assert_eq!(at(exactly, 0.7), Outcome::Partial);
    assert_eq!(at(0.99, exactly), Outcome::Human);
}
