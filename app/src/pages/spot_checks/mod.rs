//! Spot checks: the ledger with what is owed and what is covered, one of them with its draw, and planning one.

pub mod actions;
mod deciding;
pub mod detail;
mod draw;
pub mod list;
pub mod new;
mod results;

use chrono::NaiveDate;
use domain::business_days::Calendar;
use domain::spot_checks::{CheckName, Escalation, Retest, SpotCheck, State};
use domain::texts::spot_checks::TEXTS;
use domain::texts::{duration, number, percent};
use leptos::prelude::*;

use super::drills::tone_of;
use super::ui::{Tone, badge};
use super::visit::{texts, visit};

/// How a spot check stands, as colour and word: its state until it is judged, and then its verdict.
fn standing(it: &SpotCheck) -> AnyView {
    let t = texts(&TEXTS);
    let tone = match &it.state {
        State::Planned | State::Populated => Tone::Idle,
        State::Drawn => Tone::Live,
        State::Recorded => Tone::Warn,
        State::Accepted(_) => Tone::Ok,
        State::Cancelled { .. } => Tone::Idle,
    };
    let verdict = it.verdict().map(|verdict| {
        view! { " " {badge(tone_of(verdict), (t.verdict_of)(verdict))} }
    });
    view! { {badge(tone, (t.state_of)(it.state.name()))} {verdict} }.into_any()
}

/// A measured value, as people say it.
fn quantity(name: CheckName, value: f64) -> String {
    match name {
        CheckName::HitRate => percent(value),
        CheckName::Closure => {
            duration(visit().lang, chrono::TimeDelta::milliseconds((value * 1000.0) as i64))
        }
        _ => number(value),
    }
}

fn bound(name: CheckName, limit: f64) -> String {
    let t = texts(&TEXTS);
    let limit = quantity(name, limit);
    if name.at_least() { (t.at_least)(&limit) } else { (t.at_most)(&limit) }
}

/// The day on which a re-test is due, how far that is, and how loudly it was asked for.
fn due(retest: &Retest, today: NaiveDate, calendar: &Calendar) -> AnyView {
    let t = texts(&TEXTS);
    let Some(day) = retest.due.day() else {
        let why = domain::business_days::MissingYear(retest.due.missing().unwrap_or_default());
        return badge(Tone::Bad, (t.missing_year)(why));
    };
    let (tone, said) = match calendar.left(today, day) {
        Ok(left) if left < 0 => (Tone::Bad, (t.left)(left)),
        Ok(left) if left <= domain::spot_checks::retests::SOON => (Tone::Warn, (t.left)(left)),
        Ok(left) => (Tone::Idle, (t.left)(left)),
        Err(missing) => (Tone::Bad, (t.missing_year)(missing)),
    };
    let asked = match retest.escalation {
        Escalation::None => None,
        Escalation::Soon => Some(t.escalated_soon),
        Escalation::Overdue => Some(t.escalated_overdue),
    };
    let asked = asked.map(|it| view! { <small>{it}</small> });
    view! { <time datetime=day.to_string()>{day.to_string()}</time> " " {badge(tone, said)} " " {asked} }.into_any()
}

/// Who, without what kind of actor it is.
fn person(actor: &str) -> String {
    actor.split_once(':').map_or(actor, |(_, name)| name).to_owned()
}
