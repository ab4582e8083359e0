//! The backup matrix, and one row of it. Rows come from the catalog and copies from their sources; all that is done
//! here is to give a row the token with which its copies are told.

pub mod actions;
pub mod detail;
pub mod list;
mod token;

use domain::backups::{Assessment, Backup, Finding, Freshness};
use domain::texts::backups::TEXTS;
use leptos::prelude::*;

use super::ui::{Tone, badge, mark};
use super::visit::texts;

fn tone_of(freshness: Freshness) -> Tone {
    match freshness {
        Freshness::Fresh => Tone::Ok,
        Freshness::Due => Tone::Warn,
        Freshness::Unknown => Tone::Idle,
        Freshness::Stale | Freshness::Never => Tone::Bad,
    }
}

fn state_badge(freshness: Freshness) -> AnyView {
    badge(tone_of(freshness), (texts(&TEXTS).state_of)(freshness))
}

fn finding_mark(finding: &Finding) -> AnyView {
    let tone = if finding.is_grave() { Tone::Bad } else { Tone::Warn };
    mark(tone, (texts(&TEXTS).finding)(finding))
}

/// The age of the newest copy in intervals of the row, with a bar that is full at two.
fn age_bar(row: &Backup, assessed: &Assessment) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let age = assessed.age?.num_milliseconds() as f64;
    let interval = row.pace().limit().num_milliseconds().max(1) as f64;
    let ratio = age / interval;
    let value = (ratio * 100.0).min(200.0).round();
    let bar = view! {
        <span>{(t.of_interval)(ratio)}</span>
        <progress max="200" value=value aria-label=(t.progress)(&row.name)></progress>
    };
    Some(bar.into_any())
}
