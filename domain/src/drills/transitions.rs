//! What becomes of a drill.

use chrono::{DateTime, TimeDelta, Utc};

use super::closing::{self, Outcome, refusals};
use super::{
    ActionItem, Drill, FIRST_PASS, FOLLOW_UP_DAYS, Issue, Refusal, SignOff, State, Verified,
    satisfy,
};
use crate::approvals::{By, Decision};
use crate::canonical::Digest;
use crate::evidence::{Evidence, Sha256};
use crate::ids::RunId;
use crate::measurements::{Measurement, RTO, Window};
use crate::plans::StepKind;
use crate::rollbacks::Rollback;
use crate::runs::{self, Ended, Note, Run};
use crate::services::WorkloadRef;
use crate::texts::{self, Lang};

/// When the fault of a run was begun, and when it was proven to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    pub began_at: DateTime<Utc>,
    pub proven_at: DateTime<Utc>,
}

impl Injection {
    /// None as long as there is no proof. Without a fault in the plan its first step is what triggers it.
    pub fn of(run: &Run) -> Option<Self> {
        let is_fault = |kind: &StepKind| matches!(kind, StepKind::Inject { .. });
        let Some(fault) = run.plan.steps().iter().position(|it| is_fault(&it.kind)) else {
            let began_at = run.steps.first()?.started_at()?;
            return Some(Self { began_at, proven_at: began_at });
        };
        let record = run.steps.get(fault)?;
        // An image that ran before is no fault.
        let proven = record.ended(Ended::Succeeded);
        let (began_at, proven_at) = (record.started_at()?, record.finished_at()?);
        proven.then_some(Self { began_at, proven_at })
    }
}

impl Injection {
    /// Whether this version of a workload is the fault that a run has put in. Known from the moment before it does
    /// so, because whoever watches may see the fault before its proof is written.
    pub fn is_of(run: &Run, workload: &WorkloadRef, live: &Digest) -> bool {
        let both = run.plan.steps().iter().zip(&run.steps);
        let faults = both.filter(|(step, _)| matches!(step.kind, StepKind::Inject { .. }));
        let intents = faults.filter_map(|(_, record)| record.state.intent());
        let mut expected = intents.filter_map(|it| it.expected.workload());
        expected.any(|it| it.workload == *workload && it.digest == *live)
    }
}

/// What was seen of the rollback that the fault brought about.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    pub rollback: &'a Rollback,
    /// Its run, whose approvers took part in the drill.
    pub run: Option<&'a Run>,
}

impl Drill {
    /// A run was made for it. Whoever starts it keeps the ledger and takes no part by that alone: somebody else
    /// approves the run.
    ///
    /// # Errors
    /// [`Refusal::Begun`], [`Refusal::Over`].
    pub fn start(mut self, run: RunId) -> Result<Self, Refusal> {
        match self.state {
            State::Planned => {}
            _ if self.state.is_over() => return Err(Refusal::Over),
            _ => return Err(Refusal::Begun),
        }
        self.run = Some(run);
        self.state = State::Running;
        Ok(self)
    }

    /// Its run went on: T0 is when the fault is proven. A run that ended before it did anything leaves the drill
    /// planned, where people or the time refused it, so that it can be started again.
    #[must_use]
    pub fn follow(mut self, run: &Run) -> Self {
        // What was paused is owed, also once the drill was given up.
        if self.run == Some(run.id) && self.state.sign_off().is_none() {
            self.guard(run);
        }
        if self.state.is_over() || self.run != Some(run.id) {
            return self;
        }
        self.take_part_of(run);
        if self.times.t0.is_none()
            && let Some(injection) = Injection::of(run)
        {
            self.times.injected_at = Some(injection.began_at);
            self.times.t0 = Some(injection.proven_at);
        }
        self.measure_first_pass(run);
        if self.state != State::Running || self.times.t0.is_some() {
            return self;
        }
        let english = |note: &Note| texts::runs::note(note, Lang::En);
        self.state = match &run.state {
            runs::State::Rejected { .. }
            | runs::State::Expired { .. }
            | runs::State::Superseded { .. } => State::Planned,
            runs::State::Failed { note, .. } | runs::State::Aborted { note, .. } => {
                State::Aborted { reason: english(note) }
            }
            runs::State::Succeeded { .. } => {
                State::Aborted { reason: "the fault changed nothing".to_owned() }
            }
            _ => State::Running,
        };
        self
    }

    /// Takes over what the rollback's clocks say. Once the service is back, so is the drill.
    #[must_use]
    pub fn see(mut self, seen: &Seen<'_>) -> Self {
        let (State::Running, Some(t0)) = (&self.state, self.times.t0) else { return self };
        let rollback = seen.rollback;
        self.rollback = Some(rollback.id);
        if let Some(run) = seen.run {
            self.take_part_of(run);
        }
        let source = format!("rollback {}", rollback.number);
        let times = &rollback.times;
        self.measure("mttd", Some(t0), times.detected_at, &source);
        self.measure("mtta", times.detected_at, times.approved_at, &source);
        self.measure("execution", times.approved_at, times.executed_at, &source);
        self.measure(RTO, Some(t0), times.healthy_at, &source);
        match times.healthy_at {
            Some(at) => self.recovered(at.max(t0)),
            None => self,
        }
    }

    /// A person says that the service is back, where no rollback says it.
    ///
    /// # Errors
    /// [`Refusal::NotBegun`], [`Refusal::Over`], and [`Refusal::RollbackOpen`] where it will be measured.
    pub fn recover(
        mut self,
        rollback: Option<&Rollback>,
        by: &str,
        name: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let t0 = match (&self.state, self.times.t0) {
            (State::Running, Some(t0)) => t0,
            (State::Running | State::Planned, _) => return Err(Refusal::NotBegun),
            _ => return Err(Refusal::Over),
        };
        if rollback.is_some_and(|it| it.state.is_open()) {
            return Err(Refusal::RollbackOpen);
        }
        self.measure(RTO, Some(t0), Some(now), &format!("recorded by {by}"));
        self.part(name);
        Ok(self.recovered(now))
    }

    fn recovered(mut self, at: DateTime<Utc>) -> Self {
        self.times.recovered_at = Some(at);
        self.state = State::Recovered;
        self.begin_follow_ups(at);
        self.advance()
    }

    /// What is always to be done afterwards is from now on somebody's to do.
    fn begin_follow_ups(&mut self, at: DateTime<Utc>) {
        let Some(owner) = self.lead.clone() else { return };
        let due = at + TimeDelta::days(FOLLOW_UP_DAYS);
        let item = |text| ActionItem {
            position: 0,
            text,
            owner: owner.clone(),
            due,
            critical: false,
            verified: None,
        };
        for text in std::mem::take(&mut self.follow_ups) {
            self.push_action(item(text));
        }
    }

    /// The share of its steps that ended well at the first attempt, of those that were carried out. Only a drill that
    /// has a target for it is asked (Glancy §4.1, November).
    fn measure_first_pass(&mut self, run: &Run) {
        let Some(target) = self.targets.iter().find(|it| it.name == FIRST_PASS) else { return };
        let ended = run.steps.iter().filter(|it| it.attempts > 0 && it.finished_at().is_some());
        let (first, all) = ended.fold((0u32, 0u32), |(first, all), step| {
            let passed = step.ended(Ended::Succeeded) || step.ended(Ended::NoChange);
            (first + u32::from(passed && step.attempts == 1), all + 1)
        });
        let from = run.steps.iter().filter_map(|it| it.started_at()).min();
        let to = run.steps.iter().filter_map(|it| it.finished_at()).max();
        let (Some(from), Some(to), 1..) = (from, to, all) else { return };
        let value = f64::from(first) / f64::from(all);
        let measurement = Measurement {
            name: FIRST_PASS.to_owned(),
            value: Some(value),
            unit: target.unit.clone(),
            verdict: Some(target.verdict(value)),
            source: format!("run {}", run.id),
            query: None,
            window: Window { from, to },
            at: to,
            objective: None,
            result: None,
            samples: vec![],
        };
        self.keep(measurement);
    }

    /// A file was uploaded for it. After the signature it is kept beside and changes nothing.
    #[must_use]
    pub fn prove(mut self, evidence: &Evidence) -> Self {
        if matches!(self.state, State::SignedOff(_)) {
            return self;
        }
        satisfy(&mut self.requirements, evidence);
        self.advance()
    }

    /// T1 and complete evidence follow from recovery and uploads, in whatever order they come.
    fn advance(mut self) -> Self {
        let (State::Recovered, Some(recovered_at)) = (&self.state, self.times.recovered_at) else {
            return self;
        };
        let at_t1 = || self.requirements.iter().filter(|it| it.due == super::Due::T1);
        let met: Option<Vec<_>> =
            at_t1().map(|it| it.satisfied_by.as_ref().map(|by| by.at)).collect();
        if let Some(met) = met {
            let last = met.into_iter().max().unwrap_or(recovered_at);
            self.times.t1 = Some(last.max(recovered_at));
        }
        let complete = self.requirements.iter().all(|it| it.satisfied_by.is_some());
        if complete && self.times.t1.is_some() {
            self.state = State::EvidenceComplete;
        }
        self
    }

    /// Ends it: cancelled before anything was done, aborted afterwards. `acted` says that its run has brought
    /// about an effect, or may have.
    ///
    /// # Errors
    /// [`Refusal::Over`], also after the recovery: then it is signed off, as a failed one if need be.
    pub fn cancel(mut self, reason: String, acted: bool) -> Result<Self, Refusal> {
        self.state = match self.state {
            State::Running if acted || self.times.t0.is_some() => State::Aborted { reason },
            State::Planned | State::Running => State::Cancelled { reason },
            _ => return Err(Refusal::Over),
        };
        Ok(self)
    }

    /// Nobody began it in time.
    #[must_use]
    pub fn miss(mut self, now: DateTime<Utc>) -> Self {
        if self.state == State::Planned && now - self.planned_at > super::MISSED_AFTER {
            self.state = State::Missed { reason: None };
        }
        self
    }

    /// # Errors
    /// [`Refusal::NotBegun`], [`Refusal::Over`].
    pub fn add_issue(mut self, issue: Issue) -> Result<Self, Refusal> {
        self.is_amendable()?;
        self.issues.push(issue);
        Ok(self)
    }

    /// Its position is given here.
    ///
    /// # Errors
    /// [`Refusal::NotBegun`], [`Refusal::Over`].
    pub fn add_action(mut self, item: ActionItem) -> Result<Self, Refusal> {
        self.is_amendable()?;
        self.push_action(item);
        Ok(self)
    }

    fn push_action(&mut self, item: ActionItem) {
        let position = self.actions.iter().map(|it| it.position).max().unwrap_or(0) + 1;
        self.actions.push(ActionItem { position, verified: None, ..item });
    }

    pub(super) fn is_amendable(&self) -> Result<(), Refusal> {
        match self.state {
            State::Planned => Err(Refusal::NotBegun),
            State::Running | State::Recovered | State::EvidenceComplete | State::Aborted { .. } => {
                Ok(())
            }
            _ => Err(Refusal::Over),
        }
    }

    /// Somebody other than its owner has seen that an action item is done, and on what; also after the signature.
    ///
    /// # Errors
    /// [`Refusal::UnknownItem`], [`Refusal::OwnItem`], [`Refusal::VerifiedAlready`].
    pub fn verify(
        mut self,
        position: u32,
        evidence: Sha256,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let item = self.actions.iter_mut().find(|it| it.position == position);
        let item = item.ok_or(Refusal::UnknownItem)?;
        if item.owner == by {
            return Err(Refusal::OwnItem);
        }
        if item.verified.is_some() {
            return Err(Refusal::VerifiedAlready);
        }
        item.verified = Some(Verified { by: by.to_owned(), at: now, evidence });
        Ok(self)
    }

    /// The PMO's signature. `outcome` may be worse than what was measured, and is that where it is not given.
    ///
    /// # Errors
    /// All reasons against it at once, or a wish's own refusal.
    pub fn sign_off(
        mut self,
        by: &str,
        note: String,
        outcome: Option<Outcome>,
        now: DateTime<Utc>,
    ) -> Result<Self, Unsigned> {
        if self.state.is_over() {
            return Err(Refusal::Over.into());
        }
        let reasons = refusals(&self, by, now);
        if !reasons.is_empty() {
            return Err(Unsigned::Refused(reasons));
        }
        let measured = self.outcome(now);
        let outcome = outcome.unwrap_or(measured);
        if outcome < measured {
            return Err(Refusal::BetterThanMeasured.into());
        }
        let retest_due = (outcome == Outcome::Failed).then(|| self.retest_due(now));
        let by = by.to_owned();
        self.state = State::SignedOff(SignOff { by, at: now, note, outcome, retest_due });
        Ok(self)
    }

    /// Measured again it is the newer value that counts.
    fn measure(
        &mut self,
        name: &str,
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
        source: &str,
    ) {
        let (Some(from), Some(to)) = (from, to) else { return };
        let window = Window { from, to: to.max(from) };
        self.keep(Measurement::span(name, window, source.to_owned(), &self.targets));
    }

    fn keep(&mut self, measured: Measurement) {
        let own = |it: &&mut Measurement| it.name == measured.name && it.objective.is_none();
        match self.measurements.iter_mut().find(own) {
            Some(own) => *own = measured,
            None => self.measurements.push(measured),
        }
    }

    /// Who approved or confirmed something of a run took part, and who asked for the rollback.
    fn take_part_of(&mut self, run: &Run) {
        let approvers = run.approvals.iter().filter(|it| it.decision == Decision::Approve);
        let approvers = approvers.filter_map(|it| match &it.by {
            By::Person { name, .. } => Some(name.as_str()),
            By::Policy { .. } => None,
        });
        let performers = run.steps.iter().filter_map(|it| match &it.note {
            Some(Note::Person { by, .. }) => by.strip_prefix("user:"),
            _ => None,
        });
        let asked = run.requested_by.strip_prefix("user:").filter(|_| self.run != Some(run.id));
        let names: Vec<&str> = asked.into_iter().chain(approvers).chain(performers).collect();
        for name in names {
            self.part(Some(name));
        }
    }

    pub(super) fn part(&mut self, name: Option<&str>) {
        let Some(name) = name else { return };
        if !self.took_part.iter().any(|it| it == name) {
            self.took_part.push(name.to_owned());
        }
    }
}

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsigned {
    Wish(Refusal),
    Refused(Vec<closing::Refusal>),
}

impl From<Refusal> for Unsigned {
    fn from(refusal: Refusal) -> Self {
        Unsigned::Wish(refusal)
    }
}
