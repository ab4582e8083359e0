mod measuring;

use super::Comparison::{AtLeast, AtMost};
use super::*;

fn target(comparison: Comparison, limit: f64) -> Target {
    Target { comparison, ..Target::within("hit_rate", limit) }
}

#[test]
fn the_stricter_target_is_the_one_whose_keeping_keeps_the_other() {
    for (a, b, expected) in [
        (target(AtMost, 5.0), target(AtMost, 10.0), true),
        (target(AtMost, 10.0), target(AtMost, 5.0), false),
        (target(AtMost, 5.0), target(AtMost, 5.0), true),
        (target(AtLeast, 0.9), target(AtLeast, 0.8), true),
        (target(AtLeast, 0.8), target(AtLeast, 0.9), false),
        (target(AtLeast, 5.0), target(AtMost, 5.0), false),
        (target(AtMost, 1.0), Target { unit: "ms".into(), ..target(AtMost, 5.0) }, false),
        (target(AtMost, 1.0), Target { name: "p95".into(), ..target(AtMost, 5.0) }, false),
        (target(AtMost, 4.0), Target { baseline: Some(2.0), ..target(AtMost, 3.0) }, true),
    ] {
        assert_eq!(a.is_at_least_as_strict_as(&b), expected, "{a:?} {b:?}");
    }
}

#[test]
fn a_target_is_typed_in_one_line_and_read_back() {
    for (line, expected) in [
        ("crr_delay <= 60 s", Some("crr_delay <= 60 s")),
        ("  hit_rate  ≥ 0.8 ratio ", Some("hit_rate >= 0.8 ratio")),
        ("p95 <= 1.1 x 250 ms", Some("p95 <= 1.1 x 250 ms")),
        ("samples >= 500", Some("samples >= 500")),
        (
            "p95 <= 1.1 x before 600s s | max t0..t1 | histogram_quantile(0.95, x | y)",
            Some("p95 <= 1.1 x before 600s s | max t0..t1 | histogram_quantile(0.95, x | y)"),
        ),
        (
            "hit_rate_recovery <= 3600 s|until >= 0.8 hold 60s recovered+3900 step 30|sum(a)",
            Some(
                "hit_rate_recovery <= 3600 s | until >= 0.8 hold 60s recovered+3900s step 30s | sum(a)",
            ),
        ),
        ("p95 <= 1.1 x before 600s s", None),
        ("p95 <= 1 s | max", None),
        ("p95 <= 1 s | most t0..t1 | up", None),
        ("p95 <= 1 s | time_until t0..t1 | up", None),
        ("p95 <= 1 s | max t0..then | up", None),
        ("crr_delay < 60 s", None),
        ("crr_delay <= soon", None),
        ("crr_delay", None),
        ("", None),
    ] {
        let parsed = Target::parse(line);
        assert_eq!(parsed.as_ref().map(ToString::to_string).as_deref(), expected, "{line}");
        let again = expected.and_then(Target::parse);
        assert_eq!(again, parsed);
    }
}
