//! Lets the object store forget what had to be erased, and what came in and was never kept.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval};

use super::World;
use crate::adapters::objects::Objects;

/// An erasure is carried out within this time.
const PERIOD: Duration = Duration::from_secs(30);

/// Until it is told to stop.
pub async fn run(world: World, objects: Objects) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while world.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let ticked = tick(&world.db, &objects, world.now());
        if let Some(Err(error)) = world.stop.run_until_cancelled(ticked).await {
            tracing::warn!("the place for evidence will be tidied again: {error:#}");
        }
    }
}

/// # Errors
/// What is left is tried again with the next tick.
pub async fn tick(db: &PgPool, objects: &Objects, now: DateTime<Utc>) -> anyhow::Result<()> {
    for file in store::evidence::to_remove(db).await? {
        // A report lies under its own name, too.
        for period in store::quarters::reports::of_file(db, &file).await? {
            objects.remove_path(&domain::quarters::report::path(period)).await?;
        }
        objects.remove(&file).await?;
        store::evidence::removed(db, &file, now).await?;
    }
    let swept = objects.sweep(now).await?;
    if swept > 0 {
        tracing::info!("{swept} files that never came in whole were removed");
    }
    Ok(())
}
