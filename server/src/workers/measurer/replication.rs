//! RPO: how far a standby is behind its primary, asked of both.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Action, Actor, Subject};
use domain::measurements::{Measurement, RPO, Sample, Window};
use domain::objectives::{Dated, Finding, Position, Replicated, Replication, Standby};
use serde_json::json;
use sqlx::PgConnection;
use store::measurements::Filter;
use store::objectives::positions;

use super::World;
use crate::adapters::postgres::{self, Answer, Error};

/// A value that says the same as the one before is kept once in so long.
const KEPT_EVERY: TimeDelta = TimeDelta::seconds(60);

/// Positions that are kept as the samples of a value; the newest.
const MOST_SAMPLES: usize = 60;

const ACTOR: Actor = Actor::Worker("measurer");

pub(super) async fn tick(world: &World) -> Result<(), store::Error> {
    let objectives = store::objectives::list(&world.db).await?;
    let looks = objectives.iter().filter_map(|objective| {
        let replication = objective.objective.replication.as_ref()?;
        Some(async move {
            if let Err(error) = look(world, objective, replication).await {
                let name = &objective.objective.name;
                tracing::warn!(objective = %name, "the RPO could not be measured: {error:#}");
            }
        })
    });
    futures::future::join_all(looks).await;
    Ok(())
}

/// What both sides said, and when.
struct Told {
    primary: Result<Answer, Error>,
    primary_at: DateTime<Utc>,
    standby: Result<Answer, Error>,
    standby_at: DateTime<Utc>,
}

async fn look(
    world: &World,
    objective: &Dated,
    replication: &Replication,
) -> Result<(), store::Error> {
    let measurements = measure(world, objective, replication).await?;
    keep(world, objective, &measurements).await
}

/// Asks both sides how far they are, and remembers where the primary was.
///
/// # Errors
/// Only those of our own database; whatever else goes wrong is a measurement without a value.
pub async fn measure(
    world: &World,
    objective: &Dated,
    replication: &Replication,
) -> Result<Vec<Measurement>, store::Error> {
    let heartbeat = replication.heartbeat.as_ref();
    let variable = crate::config::variable;
    // One after the other: what the standby has received is asked later, so that what is on its way is no loss.
    let primary = postgres::ask(&replication.primary, heartbeat, variable).await;
    let primary_at = world.now();
    let standby = postgres::ask(&replication.standby, heartbeat, variable).await;
    let told = Told { primary, primary_at, standby, standby_at: world.now() };

    let mut tx = world.db.begin().await?;
    if let Ok(Answer { in_recovery: false, flushed: Some(lsn), .. }) = told.primary {
        let position = Position { at: told.primary_at, lsn };
        positions::remember(&mut tx, objective.id, position).await?;
    }
    let known = positions::list(&mut *tx, objective.id).await?;
    let at = told.standby_at;
    let measurements = match of_standby(&told) {
        Err(finding) => vec![without_value(objective, &finding, at)],
        Ok(standby) => {
            let heartbeat = told.primary.as_ref().ok().and_then(|it| it.heartbeat);
            let it = Replicated { positions: &known, heartbeat, standby };
            if let Some(before) = it.forget_before() {
                positions::forget(&mut tx, objective.id, before).await?;
            }
            it.backlog().measurements(objective, at, samples(&known))
        }
    };
    tx.commit().await?;
    Ok(measurements)
}

async fn keep(
    world: &World,
    objective: &Dated,
    measurements: &[Measurement],
) -> Result<(), store::Error> {
    let Some(new) = measurements.first() else { return Ok(()) };
    let mut tx = world.db.begin().await?;
    let last = last(&mut tx, objective).await?;
    if !says_something_new(new, last.as_ref()) {
        return Ok(());
    }
    let subject = Subject::new("objectives", &objective.objective.name);
    store::measurements::insert(&mut tx, &subject, None, measurements).await?;
    if last.is_none_or(|it| it.verdict != new.verdict) {
        let details = crate::audit::details(json!({
            "measured": new.name, "value": new.value, "verdict": new.verdict, "result": new.result,
        }));
        store::audit::record(&mut tx, &ACTOR, Action::Observe, &subject, details, new.at).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What the standby says of itself, or why nothing can be said of it.
fn of_standby(told: &Told) -> Result<Standby, Finding> {
    let trouble = |side: &str, error: &Error| {
        let reason = format!("{side}: {error}");
        match error.is_of_settings() {
            true => Finding::NoSource { reason },
            false => Finding::NoAnswer { reason },
        }
    };
    let standby = told.standby.as_ref().map_err(|it| trouble("standby", it))?;
    match &told.primary {
        Err(error) if error.is_of_settings() => return Err(trouble("primary", error)),
        Ok(primary) if primary.system != standby.system => return Err(Finding::Strangers),
        Ok(primary) if primary.in_recovery => return Err(Finding::NotAPrimary),
        // A primary that is away is what the standby is for; its last position is known.
        _ => {}
    }
    let replayed = standby.replayed.filter(|_| standby.in_recovery);
    // What a primary that answers has written, it had written when it answered.
    let at = if told.primary.is_ok() { told.primary_at } else { told.standby_at };
    Ok(Standby {
        at,
        received: standby.received,
        replayed: replayed.ok_or(Finding::NotAStandby)?,
        since_last_replay_s: standby.since_last_replay_s,
        heartbeat: standby.heartbeat,
    })
}

fn without_value(objective: &Dated, finding: &Finding, at: DateTime<Utc>) -> Measurement {
    Measurement {
        name: RPO.to_owned(),
        value: None,
        unit: "s".to_owned(),
        verdict: objective.objective.verdict(RPO, None),
        source: format!("replication of {}", objective.objective.name),
        query: None,
        window: Window { from: at, to: at },
        at,
        objective: Some(objective.judge()),
        result: Some(finding.to_value()),
        samples: Vec::new(),
    }
}

/// Positions as bytes from the beginning of the log.
fn samples(positions: &[Position]) -> Vec<Sample> {
    let newest = positions.iter().skip(positions.len().saturating_sub(MOST_SAMPLES));
    newest.map(|it| Sample { at: it.at, value: Some(it.lsn.0 as f64) }).collect()
}

async fn last(
    tx: &mut PgConnection,
    objective: &Dated,
) -> Result<Option<Measurement>, store::Error> {
    let subject = Subject::new("objectives", &objective.objective.name);
    let filter = Filter {
        subject: Some(subject.to_string()),
        name: Some(RPO.to_owned()),
        limit: 1,
        ..Filter::default()
    };
    let last = store::measurements::list(tx, &filter).await?.pop();
    Ok(last.map(|it| it.measurement))
}

/// Another verdict, another finding, another version, or enough time since the last.
fn says_something_new(new: &Measurement, last: Option<&Measurement>) -> bool {
    let found = |it: &Measurement| it.result.as_ref().and_then(Finding::of_value);
    let kind = |it: &Measurement| found(it).as_ref().map(std::mem::discriminant);
    last.is_none_or(|last| {
        last.verdict != new.verdict
            || kind(last) != kind(new)
            || last.objective != new.objective
            || new.at - last.at >= KEPT_EVERY
    })
}
