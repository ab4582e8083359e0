//! Incidents that are wished for, and runbooks that are proposed.

use chrono::TimeDelta;

use super::{Detail, Entry, Kind, Whom};
use crate::access::Action;
use crate::openings::{self, Opening, Priority};

/// Somebody takes it up within this time.
fn response(priority: Option<Priority>) -> TimeDelta {
    match priority {
        Some(Priority::P0) => TimeDelta::minutes(15),
        Some(Priority::P1) => TimeDelta::minutes(30),
        Some(Priority::P2) | None => TimeDelta::hours(2),
        Some(Priority::P3) => TimeDelta::hours(4),
    }
}

pub fn entry(it: &Opening) -> Entry {
    let kind = match it.kind {
        openings::Kind::Incident => Kind::IncidentWish,
        openings::Kind::Runbook => Kind::RunbookProposed,
    };
    let severity = it.severity.map(|it| it.as_str().to_uppercase());
    let title = [severity, Some(it.service_name.clone()), it.rollback_number.clone()];
    Entry {
        kind,
        subject: format!("openings/{}", it.id),
        title: title.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        detail: Detail::Said { text: it.said.clone() },
        whom: Whom::may(Action::OpenIncident).at(Some((&it.service_name, &it.team))),
        since: it.opened_at,
        due: Some(it.opened_at + response(it.severity)),
        at_risk: Some(it.opened_at),
        href: it.href(),
    }
}
