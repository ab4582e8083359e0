//! What a run does next. Decided from the row and the time alone, so that it does not matter who asks, how often,
//! or who died before.

use chrono::{DateTime, TimeDelta, Utc};

use super::{PAUSE_LIMIT, Run, State, StepState};
use crate::plans::StepKind;

/// An approved run that nobody could begin in this time is not begun any more: what was approved was a remedy
/// for then.
pub(super) const BEGIN_LIMIT: TimeDelta = TimeDelta::minutes(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It has ended, or waits for people: until then, if nobody comes.
    Nothing { until: Option<DateTime<Utc>> },
    /// Nobody has decided for so long that the next contacts should hear of it: [`Run::escalate`].
    Escalate,
    /// The time in which people could have done something is over: [`Run::expire`].
    Expire,
    /// Somebody wants it paused or ended, and no effect is under way: [`Run::honour`].
    Honour,
    /// The step has used up its time. Where it has an intent, the effect may be there nevertheless.
    TimeOut(usize),
    /// Somebody meant to do this step and is gone: look whether it was done, before doing it.
    Look(usize),
    /// It is the turn of this step, which acts on the world.
    Act(usize),
    /// It is the turn of this step, which only looks or waits.
    Observe(usize),
}

impl Run {
    pub fn next(&self, now: DateTime<Utc>) -> Next {
        let until = |limit: DateTime<Utc>| match now >= limit {
            true => Next::Expire,
            false => Next::Nothing { until: Some(limit) },
        };
        match &self.state {
            State::AwaitingApproval => match self.next_escalation() {
                Some(at) if now >= at && now < self.required.expires_at => Next::Escalate,
                Some(at) if now < at => Next::Nothing { until: Some(at) },
                _ => until(self.required.expires_at),
            },
            State::Paused { since, .. } => until(*since + PAUSE_LIMIT),
            State::Approved { at } if now >= *at + BEGIN_LIMIT => Next::Expire,
            State::Approved { .. } | State::Running { .. } => self.next_step(now),
            _ => Next::Nothing { until: None },
        }
    }

    /// The first time to escalate that nobody has seen come.
    fn next_escalation(&self) -> Option<DateTime<Utc>> {
        let times = self.required.escalate_at.get(self.escalated as usize).copied();
        times.filter(|it| *it < self.required.expires_at)
    }

    fn next_step(&self, now: DateTime<Utc>) -> Next {
        let open = self.steps.iter().position(|it| !it.state.is_ended());
        // A run whose steps have all ended has ended itself, in the same transition.
        let Some(step) = open else { return Next::Nothing { until: None } };
        let overdue = match self.deadline(step) {
            Some(deadline) => now >= deadline,
            None => false,
        };
        match self.steps[step].state {
            StepState::Running { intent: Some(_), .. } if overdue => Next::TimeOut(step),
            StepState::Running { intent: Some(_), .. } => Next::Look(step),
            _ if self.wish.is_some() => Next::Honour,
            _ if overdue => Next::TimeOut(step),
            _ if self.plan.steps()[step].kind.acts() => Next::Act(step),
            _ => Next::Observe(step),
        }
    }

    /// When a step that is under way has used up its time. Waiting has no deadline: it ends by itself, and
    /// however late somebody looks, it was waited for.
    pub fn deadline(&self, step: usize) -> Option<DateTime<Utc>> {
        let planned = &self.plan.steps()[step];
        match (&planned.kind, &self.steps[step].state) {
            (StepKind::Wait { .. }, _) => None,
            (_, StepState::Running { started_at, .. }) => {
                Some(*started_at + TimeDelta::seconds(planned.deadline_s.into()))
            }
            _ => None,
        }
    }

    /// When somebody should look at the run again, if nothing happens to it before; `None` once it has ended.
    pub fn due(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.next(now) {
            Next::Nothing { until } => until,
            Next::Observe(step) => Some(self.observed_again(step, now)),
            _ => Some(now),
        }
    }

    /// What waits for a person or for time needs nobody to hold it meanwhile.
    fn observed_again(&self, step: usize, now: DateTime<Utc>) -> DateTime<Utc> {
        let StepState::Running { started_at, .. } = self.steps[step].state else { return now };
        match &self.plan.steps()[step].kind {
            StepKind::Wait { seconds } => started_at + TimeDelta::seconds((*seconds).into()),
            StepKind::Manual { .. } | StepKind::Approval => self.deadline(step).unwrap_or(now),
            _ => now,
        }
    }
}
