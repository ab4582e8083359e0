//! Trends: the same figures of one month or quarter after the other (Glancy §7).
//!
//! **Invariant:** a figure is counted from rows of the ledgers alone, each in the period that it lies in by the
//! installation's calendar. A period without rows has no figure; what is unknown never counts as met.

mod figures;
mod periods;
#[cfg(test)]
mod tests;

pub use self::figures::{Drills, Figures, Mean, Rollbacks, Share, Spread};
pub use self::periods::{NotAPeriod, Period, Unit};
use crate::decisions::Cause;
use crate::drills::{CauseClass, Outcome, StateName};
use crate::rollbacks::Closure;
use crate::verdict::Verdict;

/// So many thousandths of the automatic rollbacks succeed (KPHub §5.1).
pub const AUTOMATIC_SUCCESS: u64 = 985;

words!(
    /// What happened in earnest, what was rehearsed, or both.
    Source { All = "all", Real = "real", Drills = "drills" }
);

words!(
    /// What a domain promises of its recovery.
    Promise { Rto = "rto", Rpo = "rpo" }
);

/// Drills of one period that stand alike.
#[derive(Clone, Debug, PartialEq)]
pub struct DrillTally {
    /// Which of the periods that were asked for, from 0.
    pub period: usize,
    pub state: StateName,
    pub outcome: Option<Outcome>,
    pub count: u64,
    /// From T0 to T1 and what that may be, in microseconds, of those that have both.
    pub closures: Vec<(i64, i64)>,
}

/// Measured values of one period with the same verdict against the target of their day.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredTally {
    pub period: usize,
    pub promise: Promise,
    pub verdict: Verdict,
    pub count: u64,
}

/// Spot checks of one period with the same verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct SpotCheckTally {
    pub period: usize,
    pub verdict: Verdict,
    pub count: u64,
}

/// Rollbacks of one period that stand alike.
#[derive(Clone, Debug, PartialEq)]
pub struct RollbackTally {
    pub period: usize,
    /// As the ledger spells it.
    pub state: String,
    pub closure: Option<Closure>,
    /// A policy approved them.
    pub automatic: bool,
    /// Their plan was carried out to its end.
    pub executed: bool,
    pub cause: Option<Cause>,
    pub count: u64,
    pub detect: Mean,
    pub approve: Mean,
    pub recover: Mean,
}

/// Issues of the drills of one period with the same class of cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrillCauseTally {
    pub period: usize,
    pub class: CauseClass,
    pub count: u64,
}

/// Everything that was counted, for [`figures()`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tallies {
    pub drills: Vec<DrillTally>,
    pub drill_causes: Vec<DrillCauseTally>,
    pub measured: Vec<MeasuredTally>,
    pub spot_checks: Vec<SpotCheckTally>,
    pub rollbacks: Vec<RollbackTally>,
}

/// The figures of so many periods, in their order.
pub fn figures(periods: usize, tallies: Tallies) -> Vec<Figures> {
    let mut all = vec![Figures::default(); periods];
    let mut closures = vec![Vec::new(); periods];
    for tally in tallies.drills {
        let Some(figures) = all.get_mut(tally.period) else { continue };
        figures.drills.count(&tally);
        closures[tally.period].extend(tally.closures);
    }
    for tally in tallies.drill_causes {
        let Some(figures) = all.get_mut(tally.period) else { continue };
        *figures.drill_causes.entry(tally.class).or_default() += tally.count;
    }
    for tally in tallies.measured {
        let Some(figures) = all.get_mut(tally.period) else { continue };
        let share = match tally.promise {
            Promise::Rto => &mut figures.rto,
            Promise::Rpo => &mut figures.rpo,
        };
        share.add(tally.verdict, tally.count);
    }
    for tally in tallies.spot_checks {
        let Some(figures) = all.get_mut(tally.period) else { continue };
        figures.spot_checks.add(tally.verdict, tally.count);
    }
    for tally in tallies.rollbacks {
        let Some(figures) = all.get_mut(tally.period) else { continue };
        figures.rollback(&tally);
    }
    for (figures, closures) in all.iter_mut().zip(closures) {
        figures.closure = Spread::of(closures);
    }
    all
}

impl Drills {
    fn count(&mut self, tally: &DrillTally) {
        let count = tally.count;
        if tally.state != StateName::Cancelled {
            self.expected += count;
        }
        match tally.state {
            StateName::Missed => self.missed += count,
            StateName::SignedOff => self.signed += count,
            _ => {}
        }
        match tally.outcome {
            Some(Outcome::Passed | Outcome::PassedWithConditions) => self.passed += count,
            Some(Outcome::Failed) => self.failed += count,
            Some(Outcome::Incomplete) | None => {}
        }
    }
}

impl Figures {
    fn rollback(&mut self, tally: &RollbackTally) {
        self.mttd.add(tally.detect);
        self.mtta.add(tally.approve);
        self.mttr.add(tally.recover);
        if let Some(cause) = tally.cause {
            *self.causes.entry(cause).or_default() += tally.count;
        }
        // One that failed was begun, though its effect was never proven.
        if !tally.executed && tally.state != "failed" {
            return;
        }
        self.rollbacks.executed += tally.count;
        if tally.automatic {
            self.rollbacks.automatic += tally.count;
        }
        let Some(verdict) = ended(&tally.state, tally.closure) else { return };
        self.rollbacks.success.add(verdict, tally.count);
        if tally.automatic {
            self.rollbacks.automatic_success.add(verdict, tally.count);
        }
    }
}

/// How a rollback that was carried out came out; none while it is being verified.
fn ended(state: &str, closure: Option<Closure>) -> Option<Verdict> {
    match (state, closure) {
        ("failed", _) | (_, Some(Closure::NotVerified)) => Some(Verdict::Fail),
        (_, Some(Closure::Verified)) => Some(Verdict::Pass),
        (_, Some(Closure::PartlyVerified | Closure::Unknown | Closure::NoAction)) => {
            Some(Verdict::Unknown)
        }
        (_, None) => None,
    }
}
