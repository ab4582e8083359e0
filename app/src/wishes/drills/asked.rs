//! What a list of the ledger is asked for, by page, file, print and API alike.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::drills::closing::Outcome;
use domain::drills::{DrillType, StateName};
use domain::fields::{Fault, Faults};
use serde::Deserialize;
use store::drills::{Filter, Key, Sort, SortBy};
use uuid::Uuid;

use crate::doors::Context;

/// As an address says it; what is empty asks for nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedList {
    pub service: Option<String>,
    pub state: Option<String>,
    pub outcome: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub lead: Option<String>,
    pub team: Option<String>,
    /// Part of the number, the scenario or its code.
    pub q: Option<String>,
    pub since: Option<String>,
    pub happened_since: Option<String>,
    pub happened_until: Option<String>,
    /// Days of the installation's calendar, the last one included.
    pub from: Option<String>,
    pub until: Option<String>,
    pub sort: Option<String>,
    pub limit: Option<u16>,
    pub cursor: Option<String>,
    /// Of a file: `zh-CN` or `en`.
    pub lang: Option<String>,
}

impl AskedList {
    /// The filter and the order, from the beginning.
    ///
    /// # Errors
    /// Every field that asks for what there is not.
    pub fn filter(&self, cx: &Context) -> Result<Filter, Faults> {
        let mut faults = Faults::default();
        let states = StateName::ALL.iter().map(|it| it.as_str());
        let outcomes = Outcome::ALL.iter().map(|it| it.as_str());
        let kinds = DrillType::ALL.iter().map(|it| it.as_str());
        let day = |text: &Option<String>, field: &str, faults: &mut Faults| {
            let text = said(text)?;
            let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
            if day.is_none() {
                faults.add(field, Fault::Malformed("2026-10-16".into()));
            }
            day
        };
        let from = day(&self.from, "from", &mut faults);
        let until = day(&self.until, "until", &mut faults);
        let since = moment(&self.happened_since, "happened_since", &mut faults);
        let before = moment(&self.happened_until, "happened_until", &mut faults);
        let until = until.and_then(|it| it.checked_add_signed(TimeDelta::days(1)));
        let filter = Filter {
            service: said(&self.service),
            state: word(&self.state, "state", states, &mut faults),
            outcome: word(&self.outcome, "outcome", outcomes, &mut faults),
            kind: word(&self.kind, "type", kinds, &mut faults),
            lead: said(&self.lead),
            team: said(&self.team),
            text: said(&self.q),
            since: moment(&self.since, "since", &mut faults),
            happened_since: since.max(from.map(|it| cx.begin_of(it))),
            happened_until: [before, until.map(|it| cx.begin_of(it))].into_iter().flatten().min(),
            sort: self.order(&mut faults),
            after: None,
            limit: 0,
        };
        faults.into_result()?;
        Ok(filter)
    }

    fn order(&self, faults: &mut Faults) -> Sort {
        let Some(text) = said(&self.sort) else { return Sort::default() };
        Sort::parse(&text).unwrap_or_else(|| {
            let both = |it: SortBy| [format!("-{}", it.as_str()), it.as_str().to_owned()];
            let words = SortBy::ALL.into_iter().flat_map(both).collect();
            faults.add("sort", Fault::NotOneOf(words));
            Sort::default()
        })
    }
}

fn said(text: &Option<String>) -> Option<String> {
    text.as_ref().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty())
}

fn word(
    text: &Option<String>,
    field: &str,
    mut words: impl Iterator<Item = &'static str> + Clone,
    faults: &mut Faults,
) -> Option<String> {
    let text = said(text)?;
    let all = words.clone();
    if !words.any(|it| it == text) {
        faults.add(field, Fault::NotOneOf(all.map(str::to_owned).collect()));
    }
    Some(text)
}

fn moment(text: &Option<String>, field: &str, faults: &mut Faults) -> Option<DateTime<Utc>> {
    let text = said(text)?;
    let at = text.parse().ok();
    if at.is_none() {
        faults.add(field, Fault::Malformed("2026-10-16T03:12:08Z".into()));
    }
    at
}

/// Where a list goes on, as one word for an address.
pub fn cursor(key: &Key, id: Uuid) -> String {
    format!("{}_{id}", key.text())
}

/// None for what no list in this order has given out.
pub fn after(sort: Sort, cursor: &str) -> Option<(Key, Uuid)> {
    let (key, id) = cursor.rsplit_once('_')?;
    Some((Key::parse(sort, key)?, id.parse().ok()?))
}
