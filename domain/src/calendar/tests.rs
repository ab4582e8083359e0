use chrono::TimeDelta;
use chrono_tz::America::Sao_Paulo;
use chrono_tz::Asia::Shanghai;
use chrono_tz::Europe::Berlin;

use super::*;
use crate::catalog::Fault;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn schedule(text: &str) -> Schedule {
    serde_json::from_str(text).unwrap()
}

fn expected(text: &str) -> ExpectedDrill {
    let json = format!(r#"{{"name": "n", "scenario": "s", "schedule": {text}}}"#);
    serde_json::from_str(&json).unwrap()
}

fn periods(text: &str, from: &str, to: &str) -> Vec<String> {
    let found = schedule(text).occurrences(Shanghai, at(from), at(to));
    found.into_iter().map(|it| it.period).collect()
}

#[test]
fn stretches_follow_the_zone_of_the_installation() {
    let found = schedule(r#"{"months": [2]}"#).occurrences(
        Shanghai,
        at("2026-01-01T00:00:00Z"),
        at("2027-01-01T00:00:00Z"),
    );
    let february = Occurrence {
        period: "2026-02".to_owned(),
        from: at("2026-01-31T16:00:00Z"),
        until: at("2026-02-28T16:00:00Z"),
    };
    assert_eq!(found, [february]);
}

#[test]
fn every_way_to_say_when() {
    let year = ("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z");
    let quarters = periods(r#"{"every": "quarter"}"#, year.0, year.1);
    assert_eq!(quarters, ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"]);
    assert_eq!(periods(r#"{"every": "year"}"#, year.0, year.1), ["2026"]);
    assert_eq!(periods(r#"{"every": "month"}"#, year.0, year.1).len(), 12);
    let weeks = periods(r#"{"every": "week"}"#, "2026-01-04T00:00:00Z", "2026-01-12T00:00:00Z");
    assert_eq!(weeks, ["2026-W01", "2026-W02", "2026-W03"]);
    let second_saturday = r#"{"nth": 2, "weekday": "Sat", "months": [3, 10]}"#;
    assert_eq!(periods(second_saturday, year.0, year.1), ["2026-03-14", "2026-10-10"]);
    let last_friday = r#"{"nth": 5, "weekday": "Fri", "months": [1, 2]}"#;
    assert_eq!(periods(last_friday, year.0, year.1), ["2026-01-30", "2026-02-27"]);
    // KPHub §6.2: Mondays at three.
    let cron = r#"{"cron": "0 3 * * 1"}"#;
    let mondays = periods(cron, "2026-02-01T00:00:00Z", "2026-02-15T00:00:00Z");
    assert_eq!(mondays, ["2026-02-02T03:00", "2026-02-09T03:00"]);
}

#[test]
fn a_stretch_that_has_begun_is_still_found() {
    let found = periods(r#"{"every": "quarter"}"#, "2026-05-20T00:00:00Z", "2026-05-21T00:00:00Z");
    assert_eq!(found, ["2026-Q2"]);
    let cron = r#"{"cron": "0 3 * * 1"}"#;
    let found = periods(cron, "2026-02-02T01:00:00Z", "2026-02-02T02:00:00Z");
    assert_eq!(
        found,
        ["2026-02-02T03:00"],
        "it began at 19:00 UTC the day before, and lasts a day"
    );
}

#[test]
fn clocks_that_are_put_forward_and_back() {
    // There is no 02:30 on this night in Berlin, and two of them in October.
    let nightly = schedule(r#"{"cron": "30 2 * * *", "zone": "Europe/Berlin"}"#);
    let spring =
        nightly.occurrences(Shanghai, at("2026-03-29T12:00:00Z"), at("2026-03-30T12:00:00Z"));
    assert_eq!(spring.len(), 2, "the night itself and the next: {spring:?}");
    let autumn =
        nightly.occurrences(Shanghai, at("2026-10-25T10:00:00Z"), at("2026-10-25T12:00:00Z"));
    assert_eq!(autumn.len(), 1, "{autumn:?}");
    let day = schedule(r#"{"nth": 5, "weekday": "Sun", "months": [3]}"#);
    let [day] =
        &day.occurrences(Berlin, at("2026-03-01T00:00:00Z"), at("2026-04-30T00:00:00Z"))[..]
    else {
        panic!("one day")
    };
    assert_eq!(day.until - day.from, TimeDelta::hours(23));
    // In 2018 São Paulo put its clocks forward at midnight: the day began at one.
    let day = NaiveDate::from_ymd_opt(2018, 11, 4).unwrap();
    assert_eq!(midnight(Sao_Paulo, day), Some(at("2018-11-04T03:00:00Z")));
}

#[test]
fn what_contradicts_itself_is_refused_by_name() {
    for (text, path) in [
        (r"{}", "schedule.every"),
        (r#"{"cron": "hourly"}"#, "schedule.cron"),
        (r#"{"cron": "0 3 * * 1", "every": "week"}"#, "schedule.cron"),
        (r#"{"cron": "0 3 * * 1", "months": [1]}"#, "schedule.cron"),
        (r#"{"nth": 2}"#, "schedule.weekday"),
        (r#"{"weekday": "Mon"}"#, "schedule.nth"),
        (r#"{"nth": 6, "weekday": "Mon"}"#, "schedule.nth"),
        (r#"{"nth": 1, "weekday": "Mon", "every": "quarter"}"#, "schedule.every"),
        (r#"{"every": "quarter", "months": [1]}"#, "schedule.every"),
        (r#"{"months": [13]}"#, "schedule.months[0]"),
        (r#"{"months": [2, 2]}"#, "schedule.months[1]"),
    ] {
        let mut found = Vec::<Fault>::new();
        expected(text).check(&mut Faults::of(&mut found));
        assert_eq!(found.first().map(|it| it.path.as_str()), Some(path), "{text}: {found:?}");
    }
}

#[test]
fn nothing_is_expected_from_before_it_was_asked_for() {
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
    let monthly = expected(r#"{"every": "month"}"#);
    let found = monthly.occurrences(Shanghai, at("2026-03-10T00:00:00Z"), from, to);
    assert_eq!(found[0].period, "2026-04", "March had begun already");
    let since = NaiveDate::from_ymd_opt(2026, 2, 1);
    let told = ExpectedDrill { since, ..monthly };
    let found = told.occurrences(Shanghai, at("2026-03-10T00:00:00Z"), from, to);
    assert_eq!(found[0].period, "2026-02", "unless the catalog says since when");
}

#[test]
fn an_occurrence_stands_as_its_drills_do() {
    use StateName::{Aborted, Cancelled, Missed, Planned, Running, SignedOff};
    let occurrence = Occurrence {
        period: "2026-02".to_owned(),
        from: at("2026-02-01T00:00:00Z"),
        until: at("2026-03-01T00:00:00Z"),
    };
    let (before, during, after) =
        (at("2026-01-20T00:00:00Z"), at("2026-02-20T00:00:00Z"), at("2026-03-01T00:00:00Z"));
    for (count, drills, now, is, missing_rows) in [
        (1, &[][..], before, Standing::Upcoming, 0),
        (1, &[], during, Standing::Due, 0),
        (1, &[], after, Standing::Missed, 1),
        (1, &[Planned], during, Standing::Planned, 0),
        (1, &[Planned], after, Standing::Planned, 0),
        (1, &[Cancelled], after, Standing::Missed, 1),
        (1, &[Aborted], after, Standing::Missed, 1),
        (1, &[Missed], after, Standing::Missed, 0),
        (1, &[SignedOff], after, Standing::Held, 0),
        (2, &[SignedOff], during, Standing::Due, 0),
        (2, &[SignedOff], after, Standing::Missed, 1),
        (2, &[SignedOff, Running], after, Standing::Running, 0),
        (2, &[SignedOff, Missed], after, Standing::Missed, 0),
        (2, &[Missed, SignedOff, SignedOff], after, Standing::Held, 0),
    ] {
        let stands = standing(&occurrence, count, drills, now);
        assert_eq!(stands, is, "{count} of {drills:?} at {now}");
        assert_eq!(missing(&occurrence, count, drills, now), missing_rows, "{count} of {drills:?}");
    }
}

#[test]
fn the_newest_move_counts() {
    let occurrence = Occurrence {
        period: "2026-02".to_owned(),
        from: at("2026-02-01T00:00:00Z"),
        until: at("2026-03-01T00:00:00Z"),
    };
    let to = |period: &str, from: &str, made: &str| Move {
        period: period.to_owned(),
        from: at(from),
        until: at(from) + TimeDelta::days(7),
        reason: "the promotion runs longer".to_owned(),
        by: "user:pmo".to_owned(),
        at: at(made),
    };
    let moves = [
        to("2026-02", "2026-03-10T00:00:00Z", "2026-02-02T00:00:00Z"),
        to("2026-02", "2026-03-20T00:00:00Z", "2026-02-03T00:00:00Z"),
        to("2026-03", "2026-04-20T00:00:00Z", "2026-02-04T00:00:00Z"),
    ];
    let moved = occurrence.moved(&moves);
    assert_eq!(moved.from, at("2026-03-20T00:00:00Z"));
    assert!(moved.covers(at("2026-03-22T00:00:00Z")) && !moved.covers(at("2026-02-02T00:00:00Z")));
}
