use chrono::FixedOffset;
use domain::quarters::{Closing, close};
use sqlx::PgPool;

use super::*;
use crate::trends::tests::{drill, rollback, services, spot_check, write};

fn zone() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).unwrap()
}

fn third() -> Period {
    "2026-Q3".parse().unwrap()
}

async fn counted(tx: &mut PgConnection) -> (Quarter, Counted) {
    let counted = count(tx, third(), &zone()).await.unwrap();
    let closing = Closing {
        zone: &zone(),
        zone_name: "Asia/Shanghai",
        by: "pmo",
        now: "2026-10-08T01:00:00Z".parse().unwrap(),
        lang: Lang::Zh,
        audit: Some(AuditHead { entry: 7, hash: "ab".repeat(32) }),
    };
    (close(third(), &counted, closing).unwrap(), counted)
}

async fn closed(pool: &PgPool) -> (Quarter, Counted) {
    services(pool).await;
    drill(pool, "DR-1", "pay", "2026-07-02T00:00:00Z", 90).await;
    drill(pool, "DR-2", "pay", "2026-10-02T00:00:00Z", 90).await;
    rollback(pool, "RB-1", "pay", "2026-08-02T00:00:00Z", "verified", true).await;
    spot_check(pool, "SC-1", "pay", "2026-08-03T00:00:00Z", "fail").await;
    let mut tx = pool.begin().await.unwrap();
    steady(&mut tx).await.unwrap();
    let (quarter, facts) = counted(&mut tx).await;
    insert(&mut tx, &quarter, &facts.facts).await.unwrap();
    tx.commit().await.unwrap();
    (quarter, facts)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_closed_quarter_reads_back_and_gives_its_digest_again(pool: PgPool) {
    let (quarter, counted) = closed(&pool).await;
    assert_eq!(find(&pool, third()).await.unwrap(), Some(quarter.clone()));
    assert_eq!(list(&pool, None, 10).await.unwrap(), std::slice::from_ref(&quarter));
    assert_eq!(list(&pool, Some("2026-Q3"), 10).await.unwrap(), []);
    assert_eq!(find(&pool, third().previous()).await.unwrap(), None);

    let rows = rows(&pool, third(), None, 10).await.unwrap();
    let subjects: Vec<_> = rows.iter().map(|it| it.fact.subject.as_str()).collect();
    assert_eq!(subjects, ["drills/DR-1", "rollbacks/RB-1", "spot-checks/SC-1"]);
    let facts: Vec<_> = rows.iter().map(|it| it.fact.clone()).collect();
    assert_eq!(facts, counted.facts);
    assert!(rows.iter().all(|it| it.digest == it.fact.digest().to_string()));
    let again = domain::quarters::digest(third(), &quarter.figures, &facts);
    assert_eq!(again, quarter.digest);
    let after = super::rows(&pool, third(), Some("drills/DR-1"), 10).await.unwrap();
    assert_eq!(after, rows[1..]);
    assert_eq!(quarter.months.len(), 3);
    assert_eq!(quarter.months[1].figures.rollbacks.executed, 1);
    assert_eq!(quarter.before.last().map(|it| it.period), Some(third().previous()));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_quarter_is_closed_once(pool: PgPool) {
    let (quarter, _) = closed(&pool).await;
    let mut tx = pool.begin().await.unwrap();
    assert!(matches!(insert(&mut tx, &quarter, &[]).await, Err(Error::Taken)));
}

/// Neither by the server's role nor by the owner of the database.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nothing_of_a_closed_quarter_changes(pool: PgPool) {
    closed(&pool).await;
    for role in ["lifeboat_app", "none"] {
        for sql in [
            "UPDATE quarters SET rows = 0",
            "DELETE FROM quarters",
            "TRUNCATE quarter_rows",
            "UPDATE quarter_rows SET facts = '{}'",
            "DELETE FROM quarter_rows",
            "INSERT INTO quarter_rows VALUES ('2026-Q3', 'drills/DR-9', '{}', 'sha256:' || repeat('0', 64))",
        ] {
            let error = unchecked(&pool, role, sql).await.expect_err(sql);
            let code = error.as_database_error().and_then(|it| it.code().map(|it| it.into_owned()));
            assert_eq!(code.as_deref(), Some("42501"), "{role}: {sql}: {error}");
        }
    }
    let early = "INSERT INTO quarters (name, zone, starts, ends, figures, months, before, rows, digest, lang, closed_by,
                     closed_at)
                 SELECT '2026-Q4', zone, ends, ends + interval '3 months', figures, months, before, 0, digest, lang,
                     closed_by, ends FROM quarters";
    let error = unchecked(&pool, "lifeboat_app", early).await.unwrap_err();
    let broken = error.as_database_error().and_then(|it| it.constraint());
    assert_eq!(broken, Some("only_what_is_over_is_closed"), "{error}");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_report_is_owed_until_it_is_stored_and_then_stays(pool: PgPool) {
    use domain::quarters::report::{Fault, File, State};
    let (quarter, _) = closed(&pool).await;
    let now = quarter.closed_at;
    let due = reports::owed(&pool).await.unwrap();
    assert_eq!((due.len(), due[0].period), (1, third()));
    assert!(due[0].is_due(now));

    let file = File { sha256: domain::evidence::Sha256::new([7; 32]), size: 12 };
    reports::made(&pool, third(), &file).await.unwrap();
    for tries in 1..=2 {
        reports::failed(&pool, third(), Fault::Away, now).await.unwrap();
        let report = reports::find(&pool, third()).await.unwrap().unwrap();
        let State::Due { made, failed: Some(failed) } = report.state else { panic!("{report:?}") };
        assert_eq!((made.as_ref(), failed.tries, failed.fault), (Some(&file), tries, Fault::Away));
    }
    let other = File { sha256: domain::evidence::Sha256::new([8; 32]), size: 12 };
    let mut db = pool.acquire().await.unwrap();
    assert!(!reports::stored(&mut db, third(), &other, now).await.unwrap());
    assert!(reports::stored(&mut db, third(), &file, now).await.unwrap());
    assert!(!reports::stored(&mut db, third(), &file, now).await.unwrap());
    assert_eq!(reports::owed(&pool).await.unwrap(), []);
    assert_eq!(reports::of_file(&pool, &file.sha256).await.unwrap(), [third()]);
    let report = reports::find(&pool, third()).await.unwrap().unwrap();
    assert_eq!(report.stored(), Some(&file));
    for sql in [
        "UPDATE quarter_reports SET size = 1",
        "DELETE FROM quarter_reports",
        "TRUNCATE quarter_reports",
    ] {
        unchecked(&pool, "none", sql).await.expect_err(sql);
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn one_at_a_time_works_on_a_report(pool: PgPool) {
    let mut first = pool.begin().await.unwrap();
    let mut second = pool.begin().await.unwrap();
    assert!(reports::claim(&mut first, third()).await.unwrap());
    assert!(!reports::claim(&mut second, third()).await.unwrap());
    assert!(reports::claim(&mut second, third().previous()).await.unwrap());
    first.rollback().await.unwrap();
    assert!(reports::claim(&mut second, third()).await.unwrap());
}

#[expect(clippy::disallowed_methods, reason = "what the checked statements never write")]
async fn unchecked(pool: &PgPool, role: &str, sql: &str) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    let role = format!("SET LOCAL ROLE {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(role)).execute(&mut *tx).await?;
    sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await?;
    tx.commit().await
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_changes_afterwards_is_told_and_the_past_stays(pool: PgPool) {
    let (quarter, counted) = closed(&pool).await;
    let mut db = pool.acquire().await.unwrap();
    let now = facts(&mut db, quarter.starts, quarter.ends).await.unwrap();
    assert_eq!(domain::quarters::addenda(&counted.facts, &now), []);

    write(&pool, "UPDATE drills SET sign_note = 'looked at again' WHERE number = 'DR-1'").await;
    drill(&pool, "DR-3", "pay", "2026-09-02T00:00:00Z", 10).await;
    let now = facts(&mut db, quarter.starts, quarter.ends).await.unwrap();
    let addenda = domain::quarters::addenda(&counted.facts, &now);
    let subjects: Vec<_> = addenda.iter().map(|it| it.subject.as_str()).collect();
    assert_eq!(subjects, ["drills/DR-1", "drills/DR-3"]);
    assert_eq!(find(&pool, third()).await.unwrap(), Some(quarter));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_lacks_something_is_found_by_its_month(pool: PgPool) {
    services(&pool).await;
    drill(&pool, "DR-1", "pay", "2026-07-02T00:00:00Z", 90).await;
    drill(&pool, "DR-2", "pay", "2026-08-02T00:00:00Z", 90).await;
    rollback(&pool, "RB-1", "pay", "2026-07-05T00:00:00Z", "not_verified", true).await;
    rollback(&pool, "RB-2", "shop", "2026-07-05T00:00:00Z", "not_verified", true).await;
    rollback(&pool, "RB-3", "pay", "2026-07-06T00:00:00Z", "verified", true).await;
    write(
        &pool,
        "INSERT INTO evidence (sha256, size, media_type, name, kind, subject, restricted, uploaded_by, created_at)
         VALUES (repeat('a', 64), 1, 'image/png', 'a', 'screenshot', 'drills/DR-1', false, 'user:lead', now())",
    )
    .await;
    let july: Period = "2026-07".parse().unwrap();
    let mut db = pool.acquire().await.unwrap();
    let rows =
        reconciliation::rows(&mut db, july.starts(&zone()), july.ends(&zone())).await.unwrap();
    assert_eq!(rows.len(), 4);
    use domain::quarters::reconciliation::{Gap, mismatches};
    let found: Vec<_> = mismatches(rows).into_iter().map(|it| (it.subject, it.gaps)).collect();
    let expected = [
        ("drills/DR-1".to_owned(), vec![Gap::NoBundle]),
        ("rollbacks/RB-2".to_owned(), vec![Gap::NoFollowUp]),
    ];
    assert_eq!(found, expected);
}
