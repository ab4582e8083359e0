//! Forgets what has ended by itself: sessions, failed sign-ins of long ago, and what objects looked like to whom.

use std::time::Duration;

use sqlx::PgPool;

use crate::clock;

const PERIOD: Duration = Duration::from_secs(600);

/// For ever, also over a restart of Postgres.
pub async fn run(db: PgPool) {
    loop {
        if let Err(error) = tick(&db).await {
            tracing::warn!("nothing was forgotten this time: {error:#}");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

pub async fn tick(db: &PgPool) -> anyhow::Result<()> {
    let now = clock::now();
    store::sessions::forget(db, now).await?;
    store::sign_in::forget(db, now - domain::users::FORGET_FAILURES).await?;
    store::objects::forget(db, now - chrono::TimeDelta::days(1)).await?;
    Ok(())
}
