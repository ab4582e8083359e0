//! How sure are we? `badness · severity / recovery potential + time decay` (KPHub §1.1.1).

use super::facts::Facts;
use super::record::{fail, pass, unknown};
use super::situation::{History, Share};
use crate::decisions::{Reason, RuleName, RuleRecord, Strategy};
use crate::signals::{Severity, Signal, Source};
use crate::verdict::Verdict;

/// What lies just outside its limit is half as bad as it can get.
const LEAST_BADNESS: f64 = 0.5;

/// Recovery by itself is never taken for impossible.
const LEAST_POTENTIAL: f64 = 0.2;

/// A change loses its weight over this many seconds, by a factor of e.
const DECAY_S: f64 = 1800.0;

pub(super) struct Score {
    pub(super) score: f64,
    pub(super) confidence: f64,
    pub(super) rules: [RuleRecord; 8],
}

pub(super) fn score(f: &Facts, strategy: Strategy) -> Score {
    let badness = f.s.signal.as_ref().zip(f.value).map(|(signal, it)| badness(f, signal, it));
    let severity = f.s.signal.as_ref().map(|it| it.severity);
    let weight = severity.map_or(0.0, weight);
    let potential = potential(f.s.history);
    let decay = decay(f);
    let score = badness.unwrap_or(0.0) * weight / potential + decay;
    let confidence = confidence(score);
    Score {
        score,
        confidence,
        rules: [
            match badness {
                None => unknown(RuleName::Badness, Reason::NotMeasured),
                Some(it) if it > 0.0 => pass(RuleName::Badness, Reason::OutsideLimit).found(it),
                Some(it) => fail(RuleName::Badness, Reason::InsideLimit).found(it),
            },
            severity_rule(severity),
            pass(RuleName::RecoveryPotential, Reason::RecoveryPotential).found(potential),
            pass(RuleName::TimeDecay, Reason::TimeDecay).found(decay),
            match f.is_named() {
                true => pass(RuleName::AutomaticRule, Reason::RuleIsNamed),
                false => fail(RuleName::AutomaticRule, Reason::RuleIsNotNamed),
            },
            share(f, strategy),
            threshold(f, RuleName::PartialAbove, confidence),
            threshold(f, RuleName::AutomaticAbove, confidence),
        ],
    }
}

/// 0 inside the limit, from a half at the limit to 1 at the ceiling. For pods it is the bad share of the new
/// revision's, at least a half.
fn badness(f: &Facts, signal: &Signal, value: f64) -> f64 {
    if !signal.fires(value) {
        return 0.0;
    }
    if let Source::Watch(watch) = &signal.source {
        return f.bad_share(*watch).unwrap_or(LEAST_BADNESS).max(LEAST_BADNESS);
    }
    // The same for "less than": there both differences are negative.
    let way = (value - signal.limit) / (signal.ceiling - signal.limit);
    let way = if way.is_finite() { way.clamp(0.0, 1.0) } else { 0.0 };
    LEAST_BADNESS + (1.0 - LEAST_BADNESS) * way
}

fn weight(severity: Severity) -> f64 {
    match severity {
        Severity::Info => 1.0,
        Severity::Warning => 2.0,
        Severity::Critical => 4.0,
        Severity::Emergency => 8.0,
    }
}

fn severity_rule(severity: Option<Severity>) -> RuleRecord {
    use RuleName::Severity as NAME;
    let Some(severity) = severity else { return unknown(NAME, Reason::NoSignal) };
    let rule = match severity {
        Severity::Info => fail(NAME, Reason::InfoNeverActs),
        Severity::Warning => fail(NAME, Reason::WarningAtMostPartial),
        Severity::Critical | Severity::Emergency => pass(NAME, Reason::Severe),
    };
    rule.of(severity.as_str()).found(weight(severity))
}

/// The share of alerts that went away by themselves, smoothed by Laplace so that nothing known is a half. An
/// attempt that did not help counts as one more alert that did not go away.
fn potential(history: History) -> f64 {
    let alerts = f64::from(history.unattended) + f64::from(history.failed_recoveries);
    let ended = f64::from(history.ended_by_themselves.min(history.unattended));
    ((ended + 1.0) / (alerts + 2.0)).clamp(LEAST_POTENTIAL, 1.0)
}

/// 1 right after the newest material change, 0 where nothing changed.
fn decay(f: &Facts) -> f64 {
    let Some(change) = f.change else { return 0.0 };
    let age = (f.s.at - change.at).as_seconds_f64();
    (-age.max(0.0) / DECAY_S).exp()
}

fn confidence(score: f64) -> f64 {
    1.0 - (-score / 2.0).exp()
}

/// What goes back as a whole has no part, whatever the workload has.
fn share(f: &Facts, strategy: Strategy) -> RuleRecord {
    let share = f.s.workload.share.filter(|it| match strategy {
        Strategy::ConfigRestore => false,
        Strategy::HelmRollback => *it == Share::Members,
        _ => true,
    });
    match share {
        Some(it) => pass(RuleName::Share, Reason::HasShare).found_text(it.as_str()),
        None => fail(RuleName::Share, Reason::HasNoShare),
    }
}

fn threshold(f: &Facts, name: RuleName, confidence: f64) -> RuleRecord {
    let (limit, keys) = match name {
        RuleName::AutomaticAbove => {
            (f.s.policy.automatic_above, [Reason::SureEnough, Reason::NotSureEnough])
        }
        _ => (f.s.policy.partial_above, [Reason::SureForPartial, Reason::NotSureForPartial]),
    };
    let above = Verdict::from(confidence > limit);
    let rule = if above.passed() { pass(name, keys[0]) } else { fail(name, keys[1]) };
    rule.found(confidence).limited(limit)
}
