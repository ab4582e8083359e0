//! Coverage: in each quarter every kind of subject and every type of drill is checked at least once (Glancy §6).

use std::fmt;

use chrono::{Datelike, NaiveDate};
use serde::Serialize;

use super::SubjectKind;
use crate::drills::DrillType;
use crate::verdict::Verdict;

/// Three months of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quarter {
    year: i32,
    /// 1 to 4.
    quarter: u32,
}

impl Quarter {
    /// The one in which this day lies.
    pub fn of(day: NaiveDate) -> Self {
        Self { year: day.year(), quarter: day.month0() / 3 + 1 }
    }

    /// `2026-Q4`
    pub fn parse(text: &str) -> Option<Self> {
        let (year, quarter) = text.split_once("-Q")?;
        let (year, quarter) = (year.parse().ok()?, quarter.parse().ok()?);
        let known = (1970..=9999).contains(&year) && (1..=4).contains(&quarter);
        known.then_some(Self { year, quarter })
    }

    /// Its first day, and the first day of the next one.
    pub fn days(self) -> (NaiveDate, NaiveDate) {
        (self.first(), self.next().first())
    }

    pub fn next(self) -> Self {
        match self.quarter {
            4 => Self { year: self.year + 1, quarter: 1 },
            n => Self { quarter: n + 1, ..self },
        }
    }

    pub fn previous(self) -> Self {
        match self.quarter {
            1 => Self { year: self.year - 1, quarter: 4 },
            n => Self { quarter: n - 1, ..self },
        }
    }

    fn first(self) -> NaiveDate {
        let month = (self.quarter - 1) * 3 + 1;
        NaiveDate::from_ymd_opt(self.year, month, 1).unwrap_or(NaiveDate::MAX)
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-Q{}", self.year, self.quarter)
    }
}

/// What has to be covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Kind(SubjectKind),
    DrillType(DrillType),
}

words!(
    Coverage {
        // A check of it was recorded, known in its outcome, and accepted.
        Covered = "covered",
        // Recorded, and not accepted yet.
        Pending = "pending",
        Missing = "missing",
        // No drill, or none of this type, was held.
        Nothing = "nothing",
    }
);

/// A check that was recorded in the period, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub number: String,
    pub kind: SubjectKind,
    pub verdict: Verdict,
    pub accepted: bool,
    /// The types of the drills in its sample.
    pub drill_types: Vec<DrillType>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub subject: Subject,
    pub coverage: Coverage,
    /// The numbers of the checks that cover it, or will.
    pub checks: Vec<String>,
}

/// Line by line. `held` are the types of the drills that were held in the period. What came to no verdict covers
/// nothing.
pub fn coverage(seen: &[Seen], held: &[DrillType]) -> Vec<Line> {
    let kinds = SubjectKind::ALL.iter().map(|it| Subject::Kind(*it));
    let types = DrillType::ALL.iter().map(|it| Subject::DrillType(*it));
    kinds.chain(types).map(|it| line(it, seen, held)).collect()
}

fn line(subject: Subject, seen: &[Seen], held: &[DrillType]) -> Line {
    let is_of = |it: &&Seen| match subject {
        Subject::Kind(kind) => it.kind == kind,
        Subject::DrillType(kind) => it.drill_types.contains(&kind),
    };
    let known = |it: &&Seen| it.verdict != Verdict::Unknown;
    let of: Vec<&Seen> = seen.iter().filter(is_of).filter(known).collect();
    let idle = match subject {
        Subject::Kind(SubjectKind::Drill) => held.is_empty(),
        Subject::Kind(_) => false,
        Subject::DrillType(kind) => !held.contains(&kind),
    };
    let coverage = match (of.iter().any(|it| it.accepted), of.is_empty(), idle) {
        (true, ..) => Coverage::Covered,
        (false, false, _) => Coverage::Pending,
        (false, true, true) => Coverage::Nothing,
        (false, true, false) => Coverage::Missing,
    };
    Line { subject, coverage, checks: of.into_iter().map(|it| it.number.clone()).collect() }
}
