//! The backup matrix: where copies are seen, and what follows from what was seen.

mod clusters;
mod heartbeats;
mod matrix;
mod sources;

use domain::backups::Backup;
use serde_json::{Value, json};
use server::adapters::backups::Looker;
use server::adapters::kubernetes::Clusters;
use server::workers::World as Workers;
use server::{adapters, clock};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// A row with these members instead of the usual ones.
fn row(name: &str, more: &Value) -> Backup {
    let mut json = json!({
        "name": name, "domain": "history", "artefact": name, "method": "script", "interval_s": 3600,
        "retention": {"age_s": 86400}, "place": "elsewhere", "encryption": "none", "owner": "database",
    });
    for (member, value) in more.as_object().unwrap() {
        json[member] = value.clone();
    }
    serde_json::from_value(json).unwrap()
}

async fn save(db: &PgPool, rows: &[Backup]) {
    let mut tx = db.begin().await.unwrap();
    for row in rows {
        store::backups::save(&mut tx, row, clock::now()).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// The workers of a test, which ticks them by hand.
fn workers(db: &PgPool) -> (Workers, Looker) {
    let clusters = Clusters::new(db.clone(), variable, None);
    let http = adapters::http::client().unwrap();
    let stop = CancellationToken::new();
    let zone = chrono_tz::Asia::Shanghai;
    let world = Workers::new(db.clone(), clusters.clone(), http, zone, stop);
    (world, Looker::new(clusters))
}

/// What the references of these tests lead to.
fn variable(name: &str) -> Option<String> {
    match name {
        "LAB_ACCESS_KEY_ID" => Some("key".to_owned()),
        "LAB_SECRET_ACCESS_KEY" => Some("secret".to_owned()),
        "WRONG_ACCESS_KEY_ID" => Some("key".to_owned()),
        "WRONG_SECRET_ACCESS_KEY" => Some("wrong".to_owned()),
        _ => None,
    }
}
