//! What is protected, and by which rules. Both pages only show: services come from the catalog.

pub mod detail;
pub mod list;
mod policy;
mod readiness;
mod signals;

use domain::policies::Mode;
use domain::services::{Service, Standing, WorkloadRef};
use domain::texts::services;
use domain::workloads::Workload;
use leptos::prelude::*;

pub(in crate::pages) use self::policy::policy_panel;
pub(in crate::pages) use self::signals::{severity_mark, signals_panel, threshold};
use super::ui::{Tone, badge, mark};
use super::visit::texts;

/// The workloads that the catalog names, each with what the watch saw of it.
fn members<'a>(
    service: &'a Service,
    seen: &'a [Workload],
) -> Vec<(&'a WorkloadRef, Option<&'a Workload>)> {
    let named = |named: &WorkloadRef| seen.iter().find(|it| it.reference() == *named);
    service.workloads.iter().map(|it| (it, named(it))).collect()
}

/// As its worst workload.
fn standing(service: &Service, seen: &[Workload]) -> Standing {
    let each = members(service, seen).into_iter().map(|(_, seen)| Standing::of(seen));
    each.max().unwrap_or(Standing::Unseen)
}

fn standing_mark(standing: Standing) -> AnyView {
    let tone = match standing {
        Standing::Well => Tone::Ok,
        Standing::Progressing => Tone::Live,
        Standing::Unseen => Tone::Idle,
        Standing::NotReady => Tone::Warn,
        Standing::Stuck | Standing::Gone => Tone::Bad,
    };
    mark(tone, (texts(&services::TEXTS).standing_of)(standing))
}

pub(in crate::pages) fn mode_badge(mode: Mode) -> AnyView {
    let tone = match mode {
        Mode::Off | Mode::Shadow => Tone::Idle,
        Mode::Suggest => Tone::Warn,
        Mode::Auto => Tone::Live,
    };
    badge(tone, (texts(&services::TEXTS).mode_of)(mode))
}

fn rollback_link(number: String) -> AnyView {
    view! { <a href=format!("/rollbacks/{number}")>{number.clone()}</a> }.into_any()
}
