//! Did it help? Automatic checks over a window, and a human checklist.
//!
//! **Invariant:** only a stretch of passing looks that lasts the whole window passes. A look that could not be
//! taken breaks the stretch as a failing one does: unknown is never a pass.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::checks::CheckResult;
use crate::ids::UserId;
use crate::verdict::Verdict;

/// A service that was brought back is healthy within five minutes (KPHub, "Rollback Validation"); later than
/// that plus the window the question is answered with what is seen.
pub const RECOVERY_LIMIT: TimeDelta = TimeDelta::minutes(5);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// The newest look.
    pub checks: Vec<CheckResult>,
    pub healthy_since: Option<DateTime<Utc>>,
    pub looked_at: Option<DateTime<Utc>>,
    /// None while it is being watched.
    pub verdict: Option<Verdict>,
    /// What settled it, in words.
    pub why: String,
    pub checklist: Vec<ChecklistItem>,
    /// Which step failed after others of its workloads were back: what is verified is a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partly: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChecklistItem {
    pub name: String,
    pub done: bool,
    pub note: Option<String>,
    pub by: Option<UserId>,
    pub at: Option<DateTime<Utc>>,
}

impl ChecklistItem {
    pub fn open(name: impl Into<String>) -> Self {
        Self { name: name.into(), done: false, note: None, by: None, at: None }
    }
}

/// One look at a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    pub at: DateTime<Utc>,
    pub checks: Vec<CheckResult>,
    /// What runs is no longer the target; in words.
    pub drift: Option<String>,
}

impl Verification {
    pub(super) fn look(
        &mut self,
        look: Observation,
        executed_at: DateTime<Utc>,
        window: TimeDelta,
    ) {
        self.looked_at = Some(look.at);
        if self.verdict.is_some() {
            self.checks = look.checks;
            return;
        }
        let blocking = look.checks.iter().filter(|it| it.blocking);
        let seen = Verdict::all(blocking.map(|it| it.verdict));
        let first_bad = look.checks.iter().find(|it| it.blocking && it.verdict != Verdict::Pass);
        let bad = first_bad.map(|it| format!("{}: {}", it.name, it.message)).unwrap_or_default();
        self.checks = look.checks;
        if let Some(moved) = look.drift {
            (self.verdict, self.why) = (Some(Verdict::Fail), moved);
            return;
        }
        match seen {
            Verdict::Pass => {
                let since = *self.healthy_since.get_or_insert(look.at);
                if look.at - since >= window {
                    self.verdict = Some(Verdict::Pass);
                }
            }
            Verdict::Fail | Verdict::Unknown => {
                self.healthy_since = None;
                self.why = bad;
                if look.at - executed_at >= window + RECOVERY_LIMIT {
                    self.verdict = Some(seen);
                }
            }
        }
    }
}
