//! Tokens of backup rows and the legal erasure of files, from the pages where they belong.

use axum::http::StatusCode;
use domain::access::Role;
use domain::drills::{Drill, DrillType};
use domain::plans::{Step, StepKind};
use serde_json::json;
use server::clock;
use sqlx::PgPool;

use crate::world::World;

const MAKE: &str = "/api/app/pages/backups/actions/make_backup_token";
const REVOKE: &str = "/api/app/pages/backups/actions/revoke_backup_token";
const ERASE: &str = "/api/app/pages/evidence/actions/erase_evidence";

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_token_of_a_backup_is_made_shown_once_and_revoked(owner: PgPool) {
    let world = World::new(owner).await;
    let row = json!({
        "name": "wal", "domain": "history", "artefact": "WAL", "method": "script", "interval_s": 3600,
        "place": "elsewhere", "owner": "database", "source": {"kind": "heartbeat"},
    });
    let row = serde_json::from_value(row).unwrap();
    let mut tx = world.db.begin().await.unwrap();
    store::backups::save(&mut tx, &row, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
    let (_, admin) = world.sign_in("ada", Role::Admin).await;
    let (_, sre) = world.sign_in("sre", Role::Sre).await;

    let page = world.get("/backups/wal", &admin).await.body;
    let token = page.split("password_token\" value=\"").nth(1).unwrap();
    let token = token.split('"').next().unwrap().to_owned();
    assert!(page.contains(&format!("/api/v1/heartbeats/{token}")), "how it is used: {page}");
    let other = world.get("/backups/wal", &sre).await.body;
    assert!(!other.contains("password_token"), "{other}");

    let form = format!("id=wal&password_token={token}");
    assert_eq!(world.post(MAKE, &sre, &form).await.status, StatusCode::FORBIDDEN);
    let weak = world.post(MAKE, &admin, "id=wal&password_token=secret").await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", weak.body);
    let page = world.submit(MAKE, &admin, "/backups/wal", &form).await;
    let page = world.get(&page, &admin).await.body;
    assert!(!page.contains(&token), "it is shown once");
    assert!(page.contains("吊销令牌"), "{page}");
    let beat = async || world.post(&format!("/api/v1/heartbeats/{token}"), "", "").await.status;
    assert_eq!(beat().await, StatusCode::ACCEPTED);

    assert_eq!(world.post(REVOKE, &sre, "id=wal").await.status, StatusCode::FORBIDDEN);
    world.submit(REVOKE, &admin, "/backups/wal", "id=wal").await;
    assert_eq!(beat().await, StatusCode::NOT_FOUND);
    let again = world.post(REVOKE, &admin, "id=wal").await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "it has none");
    let api = world.call("DELETE", "/backups/wal/token", &admin, json!({})).await;
    assert_eq!(api.status, StatusCode::NOT_FOUND);
    let sql = "SELECT details FROM audit WHERE subject = 'backups/wal'";
    let details: Vec<serde_json::Value> =
        sqlx::query_scalar(sql).fetch_all(&world.db).await.unwrap();
    assert_eq!(details, [json!({"token": "made"}), json!({"token": "revoked"})]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_file_is_erased_by_law_from_where_it_is_listed(owner: PgPool) {
    let world = World::new(owner).await;
    let (_, admin) = world.sign_in("ada", Role::Admin).await;
    let (_, sre) = world.sign_in("sre", Role::Sre).await;
    let manual = StepKind::Manual { instruction: "switch DNS".into(), evidence: false };
    let drill = Drill {
        lead: Some("sre".into()),
        planned_by: "user:sre".into(),
        steps: vec![Step::new("dns", manual)],
        ..Drill::of("DNS failover".into(), DrillType::Tabletop, clock::now())
    };
    let mut tx = world.db.begin().await.unwrap();
    let drill = store::drills::insert(&mut tx, drill, clock::now().date_naive()).await.unwrap();
    tx.commit().await.unwrap();
    let subject = format!("drills/{}", drill.number);
    // One file that proves two things is erased once.
    for kind in ["log", "script_log"] {
        let fields = [("kind", kind), ("subject", &*subject)];
        let sent = world.upload(&sre, &fields, "people.log", b"alice 13800000000").await;
        assert_eq!(sent.status, StatusCode::CREATED, "{}", sent.body);
    }
    let path = format!("/{subject}");
    let page = world.get(&path, &admin).await.body;
    assert_eq!(page.matches(&format!("action=\"{ERASE}\"")).count(), 1, "{page}");
    assert!(!world.get(&path, &sre).await.body.contains(ERASE));

    let files = world.get(&format!("/api/v1/evidence?subject={subject}"), &admin).await.json();
    let sha = files["items"][0]["sha256"].as_str().unwrap().to_owned();
    let form = format!("id={sha}&reason=GDPR+17&confirmed=true");
    assert_eq!(world.post(ERASE, &sre, &form).await.status, StatusCode::FORBIDDEN);
    for incomplete in [format!("id={sha}&reason=x"), format!("id={sha}&confirmed=true")] {
        let refused = world.post(ERASE, &admin, &incomplete).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{incomplete}");
    }
    // What was refused is shown open, with what was typed.
    let back = world.submit(ERASE, &admin, &path, &format!("id={sha}&reason=half+a+reason")).await;
    let back = world.get(&back, &admin).await.body;
    assert!(back.contains("half a reason") && back.contains(r#"role="alert""#), "{back}");

    let back = world.submit(ERASE, &admin, &path, &form).await;
    let page = world.get(&back, &admin).await.body;
    assert!(page.contains("GDPR 17") && page.contains(&sha) && !page.contains(ERASE), "{page}");
    let gone = world.get(&format!("/evidence/{sha}"), &sre).await;
    assert_eq!(gone.status, StatusCode::GONE);
}
