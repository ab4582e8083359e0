//! From a decision to what is proposed: the plan that people approve, or none.

use chrono::{DateTime, Utc};

use super::State;
use crate::access::Role;
use crate::approvals::Required;
use crate::decisions::{Decision, Disposition, RuleName, Strategy, TargetKind};
use crate::gates::{self, Hook};
use crate::plans::{Action, LiveState, Plan, Step};
use crate::policies::{Approvals, Policy};
use crate::rollouts::Progress;
use crate::signals::Severity;
use crate::verdict::Verdict;
use crate::workloads::{Owner, Workload};

/// What would be done about a workload. None where the strategy is one that a person has to carry out.
pub fn plan(decision: &Decision, workload: &Workload) -> Option<Plan> {
    let of = workload.reference();
    let act = match decision.strategy {
        Strategy::VersionRollback => {
            let target = decision.target.as_ref().filter(|it| it.kind == TargetKind::Workload)?;
            Action::RolloutUndo {
                to_revision: target.revision,
                template_digest: target.digest.clone(),
            }
        }
        Strategy::Restart => Action::Restart,
        Strategy::TrafficSwitch => return gate(decision, workload),
        _ => return None,
    };
    let mut steps = vec![Step::act(of.clone(), act), Step::act(of.clone(), Action::WaitRollout)];
    if let Some(canary) = &workload.canary {
        // The abort has the traffic back before a pod is made. A version that was verified needs no canary of its own.
        match canary.is_under_way() {
            true => steps.insert(0, Step::act(of, Action::Abort)),
            false if canary.steps > 0 => steps.insert(1, Step::act(of, Action::PromoteFull)),
            false => {}
        }
    }
    Some(Plan::new(steps, vec![live(workload)]))
}

/// Flagger moves the traffic back itself, once its gate says so. None where it does not ask us.
fn gate(decision: &Decision, workload: &Workload) -> Option<Plan> {
    let Owner::Flagger(canary) = &workload.owner else { return None };
    let asks = decision.rule(RuleName::Able).is_some_and(|it| it.verdict.passed());
    let step = gates::step(Hook::Rollback, canary, workload);
    asks.then(|| Plan::new(vec![step], vec![live(workload)]))
}

/// The state that a plan for this workload is made for.
pub fn live(workload: &Workload) -> LiveState {
    LiveState {
        workload: workload.reference(),
        uid: workload.uid.clone(),
        digest: workload.live.digest.clone(),
        revision: workload.live.revision,
        paused: workload.paused,
        replicas: Some(workload.replicas),
        steering: workload.canary.as_ref().map(Progress::steering),
    }
}

/// What it takes to approve, as the policy says it. `asked` is 1 for the first time.
pub fn required(policy: &Policy, now: DateTime<Utc>) -> Required {
    let approvals = &policy.approvals;
    let Approvals { count, roles, expires_s, escalate_s } = approvals;
    Required::new(*count, roles, *expires_s, escalate_s, now)
}

/// The roles that may decide where the policy names none.
pub const DEFAULT_ROLES: &[Role] = &[Role::Sre];

/// What a person looks at that no machine can see, after the effect.
pub const CHECKLIST: &[&str] = &["key_function", "clients", "alerts_cleared"];

/// What becomes of a decision: the rollback's first state, and the plan where there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    pub state: State,
    pub plan: Option<Plan>,
    /// Nobody is asked: the policy approves.
    pub by_policy: bool,
}

/// None where the decision opens no rollback: it is only recorded, it says that there is nothing to do, the signal opens
/// something else, or it is for information, which is never a reason to ask anybody anything.
pub fn propose(
    decision: &Decision,
    workload: &Workload,
    severity: Option<Severity>,
) -> Option<Proposal> {
    let opens = decision.rule(RuleName::Opens).map(|it| it.verdict);
    if severity == Some(Severity::Info) || opens == Some(Verdict::Fail) {
        return None;
    }
    match decision.disposition {
        Disposition::RecordOnly | Disposition::None => None,
        Disposition::Execute | Disposition::Ask => {
            let plan = plan(decision, workload);
            let by_policy = decision.disposition == Disposition::Execute && plan.is_some();
            let state = match (&plan, by_policy) {
                (None, _) => State::NeedsPerson,
                (Some(_), true) => State::Approved,
                (Some(_), false) => State::AwaitingApproval,
            };
            Some(Proposal { state, plan, by_policy })
        }
    }
}

impl Proposal {
    /// The same, asked of a person in any case.
    #[must_use]
    pub fn asked(self) -> Self {
        match self.by_policy {
            true => Self { state: State::AwaitingApproval, by_policy: false, ..self },
            false => self,
        }
    }
}
