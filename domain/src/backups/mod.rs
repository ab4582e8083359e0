//! The backup matrix: what is copied, how often, how long it is kept and where, and whether that is so.
//!
//! A [`Backup`] is a row of the matrix and comes from a catalog. A copy is one artefact of it ([`Copy`]); workers
//! bring copies from the row's [`Source`]. [`assess`] says what follows from both at a moment.
//!
//! **Invariant:** a row counts as fresh only where somebody looked, lately, and found a copy that is young enough.
//! What cannot be looked at is unknown, and unknown is never fresh.

mod findings;
mod freshness;
pub mod heartbeat;
mod pattern;
mod row;
mod source;

#[cfg(test)]
mod tests;

pub use findings::{Finding, findings, rpo_gaps};
pub use freshness::{
    Assessment, Freshness, Look, OfTenant, SKEW, Seen, Tally, assess, look_every, turns_red,
};
pub use pattern::{Match, Pattern};
pub use row::{Backup, Encryption, Offsite, Pace, Retention};
pub use source::{Source, SourceKind};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

words!(
    /// Where a copy lies: at the row's own place, or where its off-site copies go.
    Site { Here = "here", Offsite = "offsite" }
);

words!(
    /// What became of one attempt. Only what was done and holds something is a copy to go back to.
    Outcome { Done = "done", Failed = "failed" }
);

/// One artefact of a backup, as a source told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Whose data it is, where the row keeps tenants apart; else empty.
    pub tenant: String,
    /// What the source calls it: a path, a commit, the name of a job. One artefact is one copy.
    pub artefact: String,
    /// When it was complete.
    pub taken_at: DateTime<Utc>,
    pub outcome: Outcome,
    /// Bytes, where the source knows.
    pub size: Option<u64>,
    pub sha256: Option<String>,
    /// Nothing where the source cannot tell.
    pub encrypted: Option<bool>,
}

impl Copy {
    pub fn done(artefact: impl Into<String>, taken_at: DateTime<Utc>) -> Self {
        Self {
            tenant: String::new(),
            artefact: artefact.into(),
            taken_at,
            outcome: Outcome::Done,
            size: None,
            sha256: None,
            encrypted: None,
        }
    }
}
