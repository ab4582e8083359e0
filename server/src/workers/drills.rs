//! Looks at drills that are under way: what the rollback's clocks say of them, and which were never begun.
//!
//! Everything is decided from the rows and the time, so a process that dies loses nothing: the next one looks again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::access::{Action, Actor, Subject};
use domain::drills::MISSED_AFTER;
use domain::ids::DrillId;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval};

use super::World;

/// A drill is read by people; a second is soon enough. What is measured comes from the rollback's own clocks.
const PERIOD: Duration = Duration::from_secs(1);

const ACTOR: Actor = Actor::Worker("drills");

/// For ever.
pub async fn run(world: World) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while world.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = tick(&world.db, world.now()).await {
            tracing::warn!("drills will be looked at again: {error:#}");
        }
    }
}

/// One look at everything that is under way. An error about one does not keep the others waiting.
///
/// # Errors
/// Only where the list itself cannot be read.
pub async fn tick(db: &PgPool, now: DateTime<Utc>) -> Result<(), store::Error> {
    for id in store::drills::under_way(db, now - MISSED_AFTER).await? {
        if let Err(error) = look(db, id, now).await {
            tracing::warn!(drill = %id, "a drill could not be looked at: {error:#}");
        }
    }
    Ok(())
}

async fn look(db: &PgPool, id: DrillId, now: DateTime<Utc>) -> Result<(), store::Error> {
    let mut tx = db.begin().await?;
    if let Some(drill) = store::drills::settle(&mut tx, id, now).await? {
        let subject = Subject::new("drills", &drill.number);
        let measured = drill.measurements.iter().map(|it| (it.name.clone(), json!(it.value)));
        let details = json!({
            "state": drill.state.name(),
            "t1": drill.times.t1,
            "rollback": drill.rollback,
            "measured": measured.collect::<serde_json::Map<_, _>>(),
        });
        store::audit::record(
            &mut tx,
            &ACTOR,
            Action::FollowDrill,
            &subject,
            crate::audit::details(details),
            now,
        )
        .await?;
    }
    tx.commit().await?;
    Ok(())
}
