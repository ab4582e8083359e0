//! The close of a quarter: its figures and rows are fixed, and what happens to a row afterwards is an addendum
//! (Glancy §7).
//!
//! **Invariant:** what was closed never changes. The digest covers the figures and every row; whoever has the rows
//! can compute it again.

pub mod paper;
pub mod reconciliation;
pub mod report;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeZone, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{self, Digest};
use crate::texts::Lang;
use crate::trends::{Figures, Period, Unit};

/// Periods before the closed one that are frozen with it, to show where it comes from.
pub const BEFORE: usize = 7;

/// Why a quarter is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("the quarter has not ended yet")]
    NotEnded,
    #[error("the quarter is closed already")]
    ClosedAlready,
}

/// One row of a ledger with what it said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// `drills/DR-…`
    pub subject: String,
    /// As an object; its members are what counts.
    pub facts: Value,
}

impl Fact {
    pub fn digest(&self) -> Digest {
        canonical::digest(&self.facts)
    }

    /// The ledger it is from, as the first part of an address.
    pub fn ledger(&self) -> &str {
        self.subject.split_once('/').map_or("", |it| it.0)
    }
}

/// The figures of a period beside its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeriodFigures {
    pub period: Period,
    pub figures: Figures,
}

/// The head of the audit chain when a quarter was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    pub entry: i64,
    /// 64 hexadecimal digits.
    pub hash: String,
}

/// What is fixed of a quarter, but for the rows themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quarter {
    pub period: Period,
    /// The installation's zone by then, by its name; it says when the quarter began and ended.
    pub zone: String,
    pub starts: DateTime<Utc>,
    pub ends: DateTime<Utc>,
    pub figures: Figures,
    /// Each month of it.
    pub months: Vec<PeriodFigures>,
    /// The quarters before it, the oldest first, as they were counted when it was closed.
    pub before: Vec<PeriodFigures>,
    pub rows: u64,
    pub digest: Digest,
    pub audit: Option<AuditHead>,
    /// The name of the account.
    pub closed_by: String,
    pub closed_at: DateTime<Utc>,
    /// In which it was closed.
    pub lang: Lang,
}

/// What is counted for a close, in one look at the ledgers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    pub figures: Figures,
    pub months: Vec<PeriodFigures>,
    pub before: Vec<PeriodFigures>,
    pub facts: Vec<Fact>,
}

/// Who closes it, when, and by which calendar.
pub struct Closing<'a, Z: TimeZone> {
    pub zone: &'a Z,
    pub zone_name: &'a str,
    pub by: &'a str,
    pub now: DateTime<Utc>,
    pub lang: Lang,
    pub audit: Option<AuditHead>,
}

/// Whether this can be closed now; whether it is closed already is the database's to say.
///
/// # Errors
/// [`Refusal::NotEnded`].
pub fn may_close<Z: TimeZone>(period: Period, zone: &Z, now: DateTime<Utc>) -> Result<(), Refusal> {
    let over = period.unit() == Unit::Quarter && period.has_ended(zone, now);
    if over { Ok(()) } else { Err(Refusal::NotEnded) }
}

/// Fixes what was counted.
///
/// # Errors
/// As [`may_close`].
pub fn close<Z: TimeZone>(
    period: Period,
    counted: &Counted,
    closing: Closing<'_, Z>,
) -> Result<Quarter, Refusal> {
    let Closing { zone, zone_name, by, now, lang, audit } = closing;
    may_close(period, zone, now)?;
    Ok(Quarter {
        period,
        zone: zone_name.to_owned(),
        starts: period.starts(zone),
        ends: period.ends(zone),
        digest: digest(period, &counted.figures, &counted.facts),
        figures: counted.figures.clone(),
        months: counted.months.clone(),
        before: counted.before.clone(),
        rows: counted.facts.len() as u64,
        audit,
        closed_by: by.to_owned(),
        closed_at: now,
        lang,
    })
}

/// SHA-256 over [`frozen`].
pub fn digest(period: Period, figures: &Figures, facts: &[Fact]) -> Digest {
    Digest::of(frozen(period, figures, facts).as_bytes())
}

/// The canonical JSON of `{period, figures, rows: {subject: digest}}`: all that is fixed, in one text.
pub fn frozen(period: Period, figures: &Figures, facts: &[Fact]) -> String {
    let rows: BTreeMap<_, _> = facts.iter().map(|it| (&it.subject, it.digest())).collect();
    let whole = serde_json::json!({ "period": period, "figures": figures, "rows": rows });
    canonical::to_string(&whole)
}

/// What has become of a row since its quarter was closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Addendum {
    pub subject: String,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// Entered after the close, for a day of the quarter.
    Added,
    /// Moved to another quarter or removed.
    Gone,
    Changed {
        fields: Vec<Field>,
    },
}

/// A member of a row that is not what it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub closed: Value,
    pub now: Value,
}

/// What the ledgers say now beside what was closed, by subject. Nothing where nothing has changed.
pub fn addenda(closed: &[Fact], now: &[Fact]) -> Vec<Addendum> {
    fn by_subject(facts: &[Fact]) -> BTreeMap<&str, &Value> {
        facts.iter().map(|it| (it.subject.as_str(), &it.facts)).collect()
    }
    let (closed, now) = (by_subject(closed), by_subject(now));
    let subjects: BTreeSet<&str> = closed.keys().chain(now.keys()).copied().collect();
    let look = |subject: &str| {
        let what = match (closed.get(subject), now.get(subject)) {
            (Some(before), Some(after)) => {
                let fields = changed(before, after);
                (!fields.is_empty()).then_some(What::Changed { fields })?
            }
            (None, Some(_)) => What::Added,
            (Some(_), None) => What::Gone,
            (None, None) => return None,
        };
        Some(Addendum { subject: subject.to_owned(), what })
    };
    subjects.into_iter().filter_map(look).collect()
}

/// Members that differ by their canonical text, as the digest does.
fn changed(before: &Value, after: &Value) -> Vec<Field> {
    let members = |it: &Value| -> BTreeSet<String> {
        it.as_object().map(|it| it.keys().cloned().collect()).unwrap_or_default()
    };
    let names = &members(before) | &members(after);
    let field = |name: String| {
        let (closed, now) = (before[&name].clone(), after[&name].clone());
        let same = canonical::to_string(&closed) == canonical::to_string(&now);
        (!same).then_some(Field { name, closed, now })
    };
    names.into_iter().filter_map(field).collect()
}
