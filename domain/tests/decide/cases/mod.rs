//! Situations, each with its reason: what a person who knows the rules would say.

mod causes;
mod changes;
mod contradictions;
mod measured;
mod nodes;
mod parts;
mod people;
mod pods;
mod rails;
mod releases;
mod signals;
mod surroundings;
mod table;
mod targets;

use domain::decide::{decide, recompute};
use domain::decisions::{Decision, RuleName};
use serde_json::{Value, json};

use crate::world::situation;

/// Outcome, disposition, cause, strategy.
type Expected = [&'static str; 4];

struct Case {
    /// What happens in it.
    what: &'static str,
    file: &'static str,
    patch: Value,
    expected: Expected,
    /// The rules that decide it, where they are told: those that do not let it go on.
    by: Option<&'static str>,
}

fn case(what: &'static str, file: &'static str, patch: Value, expected: Expected) -> Case {
    Case { what, file, patch, expected, by: None }
}

impl Case {
    fn by(self, rules: &'static str) -> Self {
        Self { by: Some(rules), ..self }
    }

    fn decide(&self) -> Decision {
        decide(&situation(self.file, &self.patch))
    }
}

const EXECUTE: Expected = ["automatic", "execute", "code_defect", "version_rollback"];
const ASK: Expected = ["human", "ask", "code_defect", "version_rollback"];
/// The rules would act, and something holds the machine's hand.
const HELD_BACK: Expected = ["automatic", "ask", "code_defect", "version_rollback"];
const ON_REQUEST: Expected = ["human", "ask", "unknown", "version_rollback"];
const SUPPRESSED: Expected = ["suppressed", "none", "code_defect", "version_rollback"];
const ENVIRONMENT: Expected = ["human", "ask", "resource_or_environment", "none"];

/// Every situation, by what it is about.
fn all() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("From end to end", files()),
        ("What was changed, and when", changes::cases()),
        ("How the pods are", pods::cases()),
        ("What was measured, and by whom", measured::cases()),
        ("The signals of the manuals", signals::cases()),
        ("Where the trouble comes from", causes::cases()),
        ("What is wrong around the workload", surroundings::cases()),
        ("Nodes", nodes::cases()),
        ("What there is to go back to", targets::cases()),
        ("Releases, configuration and other kinds", releases::cases()),
        ("A part of it", parts::cases()),
        ("What holds the machine back", rails::cases()),
        ("What people ask for", people::cases()),
        ("Facts that are missing or contradict each other", contradictions::cases()),
    ]
}

#[test]
fn every_situation_is_decided_as_a_person_who_knows_the_rules_would() {
    let mut wrong = Vec::new();
    for case in all().into_iter().flat_map(|(_, cases)| cases) {
        let decision = case.decide();
        let found = [
            decision.outcome.as_str(),
            decision.disposition.as_str(),
            decision.cause.as_str(),
            decision.strategy.as_str(),
        ];
        let by =
            table::deciding(&decision).map(|it| it.name.as_str()).collect::<Vec<_>>().join(" ");
        if found != case.expected || case.by.is_some_and(|it| it != by) {
            let (what, expected) = (case.what, (case.expected, case.by));
            wrong.push(format!(
                "{what}\n  found {found:?} by {by:?}\n  expected {expected:?}\n{}",
                explain(&decision)
            ));
        }
        assert_eq!(recompute(&decision), decision.outcome, "{}", case.what);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn no_two_situations_have_one_name() {
    let mut names: Vec<_> = all().into_iter().flat_map(|(_, it)| it).map(|it| it.what).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|it| it[0] == it[1]).map(|it| it[0]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

fn explain(decision: &Decision) -> String {
    let lines =
        decision.rules.iter().filter(|it| !it.verdict.passed()).map(|it| {
            format!("{:?} {} {} {:?}", it.verdict, it.name.as_str(), it.reason, it.value)
        });
    lines.collect::<Vec<_>>().join("\n")
}

fn files() -> Vec<Case> {
    let none = || json!({});
    vec![
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
    ]
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
