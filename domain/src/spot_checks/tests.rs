use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::coverage::{Coverage, Quarter, Seen, Subject, coverage};
use super::draw::{NotASeed, sample};
use super::export::Export;
use super::results::{CheckResult, Counts, ItemResult, Line, Outcome, check_plan};
use super::*;
use crate::bundle::SealedEntry;
use crate::business_days::{self, Calendar, MissingYear};
use crate::drills::DrillType;
use crate::fields::Faults;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn seed(byte: u8) -> Seed {
    Seed::new([byte; 32])
}

fn items(count: usize) -> Population {
    let items = (0..count).map(|it| format!("task-{it:04}")).collect();
    Population::new(Source::List, items).unwrap()
}

fn planned(kind: SubjectKind) -> SpotCheck {
    SpotCheck {
        id: SpotCheckId(uuid::Uuid::from_u128(1)),
        number: "SC-20261120-01".into(),
        kind,
        item: "导出任务重放".into(),
        domain: None,
        backup: None,
        service: ServiceId::NEW,
        service_name: "exports".into(),
        sample_size: 3,
        checks: kind.usual_checks(),
        closure_limit_s: kind.usual_limit_s(),
        planned_by: "user:planner".into(),
        created_at: at(0),
        commitment: seed(7).commitment(),
        population: None,
        draw: None,
        record: None,
        retest_of: None,
        retest: None,
        state: State::Planned,
    }
}

fn drawn(kind: SubjectKind, population: &Population) -> SpotCheck {
    let fixed = Fixed {
        source: population.source.clone(),
        size: population.items().len() as u32,
        digest: population.digest(),
        by: "user:fixer".into(),
        at: at(1),
    };
    let check = planned(kind).populate(fixed).unwrap();
    check.draw(seed(7), population, "user:drawer".into(), at(2)).unwrap()
}

/// Everything passed, and every value is as good as its limit.
fn good(check: &SpotCheck) -> Results {
    let sample = check.draw.as_ref().unwrap().sample.clone();
    let item = |id| ItemResult { id, outcome: Outcome::Passed, note: String::new() };
    let value = |it: &Check| CheckResult { name: it.name, value: Some(it.limit), skipped: None };
    Results {
        items: sample.into_iter().map(item).collect(),
        checks: check.checks.iter().map(value).collect(),
        note: String::new(),
    }
}

fn recorded(check: SpotCheck, results: Results) -> SpotCheck {
    let sample = &check.draw.as_ref().unwrap().sample;
    results.check(check.kind, &check.checks, sample).unwrap();
    check.record(results, "user:recorder".into(), at(30)).unwrap()
}

/// Computed by another program (Python's hashlib) from the description of the algorithm alone.
#[test]
fn the_draw_is_the_one_that_is_described() {
    let population =
        Population::new(Source::List, ["c", "a", "b", "e", "d"].map(str::to_owned).to_vec());
    let population = population.unwrap();
    assert_eq!(population.items(), ["a", "b", "c", "d", "e"]);
    assert_eq!(
        population.digest().as_str(),
        "sha256:af3a47788c1cbf3a62256dcf244bdd4dfa061ff336d50937204657dd790626f1"
    );
    assert_eq!(
        seed(7).commitment().as_str(),
        "sha256:4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0"
    );
    assert_eq!(sample(&seed(9), &population, 5), ["c", "a", "e", "d", "b"]);
    assert_eq!(
        sample(&seed(8), &items(1000), 4),
        ["task-0504", "task-0322", "task-0420", "task-0175"]
    );
}

#[test]
fn every_item_is_as_likely_as_any_other() {
    let population = items(7);
    let mut counts = BTreeMap::<String, u32>::new();
    let draws = 7000;
    for n in 0..draws {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&u32::to_be_bytes(n));
        for it in sample(&Seed::new(bytes), &population, 2) {
            *counts.entry(it).or_default() += 1;
        }
    }
    // 2000 are expected of each; six standard deviations are 227.
    assert_eq!(counts.len(), 7);
    assert!(counts.values().all(|it| it.abs_diff(2000) < 227), "{counts:?}");
}

proptest! {
    #[test]
    fn a_sample_is_a_part_of_its_population_without_repetition(
        bytes in any::<[u8; 32]>(), count in 1..60usize, size in 1..80usize
    ) {
        let population = items(count);
        let drawn = sample(&Seed::new(bytes), &population, size);
        prop_assert_eq!(drawn.len(), size.min(count));
        prop_assert!(drawn.iter().all(|it| population.items().contains(it)));
        let distinct: std::collections::BTreeSet<_> = drawn.iter().collect();
        prop_assert_eq!(distinct.len(), drawn.len());
        prop_assert_eq!(&sample(&Seed::new(bytes), &population, size), &drawn, "again the same");
        let fewer = sample(&Seed::new(bytes), &population, size - 1);
        prop_assert!(drawn.starts_with(&fewer), "a larger sample begins with the smaller one");
    }

    #[test]
    fn the_order_in_which_a_population_was_written_down_does_not_matter(
        bytes in any::<[u8; 32]>(), order in Just((0..30).collect::<Vec<u32>>()).prop_shuffle()
    ) {
        let of = |order: Vec<u32>| {
            let names = order.into_iter().map(|it| format!("t{it}")).collect();
            Population::new(Source::List, names).unwrap()
        };
        let (one, other) = (of(order), of((0..30).collect()));
        prop_assert_eq!(one.digest(), other.digest());
        prop_assert_eq!(
            sample(&Seed::new(bytes), &one, 5),
            sample(&Seed::new(bytes), &other, 5)
        );
    }
}

#[test]
fn a_population_is_what_can_be_told_apart() {
    let list = |items: &[&str]| {
        Population::new(Source::List, items.iter().map(|it| (*it).to_owned()).collect())
    };
    assert!(list(&["a", "b"]).is_ok());
    for bad in [&[][..], &["a", "a"], &[" a"], &[""], &["a\nb"], &["x".repeat(301).as_str()]] {
        assert_eq!(list(bad).unwrap_err().0[0].0, "items", "{bad:?}");
    }
    let window = |to, step| Population::window(at(0), at(to), step);
    assert_eq!(
        window(2, 60).unwrap().items(),
        ["1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z", "1970-01-01T00:02:00Z"]
    );
    assert_eq!(window(0, 60).unwrap().items().len(), 1);
    assert_eq!(window(-1, 60).unwrap_err().0[0].0, "to");
    assert_eq!(window(1, 0).unwrap_err().0[0].0, "step_s");
    assert_eq!(window(100_000, 1).unwrap_err().0[0].0, "step_s");
}

#[test]
fn a_seed_has_one_text() {
    let text = String::from(seed(0xab));
    assert_eq!(Seed::try_from(text.clone()), Ok(seed(0xab)));
    for bad in [text.to_uppercase(), text[1..].to_owned(), "x".repeat(64)] {
        assert_eq!(Seed::try_from(bad), Err(NotASeed));
    }
    assert_eq!(format!("{:?}", seed(1)), "Seed(…)");
}

#[test]
fn a_life_goes_one_way() {
    let population = items(20);
    let check = drawn(SubjectKind::Replay, &population);
    assert_eq!(check.draw.as_ref().unwrap().sample, sample(&seed(7), &population, 3));
    let fixed = check.population.clone().unwrap();
    assert_eq!(check.clone().populate(fixed), Err(Refusal::PopulationFixed));
    let again = check.clone().draw(seed(8), &population, "user:x".into(), at(3));
    assert_eq!(again, Err(Refusal::DrawnAlready));
    let early = planned(SubjectKind::Replay).draw(seed(7), &population, "user:x".into(), at(3));
    assert_eq!(early, Err(Refusal::NoPopulation));
    let early = planned(SubjectKind::Replay).record(Results::default(), "user:x".into(), at(3));
    assert_eq!(early, Err(Refusal::NoPopulation));

    let given_up = check.clone().cancel("wrong list".into()).unwrap();
    assert!(given_up.draw.is_some(), "what was drawn stays");
    assert_eq!(given_up.clone().cancel("x".into()), Err(Refusal::Over));
    assert_eq!(given_up.record(good(&check), "user:x".into(), at(3)), Err(Refusal::Over));

    let results = good(&check);
    let done = recorded(check, results.clone());
    assert_eq!(done.verdict(), Some(Verdict::Pass));
    assert_eq!(done.clone().cancel("x".into()), Err(Refusal::RecordedAlready));
    assert_eq!(
        done.clone().record(results, "user:x".into(), at(40)),
        Err(Refusal::RecordedAlready)
    );
    for own in ["fixer", "drawer", "recorder"] {
        assert_eq!(done.clone().accept(own, String::new(), 1, at(50)), Err(Refusal::OwnRecord));
    }
    assert_eq!(done.clone().accept("pmo", String::new(), 0, at(50)), Err(Refusal::NoEvidence));
    let accepted = done.accept("pmo", String::new(), 1, at(50)).unwrap();
    assert_eq!(accepted.against_acceptance("pmo", 1), Some(Refusal::Over));
}

/// Glancy §4.3, the three rows as they stand there.
#[test]
fn the_rows_of_the_document_pass() {
    let points = Population::window(at(0), at(600), 60).unwrap();
    let restored = drawn(SubjectKind::Backup, &points);
    let results = good(&restored);
    assert_eq!(results.value(CheckName::Differences).unwrap().value, Some(0.0));
    assert_eq!(recorded(restored, results).verdict(), Some(Verdict::Pass));

    let mut check = planned(SubjectKind::Replay);
    check.sample_size = 20;
    let tasks = items(200);
    let fixed = drawn(SubjectKind::Replay, &tasks).population.unwrap();
    let check = check.populate(fixed).unwrap();
    let check = check.draw(seed(7), &tasks, "user:d".into(), at(2)).unwrap();
    let mut results = good(&check);
    results.items[4].outcome = Outcome::Compensated;
    results.items[4].note = "link sent by hand".into();
    let counts = Counts { passed: 19, compensated: 1, failed: 0, skipped: 0 };
    assert_eq!(results.counts(), counts);
    let late = check.clone().record(results.clone(), "user:r".into(), at(2 + 91)).unwrap();
    assert_eq!(late.verdict(), Some(Verdict::Fail), "91 minutes are more than 90");
    let line = late.findings().into_iter().find(|it| it.what == Line::InTime).unwrap();
    assert_eq!(line.verdict, Verdict::Fail);
    let in_time = check.record(results, "user:r".into(), at(2 + 90)).unwrap();
    assert_eq!(in_time.verdict(), Some(Verdict::Pass));

    let cache = drawn(SubjectKind::CacheFile, &items(3));
    for (rate, verdict) in [(0.85, Verdict::Pass), (0.79, Verdict::Fail)] {
        let mut results = good(&cache);
        results.checks[1].value = Some(rate);
        assert_eq!(recorded(cache.clone(), results).verdict(), Some(verdict), "{rate}");
    }
}

#[test]
fn what_was_skipped_has_not_passed() {
    let check = drawn(SubjectKind::Backup, &items(20));
    let mut skipped = good(&check);
    skipped.items[0].outcome = Outcome::Skipped;
    skipped.items[0].note = "no disk".into();
    let done = recorded(check.clone(), skipped);
    assert_eq!(done.verdict(), Some(Verdict::Unknown));
    assert!(done.needs_retest() && !done.wishes_incident());

    let mut unproven = good(&check);
    let differences = &mut unproven.checks[1];
    (differences.value, differences.skipped) = (None, Some("no time".into()));
    let done = recorded(check.clone(), unproven);
    assert_eq!(done.verdict(), Some(Verdict::Unknown));
    let proof = done.findings().pop().unwrap();
    assert_eq!((proof.what, proof.verdict), (Line::Proof, Verdict::Unknown));

    let mut failed = good(&check);
    failed.checks[1].value = Some(3.0);
    let done = recorded(check, failed);
    assert_eq!(done.verdict(), Some(Verdict::Fail));
    assert!(done.needs_retest() && done.wishes_incident());
}

#[test]
fn a_plan_without_a_proof_is_refused() {
    for kind in SubjectKind::ALL {
        assert_eq!(check_plan(*kind, &kind.usual_checks()), Ok(()), "{kind:?}");
    }
    let check = |name, limit| Check { name, limit };
    let proof = check(CheckName::Differences, 0.0);
    for bad in [
        vec![],
        vec![check(CheckName::Restored, 1.0)],
        vec![proof, proof],
        vec![check(CheckName::Differences, -1.0)],
        vec![check(CheckName::HitRate, 1.5)],
        vec![check(CheckName::Differences, f64::NAN)],
        vec![proof, check(CheckName::Closure, 7200.0)],
    ] {
        let faults = check_plan(SubjectKind::Backup, &bad).unwrap_err();
        assert_eq!(faults.0[0].0, "checks", "{bad:?}");
    }
}

#[test]
fn results_answer_for_what_was_drawn_and_for_nothing_else() {
    let check = drawn(SubjectKind::Backup, &items(20));
    let sample = check.draw.clone().unwrap().sample;
    let field = |change: &dyn Fn(&mut Results)| {
        let mut results = good(&check);
        change(&mut results);
        let Faults(faults) = results.check(check.kind, &check.checks, &sample).unwrap_err();
        faults.into_iter().map(|it| it.0).collect::<Vec<_>>()
    };
    assert_eq!(field(&|it| it.items[1].id = "task-9999".into()), ["items[1].id", "items"]);
    assert_eq!(field(&|it| it.items[1].id = it.items[0].id.clone()), ["items[1].id", "items"]);
    assert_eq!(field(&|it| drop(it.items.pop())), ["items"]);
    assert_eq!(field(&|it| it.items[2].outcome = Outcome::Failed), ["items[2].note"]);
    let compensated = |it: &mut Results| {
        it.items[0].outcome = Outcome::Compensated;
        it.items[0].note = "by hand".into();
    };
    assert_eq!(field(&compensated), ["items[0].outcome"], "a copy is not put right by hand");
    assert_eq!(field(&|it| drop(it.checks.pop())), ["checks"]);
    assert_eq!(field(&|it| it.checks[0].value = None), ["checks[0].value"]);
    assert_eq!(field(&|it| it.checks[0].value = Some(0.5)), ["checks[0].value"]);
    assert_eq!(field(&|it| it.checks[0].skipped = Some("x".into())), ["checks[0].skipped"]);
    assert_eq!(field(&|it| it.checks[1].name = CheckName::HitRate), ["checks[1].name", "checks"]);
}

fn exported(check: &SpotCheck, population: &Population) -> Export {
    Export::new(check, population.items().to_vec(), Value::Null)
}

#[test]
fn whoever_has_the_export_draws_the_same_sample() {
    let population = items(50);
    let check = drawn(SubjectKind::Replay, &population);
    let text = serde_json::to_string(&exported(&check, &population)).unwrap();
    let export: Export = serde_json::from_str(&text).unwrap();
    let replayed = export.replay();
    assert!(replayed.ok, "{replayed:?}");
    assert_eq!(replayed.sample, check.draw.as_ref().unwrap().sample);

    let why = |change: &dyn Fn(&mut Export)| {
        let mut changed = export.clone();
        change(&mut changed);
        let replayed = changed.replay();
        assert!(!replayed.ok);
        replayed.why.unwrap()
    };
    let draw = |it: &mut Export, change: &dyn Fn(&mut Draw)| change(it.draw.as_mut().unwrap());
    assert!(why(&|it| draw(it, &|it| it.seed = seed(8))).contains("committed to"));
    let reseeded = |it: &mut Export| {
        it.commitment = seed(8).commitment();
        draw(it, &|it| it.seed = seed(8));
    };
    assert_eq!(why(&reseeded), "the seed draws another sample");
    assert_eq!(why(&|it| draw(it, &|it| it.sample.reverse())), "the seed draws another sample");
    assert!(why(&|it| it.sample_size = 4).contains("another sample"));
    assert!(why(&|it| drop(it.items.pop())).contains("not the one that was fixed"));
    assert!(why(&|it| it.items.reverse()).contains("order"));
    assert!(why(&|it| draw(it, &|it| it.at = at(0))).contains("order"));
    assert!(why(&|it| it.draw = None).contains("not drawn yet"));
    assert!(why(&|it| it.algorithm = "dice".into()).contains("dice"));
    assert!(why(&|it| it.kind = "lifeboat bundle".into()).contains("something else"));
}

#[test]
fn the_log_must_say_the_same_in_the_same_order() {
    let population = items(50);
    let check = drawn(SubjectKind::Replay, &population);
    let export = exported(&check, &population);
    let entry = |seq, details| SealedEntry {
        seq,
        at: at(0),
        actor: "user:x".into(),
        action: "record_spot_check".into(),
        subject: format!("spot-checks/{}", check.number),
        details,
        previous: None,
        hash: None,
    };
    let committed = |seq| entry(seq, json!({"commitment": check.commitment}));
    let fixed = |seq| entry(seq, json!({"population_digest": population.digest()}));
    let drawn = |seq| entry(seq, json!({"seed": seed(7)}));
    assert_eq!(export.fits_log(&[committed(1), fixed(2), drawn(3)]), Ok(()));
    for log in [
        vec![committed(2), fixed(1), drawn(3)],
        vec![committed(1), fixed(3), drawn(2)],
        vec![fixed(2), drawn(3)],
        vec![committed(1), drawn(3)],
        vec![committed(1), fixed(2)],
    ] {
        assert!(export.fits_log(&log).is_err(), "{log:?}");
    }
}

#[test]
fn what_failed_is_done_again_within_five_business_days() {
    let (_, calendar) = business_days::shipped();
    let population = items(20);
    let check = drawn(SubjectKind::Backup, &population);
    let mut failed = good(&check);
    failed.checks[1].value = Some(3.0);
    let failed = recorded(check, failed);
    let again = |check: &SpotCheck, today: &str| {
        check.again(seed(9).commitment(), "user:r".into(), day(today), &calendar, at(31))
    };
    let retest = again(&failed, "2026-09-30");
    let link = retest.retest_of.clone().unwrap();
    assert_eq!((link.of, link.of_number.as_str()), (failed.id, "SC-20261120-01"));
    assert_eq!(link.due, Due::On(day("2026-10-13")), "over National Day");
    assert_eq!((&retest.state, &retest.population, &retest.draw), (&State::Planned, &None, &None));
    assert_eq!(
        again(&failed, "2026-12-28").retest_of.unwrap().due,
        Due::Unknown(MissingYear(2027))
    );

    for (today, asked) in [
        ("2026-10-10", None),
        ("2026-10-11", None),
        ("2026-10-12", Some(Escalation::Soon)),
        ("2026-10-13", Some(Escalation::Soon)),
        ("2026-10-14", Some(Escalation::Overdue)),
    ] {
        assert_eq!(retest.escalate(day(today), &calendar), asked, "{today}");
    }
    let mut told = retest.clone();
    told.retest_of.as_mut().unwrap().escalation = Escalation::Soon;
    assert_eq!(told.escalate(day("2026-10-13"), &calendar), None, "once is enough");
    assert_eq!(told.escalate(day("2026-10-14"), &Calendar::default()), Some(Escalation::Overdue));

    // Cancelling a re-test wins no time, and a re-test that fails is followed by another.
    let cancelled = told.clone().cancel("wrong list".into()).unwrap();
    assert_eq!(cancelled.escalate(day("2026-10-14"), &calendar), None);
    assert_eq!(again(&cancelled, "2026-10-12").retest_of, told.retest_of);
    let mut second = SpotCheck { retest_of: retest.retest_of, ..failed };
    second.number = "SC-20261012-01".into();
    let third = again(&second, "2026-10-12").retest_of.unwrap();
    assert_eq!(
        (third.of_number.as_str(), third.due),
        ("SC-20261012-01", Due::On(day("2026-10-19")))
    );
}

#[test]
fn coverage_counts_what_came_to_a_verdict() {
    let seen = |number: &str, kind, verdict, accepted, drill_types: &[DrillType]| Seen {
        number: number.into(),
        kind,
        verdict,
        accepted,
        drill_types: drill_types.to_vec(),
    };
    let (pass, fail) = (Verdict::Pass, Verdict::Fail);
    let all = [
        seen("SC-1", SubjectKind::Backup, fail, true, &[]),
        seen("SC-2", SubjectKind::Replay, pass, false, &[]),
        seen("SC-3", SubjectKind::CacheFile, Verdict::Unknown, true, &[]),
        seen("SC-4", SubjectKind::Drill, pass, true, &[DrillType::Simulation]),
    ];
    let lines = coverage(&all, &[DrillType::Simulation, DrillType::Tabletop]);
    let of = |subject| lines.iter().find(|it| it.subject == subject).unwrap();
    for (subject, expected) in [
        (Subject::Kind(SubjectKind::Backup), Coverage::Covered),
        (Subject::Kind(SubjectKind::Replay), Coverage::Pending),
        (Subject::Kind(SubjectKind::CacheFile), Coverage::Missing),
        (Subject::Kind(SubjectKind::Drill), Coverage::Covered),
        (Subject::DrillType(DrillType::Simulation), Coverage::Covered),
        (Subject::DrillType(DrillType::Tabletop), Coverage::Missing),
        (Subject::DrillType(DrillType::Parallel), Coverage::Nothing),
    ] {
        assert_eq!(of(subject).coverage, expected, "{subject:?}");
    }
    assert_eq!(of(Subject::Kind(SubjectKind::Drill)).checks, ["SC-4"]);
    let quiet = coverage(&[], &[]);
    let of = |kind| quiet.iter().find(|it| it.subject == Subject::Kind(kind)).unwrap().coverage;
    assert_eq!(of(SubjectKind::Drill), Coverage::Nothing, "there was none to look at");
    assert_eq!(of(SubjectKind::Backup), Coverage::Missing);
}

#[test]
fn quarters_follow_one_another() {
    let quarter = Quarter::of(day("2026-11-20"));
    assert_eq!(quarter.to_string(), "2026-Q4");
    assert_eq!(quarter.days(), (day("2026-10-01"), day("2027-01-01")));
    assert_eq!(quarter.next().previous(), quarter);
    assert_eq!(Quarter::parse("2026-Q4"), Some(quarter));
    for bad in ["2026-Q5", "2026-Q0", "2026", "x-Q1", "2026-Q", "99999-Q1"] {
        assert_eq!(Quarter::parse(bad), None, "{bad}");
    }
}
