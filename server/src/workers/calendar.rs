//! Looks for expected drills that did not happen, and puts each into the ledger as a missed one.
//!
//! Decided from the calendar, the ledger and the time, under a lock of the expected drill, so that it makes no
//! difference how many processes look, and how often.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use domain::access::{Action, Actor, Subject};
use domain::calendar::{ExpectedDrill, Move, Occurrence, missing};
use domain::drills::{Drill, Expected, OfService, State, StateName};
use domain::ids::ExpectedDrillId;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use store::calendar::Stated;
use tokio::time::{MissedTickBehavior, interval};

use super::World;

/// A period ends at midnight; half a minute is soon enough.
const PERIOD: Duration = Duration::from_secs(30);
/// What ended longer ago was looked at then, unless nobody was there for so long.
const LOOK_BACK: TimeDelta = TimeDelta::days(400);

const ACTOR: Actor = Actor::Worker("calendar");

/// For ever.
pub async fn run(world: World) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while world.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = tick(&world.db, world.zone, world.now()).await {
            tracing::warn!("the calendar will be looked at again: {error:#}");
        }
    }
}

/// One look at every period that has ended.
///
/// # Errors
/// Where the calendar or the ledger cannot be read or written; what was found before stays.
pub async fn tick(db: &PgPool, zone: Tz, now: DateTime<Utc>) -> Result<(), store::Error> {
    let since = now - LOOK_BACK;
    let moves = store::calendar::moves(db).await?;
    let mut known = HashMap::<(ExpectedDrillId, String), Vec<StateName>>::new();
    for drill in store::calendar::planned_since(db, since - LOOK_BACK).await? {
        known.entry((drill.expected, drill.period)).or_default().push(drill.state);
    }
    for stated in store::calendar::list(db).await? {
        let id = stated.drill.id;
        let moves: &[Move] = moves.get(&id).map(Vec::as_slice).unwrap_or_default();
        let ended = stated.drill.occurrences(zone, stated.stated_at, since, now).into_iter();
        for occurrence in ended.map(|it| it.moved(moves)).filter(|it| it.until <= now) {
            let drills = known.get(&(id, occurrence.period.clone())).map(Vec::as_slice);
            if missing(&occurrence, stated.drill.count, drills.unwrap_or_default(), now) > 0 {
                miss(db, zone, &stated, &occurrence, now).await?;
            }
        }
    }
    Ok(())
}

/// Writes as many missed drills as are missing, once nobody else can plan or miss one of them.
async fn miss(
    db: &PgPool,
    zone: Tz,
    stated: &Stated,
    occurrence: &Occurrence,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    let mut tx = db.begin().await?;
    let stated = match store::calendar::lock(&mut tx, &stated.drill.name).await {
        // Meanwhile nobody expects it any more.
        Err(store::Error::NotFound) => return Ok(()),
        other => other?,
    };
    let (id, expected) = (stated.drill.id, &stated.drill.entry);
    let states = store::calendar::states_of(&mut *tx, id, &occurrence.period).await?;
    for _ in 0..missing(occurrence, expected.count, &states, now) {
        let drill = missed(&mut tx, id, expected, occurrence, now).await?;
        let day = now.with_timezone(&zone).date_naive();
        let drill = store::drills::insert(&mut tx, drill, day).await?;
        let details = json!({
            "state": drill.state.name(), "expected": expected.name, "period": occurrence.period,
        });
        let (subject, details) =
            (Subject::new("drills", &drill.number), crate::audit::details(details));
        store::audit::record(&mut tx, &ACTOR, Action::FollowDrill, &subject, details, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn missed(
    tx: &mut PgConnection,
    id: ExpectedDrillId,
    expected: &ExpectedDrill,
    occurrence: &Occurrence,
    now: DateTime<Utc>,
) -> Result<Drill, store::Error> {
    let service = match &expected.service {
        Some(name) => match store::services::by_name(tx, name).await {
            Ok(service) => Some(OfService::from(service)),
            // It was taken out of the catalog, and the drill was expected all the same.
            Err(store::Error::NotFound) => None,
            Err(other) => return Err(other),
        },
        None => None,
    };
    Ok(Drill {
        script: expected.script.clone(),
        service,
        headcount: expected.headcount,
        expected: Some(Expected {
            id,
            name: expected.name.clone(),
            period: occurrence.period.clone(),
        }),
        planned_by: ACTOR.to_string(),
        closure_limit_s: expected.closure_limit_s,
        targets: expected.targets.clone(),
        state: State::Missed { reason: None },
        created_at: now,
        ..Drill::of(expected.scenario.clone(), expected.r#type, occurrence.from)
    })
}
