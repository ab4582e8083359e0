//! Measurements: one measured value with its source, window and time, and the target that it is held against.
//!
//! **Invariant:** a value is measured, never typed in. What could not be measured has no value, and never passes.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::{Faults, rules};
use crate::verdict::Verdict;

pub use self::finding::{Baseline, Finding};
pub use self::measuring::{Answer, Mark, Marks, Measuring, Take, Until, is_due_again};

mod finding;
mod line;
mod measuring;
#[cfg(test)]
mod tests;

/// From the start of the incident until the key calls succeed again, in seconds.
pub const RTO: &str = "rto";

/// What was written and is not on the other side, as the stretch of time in which it was written, in seconds.
pub const RPO: &str = "rpo";

/// How far the standby's reading lags behind what it has received, in seconds. None of it is lost.
pub const REPLAY_LAG: &str = "replay_lag";

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
    /// How its value is measured; without it by the clocks of a drill, or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<Measuring>,
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
            measure: None,
        }
    }

    /// The bound in the unit of the measurement; none as long as its baseline is not measured.
    pub fn bound(&self) -> Option<f64> {
        let measured_first = self.measure.as_ref().is_some_and(|it| it.baseline_s.is_some());
        match self.baseline {
            Some(baseline) => Some(self.limit * baseline),
            None => (!measured_first).then_some(self.limit),
        }
    }

    /// Unknown where the value is not a number, or nothing is known to compare it with.
    pub fn verdict(&self, value: f64) -> Verdict {
        let bound = self.bound().filter(|it| it.is_finite() && value.is_finite());
        let Some(bound) = bound else { return Verdict::Unknown };
        let met = match self.comparison {
            Comparison::AtMost => value <= bound,
            Comparison::AtLeast => value >= bound,
        };
        if met { Verdict::Pass } else { Verdict::Fail }
    }

    /// Whether keeping this one keeps the other too; false where the two cannot be compared.
    pub fn is_at_least_as_strict_as(&self, other: &Self) -> bool {
        let alike = self.name == other.name
            && self.unit == other.unit
            && self.comparison == other.comparison;
        let (Some(own), Some(others)) = (self.bound(), other.bound()) else { return false };
        alike
            && match self.comparison {
                Comparison::AtMost => own <= others,
                Comparison::AtLeast => own >= others,
            }
    }

    pub(crate) fn check(&self, faults: &mut Faults<'_>) {
        faults.at("name").refuse(rules::name(&self.name));
        faults.at("limit").refuse(rules::finite(self.limit));
        if let Some(baseline) = self.baseline {
            faults.at("baseline").refuse(rules::finite(baseline));
        }
    }
}

/// From when to when something was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// One reading that a measurement was made from; no value where there was none, or none that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub at: DateTime<Utc>,
    pub value: Option<f64>,
}

/// The version of an objective that a value was judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judge {
    pub name: String,
    pub version: i32,
}

/// One value that was measured, never typed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    pub name: String,
    /// None where it could not be measured.
    pub value: Option<f64>,
    pub unit: String,
    /// Against the target of its name; nothing where there is none.
    pub verdict: Option<Verdict>,
    /// Whose clock or which query: `rollback RB-20261016-01`.
    pub source: String,
    /// The query that gave it, where one did.
    pub query: Option<String>,
    pub window: Window,
    /// When it was measured.
    pub at: DateTime<Utc>,
    /// Nothing where a target of its own judged it, or none.
    pub objective: Option<Judge>,
    /// What the measuring came to, beyond the value; why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The readings it was made from, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}

impl Measurement {
    /// The time between two moments, in seconds.
    pub fn span(name: &str, window: Window, source: String, targets: &[Target]) -> Self {
        let value = seconds(window.to - window.from);
        let target = targets.iter().find(|it| it.name == name);
        Self {
            name: name.to_owned(),
            value: Some(value),
            unit: "s".to_owned(),
            verdict: target.map(|it| it.verdict(value)),
            source,
            query: None,
            window,
            at: window.to,
            objective: None,
            result: None,
            samples: Vec::new(),
        }
    }
}

/// Never less than none.
pub(crate) fn seconds(span: TimeDelta) -> f64 {
    (span.num_milliseconds() as f64 / 1000.0).max(0.0)
}
