//! The evidence that the ledger asks for.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Times;
use crate::evidence::{Evidence, EvidenceKind, Sha256};

words!(
    /// By when evidence has to be there.
    Due {
        // With the recovery: the drill is not over before.
        T1 = "t1",
        Day = "24h",
    }
);

/// A piece of evidence that the ledger asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    pub kind: EvidenceKind,
    pub due: Due,
    pub satisfied_by: Option<Satisfied>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Satisfied {
    pub sha256: Sha256,
    pub at: DateTime<Utc>,
}

/// After T1 there is so much time for the rest of the evidence (Glancy §6).
const DAY: TimeDelta = TimeDelta::hours(24);

impl Due {
    /// How much time there is for it, in a drill with this closure limit.
    pub const fn within(self, closure_limit: TimeDelta) -> TimeDelta {
        match self {
            Due::T1 => closure_limit,
            Due::Day => DAY,
        }
    }
}

impl Requirement {
    /// By when it has to be there: within the closure limit, or a day after T1. Nothing before that is known.
    pub fn deadline(&self, times: &Times, closure_limit: TimeDelta) -> Option<DateTime<Utc>> {
        let from = match self.due {
            Due::T1 => times.t0,
            Due::Day => times.t1,
        };
        from.map(|it| it + self.due.within(closure_limit))
    }

    /// Whether it came, or has not come by now, after its deadline.
    pub fn is_late(&self, deadline: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        let came = self.satisfied_by.as_ref().map_or(now, |it| it.at);
        deadline.is_some_and(|it| came > it)
    }

    pub const fn open(kind: EvidenceKind, due: Due) -> Self {
        Self { kind, due, satisfied_by: None }
    }

    /// What the ledger asks for unless the drill says otherwise: three screenshots and the log with its hash at
    /// T1, and within a day what the provider's console recorded.
    pub fn usual() -> Vec<Self> {
        use EvidenceKind::{ConsoleRecord, Log, Screenshot};
        let t1 = [Screenshot, Screenshot, Screenshot, Log].map(|it| Self::open(it, Due::T1));
        t1.into_iter().chain([Self::open(ConsoleRecord, Due::Day)]).collect()
    }
}

/// Gives a new file to the first requirement that it meets. The same file never counts twice.
pub fn satisfy(requirements: &mut [Requirement], evidence: &Evidence) {
    let is_it =
        |it: &Requirement| it.satisfied_by.as_ref().is_some_and(|by| by.sha256 == evidence.sha256);
    if requirements.iter().any(is_it) {
        return;
    }
    let open = |it: &&mut Requirement| it.kind == evidence.kind && it.satisfied_by.is_none();
    // What is due first is met first.
    let mut by_due: Vec<_> = requirements.iter_mut().collect();
    by_due.sort_by_key(|it| it.due);
    if let Some(requirement) = by_due.into_iter().find(open) {
        let sha256 = evidence.sha256.clone();
        requirement.satisfied_by = Some(Satisfied { sha256, at: evidence.uploaded_at });
    }
}
