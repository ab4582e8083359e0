//! Prints the report of each closed quarter and stores it: under its name, and as evidence of the quarter.
//!
//! A close only owes the report, and stands whatever becomes of it. What is made is written down before it is stored,
//! and it is stored before it is said to be; so a process may die anywhere, and the next one finds the file or makes
//! the same one again. What lies under the name already is never replaced.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::access::{Action, Actor, Subject};
use domain::evidence::{Evidence, EvidenceKind, NotKept, Sha256};
use domain::ids::EvidenceId;
use domain::quarters::paper::paper;
use domain::quarters::report::{Fault, File, Report, State, path};
use domain::trends::Period;
use futures::stream;
use serde_json::json;
use sha2::Digest;
use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval};

use super::World;
use crate::adapters::objects::{Broken, Objects};
use crate::reports::{self, NotPrinted};

/// Whoever closes a quarter looks at it for a moment longer.
const PERIOD: Duration = Duration::from_secs(5);

const ACTOR: Actor = Actor::Worker("reports");

/// Until it is told to stop.
pub async fn run(world: World, objects: Objects) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while world.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let ticked = tick(&world.db, &objects, world.zone, world.now());
        if let Some(Err(error)) = world.stop.run_until_cancelled(ticked).await {
            tracing::warn!("reports will be looked at again: {error:#}");
        }
    }
}

/// One attempt for every report that is due. `zone` is for a quarter whose own nobody knows any more.
///
/// # Errors
/// Of the database; what keeps a report from being stored is written down beside it.
pub async fn tick(
    db: &PgPool,
    objects: &Objects,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    let owed = store::quarters::reports::owed(db).await?;
    for report in owed.into_iter().filter(|it| it.is_due(now)) {
        let period = report.period;
        // Held until the report is stored or was given up: nobody else makes it at the same time.
        let mut claim = db.begin().await?;
        if !store::quarters::reports::claim(&mut claim, period).await? {
            continue;
        }
        match follow(db, objects, zone, period, now).await {
            Ok(()) => {}
            Err(Error::Store(error)) => return Err(error),
            Err(Error::Fault(fault)) => {
                tracing::warn!(quarter = %period, "the report is not stored: {}", fault.as_str());
                store::quarters::reports::failed(db, period, fault, now).await?;
            }
        }
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the database failed")]
    Store(#[from] store::Error),
    #[error("it cannot be stored: {}", .0.as_str())]
    Fault(Fault),
}

impl From<NotKept> for Error {
    fn from(why: NotKept) -> Self {
        Self::Fault(why.into())
    }
}

/// From whatever was reached before, to the end.
async fn follow(
    db: &PgPool,
    objects: &Objects,
    zone: Tz,
    period: Period,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(Report { state: State::Due { made, .. }, .. }) =
        store::quarters::reports::find(db, period).await?
    else {
        // Somebody else has stored it since it was seen.
        return Ok(());
    };
    let lies = objects.hash_of(&path(period)).await?;
    let file = match made.filter(|it| lies.as_ref() == Some(&it.sha256)) {
        // Whoever stored it did not come back to say so.
        Some(file) => file,
        None => make(db, objects, zone, period).await?,
    };
    record(db, period, &file, now).await?;
    Ok(())
}

async fn make(db: &PgPool, objects: &Objects, zone: Tz, period: Period) -> Result<File, Error> {
    let pdf = printed(db, zone, period).await?;
    let sha256 = Sha256::new(sha2::Sha256::digest(&pdf).into());
    let file = File { sha256, size: pdf.len() as u64 };
    store::quarters::reports::made(db, period, &file).await?;
    let pdf = Bytes::from(pdf);
    let received = objects.receive(stream::iter([Ok::<_, Infallible>(pdf.clone())])).await;
    objects
        .keep(received.map_err(|broken| match broken {
            Broken::NotKept(why) => Error::from(why),
            Broken::Empty => Error::Fault(Fault::Broken),
            Broken::Stream(never) => match never {},
        })?)
        .await?;
    objects.put_once(&path(period), pdf).await?;
    match objects.hash_of(&path(period)).await? {
        Some(lies) if lies == file.sha256 => Ok(file),
        Some(_) => Err(Error::Fault(Fault::Taken)),
        None => Err(Error::Fault(Fault::Away)),
    }
}

async fn printed(db: &PgPool, zone: Tz, period: Period) -> Result<Vec<u8>, Error> {
    let quarter = store::quarters::find(db, period).await?.ok_or(store::Error::NotFound)?;
    let rows = store::quarters::rows(db, period, None, i64::MAX).await?;
    let facts: Vec<_> = rows.into_iter().map(|it| it.fact).collect();
    let zone = quarter.zone.parse().unwrap_or(zone);
    let paper = paper(&quarter, &facts, &zone).map_err(|error| {
        tracing::error!(quarter = %period, "{error}");
        Error::Fault(Fault::Differs)
    })?;
    reports::quarter(&quarter, &paper).await.map_err(|error| {
        tracing::error!(quarter = %period, "the report is not printed: {error}");
        Error::Fault(match error {
            NotPrinted::TooSlow => Fault::TooSlow,
            NotPrinted::Broken(_) => Fault::Broken,
        })
    })
}

/// Says that it is stored, and what it proves.
async fn record(
    db: &PgPool,
    period: Period,
    file: &File,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    let mut tx = db.begin().await?;
    if !store::quarters::reports::stored(&mut tx, period, file, now).await? {
        return Ok(());
    }
    let subject = Subject::new("quarters", period);
    let evidence = Evidence {
        id: EvidenceId::NEW,
        sha256: file.sha256.clone(),
        size: file.size,
        media_type: "application/pdf".to_owned(),
        name: format!("{period}.pdf"),
        kind: EvidenceKind::Report,
        subject: subject.as_str().to_owned(),
        restricted: false,
        uploaded_by: ACTOR.to_string(),
        uploaded_at: now,
        erased: None,
    };
    store::evidence::insert(&mut tx, &evidence).await?;
    let details = crate::audit::details(json!({
        "sha256": file.sha256, "size": file.size, "path": path(period),
    }));
    store::audit::record(&mut tx, &ACTOR, Action::StoreReport, &subject, details, now).await?;
    tx.commit().await?;
    Ok(())
}
