//! A Flagger Canary, as far as its status says where it stands.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

words!(
    /// As Flagger spells them.
    Phase {
        Initializing = "Initializing",
        Initialized = "Initialized",
        Waiting = "Waiting",
        Progressing = "Progressing",
        WaitingPromotion = "WaitingPromotion",
        Promoting = "Promoting",
        Finalising = "Finalising",
        Succeeded = "Succeeded",
        Failed = "Failed",
        Terminating = "Terminating",
        Terminated = "Terminated",
    }
);

/// What is read of a Canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    pub uid: String,
    /// `None` for a word that is not known here.
    pub phase: Option<Phase>,
    pub failed_checks: i64,
    /// Per cent of the traffic that goes to the new version.
    pub weight: i64,
    /// When the phase last changed.
    pub since: Option<DateTime<Utc>>,
    /// Nothing goes on, whatever happens.
    pub suspended: bool,
}

/// What came of a wish that a Canary goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WentBack {
    /// It is at it, or will ask at its next look.
    NotYet,
    Yes,
    /// It had gone back already.
    Before,
    /// There is nothing to go back from: it asks only while a release is under way.
    Nothing,
}

impl Phase {
    /// Whether Flagger asks whether to go back.
    pub const fn can_go_back(self) -> bool {
        matches!(self, Phase::Waiting | Phase::Progressing | Phase::WaitingPromotion)
    }
}

/// `wished_at` is when the gate was opened.
pub fn went_back(canary: &Canary, wished_at: DateTime<Utc>) -> WentBack {
    match canary.phase {
        Some(Phase::Failed) if canary.since.is_some_and(|it| it >= seconds(wished_at)) => {
            WentBack::Yes
        }
        Some(Phase::Failed) => WentBack::Before,
        Some(phase) if phase.can_go_back() => WentBack::NotYet,
        // A phase that comes before the first release, after one, or that nobody here knows.
        _ => WentBack::Nothing,
    }
}

/// Kubernetes writes times without fractions.
fn seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}
