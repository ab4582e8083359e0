//! RTO: from the start of the incident until the key calls succeed again and go on doing so (Glancy §7).
//!
//! **Invariant:** a value says what was seen. Where the moment of the recovery fell between two readings that are not
//! next to each other it was not seen, and there is no value.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Dated, Finding, Recovery};
use crate::measurements::{Measurement, RTO, Sample, Window};
use crate::verdict::Verdict;

/// What the key calls were asked, from when on, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    pub recovery: &'a Recovery,
    pub t0: DateTime<Utc>,
    /// Up to here there are readings.
    pub until: DateTime<Utc>,
    /// When the incident was over by other evidence, as the ledger has it.
    pub over_at: Option<DateTime<Utc>>,
}

/// One look at all key calls together.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Look {
    at: DateTime<Utc>,
    state: State,
    /// Of the worst call.
    worst: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    Bad,
    /// Of at least one call nothing is known, and no other is bad.
    Missing,
}

impl Watch<'_> {
    /// What became of the calls. `series` has one list of readings for each call, as the query gave them; a reading
    /// that is no number is none.
    pub fn finding(&self, series: &[Vec<Sample>]) -> Finding {
        let expected = self.recovery.series as usize;
        let looks = self.looks(series);
        let has_value = |samples: &Vec<Sample>| samples.iter().any(|it| it.value.is_some());
        if !series.iter().any(has_value) {
            let empty = series.iter().all(Vec::is_empty);
            return if empty { Finding::NoData } else { Finding::NotANumber };
        }
        if series.len() < expected {
            return Finding::MissingSeries { found: series.len(), expected };
        }
        self.of_looks(&looks)
    }

    /// The worst call at each step, for the record.
    pub fn line(&self, series: &[Vec<Sample>]) -> Vec<Sample> {
        self.looks(series).into_iter().map(|it| Sample { at: it.at, value: it.worst }).collect()
    }

    fn looks(&self, series: &[Vec<Sample>]) -> Vec<Look> {
        let step = TimeDelta::seconds(self.recovery.step_s.max(1).into());
        let all = series.len().max(self.recovery.series as usize);
        let mut cursors = vec![0; series.len()];
        let mut looks = Vec::new();
        // Prometheus counts its steps from a whole second.
        let mut at = DateTime::from_timestamp(self.t0.timestamp(), 0).unwrap_or(self.t0);
        while at <= self.until {
            let mut values = Vec::new();
            for (samples, cursor) in series.iter().zip(&mut cursors) {
                while samples.get(*cursor).is_some_and(|it| it.at < at - step / 2) {
                    *cursor += 1;
                }
                let near = samples.get(*cursor).filter(|it| it.at < at + step / 2);
                values.extend(near.and_then(|it| it.value).filter(|it| it.is_finite()));
            }
            let worst = values.iter().copied().reduce(f64::min);
            let state = match worst {
                Some(worst) if worst < self.recovery.at_least => State::Bad,
                Some(_) if values.len() == all => State::Good,
                _ => State::Missing,
            };
            looks.push(Look { at, state, worst });
            at += step;
        }
        looks
    }

    fn of_looks(&self, looks: &[Look]) -> Finding {
        let hold = TimeDelta::seconds(self.recovery.hold_s.into());
        let Some(first_bad) = looks.iter().position(|it| it.state == State::Bad) else {
            return self.never_bad(looks, hold);
        };
        let gap = |from: usize, to: usize| Finding::Gap { from: looks[from].at, to: looks[to].at };
        let mut index = first_bad;
        // The last look of which something is known.
        let mut known = first_bad;
        while index < looks.len() {
            match looks[index].state {
                State::Bad if looks[index].at - looks[known].at > hold && index > known + 1 => {
                    // They may have been back for long enough in between.
                    return gap(known, index);
                }
                State::Bad => known = index,
                State::Missing => {}
                State::Good if known + 1 < index => return gap(known, index),
                State::Good => {
                    let good = looks[index..].iter().take_while(|it| it.state == State::Good);
                    let last = index + good.count() - 1;
                    if looks[last].at - looks[index].at >= hold {
                        return Finding::Back { at: looks[index].at, held_until: looks[last].at };
                    }
                    (known, index) = (last, last);
                }
            }
            index += 1;
        }
        match looks.len() - 1 - known {
            // The newest reading may be on its way.
            0 | 1 => Finding::NotYet { until: looks[known].at },
            _ => gap(known, looks.len() - 1),
        }
    }

    /// Nothing was seen to fail: the calls bore it, or it has not come to them yet.
    fn never_bad(&self, looks: &[Look], hold: TimeDelta) -> Finding {
        if let Some(missing) = looks.iter().position(|it| it.state == State::Missing) {
            let next = looks[missing..].iter().find(|it| it.state != State::Missing);
            let to = next.or(looks.last()).map_or(self.until, |it| it.at);
            return Finding::Gap { from: looks[missing.saturating_sub(1)].at, to };
        }
        match self.over_at {
            Some(over_at) if over_at + hold <= self.until => {
                Finding::NeverDown { until: self.until }
            }
            _ => Finding::NotSeen { until: self.until },
        }
    }
}

/// The RTO as it is kept, judged by the objective of the day of T0.
pub fn rto(
    watch: &Watch<'_>,
    finding: &Finding,
    objective: &Dated,
    source: &str,
    samples: Vec<Sample>,
) -> Measurement {
    let value = match finding {
        Finding::Back { at, .. } => Some(seconds(*at - watch.t0)),
        Finding::NeverDown { .. } => Some(0.0),
        _ => None,
    };
    let mut verdict = objective.objective.verdict(RTO, value);
    // It is not over, and too late already.
    if let Finding::NotYet { until } = finding
        && objective.objective.verdict(RTO, Some(seconds(*until - watch.t0))) == Some(Verdict::Fail)
    {
        verdict = Some(Verdict::Fail);
    }
    Measurement {
        value,
        verdict,
        query: Some(watch.recovery.query.clone()),
        samples,
        ..kept(finding, objective, source, watch.t0, watch.until)
    }
}

/// The RTO where the objective does not say how it is measured: until the ledger has the service back.
pub fn rto_by_ledger(
    objective: &Dated,
    t0: DateTime<Utc>,
    back_at: DateTime<Utc>,
    source: &str,
) -> Measurement {
    let value = Some(seconds(back_at - t0));
    let verdict = objective.objective.verdict(RTO, value);
    let finding = Finding::ByLedger { at: back_at };
    Measurement { value, verdict, ..kept(&finding, objective, source, t0, back_at) }
}

fn kept(
    finding: &Finding,
    objective: &Dated,
    source: &str,
    t0: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Measurement {
    let until = until.max(t0);
    Measurement {
        name: RTO.to_owned(),
        value: None,
        unit: "s".to_owned(),
        verdict: None,
        source: source.to_owned(),
        query: None,
        window: Window { from: t0, to: until },
        at: until,
        objective: Some(objective.judge()),
        result: Some(finding.to_value()),
        samples: Vec::new(),
    }
}

fn seconds(span: TimeDelta) -> f64 {
    (span.num_milliseconds() as f64 / 1000.0).max(0.0)
}
