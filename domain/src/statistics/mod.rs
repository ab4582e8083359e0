//! What rollbacks of the last days say: how many went by themselves, how many helped, where the time went, and whether
//! what was only recorded would have been right.
//!
//! **Invariant:** every figure comes with the number of rows behind it, what nothing stands behind is absent and never
//! zero, and unknown is counted apart.

mod shadow;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use self::shadow::{Rolled, Score, Shadow, score};
use crate::decisions::Cause;
use crate::rollbacks::{Closure, Times};
use crate::trends::Share;
use crate::verdict::Verdict;

/// KPHub §7: what its automatic rollbacks reach.
pub const SUCCESS_THOUSANDTHS: u64 = 985;
pub const MTTD_S: f64 = 8.7;
pub const MTTR_S: f64 = 23.1;

/// KPHub's causes, in per cent of its rollbacks.
pub const KPHUB_CAUSES: [(Cause, u32); 4] = [
    (Cause::CodeDefect, 45),
    (Cause::ConfigurationError, 30),
    (Cause::ResourceOrEnvironment, 15),
    (Cause::DataProblem, 10),
];

/// One rollback as far as it is counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub state: String,
    pub closure: Option<Closure>,
    /// A policy approved it.
    pub automatic: bool,
    pub cause: Option<Cause>,
    pub times: Times,
    pub ended: bool,
}

/// Seconds at which so many of a hundred lie below; none where too few were measured to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    pub count: u64,
    pub mean_s: Option<f64>,
    pub p50_s: Option<f64>,
    pub p90_s: Option<f64>,
    pub p99_s: Option<f64>,
}

impl Spread {
    pub fn of(mut seconds: Vec<f64>) -> Self {
        seconds.retain(|it| it.is_finite());
        seconds.sort_by(f64::total_cmp);
        let count = seconds.len();
        let mean = (count > 0).then(|| seconds.iter().sum::<f64>() / count as f64);
        Self {
            count: count as u64,
            mean_s: mean,
            p50_s: rank(&seconds, 50),
            p90_s: rank(&seconds, 90),
            p99_s: rank(&seconds, 99),
        }
    }
}

/// The nearest rank. It takes enough values that at least one may lie above it: the 99th of a hundred needs a hundred.
fn rank(sorted: &[f64], percent: usize) -> Option<f64> {
    let count = sorted.len();
    if count == 0 || count * (100 - percent) < 100 && percent > 50 {
        return None;
    }
    let rank = (count * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

words!(
    /// Where the time of a rollback goes.
    Phase { Detect = "detect", Decide = "decide", Approve = "approve", Execute = "execute", Verify = "verify" }
);

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// All that were opened.
    pub opened: u64,
    /// Those whose plan was carried out, to the end or not.
    pub executed: u64,
    /// Those of them that a policy approved.
    pub automatic: u64,
    /// How those that were carried out and have ended came out.
    pub success: Share,
    pub automatic_success: Share,
    /// By how they ended; what is open by its state.
    pub outcomes: BTreeMap<String, u64>,
    pub causes: BTreeMap<Cause, u64>,
    /// Opened without a decision that says why.
    pub without_cause: u64,
    pub phases: BTreeMap<Phase, Spread>,
    /// Onset to decision.
    pub detection: Spread,
    /// Onset to the first moment of lasting health.
    pub recovery: Spread,
}

impl Statistics {
    /// The share of what was carried out that a policy approved.
    pub fn automatic_rate(&self) -> Option<f64> {
        (self.executed > 0).then(|| self.automatic as f64 / self.executed as f64)
    }

    /// The share of those with a cause.
    pub fn cause_share(&self, cause: Cause) -> Option<f64> {
        let all: u64 = self.causes.values().sum();
        let of = self.causes.get(&cause).copied().unwrap_or(0);
        (all > 0).then(|| of as f64 / all as f64)
    }
}

/// Counts them.
pub fn statistics(rows: &[Row]) -> Statistics {
    let mut all = Statistics::default();
    for row in rows {
        count(&mut all, row);
    }
    let of = |phase: Phase| rows.iter().filter_map(|it| seconds(&it.times, phase)).collect();
    all.phases = Phase::ALL.iter().map(|it| (*it, Spread::of(of(*it)))).collect();
    let span = |from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>| Some(length(to? - from?));
    let between = |of: &dyn Fn(&Times) -> Option<f64>| {
        Spread::of(rows.iter().filter_map(|it| of(&it.times)).collect())
    };
    all.detection = between(&|it| span(it.onset_at, it.decided_at));
    all.recovery = between(&|it| span(it.onset_at, it.healthy_at));
    all
}

fn count(all: &mut Statistics, row: &Row) {
    all.opened += 1;
    let outcome = row.closure.map_or(row.state.as_str(), |it| it.as_str());
    *all.outcomes.entry(outcome.to_owned()).or_default() += 1;
    match row.cause {
        Some(cause) => *all.causes.entry(cause).or_default() += 1,
        None => all.without_cause += 1,
    }
    if row.times.executed_at.is_none() && row.state != "failed" {
        return;
    }
    all.executed += 1;
    all.automatic += u64::from(row.automatic);
    if !row.ended {
        return;
    }
    let verdict = match (row.state.as_str(), row.closure) {
        (_, Some(Closure::Verified)) => Verdict::Pass,
        ("failed", _) | (_, Some(Closure::NotVerified)) => Verdict::Fail,
        _ => Verdict::Unknown,
    };
    all.success.add(verdict, 1);
    if row.automatic {
        all.automatic_success.add(verdict, 1);
    }
}

fn seconds(times: &Times, phase: Phase) -> Option<f64> {
    let split = times.split();
    match phase {
        Phase::Detect => split.detect_s,
        Phase::Decide => split.decide_s,
        Phase::Approve => split.approve_s,
        Phase::Execute => split.execute_s,
        Phase::Verify => split.verify_s,
    }
}

fn length(span: TimeDelta) -> f64 {
    span.num_milliseconds().max(0) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(seconds, 0)
    }

    fn row(state: &str, closure: Option<Closure>, automatic: bool) -> Row {
        let times = Times {
            onset_at: at(0),
            detected_at: at(1),
            decided_at: at(3),
            approved_at: at(3),
            executed_at: at(10),
            healthy_at: closure.and_then(|_| at(20)),
        };
        let cause = Some(Cause::CodeDefect);
        Row { state: state.into(), closure, automatic, cause, times, ended: true }
    }

    #[test]
    fn nothing_is_not_zero() {
        let all = statistics(&[]);
        assert_eq!((all.automatic_rate(), all.success.ratio()), (None, None));
        assert_eq!((all.recovery.mean_s, all.recovery.count), (None, 0));
        assert_eq!(all.cause_share(Cause::CodeDefect), None);
    }

    #[test]
    fn what_was_carried_out_is_counted_by_how_it_ended() {
        let mut open = row("verifying", None, true);
        open.ended = false;
        let mut rejected = row("rejected", None, false);
        rejected.times.executed_at = None;
        rejected.cause = None;
        let all = statistics(&[
            row("closed", Some(Closure::Verified), true),
            row("closed", Some(Closure::Verified), false),
            row("closed", Some(Closure::Unknown), true),
            row("failed", None, true),
            open,
            rejected,
        ]);
        assert_eq!((all.opened, all.executed, all.automatic), (6, 5, 4));
        assert_eq!(all.success, Share { met: 2, missed: 1, unknown: 1 });
        assert_eq!(all.automatic_success, Share { met: 1, missed: 1, unknown: 1 });
        assert_eq!((all.without_cause, all.causes[&Cause::CodeDefect]), (1, 5));
        assert_eq!(all.outcomes["verified"], 2);
        assert_eq!(all.phases[&Phase::Decide].p50_s, Some(2.0));
        assert_eq!((all.detection.mean_s, all.recovery.mean_s), (Some(3.0), Some(20.0)));
    }

    #[test]
    fn a_percentile_needs_values_enough() {
        let of = |count: u32| Spread::of((1..=count).map(f64::from).collect());
        assert_eq!((of(1).p50_s, of(1).p90_s), (Some(1.0), None));
        assert_eq!((of(9).p90_s, of(10).p90_s), (None, Some(9.0)));
        assert_eq!((of(99).p99_s, of(100).p99_s), (None, Some(99.0)));
        assert_eq!(of(4).p50_s, Some(2.0));
    }

    #[test]
    fn the_causes_of_kphub_are_all_of_them() {
        assert_eq!(KPHUB_CAUSES.iter().map(|it| it.1).sum::<u32>(), 100);
    }
}
