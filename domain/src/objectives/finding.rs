//! What measuring came to, beyond the value.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Lsn;

/// Kept with a measurement as its result; why there is no value, where there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Finding {
    /// The key calls succeed again since then.
    Back { at: DateTime<Utc>, held_until: DateTime<Utc> },
    /// The incident is over, and no call ever fell below.
    NeverDown { until: DateTime<Utc> },
    /// Nobody measures the calls; the ledger's own clock says when the service was back.
    ByLedger { at: DateTime<Utc> },
    /// No call has fallen below yet.
    NotSeen { until: DateTime<Utc> },
    /// The calls are down, or not back for long enough.
    NotYet { until: DateTime<Utc> },
    /// The source has no samples at all.
    NoData,
    /// There are samples, and none is a number: `NaN`, as where nobody calls.
    NotANumber,
    /// Nothing is known of a stretch in which it may have happened.
    Gap { from: DateTime<Utc>, to: DateTime<Utc> },
    /// Of some key calls there are no samples.
    MissingSeries { found: usize, expected: usize },
    /// The source was asked and did not answer, or not with an answer.
    NoAnswer { reason: String },
    /// Nothing says whom to ask.
    NoSource { reason: String },
    /// What the primary has written and the standby has not.
    Loss {
        bytes: u64,
        primary: Lsn,
        primary_at: DateTime<Utc>,
        received: Lsn,
        /// When the primary was where the standby is; nothing where that was before it was watched.
        same_at: Option<DateTime<Utc>>,
    },
    /// By the row that is written all the time.
    Heartbeat { primary: DateTime<Utc>, standby: DateTime<Utc> },
    /// What the standby has received and not read.
    ReplayLag { bytes: u64, received: Lsn, replayed: Lsn },
    /// The primary has not answered since it is watched.
    NoPosition,
    /// The standby is none any more: it was promoted, or never was one.
    NotAStandby,
    /// The primary is none: it is in recovery itself.
    NotAPrimary,
    /// The two are not copies of one database.
    Strangers,
}

impl Finding {
    /// As a measurement keeps it.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// None for the result of something else.
    pub fn of_value(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    /// Whether looking again would say the same.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Back { .. } | Self::NeverDown { .. } | Self::ByLedger { .. })
    }
}
