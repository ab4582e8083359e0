//! How a run is approved or rejected.

use chrono::{DateTime, Utc};

use super::{Note, Refusal, Run, State};
use crate::approvals::{Approval, Approver, By, Decision, Refusal as Unapproved, Standing};

impl Run {
    /// A person decides. The last consent that was missing approves the run, one rejection ends it.
    pub fn decide(
        mut self,
        approver: &Approver,
        plan_digest: &str,
        decision: Decision,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let by = By::Person { name: approver.name.clone(), roles: approver.roles.clone() };
        self.may_decide(&by, approver, plan_digest, now)?;
        let reason = reason.trim();
        if decision == Decision::Reject && reason.is_empty() {
            return Err(Unapproved::ReasonMissing.into());
        }
        let note = Note::Person { by: by.actor(), reason: reason.to_owned() };
        self.approvals.push(self.approval(by, decision, reason, now));
        if decision == Decision::Reject {
            self.void(now);
            self.skip_rest(now);
            self.state = State::Rejected { at: now, note };
        } else if self.required.met_by(&self.approvals) {
            self.state = State::Approved { at: now };
        }
        Ok(self)
    }

    /// Nobody is asked, because the policy says so.
    pub fn approve_by_policy(
        mut self,
        policy: &str,
        version: i32,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        self.waits_for_approval(now)?;
        let by = By::Policy { name: policy.to_owned(), version };
        self.approvals.push(self.approval(by, Decision::Approve, "", now));
        self.state = State::Approved { at: now };
        Ok(self)
    }

    fn approval(&self, by: By, decision: Decision, reason: &str, at: DateTime<Utc>) -> Approval {
        let plan_digest = self.plan.digest().clone();
        Approval {
            by,
            decision,
            reason: reason.to_owned(),
            at,
            plan_digest,
            standing: Standing::Valid,
        }
    }

    fn may_decide(
        &self,
        by: &By,
        approver: &Approver,
        plan_digest: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Unapproved> {
        // Who may not decide at all learns that first, whatever has become of the run.
        if by.actor() == self.requested_by {
            return Err(Unapproved::OwnRequest);
        }
        if !self.required.asks(approver) {
            return Err(Unapproved::WrongRole);
        }
        self.waits_for_approval(now)?;
        if self.approvals.iter().any(|it| it.by.actor() == by.actor()) {
            return Err(Unapproved::Again);
        }
        match self.plan.digest().as_str() == plan_digest {
            true => Ok(()),
            false => Err(Unapproved::Moved),
        }
    }

    fn waits_for_approval(&self, now: DateTime<Utc>) -> Result<(), Unapproved> {
        match &self.state {
            State::AwaitingApproval if now >= self.required.expires_at => Err(Unapproved::Expired),
            State::AwaitingApproval => Ok(()),
            State::Expired { .. } => Err(Unapproved::Expired),
            State::Superseded { .. } => Err(Unapproved::Moved),
            State::Rejected { .. } => Err(Unapproved::Rejected),
            _ => Err(Unapproved::Spent),
        }
    }

    /// Whether a person consented; a policy alone is not enough for everything.
    pub fn approved_by_a_person(&self) -> bool {
        self.approvals.iter().any(|it| {
            it.decision == Decision::Approve
                && matches!(it.by, By::Person { .. })
                && !matches!(it.standing, Standing::Void(_))
        })
    }

    pub(super) fn void(&mut self, now: DateTime<Utc>) {
        for approval in &mut self.approvals {
            if approval.standing == Standing::Valid {
                approval.standing = Standing::Void(now);
            }
        }
    }
}
