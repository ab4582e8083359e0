//! What a drill has to reach, what it reached, and how that is proven.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, EvidenceKind, Sha256};
use crate::verdict::Verdict;

words!(Comparison { AtMost = "at_most", AtLeast = "at_least" });

/// What a value has to keep to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The measurement it is for: `rto`, `mttd`, ….
    pub name: String,
    /// `s`, `ratio`, `count`, ….
    #[serde(default)]
    pub unit: String,
    #[serde(default = "at_most")]
    pub comparison: Comparison,
    /// In the unit; with a baseline, how many times the baseline.
    pub limit: f64,
    /// What the value usually is, in the unit, where the target is relative to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
}

fn at_most() -> Comparison {
    Comparison::AtMost
}

impl Target {
    /// In seconds, at most.
    pub fn within(name: &str, seconds: f64) -> Self {
        Self {
            name: name.to_owned(),
            unit: "s".to_owned(),
            comparison: Comparison::AtMost,
            limit: seconds,
            baseline: None,
        }
    }

    /// The bound in the unit of the measurement.
    pub fn bound(&self) -> f64 {
        self.limit * self.baseline.unwrap_or(1.0)
    }

    /// Unknown where the value is not a number.
    pub fn verdict(&self, value: f64) -> Verdict {
        let met = match self.comparison {
            _ if !value.is_finite() => return Verdict::Unknown,
            Comparison::AtMost => value <= self.bound(),
            Comparison::AtLeast => value >= self.bound(),
        };
        if met { Verdict::Pass } else { Verdict::Fail }
    }
}

/// From when to when something was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// One value that was measured, never typed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    pub name: String,
    pub value: f64,
    pub unit: String,
    /// Against the target of its name; nothing where there is none.
    pub verdict: Option<Verdict>,
    /// Whose clock or which query: `rollback RB-20261016-01`.
    pub source: String,
    /// The query that gave it, where one did.
    pub query: Option<String>,
    pub window: Window,
}

impl Measurement {
    /// The time between two moments, in seconds.
    pub fn span(name: &str, window: Window, source: String, targets: &[Target]) -> Self {
        let span = window.to - window.from;
        let value = (span.num_milliseconds() as f64 / 1000.0).max(0.0);
        let target = targets.iter().find(|it| it.name == name);
        Self {
            name: name.to_owned(),
            value,
            unit: "s".to_owned(),
            verdict: target.map(|it| it.verdict(value)),
            source,
            query: None,
            window,
        }
    }
}

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

impl Requirement {
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
