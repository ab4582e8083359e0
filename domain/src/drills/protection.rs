//! A drill that takes a protection away gives it back (design: "records the unprotected interval and owes the resume
//! step").
//!
//! **Invariant:** from the moment in which a step may have paused something it is unprotected, until a step is known to
//! have resumed it or a person says so. Giving the drill up changes nothing about that.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Drill, Refusal};
use crate::plans::{Protection, Step};
use crate::runs::{Ended, Run, StepRecord, StepState};

/// A stretch of time without a protection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unprotected {
    /// Of the protection.
    pub name: String,
    pub from: DateTime<Utc>,
    /// None as long as it is not back.
    pub to: Option<DateTime<Utc>>,
    /// Who recorded that it is back, where no step of the run did it; as the audit log names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_by: Option<String>,
    /// How they know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Unprotected {
    /// How long it was, or is by now.
    pub fn length(&self, now: DateTime<Utc>) -> TimeDelta {
        (self.to.unwrap_or(now) - self.from).max(TimeDelta::zero())
    }
}

/// The stretches that follow from the steps of a run alone.
pub fn unprotected(run: &Run) -> Vec<Unprotected> {
    let mut found: Vec<Unprotected> = Vec::new();
    for (step, record) in run.plan.steps().iter().zip(&run.steps) {
        match &step.protection {
            Some(Protection::Pauses(name)) => {
                let open = found.iter().any(|it| it.name == *name && it.to.is_none());
                let from = may_have_acted(step, record).filter(|_| !open);
                found.extend(from.map(|from| Unprotected {
                    name: name.clone(),
                    from,
                    to: None,
                    resumed_by: None,
                    note: None,
                }));
            }
            Some(Protection::Resumes(name)) => {
                let done = record.ended(Ended::Succeeded) || record.ended(Ended::NoChange);
                let open = found.iter_mut().find(|it| it.name == *name && it.to.is_none());
                if let (Some(open), Some(at), true) = (open, record.finished_at(), done) {
                    open.to = Some(at);
                }
            }
            None => {}
        }
    }
    found
}

/// When a step began that has an effect, or may have one by now.
fn may_have_acted(step: &Step, record: &StepRecord) -> Option<DateTime<Utc>> {
    let nothing_tried = match &record.state {
        StepState::Pending => true,
        StepState::Running { intent, .. } => step.kind.acts() && intent.is_none(),
        StepState::Ended { how: Ended::Refused | Ended::Skipped, .. } => true,
        StepState::Ended { how: Ended::Failed | Ended::Aborted, intent, .. } => {
            step.kind.acts() && intent.is_none()
        }
        StepState::Ended { how: Ended::Succeeded | Ended::NoChange, .. } => false,
    };
    record.started_at().filter(|_| !nothing_tried)
}

impl Drill {
    /// What is paused by now and has to be resumed.
    pub fn owed(&self) -> impl Iterator<Item = &Unprotected> {
        self.unprotected.iter().filter(|it| it.to.is_none())
    }

    /// Takes over what its run has paused and resumed. What was known stays: a step that is tried again began before,
    /// and what a person recorded is not undone.
    pub(super) fn guard(&mut self, run: &Run) {
        for seen in unprotected(run) {
            let same = |it: &&mut Unprotected| {
                it.name == seen.name && it.to.is_none_or(|to| seen.from < to)
            };
            match self.unprotected.iter_mut().find(same) {
                Some(known) => {
                    known.from = known.from.min(seen.from);
                    known.to = known.to.or(seen.to);
                }
                None => self.unprotected.push(seen),
            }
        }
    }

    /// Somebody says that a protection is back, where no step of the run does. Also of a drill that was given up.
    ///
    /// # Errors
    /// [`Refusal::NotPaused`].
    pub fn resume(
        mut self,
        name: &str,
        note: String,
        by: &str,
        account: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let open = self.unprotected.iter_mut().find(|it| it.name == name && it.to.is_none());
        let open = open.ok_or(Refusal::NotPaused)?;
        open.to = Some(now.max(open.from));
        open.resumed_by = Some(by.to_owned());
        open.note = Some(note);
        self.part(account);
        Ok(self)
    }
}
