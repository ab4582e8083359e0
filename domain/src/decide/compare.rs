//! What another look at a situation changes: by other rules, another policy, or other facts.

use serde::Serialize;

use crate::decisions::{
    Cause, Decision, Disposition, Outcome, RuleKind, RuleName, RuleRecord, Scalar, Strategy,
};
use crate::verdict::Verdict;

/// How a decision differs from one that was recorded. What is the same on both sides is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub outcome: Option<Both<Outcome>>,
    pub disposition: Option<Both<Disposition>>,
    pub cause: Option<Both<Cause>>,
    pub strategy: Option<Both<Strategy>>,
    /// The revisions that they go back to, where they go to different ones.
    pub target: Option<Both<Option<i64>>>,
    pub score: Option<Both<f64>>,
    pub confidence: Option<Both<f64>>,
    /// The rules that found something else, in the order of the record.
    pub rules: Vec<RuleDifference>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Both<T> {
    pub recorded: T,
    pub now: T,
}

/// One rule that found something else. None where a record does not have it at all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleDifference {
    pub name: RuleName,
    pub kind: RuleKind,
    pub recorded: Option<Found>,
    pub now: Option<Found>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    pub verdict: Verdict,
    pub value: Option<Scalar>,
    pub limit: Option<Scalar>,
    pub reason: String,
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        let Self { outcome, disposition, cause, strategy, target, score, confidence, rules } = self;
        outcome.is_none()
            && disposition.is_none()
            && cause.is_none()
            && strategy.is_none()
            && target.is_none()
            && score.is_none()
            && confidence.is_none()
            && rules.is_empty()
    }
}

/// Everything in which `now` differs from what was recorded; who and when aside.
pub fn compare(recorded: &Decision, now: &Decision) -> Difference {
    let digest = |it: &Decision| it.target.as_ref().and_then(|it| it.digest.clone());
    let revision = |it: &Decision| it.target.as_ref().map(|it| it.revision);
    let moved = digest(recorded) != digest(now) || revision(recorded) != revision(now);
    Difference {
        outcome: both(recorded.outcome, now.outcome),
        disposition: both(recorded.disposition, now.disposition),
        cause: both(recorded.cause, now.cause),
        strategy: both(recorded.strategy, now.strategy),
        target: moved.then(|| Both { recorded: revision(recorded), now: revision(now) }),
        score: both(recorded.score, now.score),
        confidence: both(recorded.confidence, now.confidence),
        rules: rules(recorded, now),
    }
}

fn both<T: PartialEq>(recorded: T, now: T) -> Option<Both<T>> {
    (recorded != now).then_some(Both { recorded, now })
}

fn rules(recorded: &Decision, now: &Decision) -> Vec<RuleDifference> {
    let differs = |name: RuleName| {
        let [recorded, now] = [recorded, now].map(|it| it.rule(name).map(found));
        let same = recorded == now;
        (!same).then_some(RuleDifference { name, kind: name.kind(), recorded, now })
    };
    RuleName::ALL.iter().copied().filter_map(differs).collect()
}

fn found(it: &RuleRecord) -> Found {
    Found {
        verdict: it.verdict,
        value: it.value.clone(),
        limit: it.limit.clone(),
        reason: it.reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::{Situation, decide};
    use crate::policies::Mode;

    fn situation() -> Situation {
        serde_json::from_value(json!({
            "at": "2026-10-16T03:00:00Z",
            "service": {"name": "api"},
            "policy": {"name": "default", "mode": "suggest"},
            "workload": {
                "cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": "api",
                "live": {"digest": format!("sha256:{}", "0".repeat(64))},
            },
        }))
        .unwrap()
    }

    #[test]
    fn the_same_situation_differs_in_nothing() {
        let decision = decide(&situation());
        assert!(compare(&decision, &decision).is_empty());
    }

    #[test]
    fn another_policy_shows_in_the_rules_that_it_moves_and_in_no_other() {
        let recorded = decide(&situation());
        let mut other = situation();
        other.policy.mode = Mode::Off;
        let difference = compare(&recorded, &decide(&other));
        let names: Vec<RuleName> = difference.rules.iter().map(|it| it.name).collect();
        assert_eq!(names, [RuleName::Mode]);
        let disposition = difference.disposition.unwrap();
        assert_eq!((disposition.recorded, disposition.now), (Disposition::Ask, Disposition::None));
        assert_eq!(difference.outcome, None);
    }

    #[test]
    fn a_rule_that_was_not_there_yet_is_shown() {
        let now = decide(&situation());
        let mut recorded = now.clone();
        recorded.rules.retain(|it| it.name != RuleName::Freeze);
        let difference = compare(&recorded, &now);
        let [rule] = &difference.rules[..] else { panic!("{:?}", difference.rules) };
        assert_eq!((rule.name, &rule.recorded), (RuleName::Freeze, &None));
        assert!(rule.now.is_some());
    }
}
