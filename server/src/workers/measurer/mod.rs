//! Measures what objectives ask for: RTO of what is under way, by Prometheus, and RPO of replicated databases, by
//! asking both sides; and what drills ask for beside: targets that have a query.
//!
//! **Invariant:** whatever goes wrong is a measurement without a value that says so; a good value is never made up.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::World;

mod recovery;
pub mod replication;
mod source;
mod targets;

/// How finely a loss can be told as time, too.
const PERIOD: Duration = Duration::from_secs(5);

/// Until it is told to stop.
pub async fn run(world: World) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while world.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = tick(&world).await {
            tracing::warn!("objectives will be measured again: {error:#}");
        }
    }
}

/// One look at everything. An error about one does not keep the others waiting.
///
/// # Errors
/// Only where the lists themselves cannot be read.
pub async fn tick(world: &World) -> Result<(), store::Error> {
    let (recoveries, replications, targets) =
        tokio::join!(recovery::tick(world), replication::tick(world), targets::tick(world));
    recoveries.and(replications).and(targets)
}
