//! The four parts of the overview. Each takes plain rows, the most urgent first.

use chrono::{DateTime, TimeDelta, Utc};
use domain::texts::{ago, overview};
use leptos::either::Either;
use leptos::prelude::*;

use crate::pages::ui::{
    Panel, Queue, Tone, Waiting, badge, countdown, empty, number_of, stopwatch,
};
use crate::pages::visit::{texts, visit};

/// A rollback or a run that waits for people.
pub(super) struct Approval {
    pub(super) href: String,
    /// `api-gateway: v0.4.0 → v0.3.1`
    pub(super) title: String,
    pub(super) why: String,
    pub(super) given: u32,
    pub(super) needed: u32,
    pub(super) until: DateTime<Utc>,
    /// How long there was to approve it in all.
    pub(super) window: TimeDelta,
}

/// A plan that is being carried out.
pub(super) struct Running {
    pub(super) href: String,
    pub(super) title: String,
    /// The step it is at, in words.
    pub(super) step: String,
    pub(super) tone: Tone,
    pub(super) state: String,
    pub(super) since: DateTime<Utc>,
}

pub(super) struct Drill {
    pub(super) href: String,
    pub(super) number: String,
    pub(super) scenario: String,
    pub(super) lead: String,
    /// T0; not there before it has begun.
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) limit: TimeDelta,
    pub(super) at_risk: TimeDelta,
}

/// An alert that fires.
pub(super) struct Alert {
    pub(super) href: String,
    pub(super) name: String,
    /// The service, or what was said of a thing that matches none.
    pub(super) about: String,
    pub(super) severity: &'static str,
    pub(super) tone: Tone,
    pub(super) since: DateTime<Utc>,
}

pub(super) fn approvals(rows: Vec<Approval>) -> AnyView {
    let t = texts(&overview::TEXTS);
    let count = rows.len();
    let tone = (count > 0).then_some(Tone::Warn);
    let row = |(i, it): (usize, Approval)| {
        let clock = countdown(it.until, it.window, t.time_to_approve, t.then_expired, false);
        let kind = if i == 0 { "button primary" } else { "button" };
        view! {
            <Waiting
                badge=badge(Tone::Warn, (t.approved_of)(it.given, it.needed)).into_any()
                href=it.href.clone()
                title=it.title
                why=it.why
                due=clock.into_any()
                act=view! { <a class=kind href=it.href>{t.review}</a> }.into_any()
            />
        }
    };
    let content = match count {
        0 => Either::Left(empty(t.no_approvals)),
        _ => Either::Right(view! {
            <Queue>{rows.into_iter().enumerate().map(row).collect_view()}</Queue>
        }),
    };
    view! {
        <section class="panel" data-state=tone.map(Tone::as_str) aria-labelledby="approvals">
            <header>
                <h2 id="approvals">{t.approvals}</h2>
                {number_of(count, tone)}
                <div class="note"><a href="/rollbacks">{t.all_rollbacks}</a></div>
            </header>
            {content}
        </section>
    }
    .into_any()
}

pub(super) fn running(rows: Vec<Running>) -> AnyView {
    let t = texts(&overview::TEXTS);
    let count = number_of(rows.len(), None).into_any();
    let row = |it: Running| {
        view! {
            <Waiting
                badge=badge(it.tone, it.state).into_any()
                href=it.href
                title=it.title
                why=it.step
                due=since(it.since).into_any()
            />
        }
    };
    let content = list(rows, t.nothing_running, row);
    view! { <Panel id="running" title=t.running badge=count>{content}</Panel> }.into_any()
}

pub(super) fn drills(rows: Vec<Drill>) -> AnyView {
    let t = texts(&overview::TEXTS);
    let count = number_of(rows.len(), None).into_any();
    let row = |it: Drill| {
        let clock = it.since.map(|since| {
            stopwatch(since, it.limit, it.at_risk, t.closure, t.closure, false).into_any()
        });
        view! {
            <Waiting
                badge=badge(Tone::Live, it.number).into_any()
                href=it.href
                title=it.scenario
                why=it.lead
                due=clock.unwrap_or_else(|| ().into_any())
            />
        }
    };
    let content = list(rows, t.no_drills, row);
    let all = view! { <a href="/drills">{t.all_drills}</a> }.into_any();
    view! { <Panel id="drills" title=t.drills badge=count note=all>{content}</Panel> }.into_any()
}

pub(super) fn alerts(rows: Vec<Alert>) -> AnyView {
    let t = texts(&overview::TEXTS);
    let tone = (!rows.is_empty()).then_some(Tone::Bad);
    let count = number_of(rows.len(), tone).into_any();
    let row = |it: Alert| {
        view! {
            <Waiting
                badge=badge(it.tone, it.severity).into_any()
                href=it.href
                title=it.name
                why=it.about
                due=since(it.since).into_any()
            />
        }
    };
    let content = list(rows, t.no_alerts, row);
    let all = view! { <a href="/alerts">{t.all_alerts}</a> }.into_any();
    view! { <Panel id="alerts" title=t.alerts badge=count note=all>{content}</Panel> }.into_any()
}

fn list<T, V: IntoView + 'static>(
    rows: Vec<T>,
    nothing: &'static str,
    row: impl Fn(T) -> V,
) -> AnyView {
    if rows.is_empty() {
        return empty(nothing).into_any();
    }
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    view! { <Queue>{rows}</Queue> }.into_any()
}

fn since(at: DateTime<Utc>) -> AnyView {
    let visit = visit();
    let title = domain::texts::time(at, &visit.zone);
    view! { <b title=title>{ago(visit.lang, visit.now - at)}</b> }.into_any()
}
