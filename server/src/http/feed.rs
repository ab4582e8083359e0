//! The calendar as a feed (RFC 5545), for whoever holds a private link.

use app::doors::Context;
use app::wishes::calendar::{self, Entry};
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use domain::access::{Action, Caller};
use domain::calendar::Standing;
use domain::texts::Lang;
use domain::texts::calendar::TEXTS;
use domain::tokens;
use icalendar::{Calendar, Component, Event, EventLike, EventStatus};
use serde::Deserialize;

use super::{Visit, Web};

/// Calendars of other programs ask for it again and again; this is what they show.
const BACK: TimeDelta = TimeDelta::days(90);
const AHEAD: TimeDelta = TimeDelta::days(400);

#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    token: String,
}

/// The same answer for a link that never was and for one that leads nowhere any more.
pub(super) async fn calendar(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(Link { token }): Query<Link>,
) -> Response {
    match read(&web, &visit, &token).await {
        Ok(Some(feed)) => {
            let kind = [(header::CONTENT_TYPE, "text/calendar; charset=utf-8")];
            (kind, feed).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!("the calendar could not be read: {error:?}");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

async fn read(
    web: &Web,
    visit: &Visit,
    token: &str,
) -> Result<Option<String>, app::pages::error::Error> {
    let Some(user) = store::calendar::user_of_link(&web.db, tokens::hash(token)).await? else {
        return Ok(None);
    };
    let Some(account) = store::users::get(&web.db, user).await? else { return Ok(None) };
    let lang = account.language.unwrap_or(visit.lang);
    let Web { db, zone, vault, .. } = web.clone();
    let caller = Caller::Person(account.user);
    let cx = Context { db, caller, now: visit.now, zone, request: None, vault };
    let (from, until) = (cx.now - BACK, cx.now + AHEAD);
    let entries =
        cx.read(Action::Read, async |cx| calendar::between(cx, from, until).await).await?;
    Ok(Some(feed(&entries, lang)))
}

fn feed(entries: &[Entry], lang: Lang) -> String {
    let t = TEXTS.of(lang);
    let mut calendar = Calendar::new();
    calendar.name(t.title);
    for it in entries {
        let expected = &it.expected.drill.entry;
        let word = (t.standing_of)(it.standing);
        let numbers: Vec<&str> = it.drills.iter().map(|it| it.number.as_str()).collect();
        let status = match it.standing {
            Standing::Upcoming | Standing::Due | Standing::Missed => EventStatus::Tentative,
            Standing::Planned | Standing::Running | Standing::Held => EventStatus::Confirmed,
        };
        let event = Event::new()
            // Stays when it is moved, so that a calendar moves its entry and makes no second one.
            .uid(&format!("{}/{}@lifeboat", expected.name, it.occurrence.period))
            .summary(&format!("{} · {word}", expected.scenario))
            .description(&[expected.source.as_str(), &numbers.join(", ")].join("\n"))
            .starts(it.occurrence.from)
            .ends(it.occurrence.until)
            .status(status)
            .done();
        calendar.push(event);
    }
    calendar.done().to_string()
}
