//! From rows to spot checks and back. What does not fit together is an error that names the table and the row.

use chrono::{DateTime, NaiveDate, Utc};
use domain::business_days::MissingYear;
use domain::ids::{ServiceId, SpotCheckId};
use domain::spot_checks::{
    Acceptance, Draw, Due, Escalation, Fixed, Record, Retest, Seed, SpotCheck, State, StateName,
    SubjectKind,
};
use domain::verdict::Verdict;
use serde_json::Value;
use uuid::Uuid;

use crate::Error;

pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) number: String,
    pub(super) kind: String,
    pub(super) item: String,
    pub(super) domain: Option<String>,
    pub(super) backup: Option<String>,
    pub(super) service_id: Uuid,
    pub(super) service_name: String,
    pub(super) sample_size: i32,
    pub(super) checks: Value,
    pub(super) closure_limit_s: Option<i32>,
    pub(super) planned_by: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) commitment: String,
    pub(super) population_size: Option<i32>,
    pub(super) population_source: Option<Value>,
    pub(super) population_digest: Option<String>,
    pub(super) populated_by: Option<String>,
    pub(super) populated_at: Option<DateTime<Utc>>,
    pub(super) seed: Option<Vec<u8>>,
    pub(super) sample: Option<Vec<String>>,
    pub(super) drawn_by: Option<String>,
    pub(super) drawn_at: Option<DateTime<Utc>>,
    pub(super) results: Option<Value>,
    pub(super) verdict: Option<String>,
    pub(super) recorded_by: Option<String>,
    pub(super) recorded_at: Option<DateTime<Utc>>,
    pub(super) accepted_by: Option<String>,
    pub(super) accepted_at: Option<DateTime<Utc>>,
    pub(super) accept_note: Option<String>,
    pub(super) state: String,
    pub(super) state_reason: Option<String>,
    pub(super) retest_of: Option<Uuid>,
    pub(super) retest_of_number: Option<String>,
    pub(super) retest_since: Option<NaiveDate>,
    pub(super) retest_due: Option<NaiveDate>,
    pub(super) retest_due_missing: Option<i32>,
    pub(super) escalation: String,
    pub(super) retest: Option<String>,
}

impl TryFrom<Row> for SpotCheck {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.id.to_string();
        row.spot_check().ok_or(Error::Inconsistent { table: "spot_checks", id })
    }
}

impl Row {
    fn spot_check(mut self) -> Option<SpotCheck> {
        let state = self.state()?;
        let retest_of = self.retest_of()?;
        let population = self.population()?;
        let draw = self.draw()?;
        let record = self.record()?;
        Some(SpotCheck {
            id: SpotCheckId(self.id),
            number: self.number,
            kind: SubjectKind::parse(&self.kind)?,
            item: self.item,
            domain: self.domain,
            backup: self.backup,
            service: ServiceId(self.service_id),
            service_name: self.service_name,
            sample_size: u32::try_from(self.sample_size).ok()?,
            checks: serde_json::from_value(self.checks).ok()?,
            closure_limit_s: match self.closure_limit_s {
                Some(it) => Some(u32::try_from(it).ok()?),
                None => None,
            },
            planned_by: self.planned_by,
            created_at: self.created_at,
            commitment: self.commitment.try_into().ok()?,
            population,
            draw,
            record,
            retest_of,
            retest: self.retest,
            state,
        })
    }

    // The outer option of each part is whether its columns fit together.

    fn population(&mut self) -> Option<Option<Fixed>> {
        let Some(source) = self.population_source.take() else { return Some(None) };
        Some(Some(Fixed {
            source: serde_json::from_value(source).ok()?,
            size: u32::try_from(self.population_size?).ok()?,
            digest: self.population_digest.take()?.try_into().ok()?,
            by: self.populated_by.take()?,
            at: self.populated_at?,
        }))
    }

    fn draw(&mut self) -> Option<Option<Draw>> {
        let Some(seed) = self.seed.take() else { return Some(None) };
        Some(Some(Draw {
            seed: Seed::from_slice(&seed).ok()?,
            sample: self.sample.take()?,
            by: self.drawn_by.take()?,
            at: self.drawn_at?,
        }))
    }

    fn record(&mut self) -> Option<Option<Record>> {
        let Some(results) = self.results.take() else { return Some(None) };
        Some(Some(Record {
            results: serde_json::from_value(results).ok()?,
            verdict: Verdict::parse(&self.verdict.take()?)?,
            by: self.recorded_by.take()?,
            at: self.recorded_at?,
        }))
    }

    fn retest_of(&mut self) -> Option<Option<Retest>> {
        let Some(of) = self.retest_of else { return Some(None) };
        let due = match (self.retest_due, self.retest_due_missing) {
            (Some(day), None) => Due::On(day),
            (None, Some(year)) => Due::Unknown(MissingYear(year)),
            _ => return None,
        };
        Some(Some(Retest {
            of: SpotCheckId(of),
            of_number: self.retest_of_number.take()?,
            since: self.retest_since?,
            due,
            escalation: Escalation::parse(&self.escalation)?,
        }))
    }

    fn state(&mut self) -> Option<State> {
        let reason = self.state_reason.take();
        let acceptance = match (self.accepted_by.take(), self.accepted_at, self.accept_note.take())
        {
            (None, None, None) => None,
            (Some(by), Some(at), Some(note)) => Some(Acceptance { by, at, note }),
            _ => return None,
        };
        Some(match (StateName::parse(&self.state)?, reason, acceptance) {
            (StateName::Planned, None, None) => State::Planned,
            (StateName::Populated, None, None) => State::Populated,
            (StateName::Drawn, None, None) => State::Drawn,
            (StateName::Recorded, None, None) => State::Recorded,
            (StateName::Accepted, None, Some(it)) => State::Accepted(it),
            (StateName::Cancelled, Some(reason), None) => State::Cancelled { reason },
            _ => return None,
        })
    }
}
