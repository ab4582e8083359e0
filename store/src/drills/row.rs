//! From rows to drills and back. What does not fit together is an error that names the table and the row.

use chrono::{DateTime, Utc};
use domain::drills::closing::Outcome;
use domain::drills::{
    ActionItem, Drill, DrillType, Expected, Issue, Link, OfService, SignOff, State, StateName,
    Times, Verified,
};
use domain::evidence::Sha256;
use domain::ids::{DrillId, ExpectedDrillId, RollbackId, RunId, ServiceId, WorkloadId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Error;
use crate::measurements::Body;

pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) number: String,
    pub(super) scenario: String,
    pub(super) script: Option<String>,
    pub(super) kind: String,
    pub(super) service_id: Option<Uuid>,
    pub(super) service_name: Option<String>,
    pub(super) team: Option<String>,
    pub(super) workload_id: Option<Uuid>,
    pub(super) steps: Value,
    pub(super) lead: Option<String>,
    pub(super) participants: Vec<String>,
    pub(super) headcount: Option<i32>,
    pub(super) expected_drill_id: Option<Uuid>,
    pub(super) expected_name: Option<String>,
    pub(super) period: Option<String>,
    pub(super) retest_of: Option<Uuid>,
    pub(super) retest_of_number: Option<String>,
    pub(super) retest_days: i32,
    pub(super) criteria: Value,
    pub(super) follow_ups: Vec<String>,
    pub(super) tickets: Value,
    pub(super) unprotected: Value,
    pub(super) event: Option<String>,
    pub(super) report_to: Option<String>,
    pub(super) imported_at: Option<DateTime<Utc>>,
    pub(super) links: Vec<String>,
    pub(super) planned_by: String,
    pub(super) planned_at: DateTime<Utc>,
    pub(super) closure_limit_s: i32,
    pub(super) targets: Value,
    pub(super) requirements: Value,
    pub(super) took_part: Vec<String>,
    pub(super) run_id: Option<Uuid>,
    pub(super) rollback_id: Option<Uuid>,
    pub(super) injected_at: Option<DateTime<Utc>>,
    pub(super) t0: Option<DateTime<Utc>>,
    pub(super) recovered_at: Option<DateTime<Utc>>,
    pub(super) t1: Option<DateTime<Utc>>,
    pub(super) state: String,
    pub(super) state_reason: Option<String>,
    pub(super) signed_by: Option<String>,
    pub(super) signed_at: Option<DateTime<Utc>>,
    pub(super) sign_note: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) retest_due: Option<DateTime<Utc>>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) measurements: Value,
    pub(super) issues: Value,
    pub(super) actions: Value,
}

impl TryFrom<Row> for Drill {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.id.to_string();
        row.drill().ok_or(Error::Inconsistent { table: "drills", id })
    }
}

impl Row {
    fn drill(self) -> Option<Drill> {
        let state = self.state()?;
        let measurements: Vec<Body> = json(self.measurements)?;
        let actions: Vec<ActionRow> = json(self.actions)?;
        Some(Drill {
            id: DrillId(self.id),
            number: self.number,
            scenario: self.scenario,
            script: self.script,
            kind: DrillType::parse(&self.kind)?,
            service: match (self.service_id, self.service_name, self.team) {
                (Some(id), Some(name), Some(team)) => {
                    Some(OfService { id: ServiceId(id), name, team })
                }
                _ => None,
            },
            workload: self.workload_id.map(WorkloadId),
            steps: json(self.steps)?,
            lead: self.lead,
            participants: self.participants,
            headcount: self.headcount.map(u32::try_from).transpose().ok()?,
            expected: match (self.expected_drill_id, self.expected_name, self.period) {
                (Some(id), Some(name), Some(period)) => {
                    Some(Expected { id: ExpectedDrillId(id), name, period })
                }
                _ => None,
            },
            retest_of: match (self.retest_of, self.retest_of_number) {
                (Some(id), Some(number)) => Some(Link { id: DrillId(id), number }),
                _ => None,
            },
            planned_by: self.planned_by,
            planned_at: self.planned_at,
            closure_limit_s: u32::try_from(self.closure_limit_s).ok()?,
            retest_days: u32::try_from(self.retest_days).ok()?,
            targets: json(self.targets)?,
            measurements: measurements.into_iter().map(Body::measurement).collect(),
            criteria: json(self.criteria)?,
            requirements: json(self.requirements)?,
            issues: json::<Vec<Issue>>(self.issues)?,
            follow_ups: self.follow_ups,
            tickets: json(self.tickets)?,
            unprotected: json(self.unprotected)?,
            event: self.event,
            report_to: self.report_to,
            actions: actions.into_iter().map(ActionRow::item).collect::<Option<_>>()?,
            took_part: self.took_part,
            run: self.run_id.map(RunId),
            rollback: self.rollback_id.map(RollbackId),
            times: Times {
                injected_at: self.injected_at,
                t0: self.t0,
                recovered_at: self.recovered_at,
                t1: self.t1,
            },
            state,
            imported_at: self.imported_at,
            links: self.links,
            created_at: self.created_at,
        })
    }

    fn state(&self) -> Option<State> {
        let reason = self.state_reason.clone();
        Some(match (StateName::parse(&self.state)?, reason, self.sign_off()?) {
            (StateName::Planned, None, None) => State::Planned,
            (StateName::Running, None, None) => State::Running,
            (StateName::Recovered, None, None) => State::Recovered,
            (StateName::EvidenceComplete, None, None) => State::EvidenceComplete,
            (StateName::SignedOff, None, Some(sign_off)) => State::SignedOff(sign_off),
            (StateName::Missed, reason, None) => State::Missed { reason },
            (StateName::Aborted, Some(reason), None) => State::Aborted { reason },
            (StateName::Cancelled, Some(reason), None) => State::Cancelled { reason },
            _ => return None,
        })
    }

    /// The outer option is whether the columns fit together.
    fn sign_off(&self) -> Option<Option<SignOff>> {
        let outcome = self.outcome.as_deref();
        match (&self.signed_by, self.signed_at, &self.sign_note, outcome) {
            (None, None, None, None) => Some(None),
            (Some(by), Some(at), Some(note), Some(outcome)) => Some(Some(SignOff {
                by: by.clone(),
                at,
                note: note.clone(),
                outcome: Outcome::parse(outcome)?,
                retest_due: self.retest_due,
            })),
            _ => None,
        }
    }
}

fn json<T: DeserializeOwned>(value: Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

#[derive(Serialize, Deserialize)]
pub(super) struct ActionRow {
    position: u32,
    text: String,
    owner: String,
    due: DateTime<Utc>,
    critical: bool,
    verified_by: Option<String>,
    verified_at: Option<DateTime<Utc>>,
    evidence: Option<Sha256>,
}

impl ActionRow {
    pub(super) fn of(it: &ActionItem) -> Self {
        Self {
            position: it.position,
            text: it.text.clone(),
            owner: it.owner.clone(),
            due: it.due,
            critical: it.critical,
            verified_by: it.verified.as_ref().map(|it| it.by.clone()),
            verified_at: it.verified.as_ref().map(|it| it.at),
            evidence: it.verified.as_ref().map(|it| it.evidence.clone()),
        }
    }

    fn item(self) -> Option<ActionItem> {
        let verified = match (self.verified_by, self.verified_at, self.evidence) {
            (None, None, None) => None,
            (Some(by), Some(at), Some(evidence)) => Some(Verified { by, at, evidence }),
            _ => return None,
        };
        Some(ActionItem {
            position: self.position,
            text: self.text,
            owner: self.owner,
            due: self.due,
            critical: self.critical,
            verified,
        })
    }
}
