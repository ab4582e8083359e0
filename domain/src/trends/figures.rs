//! The figures of one period. Counts are exact; a figure that nothing stands behind is absent and never zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decisions::Cause;
use crate::drills::CauseClass;
use crate::verdict::Verdict;

/// Rows by their verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub met: u64,
    pub missed: u64,
    /// Not measured, or measured without a result; not met, and shown apart.
    pub unknown: u64,
}

impl Share {
    pub fn add(&mut self, verdict: Verdict, count: u64) {
        match verdict {
            Verdict::Pass => self.met += count,
            Verdict::Fail => self.missed += count,
            Verdict::Unknown => self.unknown += count,
        }
    }

    pub const fn of(self) -> u64 {
        self.met + self.missed + self.unknown
    }

    /// From 0 to 1; none where there are no rows.
    pub fn ratio(self) -> Option<f64> {
        (self.of() > 0).then(|| self.met as f64 / self.of() as f64)
    }

    /// Whether it reaches this share, given in thousandths so that the comparison is exact.
    pub fn reaches(self, thousandths: u64) -> Option<bool> {
        (self.of() > 0).then(|| self.met * 1000 >= self.of() * thousandths)
    }
}

/// Times whose middle and end matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    pub count: u64,
    /// In microseconds; of an even number of times the mean of the two in the middle, rounded down.
    pub median_us: Option<i64>,
    pub worst_us: Option<i64>,
    /// How many exceeded their own limit.
    pub over: u64,
}

impl Spread {
    /// Of times with their limits, both in microseconds.
    pub fn of(mut times: Vec<(i64, i64)>) -> Self {
        times.sort_unstable();
        let over = times.iter().filter(|(took, limit)| took > limit).count() as u64;
        let middle = |n: usize| times.get(n).map(|it| it.0);
        let half = times.len() / 2;
        let median_us = match times.len() % 2 {
            1 => middle(half),
            _ => {
                half.checked_sub(1).and_then(|lower| Some(midpoint(middle(lower)?, middle(half)?)))
            }
        };
        let worst_us = times.last().map(|it| it.0);
        Self { count: times.len() as u64, median_us, worst_us, over }
    }
}

const fn midpoint(a: i64, b: i64) -> i64 {
    a.midpoint(b)
}

/// Times whose mean matters: MTTD, MTTA, MTTR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mean {
    pub count: u64,
    pub sum_us: i64,
    pub worst_us: Option<i64>,
}

impl Mean {
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.worst_us = self.worst_us.max(other.worst_us);
    }

    /// In microseconds, rounded down; none of nothing.
    pub fn mean_us(self) -> Option<i64> {
        i64::try_from(self.count).ok().and_then(|count| self.sum_us.checked_div(count))
    }
}

/// What the ledger of drills says of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drills {
    /// All that were expected: every row but the cancelled ones.
    pub expected: u64,
    pub missed: u64,
    /// Signed off.
    pub signed: u64,
    /// Signed off as passed, with conditions or without.
    pub passed: u64,
    pub failed: u64,
}

/// What was rolled back, and by whom it was decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollbacks {
    /// Those whose plan was carried out, to the end or not.
    pub executed: u64,
    /// Those of them that a policy approved.
    pub automatic: u64,
    /// How those that have ended came out.
    pub success: Share,
    /// The same of the automatic ones alone (KPHub: 98.5 % succeed).
    pub automatic_success: Share,
}

/// All figures of one period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    pub rto: Share,
    pub rpo: Share,
    pub closure: Spread,
    pub drills: Drills,
    pub spot_checks: Share,
    /// Onset to decision.
    pub mttd: Mean,
    /// Detection to the last approval.
    pub mtta: Mean,
    /// Onset to the first moment of lasting health.
    pub mttr: Mean,
    pub rollbacks: Rollbacks,
    /// Decided rollbacks by their cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Issues of drills by the class of their cause. Left out where there are none, as in quarters that were closed
    /// before causes had a class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drill_causes: BTreeMap<CauseClass, u64>,
}

impl Figures {
    /// The share of carried out rollbacks that a policy approved.
    pub fn automatic_rate(&self) -> Option<f64> {
        let it = self.rollbacks;
        (it.executed > 0).then(|| it.automatic as f64 / it.executed as f64)
    }

    /// Whether nothing at all was counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_not_zero_percent() {
        assert_eq!(Share::default().ratio(), None);
        assert_eq!(Share::default().reaches(985), None);
        assert_eq!(Figures::default().automatic_rate(), None);
        assert_eq!(Mean::default().mean_us(), None);
        assert_eq!(Spread::of(vec![]), Spread::default());
    }

    /// The digest of a closed quarter is computed from these members.
    #[test]
    fn figures_from_before_a_figure_was_counted_are_the_same() {
        let figures = serde_json::to_value(Figures::default()).unwrap();
        assert_eq!(figures.get("drill_causes"), None);
        assert_eq!(serde_json::from_value::<Figures>(figures).unwrap(), Figures::default());
    }

    #[test]
    fn what_is_unknown_is_not_met() {
        let share = Share { met: 3, missed: 0, unknown: 1 };
        assert_eq!(share.ratio(), Some(0.75));
        let only_unknown = Share { met: 0, missed: 0, unknown: 2 };
        assert_eq!(only_unknown.ratio(), Some(0.0));
    }

    #[test]
    fn a_line_is_reached_exactly() {
        for (met, missed, reached) in
            [(197, 3, true), (196, 3, false), (985, 15, true), (1, 0, true)]
        {
            let share = Share { met, missed, unknown: 0 };
            assert_eq!(share.reaches(985), Some(reached), "{met} of {}", share.of());
        }
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        let limit = 100;
        let of = |times: &[i64]| Spread::of(times.iter().map(|it| (*it, limit)).collect());
        assert_eq!(of(&[131, 96, 98]).median_us, Some(98));
        assert_eq!(of(&[10, 40, 20, 31]).median_us, Some(25));
        let spread = of(&[100, 101]);
        assert_eq!((spread.over, spread.worst_us, spread.count), (1, Some(101), 2));
    }

    proptest! {
        #[test]
        fn half_of_the_times_lie_on_each_side(times in prop::collection::vec(0i64..1 << 40, 1..60)) {
            let spread = Spread::of(times.iter().map(|it| (*it, i64::MAX)).collect());
            let median = spread.median_us.unwrap();
            let below = times.iter().filter(|it| **it < median).count();
            let above = times.iter().filter(|it| **it > median).count();
            prop_assert!(below * 2 <= times.len() && above * 2 <= times.len() + 1);
            prop_assert_eq!(spread.worst_us, times.iter().copied().max());
            prop_assert_eq!(spread.over, 0);
        }

        /// The mean of the whole does not depend on how the rows were put together.
        #[test]
        fn sums_come_together_in_any_order(times in prop::collection::vec(0i64..1 << 40, 1..40), cut in 0usize..40) {
            let of = |times: &[i64]| Mean {
                count: times.len() as u64,
                sum_us: times.iter().sum(),
                worst_us: times.iter().copied().max(),
            };
            let (left, right) = times.split_at(cut.min(times.len()));
            let mut whole = of(right);
            whole.add(of(left));
            prop_assert_eq!(whole, of(&times));
        }
    }
}
