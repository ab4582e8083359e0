//! Which rows a list has, in its order. Each order is a query of its own, because the database has to know it when it
//! plans.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::list::{Filter, Key, SortBy};
use crate::Error;

/// Words that stand in many rows are found among so many of the first; an index of words would bring all of them.
const NEAR: i64 = 2_000;

/// One order in one direction; the database needs to know it when it plans. `near` looks for the words among the first
/// rows of everything else, `all` by the index of words.
macro_rules! ordered {
    (near, $filter:expr, $key:expr, $order:literal, $after:literal) => {
        ordered!(
            $filter,
            $key,
            "SELECT d.id AS \"id!\" FROM (
                 SELECT d.id, d.words, d.created_at, d.planned_at, d.closure_ms, d.number FROM drills d WHERE true",
            $order,
            $after,
            "LIMIT $15) d WHERE strpos(d.words, lower($10)) > 0 ORDER BY "; $order; " LIMIT $12",
            NEAR
        )
    };
    (all, $filter:expr, $key:expr, $order:literal, $after:literal) => {
        ordered!(
            $filter,
            $key,
            "SELECT d.id AS \"id!\" FROM drills d
             WHERE ($10::text IS NULL OR strpos(d.words, lower($10)) > 0 AND text_pairs(d.words) @> text_sought($10))",
            $order,
            $after,
            "LIMIT $12"
        )
    };
    ($filter:expr, $key:expr, $from:literal, $order:literal, $after:literal, $($last:literal);+ $(, $near:expr)?) => {
        sqlx::query_scalar!(
            $from
                + " AND ($1::text IS NULL OR d.service_id = (SELECT id FROM services WHERE name = $1))
                   AND ($2::text IS NULL OR d.state = $2) AND ($3::text IS NULL OR d.outcome = $3)
                   AND ($4::text IS NULL OR d.lead = $4) AND ($5::text IS NULL OR d.kind = $5)
                   AND ($6::text IS NULL OR d.service_id = ANY (ARRAY(SELECT id FROM services WHERE team = $6)))
                   AND ($7::timestamptz IS NULL OR d.created_at >= $7)
                   AND ($8::timestamptz IS NULL OR d.happened_at >= $8)
                   AND ($9::timestamptz IS NULL OR d.happened_at < $9)
                   AND ($11::text IS NULL OR d.number LIKE $11)
                   AND ($13::uuid IS NULL OR "
                + $after
                + ") ORDER BY "
                + $order
                + " "
                $(+ $last)+,
            $filter.service.as_deref(),
            $filter.state.as_deref(),
            $filter.outcome.as_deref(),
            $filter.lead.as_deref(),
            $filter.kind.as_deref(),
            $filter.team.as_deref(),
            $filter.since,
            $filter.happened_since,
            $filter.happened_until,
            $filter.words(),
            $filter.number(),
            $filter.limit,
            $filter.after.as_ref().map(|it| it.1),
            $key
            $(, $near)?
        )
    };
}

/// The rows of a filter in whichever order it asks for, looked for as [`ordered`] can.
macro_rules! in_order {
    ($how:tt, $db:expr, $filter:expr) => {{
        let (at, ms, number) = $filter.place();
        match ($filter.sort.by, $filter.sort.ascending) {
            (SortBy::Created, false) => {
                ordered!(
                    $how,
                    $filter,
                    at,
                    "d.created_at DESC, d.id DESC",
                    "(d.created_at, d.id) < ($14, $13)"
                )
                .fetch_all($db)
                .await?
            }
            (SortBy::Created, true) => {
                ordered!(
                    $how,
                    $filter,
                    at,
                    "d.created_at, d.id",
                    "(d.created_at, d.id) > ($14, $13)"
                )
                .fetch_all($db)
                .await?
            }
            (SortBy::Planned, false) => {
                ordered!(
                    $how,
                    $filter,
                    at,
                    "d.planned_at DESC, d.id DESC",
                    "(d.planned_at, d.id) < ($14, $13)"
                )
                .fetch_all($db)
                .await?
            }
            (SortBy::Planned, true) => {
                ordered!(
                    $how,
                    $filter,
                    at,
                    "d.planned_at, d.id",
                    "(d.planned_at, d.id) > ($14, $13)"
                )
                .fetch_all($db)
                .await?
            }
            (SortBy::Closure, false) => {
                ordered!(
                    $how,
                    $filter,
                    ms,
                    "d.closure_ms DESC, d.id DESC",
                    "(d.closure_ms, d.id) < ($14, $13)"
                )
                .fetch_all($db)
                .await?
            }
            (SortBy::Closure, true) => {
                ordered!(
                    $how,
                    $filter,
                    ms,
                    "d.closure_ms, d.id",
                    "(d.closure_ms, d.id) > ($14, $13)"
                )
                .fetch_all($db)
                .await?
            }
            (SortBy::Number, false) => {
                ordered!($how, $filter, number, "d.number DESC", "d.number < $14")
                    .fetch_all($db)
                    .await?
            }
            (SortBy::Number, true) => {
                ordered!($how, $filter, number, "d.number", "d.number > $14").fetch_all($db).await?
            }
        }
    }};
}

/// Which rows, in order.
pub(super) async fn ids(db: &mut PgConnection, filter: &Filter) -> Result<Vec<Uuid>, Error> {
    if filter.words().is_some() {
        let near = in_order!(near, &mut *db, filter);
        if i64::try_from(near.len()).is_ok_and(|it| it >= filter.limit) {
            return Ok(near);
        }
    }
    Ok(in_order!(all, &mut *db, filter))
}

impl Filter {
    /// Where the list goes on, whichever order it is in.
    fn place(&self) -> (Option<DateTime<Utc>>, Option<i64>, Option<&str>) {
        match self.after.as_ref().map(|it| &it.0) {
            Some(Key::At(at)) => (Some(*at), None, None),
            Some(Key::Closure(ms)) => (None, Some(*ms), None),
            Some(Key::Number(number)) => (None, None, Some(number)),
            None => (None, None, None),
        }
    }

    /// The text that is looked for anywhere; what begins a number is looked for there alone, because all numbers are
    /// made of the same characters.
    pub(super) fn words(&self) -> Option<&str> {
        self.text.as_deref().filter(|_| self.number().is_none())
    }

    /// As a pattern, for numbers that begin so.
    pub(super) fn number(&self) -> Option<String> {
        let text = self.text.as_deref()?.to_ascii_uppercase();
        let rest = text.strip_prefix("DR-")?;
        let dated = rest.starts_with(|it: char| it.is_ascii_digit())
            && rest.bytes().all(|it| it.is_ascii_digit() || it == b'-');
        dated.then(|| format!("{text}%"))
    }
}
