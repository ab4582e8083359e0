//! What waits for the reader, one line each.

use chrono::TimeDelta;
use domain::access::Role;
use domain::attention::{Item, Urgency};
use domain::texts::attention::TEXTS;
use leptos::prelude::*;

use crate::pages::ui::{Button, Queue, Tone, Waiting, badge, countdown, number_of, when_short};
use crate::pages::visit::{texts, visit};
use crate::wishes::attention::Now;

/// More than that is no list of what is next.
const SHOWN: usize = 40;

/// What ends so soon has a running clock.
const CLOCK: TimeDelta = TimeDelta::hours(2);

pub(super) fn panel(now: &Now) -> AnyView {
    let t = texts(&TEXTS);
    let items = &now.items;
    let worst = items.first().map(|it| tone(it.urgency));
    let panel = worst.filter(|it| matches!(it, Tone::Bad | Tone::Warn));
    let title = if now.looks_on { t.public } else { t.queue };
    let content = match items.is_empty() {
        true => fine(now),
        false => {
            let rows: Vec<_> = items.iter().take(SHOWN).enumerate().map(row).collect();
            let more = items.len().saturating_sub(SHOWN);
            let more = (more > 0).then(|| view! { <p class="empty">{(t.more)(more)}</p> });
            view! { <Queue>{rows}</Queue> {more} }.into_any()
        }
    };
    let count = number_of(items.len(), panel);
    view! {
        <section class="panel" data-state=panel.map(Tone::as_str) aria-labelledby="queue">
            <header>
                <h2 id="queue">{title}</h2>
                {count}
            </header>
            {content}
        </section>
    }
    .into_any()
}

const fn tone(urgency: Urgency) -> Tone {
    match urgency {
        Urgency::Overdue => Tone::Bad,
        Urgency::AtRisk => Tone::Warn,
        Urgency::Later => Tone::Live,
        Urgency::NoDue => Tone::Idle,
    }
}

fn row((n, it): (usize, &Item)) -> AnyView {
    let t = texts(&TEXTS);
    let entry = &it.entry;
    let (what, why) = ((t.what)(entry.kind), (t.why)(&entry.detail));
    let title = if entry.title.is_empty() { what.to_owned() } else { entry.title.clone() };
    let why = match why.is_empty() {
        true => what.to_owned(),
        false => format!("{what}{}{why}", t.colon),
    };
    let label = if it.mine { (t.act)(entry.kind) } else { t.look };
    let kind = if n == 0 && it.mine { Button::Primary } else { Button::Plain };
    let name = format!("{label}: {title}");
    let act = view! {
        <a class=kind.class() href=entry.href.clone() aria-label=name>
            {label}
        </a>
    };
    view! {
        <Waiting
            badge=badge(tone(it.urgency), (t.urgency_of)(it.urgency))
            href=entry.href.clone()
            title=title
            why=why
            due=due(it)
            act=act.into_any()
        />
    }
    .into_any()
}

/// How much time is left, or since when it waits.
fn due(it: &Item) -> AnyView {
    let t = texts(&TEXTS);
    let (entry, now) = (&it.entry, visit().now);
    let Some(due) = entry.due else {
        let since = domain::texts::short_time(entry.since, now, &visit().zone);
        return view! { <span>{(t.since)(&since)}</span> }.into_any();
    };
    let left = due - now;
    if left > TimeDelta::zero() && left < CLOCK {
        return countdown(due, due - entry.since, t.clock, "", false);
    }
    let said = if left > TimeDelta::zero() { (t.left)(left) } else { (t.over)(-left) };
    view! {
        <b>{said}</b>
        " "
        {when_short(due)}
    }
    .into_any()
}

/// Nothing waits: what that means for this reader, and what comes next.
fn fine(now: &Now) -> AnyView {
    let t = texts(&TEXTS);
    let next = match now.next_drill() {
        Some(drill) => {
            let name = format!("{} {}", drill.number, drill.scenario);
            let href = format!("/drills/{}", drill.number);
            view! { {t.next_drill} " " <a href=href>{name}</a> " " {when_short(drill.planned_at)} }
                .into_any()
        }
        None => t.next_none.into_any(),
    };
    view! {
        <div class="body">
            <p>{(t.fine)(role())}</p>
            <p>
                <small>{next}</small>
            </p>
        </div>
    }
    .into_any()
}

/// By which the reader is mostly here.
fn role() -> Role {
    let user = visit().user;
    let first = [Role::Sre, Role::Dba, Role::Pmo, Role::Responder, Role::Admin];
    let has = |role: &Role| user.as_ref().is_some_and(|it| it.has(*role));
    first.into_iter().find(has).unwrap_or(Role::Viewer)
}
