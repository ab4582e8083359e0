//! The printed report of a closed quarter: made after the close, stored once, and kept as evidence.

use axum::http::{StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use server::clock;
use server::workers::{evidence, reports};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use crate::quarters::{last_quarter, world};
use crate::world::World;

const ZONE: chrono_tz::Tz = chrono_tz::Asia::Shanghai;

impl World {
    async fn print(&self, now: DateTime<Utc>) {
        reports::tick(&self.db, &self.objects, ZONE, now).await.unwrap();
    }

    /// The last quarter, closed by this person.
    async fn close_last(&self, pmo: &str) {
        let path = format!("/quarters/{}/close", last_quarter());
        let closed = self.call("POST", &path, pmo, json!({})).await;
        assert_eq!(closed.status, StatusCode::CREATED, "{}", closed.body);
    }

    async fn report(&self, who: &str) -> Value {
        let quarter = self.read(&format!("/quarters/{}", last_quarter()), who).await;
        quarter["report"].clone()
    }

    /// Where the folder of the object store has it.
    fn report_file(&self) -> std::path::PathBuf {
        self.evidence.join(domain::quarters::report::path(last_quarter()))
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_closed_quarter_is_printed_stored_and_proven(pool: PgPool) {
    let (world, sre, pmo) = world(pool).await;
    let scenario = "*故障切换* #import \"x\" $x$ \\";
    let sql = format!("UPDATE drills SET scenario = '{scenario}' WHERE number LIKE '%-01'");
    world.write(&sql).await;
    let page = format!("/quarters/{}", last_quarter());
    let (pdf, api) = (format!("{page}/report.pdf"), format!("/api/v1{page}/report"));
    assert_eq!(world.get(&pdf, &sre).await.status, StatusCode::NOT_FOUND);
    world.close_last(&pmo).await;
    assert_eq!(world.report(&sre).await, json!({"state": "being_made"}));
    assert!(world.get(&page, &sre).await.body.contains("id=\"report\""));
    assert_eq!(world.get(&pdf, &sre).await.status, StatusCode::NOT_FOUND);

    let now = clock::now();
    world.print(now).await;
    let report = world.report(&sre).await;
    let bytes = std::fs::read(world.report_file()).unwrap();
    let sha256 = hex::encode(Sha256::digest(&bytes));
    assert_eq!(report["state"], "stored");
    assert_eq!(
        (&report["sha256"], report["size"].as_u64()),
        (&json!(sha256), Some(bytes.len() as u64))
    );
    assert_eq!(std::fs::read(world.evidence.join("evidence").join(&sha256)).unwrap(), bytes);
    let kept = world.read(&format!("/evidence?subject=quarters/{}", last_quarter()), &sre).await;
    let kept = &kept["items"][0];
    assert_eq!((&kept["sha256"], &kept["kind"]), (&json!(sha256), &json!("report")));
    let audit = world.audit().await;
    assert_eq!(audit.last().unwrap(), &("worker".to_owned(), "store_report".to_owned()));

    for path in [&pdf, &api] {
        let (answer, sent) = world.download(path, &sre).await;
        assert_eq!((answer.status, sent == bytes), (StatusCode::OK, true), "{path}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/pdf");
        let disposition = answer.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
        let name = format!("attachment; filename*=UTF-8''{}.pdf", last_quarter());
        assert_eq!(disposition, name);
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("sandbox"), "{policy}");
        assert_eq!(world.get(path, "").await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let shown = world.get(&page, &sre).await;
    assert!(shown.body.contains(&pdf), "{}", shown.body);

    let mut reader = std::process::Command::new("pdftotext");
    let text = reader.arg("-raw").arg(world.report_file()).arg("-").output();
    let text = text.expect("poppler-utils, which `make test` installs").stdout;
    let text: String = String::from_utf8(text).unwrap().split_whitespace().collect();
    assert!(text.contains(&scenario.replace(' ', "")), "{text}");

    // Whoever looks again finds nothing to do, and what was stored stays as it is.
    world.print(now + TimeDelta::days(1)).await;
    assert_eq!(world.report(&sre).await, report);
    assert_eq!(world.audit().await.len(), audit.len());
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_store_that_is_away_is_asked_again_and_the_close_stands(pool: PgPool) {
    let (world, sre, pmo) = world(pool).await;
    world.close_last(&pmo).await;
    // Nothing can be put below what is no folder.
    std::fs::remove_dir_all(&world.evidence).unwrap();
    std::fs::write(&world.evidence, "no folder").unwrap();
    let now = clock::now();
    world.print(now).await;
    let report = world.report(&sre).await;
    assert_eq!(
        (&report["state"], &report["reason"]),
        (&json!("failed"), &json!("away")),
        "{report}"
    );
    let page = world.get(&format!("/quarters/{}", last_quarter()), &sre).await;
    assert!(page.body.contains("对象存储没有响应"), "{}", page.body);
    let none = world.read(&format!("/evidence?subject=quarters/{}", last_quarter()), &sre).await;
    assert_eq!(none["items"], json!([]), "nothing is half recorded");
    // Not before its time.
    world.print(now + TimeDelta::seconds(1)).await;
    assert_eq!(world.report(&sre).await["tries"], 1);

    std::fs::remove_file(&world.evidence).unwrap();
    std::fs::create_dir(&world.evidence).unwrap();
    world.print(now + TimeDelta::minutes(1)).await;
    assert_eq!(world.report(&sre).await["state"], "stored");
    assert!(world.report_file().exists());
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_lies_under_its_name_already_is_not_replaced(pool: PgPool) {
    let (world, sre, pmo) = world(pool).await;
    world.close_last(&pmo).await;
    std::fs::create_dir_all(world.report_file().parent().unwrap()).unwrap();
    std::fs::write(world.report_file(), "other").unwrap();
    let now = clock::now();
    world.print(now).await;
    let report = world.report(&sre).await;
    assert_eq!(
        (&report["state"], &report["reason"]),
        (&json!("failed"), &json!("taken")),
        "{report}"
    );
    assert_eq!(std::fs::read(world.report_file()).unwrap(), b"other");

    // A process that died after it had stored the report: the next one finds it and makes no other.
    let hash: String = sqlx::query_scalar("SELECT sha256 FROM quarter_reports")
        .fetch_one(&world.db)
        .await
        .unwrap();
    std::fs::copy(world.evidence.join("evidence").join(&hash), world.report_file()).unwrap();
    world.print(now + TimeDelta::minutes(1)).await;
    assert_eq!(world.report(&sre).await["sha256"], json!(hash));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn rows_that_are_not_those_of_the_close_are_not_printed(pool: PgPool) {
    let (world, sre, pmo) = world(pool).await;
    world.close_last(&pmo).await;
    // As only somebody with the database itself can do it.
    world
        .write(
            "ALTER TABLE quarter_rows DISABLE TRIGGER ALL;
             UPDATE quarter_rows SET facts = facts || '{\"outcome\": \"passed\"}';",
        )
        .await;
    world.print(clock::now()).await;
    assert_eq!(world.report(&sre).await["reason"], "differs");
    assert!(!world.report_file().exists());
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_erased_report_leaves_its_hash(pool: PgPool) {
    let (world, sre, pmo) = world(pool).await;
    let (_, admin) = world.sign_in("root", domain::access::Role::Admin).await;
    world.close_last(&pmo).await;
    world.print(clock::now()).await;
    let report = world.report(&sre).await;
    let hash = report["sha256"].as_str().unwrap();
    let reason = json!({"reason": "the law"});
    let erased = world.call("POST", &format!("/evidence/{hash}/erase"), &admin, reason).await;
    assert!(erased.status.is_success(), "{}", erased.body);
    evidence::tick(&world.db, &world.objects, clock::now()).await.unwrap();
    assert!(!world.report_file().exists());
    let page = format!("/quarters/{}", last_quarter());
    assert_eq!(world.get(&format!("{page}/report.pdf"), &sre).await.status, StatusCode::GONE);
    assert!(world.get(&page, &sre).await.body.contains("the law"));
    assert_eq!(world.report(&sre).await["sha256"], json!(hash));
}
