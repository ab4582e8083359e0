//! Wishes about the calendar: putting an occurrence to another time, and the private link of the feed.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Action, Subject};
use domain::calendar::{Move, Occurrence, Standing, standing};
use domain::drills::{Refusal, StateName};
use domain::fields::{Fault, Faults};
use domain::ids::ExpectedDrillId;
use domain::tokens;
use sqlx::PgConnection;
use store::calendar::{Planned, Stated};

use crate::doors::Context;
use crate::pages::error::Error;

/// An occurrence is looked for, and may be put, so far from where it is.
const FAR: TimeDelta = TimeDelta::days(400);

/// One occurrence of an expected drill with what became of it, as calendars show it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub expected: Stated,
    pub occurrence: Occurrence,
    /// The newest last.
    pub moves: Vec<Move>,
    pub drills: Vec<Planned>,
    pub standing: Standing,
}

/// Everything that is expected between two moments, the earliest first.
pub async fn between(
    cx: &Context,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Entry>, Error> {
    let stated = store::calendar::list(&cx.db).await?;
    let mut moves = store::calendar::moves(&cx.db).await?;
    let mut drills = HashMap::<(ExpectedDrillId, String), Vec<Planned>>::new();
    for drill in store::calendar::planned_since(&cx.db, from - FAR).await? {
        drills.entry((drill.expected, drill.period.clone())).or_default().push(drill);
    }
    let mut entries = Vec::new();
    for expected in stated {
        let moves = moves.remove(&expected.drill.id).unwrap_or_default();
        for occurrence in around(cx, &expected, &moves, from, to) {
            let key = (expected.drill.id, occurrence.period.clone());
            let drills = drills.remove(&key).unwrap_or_default();
            let states: Vec<StateName> = drills.iter().map(|it| it.state).collect();
            let standing = standing(&occurrence, expected.drill.count, &states, cx.now);
            let moves = moves.iter().filter(|it| it.period == occurrence.period).cloned();
            let (moves, expected) = (moves.collect(), expected.clone());
            entries.push(Entry { expected, occurrence, moves, drills, standing });
        }
    }
    entries.sort_by_key(|it| it.occurrence.from);
    Ok(entries)
}

/// The occurrences that touch a stretch of time, where they were put.
fn around(
    cx: &Context,
    expected: &Stated,
    moves: &[Move],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Vec<Occurrence> {
    let (drill, since) = (&expected.drill.entry, expected.stated_at);
    // One that was put here may come from far away.
    let far = if moves.is_empty() { TimeDelta::zero() } else { FAR };
    let all = drill.occurrences(cx.zone, since, from - far, to + far).into_iter();
    let all = all.map(|it| it.moved(moves));
    all.filter(|it| it.until > from && it.from < to).collect()
}

/// The occurrence of an expected drill that a moment lies in; nobody else plans one of it meanwhile.
///
/// # Errors
/// A fault where nothing is expected by this name; [`Refusal::NotExpectedThen`].
pub(super) async fn occurrence_at(
    cx: &Context,
    tx: &mut PgConnection,
    name: &str,
    at: DateTime<Utc>,
) -> Result<(Stated, Occurrence), Error> {
    let expected = match store::calendar::lock(tx, name).await {
        Err(store::Error::NotFound) => return Err(Error::field("expected", Fault::Unknown)),
        other => other?,
    };
    let moves = store::calendar::moves(&mut *tx).await?.remove(&expected.drill.id);
    let around = around(cx, &expected, &moves.unwrap_or_default(), at, at + TimeDelta::seconds(1));
    let found = around.into_iter().find(|it| it.covers(at));
    Ok((expected, found.ok_or(Refusal::NotExpectedThen)?))
}

/// Puts an occurrence to another time.
///
/// # Errors
/// Faults by field; [`Refusal::PeriodOver`] once its time is over.
pub async fn put_off(
    cx: &Context,
    name: &str,
    period: &str,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    reason: &str,
) -> Result<Occurrence, Error> {
    cx.enter(Action::PlanDrill)?;
    let mut faults = Faults::default();
    super::drills::text(&mut faults, "reason", reason);
    if until <= from {
        faults.add("until", Fault::Malformed("it lies before the beginning".into()));
    } else if until <= cx.now {
        faults.add("until", Fault::Malformed("it lies in the past".into()));
    }
    faults.into_result()?;
    cx.write(Action::PlanDrill, Subject::new("expected-drills", name), async |cx, tx| {
        let expected = store::calendar::lock(tx, name).await?;
        let moves = store::calendar::moves(&mut **tx).await?.remove(&expected.drill.id);
        let all = around(cx, &expected, &moves.unwrap_or_default(), cx.now - FAR, cx.now + FAR);
        let found = all.into_iter().find(|it| it.period == period);
        let found = found.ok_or_else(|| Error::field("period", Fault::Unknown))?;
        if found.until <= cx.now {
            return Err(Refusal::PeriodOver.into());
        }
        if (from - found.from).abs() > FAR {
            return Err(Error::field("from", Fault::Malformed("more than a year away".into())));
        }
        let to = Move {
            period: period.to_owned(),
            from,
            until,
            reason: reason.trim().to_owned(),
            by: cx.caller.actor().to_string(),
            at: cx.now,
        };
        store::calendar::put_off(tx, expected.drill.id, &to).await?;
        tx.detail("period", period);
        tx.detail("before", (found.from, found.until));
        tx.detail("after", (from, until));
        tx.detail("reason", &to.reason);
        Ok(found.moved(&[to]))
    })
    .await
}

/// Makes the caller a link to the feed; one made before leads nowhere any more.
pub async fn link(cx: &Context) -> Result<(), Error> {
    let user = cx.user()?.clone();
    let token = super::tokens::random();
    let sealed = cx.vault.seal(&owner(user.id), token.as_bytes());
    let sealed = sealed.map_err(super::one_time::internal)?;
    cx.write(Action::EditProfile, Subject::new("users", &user.name), async |cx, tx| {
        store::calendar::link(tx, user.id, tokens::hash(&token), &sealed, cx.now).await?;
        tx.detail("calendar_link", "made");
        Ok(())
    })
    .await
}

/// The link leads nowhere from now on.
pub async fn unlink(cx: &Context) -> Result<(), Error> {
    let user = cx.user()?.clone();
    cx.write(Action::EditProfile, Subject::new("users", &user.name), async |_, tx| {
        if !store::calendar::unlink(tx, user.id).await? {
            return Err(Error::NotFound);
        }
        tx.detail("calendar_link", "removed");
        Ok(())
    })
    .await
}

/// The token of the caller's own link.
pub async fn token(cx: &Context) -> Result<Option<String>, Error> {
    let user = cx.user()?.id;
    let Some(sealed) = store::calendar::sealed_link(&cx.db, user).await? else { return Ok(None) };
    // Sealed with a key that is gone, it is a link of which nobody knows; a new one can be made.
    let opened = cx.vault.open(&owner(user), &sealed).ok();
    Ok(opened.and_then(|it| String::from_utf8(it).ok()))
}

fn owner(user: domain::ids::UserId) -> String {
    format!("calendar/{user}")
}
