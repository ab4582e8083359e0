//! The ledger as a list: in which order, from where on, and as much of each row as a list shows.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::drills::{Drill, Outcome, StateName};
use domain::measurements::{Measurement, RTO, Target};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::order::ids;
use super::row::Row;
use super::{Error, select};
use crate::measurements::Body;

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub service: Option<String>,
    pub state: Option<String>,
    pub outcome: Option<String>,
    pub kind: Option<String>,
    pub lead: Option<String>,
    /// The owner of the service.
    pub team: Option<String>,
    /// Part of the number, the scenario or its code, in any language.
    pub text: Option<String>,
    /// In the ledger since then.
    pub since: Option<DateTime<Utc>>,
    /// By the moment in which it took place, or was to: from then on, and before then.
    pub happened_since: Option<DateTime<Utc>>,
    pub happened_until: Option<DateTime<Utc>>,
    pub sort: Sort,
    /// After this one, in the order of the list.
    pub after: Option<(Key, Uuid)>,
    pub limit: i64,
}

/// What a list is ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    #[default]
    Created,
    Planned,
    /// From T0 to T1. Those that have none count as shorter than all others.
    Closure,
    Number,
}

/// The order of a list; the usual one is the newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    pub by: SortBy,
    pub ascending: bool,
}

impl SortBy {
    pub const ALL: [Self; 4] = [Self::Created, Self::Planned, Self::Closure, Self::Number];

    /// As addresses spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created_at",
            Self::Planned => "planned_at",
            Self::Closure => "closure_s",
            Self::Number => "number",
        }
    }
}

impl Sort {
    /// `planned_at`, or `-planned_at` from the last to the first; none for what is no order.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix('-').unwrap_or(text);
        let by = SortBy::ALL.into_iter().find(|it| it.as_str() == name)?;
        Some(Self { by, ascending: !text.starts_with('-') })
    }
}

/// Where a row stands in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    At(DateTime<Utc>),
    /// In milliseconds; −1 for none.
    Closure(i64),
    Number(String),
}

impl Key {
    /// As it stands in a cursor.
    pub fn text(&self) -> String {
        match self {
            Key::At(at) => at.to_rfc3339_opts(SecondsFormat::Micros, true),
            Key::Closure(ms) => ms.to_string(),
            Key::Number(number) => number.clone(),
        }
    }

    /// None for what no list in this order has given out.
    pub fn parse(sort: Sort, text: &str) -> Option<Self> {
        Some(match sort.by {
            SortBy::Created | SortBy::Planned => Key::At(text.parse().ok()?),
            SortBy::Closure => Key::Closure(text.parse().ok()?),
            SortBy::Number => Key::Number(text.to_owned()),
        })
    }
}

/// One row of a list.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: Uuid,
    pub number: String,
    pub scenario: String,
    pub service: Option<String>,
    pub lead: Option<String>,
    pub state: StateName,
    pub outcome: Option<Outcome>,
    pub planned_at: DateTime<Utc>,
    pub t0: Option<DateTime<Utc>>,
    pub t1: Option<DateTime<Utc>>,
    /// Seconds.
    pub closure_limit_s: i32,
    pub rto: Option<Measurement>,
    pub rto_target: Option<Target>,
    /// Requirements that are met, and how many there are.
    pub evidence: (usize, usize),
    pub open_actions: i64,
    pub imported: bool,
    pub created_at: DateTime<Utc>,
}

impl Listed {
    /// Where it stands in this order.
    pub fn key(&self, sort: Sort) -> Key {
        let times = (self.created_at, self.planned_at, self.t0, self.t1);
        key(sort, times, &self.number)
    }
}

/// Where a drill stands in this order.
pub fn key_of(drill: &Drill, sort: Sort) -> Key {
    let times = (drill.created_at, drill.planned_at, drill.times.t0, drill.times.t1);
    key(sort, times, &drill.number)
}

type Times = (DateTime<Utc>, DateTime<Utc>, Option<DateTime<Utc>>, Option<DateTime<Utc>>);

fn key(sort: Sort, (created_at, planned_at, t0, t1): Times, number: &str) -> Key {
    match sort.by {
        SortBy::Created => Key::At(created_at),
        SortBy::Planned => Key::At(planned_at),
        SortBy::Closure => {
            Key::Closure(t0.zip(t1).map_or(-1, |(t0, t1)| (t1 - t0).num_milliseconds()))
        }
        SortBy::Number => Key::Number(number.to_owned()),
    }
}

/// The rows of a list, whole.
pub async fn list(db: &mut PgConnection, filter: &Filter) -> Result<Vec<Drill>, Error> {
    let ids = ids(db, filter).await?;
    let rows = select!("d.id = ANY($1)", &ids);
    let rows = rows.fetch_all(db).await?;
    let mut rows: HashMap<Uuid, Row> = rows.into_iter().map(|it| (it.id, it)).collect();
    ids.iter().filter_map(|it| rows.remove(it)).map(Drill::try_from).collect()
}

/// The rows of a list, with what it shows of them.
pub async fn listed(db: &mut PgConnection, filter: &Filter) -> Result<Vec<Listed>, Error> {
    let ids = ids(db, filter).await?;
    let rows = sqlx::query_as!(
        ListedRow,
        r#"SELECT d.id AS "id!", d.number AS "number!", d.scenario AS "scenario!", s.name AS "service?", d.lead,
                  d.state AS "state!", d.outcome, d.planned_at AS "planned_at!", d.t0, d.t1,
                  d.closure_limit_s AS "closure_limit_s!", d.imported_at IS NOT NULL AS "imported!",
                  d.created_at AS "created_at!",
                  jsonb_array_length(d.requirements) AS "required!",
                  jsonb_array_length(jsonb_path_query_array(d.requirements, '$[*] ? (@.satisfied_by != null)'))
                      AS "satisfied!",
                  jsonb_path_query_first(d.targets, '$[*] ? (@.name == "rto")') AS "target?",
                  (SELECT count(*) FROM drill_actions a WHERE a.drill_id = d.id AND verified_at IS NULL)
                      AS "open_actions!",
                  (SELECT to_jsonb(m) - 'samples' FROM measurements m
                   WHERE m.subject = 'drills/' || d.number AND m.name = $2 AND m.objective_id IS NULL) AS "rto?"
           FROM drills d LEFT JOIN services s ON s.id = d.service_id
           WHERE d.id = ANY($1)"#,
        &ids,
        RTO
    );
    let rows = rows.fetch_all(db).await?;
    let mut rows: HashMap<Uuid, ListedRow> = rows.into_iter().map(|it| (it.id, it)).collect();
    ids.iter().filter_map(|it| rows.remove(it)).map(Listed::try_from).collect()
}

struct ListedRow {
    id: Uuid,
    number: String,
    scenario: String,
    service: Option<String>,
    lead: Option<String>,
    state: String,
    outcome: Option<String>,
    planned_at: DateTime<Utc>,
    t0: Option<DateTime<Utc>>,
    t1: Option<DateTime<Utc>>,
    closure_limit_s: i32,
    imported: bool,
    created_at: DateTime<Utc>,
    required: i32,
    satisfied: i32,
    target: Option<Value>,
    open_actions: i64,
    rto: Option<Value>,
}

impl TryFrom<ListedRow> for Listed {
    type Error = Error;

    fn try_from(row: ListedRow) -> Result<Self, Error> {
        let id = row.id;
        row.listed().ok_or(Error::Inconsistent { table: "drills", id: id.to_string() })
    }
}

impl ListedRow {
    fn listed(self) -> Option<Listed> {
        let rto = self.rto.map(serde_json::from_value::<Body>).transpose().ok()?;
        Some(Listed {
            id: self.id,
            number: self.number,
            scenario: self.scenario,
            service: self.service,
            lead: self.lead,
            state: StateName::parse(&self.state)?,
            outcome: match self.outcome {
                Some(word) => Some(Outcome::parse(&word)?),
                None => None,
            },
            planned_at: self.planned_at,
            t0: self.t0,
            t1: self.t1,
            closure_limit_s: self.closure_limit_s,
            rto: rto.map(Body::measurement),
            rto_target: self.target.map(serde_json::from_value).transpose().ok()?,
            evidence: (usize::try_from(self.satisfied).ok()?, usize::try_from(self.required).ok()?),
            open_actions: self.open_actions,
            imported: self.imported,
            created_at: self.created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_one_word() {
        for by in SortBy::ALL {
            for ascending in [true, false] {
                let sign = if ascending { "" } else { "-" };
                let word = format!("{sign}{}", by.as_str());
                assert_eq!(Sort::parse(&word), Some(Sort { by, ascending }));
            }
        }
        for word in ["", "-", "--number", "lead", "number "] {
            assert_eq!(Sort::parse(word), None, "{word}");
        }
    }

    #[test]
    fn a_number_is_looked_for_by_its_beginning_and_everything_else_anywhere() {
        for (text, words, number) in [
            ("dr-2026", None, Some("DR-2026%")),
            ("DR-20261016-01", None, Some("DR-20261016-01%")),
            ("DR-SQL-01", Some("DR-SQL-01"), None),
            ("1016-01", Some("1016-01"), None),
            ("DR-2%", Some("DR-2%"), None),
            ("数据库", Some("数据库"), None),
        ] {
            let filter = Filter { text: Some(text.into()), ..Filter::default() };
            assert_eq!((filter.words(), filter.number().as_deref()), (words, number), "{text}");
        }
    }
}
