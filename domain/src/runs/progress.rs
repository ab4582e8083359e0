//! What becomes of a run while it is carried out.

use chrono::{DateTime, Utc};

use super::{Ended, Intent, KillSwitch, NewRun, Note, Proof, Run, State, StepRecord, StepState};
use crate::approvals::Standing;
use crate::ids::RunId;
use crate::plans::{Action, Live, LiveState, Moved, StepKind};

impl Run {
    pub fn new(id: RunId, new: NewRun) -> Self {
        let steps = new.plan.steps().iter().map(|_| StepRecord::default()).collect();
        Self {
            id,
            service: new.service,
            purpose: new.purpose,
            plan: new.plan,
            state: State::AwaitingApproval,
            requested_by: new.requested_by,
            reason: new.reason,
            requested_at: new.at,
            required: new.required,
            approvals: Vec::new(),
            steps,
            wish: None,
            escalated: 0,
            confirmed_at: None,
            epoch: 0,
        }
    }

    /// Nobody decided in time, nobody could begin in time, or nobody came back to a paused run.
    pub fn expire(mut self, now: DateTime<Utc>) -> Self {
        match self.state {
            State::AwaitingApproval => {
                self.void(now);
                self.skip_rest(now);
                self.state = State::Expired { at: now };
                self
            }
            State::Approved { at } => self.supersede(vec![Moved::Late { approved_at: at }], now),
            State::Paused { .. } => self.end_aborted(Note::PausedTooLong, now),
            _ => self,
        }
    }

    /// Nobody has decided by now: the next contacts hear of it.
    pub fn escalate(mut self, now: DateTime<Utc>) -> Self {
        if self.state == State::AwaitingApproval {
            let come = self.required.escalate_at.iter().filter(|it| **it <= now).count();
            self.escalated = u32::try_from(come).unwrap_or(u32::MAX);
        }
        self
    }

    /// From approved to running; this spends the approvals.
    fn begin(mut self, now: DateTime<Utc>) -> Self {
        if let State::Approved { .. } = self.state {
            for approval in &mut self.approvals {
                if approval.standing == Standing::Valid {
                    approval.standing = Standing::Spent(now);
                }
            }
            self.state = State::Running { since: now };
        }
        self
    }

    /// The step is under way from now on, unless it is already.
    pub fn start_step(self, step: usize, now: DateTime<Utc>) -> Self {
        let mut run = self.begin(now);
        if run.steps[step].state == StepState::Pending {
            let record = &mut run.steps[step];
            record.attempts += 1;
            record.state = StepState::Running { started_at: now, intent: None };
        }
        run
    }

    /// What the step is about to do is known now. Saved before it is done.
    pub fn intend(self, step: usize, intent: Intent, now: DateTime<Utc>) -> Self {
        let mut run = self.start_step(step, now);
        if let StepState::Running { intent: own, .. } = &mut run.steps[step].state {
            *own = Some(intent);
        }
        run
    }

    /// Something is in the way that may pass by itself; the step goes on trying until its deadline.
    pub fn remark(self, step: usize, note: Note, now: DateTime<Utc>) -> Self {
        let mut run = self.start_step(step, now);
        run.steps[step].note = Some(note);
        run
    }

    /// The step has come to its end. A failed one is tried again as often as the plan says, and then the run
    /// has failed; after the last one the run has succeeded.
    pub fn end_step(
        self,
        step: usize,
        how: Ended,
        note: Note,
        proof: Option<Proof>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut run = self.start_step(step, now);
        let tries = run.plan.steps()[step].retries.saturating_add(1);
        let record = &mut run.steps[step];
        if how == Ended::Failed && record.attempts < tries {
            *record = StepRecord { note: Some(note), ..record.clone().again(now) };
            return run;
        }
        *record = record.clone().end(how, Some(note.clone()), proof, now);
        if matches!(how, Ended::Failed | Ended::Refused | Ended::Aborted) {
            run.skip_rest(now);
            run.state = State::Failed { at: now, step, note };
        } else if run.steps.iter().all(|it| it.state.is_ended()) {
            run.wish = None;
            run.state = State::Succeeded { at: now };
        }
        run
    }

    /// The world is not as the plan found it: nothing happens, and what was approved does not exist any more.
    pub fn supersede(mut self, moved: Vec<Moved>, now: DateTime<Utc>) -> Self {
        if self.state.is_terminal() {
            return self;
        }
        self.void(now);
        self.skip_rest(now);
        self.state = State::Superseded { at: now, moved };
        self
    }

    /// A kill switch before an acting step: a policy's consent is taken back, a person's own request waits for
    /// a second confirmation. `None` where it may go on. The fault of a drill waits until the switch is off,
    /// whoever confirms: while something is on fire nobody rehearses.
    pub fn stopped_by(&self, switch: &KillSwitch, now: DateTime<Utc>) -> Option<Self> {
        if self.confirmed_at.is_some_and(|it| it >= switch.since) && !self.injects_next() {
            return None;
        }
        let note = Note::KillSwitch { scope: switch.scope.clone(), reason: switch.reason.clone() };
        let mut run = self.clone();
        if run.approved_by_a_person() {
            return Some(run.begin(now).halt(note, now));
        }
        for approval in &mut run.approvals {
            approval.standing = Standing::Void(now);
        }
        Some(run.end_aborted(note, now))
    }

    /// Whether the next thing it does is to put a fault in.
    fn injects_next(&self) -> bool {
        let mut both = self.plan.steps().iter().zip(&self.steps);
        let open = both.find(|(_, record)| !record.state.is_ended());
        open.is_some_and(|(step, _)| matches!(step.kind, StepKind::Inject { .. }))
    }

    pub(super) fn skip_rest(&mut self, now: DateTime<Utc>) {
        for record in self.steps.iter_mut().filter(|it| !it.state.is_ended()) {
            *record = record.clone().end(Ended::Skipped, None, None, now);
        }
    }

    /// What the world looks like to a step if nobody but this run has touched it since the plan was made.
    pub fn believed(&self, step: usize) -> Option<Live> {
        let kind = &self.plan.steps()[step].kind;
        let proofs = self.steps[..step].iter().rev().filter_map(|it| it.state.proof());
        if let Some(object) = kind.object() {
            let proved = proofs.filter_map(|it| it.after.object());
            let known = proved.chain(self.plan.objects()).find(|it| it.object == *object);
            return known.cloned().map(Live::Object);
        }
        let workload = kind.workload()?;
        let newest =
            proofs.filter_map(|it| it.after.workload()).find(|it| it.workload == *workload);
        let planned = self.plan.live_of(workload);
        let believed = match newest {
            // Only a step that scales looks at the replicas.
            Some(after) => {
                let replicas = after.replicas.or(planned.and_then(|it| it.replicas));
                let steering = after.steering.or(planned.and_then(|it| it.steering));
                Some(LiveState { replicas, steering, ..after.clone() })
            }
            None => planned.cloned(),
        };
        believed.map(Live::Workload)
    }

    /// Whether it was this run that paused the workload of this step.
    pub fn paused_by_itself(&self, step: usize) -> bool {
        let Some(workload) = self.plan.steps()[step].kind.workload() else { return false };
        let earlier = self.plan.steps()[..step].iter().zip(&self.steps).rev();
        let mut turns = earlier.filter_map(|(planned, record)| match &planned.kind {
            StepKind::Kubernetes { workload: own, action } if own == workload => match action {
                Action::Pause => Some(record.ended(Ended::Succeeded)),
                Action::Resume if record.ended(Ended::Succeeded) => Some(false),
                Action::RolloutUndo { .. } if record.ended(Ended::Succeeded) => Some(false),
                _ => None,
            },
            _ => None,
        });
        turns.next().unwrap_or(false)
    }
}
