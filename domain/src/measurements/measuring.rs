//! How the value of a target is measured: a query of Prometheus over a window, and how its readings become one value.
//!
//! **Invariant:** what is missing is missing. Readings outside of the window, NaN and infinite ones are none, and with
//! too few of them there is no value.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Baseline, Comparison, Finding, Measurement, Sample, Target, Window};
use crate::catalog::{Faults, rules};
use crate::verdict::Verdict;

/// Prometheus answers with at most 11,000 points.
const MOST_STEPS: i64 = 10_000;

/// What is still not measured after so long is asked for once an hour.
const SLOWEST: TimeDelta = TimeDelta::hours(1);
const QUICKEST: TimeDelta = TimeDelta::seconds(5);

words!(
    /// How the readings of a window become one value.
    Take {
        Max = "max",
        Min = "min",
        Avg = "avg",
        Last = "last",
        // The seconds from the beginning of the window until it holds, and goes on holding to the end.
        TimeUntil = "time_until",
    }
);

words!(
    /// A moment in the life of what is measured.
    Mark { T0 = "t0", Recovered = "recovered", T1 = "t1" }
);

/// The measuring instruction of a target, as a catalog and the API write it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measuring {
    /// Address of a Prometheus API; without it that of the cluster in which the service runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<String>,
    /// PromQL that comes to one series, in the unit of the target.
    pub query: String,
    pub take: Take,
    /// With `time_until`: what has to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    #[serde(default = "t0", skip_serializing_if = "is_t0")]
    pub from: Mark,
    /// Where the window ends; the recovery where neither this nor `for_s` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Mark>,
    /// How long the window is, in place of `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u32>,
    /// The target is relative to what the same query came to over so long before T0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_s: Option<u32>,
    /// The share of readings that has to be there, from 0 to 1.
    #[serde(default = "coverage", skip_serializing_if = "is_coverage")]
    pub coverage: f64,
    /// So far apart are the readings.
    #[serde(default = "step", skip_serializing_if = "is_step")]
    pub step_s: u32,
}

/// What a value has to reach, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Until {
    pub comparison: Comparison,
    /// In the unit of the query.
    pub limit: f64,
    /// For so long it has to have held when the window ends.
    #[serde(default = "hold")]
    pub hold_s: u32,
}

fn t0() -> Mark {
    Mark::T0
}
fn is_t0(mark: &Mark) -> bool {
    *mark == Mark::T0
}
pub(super) fn coverage() -> f64 {
    0.9
}
fn is_coverage(share: &f64) -> bool {
    *share == coverage()
}
pub(super) fn step() -> u32 {
    15
}
fn is_step(seconds: &u32) -> bool {
    *seconds == step()
}
pub(super) fn hold() -> u32 {
    60
}

/// The moments of what is measured, as far as they have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// From here on what happens may be the fault's doing; T0 or before it.
    pub began: Option<DateTime<Utc>>,
    pub t0: Option<DateTime<Utc>>,
    pub recovered: Option<DateTime<Utc>>,
    pub t1: Option<DateTime<Utc>>,
}

impl Marks {
    fn of(&self, mark: Mark) -> Option<DateTime<Utc>> {
        match mark {
            Mark::T0 => self.t0,
            Mark::Recovered => self.recovered,
            Mark::T1 => self.t1,
        }
    }
}

/// What the query said over a window: one list of readings for each series, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub window: Window,
    pub series: Result<Vec<Vec<Sample>>, Finding>,
}

/// One value of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Taken {
    value: f64,
    readings: usize,
    expected: usize,
}

impl Until {
    fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::AtMost => value <= self.limit,
            Comparison::AtLeast => value >= self.limit,
        }
    }
}

impl Measuring {
    /// From when to when it is measured; nothing as long as a moment of it has not come.
    pub fn window(&self, marks: &Marks) -> Option<Window> {
        let from = marks.of(self.from)?;
        let to = match self.for_s {
            Some(seconds) => from + TimeDelta::seconds(seconds.into()),
            None => marks.of(self.to.unwrap_or(Mark::Recovered))?,
        };
        Some(Window { from, to: to.max(from) })
    }

    /// What it is compared with; nothing where the target is absolute.
    pub fn window_before(&self, marks: &Marks) -> Option<Window> {
        let length = TimeDelta::seconds(self.baseline_s?.into());
        let to = marks.began.or(marks.t0)?.min(marks.t0?);
        Some(Window { from: to - length, to })
    }

    /// How far apart the readings of a window are asked for: wider than stated where that would be too many.
    pub fn step(&self, window: Window) -> TimeDelta {
        let least = (window.to - window.from).num_seconds() / MOST_STEPS + 1;
        TimeDelta::seconds(i64::from(self.step_s.max(1)).max(least))
    }

    /// Whether everything that belongs to the window can be there by now; the newest reading is on its way for a
    /// moment.
    pub fn is_over(&self, window: Window, now: DateTime<Utc>) -> bool {
        window.to + self.step(window) <= now
    }

    fn taken(&self, answer: &Answer) -> Result<Taken, Finding> {
        let series = answer.series.as_ref().map_err(Clone::clone)?;
        let samples = match &series[..] {
            [] => return Err(Finding::NoData),
            [samples] => samples,
            more => return Err(Finding::ManySeries { found: more.len() }),
        };
        let looks = Looks::of(answer.window, self.step(answer.window), samples);
        let (readings, expected) = (looks.readings(), looks.values.len());
        if readings == 0 {
            let none = if looks.any { Finding::NotANumber } else { Finding::NoData };
            return Err(none);
        }
        if (readings as f64) < self.coverage * expected as f64 {
            return Err(Finding::Partial { readings, expected });
        }
        let known = || looks.values.iter().copied().flatten();
        let value = match self.take {
            Take::Max => known().fold(f64::MIN, f64::max),
            Take::Min => known().fold(f64::MAX, f64::min),
            // The mean of the readings as they are, without a sum that could overflow.
            Take::Avg => known().map(|it| it / readings as f64).sum(),
            Take::Last => looks.to_the_end()?,
            Take::TimeUntil => self.time_until(&looks)?,
        };
        Ok(Taken { value, readings, expected })
    }

    /// A moment that fell between readings is taken late, so that nothing seems quicker than it was.
    fn time_until(&self, looks: &Looks) -> Result<f64, Finding> {
        looks.to_the_end()?;
        let Some(until) = &self.until else { return Err(Finding::NoData) };
        let bad = looks.values.iter().rposition(|it| it.is_some_and(|it| !until.holds(it)));
        let after = bad.map_or(0, |it| it + 1);
        let good = looks.values[after..].iter().position(Option::is_some).map(|it| after + it);
        let last = looks.last().unwrap_or_default();
        let never = || Finding::NeverHeld { until: looks.at(last) };
        let good = good.ok_or_else(never)?;
        let held = looks.at(last) - looks.at(good);
        if held < TimeDelta::seconds(until.hold_s.into()) {
            return Err(never());
        }
        Ok(super::seconds(looks.at(good) - looks.window.from))
    }

    pub(crate) fn check(&self, target: &Target, faults: &mut Faults<'_>) {
        if let Some(url) = &self.prometheus {
            faults.at("prometheus").refuse(rules::url(url));
        }
        faults.at("query").refuse(rules::promql(&self.query));
        faults.at("coverage").refuse(rules::share(self.coverage));
        faults.at("step_s").refuse(rules::seconds(1, self.step_s));
        self.check_window(faults);
        if let Some(seconds) = self.baseline_s {
            faults.at("baseline_s").refuse(rules::seconds(self.step_s.max(1), seconds));
            if target.baseline.is_some() {
                faults.at("baseline_s").add("stands beside a baseline that was typed in");
            }
        }
        match (self.take, &self.until) {
            (Take::TimeUntil, Some(until)) => self.check_until(target, until, faults),
            (Take::TimeUntil, None) => {
                faults.at("until").add("says what has to hold; it is missing")
            }
            (_, Some(_)) => faults.at("until").add("belongs to time_until only"),
            (_, None) => {}
        }
    }

    fn check_window(&self, faults: &mut Faults<'_>) {
        if let Some(seconds) = self.for_s {
            faults.at("for_s").refuse(rules::seconds(self.step_s.max(1), seconds));
            if self.to.is_some() {
                faults.at("for_s").add("stands beside `to`: the window ends once");
            }
            if self.from == Mark::T1 {
                faults.at("from").add("is t0 or recovered");
            }
            return;
        }
        let to = self.to.unwrap_or(Mark::Recovered);
        if self.from >= to {
            let (from, to) = (self.from.as_str(), to.as_str());
            faults.at("from").add(format!("is {from}, and the window ends at {to}"));
        }
    }

    fn check_until(&self, target: &Target, until: &Until, faults: &mut Faults<'_>) {
        faults.at("until").at("limit").refuse(rules::finite(until.limit));
        faults.at("until").at("hold_s").refuse(rules::seconds(0, until.hold_s));
        if target.comparison != Comparison::AtMost || target.unit != "s" {
            faults.at("take").add("comes to seconds: the target is at_most so many s");
        }
        if self.baseline_s.is_some() {
            faults.at("baseline_s").add("does not go with time_until");
        }
        if self.for_s.is_some_and(|it| f64::from(it) < target.limit) {
            faults.at("for_s").add("ends before the limit: nobody could say that it was missed");
        }
    }
}

/// The readings of one series, one for each step of a window; none where there is none that is a number.
struct Looks {
    window: Window,
    start: DateTime<Utc>,
    step: TimeDelta,
    values: Vec<Option<f64>>,
    /// Something was there, number or not.
    any: bool,
}

impl Looks {
    fn of(window: Window, step: TimeDelta, samples: &[Sample]) -> Self {
        // Prometheus counts its steps from a whole second.
        let start = DateTime::from_timestamp(window.from.timestamp(), 0).unwrap_or(window.from);
        let step_ms = step.num_milliseconds().max(1);
        let last = (window.to - start).num_milliseconds().max(0) / step_ms;
        let mut values = vec![None; usize::try_from(last).unwrap_or_default() + 1];
        let mut any = false;
        // What is of later than the window does not belong to it, whosever clock is wrong.
        for sample in samples.iter().filter(|it| it.at >= start && it.at <= window.to) {
            let index = ((sample.at - start).num_milliseconds() + step_ms / 2) / step_ms;
            let slot = usize::try_from(index).ok().and_then(|it| values.get_mut(it));
            let Some(slot) = slot else { continue };
            any = true;
            *slot = sample.value.filter(|it| it.is_finite()).or(*slot);
        }
        Self { window, start, step, values, any }
    }

    fn at(&self, index: usize) -> DateTime<Utc> {
        self.start + self.step * i32::try_from(index).unwrap_or(i32::MAX)
    }

    fn readings(&self) -> usize {
        self.values.iter().flatten().count()
    }

    fn last(&self) -> Option<usize> {
        self.values.iter().rposition(Option::is_some)
    }

    /// The last reading, where it is one of the end: the very last may be on its way.
    fn to_the_end(&self) -> Result<f64, Finding> {
        let last = self.last().unwrap_or_default();
        match self.values.get(last).copied().flatten() {
            Some(value) if last + 2 >= self.values.len() => Ok(value),
            _ => Err(Finding::Gap { from: self.at(last), to: self.window.to }),
        }
    }
}

impl Target {
    /// The value of its query, judged; `before` is what the same query said before T0, where it is relative to that.
    /// Nothing of a target without a measuring instruction.
    pub fn measure(
        &self,
        own: &Answer,
        before: Option<&Answer>,
        source: &str,
        at: DateTime<Utc>,
    ) -> Option<Measurement> {
        let measuring = self.measure.as_ref()?;
        let taken = measuring.taken(own);
        let (value, verdict, finding) = match taken {
            Ok(taken) => self.judged(measuring, taken, before),
            Err(finding) => (None, self.without_value(&finding, own.window), finding),
        };
        let both = before.into_iter().chain([own]);
        let samples =
            both.filter_map(|it| it.series.as_ref().ok()).flat_map(|it| it.iter().flatten());
        Some(Measurement {
            name: self.name.clone(),
            value,
            unit: self.unit.clone(),
            verdict: Some(verdict),
            source: source.to_owned(),
            query: Some(measuring.query.clone()),
            window: own.window,
            at,
            objective: None,
            result: serde_json::to_value(finding).ok(),
            samples: samples.copied().collect(),
        })
    }

    fn judged(
        &self,
        measuring: &Measuring,
        taken: Taken,
        before: Option<&Answer>,
    ) -> (Option<f64>, Verdict, Finding) {
        let Taken { value, readings, expected } = taken;
        let found = |baseline| Finding::Value { readings, expected, baseline };
        if measuring.baseline_s.is_none() {
            return (Some(value), self.verdict(value), found(None));
        }
        let no_baseline = |why| Finding::NoBaseline { why: Box::new(why) };
        let unknown = |why| (Some(value), Verdict::Unknown, no_baseline(why));
        let Some(before) = before else { return unknown(Finding::NoData) };
        match measuring.taken(before) {
            Err(why) => unknown(why),
            // Of nothing there is no share.
            Ok(it) if it.value <= 0.0 => unknown(Finding::NotPositive { value: it.value }),
            Ok(it) => {
                let target = Self { baseline: Some(it.value), measure: None, ..self.clone() };
                let Window { from, to } = before.window;
                let baseline = Baseline { value: it.value, from, to };
                (Some(value), target.verdict(value), found(Some(baseline)))
            }
        }
    }

    /// What never held is missed where the window was as long as the limit; otherwise nothing is known.
    fn without_value(&self, finding: &Finding, window: Window) -> Verdict {
        let too_late = matches!(finding, Finding::NeverHeld { .. })
            && super::seconds(window.to - window.from) >= self.limit;
        if too_late { Verdict::Fail } else { Verdict::Unknown }
    }
}

/// Whether something that came to this is looked at again by now; less and less often, the longer ago the window was.
pub fn is_due_again(
    finding: &Finding,
    looked_at: DateTime<Utc>,
    to: DateTime<Utc>,
    now: DateTime<Utc>,
) -> bool {
    if finding.is_final() {
        return false;
    }
    let pause = ((looked_at - to) / 10).clamp(QUICKEST, SLOWEST);
    looked_at + pause <= now
}
