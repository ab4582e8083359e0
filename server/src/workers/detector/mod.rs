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
use domain::ids::AlertId;
use store::runs::Claim;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio::time::{MissedTickBehavior, interval};

use super::{World, executor};

/// While a signal fires it is decided again this often, also when nothing has changed.
pub const REPEAT: TimeDelta = TimeDelta::seconds(30);

/// Decisions that are under way at the same time. More would only wait for each other's locks and connections.
const AT_ONCE: usize = 8;

/// What the watch sees of every workload is compared this often, in case a word of it was missed.
const SWEEP: Duration = Duration::from_secs(30);

/// For ever.
pub async fn run(world: World) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let detector = Detector { world, busy: Arc::default(), room, due: Arc::default() };
    while !detector.world.stop.is_cancelled() {
        let all = async {
            tokio::try_join!(detector.follow_facts(), detector.listen(), detector.decide())
        };
        if let Err(error) = all.await {
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
    /// Rung when an alert may be due: somebody told of one, or the watch has seen what one waits for.
    due: Arc<Notify>,
}

impl Detector {
    /// What the watch sees becomes alerts; Postgres tells of them as of any other.
    async fn follow_facts(&self) -> anyhow::Result<()> {
        let mut facts = self.world.facts.subscribe();
        // The first tick comes at once, for whatever happened while nobody listened.
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.world.stop.cancelled() => return Ok(()),
                _ = sweep.tick() => sightings::compare_all(&self.world).await?,
                fact = facts.recv() => match fact {
                    Ok(workload) => {
                        // All that changed meanwhile, each once.
                        let mut changed = HashSet::from([workload]);
                        changed.extend(std::iter::from_fn(|| facts.try_recv().ok()));
                        let changed: Vec<_> = changed.into_iter().collect();
                        sightings::compare(&self.world, &changed).await?;
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => sightings::compare_all(&self.world).await?,
                    Err(broadcast::error::RecvError::Closed) => return Ok(()),
                },
            }
            self.due.notify_one();
        }
    }

    /// Hears that there is something to look at. It never waits for a decision, because Postgres would wait for it.
    async fn listen(&self) -> anyhow::Result<()> {
        let mut notified = store::listen(&self.world.db, &["alerts", "rails", "catalog"]).await?;
        loop {
            // Whatever was said while nobody listened.
            self.due.notify_one();
            tokio::select! {
                () = self.world.stop.cancelled() => return Ok(()),
                it = notified.recv() => drop(it?),
            }
        }
    }

    async fn decide(&self) -> anyhow::Result<()> {
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.world.stop.cancelled() => return Ok(()),
                () = self.due.notified() => {}
                _ = tick.tick() => {}
            }
            // One look finds all that was told of until now.
            self.decide_due().await?;
        }
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
                let decided = consider(&detector.world, alert).await;
                if let Ok(mut busy) = detector.busy.lock() {
                    busy.remove(&alert);
                }
                // The next decision need not wait for what follows from this one.
                drop(room);
                let done = match decided {
                    Ok(Some(claim)) => {
                        executor::execute_claimed(&detector.world, claim).await.map_err(Into::into)
                    }
                    Ok(None) => Ok(()),
                    Err(error) => Err(error),
                };
                if let Err(error) = done {
                    tracing::error!(alert = %alert, "an alert could not be dealt with, it will be tried again: {error:#}");
                }
            });
        }
        Ok(())
    }
}

/// Everything that is due about one alert: whether it is over, what the rules say, and what follows from that. The
/// run that may be carried out at once, if there is one.
async fn consider(world: &World, alert: AlertId) -> anyhow::Result<Option<Claim>> {
    let now = (world.now)();
    // One connection for all that is read: each time it changes hands costs a round trip.
    let mut db = world.db.acquire().await?;
    let alert = store::alerts::get(&mut *db, alert).await?;
    let gathered = scene::gather(&mut db, &alert, now).await?;
    let newest = store::decisions::newest_of(&mut *db, alert.id).await?;
    drop(db); // Prometheus may be slow, and others need the connection.
    let Some(mut scene) = gathered else {
        // Its service has no workload that anybody watches: what the sender says is all there is.
        if alert.resolved_said_at.is_some() {
            act::resolve(world, &alert, now).await?;
        }
        return Ok(None);
    };
    scene::confirm(world, &mut scene, now).await;
    if alert.resolved_said_at.is_some() && scene.believes_the_end() {
        act::resolve(world, &alert, now).await?;
        return Ok(None);
    }
    if scene.awaits_second_source(now) {
        return Ok(None);
    }
    act::decide(world, &alert, scene, newest, now).await
}
