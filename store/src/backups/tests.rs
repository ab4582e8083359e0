use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Subject;
use domain::backups::{Backup, Copy, Freshness, Site};
use domain::ids::BackupId;
use serde_json::json;
use sqlx::PgPool;

use super::*;
use crate::outbox;

fn at(minutes: i64) -> DateTime<Utc> {
    "2026-10-16T03:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes)
}

fn row(name: &str) -> Backup {
    serde_json::from_value(json!({
        "name": name, "domain": "history", "artefact": "Base backup", "method": "pg_basebackup",
        "interval_s": 3600, "place": "s3://dr/pg/", "owner": "dba",
        "source": {"kind": "objects", "url": "s3://dr", "path": "pg/*"},
    }))
    .unwrap()
}

async fn saved(db: &PgPool, row: &Backup) -> BackupId {
    let mut tx = db.begin().await.unwrap();
    let id = save(&mut tx, row, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn tally(db: &PgPool, id: BackupId) -> domain::backups::Tally {
    let mut db = db.acquire().await.unwrap();
    seen(&mut db, &[id]).await.unwrap().remove(&id).unwrap().tallies.remove(0)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_row_is_kept_as_it_is_stated(db: PgPool) {
    let mut stated = row("a");
    let id = saved(&db, &stated).await;
    stated.domain = "orders".into();
    assert_eq!(saved(&db, &stated).await, id);
    saved(&db, &row("b")).await;
    let found = by_name(&db, "a").await.unwrap();
    assert_eq!((found.id, found.version, &found.entry), (id, 2, &stated));
    let names: Vec<_> = list(&db).await.unwrap().into_iter().map(|it| it.entry.name).collect();
    assert_eq!(names, ["b", "a"], "by domain, then by name");
    let mut tx = db.begin().await.unwrap();
    remove(&mut tx, "a", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(by_name(&db, "a").await, Err(Error::NotFound)));
    assert_eq!(claim(&db, at(2), at(3), 10).await.unwrap().len(), 1, "only that of b");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn one_worker_looks_at_a_time(db: PgPool) {
    let id = saved(&db, &row("a")).await;
    let first = claim(&db, at(0), at(2), 10).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(claim(&db, at(1), at(3), 10).await.unwrap(), []);
    // The first died, and the second takes over; what the first still says is not heard.
    let second = claim(&db, at(5), at(7), 10).await.unwrap();
    let mut conn = db.acquire().await.unwrap();
    let late = finish(&mut conn, first[0], Ok(None), at(5), at(9)).await;
    assert!(matches!(late, Err(Error::Fenced { .. })), "{late:?}");
    finish(&mut conn, second[0], Err("away"), at(5), at(9)).await.unwrap();
    let look = seen(&mut conn, &[id]).await.unwrap().remove(&id).unwrap().here;
    assert_eq!((look.at, look.failure.as_deref()), (Some(at(5)), Some("away")));
    assert_eq!(claim(&db, at(8), at(9), 10).await.unwrap(), []);
    assert_eq!(claim(&db, at(9), at(11), 10).await.unwrap().len(), 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_copy_is_one_artefact_and_what_is_not_listed_is_gone(db: PgPool) {
    let id = saved(&db, &row("a")).await;
    let mut conn = db.acquire().await.unwrap();
    let (one, two) = (Copy::done("pg/1", at(0)), Copy::done("pg/2", at(60)));
    for now in [at(61), at(62)] {
        let both = [one.clone(), two.clone()];
        record(&mut conn, id, Site::Here, &both, true, now).await.unwrap();
    }
    let listed = copies(&db, id, &CopyFilter { limit: 10, ..CopyFilter::default() }).await.unwrap();
    let shown: Vec<_> = listed.iter().map(|it| (it.copy.artefact.as_str(), it.seen_at)).collect();
    assert_eq!(shown, [("pg/2", at(61)), ("pg/1", at(61))], "seen once, whoever looks again");
    record(&mut conn, id, Site::Here, std::slice::from_ref(&two), true, at(120)).await.unwrap();
    let tally = tally(&db, id).await;
    assert_eq!(tally.newest, Some(("pg/2".into(), at(60))));
    assert_eq!((tally.present, tally.oldest), (1, Some(("pg/2".into(), at(60)))));
    assert_eq!(tally.gone_at_age, Some(("pg/1".into(), TimeDelta::minutes(120))));
    // A source that lists nothing lists that everything is gone; the newest is remembered.
    record(&mut conn, id, Site::Here, &[], true, at(130)).await.unwrap();
    let tally = super::tests::tally(&db, id).await;
    assert_eq!((tally.present, tally.newest), (0, Some(("pg/2".into(), at(60)))));
    let page = CopyFilter {
        after: Some((at(60), "here".into(), String::new(), "pg/2".into())),
        limit: 10,
        ..CopyFilter::default()
    };
    assert_eq!(copies(&db, id, &page).await.unwrap().len(), 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_failed_or_is_dated_in_the_future_is_no_copy_to_go_back_to(db: PgPool) {
    let id = saved(&db, &row("a")).await;
    let mut conn = db.acquire().await.unwrap();
    let failed = Copy { outcome: domain::backups::Outcome::Failed, ..Copy::done("f", at(10)) };
    let future = Copy::done("later", at(500));
    let plain = Copy { encrypted: Some(false), ..Copy::done("plain", at(0)) };
    record(&mut conn, id, Site::Here, &[plain, failed, future], false, at(20)).await.unwrap();
    let it = tally(&db, id).await;
    assert_eq!(it.newest, Some(("plain".into(), at(0))));
    assert_eq!(it.future, Some(("later".into(), at(500))));
    assert_eq!((it.plain.as_deref(), it.untold), (Some("plain"), true));
    assert_eq!(it.failed, None, "the one from the future is newer, whatever it is worth");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn how_a_row_stood_is_remembered_and_a_wish_is_written_once(db: PgPool) {
    let id = saved(&db, &row("a")).await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(last_known(&mut tx, id).await.unwrap(), (None, None));
    for (minutes, freshness) in [(0, Freshness::Stale), (1, Freshness::Unknown)] {
        record_change(&mut tx, id, freshness, at(minutes)).await.unwrap();
    }
    let known = (Some(Freshness::Unknown), Some(Freshness::Stale));
    assert_eq!(last_known(&mut tx, id).await.unwrap(), known);
    let subject = Subject::new("backups", "a");
    let wish = outbox::Wish {
        kind: "backup_stale",
        subject: &subject,
        at: at(0),
        payload: json!({"freshness": "stale"}),
        key: "backup_stale/a/0",
    };
    assert!(outbox::wish(&mut tx, &wish).await.unwrap());
    assert!(!outbox::wish(&mut tx, &wish).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(outbox::about(&db, &subject).await.unwrap().len(), 1);
    assert_eq!(history(&db, id, 10).await.unwrap()[0], (at(1), Freshness::Unknown));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_row_has_one_good_token(db: PgPool) {
    let id = saved(&db, &row("a")).await;
    let mut tx = db.begin().await.unwrap();
    make_token(&mut tx, id, [1; 32], "user:admin", at(0)).await.unwrap();
    make_token(&mut tx, id, [2; 32], "user:admin", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(by_token(&db, [1; 32]).await.unwrap(), None);
    let holder = by_token(&db, [2; 32]).await.unwrap().unwrap();
    assert_eq!(holder.backup.id, id);
    let apart = TimeDelta::seconds(1);
    let mut conn = db.acquire().await.unwrap();
    assert!(use_token(&mut conn, holder.token, at(2), apart).await.unwrap());
    assert!(!use_token(&mut conn, holder.token, at(2), apart).await.unwrap());
    assert!(use_token(&mut conn, holder.token, at(3), apart).await.unwrap());
    remove(&mut conn, "a", at(4)).await.unwrap();
    assert_eq!(by_token(&db, [2; 32]).await.unwrap(), None);
}
