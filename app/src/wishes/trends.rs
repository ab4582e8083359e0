//! What the trends are asked for, by a page or through the API, and the figures themselves.

use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::fields::{Fault, Faults};
use domain::trends::{Figures, Period, Source, Unit};
use store::trends::Filter;

use crate::doors::Context;
use crate::pages::error::Error;

/// As an address says it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `month` or `quarter`; quarters where nothing is said.
    pub unit: Option<String>,
    /// The last period: `2026-10`, `2026-Q3`. The one that goes on where nothing is said.
    pub to: Option<String>,
    /// A name.
    pub service: Option<String>,
    pub team: Option<String>,
    pub source: Option<String>,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Trends {
    pub unit: Unit,
    pub filter: Filter,
    /// The oldest first.
    pub periods: Vec<Point>,
}

/// One period with its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub period: Period,
    pub starts: DateTime<Utc>,
    pub ends: DateTime<Utc>,
    pub figures: Figures,
}

impl Trends {
    /// The one that was asked for.
    pub fn last(&self) -> Option<&Point> {
        self.periods.last()
    }

    /// The one before it.
    pub fn before(&self) -> Option<&Point> {
        self.periods.iter().rev().nth(1)
    }
}

/// The periods up to the one that is asked for, as many as are shown side by side.
///
/// # Errors
/// The fields `unit`, `to`, `source`.
pub async fn read(cx: &Context, asked: Asked) -> Result<Trends, Error> {
    cx.read(Action::Read, async |cx| {
        let (to, filter) = understood(cx, asked)?;
        let periods = to.last(to.unit().shown());
        let mut db = cx.connection().await?;
        let figures = store::trends::of(&mut db, &periods, &cx.zone, &filter).await?;
        let point = |(period, figures): (Period, Figures)| Point {
            period,
            starts: period.starts(&cx.zone),
            ends: period.ends(&cx.zone),
            figures,
        };
        let periods = periods.into_iter().zip(figures).map(point).collect();
        Ok(Trends { unit: to.unit(), filter, periods })
    })
    .await
}

fn understood(cx: &Context, asked: Asked) -> Result<(Period, Filter), Error> {
    let mut faults = Faults::default();
    let mut one_of = |name: &str, words: Vec<&str>| {
        faults.add(name, Fault::NotOneOf(words.into_iter().map(str::to_owned).collect()));
    };
    let unit = match asked.unit.as_deref().map(Unit::parse) {
        None => None,
        Some(Some(unit)) => Some(unit),
        Some(None) => {
            one_of("unit", Unit::ALL.iter().map(|it| it.as_str()).collect());
            None
        }
    };
    let source = match asked.source.as_deref().map(Source::parse) {
        None => Source::All,
        Some(Some(source)) => source,
        Some(None) => {
            one_of("source", Source::ALL.iter().map(|it| it.as_str()).collect());
            Source::All
        }
    };
    let to = match asked.to.as_deref().map(str::parse::<Period>) {
        None => None,
        Some(Ok(to)) => Some(to),
        Some(Err(why)) => {
            faults.add("to", Fault::Malformed(why.to_string()));
            None
        }
    };
    faults.into_result()?;
    let to = match (to, unit) {
        (None, unit) => Period::of(unit.unwrap_or(Unit::Quarter), cx.today()),
        (Some(to), None) => to,
        (Some(to), Some(unit)) if to.unit() == unit => to,
        // The reader has changed months to quarters, or back: the last day decides.
        (Some(to), Some(unit)) => {
            let last = to.ends(&cx.zone) - chrono::TimeDelta::seconds(1);
            Period::of(unit, last.with_timezone(&cx.zone).date_naive())
        }
    };
    Ok((to, Filter { service: asked.service, team: asked.team, source }))
}
