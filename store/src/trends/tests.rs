use chrono::FixedOffset;
use chrono::TimeDelta;
use domain::trends::{Drills, Share, Spread};
use sqlx::PgPool;

use super::*;

fn zone() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).unwrap()
}

fn quarter(text: &str) -> Period {
    text.parse().unwrap()
}

async fn of(pool: &PgPool, filter: &Filter) -> Vec<Figures> {
    let mut db = pool.acquire().await.unwrap();
    super::of(&mut db, &quarter("2026-Q3").last(2), &zone(), filter).await.unwrap()
}

/// Rows as they stand after years, not made one by one.
pub(crate) async fn write(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap();
}

/// A service of each of two teams.
pub(crate) async fn services(pool: &PgPool) {
    write(
        pool,
        "INSERT INTO users (name, password_hash, teams, created_at) VALUES ('lead', '', '{}', now()), ('pmo', '', '{}', now());
         INSERT INTO services (name, team, environment, policy, match_labels, checks, created_at, changed_at)
         VALUES ('pay', 'money', '', 'default', '{}', '[]', now(), now()),
                ('shop', 'front', '', 'default', '{}', '[]', now(), now())",
    )
    .await;
}

/// A drill that was signed off, from T0 so many minutes long.
pub(crate) async fn drill(pool: &PgPool, number: &str, service: &str, t0: &str, minutes: i64) {
    write(
        pool,
        &format!(
            "INSERT INTO drills (number, scenario, kind, service_id, steps, lead, participants, planned_by, planned_at,
                 closure_limit_s, targets, requirements, injected_at, t0, recovered_at, t1, run_id, state, signed_by,
                 signed_at, sign_note, outcome, created_at)
             SELECT '{number}', 'failover', 'simulation', id, '[{{}}]', 'lead', '{{}}', 'user:lead', '2026-01-01', 7200,
                 '[]', '[]', '{t0}', '{t0}', '{t0}', '{t0}'::timestamptz + interval '{minutes} minutes', NULL,
                 'signed_off', 'pmo', '2026-12-01', '', 'passed', '2026-01-01'
             FROM services WHERE name = '{service}'"
        ),
    )
    .await;
}

/// A rollback that was carried out within a minute: found out after 8 s, approved after 20 s, healthy after 23 s.
pub(crate) async fn rollback(
    pool: &PgPool,
    number: &str,
    service: &str,
    onset: &str,
    closure: &str,
    automatic: bool,
) {
    write(
        pool,
        &format!(
            "INSERT INTO rollbacks (number, service_id, trigger, state, state_reason, closure, onset_at, detected_at,
                 decided_at, approved_at, executed_at, healthy_at, verification, observation_s, created_at, ended_at,
                 cause, automatic, id)
             SELECT '{number}', id, '{{}}', 'closed', '', '{closure}', t, t + interval '7 s', t + interval '8 s',
                 t + interval '20 s', t + interval '22 s',
                 CASE '{closure}' WHEN 'verified' THEN t + interval '23 s' END, '{{}}', 900, t, t, 'code_defect',
                 {automatic}, gen_random_uuid()
             FROM services, (SELECT '{onset}'::timestamptz AS t) o WHERE name = '{service}'"
        ),
    )
    .await;
}

/// A spot check of one item, recorded at this moment with this verdict.
pub(crate) async fn spot_check(
    pool: &PgPool,
    number: &str,
    service: &str,
    at: &str,
    verdict: &str,
) {
    write(
        pool,
        &format!(
            "INSERT INTO spot_checks (number, kind, item, service_id, sample_size, checks, planned_by, created_at,
                 commitment, sealed_seed, population, population_source, population_digest, populated_by, populated_at,
                 seed, sample, drawn_by, drawn_at, results, verdict, recorded_by, recorded_at, state)
             SELECT '{number}', 'backup', 'PITR', id, 1, '[{{}}]', 'user:lead', '2026-01-01',
                 'sha256:' || encode(sha256('{number}'), 'hex'), '', '{{a}}', '{{}}', 'sha256:' || repeat('0', 64),
                 'user:lead', '2026-01-01', '{number}', '{{a}}', 'user:lead', '2026-01-01', '{{}}', '{verdict}',
                 'user:lead', '{at}', 'recorded'
             FROM services WHERE name = '{service}'"
        ),
    )
    .await;
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn spot_checks_count_when_what_was_found_is_written_down(pool: PgPool) {
    services(&pool).await;
    for (number, service, at, verdict) in [
        ("SC-1", "pay", "2026-06-30T15:59:59Z", "fail"),
        ("SC-2", "pay", "2026-06-30T16:00:00Z", "pass"),
        ("SC-3", "shop", "2026-08-01T00:00:00Z", "unknown"),
        ("SC-4", "pay", "2026-09-30T16:00:00Z", "pass"),
    ] {
        spot_check(&pool, number, service, at, verdict).await;
    }
    let [second, third] = of(&pool, &Filter::default()).await.try_into().unwrap();
    assert_eq!(second.spot_checks, Share { met: 0, missed: 1, unknown: 0 });
    assert_eq!(third.spot_checks, Share { met: 1, missed: 0, unknown: 1 });
    let team = Filter { team: Some("front".into()), ..Filter::default() };
    assert_eq!(of(&pool, &team).await[1].spot_checks, Share { met: 0, missed: 0, unknown: 1 });
    let real = Filter { source: Source::Real, ..Filter::default() };
    assert_eq!(of(&pool, &real).await[1].spot_checks, Share::default());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn rows_count_in_the_quarter_of_the_installation_s_calendar(pool: PgPool) {
    services(&pool).await;
    // The last second of June and the first of July in Shanghai, and the first of October.
    drill(&pool, "DR-1", "pay", "2026-06-30T15:59:59Z", 130).await;
    drill(&pool, "DR-2", "pay", "2026-06-30T16:00:00Z", 100).await;
    drill(&pool, "DR-3", "shop", "2026-09-30T15:59:59Z", 90).await;
    drill(&pool, "DR-4", "pay", "2026-09-30T16:00:00Z", 90).await;
    let [second, third] = of(&pool, &Filter::default()).await.try_into().unwrap();
    let us = |minutes: i64| TimeDelta::minutes(minutes).num_microseconds();
    let spread = |count, median, worst, over| Spread {
        count,
        median_us: us(median),
        worst_us: us(worst),
        over,
    };
    assert_eq!(second.closure, spread(1, 130, 130, 1));
    assert_eq!(third.closure, spread(2, 95, 100, 0));
    assert_eq!(third.drills, Drills { expected: 2, signed: 2, passed: 2, ..Drills::default() });

    let team = Filter { team: Some("front".into()), ..Filter::default() };
    assert_eq!(of(&pool, &team).await[1].drills.expected, 1);
    let service = Filter { service: Some("pay".into()), ..Filter::default() };
    assert_eq!(of(&pool, &service).await[1].closure.worst_us, us(100));
    let real = Filter { source: Source::Real, ..Filter::default() };
    assert!(of(&pool, &real).await.iter().all(Figures::is_empty));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_not_held_counts_on_the_day_it_was_planned_for(pool: PgPool) {
    services(&pool).await;
    write(
        &pool,
        "INSERT INTO drills (number, scenario, kind, service_id, steps, lead, participants, planned_by, planned_at,
             closure_limit_s, targets, requirements, state, state_reason, created_at)
         SELECT number, 'failover', 'tabletop', id, '[{}]', 'lead', '{}', 'user:lead', '2026-08-01', 7200, '[]', '[]',
             state, CASE state WHEN 'cancelled' THEN '' END, '2025-01-01'
         FROM services, (VALUES ('DR-1', 'missed'), ('DR-2', 'cancelled'), ('DR-3', 'planned')) d (number, state)
         WHERE name = 'pay'",
    )
    .await;
    let third = of(&pool, &Filter::default()).await.remove(1);
    assert_eq!(third.drills, Drills { expected: 2, missed: 1, ..Drills::default() });
    assert_eq!(third.closure, Spread::default());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn times_of_rollbacks_are_means_over_those_that_have_them(pool: PgPool) {
    services(&pool).await;
    rollback(&pool, "RB-1", "pay", "2026-07-02T00:00:00Z", "verified", true).await;
    rollback(&pool, "RB-2", "pay", "2026-07-03T00:00:00Z", "not_verified", true).await;
    rollback(&pool, "RB-3", "shop", "2026-07-04T00:00:00Z", "verified", false).await;
    let third = of(&pool, &Filter::default()).await.remove(1);
    let mean = |count, each: i64| Mean {
        count,
        sum_us: each * count as i64 * 1_000_000,
        worst_us: Some(each * 1_000_000),
    };
    assert_eq!((third.mttd, third.mtta, third.mttr), (mean(3, 8), mean(3, 13), mean(2, 23)));
    assert_eq!((third.rollbacks.executed, third.rollbacks.automatic), (3, 2));
    assert_eq!(third.rollbacks.automatic_success, Share { met: 1, missed: 1, unknown: 0 });
    assert_eq!(third.causes[&Cause::CodeDefect], 3);
    let drills = Filter { source: Source::Drills, ..Filter::default() };
    assert!(of(&pool, &drills).await[1].is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_value_counts_by_the_verdict_of_its_day_and_none_without_a_target(pool: PgPool) {
    services(&pool).await;
    write(
        &pool,
        "INSERT INTO measurements (subject, service_id, name, value, unit, verdict, source, window_from, window_to,
             measured_at)
         SELECT subject, (SELECT id FROM services WHERE name = 'pay'), name, value, 's', verdict, 'clock', '2026-08-01',
             '2026-08-01', '2026-08-01'
         FROM (VALUES ('drills/DR-1', 'rto', 10, 'pass'), ('objectives/pay', 'rto', 99, 'fail'),
                      ('objectives/pay', 'rpo', NULL::float8, 'unknown'), ('objectives/shop', 'rpo', 3, NULL),
                      ('drills/DR-1', 'mttd', 3, 'pass')) m (subject, name, value, verdict)",
    )
    .await;
    let all = of(&pool, &Filter::default()).await.remove(1);
    assert_eq!(all.rto, Share { met: 1, missed: 1, unknown: 0 });
    assert_eq!(all.rpo, Share { met: 0, missed: 0, unknown: 1 });
    let real = Filter { source: Source::Real, service: Some("pay".into()), ..Filter::default() };
    assert_eq!(of(&pool, &real).await[1].rto, Share { met: 0, missed: 1, unknown: 0 });
    let other = Filter { team: Some("front".into()), ..Filter::default() };
    assert_eq!(of(&pool, &other).await[1].rto, Share::default());

    let mut db = pool.acquire().await.unwrap();
    let facts = async |db: &mut PgConnection| {
        let period = quarter("2026-Q3");
        crate::quarters::facts(db, period.starts(&zone()), period.ends(&zone())).await.unwrap()
    };
    let closed = facts(&mut db).await;
    let subjects: Vec<_> = closed.iter().map(|it| it.subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "measurements/2026-08-01/rpo/objectives/pay",
            "measurements/2026-08-01/rto/objectives/pay"
        ]
    );
    write(&pool, "UPDATE measurements SET value = 98 WHERE value = 99").await;
    let addenda = domain::quarters::addenda(&closed, &facts(&mut db).await);
    assert_eq!(addenda.len(), 1, "a value that was changed afterwards is found: {addenda:?}");
}
