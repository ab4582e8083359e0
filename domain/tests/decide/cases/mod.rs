//! Situations, each with its reason: what a person who knows the rules would say.

mod causes;
mod changes;
mod measured;
mod pods;
mod rails;
mod targets;

use domain::decide::{decide, recompute};
use domain::decisions::{Decision, RuleName};
use serde_json::{Value, json};

use crate::world::situation;

/// Outcome, disposition, cause, strategy.
type Expected = [&'static str; 4];

struct Case {
    why: &'static str,
    file: &'static str,
    patch: Value,
    expected: Expected,
}

fn case(why: &'static str, file: &'static str, patch: Value, expected: Expected) -> Case {
    Case { why, file, patch, expected }
}

const EXECUTE: Expected = ["automatic", "execute", "code_defect", "version_rollback"];
const ASK: Expected = ["human", "ask", "code_defect", "version_rollback"];
/// The rules would act, and something holds the machine's hand.
const HELD_BACK: Expected = ["automatic", "ask", "code_defect", "version_rollback"];
const ON_REQUEST: Expected = ["human", "ask", "unknown", "version_rollback"];
const SUPPRESSED: Expected = ["suppressed", "none", "code_defect", "version_rollback"];
const ENVIRONMENT: Expected = ["human", "ask", "resource_or_environment", "none"];

fn check(cases: Vec<Case>) {
    for Case { why, file, patch, expected } in cases {
        let decision = decide(&situation(file, &patch));
        let found = [
            decision.outcome.as_str(),
            decision.disposition.as_str(),
            decision.cause.as_str(),
            decision.strategy.as_str(),
        ];
        assert_eq!(found, expected, "{why}\n{}", explain(&decision));
        assert_eq!(recompute(&decision), decision.outcome, "{why}");
    }
}

fn explain(decision: &Decision) -> String {
    let lines = decision
        .rules
        .iter()
        .map(|it| format!("{:?} {} {} {:?}", it.verdict, it.name.as_str(), it.reason, it.value));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_files_beside_the_tests() {
    let none = || json!({});
    check(vec![
        case("one of one new pod during a rollout", "bad-image", none(), EXECUTE),
        case("5xx 15 % six minutes after a deploy", "errors-after-deploy", none(), EXECUTE),
        case("one crashing pod of three in a finished rollout", "one-of-three", none(), ASK),
        case(
            "a leak three days after the deploy",
            "leak",
            none(),
            ["human", "ask", "unknown", "restart"],
        ),
        case("old and new cannot pull: the registry", "registry-gone", none(), ENVIRONMENT),
        case(
            "only the configuration was changed",
            "config-error",
            none(),
            ["automatic", "execute", "configuration_error", "config_restore"],
        ),
        case(
            "the bad pods are on the node under pressure",
            "weak-node",
            none(),
            ["human", "ask", "partial_node_failure", "drain_and_shrink"],
        ),
        case(
            "damaged data are never mended by machine",
            "inconsistent-data",
            none(),
            ["human", "ask", "data_problem", "snapshot_restore"],
        ),
        case(
            "a schema migration lies between",
            "migration-between",
            none(),
            ["human", "ask", "code_defect", "none"],
        ),
        case(
            "the first revision ever has nothing to go back to",
            "first-release",
            none(),
            ["never", "none", "code_defect", "none"],
        ),
        case("a forged alert is a question", "forged-alert", none(), ASK),
        case("a person asks, another approves", "person-asks", none(), ON_REQUEST),
    ]);
}

#[test]
fn every_rule_stands_in_every_record_once_and_in_order() {
    for file in ["bad-image", "person-asks", "first-release"] {
        let decision = decide(&situation(file, &json!({})));
        let mut names: Vec<RuleName> = decision.rules.iter().map(|it| it.name).collect();
        assert!(decision.rules.iter().all(|it| it.kind == it.name.kind()));
        assert!(decision.rules.iter().all(|it| !it.reason.is_empty()));
        names.sort();
        assert_eq!(names, RuleName::ALL);
    }
}
