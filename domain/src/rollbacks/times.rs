//! Where the time of a rollback went.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Moments by the server's clock. The spans between them are the time split of a rollback.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// The first bad sample or container state.
    pub onset_at: Option<DateTime<Utc>>,
    /// The alert was stored, or the person asked.
    pub detected_at: Option<DateTime<Utc>>,
    pub decided_at: Option<DateTime<Utc>>,
    /// The last approval that was needed.
    pub approved_at: Option<DateTime<Utc>>,
    /// The effect is proven.
    pub executed_at: Option<DateTime<Utc>>,
    /// The first moment of the healthy stretch that then held its window.
    pub healthy_at: Option<DateTime<Utc>>,
}

/// The split in seconds; None where one of the two moments is missing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    pub detect_s: Option<f64>,
    pub decide_s: Option<f64>,
    pub approve_s: Option<f64>,
    pub execute_s: Option<f64>,
    pub verify_s: Option<f64>,
}

impl Times {
    pub fn split(&self) -> Split {
        let span = |from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>| {
            Some(((to? - from?).num_microseconds()?.max(0) as f64) / 1e6)
        };
        Split {
            detect_s: span(self.onset_at, self.detected_at),
            decide_s: span(self.detected_at, self.decided_at),
            approve_s: span(self.decided_at, self.approved_at),
            execute_s: span(self.approved_at, self.executed_at),
            verify_s: span(self.executed_at, self.healthy_at),
        }
    }

    /// Mean time to recover counts from the onset to the first moment of lasting health; the observation
    /// and the checklist are outside it.
    pub fn recovery(&self) -> Option<TimeDelta> {
        Some(self.healthy_at? - self.onset_at?)
    }
}
