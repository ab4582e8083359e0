use chrono::TimeDelta;
use domain::spot_checks::results::{CheckResult, ItemResult, Outcome};
use domain::spot_checks::{
    CheckName, Escalation, Fixed, Results, Retest, Seed, Source, State, SubjectKind,
};
use domain::verdict::Verdict;
use sqlx::PgPool;

use super::*;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

async fn service(tx: &mut PgConnection) -> ServiceId {
    let service = serde_json::from_value(json!({"name": "pg", "workloads": []})).unwrap();
    crate::services::save(tx, &service, at(0)).await.unwrap()
}

fn new(service: ServiceId, seed: &Seed) -> SpotCheck {
    SpotCheck {
        id: SpotCheckId::NEW,
        number: String::new(),
        kind: SubjectKind::Backup,
        item: "PITR 备份校验".into(),
        domain: Some("历史/配置".into()),
        backup: Some("pg-base".into()),
        service,
        service_name: "pg".into(),
        sample_size: 1,
        checks: SubjectKind::Backup.usual_checks(),
        closure_limit_s: Some(5400),
        planned_by: "user:pat".into(),
        created_at: at(0),
        commitment: seed.commitment(),
        population: None,
        draw: None,
        record: None,
        retest_of: None,
        retest: None,
        state: State::Planned,
    }
}

fn seed(byte: u8) -> Seed {
    Seed::new([byte; 32])
}

async fn populated(tx: &mut PgConnection, population: &Population) -> SpotCheck {
    let service = service(tx).await;
    let check = insert(tx, new(service, &seed(1)), b"sealed", at(0).date_naive()).await.unwrap();
    let fixed = Fixed {
        source: population.source.clone(),
        size: population.items().len() as u32,
        digest: population.digest(),
        by: "user:fay".into(),
        at: at(1),
    };
    let check = check.populate(fixed).unwrap();
    save_population(tx, &check, population).await.unwrap();
    check
}

fn points() -> Population {
    Population::window(at(0), at(600), 3600).unwrap()
}

fn results(check: &SpotCheck, differences: f64) -> Results {
    let sample = check.draw.clone().unwrap().sample;
    let item = |id| ItemResult { id, outcome: Outcome::Passed, note: String::new() };
    let value = |name, value| CheckResult { name, value: Some(value), skipped: None };
    Results {
        items: sample.into_iter().map(item).collect(),
        checks: vec![value(CheckName::Restored, 1.0), value(CheckName::Differences, differences)],
        note: "恢复 4 分钟".into(),
    }
}

async fn recorded(tx: &mut PgConnection, differences: f64) -> SpotCheck {
    let points = points();
    let check = populated(tx, &points).await;
    let check = check.draw(seed(1), &points, "user:dan".into(), at(2)).unwrap();
    let found = results(&check, differences);
    let check = check.record(found, "user:rob".into(), at(3)).unwrap();
    save(tx, &check).await.unwrap();
    check
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_spot_check_reads_back_as_it_was_written(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let points = points();
    let check = populated(&mut tx, &points).await;
    assert_eq!(check.number, "SC-19700101-01");
    assert_eq!(get(&mut *tx, check.id).await.unwrap(), check);
    assert_eq!(sealed_seed(&mut *tx, check.id).await.unwrap(), b"sealed");
    assert_eq!(population(&mut *tx, &check).await.unwrap(), Some(points.clone()));

    let check = check.draw(seed(1), &points, "user:dan".into(), at(2)).unwrap();
    save(&mut tx, &check).await.unwrap();
    assert_eq!(find(&mut *tx, &check.number).await.unwrap(), check);
    let check =
        check.clone().record(results(&check, 0.0), "machine:nightly".into(), at(3)).unwrap();
    let user =
        crate::users::NewUser { name: "pmo", password_hash: "", one_time: false, teams: &[] };
    crate::users::insert(&mut tx, &user, at(0)).await.unwrap();
    let check = check.accept("pmo", "可以".into(), 1, at(4)).unwrap();
    save(&mut tx, &check).await.unwrap();
    assert_eq!(lock(&mut tx, check.id).await.unwrap(), check);
    for (verdict, count) in [("pass", 1), ("fail", 0)] {
        let filter = Filter { verdict: Some(verdict.into()), limit: 10, ..Filter::default() };
        assert_eq!(list(&mut *tx, &filter).await.unwrap().len(), count, "{verdict}");
    }
    let seen = coverage::seen(&mut *tx, at(0), at(4)).await.unwrap();
    assert_eq!((seen.len(), seen[0].accepted, seen[0].verdict), (1, true, Verdict::Pass));
    assert!(coverage::seen(&mut *tx, at(4), at(9)).await.unwrap().is_empty());
}

/// As the server does it, with fewer rights than the owner.
async fn refused(db: &PgPool, sql: &str) -> String {
    let mut tx = db.begin().await.unwrap();
    let error =
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await.unwrap_err();
    error.as_database_error().unwrap_or_else(|| panic!("{sql}: {error}")).message().to_owned()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_written_stays_whoever_asks(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    recorded(&mut tx, 0.0).await;
    tx.commit().await.unwrap();
    let app = crate::pool((*pool.connect_options()).clone(), 2);
    for sql in [
        "UPDATE spot_checks SET population = ARRAY['chosen']",
        "UPDATE spot_checks SET population_digest = 'sha256:' || repeat('0', 64)",
        "UPDATE spot_checks SET sample = ARRAY[population[1]]",
        "UPDATE spot_checks SET seed = NULL, sample = NULL, drawn_by = NULL, drawn_at = NULL, results = NULL,
             verdict = NULL, recorded_by = NULL, recorded_at = NULL, state = 'populated'",
        "UPDATE spot_checks SET verdict = 'fail'",
        "UPDATE spot_checks SET commitment = 'sha256:' || repeat('0', 64)",
        "UPDATE spot_checks SET checks = '[{}]'",
    ] {
        assert_eq!(refused(&app, sql).await, "what a spot check has come to stays", "{sql}");
        assert_eq!(refused(&pool, sql).await, "what a spot check has come to stays", "{sql}");
    }
    let sql = "DELETE FROM spot_checks";
    assert!(refused(&app, sql).await.contains("permission denied"));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn rows_that_cannot_be_are_refused(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let check = populated(&mut tx, &points()).await;
    let user =
        crate::users::NewUser { name: "fay", password_hash: "", one_time: false, teams: &[] };
    crate::users::insert(&mut tx, &user, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let other = "seed = '\\x00', sample = population[1:1], drawn_by = 'x', drawn_at = populated_at, state = 'drawn'";
    let seed = format!("'\\x{}'", "01".repeat(32));
    let drawn = |sample: &str| {
        format!(
            "seed = {seed}, sample = {sample}, drawn_by = 'x', drawn_at = populated_at, state = 'drawn'"
        )
    };
    for (set, constraint) in [
        (other.to_owned(), "the_seed_is_the_one_committed_to"),
        (drawn("ARRAY['chosen']"), "the_sample_is_of_the_population"),
        (drawn("population[1:2]"), "the_sample_is_of_the_population"),
        ("state = 'drawn'".to_owned(), "state_has_its_columns"),
        ("state = 'cancelled'".to_owned(), "state_has_its_columns"),
        ("retest_since = '2026-01-01'".to_owned(), "what a spot check has come to stays"),
        (
            format!(
                "{}, results = '{{}}', verdict = 'pass', recorded_by = 'x', recorded_at = populated_at,
                 accepted_by = 'fay', accepted_at = populated_at, accept_note = '', state = 'accepted'",
                drawn("population[1:1]").replace(", state = 'drawn'", "")
            ),
            "nobody_accepts_their_own",
        ),
    ] {
        let message = refused(&pool, &format!("UPDATE spot_checks SET {set}")).await;
        assert!(message.contains(constraint), "{set}: {message}");
    }
    assert_eq!(get(&pool, check.id).await.unwrap(), check);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn fifty_at_once_get_fifty_numbers_without_a_gap(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let service = service(&mut tx).await;
    tx.commit().await.unwrap();
    let one = async |byte: u8| {
        let mut tx = pool.begin().await.unwrap();
        let new = new(service, &seed(byte));
        let check = insert(&mut tx, new, b"", at(0).date_naive()).await.unwrap();
        // Every fifth is given up, with its number.
        if byte % 5 == 4 {
            tx.rollback().await.unwrap()
        } else {
            tx.commit().await.unwrap()
        }
        (byte % 5 != 4).then_some(check.number)
    };
    let all = futures::future::join_all((0..50).map(one)).await;
    let mut numbers: Vec<_> = all.into_iter().flatten().collect();
    numbers.sort();
    let expected: Vec<_> = (1..=40).map(|it| format!("SC-19700101-{it:02}")).collect();
    assert_eq!(numbers, expected);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_retest_is_linked_both_ways_and_there_is_one(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let failed = recorded(&mut tx, 3.0).await;
    assert_eq!(failed.verdict(), Some(Verdict::Fail));
    let calendar = domain::business_days::shipped().1;
    let again = |byte, today: &str| {
        let today = today.parse().unwrap();
        failed.again(seed(byte).commitment(), "user:rob".into(), today, &calendar, at(3))
    };
    let today = at(0).date_naive();
    let retest = insert(&mut tx, again(2, "2026-12-30"), b"", today).await.unwrap();
    let failed = get(&mut *tx, failed.id).await.unwrap();
    assert_eq!(failed.retest.as_deref(), Some(retest.number.as_str()));
    assert_eq!(get(&mut *tx, retest.id).await.unwrap(), retest);
    assert!(matches!(&retest.retest_of, Some(Retest { due: Due::Unknown(_), .. })));
    set_due(&mut tx, retest.id, Due::On("2027-01-07".parse().unwrap())).await.unwrap();
    let owed = owed(&mut *tx).await.unwrap();
    assert_eq!(owed[0].retest_of.as_ref().unwrap().due.day(), "2027-01-07".parse().ok());
    assert_eq!(owed[0].retest_of.as_ref().unwrap().escalation, Escalation::None);
    for _ in 0..2 {
        wish_incident(&mut tx, &failed, "3 differences", at(3)).await.unwrap();
    }
    assert_eq!(incident_of(&mut *tx, &failed).await.unwrap(), Some(None));
    assert_eq!(incident_of(&mut *tx, &retest).await.unwrap(), None);

    let second = insert(&mut tx, again(3, "2026-11-20"), b"", today).await;
    assert!(matches!(second, Err(Error::Database(_))), "the first one counts");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_drawn_check_is_not_drawn_again(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let points = points();
    let check = populated(&mut tx, &points).await;
    tx.commit().await.unwrap();
    let draw = async |who: &str| {
        let mut tx = pool.begin().await.unwrap();
        let check = lock(&mut tx, check.id).await.unwrap();
        let drawn = check.draw(seed(1), &points, who.to_owned(), at(2))?;
        save(&mut tx, &drawn).await.unwrap();
        tx.commit().await.unwrap();
        Ok::<_, domain::spot_checks::Refusal>(drawn)
    };
    let (one, other) = tokio::join!(draw("user:dan"), draw("user:dora"));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let kept = get(&pool, check.id).await.unwrap();
    assert_eq!(kept.draw, one.or(other).unwrap().draw);
    assert_eq!(
        kept.population.unwrap().source,
        Source::Window { from: at(0), to: at(600), step_s: 3600 }
    );
}
