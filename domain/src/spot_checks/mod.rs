//! Spot checks: a sample, drawn so that nobody could choose it, and what was found in it.
//!
//! **Invariant:** the seed is committed to before the population is known, the population is fixed before the seed is
//! revealed, and each happens once. What was drawn stays, also where it was cancelled afterwards. Their moments follow
//! one another also where a clock was set back.

pub mod coverage;
pub mod draw;
pub mod export;
pub mod results;
pub mod retests;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use self::draw::{Population, Seed, Source};
pub use self::results::{Check, CheckName, Results, SubjectKind};
pub use self::retests::{Due, Escalation, Retest};
use crate::canonical::Digest;
use crate::ids::{ServiceId, SpotCheckId};
use crate::verdict::Verdict;

/// A sample has at most so many items; each is answered for by hand.
pub const MOST_SAMPLED: u32 = 500;

#[derive(Clone, Debug, PartialEq)]
pub struct SpotCheck {
    pub id: SpotCheckId,
    /// `SC-YYYYMMDD-XX`, dated in the installation's zone.
    pub number: String,
    pub kind: SubjectKind,
    /// What is checked, in the words of whoever plans it: Glancy's 抽查项.
    pub item: String,
    /// The data domain of the objectives, where one is meant.
    pub domain: Option<String>,
    /// The row of the backup matrix, where one is meant.
    pub backup: Option<String>,
    pub service: ServiceId,
    pub service_name: String,
    pub sample_size: u32,
    pub checks: Vec<Check>,
    /// From the draw to the record.
    pub closure_limit_s: Option<u32>,
    /// As the audit log writes it.
    pub planned_by: String,
    pub created_at: DateTime<Utc>,
    /// SHA-256 of the seed.
    pub commitment: Digest,
    /// Without its items, which may be many.
    pub population: Option<Fixed>,
    pub draw: Option<Draw>,
    pub record: Option<Record>,
    /// Of which one this is the re-test.
    pub retest_of: Option<Retest>,
    /// The number of its own re-test.
    pub retest: Option<String>,
    pub state: State,
}

/// A population that can no longer change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixed {
    pub source: Source,
    pub size: u32,
    pub digest: Digest,
    /// As the audit log writes it, as in the others.
    pub by: String,
    pub at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    pub seed: Seed,
    /// In the order in which it was drawn.
    pub sample: Vec<String>,
    pub by: String,
    pub at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub results: Results,
    pub verdict: Verdict,
    pub by: String,
    pub at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The seed is committed to.
    Planned,
    /// The population is fixed.
    Populated,
    Drawn,
    /// What was found is written down and judged.
    Recorded,
    Accepted(Acceptance),
    Cancelled {
        reason: String,
    },
}

/// The signature of the PMO: the record is true, whatever its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The name of the account.
    pub by: String,
    pub at: DateTime<Utc>,
    pub note: String,
}

words!(
    /// A state without what belongs to it, as the database and the API spell it.
    StateName {
        Planned = "planned",
        Populated = "populated",
        Drawn = "drawn",
        Recorded = "recorded",
        Accepted = "accepted",
        Cancelled = "cancelled",
    }
);

/// Why a wish about a spot check does not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("its population is fixed and never changes")]
    PopulationFixed,
    #[error("its population is not fixed yet")]
    NoPopulation,
    #[error("its sample was drawn, and a sample is drawn once")]
    DrawnAlready,
    #[error("its sample was not drawn yet")]
    NotDrawn,
    #[error("its results were recorded, and stay")]
    RecordedAlready,
    #[error("its results were not recorded yet")]
    NotRecorded,
    #[error("the spot check is over")]
    Over,
    #[error("nobody accepts what they fixed, drew or recorded themselves")]
    OwnRecord,
    #[error("no evidence was uploaded for it")]
    NoEvidence,
}

impl Refusal {
    /// Whether it is about who asks, and not about a state that has moved.
    pub fn forbids(self) -> bool {
        self == Refusal::OwnRecord
    }
}

impl State {
    pub const fn name(&self) -> StateName {
        match self {
            State::Planned => StateName::Planned,
            State::Populated => StateName::Populated,
            State::Drawn => StateName::Drawn,
            State::Recorded => StateName::Recorded,
            State::Accepted(_) => StateName::Accepted,
            State::Cancelled { .. } => StateName::Cancelled,
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            State::Cancelled { reason } => Some(reason),
            _ => None,
        }
    }

    pub fn acceptance(&self) -> Option<&Acceptance> {
        match self {
            State::Accepted(it) => Some(it),
            _ => None,
        }
    }

    /// Whether its results are still to come.
    pub const fn is_open(&self) -> bool {
        matches!(self, State::Planned | State::Populated | State::Drawn)
    }

    /// Why nothing but the next thing can be done.
    fn refusal(&self) -> Refusal {
        match self {
            State::Planned => Refusal::NoPopulation,
            State::Populated => Refusal::NotDrawn,
            State::Drawn => Refusal::NotRecorded,
            State::Recorded => Refusal::RecordedAlready,
            State::Accepted(_) | State::Cancelled { .. } => Refusal::Over,
        }
    }
}

impl SpotCheck {
    /// Its population is this from now on.
    ///
    /// # Errors
    /// [`Refusal::PopulationFixed`], [`Refusal::Over`].
    pub fn populate(mut self, fixed: Fixed) -> Result<Self, Refusal> {
        self.can_be_populated()?;
        let at = fixed.at.max(self.created_at);
        self.population = Some(Fixed { at, ..fixed });
        self.state = State::Populated;
        Ok(self)
    }

    /// Asked before a population is looked at.
    ///
    /// # Errors
    /// As [`SpotCheck::populate`].
    pub fn can_be_populated(&self) -> Result<(), Refusal> {
        match self.state {
            State::Planned => Ok(()),
            State::Cancelled { .. } => Err(Refusal::Over),
            _ => Err(Refusal::PopulationFixed),
        }
    }

    /// Reveals the seed; the sample follows.
    ///
    /// # Errors
    /// [`Refusal::NoPopulation`], [`Refusal::DrawnAlready`], [`Refusal::Over`].
    pub fn draw(
        mut self,
        seed: Seed,
        population: &Population,
        by: String,
        at: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        match self.state {
            State::Populated => {}
            State::Drawn | State::Recorded => return Err(Refusal::DrawnAlready),
            _ => return Err(self.state.refusal()),
        }
        let sample = draw::sample(&seed, population, self.sample_size as usize);
        let at = self.population.as_ref().map_or(at, |it| at.max(it.at));
        self.draw = Some(Draw { seed, sample, by, at });
        self.state = State::Drawn;
        Ok(self)
    }

    /// Writes down what was found, which [`Results::check`] has looked at, and judges it.
    ///
    /// # Errors
    /// [`Refusal::NotDrawn`] and those before it, [`Refusal::RecordedAlready`], [`Refusal::Over`].
    pub fn record(
        mut self,
        results: Results,
        by: String,
        at: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        if self.state != State::Drawn {
            return Err(self.state.refusal());
        }
        let at = self.draw.as_ref().map_or(at, |it| at.max(it.at));
        let findings = self.findings_of(&results, at);
        let verdict = Verdict::all(findings.iter().map(|it| it.verdict));
        self.record = Some(Record { results, verdict, by, at });
        self.state = State::Recorded;
        Ok(self)
    }

    /// The PMO's signature under what was recorded. `evidence` is how many files prove it.
    ///
    /// # Errors
    /// [`Refusal::NotRecorded`] and those before it, [`Refusal::OwnRecord`], [`Refusal::NoEvidence`].
    pub fn accept(
        mut self,
        name: &str,
        note: String,
        evidence: usize,
        at: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        if let Some(refusal) = self.against_acceptance(name, evidence) {
            return Err(refusal);
        }
        let at = self.record.as_ref().map_or(at, |it| at.max(it.at));
        self.state = State::Accepted(Acceptance { by: name.to_owned(), at, note });
        Ok(self)
    }

    /// What stands in the way of the signature of this account.
    pub fn against_acceptance(&self, name: &str, evidence: usize) -> Option<Refusal> {
        match self.state {
            State::Recorded => {}
            State::Accepted(_) | State::Cancelled { .. } => return Some(Refusal::Over),
            _ => return Some(Refusal::NotRecorded),
        }
        if self.has_part(name) {
            return Some(Refusal::OwnRecord);
        }
        (evidence == 0).then_some(Refusal::NoEvidence)
    }

    /// Ends it without a result. What was drawn stays visible.
    ///
    /// # Errors
    /// [`Refusal::RecordedAlready`], [`Refusal::Over`].
    pub fn cancel(mut self, reason: String) -> Result<Self, Refusal> {
        if !self.state.is_open() {
            return Err(self.state.refusal());
        }
        self.state = State::Cancelled { reason };
        Ok(self)
    }

    /// Whether this account fixed its population, drew its sample or recorded what was found.
    pub fn has_part(&self, name: &str) -> bool {
        let actors = [
            self.population.as_ref().map(|it| &it.by),
            self.draw.as_ref().map(|it| &it.by),
            self.record.as_ref().map(|it| &it.by),
        ];
        actors.into_iter().flatten().any(|it| it.strip_prefix("user:") == Some(name))
    }

    pub fn verdict(&self) -> Option<Verdict> {
        self.record.as_ref().map(|it| it.verdict)
    }

    /// From the draw to the record.
    pub fn closure(&self) -> Option<TimeDelta> {
        Some(self.record.as_ref()?.at - self.draw.as_ref()?.at)
    }

    pub fn closure_limit(&self) -> Option<TimeDelta> {
        self.closure_limit_s.map(|it| TimeDelta::seconds(it.into()))
    }

    /// The judgement line by line, once there is one.
    pub fn findings(&self) -> Vec<results::Finding> {
        match &self.record {
            Some(it) => self.findings_of(&it.results, it.at),
            None => vec![],
        }
    }

    fn findings_of(&self, results: &Results, at: DateTime<Utc>) -> Vec<results::Finding> {
        let took = self.draw.as_ref().map_or(TimeDelta::zero(), |it| at - it.at);
        results.findings(self.kind, &self.checks, took, self.closure_limit())
    }
}
