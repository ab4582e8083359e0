//! What people want of a run: pause, go on, end, try again, confirm.

use chrono::{DateTime, Utc};

use super::{Ended, Note, Refusal, Run, State, StepRecord, Wish, WishKind};
use crate::approvals::Refusal as Unapproved;
use crate::plans::StepKind;

impl Run {
    /// Stops before the next step that acts; a step that only waits is interrupted and begins again later.
    pub fn pause(mut self, by: &str, reason: &str, now: DateTime<Utc>) -> Result<Self, Refusal> {
        let wish = wish(WishKind::Pause, by, reason, now)?;
        match self.state {
            State::Running { .. } => {}
            State::Paused { .. } => return Err(Refusal::Paused),
            State::AwaitingApproval | State::Approved { .. } => return Err(Refusal::NotBegun),
            _ => return Err(Refusal::Ended),
        }
        self.wish = Some(wish);
        Ok(self.honour_between_effects(now))
    }

    /// Goes on. Where a kill switch stopped it, this is the second confirmation that it asks for.
    pub fn resume(mut self, by: &str, reason: &str, now: DateTime<Utc>) -> Result<Self, Refusal> {
        wish(WishKind::Pause, by, reason, now)?;
        match &self.state {
            State::Paused { note, .. } => {
                if matches!(note, Note::KillSwitch { .. }) {
                    self.confirmed_at = Some(now);
                }
                self.state = State::Running { since: now };
                Ok(self)
            }
            state if state.is_terminal() => Err(Refusal::Ended),
            _ => Err(Refusal::NotPaused),
        }
    }

    /// Ends it: at once, or after the effect that is just being brought about.
    pub fn abort(mut self, by: &str, reason: &str, now: DateTime<Utc>) -> Result<Self, Refusal> {
        let wish = wish(WishKind::Abort, by, reason, now)?;
        if self.state.is_terminal() {
            return Err(Refusal::Ended);
        }
        self.wish = Some(wish);
        Ok(self.honour_between_effects(now))
    }

    /// Begins again at the step that failed, under the same approval: it is the same plan, and each step
    /// still carries the state it was made for.
    pub fn retry(mut self, by: &str, reason: &str, now: DateTime<Utc>) -> Result<Self, Refusal> {
        wish(WishKind::Pause, by, reason, now)?;
        let State::Failed { step, .. } = self.state else {
            return Err(Refusal::NotFailed);
        };
        for record in &mut self.steps[step..] {
            *record = StepRecord { note: None, attempts: 0, ..record.clone().again(now) };
        }
        self.state = State::Running { since: now };
        Ok(self)
    }

    /// A person did what the step asks for, or agrees to going on.
    pub fn confirm(
        mut self,
        step: usize,
        by: &str,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let waits = self.plan.steps().get(step).map(|it| &it.kind);
        let open = matches!(self.steps.get(step), Some(it) if it.state.is_running());
        match waits {
            Some(StepKind::Approval) if by == self.requested_by => {
                return Err(Unapproved::OwnRequest.into());
            }
            Some(StepKind::Approval | StepKind::Manual { .. }) if open => {}
            _ => return Err(Refusal::NotWaiting),
        }
        let note = Note::Person { by: by.to_owned(), reason: reason.trim().to_owned() };
        self = self.end_step(step, Ended::Succeeded, note, None, now);
        Ok(self)
    }

    /// A wish is granted at once unless an effect may be under way just now.
    fn honour_between_effects(self, now: DateTime<Utc>) -> Self {
        match self.steps.iter().any(StepRecord::may_be_acting) {
            true => self,
            false => self.honour(now),
        }
    }

    /// Grants the wish, if there is one.
    pub fn honour(mut self, now: DateTime<Utc>) -> Self {
        let Some(Wish { kind, by, reason, .. }) = self.wish.take() else { return self };
        let note = Note::Person { by, reason };
        match kind {
            WishKind::Pause => self.halt(note, now),
            WishKind::Abort => self.end_aborted(note, now),
        }
    }

    pub(super) fn halt(mut self, note: Note, now: DateTime<Utc>) -> Self {
        self.steps.iter_mut().for_each(StepRecord::interrupt);
        self.state = State::Paused { since: now, note };
        self
    }

    pub(super) fn end_aborted(mut self, note: Note, now: DateTime<Utc>) -> Self {
        self.void(now);
        for record in self.steps.iter_mut().filter(|it| !it.state.is_ended()) {
            *record = record.clone().end(Ended::Aborted, None, None, now);
        }
        self.state = State::Aborted { at: now, note };
        self
    }
}

fn wish(kind: WishKind, by: &str, reason: &str, at: DateTime<Utc>) -> Result<Wish, Refusal> {
    let reason = reason.trim();
    match reason.is_empty() {
        true => Err(Refusal::ReasonMissing),
        false => Ok(Wish { kind, by: by.to_owned(), reason: reason.to_owned(), at }),
    }
}
