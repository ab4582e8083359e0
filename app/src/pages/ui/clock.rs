//! Moments, durations and running limits, in the reader's zone and language.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::texts;
use leptos::prelude::*;

use crate::islands::Clock;
use crate::islands::clock::Limit;
use crate::pages::visit::visit;

/// `2026-10-16 03:12:08 UTC+8`
pub fn when(at: DateTime<Utc>) -> AnyView {
    let shown = texts::time(at, &visit().zone);
    view! { <time datetime=machine(at)>{shown}</time> }.into_any()
}

/// `10-16 03:12:08`, for columns; the whole moment is its title.
pub fn when_short(at: DateTime<Utc>) -> AnyView {
    let visit = visit();
    let shown = texts::short_time(at, visit.now, &visit.zone);
    view! { <time datetime=machine(at) title=texts::time(at, &visit.zone)>{shown}</time> }
        .into_any()
}

/// `5 分 40 秒`
pub fn took(duration: TimeDelta) -> AnyView {
    let seconds = duration.num_milliseconds() as f64 / 1000.0;
    view! { <time datetime=format!("PT{seconds}S")>{texts::duration(visit().lang, duration)}</time> }
    .into_any()
}

fn machine(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Time to decide: from `of` down to `until`, and on below zero. Amber, because somebody is waited for; red in its
/// last fifth.
/// `label` says aloud what runs, `then` what happens at zero ("后失效").
pub fn countdown(
    until: DateTime<Utc>,
    of: TimeDelta,
    label: &'static str,
    then: impl ToString,
    large: bool,
) -> AnyView {
    let of = of.num_seconds();
    let limit = Limit::Down { of, warn: of, bad: of / 5 };
    let seconds = (until - visit().now).num_seconds();
    let then = then.to_string();
    view! { <Clock seconds limit label=label.to_owned() large><small>{then}</small></Clock> }
        .into_any()
}

/// A duration that must not be exceeded: from `since` up to `of`, at risk from `warn`.
pub fn stopwatch(
    since: DateTime<Utc>,
    of: TimeDelta,
    warn: TimeDelta,
    label: &'static str,
    then: impl ToString,
    large: bool,
) -> AnyView {
    let limit = Limit::Up { of: of.num_seconds(), warn: warn.num_seconds() };
    let seconds = (visit().now - since).num_seconds();
    let then = then.to_string();
    view! { <Clock seconds limit label=label.to_owned() large><small>{then}</small></Clock> }
        .into_any()
}
