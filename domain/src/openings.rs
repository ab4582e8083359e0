//! What is opened for people where a rollback is not the answer, or has not been one: an incident that is wished for,
//! a runbook that is proposed.
//!
//! **Invariant:** one for each reason, however often the reason is found, and never on the word of a webhook alone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::alerts::{Alert, Labels};
use crate::ids::{AlertId, OpeningId, RollbackId, ServiceId};
use crate::rollbacks::{Closure, MOST_ASKED, Rollback, State};
use crate::signals::{Opens, Severity, Signal};
use crate::verdict::Verdict;

words!(
    /// What is opened.
    Kind { Incident = "incident", Runbook = "runbook" }
);

words!(
    /// Why.
    Cause {
        Signal = "signal",
        NotVerified = "not_verified",
        Failed = "failed",
        // Its approval has expired as often as it is asked for.
        Unanswered = "unanswered",
    }
);

words!(
    /// How grave an incident is.
    Priority { P0 = "p0", P1 = "p1", P2 = "p2", P3 = "p3" }
);

#[derive(Clone, Debug, PartialEq)]
pub struct New {
    pub kind: Kind,
    pub cause: Cause,
    /// Of an incident; a runbook has none.
    pub severity: Option<Priority>,
    pub service: ServiceId,
    pub alert: Option<AlertId>,
    pub rollback: Option<RollbackId>,
    pub said: String,
    pub runbook: Option<String>,
    pub trace_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    pub id: OpeningId,
    pub kind: Kind,
    pub cause: Cause,
    pub severity: Option<Priority>,
    pub service: ServiceId,
    pub service_name: String,
    pub team: String,
    pub alert: Option<AlertId>,
    pub rollback: Option<RollbackId>,
    pub rollback_number: Option<String>,
    pub said: String,
    pub runbook: Option<String>,
    pub trace_id: Option<String>,
    pub opened_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub ended_by: Option<String>,
    pub ended_why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("it has been taken up or put aside already")]
    Over,
}

impl Opening {
    /// The page on which it is taken up.
    pub fn href(&self) -> String {
        match &self.rollback_number {
            Some(number) => format!("/rollbacks/{number}#openings"),
            None => "/alerts#openings".to_owned(),
        }
    }
}

/// What a signal of this severity is worth as an incident.
fn priority(severity: Severity) -> Priority {
    match severity {
        Severity::Emergency => Priority::P0,
        Severity::Critical => Priority::P1,
        Severity::Warning => Priority::P2,
        Severity::Info => Priority::P3,
    }
}

/// What a firing alert opens beside a rollback. Only where our own sources see it too: `confirmed`.
pub fn of_alert(alert: &Alert, signal: &Signal, confirmed: Verdict) -> Option<New> {
    let service = alert.service?;
    let (kind, severity) = match signal.opens {
        Opens::Rollback => return None,
        Opens::Incident => (Kind::Incident, Some(priority(signal.severity))),
        Opens::Runbook => (Kind::Runbook, None),
    };
    confirmed.passed().then(|| New {
        kind,
        cause: Cause::Signal,
        severity,
        service,
        alert: Some(alert.id),
        rollback: None,
        said: said(alert),
        runbook: signal.runbook.clone(),
        trace_id: trace_id(&alert.annotations, &alert.labels),
    })
}

/// What a rollback leaves to people: it was carried out and did not help, it broke off half done, or nobody answered
/// as often as it is asked. One that takes back the fault of a drill is the drill's affair.
pub fn of_rollback(rollback: &Rollback) -> Option<New> {
    if rollback.drill.is_some() {
        return None;
    }
    let reason = rollback.state.reason().unwrap_or_default();
    let (cause, said) = match &rollback.state {
        State::Closed { closure: Closure::NotVerified | Closure::Unknown, .. }
            // A checklist that nobody ticked says nothing against the service.
            if rollback.verification.verdict != Some(Verdict::Pass)
                && rollback.times.executed_at.is_some() =>
        {
            (Cause::NotVerified, reason.to_owned())
        }
        State::Failed { .. } => (Cause::Failed, reason.to_owned()),
        State::Expired if rollback.asked >= MOST_ASKED => {
            (Cause::Unanswered, format!("nobody answered in {MOST_ASKED} approvals"))
        }
        _ => return None,
    };
    Some(New {
        kind: Kind::Incident,
        cause,
        severity: Some(Priority::P1),
        service: rollback.service,
        alert: None,
        rollback: Some(rollback.id),
        said,
        runbook: None,
        trace_id: None,
    })
}

fn said(alert: &Alert) -> String {
    let text =
        ["description", "summary", "message"].iter().find_map(|it| alert.annotations.get(*it));
    match text {
        Some(text) => format!("{}: {text}", alert.name),
        None => alert.name.clone(),
    }
}

/// The trace that an alert belongs to: as its sender names it, and only where it looks like one.
pub fn trace_id(annotations: &Labels, labels: &Labels) -> Option<String> {
    let found = [annotations, labels]
        .into_iter()
        .flat_map(|it| ["trace_id", "traceID", "traceId"].iter().filter_map(|name| it.get(*name)))
        .next()?;
    let sound = (8..=64).contains(&found.len())
        && found.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    sound.then(|| found.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_named_by_its_id_and_by_nothing_else() {
        let of = |value: &str| {
            let annotations = Labels::from([("trace_id".to_owned(), value.to_owned())]);
            trace_id(&annotations, &Labels::new())
        };
        assert_eq!(
            of("4bf92f3577b34da6a3ce929d0e0e4736").as_deref(),
            Some("4bf92f3577b34da6a3ce929d0e0e4736")
        );
        assert_eq!(of("javascript:alert(1)"), None);
        assert_eq!(of("short"), None);
        assert_eq!(trace_id(&Labels::new(), &Labels::new()), None);
    }

    #[test]
    fn the_weight_of_a_signal_is_that_of_its_incident() {
        let all = Severity::ALL.iter().map(|it| priority(*it)).collect::<Vec<_>>();
        assert_eq!(all, [Priority::P3, Priority::P2, Priority::P1, Priority::P0]);
    }
}
