//! Picks up the runs that should go on and are in nobody's hands: what a dead process left, what waited for its
//! time, what nobody decided on in time. A lost job costs a second and never a step.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::{World, executor};

const PERIOD: Duration = Duration::from_secs(1);
/// Runs at the same time; the others come with the next tick.
const AT_ONCE: usize = 32;

/// Until it is told to stop.
pub async fn run(world: World) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut running = JoinSet::new();
    while world.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        while running.try_join_next().is_some() {}
        if let Err(error) = pick_up(&world, &mut running).await {
            tracing::warn!("runs are looked for again in a moment: {error:#}");
        }
    }
    // What is in the middle of something notices the stop by itself.
    while running.join_next().await.is_some() {}
}

/// Everything that is due now, to its next rest. For tests, which do not wait for ticks.
pub async fn tick(world: &World) -> Result<(), store::Error> {
    for id in store::runs::due(&world.db, world.now(), 1000).await? {
        executor::execute(world, id).await?;
    }
    Ok(())
}

async fn pick_up(world: &World, running: &mut JoinSet<()>) -> Result<(), store::Error> {
    let room = AT_ONCE.saturating_sub(running.len());
    let limit = i64::try_from(room).unwrap_or(0);
    for id in store::runs::due(&world.db, world.now(), limit).await? {
        let world = world.clone();
        running.spawn(async move {
            if let Err(error) = executor::execute(&world, id).await {
                let error = anyhow::Error::from(error);
                tracing::warn!(run = %id, "the run is picked up again in a moment: {error:#}");
            }
        });
    }
    Ok(())
}
