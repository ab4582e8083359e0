//! Windows of readings and what they come to.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::super::*;
use crate::catalog::{Fault, Faults};
use crate::drills::check_measures;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn by(take: Take) -> Measuring {
    Measuring {
        prometheus: None,
        query: "x".into(),
        take,
        until: None,
        from: Mark::T0,
        to: None,
        for_s: None,
        baseline_s: None,
        coverage: 0.9,
        step_s: 10,
    }
}

fn target(measure: Measuring) -> Target {
    Target { measure: Some(measure), ..Target::within("p95", 5.0) }
}

/// Readings ten seconds apart; NaN is what Prometheus says of nothing, and a minus is a reading that is missing.
fn readings(text: &str) -> Vec<Sample> {
    let words = text.split_whitespace().enumerate().filter(|(_, it)| *it != "-");
    let sample = |(n, word): (usize, &str)| Sample {
        at: at(10 * n as i64),
        value: word.parse().ok().filter(|it: &f64| it.is_finite()),
    };
    words.map(sample).collect()
}

fn window(to: i64) -> Window {
    Window { from: at(0), to: at(to) }
}

fn answer(to: i64, text: &str) -> Answer {
    Answer { window: window(to), series: Ok(vec![readings(text)]) }
}

fn measured(target: &Target, own: &Answer, before: Option<&Answer>) -> Measurement {
    target.measure(own, before, "prometheus of lab", at(1000)).unwrap()
}

fn found(it: &Measurement) -> Finding {
    Finding::of_value(it.result.as_ref().unwrap()).unwrap()
}

#[test]
fn readings_become_one_value_that_the_target_judges() {
    for (take, value, verdict) in [
        (Take::Max, 6.0, Verdict::Fail),
        (Take::Min, 1.0, Verdict::Pass),
        (Take::Avg, 3.0, Verdict::Pass),
        (Take::Last, 2.0, Verdict::Pass),
    ] {
        let it = measured(&target(by(take)), &answer(30, "1 3 6 2"), None);
        assert_eq!((it.value, it.verdict), (Some(value), Some(verdict)), "{take:?}");
        assert_eq!(found(&it), Finding::Value { readings: 4, expected: 4, baseline: None });
        assert_eq!((it.samples.len(), it.query.as_deref()), (4, Some("x")));
    }
}

#[test]
fn what_is_missing_never_passes_and_says_why() {
    let none = |reason: &str| Finding::NoAnswer { reason: reason.into() };
    let series = |all: Vec<Vec<Sample>>| Answer { window: window(30), series: Ok(all) };
    let one = || readings("1 1 1 1");
    for (take, own, expected) in [
        (Take::Max, series(vec![]), Finding::NoData),
        (Take::Max, series(vec![vec![]]), Finding::NoData),
        (Take::Max, series(vec![one(), one()]), Finding::ManySeries { found: 2 }),
        (Take::Max, answer(30, "NaN NaN NaN inf"), Finding::NotANumber),
        (Take::Max, answer(30, "1 NaN 1 1"), Finding::Partial { readings: 3, expected: 4 }),
        (Take::Avg, answer(30, "1 1 - 1"), Finding::Partial { readings: 3, expected: 4 }),
        (
            Take::Last,
            answer(190, &format!("{} - -", "1 ".repeat(18))),
            Finding::Gap { from: at(170), to: at(190) },
        ),
        (Take::Max, Answer { window: window(30), series: Err(none("503")) }, none("503")),
        // Everything is of later than the window: somebody's clock is wrong.
        (
            Take::Max,
            series(vec![
                one()
                    .into_iter()
                    .map(|it| Sample { at: it.at + TimeDelta::hours(1), ..it })
                    .collect(),
            ]),
            Finding::NoData,
        ),
    ] {
        let it = measured(&target(by(take)), &own, None);
        assert_eq!(found(&it), expected);
        assert_eq!((it.value, it.verdict), (None, Some(Verdict::Unknown)), "{expected:?}");
        assert!(!expected.is_final());
    }
}

#[test]
fn a_time_lasts_until_it_holds_to_the_end_of_the_window() {
    let until = Until { comparison: Comparison::AtLeast, limit: 0.8, hold_s: 20 };
    let within = |limit: f64| {
        let measure = Measuring { until: Some(until), ..by(Take::TimeUntil) };
        Target { limit, ..target(measure) }
    };
    for (text, limit, value, verdict) in [
        ("0 0.5 0.8 0.9 0.9 0.9", 60.0, Some(20.0), Verdict::Pass),
        ("0 0.5 0.8 0.9 0.9 0.9", 10.0, Some(20.0), Verdict::Fail),
        ("0.9 0.9 0.9 0.9 0.9 0.9", 60.0, Some(0.0), Verdict::Pass),
        // The cache is full in the first moments after the fault, and that says nothing.
        ("0.9 0.9 0.9 0.1 0.9 0.9", 60.0, None, Verdict::Unknown),
        ("0.9 0.9 0.9 0.1 0.9 0.9", 50.0, None, Verdict::Fail),
        ("0.9 0.9 0.1 0.9 0.9 0.9", 60.0, Some(30.0), Verdict::Pass),
        ("0 0 0 0 0 0", 50.0, None, Verdict::Fail),
    ] {
        let it = measured(&within(limit), &answer(50, text), None);
        assert_eq!((it.value, it.verdict), (value, Some(verdict)), "{text} {limit}");
        assert_eq!(value.is_none(), matches!(found(&it), Finding::NeverHeld { .. }), "{text}");
    }
    // What fell between readings is late.
    let patient = Target {
        measure: Some(Measuring { until: Some(until), coverage: 0.5, ..by(Take::TimeUntil) }),
        ..within(60.0)
    };
    assert_eq!(measured(&patient, &answer(50, "0 - - 0.9 0.9 0.9"), None).value, Some(30.0));
    assert_eq!(measured(&patient, &answer(50, "- 0.9 0.9 0.9 0.9 0.9"), None).value, Some(10.0));
}

#[test]
fn a_relative_target_is_held_against_what_was_measured_before() {
    let relative = Target {
        limit: 1.1,
        measure: Some(Measuring { baseline_s: Some(30), ..by(Take::Max) }),
        ..target(by(Take::Max))
    };
    assert_eq!((relative.bound(), relative.verdict(1.0)), (None, Verdict::Unknown));
    let before = |text: &str| Answer {
        window: Window { from: at(-30), to: at(0) },
        series: Ok(vec![
            readings(text)
                .into_iter()
                .map(|it| Sample { at: it.at - TimeDelta::seconds(30), ..it })
                .collect(),
        ]),
    };
    let own = answer(30, "2 2.2 2 2");
    for (text, verdict) in [
        ("2 2 2 2", Verdict::Pass),
        ("1 1 1 1", Verdict::Fail),
        ("NaN NaN NaN NaN", Verdict::Unknown),
        ("0 0 0 0", Verdict::Unknown),
        ("-1 -1 -1 -1", Verdict::Unknown),
        ("2 - - 2", Verdict::Unknown),
    ] {
        let it = measured(&relative, &own, Some(&before(text)));
        assert_eq!((it.value, it.verdict), (Some(2.2), Some(verdict)), "{text}");
        let says = matches!(found(&it), Finding::NoBaseline { .. });
        assert_eq!(says, verdict == Verdict::Unknown, "{text}");
    }
    assert_eq!(measured(&relative, &own, None).verdict, Some(Verdict::Unknown));
    // It ends where the fault began, which may be before it was proven.
    let marks = Marks { began: Some(at(80)), t0: Some(at(100)), ..Marks::default() };
    let measuring = relative.measure.as_ref().unwrap();
    assert_eq!(measuring.window_before(&marks), Some(Window { from: at(50), to: at(80) }));
}

#[test]
fn a_window_is_known_once_its_moments_have_come() {
    let marks = Marks { t0: Some(at(0)), recovered: Some(at(60)), ..Marks::default() };
    let to = |to| Measuring { to: Some(to), ..by(Take::Max) };
    assert_eq!(by(Take::Max).window(&marks), Some(window(60)));
    assert_eq!(to(Mark::T1).window(&marks), None);
    let later = Measuring { from: Mark::Recovered, for_s: Some(30), ..by(Take::Max) };
    let expected = Window { from: at(60), to: at(90) };
    assert_eq!(later.window(&marks), Some(expected));
    assert!(!later.is_over(expected, at(99)) && later.is_over(expected, at(100)));
    // More points than a source gives at once are asked for farther apart.
    let long = Window { from: at(0), to: at(1_000_000) };
    assert_eq!(later.step(long), TimeDelta::seconds(101));
}

#[test]
fn what_is_unknown_is_asked_again_less_and_less_often() {
    let due = |looked: i64, now: i64| is_due_again(&Finding::NoData, at(looked), at(0), at(now));
    assert!(!due(10, 14) && due(10, 15));
    assert!(!due(6_000, 6_599) && due(6_000, 6_600));
    assert!(!due(90_000, 93_599) && due(90_000, 93_600));
    let done = Finding::Value { readings: 1, expected: 1, baseline: None };
    assert!(!is_due_again(&done, at(0), at(0), at(99_999)));
}

#[test]
fn an_instruction_that_cannot_measure_is_refused_by_its_member() {
    let until = Until { comparison: Comparison::AtLeast, limit: 0.8, hold_s: 60 };
    let time = Measuring { until: Some(until), ..by(Take::TimeUntil) };
    let named = |name: &str| Target { name: name.into(), ..target(by(Take::Max)) };
    for (target, path) in [
        (target(by(Take::Max)), ""),
        (named("rto"), "measure"),
        (named("first_pass"), "measure"),
        (target(Measuring { query: "sum(".into(), ..by(Take::Max) }), "measure.query"),
        (target(Measuring { prometheus: Some("h".into()), ..by(Take::Max) }), "measure.prometheus"),
        (target(Measuring { coverage: 1.5, ..by(Take::Max) }), "measure.coverage"),
        (target(Measuring { step_s: 0, ..by(Take::Max) }), "measure.step_s"),
        (target(Measuring { from: Mark::Recovered, ..by(Take::Max) }), "measure.from"),
        (
            target(Measuring { for_s: Some(60), to: Some(Mark::T1), ..by(Take::Max) }),
            "measure.for_s",
        ),
        (target(by(Take::TimeUntil)), "measure.until"),
        (target(Measuring { until: Some(until), ..by(Take::Max) }), "measure.until"),
        (Target { limit: 60.0, ..target(time.clone()) }, ""),
        (Target { unit: "ratio".into(), ..target(time.clone()) }, "measure.take"),
        (
            Target { limit: 60.0, ..target(Measuring { for_s: Some(59), ..time.clone() }) },
            "measure.for_s",
        ),
        (
            Target {
                baseline: Some(1.0),
                ..target(Measuring { baseline_s: Some(600), ..by(Take::Max) })
            },
            "measure.baseline_s",
        ),
    ] {
        let mut found: Vec<Fault> = Vec::new();
        check_measures(&target, &mut Faults::of(&mut found));
        let paths: Vec<_> = found.iter().map(|it| it.path.as_str()).collect();
        let expected: Vec<_> = Some(path).filter(|it| !it.is_empty()).into_iter().collect();
        assert_eq!(paths, expected, "{target}: {found:?}");
    }
}

fn numbers() -> impl Strategy<Value = Vec<Option<f64>>> {
    let one = prop_oneof![4 => (-1e6f64..1e6).prop_map(Some), 1 => Just(None)];
    prop::collection::vec(one, 0..40)
}

fn words() -> impl Strategy<Value = Target> {
    let take = prop::sample::select(&[Take::Max, Take::Min, Take::Avg, Take::Last][..]);
    let until = prop::option::of((0.0f64..9.0, 0u32..900));
    (
        take,
        until,
        1u32..100_000,
        prop::option::of(1u32..9999),
        0.0f64..=1.0,
        1u32..600,
        any::<bool>(),
    )
        .prop_map(|(take, until, span, before, coverage, step_s, at_mark)| {
            let until = until.map(|(limit, hold_s)| Until {
                comparison: Comparison::AtLeast,
                limit,
                hold_s,
            });
            let measure = Measuring {
                prometheus: at_mark.then(|| "http://prom:9090".to_owned()),
                query: r#"a{b=~"c|d"} or e"#.to_owned(),
                take: if until.is_some() { Take::TimeUntil } else { take },
                until,
                from: Mark::Recovered,
                to: at_mark.then_some(Mark::T1),
                for_s: (!at_mark).then_some(span),
                baseline_s: before,
                coverage,
                step_s,
            };
            target(measure)
        })
}

proptest! {
    /// A pass takes a value within the bound, made from enough readings that lie in the window.
    #[test]
    fn a_pass_is_never_made_up(values in numbers(), shift in -300i64..300, to in 0i64..400) {
        let samples: Vec<Sample> = values.iter().enumerate()
            .map(|(n, value)| Sample { at: at(10 * n as i64 + shift), value: *value }).collect();
        for take in [Take::Max, Take::Min, Take::Avg, Take::Last] {
            let own = Answer { window: window(to), series: Ok(vec![samples.clone()]) };
            let it = measured(&target(by(take)), &own, None);
            let inside: Vec<f64> = samples.iter().filter(|it| it.at >= at(0) && it.at <= at(to))
                .filter_map(|it| it.value).collect();
            let enough = inside.len() as f64 >= 0.9 * (to / 10 + 1) as f64 - 1.0;
            if it.verdict == Some(Verdict::Pass) {
                prop_assert!(it.value.is_some_and(|it| it <= 5.0) && enough);
            }
            if let Some(value) = it.value {
                let (least, most) = inside.iter().fold((f64::MAX, f64::MIN), |(l, m), it| (l.min(*it), m.max(*it)));
                prop_assert!(value >= least - 1e-6 && value <= most + 1e-6);
            }
        }
    }

    /// Losing readings never turns what was missed or unknown into a pass by being quicker.
    #[test]
    fn a_time_is_never_shorter_for_readings_that_are_missing(values in prop::collection::vec(0.0f64..1.0, 3..40), lost in 0usize..40) {
        let until = Until { comparison: Comparison::AtLeast, limit: 0.5, hold_s: 10 };
        let target = Target {
            measure: Some(Measuring { until: Some(until), coverage: 0.0, ..by(Take::TimeUntil) }),
            ..Target::within("hit_rate_recovery", 60.0)
        };
        let to = 10 * (values.len() as i64 - 1);
        let all: Vec<Sample> = values.iter().enumerate()
            .map(|(n, value)| Sample { at: at(10 * n as i64), value: Some(*value) }).collect();
        let some: Vec<Sample> = all.iter().enumerate().map(|(n, it)| Sample {
            // A bad reading that is lost is not known to have been bad; only good ones are lost here.
            value: it.value.filter(|value| n != lost || *value < 0.5), ..*it }).collect();
        let of = |samples: Vec<Sample>| {
            let own = Answer { window: window(to), series: Ok(vec![samples]) };
            measured(&target, &own, None).value
        };
        if let (Some(whole), Some(part)) = (of(all), of(some)) {
            prop_assert!(part >= whole);
        }
    }

    #[test]
    fn a_measured_target_is_typed_in_one_line_and_read_back(target in words()) {
        prop_assert_eq!(Target::parse(&target.to_string()), Some(target));
    }
}
