//! A rollback: one attempt to bring a service back. It owns a decision, a plan, the run of that plan with its
//! approvals, and the verification afterwards.
//!
//! **Invariant:** its state follows from transitions alone. While a run exists, the run says how far things are
//! ([`Rollback::follow`]); after it, the verification does ([`Rollback::observe`]).

pub mod members;
pub mod proposal;
mod times;
pub mod verification;
mod versions;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::decide::situation::ReasonKind;
use crate::decisions::Target;
use crate::ids::{AlertId, DecisionId, RollbackId, RunId, ServiceId, UserId, WorkloadId};
use crate::runs::{self, Note, Run};
use crate::texts::{self, Lang};
use crate::verdict::Verdict;
use crate::workloads::Image;

pub use self::members::Member;
pub use self::times::{Split, Times};
pub use self::verification::{ChecklistItem, Observation, Verification};

/// After an approval has expired it is asked again one contact level higher, this often in all.
pub const MOST_ASKED: u8 = 3;

/// How long the human checklist may stay open before the outcome counts as unknown.
pub const CHECKLIST_LIMIT: TimeDelta = TimeDelta::hours(24);

words!(
    /// How a rollback that was carried out has ended.
    Closure {
        Verified = "verified",
        PartlyVerified = "partly_verified",
        NotVerified = "not_verified",
        Unknown = "unknown",
        NoAction = "no_action",
    }
);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Trigger {
    /// A signal fired.
    Alert { alerts: Vec<AlertId> },
    /// A person asked.
    Person { by: Option<UserId>, name: String, reason_kind: ReasonKind, reason: String },
}

/// What ran before, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    pub revision: i64,
    pub images: Vec<Image>,
    pub digest: Digest,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum State {
    /// The rules propose nothing; a person looks.
    NeedsPerson,
    AwaitingApproval,
    Approved,
    Executing,
    Paused,
    Verifying,
    /// A rail stopped it before anything was asked.
    Suppressed {
        reason: String,
    },
    /// Too many failures; somebody has to acknowledge that first.
    Blocked {
        rail: String,
    },
    Rejected {
        reason: String,
    },
    Expired,
    /// The signal went away while people were thinking.
    Withdrawn {
        reason: String,
    },
    /// What the plan was made for is no longer what runs.
    Superseded {
        moved: String,
    },
    Cancelled {
        reason: String,
    },
    Failed {
        reason: String,
    },
    Closed {
        closure: Closure,
        reason: String,
    },
}

impl State {
    /// As the database, the API and the log spell it.
    pub fn as_str(&self) -> &'static str {
        match self {
            State::NeedsPerson => "needs_person",
            State::AwaitingApproval => "awaiting_approval",
            State::Approved => "approved",
            State::Executing => "executing",
            State::Paused => "paused",
            State::Verifying => "verifying",
            State::Suppressed { .. } => "suppressed",
            State::Blocked { .. } => "blocked",
            State::Rejected { .. } => "rejected",
            State::Expired => "expired",
            State::Withdrawn { .. } => "withdrawn",
            State::Superseded { .. } => "superseded",
            State::Cancelled { .. } => "cancelled",
            State::Failed { .. } => "failed",
            State::Closed { .. } => "closed",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            State::Suppressed { reason }
            | State::Rejected { reason }
            | State::Withdrawn { reason }
            | State::Cancelled { reason }
            | State::Failed { reason }
            | State::Closed { reason, .. } => Some(reason),
            State::Blocked { rail } => Some(rail),
            State::Superseded { moved } => Some(moved),
            _ => None,
        }
    }

    pub fn closure(&self) -> Option<Closure> {
        match self {
            State::Closed { closure, .. } => Some(*closure),
            _ => None,
        }
    }

    /// Whether it still wants something of somebody. One open rollback per workload.
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            State::NeedsPerson
                | State::AwaitingApproval
                | State::Approved
                | State::Executing
                | State::Paused
                | State::Verifying
        )
    }

    /// From its columns; None for a mix that no transition makes.
    pub fn from_columns(word: &str, reason: Option<String>, closure: Option<&str>) -> Option<Self> {
        let closure = match closure {
            Some(word) => Some(Closure::parse(word)?),
            None => None,
        };
        Some(match (word, reason, closure) {
            ("needs_person", None, None) => State::NeedsPerson,
            ("awaiting_approval", None, None) => State::AwaitingApproval,
            ("approved", None, None) => State::Approved,
            ("executing", None, None) => State::Executing,
            ("paused", None, None) => State::Paused,
            ("verifying", None, None) => State::Verifying,
            ("expired", None, None) => State::Expired,
            ("suppressed", Some(reason), None) => State::Suppressed { reason },
            ("blocked", Some(rail), None) => State::Blocked { rail },
            ("rejected", Some(reason), None) => State::Rejected { reason },
            ("withdrawn", Some(reason), None) => State::Withdrawn { reason },
            ("superseded", Some(moved), None) => State::Superseded { moved },
            ("cancelled", Some(reason), None) => State::Cancelled { reason },
            ("failed", Some(reason), None) => State::Failed { reason },
            ("closed", Some(reason), Some(closure)) => State::Closed { closure, reason },
            _ => return None,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    pub id: RollbackId,
    /// `RB-YYYYMMDD-XX`, dated in the installation's zone.
    pub number: String,
    pub service: ServiceId,
    pub service_name: String,
    pub workload: Option<WorkloadId>,
    /// All of its workloads, this one first, where it brings back several; empty for one.
    pub members: Vec<Member>,
    /// The number of the drill whose fault it takes back; it counts for the drill and not against the service.
    pub drill: Option<String>,
    /// The one that this one asks again for.
    pub follows: Option<RollbackId>,
    pub trigger: Trigger,
    pub decision: Option<DecisionId>,
    pub from: Option<Side>,
    pub target: Option<Target>,
    pub run: Option<RunId>,
    pub plan_digest: Option<Digest>,
    /// 1 for the first time, up to [`MOST_ASKED`].
    pub asked: u8,
    pub state: State,
    pub times: Times,
    pub verification: Verification,
    /// Seconds; the policy's at the time of the decision.
    pub observation_s: u32,
    pub created_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("the rollback is over")]
    Over,
    #[error("the rollback is being carried out; pause or abort its run")]
    Acting,
    #[error("the checklist belongs to a rollback that is being verified")]
    NotVerifying,
    #[error("the checklist has no item of this name")]
    UnknownItem,
    #[error("the rollback proposes nothing that could be approved")]
    NothingToApprove,
    #[error("the workload has an open rollback already")]
    AlreadyOpen,
    #[error("there is no revision to go back to")]
    NoTarget,
    #[error("changes are frozen; confirm that it is to be done all the same")]
    Frozen,
}

/// What became of the run, in the words that a rollback needs.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEvent {
    Approved {
        at: DateTime<Utc>,
    },
    Rejected {
        reason: String,
    },
    Expired,
    Superseded {
        moved: String,
    },
    Running,
    Paused,
    Succeeded,
    /// Some of its workloads are back, and then one was not.
    Partly {
        reason: String,
    },
    Failed {
        reason: String,
    },
    Aborted {
        reason: String,
        acted: bool,
    },
}

impl RunEvent {
    /// None while its approval is still asked for.
    pub fn of(run: &Run) -> Option<Self> {
        let say = |note: &Note| texts::runs::note(note, Lang::En);
        Some(match &run.state {
            runs::State::AwaitingApproval => return None,
            runs::State::Approved { at } => RunEvent::Approved { at: *at },
            runs::State::Running { .. } => RunEvent::Running,
            runs::State::Paused { .. } => RunEvent::Paused,
            runs::State::Succeeded { .. } => RunEvent::Succeeded,
            runs::State::Failed { step, note, .. } => {
                let name = run.plan.steps().get(*step).map_or("a step", |it| it.name.as_str());
                let reason = format!("{name}: {}", say(note));
                match members::restored(run).next() {
                    Some(_) => RunEvent::Partly { reason },
                    None => RunEvent::Failed { reason },
                }
            }
            runs::State::Aborted { note, .. } => {
                RunEvent::Aborted { reason: say(note), acted: run.has_acted() }
            }
            runs::State::Rejected { note, .. } => RunEvent::Rejected { reason: say(note) },
            runs::State::Expired { .. } => RunEvent::Expired,
            runs::State::Superseded { moved, .. } => {
                let moved = moved.iter().map(|it| texts::runs::moved(it, Lang::En));
                RunEvent::Superseded { moved: moved.collect::<Vec<_>>().join("; ") }
            }
        })
    }
}

impl Rollback {
    /// The run went on. What does not fit the state is a fact that came late, and changes nothing.
    pub fn follow(mut self, event: RunEvent, now: DateTime<Utc>) -> Self {
        if self.state == State::Verifying
            && self.verification.partly.is_some()
            && event == RunEvent::Succeeded
        {
            // It was tried again, and the rest is back too: the whole is verified from here.
            let checklist = self.verification.checklist;
            self.verification = Verification { checklist, ..Verification::default() };
            self.times.executed_at = Some(now);
            return self;
        }
        if !self.state.is_open() || self.state == State::Verifying {
            return self;
        }
        let state = match event {
            RunEvent::Approved { at } => {
                self.times.approved_at = Some(at);
                State::Approved
            }
            RunEvent::Running => State::Executing,
            RunEvent::Paused => State::Paused,
            RunEvent::Succeeded => {
                self.times.executed_at = Some(now);
                State::Verifying
            }
            RunEvent::Partly { reason } => {
                self.times.executed_at = Some(now);
                self.verification.partly = Some(reason);
                State::Verifying
            }
            RunEvent::Rejected { reason } => State::Rejected { reason },
            RunEvent::Expired => State::Expired,
            RunEvent::Superseded { moved } => State::Superseded { moved },
            RunEvent::Failed { reason } => State::Failed { reason },
            RunEvent::Aborted { reason, acted: false } => State::Cancelled { reason },
            RunEvent::Aborted { reason, acted: true } => State::Failed { reason },
        };
        self.enter(state, now)
    }

    /// A look at the service while it is being verified.
    pub fn observe(mut self, look: Observation) -> Self {
        let (State::Verifying, Some(executed_at)) = (&self.state, self.times.executed_at) else {
            return self;
        };
        let now = look.at;
        let window = TimeDelta::seconds(i64::from(self.observation_s));
        self.verification.look(look, executed_at, window);
        let closure = match self.verification.verdict {
            Some(Verdict::Fail) => Some((Closure::NotVerified, self.verification.why.clone())),
            Some(Verdict::Unknown) => Some((Closure::Unknown, self.verification.why.clone())),
            Some(Verdict::Pass) => {
                self.times.healthy_at = self.verification.healthy_since;
                self.closure_of_checklist(executed_at, now)
            }
            None => None,
        };
        match closure {
            Some((closure, reason)) => self.enter(State::Closed { closure, reason }, now),
            None => self,
        }
    }

    fn closure_of_checklist(
        &self,
        executed_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<(Closure, String)> {
        if self.verification.checklist.iter().all(|it| it.done) {
            let whole = "every check passed and the checklist is complete";
            return Some(match &self.verification.partly {
                Some(failed) => (Closure::PartlyVerified, failed.clone()),
                None => (Closure::Verified, whole.to_owned()),
            });
        }
        (now - executed_at >= CHECKLIST_LIMIT)
            .then(|| (Closure::Unknown, "the checklist stayed open for 24 hours".into()))
    }

    /// People tick what no machine can see. The last tick closes a rollback whose checks have passed.
    ///
    /// # Errors
    /// [`Refusal::NotVerifying`], [`Refusal::UnknownItem`].
    pub fn tick(
        mut self,
        items: &[(String, bool, Option<String>)],
        by: UserId,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        if self.state != State::Verifying {
            return Err(Refusal::NotVerifying);
        }
        for (name, done, note) in items {
            let found = self.verification.checklist.iter_mut().find(|it| it.name == *name);
            let item = found.ok_or(Refusal::UnknownItem)?;
            (item.done, item.note) = (*done, note.clone());
            (item.by, item.at) = (Some(by), Some(now));
        }
        let passed = self.verification.verdict == Some(Verdict::Pass);
        let executed_at = self.times.executed_at.filter(|_| passed);
        match executed_at.and_then(|it| self.closure_of_checklist(it, now)) {
            Some((closure, reason)) => Ok(self.enter(State::Closed { closure, reason }, now)),
            None => Ok(self),
        }
    }

    /// Nothing was done yet, and nothing shall be.
    ///
    /// # Errors
    /// [`Refusal::Over`], or [`Refusal::Acting`] once a step has begun.
    pub fn cancel(self, reason: String, now: DateTime<Utc>) -> Result<Self, Refusal> {
        match self.state {
            State::NeedsPerson => {
                Ok(self.enter(State::Closed { closure: Closure::NoAction, reason }, now))
            }
            State::AwaitingApproval | State::Approved => {
                Ok(self.enter(State::Cancelled { reason }, now))
            }
            State::Executing | State::Paused | State::Verifying => Err(Refusal::Acting),
            _ => Err(Refusal::Over),
        }
    }

    /// The signal is gone, and both sources say so. An act that has begun is not called back.
    #[must_use]
    pub fn withdraw(self, reason: &str, now: DateTime<Utc>) -> Self {
        match self.state {
            State::AwaitingApproval => {
                self.enter(State::Withdrawn { reason: reason.to_owned() }, now)
            }
            State::NeedsPerson => {
                let reason = reason.to_owned();
                self.enter(State::Closed { closure: Closure::NoAction, reason }, now)
            }
            _ => self,
        }
    }

    fn enter(mut self, state: State, now: DateTime<Utc>) -> Self {
        self.ended_at = (!state.is_open()).then_some(now);
        self.state = state;
        self
    }

    /// Whether this alert is a reason for it.
    pub fn is_about(&self, alert: AlertId) -> bool {
        matches!(&self.trigger, Trigger::Alert { alerts } if alerts.contains(&alert))
    }

    /// Whether another alert about its workload belongs to it: it came of alerts itself, and nothing has been done yet.
    pub fn takes_in(&self, alert: AlertId) -> bool {
        let asks = matches!(self.state, State::NeedsPerson | State::AwaitingApproval);
        self.is_about(alert) || asks && matches!(self.trigger, Trigger::Alert { .. })
    }

    /// One more alert that is a reason for it.
    #[must_use]
    pub fn take_in(mut self, alert: AlertId) -> Self {
        if let Trigger::Alert { alerts } = &mut self.trigger
            && !alerts.contains(&alert)
        {
            alerts.push(alert);
        }
        self
    }

    /// How often people will have been asked about this alert when they are asked now; None where it is enough:
    /// they were asked [`MOST_ASKED`] times, or one of them said no.
    pub fn ask_again(&self, alert: AlertId) -> Option<u8> {
        match &self.state {
            _ if !self.is_about(alert) => Some(1),
            State::Rejected { .. } | State::Cancelled { .. } | State::Closed { .. } => None,
            State::Expired => (self.asked < MOST_ASKED).then_some(self.asked + 1),
            _ => Some(self.asked),
        }
    }

    /// None while it is open or where it ended without a verdict on what was done.
    pub fn success(&self) -> Option<bool> {
        match &self.state {
            State::Closed { closure: Closure::Verified, .. } => Some(true),
            State::Closed { closure: Closure::NotVerified, .. } | State::Failed { .. } => {
                Some(false)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
