//! Drills: rehearsals of a recovery, and what the ledger keeps of them.
//!
//! **Invariant:** states follow from transitions alone, and what was measured comes from the clocks of a run and
//! of a rollback. T0 is the moment in which the fault was proven to be there; T1 is the moment in which the
//! service was back **and** the evidence due by then was uploaded.

pub mod closing;
mod criteria;
pub mod ledger;
mod measured;
mod notes;
mod protection;
mod required;
mod retest;
#[cfg(test)]
mod tests;
mod transitions;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use self::closing::{Outcome, refusals};
pub use self::criteria::Criterion;
pub use self::measured::{ByClock, check_measures};
pub use self::notes::{ActionItem, CauseClass, Issue, Ticket, Verified, is_event};
pub use self::protection::{Unprotected, unprotected};
pub use self::required::{Due, Requirement, Satisfied, satisfy};
pub use self::transitions::{Injection, Seen, Unsigned};
use crate::catalog::Stored;
use crate::ids::{DrillId, ExpectedDrillId, RollbackId, RunId, ServiceId, WorkloadId};
use crate::measurements::{Measurement, Target};
use crate::plans::Step;
use crate::services::Service;

/// From T0 to T1 a drill may take this long.
pub const CLOSURE_LIMIT_S: u32 = 120 * 60;

/// After three quarters of its limit a drill is at risk: 90 of 120 minutes.
pub fn at_risk_s(limit_s: u32) -> u32 {
    limit_s / 4 * 3
}

/// A planned drill that nobody began within this time did not happen.
pub const MISSED_AFTER: TimeDelta = TimeDelta::hours(24);

/// A failed one is done again within so many days, unless its scenario says otherwise.
pub const RETEST_DAYS: u32 = 30;

/// What an issue is about where it explains why the whole took too long.
pub const CLOSURE: &str = "closure";

/// The share of steps that ended well at the first attempt, 0 to 1.
pub const FIRST_PASS: &str = "first_pass";

/// What is always to be done after a drill is done within so many days.
pub const FOLLOW_UP_DAYS: i64 = 7;

/// The usual RTO for a bad release, in seconds; every fault has this target unless the drill says otherwise.
pub const USUAL_RTO_S: f64 = 900.0;

words!(
    /// How much of it is real.
    DrillType {
        Tabletop = "tabletop",
        Walkthrough = "walkthrough",
        Simulation = "simulation",
        Parallel = "parallel",
        FullInterruption = "full_interruption",
    }
);

#[derive(Clone, Debug, PartialEq)]
pub struct Drill {
    pub id: DrillId,
    /// `DR-YYYYMMDD-XX`, dated in the installation's zone.
    pub number: String,
    pub scenario: String,
    /// The code of the procedure that is rehearsed: `DR-SQL-01` (Glancy §4.2).
    pub script: Option<String>,
    pub kind: DrillType,
    /// Nothing where it concerns no single one.
    pub service: Option<OfService>,
    /// Where the fault is put; nothing where the plan has none.
    pub workload: Option<WorkloadId>,
    /// What is done. The live state is added when it starts, and both together are the plan that is approved. None in
    /// rows of drills that nobody planned here: missed ones, and those of an older ledger.
    pub steps: Vec<Step>,
    /// The name of the account; nobody where nobody planned it.
    pub lead: Option<String>,
    pub participants: Vec<String>,
    /// How many people were asked to take part, the lead among them (EdgeLink §7.2).
    pub headcount: Option<u32>,
    /// What of the calendar it is done for.
    pub expected: Option<Expected>,
    /// The failed one that it does again.
    pub retest_of: Option<Link>,
    /// As the audit log writes it.
    pub planned_by: String,
    pub planned_at: DateTime<Utc>,
    pub closure_limit_s: u32,
    /// If it fails it is done again within so many days.
    pub retest_days: u32,
    pub targets: Vec<Target>,
    pub measurements: Vec<Measurement>,
    /// What people judge beside the numbers.
    pub criteria: Vec<Criterion>,
    pub requirements: Vec<Requirement>,
    pub issues: Vec<Issue>,
    /// What is to be done once the service is back; each becomes an action item of the lead.
    pub follow_ups: Vec<String>,
    pub actions: Vec<ActionItem>,
    pub tickets: Vec<Ticket>,
    /// Accounts that did something in it: approved its run or confirmed one of its steps, asked for its rollback,
    /// approved that, or recorded the recovery.
    pub took_part: Vec<String>,
    /// The newest one; an approval that was refused can be asked for again.
    pub run: Option<RunId>,
    pub rollback: Option<RollbackId>,
    pub times: Times,
    pub state: State,
    /// Stretches in which a protection was paused, in the order in which they began.
    pub unprotected: Vec<Unprotected>,
    /// Where it stands in the event system (Glancy §4.2): an address, or the number of an incident.
    pub event: Option<String>,
    /// Who is told of it in the end.
    pub report_to: Option<String>,
    /// When the row was taken over from an older ledger, with numbers that were typed in there.
    pub imported_at: Option<DateTime<Utc>>,
    /// Where that says that its evidence is. Nobody here has seen those files.
    pub links: Vec<String>,
    pub created_at: DateTime<Utc>,
}

/// The service that a drill concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfService {
    pub id: ServiceId,
    pub name: String,
    /// Its owner.
    pub team: String,
}

impl From<Stored<ServiceId, Service>> for OfService {
    fn from(it: Stored<ServiceId, Service>) -> Self {
        Self { id: it.id, name: it.entry.name, team: it.entry.team }
    }
}

/// The occurrence of an expected drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub id: ExpectedDrillId,
    /// As the catalog calls it.
    pub name: String,
    /// See [`crate::calendar::Occurrence::period`].
    pub period: String,
}

/// Another drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub id: DrillId,
    pub number: String,
}

/// Moments by the server's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// When the fault was begun, a moment before it was proven; what happens from here on may be its doing.
    pub injected_at: Option<DateTime<Utc>>,
    pub t0: Option<DateTime<Utc>>,
    pub recovered_at: Option<DateTime<Utc>>,
    pub t1: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Planned,
    /// Begun: approval is waited for, or the fault is there.
    Running,
    Recovered,
    EvidenceComplete,
    SignedOff(SignOff),
    /// Nobody began it. Why not is asked afterwards.
    Missed {
        reason: Option<String>,
    },
    /// Ended by a person after the fault, or before it by a run that failed.
    Aborted {
        reason: String,
    },
    /// Ended by a person before anything was done.
    Cancelled {
        reason: String,
    },
}

words!(
    /// A state without what belongs to it, as the database and the API spell it.
    StateName {
        Planned = "planned",
        Running = "running",
        Recovered = "recovered",
        EvidenceComplete = "evidence_complete",
        SignedOff = "signed_off",
        Missed = "missed",
        Aborted = "aborted",
        Cancelled = "cancelled",
    }
);

#[derive(Clone, Debug, PartialEq)]
pub struct SignOff {
    /// The name of the account.
    pub by: String,
    pub at: DateTime<Utc>,
    pub note: String,
    pub outcome: Outcome,
    /// By when a failed one is done again.
    pub retest_due: Option<DateTime<Utc>>,
}

/// Why a wish about a drill does not come about. What stands in the way of a signature is [`closing::Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("the drill has begun already")]
    Begun,
    #[error("the drill has not begun")]
    NotBegun,
    #[error("the drill is over")]
    Over,
    #[error("its recovery is measured by the rollback, which is still open")]
    RollbackOpen,
    #[error("the workload has an open rollback")]
    WorkloadBusy,
    #[error("the outcome is better than what was measured")]
    BetterThanMeasured,
    #[error("there is no item of this number")]
    UnknownItem,
    #[error("nobody verifies their own action item")]
    OwnItem,
    #[error("the action item was verified already")]
    VerifiedAlready,
    #[error("the criterion was judged already")]
    JudgedAlready,
    #[error("the drill was not missed")]
    NotMissed,
    #[error("a drill of this workload is under way")]
    OtherDrill,
    #[error("the calendar expects it at another time")]
    NotExpectedThen,
    #[error("the time in which it was expected is over")]
    PeriodOver,
    #[error("no protection of this name is paused")]
    NotPaused,
}

impl Refusal {
    /// Whether it is about who asks, and not about a state that has moved.
    pub fn forbids(self) -> bool {
        self == Refusal::OwnItem
    }
}

impl State {
    pub const fn name(&self) -> StateName {
        match self {
            State::Planned => StateName::Planned,
            State::Running => StateName::Running,
            State::Recovered => StateName::Recovered,
            State::EvidenceComplete => StateName::EvidenceComplete,
            State::SignedOff(_) => StateName::SignedOff,
            State::Missed { .. } => StateName::Missed,
            State::Aborted { .. } => StateName::Aborted,
            State::Cancelled { .. } => StateName::Cancelled,
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            State::Aborted { reason } | State::Cancelled { reason } => Some(reason),
            State::Missed { reason } => reason.as_deref(),
            _ => None,
        }
    }

    pub fn sign_off(&self) -> Option<&SignOff> {
        match self {
            State::SignedOff(it) => Some(it),
            _ => None,
        }
    }

    pub const fn is_over(&self) -> bool {
        matches!(
            self,
            State::SignedOff(_)
                | State::Missed { .. }
                | State::Aborted { .. }
                | State::Cancelled { .. }
        )
    }
}

impl Drill {
    /// One of this scenario, of which nothing else is known.
    pub fn of(scenario: String, kind: DrillType, planned_at: DateTime<Utc>) -> Self {
        Self {
            id: DrillId::NEW,
            number: String::new(),
            scenario,
            script: None,
            kind,
            service: None,
            workload: None,
            steps: vec![],
            lead: None,
            participants: vec![],
            headcount: None,
            expected: None,
            retest_of: None,
            planned_by: String::new(),
            planned_at,
            closure_limit_s: CLOSURE_LIMIT_S,
            retest_days: RETEST_DAYS,
            targets: vec![],
            measurements: vec![],
            criteria: vec![],
            requirements: vec![],
            issues: vec![],
            follow_ups: vec![],
            actions: vec![],
            tickets: vec![],
            took_part: vec![],
            run: None,
            rollback: None,
            times: Times::default(),
            state: State::Planned,
            unprotected: vec![],
            event: None,
            report_to: None,
            imported_at: None,
            links: vec![],
            created_at: planned_at,
        }
    }

    /// The name of the service, and nothing where it concerns none.
    pub fn service_name(&self) -> &str {
        self.service.as_ref().map(|it| it.name.as_str()).unwrap_or_default()
    }

    /// From T0 to T1.
    pub fn closure(&self) -> Option<TimeDelta> {
        Some(self.times.t1? - self.times.t0?)
    }

    pub fn closure_limit(&self) -> TimeDelta {
        TimeDelta::seconds(self.closure_limit_s.into())
    }

    /// So long after T0 it is at risk ([`at_risk_s`]).
    pub fn at_risk_after(&self) -> TimeDelta {
        TimeDelta::seconds(at_risk_s(self.closure_limit_s).into())
    }

    /// How long it took, or takes up to now.
    pub fn elapsed(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        let over = self.state.is_over() && self.times.t1.is_none();
        if over {
            return None;
        }
        Some(self.times.t1.unwrap_or(now) - self.times.t0?)
    }

    /// Whether it took, or takes, longer than it may.
    pub fn is_overrun(&self, now: DateTime<Utc>) -> bool {
        self.elapsed(now).is_some_and(|it| it > self.closure_limit())
    }

    /// What its own target is held against; objectives have measurements of their own beside it.
    pub fn measurement(&self, name: &str) -> Option<&Measurement> {
        self.measurements.iter().find(|it| it.name == name && it.objective.is_none())
    }

    /// Requirements that are met, and how many there are.
    pub fn evidence_count(&self) -> (usize, usize) {
        let met = self.requirements.iter().filter(|it| it.satisfied_by.is_some()).count();
        (met, self.requirements.len())
    }

    /// Whether this account led it, was in it, or did something in it. Uploading evidence alone is not taking part.
    pub fn has_part(&self, name: &str) -> bool {
        self.lead.as_deref() == Some(name)
            || self.participants.iter().any(|it| it == name)
            || self.took_part.iter().any(|it| it == name)
    }

    /// The position of the step that puts the fault in.
    pub fn fault(&self) -> Option<usize> {
        self.steps.iter().position(|it| matches!(it.kind, crate::plans::StepKind::Inject { .. }))
    }
}
