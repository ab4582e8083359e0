//! How far a step of a run has come.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Note;
use crate::plans::Live;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepRecord {
    pub state: StepState,
    /// How often it was begun.
    pub attempts: u32,
    /// The newest there is to say about it.
    pub note: Option<Note>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum StepState {
    #[default]
    Pending,
    Running {
        started_at: DateTime<Utc>,
        /// There from the moment before the effect.
        intent: Option<Intent>,
    },
    Ended {
        how: Ended,
        /// `None` where it never began.
        started_at: Option<DateTime<Utc>>,
        finished_at: DateTime<Utc>,
        intent: Option<Intent>,
        proof: Option<Box<Proof>>,
    },
}

words!(
    /// How a step ended.
    Ended {
        Succeeded = "succeeded",
        // What it asks for was so already.
        NoChange = "no_change",
        // The world does not allow it; nothing was tried.
        Refused = "refused",
        Failed = "failed",
        // Not its turn any more.
        Skipped = "skipped",
        Aborted = "aborted",
    }
);

/// What a step is about to do, written down before it is done. `L` is the state of a workload or of an object
/// where it is known which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent<L = Live> {
    /// What it was decided on; the API call itself carries this as its condition.
    pub before: L,
    /// What the API server said the result would be, so defaults and webhooks are in it.
    pub expected: L,
    /// The moment that a restart writes into the template; the same one each time it is tried.
    pub stamp: DateTime<Utc>,
}

/// What was seen afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof<L = Live> {
    pub after: L,
    /// Of the object that showed it.
    pub resource_version: String,
    /// The effect was there when somebody looked, after whoever brought it about had died.
    pub found: bool,
}

impl<L> Intent<L> {
    /// The same about what this makes of both states; `None` where one of them is of another sort.
    pub fn of<'a, M: Clone + 'a>(
        &'a self,
        sort: impl Fn(&'a L) -> Option<&'a M>,
    ) -> Option<Intent<M>> {
        let (before, expected) = sort(&self.before).zip(sort(&self.expected))?;
        Some(Intent { before: before.clone(), expected: expected.clone(), stamp: self.stamp })
    }

    /// Whatever it is about.
    pub fn whole(self) -> Intent
    where
        Live: From<L>,
    {
        Intent { before: self.before.into(), expected: self.expected.into(), stamp: self.stamp }
    }
}

impl<L> Proof<L> {
    /// Whatever it is about.
    pub fn whole(self) -> Proof
    where
        Live: From<L>,
    {
        let Self { after, resource_version, found } = self;
        Proof { after: after.into(), resource_version, found }
    }
}

impl StepRecord {
    /// An effect was begun and is not known to be there, so only its worker knows whether it is under way.
    pub fn may_be_acting(&self) -> bool {
        matches!(self.state, StepState::Running { intent: Some(_), .. })
    }

    pub fn ended(&self, how: Ended) -> bool {
        matches!(self.state, StepState::Ended { how: own, .. } if own == how)
    }

    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            StepState::Pending => None,
            StepState::Running { started_at, .. } => Some(started_at),
            StepState::Ended { started_at, .. } => started_at,
        }
    }

    pub fn finished_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            StepState::Ended { finished_at, .. } => Some(finished_at),
            _ => None,
        }
    }

    /// The word for its state, as the database and the API spell it.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            StepState::Pending => "pending",
            StepState::Running { .. } => "running",
            StepState::Ended { how, .. } => how.as_str(),
        }
    }

    pub(super) fn end(
        self,
        how: Ended,
        note: Option<Note>,
        proof: Option<Proof>,
        now: DateTime<Utc>,
    ) -> Self {
        let (started_at, intent) = match self.state {
            StepState::Pending => (None, None),
            StepState::Running { started_at, intent } => (Some(started_at), intent),
            StepState::Ended { .. } => return self,
        };
        let state = StepState::Ended {
            how,
            started_at,
            finished_at: now,
            intent,
            proof: proof.map(Box::new),
        };
        Self { state, note: note.or(self.note), ..self }
    }

    /// From the beginning, or where an effect may already be there, by looking for it first.
    pub(super) fn again(self, now: DateTime<Utc>) -> Self {
        let state = match self.state {
            StepState::Running { intent: Some(intent), .. }
            | StepState::Ended { intent: Some(intent), proof: None, .. } => {
                StepState::Running { started_at: now, intent: Some(intent) }
            }
            _ => StepState::Pending,
        };
        Self { state, ..self }
    }

    /// Interrupted before it did anything; this was no try.
    pub(super) fn interrupt(&mut self) {
        if let StepState::Running { .. } = self.state {
            self.state = StepState::Pending;
            self.attempts = self.attempts.saturating_sub(1);
        }
    }
}

impl StepState {
    pub fn is_running(&self) -> bool {
        matches!(self, StepState::Running { .. })
    }

    pub fn is_ended(&self) -> bool {
        matches!(self, StepState::Ended { .. })
    }

    pub fn intent(&self) -> Option<&Intent> {
        match self {
            StepState::Pending => None,
            StepState::Running { intent, .. } | StepState::Ended { intent, .. } => intent.as_ref(),
        }
    }

    pub fn proof(&self) -> Option<&Proof> {
        match self {
            StepState::Ended { proof, .. } => proof.as_deref(),
            _ => None,
        }
    }
}
