//! What measuring a target came to, beyond the value.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Kept with a measurement as its result; why there is no value or no verdict, where there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Finding {
    /// One value of so many readings.
    Value {
        readings: usize,
        expected: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        baseline: Option<Baseline>,
    },
    /// It did not hold when the window ended, or not for long enough.
    NeverHeld { until: DateTime<Utc> },
    /// The source has no readings of the window.
    NoData,
    /// There are readings, and none is a number: `NaN`, as where nobody calls.
    NotANumber,
    /// Fewer readings than have to be there.
    Partial { readings: usize, expected: usize },
    /// Nothing is known of the end of the window.
    Gap { from: DateTime<Utc>, to: DateTime<Utc> },
    /// The query comes to several values, and nothing says which one is meant.
    ManySeries { found: usize },
    /// The source was asked and did not answer, or not with an answer.
    NoAnswer { reason: String },
    /// Nothing says whom to ask.
    NoSource { reason: String },
    /// There is a value, and nothing to compare it with.
    NoBaseline { why: Box<Finding> },
    /// A baseline of which there is no share.
    NotPositive { value: f64 },
}

/// What it was before, and when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    pub value: f64,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

impl Finding {
    /// None for the result of something else.
    pub fn of_value(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    /// Whether looking again would say the same.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Value { .. } | Self::NeverHeld { .. })
    }
}
