//! From signs to decisions. Alerts, and what the watch sees of workloads, are put before the rules; what the rules
//! say is written down, and becomes a rollback where they say so.
//!
//! It works on what is due in the ledger and not on what a notification names: a notification only says that there
//! is something to look at, so one that is lost costs a second and nothing else. Several processes may run it: an
//! alert is decided in a transaction that holds its lock.

mod act;
mod measure;
mod scene;
mod sightings;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use domain::ids::{AlertId, WorkloadId};
use tokio::sync::{Semaphore, broadcast};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::World;

/// While a signal fires it is decided again this often, also when nothing has changed.
pub const REPEAT: TimeDelta = TimeDelta::seconds(30);

/// Decisions that are under way at the same time.
const AT_ONCE: usize = 8;

/// For ever.
pub async fn run(world: World) {
    let detector =
        Detector { world, busy: Arc::default(), room: Arc::new(Semaphore::new(AT_ONCE)) };
    while !detector.world.stop.is_cancelled() {
        if let Err(error) = detector.listen().await {
            tracing::warn!("the detector waits for the database: {error:#}");
            let pause = tokio::time::sleep(Duration::from_secs(1));
            detector.world.stop.run_until_cancelled(pause).await;
        }
    }
}

#[derive(Clone)]
struct Detector {
    world: World,
    /// What is being decided now; a second look at the same time would find the same.
    busy: Arc<Mutex<HashSet<AlertId>>>,
    room: Arc<Semaphore>,
}

impl Detector {
    async fn listen(&self) -> anyhow::Result<()> {
        let mut facts = self.world.facts.subscribe();
        let mut notified = store::listen(&self.world.db, &["alerts", "rails", "catalog"]).await?;
        // Whatever happened while nobody listened.
        sightings::compare_all(&self.world).await?;
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut swept = Instant::now();
        loop {
            tokio::select! {
                () = self.world.stop.cancelled() => return Ok(()),
                it = notified.recv() => {
                    it?;
                    self.decide_due().await?;
                }
                fact = facts.recv() => match fact {
                    Ok(workload) => self.look_at(&mut facts, workload).await?,
                    Err(broadcast::error::RecvError::Lagged(_)) => sightings::compare_all(&self.world).await?,
                    Err(broadcast::error::RecvError::Closed) => return Ok(()),
                },
                _ = tick.tick() => {
                    if swept.elapsed() > Duration::from_secs(30) {
                        sightings::compare_all(&self.world).await?;
                        swept = Instant::now();
                    }
                    self.decide_due().await?;
                }
            }
        }
    }

    /// The workload that changed, and all that changed meanwhile, each once.
    async fn look_at(
        &self,
        facts: &mut broadcast::Receiver<WorkloadId>,
        first: WorkloadId,
    ) -> anyhow::Result<()> {
        let mut changed = HashSet::from([first]);
        while let Ok(workload) = facts.try_recv() {
            changed.insert(workload);
        }
        for workload in changed {
            sightings::compare(&self.world, workload).await?;
        }
        self.decide_due().await
    }

    async fn decide_due(&self) -> anyhow::Result<()> {
        let now = (self.world.now)();
        for alert in store::alerts::due(&self.world.db, now - REPEAT).await? {
            let claimed = self.busy.lock().is_ok_and(|mut busy| busy.insert(alert));
            if !claimed {
                continue;
            }
            let room = self.room.clone().acquire_owned().await?;
            let detector = self.clone();
            tokio::spawn(async move {
                if let Err(error) = consider(&detector.world, alert).await {
                    tracing::error!(alert = %alert, "an alert could not be decided, it will be tried again: {error:#}");
                }
                if let Ok(mut busy) = detector.busy.lock() {
                    busy.remove(&alert);
                }
                drop(room);
            });
        }
        Ok(())
    }
}

/// Everything that is due about one alert: whether it is over, what the rules say, and what follows from that.
pub async fn consider(world: &World, alert: AlertId) -> anyhow::Result<()> {
    let now = (world.now)();
    let alert = store::alerts::get(&world.db, alert).await?;
    let Some(scene) = scene::gather(world, &alert, now).await? else {
        // Its service has no workload that anybody watches: what the sender says is all there is.
        if alert.resolved_said_at.is_some() {
            act::resolve(world, &alert, now).await?;
        }
        return Ok(());
    };
    // Over when it is said to be and our own sources do not contradict; or when they say so themselves about a
    // signal that only they had reported.
    let over = scene.is_over();
    if alert.resolved_said_at.is_some() && over != Some(false) {
        return act::resolve(world, &alert, now).await;
    }
    if scene.awaits_second_source(now) {
        return Ok(());
    }
    act::decide(world, &alert, scene, now).await
}
