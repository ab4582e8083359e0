//! Gates: what a delivery tool asks before it goes on, and what it is told.
//!
//! Flagger asks at each of its hooks and goes on where the answer is yes; Argo Rollouts measures an answer. Both are
//! told from what Lifeboat knows itself: approvals, holds, rails, open rollbacks and the trouble that fires.
//!
//! **Invariant:** what is not known closes. The one gate that makes a tool go back opens only where a rollback was
//! decided. Nothing that the tool sends decides anything: it names itself by its token, and what it is about to
//! release is what the watch sees.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use self::answer::{Answer, Facts, Trouble, Why, answer};
pub use self::canary::{Canary, Phase, WentBack, went_back};
use crate::ids::{GateId, ServiceId, WorkloadId};
use crate::plans::{LiveState, Plan, Step, StepKind};
use crate::rollbacks::proposal;
use crate::runs::{Run, State};
use crate::workloads::Workload;

mod answer;
mod canary;
#[cfg(test)]
mod tests;

words!(
    /// Who asks.
    Tool { Flagger = "flagger", Argo = "argo" }
);

words!(
    /// When it asks: the hooks of a Flagger Canary as Flagger spells them, and the analysis of a Rollout.
    Hook {
        ConfirmRollout = "confirm-rollout",
        PreRollout = "pre-rollout",
        Rollout = "rollout",
        ConfirmTrafficIncrease = "confirm-traffic-increase",
        ConfirmPromotion = "confirm-promotion",
        PostRollout = "post-rollout",
        Rollback = "rollback",
        // Flagger tells what happened, and does not listen.
        Event = "event",
        Analysis = "analysis",
    }
);

/// A tool that may ask about one workload; it holds a token that is known by its hash alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    pub id: GateId,
    pub service: ServiceId,
    pub workload: WorkloadId,
    pub tool: Tool,
    /// Of the Canary or the Rollout, which is in the namespace of the workload.
    pub name: String,
    /// A person agrees before a new version goes on, at the hooks that are made for it.
    pub consent: bool,
    /// When the newest release that it asked about was over, as the tool said.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What has become of the question to people whether this version may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Nobody has been asked about this version yet.
    NotAsked,
    Waiting,
    Given,
    Refused,
    /// Nobody decided in time, so often in a row.
    Expired(u32),
}

/// A consent is for the release that it was given for; one that takes longer is asked about again.
pub const CONSENT_LASTS: TimeDelta = TimeDelta::hours(24);

/// So often people are asked about one version who do not answer. Then the gate stays closed.
pub const MOST_ASKED: u32 = 3;

impl Hook {
    pub const fn tool(self) -> Tool {
        match self {
            Hook::Analysis => Tool::Argo,
            _ => Tool::Flagger,
        }
    }

    /// Whether the tool merely waits while it is closed, without counting it against the release: here people can be
    /// asked.
    pub const fn waits(self) -> bool {
        matches!(
            self,
            Hook::ConfirmRollout
                | Hook::ConfirmTrafficIncrease
                | Hook::ConfirmPromotion
                | Hook::Analysis
        )
    }
}

impl Gate {
    /// What people are asked: one step that opens it for the version that is live now.
    pub fn question(&self, hook: Hook, workload: &Workload) -> Plan {
        Plan::new(vec![step(hook, &self.name, workload)], vec![proposal::live(workload)])
    }

    /// What has become of the questions of one hook, the newest first.
    pub fn consent(&self, asked: &[Run], live: &LiveState, now: DateTime<Utc>) -> Consent {
        let mut about = asked.iter().take_while(|it| self.is_about(it, live, now));
        let Some(newest) = about.next() else { return Consent::NotAsked };
        let missed = |it: &Run| match &it.state {
            State::AwaitingApproval => now >= it.required.expires_at,
            state => matches!(state, State::Expired { .. } | State::Superseded { .. }),
        };
        match &newest.state {
            _ if missed(newest) => {
                let before = about.take_while(|it| missed(it)).count();
                Consent::Expired(u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1))
            }
            State::Rejected { .. } | State::Aborted { .. } | State::Failed { .. } => {
                Consent::Refused
            }
            State::AwaitingApproval => Consent::Waiting,
            _ => Consent::Given,
        }
    }

    /// Whether a question was about what is released now.
    fn is_about(&self, run: &Run, live: &LiveState, now: DateTime<Utc>) -> bool {
        let planned = run.plan.live_of(&live.workload);
        planned.is_some_and(|it| it.uid == live.uid && it.digest == live.digest)
            && self.finished_at.is_none_or(|it| it < run.requested_at)
            && now - run.requested_at < CONSENT_LASTS
    }
}

/// Opens a gate of this Canary or Rollout.
pub fn step(hook: Hook, name: &str, workload: &Workload) -> Step {
    let kind = StepKind::Gate { hook, of: name.to_owned(), workload: workload.reference() };
    Step::new(format!("{} of {name}", hook.as_str()), kind)
}
