//! Objectives through the front door, and measured on a real Prometheus and a real replicated Postgres.

mod door;
mod recovery;
mod replication;

use domain::objectives::Dated;
use serde_json::Value;
use server::adapters;
use server::adapters::kubernetes::Clusters;
use server::clock;
use server::workers;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// What a worker has, over this database.
pub(crate) fn worker(db: &PgPool) -> workers::World {
    let clusters = Clusters::new(db.clone(), |_| None, None);
    let http = adapters::http::client().unwrap();
    let stop = CancellationToken::new();
    workers::World::new(db.clone(), clusters, http, chrono_tz::Asia::Shanghai, stop)
}

/// Puts it in force as a catalog would.
async fn state(db: &PgPool, objective: Value) -> Dated {
    let objective: domain::objectives::Objective = serde_json::from_value(objective).unwrap();
    assert_eq!(objective.faults(), []);
    let mut tx = db.begin().await.unwrap();
    // In force since long ago, so that what began before the test's next line is judged by it.
    let since = clock::now() - chrono::TimeDelta::days(1);
    store::objectives::save(&mut tx, &objective, "owner", "catalog", since).await.unwrap();
    tx.commit().await.unwrap();
    store::objectives::by_name(db, &objective.name).await.unwrap()
}
