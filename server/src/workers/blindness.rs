//! Alarms about ourselves: a cluster that the watch does not see any more, an Alertmanager of which nothing is heard.
//! That a Prometheus does not answer is told by who asks it ([`super::signals`]).
//!
//! An Alertmanager is heard of by an alert that always fires, `Watchdog`, as Prometheus' operator ships it. Who never
//! sent one is not missed.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::alerts::{Alert, Labels, Report, Source, State, key};
use domain::watching::{Sight, SightState};
use store::alerts::Placed;
use tokio::time::{MissedTickBehavior, interval};

use super::World;
use super::signals::DETECTOR_BLIND;

const PERIOD: Duration = Duration::from_secs(2);
/// A cluster that was not seen for so long leaves us blind.
const UNSEEN: TimeDelta = TimeDelta::seconds(10);
/// To get a first look at one may take so long.
const CONNECTING: TimeDelta = TimeDelta::seconds(60);
/// The alert that always fires.
pub const WATCHDOG: &str = "Watchdog";
/// Its route repeats it at least this often.
pub const SILENT: TimeDelta = TimeDelta::minutes(10);
/// One that has been silent for longer was taken away.
const FORGOTTEN: TimeDelta = TimeDelta::days(1);

/// For ever.
pub async fn run(world: World) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while world.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = tick(&world, world.now()).await {
            tracing::warn!("who is blind is looked at again: {error:#}");
        }
    }
}

/// Raises the alarms that are due and ends those that are not any more. Whoever else does it finds nothing to do.
pub async fn tick(world: &World, now: DateTime<Utc>) -> anyhow::Result<()> {
    let sights = store::watching::sights(&world.db).await?;
    let dogs = store::alerts::newest_named(&world.db, WATCHDOG, now - FORGOTTEN).await?;
    let mut due: Vec<(Labels, String, DateTime<Utc>)> = Vec::new();
    due.extend(sights.iter().filter_map(|it| unseen(it, now)));
    due.extend(dogs.iter().filter_map(|it| silent(it, now)));
    let open = store::alerts::newest_named(&world.db, DETECTOR_BLIND, DateTime::UNIX_EPOCH).await?;
    let ours = |it: &&Alert| {
        let source = it.labels.get("source").map(String::as_str);
        it.state == State::Firing && matches!(source, Some("watch" | "alertmanager"))
    };
    let open: Vec<&Alert> = open.iter().filter(ours).collect();
    let placed: Vec<Placed> = due
        .iter()
        .filter(|(labels, ..)| !open.iter().any(|it| it.key == key(labels)))
        .map(|(labels, why, since)| alarm(labels, why, *since, now))
        .collect();
    let over: Vec<String> = open
        .iter()
        .filter(|it| !due.iter().any(|(labels, ..)| it.key == key(labels)))
        .map(|it| it.key.to_string())
        .collect();
    if placed.is_empty() && over.is_empty() {
        return Ok(());
    }
    let mut tx = world.db.begin().await?;
    store::alerts::fire(&mut tx, &placed, Source::Watch, now).await?;
    store::alerts::resolve_unmatched(&mut tx, &over, now).await?;
    tx.commit().await?;
    Ok(())
}

fn labels(source: &str, whom: (&str, &str)) -> Labels {
    [("alertname", DETECTOR_BLIND), ("source", source), whom]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn unseen(sight: &Sight, now: DateTime<Utc>) -> Option<(Labels, String, DateTime<Utc>)> {
    let patience = match sight.state {
        SightState::Blind => UNSEEN,
        SightState::Connecting => CONNECTING,
        SightState::Connected | SightState::Partial => return None,
    };
    // A time in the future is one from before a clock was put back.
    if (now - sight.since).abs() < patience {
        return None;
    }
    let why = sight.troubles.iter().map(|it| serde_json::to_string(it).unwrap_or_default());
    let why: Vec<String> = why.collect();
    let why = match why.is_empty() {
        true => format!("the cluster {} was never seen", sight.cluster),
        false => format!("the cluster {} is not seen: {}", sight.cluster, why.join("; ")),
    };
    Some((labels("watch", ("cluster", &sight.cluster)), why, sight.since))
}

fn silent(dog: &Alert, now: DateTime<Utc>) -> Option<(Labels, String, DateTime<Utc>)> {
    let heard = dog.told_at.unwrap_or(dog.received_at);
    let (since, why) = match dog.state {
        State::Resolved => {
            let since = dog.ends_at.unwrap_or(heard);
            (since, format!("{WATCHDOG} was resolved: its Prometheus sends nothing any more"))
        }
        State::Firing if (now - heard).abs() >= SILENT => {
            let minutes = SILENT.num_minutes();
            let why = format!(
                "nothing was heard of {WATCHDOG} for {minutes} minutes: look after its Alertmanager"
            );
            (heard, format!("{why}, or let its route repeat it more often"))
        }
        State::Firing => return None,
    };
    Some((labels("alertmanager", ("watchdog", &dog.key.to_string())), why, since))
}

fn alarm(labels: &Labels, why: &str, since: DateTime<Utc>, now: DateTime<Utc>) -> Placed {
    let annotations = Labels::from([("description".to_owned(), why.to_owned())]);
    Placed {
        report: Report::new(labels.clone(), annotations, State::Firing, Some(now), None, now),
        service: None,
        workload: None,
        onset_at: Some(since),
        value: None,
    }
}
