//! Charts on paper: where each point lies between the bottom and the top, and its value beside it.

use serde::Serialize;

use super::NOTHING;
use crate::decisions::Cause;
use crate::drills::CLOSURE_LIMIT_S;
use crate::texts::trends::{TEXTS, Texts, minutes};
use crate::texts::{Lang, number, percent};
use crate::trends::{AUTOMATIC_SUCCESS, Figures, Share};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chart {
    pub title: &'static str,
    pub note: Option<String>,
    pub bars: bool,
    /// Lines across, from the bottom to the top.
    pub ticks: Vec<Tick>,
    /// What must be reached, or not be exceeded.
    pub limit: Option<Tick>,
    pub series: Vec<Series>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tick {
    /// From 0, the bottom, to 1, the top.
    pub at: f64,
    pub label: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    pub name: &'static str,
    pub points: Vec<Point>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// None where there is nothing to draw.
    pub at: Option<f64>,
    /// The value, `–` without rows, or that it is unknown.
    pub shown: String,
}

/// Rollbacks by their cause.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Causes {
    pub title: &'static str,
    pub rows: Vec<CauseRow>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CauseRow {
    pub name: &'static str,
    pub counts: Vec<String>,
    /// Of all rollbacks of the last period with a cause, from 0 to 1.
    pub share: f64,
}

/// A value that is not laid out yet.
type Value = (Option<f64>, String);

/// What the height says.
#[derive(Clone, Copy)]
enum Scale {
    /// Shares from 0 to 1.
    Shares,
    /// The same; what is not needed at the lower end is cut off.
    UpperShares,
    From0 {
        whole: bool,
    },
}

/// Lines across that a chart has at most, but for the one at the bottom.
const STEPS: f64 = 5.0;

pub(super) fn charts(lang: Lang, periods: &[&Figures]) -> Vec<Chart> {
    let t = TEXTS.of(lang);
    let over = |of: &dyn Fn(&Figures) -> Value| -> Vec<Value> {
        periods.iter().map(|it| of(it)).collect()
    };
    let limit = f64::from(CLOSURE_LIMIT_S) / 60.0;
    let success = AUTOMATIC_SUCCESS as f64 / 1000.0;
    vec![
        Draft::new(t.attainment, Scale::UpperShares)
            .noted(t.attainment_note)
            .line(t.rto, over(&|it| share(t, it.rto)))
            .line(t.rpo, over(&|it| share(t, it.rpo))),
        Draft::new(t.closure, Scale::From0 { whole: false })
            .limited(limit, (t.limit)(&number(limit)))
            .line(t.worst, over(&|it| span(it.closure.worst_us)))
            .line(t.median, over(&|it| span(it.closure.median_us))),
        Draft::new(t.spot_check_rate, Scale::Shares)
            .in_bars()
            .line(t.passed, over(&|it| share(t, it.spot_checks))),
        Draft::new(t.missed, Scale::From0 { whole: true })
            .in_bars()
            .line(t.missed, over(&|it| missed(it))),
        Draft::new(t.times, Scale::From0 { whole: false })
            .line(t.mttr, over(&|it| span(it.mttr.mean_us())))
            .line(t.mttd, over(&|it| span(it.mttd.mean_us())))
            .line(t.mtta, over(&|it| span(it.mtta.mean_us()))),
        Draft::new(t.automation, Scale::UpperShares)
            .limited(success, percent(success))
            .line(t.automatic_success, over(&|it| share(t, it.rollbacks.automatic_success)))
            .line(t.success_rate, over(&|it| share(t, it.rollbacks.success)))
            .line(t.automatic_rate, over(&|it| ratio(it.automatic_rate()))),
    ]
    .into_iter()
    .map(Draft::drawn)
    .collect()
}

pub(super) fn causes(lang: Lang, periods: &[&Figures]) -> Causes {
    let last = periods.last().map(|it| &it.causes);
    let all: u64 = last.map(|it| it.values().sum()).unwrap_or_default();
    let there = |cause: &&Cause| periods.iter().any(|it| it.causes.contains_key(*cause));
    let row = |cause: &Cause| {
        let count = |it: &&Figures| match it.causes.get(cause) {
            Some(count) => count.to_string(),
            // None of this cause, where there were others.
            None if !it.causes.is_empty() => "0".to_owned(),
            None => NOTHING.to_owned(),
        };
        let now = last.and_then(|it| it.get(cause)).copied().unwrap_or_default();
        CauseRow {
            name: cause.text(lang).name,
            counts: periods.iter().map(count).collect(),
            share: if all == 0 { 0.0 } else { now as f64 / all as f64 },
        }
    };
    let rows = Cause::ALL.iter().filter(there).map(row).collect();
    Causes { title: TEXTS.of(lang).causes, rows }
}

fn nothing() -> Value {
    (None, NOTHING.to_owned())
}

fn share(t: &Texts, share: Share) -> Value {
    match share.of() {
        1.. if share.unknown == share.of() => (None, t.unknown.to_owned()),
        _ => ratio(share.ratio()),
    }
}

fn ratio(ratio: Option<f64>) -> Value {
    ratio.map_or_else(nothing, |it| (Some(it), percent(it)))
}

fn span(us: Option<i64>) -> Value {
    us.map(minutes).map_or_else(nothing, |(value, shown)| (Some(value), shown))
}

fn missed(figures: &Figures) -> Value {
    let it = figures.drills;
    match it.expected {
        0 => nothing(),
        _ => (Some(it.missed as f64), it.missed.to_string()),
    }
}

/// A chart whose height is not known yet.
struct Draft {
    chart: Chart,
    scale: Scale,
    limit: Option<(f64, String)>,
    series: Vec<(&'static str, Vec<Value>)>,
}

impl Draft {
    fn new(title: &'static str, scale: Scale) -> Self {
        let chart =
            Chart { title, note: None, bars: false, ticks: vec![], limit: None, series: vec![] };
        Self { chart, scale, limit: None, series: vec![] }
    }

    fn noted(mut self, note: &str) -> Self {
        self.chart.note = Some(note.to_owned());
        self
    }

    fn in_bars(mut self) -> Self {
        self.chart.bars = true;
        self
    }

    fn limited(self, value: f64, label: String) -> Self {
        Self { limit: Some((value, label)), ..self }
    }

    fn line(mut self, name: &'static str, values: Vec<Value>) -> Self {
        self.series.push((name, values));
        self
    }

    fn drawn(self) -> Chart {
        let limit = self.limit.as_ref().map(|it| it.0);
        let points = self.series.iter().flat_map(|it| &it.1).filter_map(|it| it.0);
        let (low, step, steps) = self.scale.ticks(points.chain(limit).collect());
        let top = low + step * steps;
        let at = |value: f64| (value - low) / (top - low);
        let name = |value: f64| match self.scale {
            Scale::Shares | Scale::UpperShares => percent(value),
            Scale::From0 { .. } => number(value),
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few")]
        let ticks = (0..=steps as u32).map(|n| low + step * f64::from(n));
        let ticks = ticks.map(|it| Tick { at: at(it), label: name(it) }).collect();
        let point = |(value, shown): (Option<f64>, String)| Point { at: value.map(at), shown };
        let series = self
            .series
            .into_iter()
            .map(|(name, values)| Series { name, points: values.into_iter().map(point).collect() });
        Chart {
            ticks,
            limit: self.limit.map(|(value, label)| Tick { at: at(value), label }),
            series: series.collect(),
            ..self.chart
        }
    }
}

impl Scale {
    /// The value at the bottom, the height of one step, and how many steps there are.
    fn ticks(self, values: Vec<f64>) -> (f64, f64, f64) {
        let least = values.iter().copied().fold(1.0, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        match self {
            Scale::Shares => (0.0, 0.25, 4.0),
            Scale::UpperShares => match least {
                0.9.. => (0.9, 0.02, 5.0),
                0.8.. => (0.8, 0.05, 4.0),
                0.5.. => (0.5, 0.1, 5.0),
                _ => (0.0, 0.25, 4.0),
            },
            Scale::From0 { whole } => {
                let step = step(most / STEPS, whole);
                (0.0, step, (most / step).ceil().max(1.0))
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, and at least this.
fn step(least: f64, whole: bool) -> f64 {
    if least <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * power).find(|it| *it >= least);
    let step = step.unwrap_or(power * 10.0);
    if whole { step.max(1.0) } else { step }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_reach_the_top() {
        for (values, whole, expected) in [
            (vec![], true, (0.0, 1.0, 1.0)),
            (vec![3.0], true, (0.0, 1.0, 3.0)),
            (vec![12.0, 7.0], true, (0.0, 5.0, 3.0)),
            (vec![120.0, 131.0], false, (0.0, 50.0, 3.0)),
        ] {
            assert_eq!(Scale::From0 { whole }.ticks(values.clone()), expected, "{values:?}");
        }
        assert_eq!(Scale::UpperShares.ticks(vec![0.95, 1.0]).0, 0.9);
        assert_eq!(Scale::UpperShares.ticks(vec![0.2]).0, 0.0);
        assert_eq!(Scale::Shares.ticks(vec![0.95]).0, 0.0, "bars begin at nothing");
    }

    #[test]
    fn every_point_lies_within_its_chart() {
        let rto = Share { met: 17, missed: 1, unknown: 0 };
        let mut figures = Figures { rto, ..Figures::default() };
        figures.closure.worst_us = Some(9_000_000_000);
        figures.drills.expected = 4;
        for chart in charts(Lang::En, &[&Figures::default(), &figures]) {
            let points = chart.series.iter().flat_map(|it| &it.points).filter_map(|it| it.at);
            let ticks = chart.ticks.iter().chain(&chart.limit).map(|it| it.at);
            let inside = |it: f64| (-1e-9..=1.0 + 1e-9).contains(&it);
            assert!(points.chain(ticks).all(inside), "{chart:?}");
        }
    }

    #[test]
    fn nothing_and_unknown_are_not_drawn() {
        let known = Figures::default();
        let mut unknown = Figures::default();
        unknown.rto.unknown = 3;
        let charts = charts(Lang::Zh, &[&known, &unknown]);
        let shown: Vec<_> =
            charts[0].series[0].points.iter().map(|it| (it.at, it.shown.as_str())).collect();
        assert_eq!(shown, [(None, "–"), (None, "未知")]);
        assert!(charts.iter().all(|it| it.series.iter().all(|it| it.points[0].shown == "–")));
        assert_eq!(causes(Lang::Zh, &[&known]).rows, []);
    }
}
