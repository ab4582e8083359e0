//! Asks for re-tests: once when the day on which one is due is near, and once when it is over.
//!
//! Everything is decided from the rows and the day, so a process that dies loses nothing: the next one looks again.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use domain::access::{Action, Actor, Subject};
use domain::business_days::Calendar;
use domain::ids::SpotCheckId;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval};

use super::World;

/// What changes from day to day is soon enough seen within a minute.
const PERIOD: Duration = Duration::from_secs(60);

const ACTOR: Actor = Actor::Worker("spot-checks");

/// For ever.
pub async fn run(world: World) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while world.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let now = world.now();
        if let Err(error) = tick(&world.db, world.today(now), now).await {
            tracing::warn!("re-tests will be looked at again: {error:#}");
        }
    }
}

/// One look at every re-test that is owed. `today` is in the installation's zone. An error about one does not keep the
/// others waiting.
///
/// # Errors
/// Only where the list itself cannot be read.
pub async fn tick(db: &PgPool, today: NaiveDate, now: DateTime<Utc>) -> Result<(), store::Error> {
    let owed = store::spot_checks::owed(db).await?;
    if owed.is_empty() {
        return Ok(());
    }
    let calendar = store::holidays::calendar(db, today).await?;
    for check in owed.iter().filter(|it| it.escalate(today, &calendar).is_some()) {
        if let Err(error) = escalate(db, check.id, today, &calendar, now).await {
            tracing::warn!(spot_check = %check.number, "a re-test could not be asked for: {error:#}");
        }
    }
    Ok(())
}

async fn escalate(
    db: &PgPool,
    id: SpotCheckId,
    today: NaiveDate,
    calendar: &Calendar,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    let mut tx = db.begin().await?;
    let mut check = store::spot_checks::lock(&mut tx, id).await?;
    // Two processes may have seen the same.
    let Some(asked) = check.escalate(today, calendar) else { return Ok(()) };
    if let Some(retest) = &mut check.retest_of {
        retest.escalation = asked;
    }
    store::spot_checks::save(&mut tx, &check).await?;
    let retest = check.retest_of.as_ref();
    let details = json!({
        "escalation": asked,
        "retest_of": retest.map(|it| &it.of_number),
        "due_on": retest.and_then(|it| it.due.day()),
        "business_days_left": retest
            .and_then(|it| it.due.day())
            .and_then(|due| calendar.left(today, due).ok()),
    });
    let subject = Subject::new("spot-checks", &check.number);
    let details = crate::audit::details(details);
    store::audit::record(&mut tx, &ACTOR, Action::Escalate, &subject, details, now).await?;
    tx.commit().await?;
    Ok(())
}
