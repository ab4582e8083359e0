//! Is a rollback the remedy, to what, and may it go by itself?
//!
//! [`decide`] turns a [`Situation`] into a [`Decision`]. Triggers say what started it, gates whether a rollback
//! helps at all, rails what stops one that would help, and the score how sure we are. All of them are evaluated
//! and kept, also when one has settled the matter.
//!
//! **Invariant:** the outcome is computed from the record ([`recompute`]), unknown never acts, and a kill switch
//! always wins.

mod cause;
pub mod compare;
mod facts;
mod gates;
mod images;
mod outcome;
mod rails;
mod record;
mod score;
pub mod situation;
mod strategy;
mod target;
mod text;

use self::facts::Facts;
pub use self::outcome::{disposition_from, outcome_from};
use self::record::{fail, pass, unknown};
pub use self::situation::Situation;
pub use self::text::{Malformed, parse};
use crate::decisions::{Decision, Outcome, Reason, RuleName, RuleRecord};
use crate::signals::Opens;

/// Decides one situation. Total: whatever the situation says, there is a decision.
pub fn decide(situation: &Situation) -> Decision {
    let f = &Facts::new(situation);
    let cause = cause::cause(f);
    let found = target::target(f, cause.cause);
    let strategy = strategy::strategy(f, &cause, &found);
    let score = score::score(f, strategy);

    let mut rules = Vec::with_capacity(RuleName::ALL.len());
    rules.extend([signal(f), request(f), opens(f), rails::duplicate(f)]);
    rules.extend([
        gates::material_change(f),
        gates::clean_before(f),
        gates::new_is_bad(f),
        gates::old_was_good(f),
        gates::enough_traffic(f),
        gates::second_source(f),
        gates::young(f),
        cause.record(),
        found.record(),
    ]);
    rules.extend(rails::all(f, &found, strategy));
    rules.extend(score.rules);

    let outcome = outcome_from(&rules);
    // What never happens proposes nothing.
    let strategy =
        if outcome == Outcome::Never { crate::decisions::Strategy::None } else { strategy };
    let target = strategy::goes_back(strategy).then(|| found.target(f)).flatten();
    Decision {
        id: None,
        service: situation.service.name.clone(),
        at: situation.at,
        follows: situation.follows,
        rollback_id: situation.rollback_id,
        outcome,
        disposition: disposition_from(outcome, &rules),
        score: score.score,
        confidence: score.confidence,
        cause: cause.cause,
        warnings: strategy::warnings(f, &found, strategy),
        strategy,
        target,
        rules,
    }
}

/// The outcome of a decision again, from its record alone.
pub fn recompute(decision: &Decision) -> Outcome {
    outcome_from(&decision.rules)
}

fn signal(f: &Facts) -> RuleRecord {
    let Some(signal) = &f.s.signal else { return unknown(RuleName::Signal, Reason::NoSignal) };
    let rule = match f.value {
        None => unknown(RuleName::Signal, Reason::NotMeasured),
        Some(value) if signal.fires(value) => {
            pass(RuleName::Signal, Reason::OutsideLimit).found(value)
        }
        Some(value) => fail(RuleName::Signal, Reason::InsideLimit).found(value),
    };
    rule.of(signal.name.clone()).limited(signal.limit)
}

fn request(f: &Facts) -> RuleRecord {
    match &f.s.request {
        Some(it) => pass(RuleName::Request, Reason::PersonAsks).of(it.reason_kind.as_str()),
        None => fail(RuleName::Request, Reason::NobodyAsks),
    }
}

fn opens(f: &Facts) -> RuleRecord {
    let Some(signal) = &f.s.signal else { return unknown(RuleName::Opens, Reason::NoSignal) };
    let rule = match signal.opens {
        Opens::Rollback => pass(RuleName::Opens, Reason::OpensRollback),
        Opens::Incident | Opens::Runbook => fail(RuleName::Opens, Reason::OpensSomethingElse),
    };
    rule.found_text(signal.opens.as_str())
}
