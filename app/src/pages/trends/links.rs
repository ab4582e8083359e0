//! The way from a figure to the rows that it was counted from.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::decisions::Cause;
use domain::trends::Source;
use leptos_router::params::ParamsMap;

use crate::wishes::trends::{Point, Trends};

/// Rows of one ledger in one period, as its list takes them in its address.
pub(super) struct Rows {
    path: &'static str,
    query: ParamsMap,
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl Rows {
    fn of(
        path: &'static str,
        since: &'static str,
        until: &'static str,
        trends: &Trends,
        at: &Point,
    ) -> Self {
        let mut query = ParamsMap::new();
        query.insert(since, moment(at.starts));
        query.insert(until, moment(at.ends));
        if let Some(service) = &trends.filter.service {
            query.insert("service", service.clone());
        }
        if let Some(team) = &trends.filter.team {
            query.insert("team", team.clone());
        }
        Self { path, query }
    }

    /// Drills by the day on which they took place, or were to.
    pub(super) fn drills(trends: &Trends, at: &Point) -> Self {
        Self::of("/drills", "happened_since", "happened_until", trends, at)
    }

    /// Spot checks by the moment in which what was found was written down.
    pub(super) fn spot_checks(trends: &Trends, at: &Point) -> Self {
        Self::of("/spot-checks", "recorded_since", "recorded_until", trends, at)
    }

    pub(super) fn rollbacks(trends: &Trends, at: &Point) -> Self {
        let rows = Self::of("/rollbacks", "since", "until", trends, at);
        match trends.filter.source {
            Source::All => rows,
            Source::Real => rows.with("drill", "false"),
            Source::Drills => rows.with("drill", "true"),
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.query.insert(name, value.to_owned());
        self
    }

    pub(super) fn cause(self, cause: Cause) -> Self {
        self.with("cause", cause.as_str())
    }

    pub(super) fn href(self) -> String {
        format!("{}{}", self.path, self.query.to_query_string())
    }
}
