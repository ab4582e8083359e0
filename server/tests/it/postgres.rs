//! Postgres goes away in the middle of everything and comes back: what was on its way gets there once.

use axum::http::StatusCode;
use server::embedded::Postgres;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::embedded::{crash, process};
use crate::story::{Story, patches, policy, state};

#[tokio::test]
async fn a_rollback_is_finished_after_the_database_was_away() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let postgres = Postgres::start(folder.path()).unwrap();
    let options: PgConnectOptions = postgres.url().parse().unwrap();
    let owner = PgPoolOptions::new().connect_lazy_with(options);
    let (story, cluster) = Story::pretend(owner.clone(), policy("auto")).await;
    story.bad_release().await;
    story.crashing().await;

    // The decision is due in this moment.
    let crashed = process(folder.path());
    crash(crashed).await;
    drop(postgres);
    // Where the watch and the webhook knock meanwhile.
    let alert = story.send_alert().await;
    assert_eq!(alert.status, StatusCode::SERVICE_UNAVAILABLE, "{}", alert.body);
    assert_eq!(alert.json()["type"], "https://lifeboat.dev/problems/unavailable");
    let _postgres = Postgres::start(folder.path()).unwrap();

    story.rollback("carried out", state("verifying")).await;
    assert_eq!(story.image().await, "app:1");
    assert_eq!(patches(&cluster), 2, "the bad release, and one way back");
    let told = story.send_alert().await;
    assert_eq!(told.status, StatusCode::ACCEPTED, "{}", told.body);
    story.sealed_and_sound().await;
}
