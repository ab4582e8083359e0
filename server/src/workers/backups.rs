//! Looks at the sources of the backup matrix, and says when a row turns red.
//!
//! A source is looked at by whoever claims its line; the claim is a lease with an epoch, so that a process which dies
//! costs two minutes and one which was only stopped writes nothing afterwards. How a row stands is decided from
//! what was written and the time, and by every process alike; the first one to see a change writes it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Action, Actor, Subject};
use domain::backups::{Assessment, Backup, Freshness, Site, Source, assess, look_every, turns_red};
use domain::catalog::Stored;
use domain::ids::BackupId;
use futures::StreamExt;
use serde_json::json;
use std::time::Duration;
use store::backups::Lease;
use store::outbox::Wish;
use tokio::time::{MissedTickBehavior, interval};

use super::World;
use crate::adapters::backups::{Looker, WITHIN};

const PERIOD: Duration = Duration::from_secs(5);
/// Sources that are looked at at the same time; the others come with the next tick.
const AT_ONCE: usize = 8;
const ACTOR: Actor = Actor::Worker("backups");
/// The kind of the wish to tell that a row turned red.
pub const STALE: &str = "backup_stale";

/// Until it is told to stop.
pub async fn run(world: World) {
    let looker = Looker::new(world.clusters.clone());
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while world.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let ticked = world.stop.run_until_cancelled(tick(&world, &looker)).await;
        if let Some(Err(error)) = ticked {
            tracing::warn!("backups will be looked at again: {error:#}");
        }
    }
}

/// Looks at what is due, and judges every row.
///
/// # Errors
/// Only where the lists themselves cannot be read.
pub async fn tick(world: &World, looker: &Looker) -> Result<(), store::Error> {
    let now = world.now();
    // Longer than any look may take.
    let until = now + TimeDelta::seconds(2 * WITHIN.as_secs() as i64);
    let leases = store::backups::claim(&world.db, now, until, AT_ONCE as i64).await?;
    let looks = leases.into_iter().map(|lease| look(world, looker, lease));
    futures::stream::iter(looks)
        .for_each_concurrent(AT_ONCE, async |looked| {
            if let Err(error) = looked.await {
                tracing::warn!("a backup could not be looked at: {error:#}");
            }
        })
        .await;
    judge(world).await
}

async fn look(world: &World, looker: &Looker, lease: Lease) -> Result<(), store::Error> {
    let row = store::backups::get(&world.db, lease.backup).await?;
    let Some(source) = source_at(&row, lease.site) else { return Ok(()) };
    let told = looker.look(source).await;
    let now = world.now();
    let due = now + look_every(&row);
    let mut tx = world.db.begin().await?;
    match &told {
        Ok(told) => {
            store::backups::finish(&mut tx, lease, Ok(told.warning.as_deref()), now, due).await?;
            let all = source.lists_all();
            store::backups::record(&mut tx, lease.backup, lease.site, &told.copies, all, now)
                .await?;
        }
        Err(error) => {
            let why = error.to_string();
            store::backups::finish(&mut tx, lease, Err(&why), now, due).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

fn source_at(row: &Backup, site: Site) -> Option<&Source> {
    match site {
        Site::Here => row.source.as_ref(),
        Site::Offsite => row.offsite.as_ref()?.source.as_ref(),
    }
}

async fn judge(world: &World) -> Result<(), store::Error> {
    let rows = store::backups::list(&world.db).await?;
    let ids: Vec<BackupId> = rows.iter().map(|it| it.id).collect();
    let seen = store::backups::seen(&mut *world.db.acquire().await?, &ids).await?;
    let standing = store::backups::standing(&world.db).await?;
    let now = world.now();
    for row in &rows {
        let Some(seen) = seen.get(&row.id) else { continue };
        let assessed = assess(row, seen, now);
        let before = standing.get(&row.id).map(|(_, it)| *it);
        if before == Some(assessed.freshness) || is_too_soon(row, before, &assessed) {
            continue;
        }
        if let Err(error) = say(world, row, &assessed, now).await {
            tracing::warn!(backup = row.name, "how it stands is not written: {error:#}");
        }
    }
    Ok(())
}

/// A new row is unknown until its source was looked at for the first time; that is no change.
fn is_too_soon(row: &Backup, before: Option<Freshness>, assessed: &Assessment) -> bool {
    before.is_none() && assessed.freshness == Freshness::Unknown && row.source.is_some()
}

/// Writes that the row stands otherwise now, and the wish to tell somebody where it turned red.
async fn say(
    world: &World,
    row: &Stored<BackupId, Backup>,
    assessed: &Assessment,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    let mut tx = world.db.begin().await?;
    let (last, known) = store::backups::last_known(&mut tx, row.id).await?;
    if last == Some(assessed.freshness) {
        return Ok(());
    }
    store::backups::record_change(&mut tx, row.id, assessed.freshness, now).await?;
    let subject = Subject::new("backups", &row.name);
    let newest = assessed.newest.as_ref();
    let details = json!({
        "freshness": assessed.freshness,
        "newest_at": newest.map(|(_, at)| at),
        "owner": row.owner,
        "domain": row.domain,
    });
    if turns_red(known, assessed.freshness) {
        let key = format!("{STALE}/{}/{}", row.name, now.timestamp_micros());
        let wish =
            Wish { kind: STALE, subject: &subject, at: now, payload: details.clone(), key: &key };
        store::outbox::wish(&mut tx, &wish).await?;
    }
    let details = crate::audit::details(details);
    store::audit::record(&mut tx, &ACTOR, Action::Observe, &subject, details, now).await?;
    tx.commit().await?;
    Ok(())
}
