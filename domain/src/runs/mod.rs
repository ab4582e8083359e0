//! Runs: the carrying out of one plan.
//!
//! **Invariant:** what a run does next follows from its row and the time alone ([`Run::next`]). Before a step acts
//! on the world its intent is written down, so whoever takes over from a dead process looks whether the effect is
//! there already, and nothing happens twice.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use self::next::Next;
pub use self::notes::{DeletedPod, Note};
pub use self::steps::{Ended, Intent, Proof, StepRecord, StepState};
use crate::approvals::{Approval, Refusal as Unapproved, Required};
use crate::ids::{DrillId, RollbackId, RunId, ServiceId};
use crate::plans::{Moved, Plan};

mod approving;
mod next;
mod notes;
mod progress;
mod steps;
#[cfg(test)]
mod tests;
mod wishes;

/// A run that somebody paused and forgot ends by itself.
pub const PAUSE_LIMIT: TimeDelta = TimeDelta::hours(24);

#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub id: RunId,
    pub service: Option<ServiceId>,
    pub purpose: Purpose,
    pub plan: Plan,
    pub state: State,
    /// As the audit log writes it: `user:alice`, `machine:ci`, `worker:detector`.
    pub requested_by: String,
    pub reason: String,
    pub requested_at: DateTime<Utc>,
    pub required: Required,
    pub approvals: Vec<Approval>,
    /// One for each step of the plan, in the same order.
    pub steps: Vec<StepRecord>,
    /// What somebody wants of a run that is in the middle of a step.
    pub wish: Option<Wish>,
    /// How many of the times of `required.escalate_at` have come: the contact level that was asked last.
    pub escalated: u32,
    /// When somebody last said to go on in spite of a kill switch.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Grows with every claim; a worker with an older one writes nothing.
    pub epoch: i64,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Purpose {
    Rollback(RollbackId),
    Drill(DrillId),
    /// Asked for by itself.
    Run,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    AwaitingApproval,
    Approved {
        at: DateTime<Utc>,
    },
    Running {
        since: DateTime<Utc>,
    },
    Paused {
        since: DateTime<Utc>,
        note: Note,
    },
    Succeeded {
        at: DateTime<Utc>,
    },
    /// A step failed, was refused or ran out of time.
    Failed {
        at: DateTime<Utc>,
        step: usize,
        note: Note,
    },
    Aborted {
        at: DateTime<Utc>,
        note: Note,
    },
    Rejected {
        at: DateTime<Utc>,
        note: Note,
    },
    Expired {
        at: DateTime<Utc>,
    },
    /// The world moved away from the plan; never empty.
    Superseded {
        at: DateTime<Utc>,
        moved: Vec<Moved>,
    },
}

words!(
    /// A state without what belongs to it, as the database and the API spell it.
    StateName {
        AwaitingApproval = "awaiting_approval",
        Approved = "approved",
        Running = "running",
        Paused = "paused",
        Succeeded = "succeeded",
        Failed = "failed",
        Aborted = "aborted",
        Rejected = "rejected",
        Expired = "expired",
        Superseded = "superseded",
    }
);

words!(WishKind { Pause = "pause", Abort = "abort" });

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub kind: WishKind,
    pub by: String,
    pub reason: String,
    pub at: DateTime<Utc>,
}

/// A switch that stops automation here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillSwitch {
    /// `global`, `clusters/lab`, `services/api-gateway`.
    pub scope: String,
    pub reason: String,
    pub since: DateTime<Utc>,
}

/// Why a wish about a run does not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    #[error(transparent)]
    Approval(#[from] Unapproved),
    #[error("the run has ended")]
    Ended,
    #[error("the run has not begun")]
    NotBegun,
    #[error("the run is not paused")]
    NotPaused,
    #[error("the run is paused already")]
    Paused,
    #[error("only a run that failed at a step is tried again")]
    NotFailed,
    #[error("this step does not wait for a person")]
    NotWaiting,
    #[error("say why")]
    ReasonMissing,
}

impl Refusal {
    /// Whether it is about who asks, and not about a state that has moved.
    pub fn forbids(self) -> bool {
        matches!(self, Refusal::Approval(Unapproved::OwnRequest | Unapproved::WrongRole))
    }

    /// The name of the rule.
    pub fn name(self) -> String {
        match self {
            Refusal::Approval(it) => format!("{it:?}"),
            it => format!("{it:?}"),
        }
    }
}

/// How long a run is without a worker when its own died: a claim on it lasts so long unless it is renewed, in
/// seconds.
pub const LEASE_S: f64 = 4.0;

/// A run that is about to be.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    pub service: Option<ServiceId>,
    pub purpose: Purpose,
    pub plan: Plan,
    pub required: Required,
    pub requested_by: String,
    pub reason: String,
    pub at: DateTime<Utc>,
}

impl Run {
    /// Whether some step has brought about an effect, or may have.
    pub fn has_acted(&self) -> bool {
        let steps = self.plan.steps().iter().zip(&self.steps);
        steps.into_iter().any(|(step, record)| {
            let deleted =
                matches!(&record.note, Some(Note::PodsDeleted { pods, .. }) if !pods.is_empty());
            step.kind.acts()
                && (record.may_be_acting() || record.ended(Ended::Succeeded) || deleted)
        })
    }
}

impl State {
    pub fn name(&self) -> StateName {
        match self {
            State::AwaitingApproval => StateName::AwaitingApproval,
            State::Approved { .. } => StateName::Approved,
            State::Running { .. } => StateName::Running,
            State::Paused { .. } => StateName::Paused,
            State::Succeeded { .. } => StateName::Succeeded,
            State::Failed { .. } => StateName::Failed,
            State::Aborted { .. } => StateName::Aborted,
            State::Rejected { .. } => StateName::Rejected,
            State::Expired { .. } => StateName::Expired,
            State::Superseded { .. } => StateName::Superseded,
        }
    }

    /// A failed run is terminal too, until somebody has it tried again.
    pub fn is_terminal(&self) -> bool {
        !matches!(
            self,
            State::AwaitingApproval
                | State::Approved { .. }
                | State::Running { .. }
                | State::Paused { .. }
        )
    }
}
