//! The one place that combines rules.
//!
//! **Invariant:** only the record is looked at, so the record alone explains the outcome. A rule that is missing
//! from it counts as unknown.

use crate::decisions::{Disposition, Outcome, RuleKind, RuleName, RuleRecord, Scalar};
use crate::policies::Mode;
use crate::verdict::Verdict;

/// Rails that turn a remedy into a question of a person. Those that only hold the machine's hand (caps, kill
/// switch, block) leave the outcome alone and turn execution into asking.
const ASKS: &[RuleName] = &[
    RuleName::Settled,
    RuleName::RollbackOfRollback,
    RuleName::PausedByOther,
    RuleName::GitopsOwner,
    RuleName::FlaggerOwner,
    RuleName::Hold,
    RuleName::Freeze,
    RuleName::UpdateStrategy,
];

/// Nothing is to be done while one of these stands.
const SUPPRESSES: &[RuleName] =
    &[RuleName::Duplicate, RuleName::OwnRollback, RuleName::Cooldown, RuleName::MaintenanceWindow];

/// What an automatic outcome rests on besides the gates.
const NEEDED: &[RuleName] =
    &[RuleName::Signal, RuleName::Opens, RuleName::Badness, RuleName::ProtectedNamespace];

struct Record<'a>(&'a [RuleRecord]);

impl Record<'_> {
    fn find(&self, name: RuleName) -> Option<&RuleRecord> {
        self.0.iter().find(|it| it.name == name)
    }

    fn verdict(&self, name: RuleName) -> Verdict {
        self.find(name).map_or(Verdict::Unknown, |it| it.verdict)
    }

    fn passed(&self, name: RuleName) -> bool {
        self.verdict(name).passed()
    }

    fn failed(&self, name: RuleName) -> bool {
        self.verdict(name) == Verdict::Fail
    }

    fn all_passed(&self, names: impl IntoIterator<Item = RuleName>) -> bool {
        names.into_iter().all(|it| self.passed(it))
    }

    fn number(&self, name: RuleName) -> Option<f64> {
        match self.find(name)?.value {
            Some(Scalar::Number(it)) => Some(it),
            _ => None,
        }
    }

    /// A person asked: automation is not at stake, and what only holds automation back does not count.
    fn requested(&self) -> bool {
        self.passed(RuleName::Request)
    }

    fn suppressed(&self) -> bool {
        let stops = |it: &&RuleName| match it {
            RuleName::Cooldown | RuleName::MaintenanceWindow => !self.requested(),
            _ => true,
        };
        SUPPRESSES.iter().filter(stops).any(|it| self.failed(*it))
    }

    /// A rollback would be a remedy, and there is nothing to go back to.
    fn has_nowhere_to_go(&self) -> bool {
        let target = self.find(RuleName::Target);
        self.passed(RuleName::Cause)
            && target.is_some_and(|it| it.verdict == Verdict::Fail && it.value.is_none())
    }
}

fn of_kind(kind: RuleKind) -> impl Iterator<Item = RuleName> {
    RuleName::ALL.iter().copied().filter(move |it| it.kind() == kind)
}

/// What the rules say.
pub fn outcome_from(rules: &[RuleRecord]) -> Outcome {
    let record = Record(rules);
    if record.failed(RuleName::ProtectedNamespace) {
        return Outcome::Never;
    }
    if record.suppressed() {
        return Outcome::Suppressed;
    }
    if record.has_nowhere_to_go() {
        return Outcome::Never;
    }
    let stopping = [ASKS, SUPPRESSES, NEEDED].into_iter().flatten().copied();
    if record.requested() || !record.all_passed(of_kind(RuleKind::Gate).chain(stopping)) {
        return Outcome::Human;
    }
    by_confidence(&record)
}

fn by_confidence(record: &Record) -> Outcome {
    // Weights below 2 never act; below 4 they act in part at most.
    let Some(weight) = record.number(RuleName::Severity).filter(|it| *it >= 2.0) else {
        return Outcome::Human;
    };
    if record.passed(RuleName::AutomaticRule) {
        return Outcome::Automatic;
    }
    if record.passed(RuleName::AutomaticAbove) && weight >= 4.0 {
        return Outcome::Automatic;
    }
    match record.passed(RuleName::PartialAbove) {
        true => Outcome::Partial,
        false => Outcome::Human,
    }
}

/// What becomes of an outcome. Only what passes every gate and every rail is carried out by machine.
pub fn disposition_from(outcome: Outcome, rules: &[RuleRecord]) -> Disposition {
    let record = Record(rules);
    let mode = match record.find(RuleName::Mode).and_then(|it| it.value.as_ref()) {
        Some(Scalar::Text(word)) => Mode::parse(word),
        _ => None,
    };
    let part_can_be_moved = outcome != Outcome::Partial || record.passed(RuleName::Share);
    match (outcome, mode) {
        (Outcome::Never | Outcome::Suppressed, _) => Disposition::None,
        _ if record.requested() => Disposition::Ask,
        (_, Some(Mode::Off)) => Disposition::None,
        (_, Some(Mode::Shadow)) => Disposition::RecordOnly,
        (Outcome::Automatic | Outcome::Partial, Some(Mode::Auto))
            if part_can_be_moved && record.all_passed(of_kind(RuleKind::Rail)) =>
        {
            Disposition::Execute
        }
        _ => Disposition::Ask,
    }
}
