//! From rows to runs and back. What does not fit together is an error that names the table and the row.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::approvals::{Approval, By, Decision, Required, Standing};
use domain::ids::{DrillId, RollbackId, RunId, ServiceId};
use domain::plans::Moved;
use domain::runs::{Ended, Note, Purpose, Run, StateName, StepRecord, StepState, Wish, WishKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Error;

pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) service_id: Option<Uuid>,
    pub(super) purpose: String,
    pub(super) purpose_id: Option<Uuid>,
    pub(super) requested_by: String,
    pub(super) reason: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) required_count: i32,
    pub(super) required_roles: Vec<String>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) escalate_at: Vec<DateTime<Utc>>,
    pub(super) state: String,
    pub(super) state_at: Option<DateTime<Utc>>,
    pub(super) note: Option<Value>,
    pub(super) failed_step: Option<i32>,
    pub(super) moved: Option<Value>,
    pub(super) wish: Option<String>,
    pub(super) wish_by: Option<String>,
    pub(super) wish_reason: Option<String>,
    pub(super) wish_at: Option<DateTime<Utc>>,
    pub(super) escalated: i32,
    pub(super) confirmed_at: Option<DateTime<Utc>>,
    pub(super) epoch: i64,
    pub(super) digest: String,
    pub(super) planned: Value,
    pub(super) live: Value,
    pub(super) objects: Value,
    pub(super) steps: Value,
    pub(super) approvals: Value,
}

impl TryFrom<Row> for Run {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.id.to_string();
        let broken = |table| Error::Inconsistent { table, id: id.clone() };
        let plan = crate::plans::from_row(&row.digest, row.planned, row.live, row.objects)?;
        let steps: Vec<StepRow> =
            serde_json::from_value(row.steps).map_err(|_| broken("run_steps"))?;
        let steps: Option<Vec<_>> = steps.into_iter().map(StepRow::record).collect();
        let steps = steps.filter(|it| it.len() == plan.steps().len());
        let approvals: Vec<ApprovalRow> =
            serde_json::from_value(row.approvals).map_err(|_| broken("approvals"))?;
        let approvals: Option<Vec<_>> = approvals.into_iter().map(ApprovalRow::approval).collect();
        let state = State {
            at: row.state_at,
            note: row.note,
            failed_step: row.failed_step,
            moved: row.moved,
        };
        let wish = match (row.wish, row.wish_by, row.wish_reason, row.wish_at) {
            (None, None, None, None) => None,
            (Some(kind), Some(by), Some(reason), Some(at)) => {
                let kind = WishKind::parse(&kind).ok_or_else(|| broken("runs"))?;
                Some(Wish { kind, by, reason, at })
            }
            _ => return Err(broken("runs")),
        };
        let roles = row.required_roles.iter().map(|it| Role::parse(it)).collect::<Option<_>>();
        Ok(Run {
            id: RunId(row.id),
            service: row.service_id.map(ServiceId),
            purpose: purpose(&row.purpose, row.purpose_id).ok_or_else(|| broken("runs"))?,
            plan,
            state: StateName::parse(&row.state)
                .and_then(|name| state.with_name(name))
                .ok_or_else(|| broken("runs"))?,
            requested_by: row.requested_by,
            reason: row.reason,
            requested_at: row.created_at,
            required: Required {
                count: u32::try_from(row.required_count).map_err(|_| broken("runs"))?,
                roles: roles.ok_or_else(|| broken("runs"))?,
                expires_at: row.expires_at,
                escalate_at: row.escalate_at,
            },
            approvals: approvals.ok_or_else(|| broken("approvals"))?,
            steps: steps.ok_or_else(|| broken("run_steps"))?,
            wish,
            escalated: u32::try_from(row.escalated).map_err(|_| broken("runs"))?,
            confirmed_at: row.confirmed_at,
            epoch: row.epoch,
        })
    }
}

fn purpose(word: &str, id: Option<Uuid>) -> Option<Purpose> {
    match (word, id) {
        ("rollback", Some(id)) => Some(Purpose::Rollback(RollbackId(id))),
        ("drill", Some(id)) => Some(Purpose::Drill(DrillId(id))),
        ("run", None) => Some(Purpose::Run),
        _ => None,
    }
}

/// The columns that belong to a state.
#[derive(Default)]
pub(super) struct State {
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) note: Option<Value>,
    pub(super) failed_step: Option<i32>,
    pub(super) moved: Option<Value>,
}

impl State {
    pub(super) fn of(state: &domain::runs::State) -> Result<Self, Error> {
        use domain::runs::State as S;
        let at = |at: &DateTime<Utc>| Self { at: Some(*at), ..Self::default() };
        let noted =
            |when: &DateTime<Utc>, note: &Note| Self { note: Some(json!(note)), ..at(when) };
        Ok(match state {
            S::AwaitingApproval => Self::default(),
            S::Approved { at: when } | S::Succeeded { at: when } | S::Expired { at: when } => {
                at(when)
            }
            S::Running { since } => at(since),
            S::Paused { since, note } => noted(since, note),
            S::Aborted { at, note } | S::Rejected { at, note } => noted(at, note),
            S::Failed { at, step, note } => {
                Self { failed_step: Some(position(*step)?), ..noted(at, note) }
            }
            S::Superseded { at: when, moved } => Self { moved: Some(json!(moved)), ..at(when) },
        })
    }

    fn with_name(self, name: StateName) -> Option<domain::runs::State> {
        use StateName as N;
        use domain::runs::State as S;
        let note = self.note.map(serde_json::from_value::<Note>).transpose().ok()?;
        let moved = self.moved.map(serde_json::from_value::<Vec<Moved>>).transpose().ok()?;
        Some(match (name, self.at, note, self.failed_step, moved) {
            (N::AwaitingApproval, None, None, None, None) => S::AwaitingApproval,
            (N::Approved, Some(at), None, None, None) => S::Approved { at },
            (N::Running, Some(since), None, None, None) => S::Running { since },
            (N::Paused, Some(since), Some(note), None, None) => S::Paused { since, note },
            (N::Succeeded, Some(at), None, None, None) => S::Succeeded { at },
            (N::Failed, Some(at), Some(note), Some(step), None) => {
                S::Failed { at, step: usize::try_from(step).ok()?, note }
            }
            (N::Aborted, Some(at), Some(note), None, None) => S::Aborted { at, note },
            (N::Rejected, Some(at), Some(note), None, None) => S::Rejected { at, note },
            (N::Expired, Some(at), None, None, None) => S::Expired { at },
            (N::Superseded, Some(at), None, None, Some(moved)) if !moved.is_empty() => {
                S::Superseded { at, moved }
            }
            _ => return None,
        })
    }
}

fn position(step: usize) -> Result<i32, Error> {
    i32::try_from(step)
        .map_err(|_| Error::Inconsistent { table: "run_steps", id: step.to_string() })
}

#[derive(Serialize, Deserialize)]
pub(super) struct StepRow {
    position: i32,
    state: String,
    attempts: u32,
    note: Option<Value>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    intent: Option<Value>,
    proof: Option<Value>,
}

impl StepRow {
    pub(super) fn of(step: usize, record: &StepRecord) -> Result<Self, Error> {
        Ok(Self {
            position: position(step)?,
            state: record.state_name().to_owned(),
            attempts: record.attempts,
            note: record.note.as_ref().map(|it| json!(it)),
            started_at: record.started_at(),
            finished_at: record.finished_at(),
            intent: record.state.intent().map(|it| json!(it)),
            proof: record.state.proof().map(|it| json!(it)),
        })
    }

    fn record(self) -> Option<StepRecord> {
        let intent = self.intent.map(serde_json::from_value).transpose().ok()?;
        let proof = self.proof.map(serde_json::from_value).transpose().ok()?;
        let state = match (&*self.state, self.started_at, self.finished_at) {
            ("pending", None, None) if intent.is_none() && proof.is_none() => StepState::Pending,
            ("running", Some(started_at), None) if proof.is_none() => {
                StepState::Running { started_at, intent }
            }
            (how, started_at, Some(finished_at)) => {
                let how = Ended::parse(how)?;
                StepState::Ended { how, started_at, finished_at, intent, proof }
            }
            _ => return None,
        };
        let note = self.note.map(serde_json::from_value).transpose().ok()?;
        Some(StepRecord { state, attempts: self.attempts, note })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ApprovalRow {
    by: String,
    kind: String,
    person: Option<String>,
    roles: Option<Vec<Role>>,
    policy: Option<String>,
    policy_version: Option<i32>,
    decision: Decision,
    reason: String,
    at: DateTime<Utc>,
    plan_digest: domain::canonical::Digest,
    spent_at: Option<DateTime<Utc>>,
    void_at: Option<DateTime<Utc>>,
}

impl ApprovalRow {
    pub(super) fn of(approval: &Approval) -> Self {
        let (spent_at, void_at) = match approval.standing {
            Standing::Valid => (None, None),
            Standing::Spent(at) => (Some(at), None),
            Standing::Void(at) => (None, Some(at)),
        };
        let (kind, person, roles, policy, policy_version) = match approval.by.clone() {
            By::Person { name, roles } => ("person", Some(name), Some(roles), None, None),
            By::Policy { name, version } => ("policy", None, None, Some(name), Some(version)),
        };
        Self {
            by: approval.by.actor(),
            kind: kind.to_owned(),
            person,
            roles,
            policy,
            policy_version,
            decision: approval.decision,
            reason: approval.reason.clone(),
            at: approval.at,
            plan_digest: approval.plan_digest.clone(),
            spent_at,
            void_at,
        }
    }

    fn approval(self) -> Option<Approval> {
        let by = match (&*self.kind, self.person, self.roles, self.policy, self.policy_version) {
            ("person", Some(name), Some(roles), None, None) => By::Person { name, roles },
            ("policy", None, None, Some(name), Some(version)) => By::Policy { name, version },
            _ => return None,
        };
        let standing = match (self.spent_at, self.void_at) {
            (None, None) => Standing::Valid,
            (Some(at), None) => Standing::Spent(at),
            (None, Some(at)) => Standing::Void(at),
            _ => return None,
        };
        let Self { decision, reason, at, plan_digest, .. } = self;
        Some(Approval { by, decision, reason, at, plan_digest, standing })
    }
}
