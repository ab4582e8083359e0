//! The audit chain through the front door, and everything that can be done to its tables behind our back.

use domain::access::{Action, Actor, Role, Subject};
use server::audit::{Key, verify};
use server::clock;
use server::workers::sealer;
use sqlx::{PgConnection, PgPool};

use crate::world::{APPROVE, World};

const ROWS: i64 = 6;

/// A world where six rollbacks were approved one after the other, sealed and signed.
async fn sealed(pool: PgPool) -> (World, tempfile::TempDir) {
    let world = World::new(pool).await;
    let folder = tempfile::tempdir().unwrap();
    let key = Key::load_or_create(folder.path()).unwrap();
    let (asker, _) = world.sign_in("asker", Role::Sre).await;
    let (_, approver) = world.sign_in("approver", Role::Sre).await;
    for _ in 0..ROWS {
        let (_, form) = world.rollback(asker).await;
        world.post(APPROVE, &approver, &form).await;
        while sealer::seal(&world.db, &key, clock::now()).await.unwrap() {}
    }
    // A while later, so that the head is signed.
    let later = clock::now() + domain::audit::CHECKPOINT_PERIOD;
    sealer::seal(&world.db, &key, later).await.unwrap();
    (world, folder)
}

async fn report(world: &World, folder: &tempfile::TempDir) -> domain::audit::Report {
    verify(&world.db, &folder.path().join("audit-key.pub.pem")).await.unwrap()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_was_done_is_sealed_signed_and_verified(pool: PgPool) {
    let (world, folder) = sealed(pool).await;
    let (asker, _) = world.sign_in("late", Role::Sre).await;
    let (_, form) = world.rollback(asker).await;
    let (_, cookie) = world.sign_in("last", Role::Sre).await;
    world.post(APPROVE, &cookie, &form).await;

    let report = report(&world, &folder).await;
    assert!(report.ok && report.checked >= ROWS as u64, "{report:?}");
    assert!(report.unsealed > 0, "the tail is named: {report:?}");
    assert!(report.checkpoints > 0, "{report:?}");
}

/// Writes an entry about this into a transaction.
async fn record(tx: &mut PgConnection, subject: &'static str) {
    let subject = Subject::new("services", subject);
    let actor = Actor::Worker("test");
    let details = serde_json::Map::new();
    store::audit::record(tx, &actor, Action::Decide, &subject, details, clock::now())
        .await
        .unwrap();
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn writers_do_not_wait_for_each_other_and_the_chain_passes_over_nobody(pool: PgPool) {
    let world = World::new(pool).await;
    let key = Key::from_random([7; 32]);
    let mut slow = world.db.begin().await.unwrap();
    record(&mut slow, "slow").await;
    let mut quick = world.db.begin().await.unwrap();
    record(&mut quick, "quick").await;
    quick.commit().await.unwrap();

    let sealing = tokio::spawn({
        let (db, key) = (world.db.clone(), key.clone());
        async move { sealer::seal(&db, &key, clock::now()).await.unwrap() }
    });
    let drawn = store::audit::chain::drawn(&world.db).await.unwrap();
    assert_eq!((drawn.seq, drawn.writers.len()), (2, 1), "who drew the lower number is waited for");
    assert_eq!(store::audit::latest(&world.db).await.unwrap(), 0);
    slow.commit().await.unwrap();
    sealing.await.unwrap();
    while sealer::seal(&world.db, &key, clock::now()).await.unwrap() {}
    let chain = store::audit::since(&world.db, 0).await.unwrap();
    let chain: Vec<_> = chain.iter().map(|it| (it.seq, it.subject.as_str())).collect();
    assert_eq!(chain, [(1, "services/slow"), (2, "services/quick")]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_server_cannot_change_what_was_written(pool: PgPool) {
    let (world, _folder) = sealed(pool).await;
    for table in ["audit", "audit_seals", "audit_checkpoints"] {
        let column = if table == "audit" { "actor" } else { "entry" };
        for sql in [
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table} CASCADE"),
            format!("ALTER TABLE {table} DISABLE TRIGGER USER"),
        ] {
            let as_server =
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(&world.db).await;
            assert!(as_server.is_err(), "{sql}");
            // The owner of the database is stopped by the trigger, unless it is switched off on purpose.
            if !sql.starts_with("ALTER") {
                let error =
                    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(&world.owner).await;
                assert!(error.unwrap_err().to_string().contains("append-only"), "{sql}");
            }
        }
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn every_tampering_by_the_owner_of_the_database_is_found_and_named(pool: PgPool) {
    let (world, folder) = sealed(pool).await;
    let ids: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM audit ORDER BY id").fetch_all(&world.db).await.unwrap();
    // The first and the last head that was signed.
    let (signed, last): (i64, i64) =
        sqlx::query_as("SELECT min(entry), max(entry) FROM audit_checkpoints")
            .fetch_one(&world.db)
            .await
            .unwrap();
    let [second, third, fourth] = [ids[4], ids[5], ids[6]];
    for (what, sql, seq) in [
        ("changed", format!("UPDATE audit SET actor = 'user:x' WHERE id = {third}"), third),
        (
            "details",
            format!("UPDATE audit SET details = '{{\"a\": 1}}' WHERE id = {second}"),
            second,
        ),
        ("time", format!("UPDATE audit SET at = at + interval '1 us' WHERE id = {second}"), second),
        ("entry removed", format!("DELETE FROM audit WHERE id = {third}"), third),
        (
            "entry and seal removed",
            format!(
                "DELETE FROM audit_seals WHERE entry = {third}; DELETE FROM audit WHERE id = {third}"
            ),
            fourth,
        ),
        (
            "reordered",
            format!(
                "UPDATE audit a SET subject = b.subject, at = b.at, details = b.details FROM audit b
                 WHERE (a.id, b.id) IN (({second}, {third}), ({third}, {second}))"
            ),
            second,
        ),
        (
            "added",
            "INSERT INTO audit (id, at, actor, action, subject, details) OVERRIDING SYSTEM VALUE
             VALUES (-5, now(), 'user:x', 'approve_rollback', 'rollbacks/x', '{}')"
                .to_owned(),
            -5,
        ),
        (
            "tail cut",
            format!(
                "DELETE FROM audit_seals WHERE entry >= {last}; DELETE FROM audit WHERE id >= {last}"
            ),
            last,
        ),
        (
            "forged signature",
            "UPDATE audit_checkpoints SET signature = decode(repeat('00', 64), 'hex')".to_owned(),
            signed,
        ),
    ] {
        let mut tx = world.owner.begin().await.unwrap();
        // Replication mode switches triggers and foreign keys off, as whoever owns the server can.
        let sql = format!("SET LOCAL session_replication_role = replica; {sql}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
        // Looked at from inside, so that the next case finds an untouched chain.
        let public_key = folder.path().join("audit-key.pub.pem");
        let report = server::audit::verify_on(&mut tx, &public_key).await.unwrap();
        assert_eq!((report.ok, report.first.map(|it| it.seq)), (false, Some(seq)), "{what}");
        tx.rollback().await.unwrap();
    }
    assert!(report(&world, &folder).await.ok);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_signature_of_another_key_is_refused(pool: PgPool) {
    let (world, _folder) = sealed(pool).await;
    let other = tempfile::tempdir().unwrap();
    Key::load_or_create(other.path()).unwrap();
    let report = report(&world, &other).await;
    assert!(!report.ok && report.first.unwrap().why.contains("trusted key"));
}
