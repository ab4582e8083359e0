//! The ledger as a table, column by column (Glancy §4.2): what is written into files for people, and what is read from
//! those of an older ledger.

mod export;
pub mod import;
#[cfg(test)]
mod tests;

use chrono::NaiveDate;

pub use self::export::{Cell, Sheet, cells, csv_line, moment};
use super::Drill;
use crate::texts::{Lang, ledger};

/// Files beside this have as many rows as they need; a spreadsheet is read whole by those who open it.
pub const MOST_IN_A_WORKBOOK: usize = 20_000;

/// So many pages are printed at a time.
pub const MOST_ON_PAPER: usize = 100;

words!(
    /// What every drill is measured by, each with columns of its own.
    Metric {
        Rto = "rto",
        Rpo = "rpo",
        Sla = "sla",
        DegradedHitRate = "degraded_hit_rate",
        P95 = "p95",
        ErrorRate = "error_rate",
    }
);

impl Metric {
    /// In which its column is; a value in another one carries its own.
    pub const fn unit(self) -> &'static str {
        match self {
            Metric::Rto | Metric::Rpo => "s",
            Metric::Sla | Metric::DegradedHitRate | Metric::ErrorRate => "ratio",
            Metric::P95 => "ms",
        }
    }
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    Number,
    State,
    Outcome,
    Scenario,
    Script,
    Type,
    Service,
    Lead,
    Participants,
    PlannedAt,
    T0,
    RecoveredAt,
    T1,
    /// Minutes, as is its limit.
    Closure,
    ClosureLimit,
    Value(Metric),
    Target(Metric),
    Verdict(Metric),
    /// What else was measured, a line each.
    Others,
    Evidence,
    Issues,
    Actions,
    SignedBy,
    SignedAt,
    SignNote,
    /// Where it stands in the event system.
    Event,
    RetestDue,
    /// Why it was missed, aborted or cancelled.
    Reason,
    /// Whether its values were measured here or typed in elsewhere.
    Source,
    /// As the template of the older ledger has them: several in one.
    Template(Template),
}

words!(
    /// Columns of the template that hold what we keep apart.
    Template {
        ScenarioAndScript = "scenario_script",
        People = "people",
        Times = "times",
        Results = "results",
        IssuesAndActions = "issues_actions",
        SignOff = "sign_off",
    }
);

impl Column {
    /// Those of an export, in order.
    pub fn all() -> Vec<Self> {
        use Column::*;
        let results = Metric::ALL.iter().flat_map(|it| [Value(*it), Target(*it), Verdict(*it)]);
        let first = [
            Number,
            State,
            Outcome,
            Scenario,
            Script,
            Type,
            Service,
            Lead,
            Participants,
            PlannedAt,
            T0,
            RecoveredAt,
            T1,
            Closure,
            ClosureLimit,
        ];
        let last = [
            Others, Evidence, Issues, Actions, SignedBy, SignedAt, SignNote, Event, RetestDue,
            Reason, Source,
        ];
        first.into_iter().chain(results).chain(last).collect()
    }

    /// The column that a head of a file names, in any language and with or without what stands in brackets.
    pub fn of_head(head: &str) -> Option<Self> {
        let plain = plain(head);
        let template = Template::ALL.iter().map(|it| Column::Template(*it));
        Self::all().into_iter().chain(template).find(|column| {
            let named = |lang: Lang| {
                let names = (ledger::TEXTS.of(lang).heads_of)(*column);
                names.iter().any(|it| self::plain(it) == plain)
            };
            Lang::ALL.iter().any(|lang| named(*lang))
        })
    }

    /// As the reader's language calls it.
    pub fn head(self, lang: Lang) -> &'static str {
        (ledger::TEXTS.of(lang).heads_of)(self).first().copied().unwrap_or_default()
    }
}

/// Without what is written one way or another: brackets with what stands in them, blanks, capitals.
fn plain(head: &str) -> String {
    let head = head.trim_start_matches('\u{feff}');
    let head = head.split(['(', '（']).next().unwrap_or_default();
    head.chars().filter(|it| !it.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// The day of a number `DR-YYYYMMDD-XX`, and its place on that day.
pub fn dated(number: &str) -> Option<(NaiveDate, u32)> {
    let (day, place) = number.strip_prefix("DR-")?.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    if day.len() != 8 || !(2..=4).contains(&place.len()) || !digits(day) || !digits(place) {
        return None;
    }
    let day = NaiveDate::parse_from_str(day, "%Y%m%d").ok()?;
    let place = place.parse().ok().filter(|it| *it > 0)?;
    Some((day, place))
}

/// The files that belong to it, as the ledger names them.
pub fn subject(drill: &Drill) -> String {
    format!("drills/{}", drill.number)
}
