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
