//! Approvals: people's consent to one digest, or a policy's.
//!
//! **Invariant:** nobody approves what they asked for, nobody counts twice, and a consent is spent by one run.
//! A machine has no way in: only a person becomes an [`Approver`].

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::canonical::Digest;

/// What it takes, as the policy of the service says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Required {
    /// How many different people. At least 1.
    pub count: u32,
    /// Each of them has one of these roles; where there are at least as many people as roles, every role
    /// is among them.
    pub roles: Vec<Role>,
    pub expires_at: DateTime<Utc>,
    /// When the next contacts hear of it; in order, all before it expires.
    pub escalate_at: Vec<DateTime<Utc>>,
}

/// A person who wants to decide, with the roles that count for an approval at this moment: not those that
/// were granted too recently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    pub name: String,
    pub roles: Vec<Role>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum By {
    Person {
        name: String,
        roles: Vec<Role>,
    },
    /// Nobody was asked, because this version of the policy says so.
    Policy {
        name: String,
        version: i32,
    },
}

words!(Decision { Approve = "approve", Reject = "reject" });

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub by: By,
    pub decision: Decision,
    pub reason: String,
    pub at: DateTime<Utc>,
    /// What it is for.
    pub plan_digest: Digest,
    pub standing: Standing,
}

/// What became of a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It counts.
    Valid,
    /// The run that it was for has begun.
    Spent(DateTime<Utc>),
    /// What it was for does not exist any more, or a kill switch took it back.
    Void(DateTime<Utc>),
}

/// Why a decision does not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    #[error("nobody approves what they asked for themselves")]
    OwnRequest,
    #[error("none of your roles that may approve by now is asked for here")]
    WrongRole,
    #[error("you have decided on this already")]
    Again,
    #[error("the plan has changed since it was read")]
    Moved,
    #[error("the time for approval is over")]
    Expired,
    #[error("the approval was spent: the run has begun or ended")]
    Spent,
    #[error("somebody rejected it")]
    Rejected,
    #[error("a rejection says why")]
    ReasonMissing,
}

/// How long an approval is waited for where the policy says nothing.
const EXPIRES_S: u32 = 900;
const ESCALATE_S: [u32; 2] = [300, 600];

impl Required {
    /// `escalate_s` that lie behind the end are left out. A count of 0 means 1, no roles mean SRE.
    pub fn new(
        count: u32,
        roles: &[Role],
        expires_s: u32,
        escalate_s: &[u32],
        asked_at: DateTime<Utc>,
    ) -> Self {
        let after = |seconds: u32| asked_at + TimeDelta::seconds(seconds.into());
        let mut escalate_s: Vec<u32> =
            escalate_s.iter().copied().filter(|it| *it < expires_s).collect();
        escalate_s.sort_unstable();
        Self {
            count: count.max(1),
            roles: if roles.is_empty() { vec![Role::Sre] } else { roles.to_vec() },
            expires_at: after(expires_s),
            escalate_at: escalate_s.into_iter().map(after).collect(),
        }
    }

    /// One SRE within 15 minutes; others hear of it after 5 and 10.
    pub fn usual(asked_at: DateTime<Utc>) -> Self {
        Self::new(1, &[Role::Sre], EXPIRES_S, &ESCALATE_S, asked_at)
    }

    /// Whether these consents are enough.
    pub fn met_by(&self, approvals: &[Approval]) -> bool {
        let consents = || {
            approvals.iter().filter(|it| {
                it.decision == Decision::Approve && !matches!(it.standing, Standing::Void(_))
            })
        };
        if consents().any(|it| matches!(it.by, By::Policy { .. })) {
            return true;
        }
        let people = || {
            consents().filter_map(|it| match &it.by {
                By::Person { roles, .. } => Some(roles),
                By::Policy { .. } => None,
            })
        };
        let enough = people().count() >= self.count as usize;
        let all_roles = self.roles.iter().all(|role| people().any(|own| own.contains(role)));
        enough && (all_roles || self.roles.len() > self.count as usize)
    }

    /// Administrators administer and do not approve, whatever a policy lists.
    pub fn asks(&self, approver: &Approver) -> bool {
        let counts = |role: &&Role| **role != Role::Admin && self.roles.contains(role);
        approver.roles.iter().any(|role| counts(&role))
    }
}

impl By {
    /// As the audit log writes it: `user:alice`, `policy:default`.
    pub fn actor(&self) -> String {
        match self {
            By::Person { name, .. } => format!("user:{name}"),
            By::Policy { name, .. } => format!("policy:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn consent(name: &str, roles: &[Role]) -> Approval {
        Approval {
            by: By::Person { name: name.into(), roles: roles.to_vec() },
            decision: Decision::Approve,
            reason: String::new(),
            at: AT,
            plan_digest: Digest::of(b""),
            standing: Standing::Valid,
        }
    }

    #[test]
    fn enough_people_and_every_role_that_is_asked_for() {
        use Role::{Pmo, Sre};
        let required = |count, roles: &[Role]| Required::new(count, roles, 900, &[], AT);
        let (anna, ben) = (consent("anna", &[Sre]), consent("ben", &[Sre]));
        let carl = consent("carl", &[Pmo]);
        for (required, given, met) in [
            (required(1, &[Sre]), vec![], false),
            (required(1, &[Sre]), vec![anna.clone()], true),
            (required(2, &[Sre]), vec![anna.clone()], false),
            (required(2, &[Sre]), vec![anna.clone(), ben.clone()], true),
            (required(1, &[Sre, Pmo]), vec![carl.clone()], true),
            (required(2, &[Sre, Pmo]), vec![anna.clone(), ben], false),
            (required(2, &[Sre, Pmo]), vec![anna.clone(), carl], true),
            (
                required(1, &[Sre]),
                vec![Approval { decision: Decision::Reject, ..anna.clone() }],
                false,
            ),
            (required(1, &[Sre]), vec![Approval { standing: Standing::Void(AT), ..anna }], false),
        ] {
            assert_eq!(required.met_by(&given), met, "{required:?} {given:?}");
        }
    }

    #[test]
    fn a_policy_speaks_for_itself() {
        let by = By::Policy { name: "default".into(), version: 3 };
        let approval = Approval { by, ..consent("", &[]) };
        assert!(Required::usual(AT).met_by(&[approval]));
    }

    #[test]
    fn an_administrator_is_never_asked() {
        let required = Required::new(1, &[Role::Admin, Role::Sre], 900, &[], AT);
        let approver = |roles: &[Role]| Approver { name: "a".into(), roles: roles.to_vec() };
        assert!(!required.asks(&approver(&[Role::Admin])));
        assert!(required.asks(&approver(&[Role::Admin, Role::Sre])));
        assert!(!required.asks(&approver(&[])));
    }

    #[test]
    fn it_escalates_in_order_and_before_it_expires() {
        let required = Required::new(0, &[], 600, &[600, 300, 900], AT);
        assert_eq!((required.count, required.roles), (1, vec![Role::Sre]));
        assert_eq!(required.escalate_at, [AT + TimeDelta::seconds(300)]);
    }
}
