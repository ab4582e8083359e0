//! What each system's signals come to under its own policy: the same bad release, six minutes after it was deployed.

use std::collections::BTreeMap;
use std::path::Path;

use domain::catalog::Document;
use domain::decide::{Situation, decide};
use domain::policies::Policy;
use domain::services::Service;
use domain::signals::{Comparison, Signal, Source};
use serde_json::{Value, json};

use super::read;

const MEASURED: &str = include_str!("../../../domain/tests/situations/errors-after-deploy.json");
const WATCHED: &str = include_str!("../../../domain/tests/situations/bad-image.json");

fn documents(system: &str) -> Vec<Document> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../catalog"));
    let located = read::folder(&root.join(system)).unwrap();
    located.into_iter().map(|it| it.document).collect()
}

fn signals(system: &str) -> Vec<Signal> {
    let of = |it| match it {
        Document::Signal(signal) => Some(signal),
        _ => None,
    };
    documents(system).into_iter().filter_map(of).collect()
}

/// Of the service of this name, as the catalog gives it.
fn policy(system: &str, service: &str) -> Policy {
    let all = documents(system);
    let named = all.iter().find_map(|it| match it {
        Document::Service(Service { name, policy, .. }) if name == service => Some(policy.clone()),
        _ => None,
    });
    let named = named.unwrap();
    let stated = all.into_iter().find_map(|it| match it {
        Document::Policy(policy) if policy.name == named => Some(policy),
        _ => None,
    });
    stated.unwrap_or_else(|| Policy::named(named))
}

/// Half way between its limit and the worst.
fn decided(signal: &Signal, policy: &Policy) -> [String; 4] {
    let watched = matches!(signal.source, Source::Watch(_));
    let mut situation: Value =
        serde_json::from_str(if watched { WATCHED } else { MEASURED }).unwrap();
    situation["signal"] = json!(signal);
    situation["policy"] = json!(policy);
    if !watched {
        let value = (signal.limit + signal.ceiling) / 2.0;
        situation["measurement"] = match signal.source {
            Source::Ratio { .. } => json!({"numerator": value * 40.0, "denominator": 40.0,
                "requests_in_window": 12000, "before": {"clean_s": 3600}}),
            _ => json!({"value": value, "before": {"clean_s": 3600}}),
        };
    }
    let situation: Situation = serde_json::from_value(situation).unwrap();
    let decision = decide(&situation);
    [
        decision.outcome.as_str().to_owned(),
        decision.disposition.as_str().to_owned(),
        decision.cause.as_str().to_owned(),
        decision.strategy.as_str().to_owned(),
    ]
}

fn all(system: &str, service: &str) -> BTreeMap<String, [String; 4]> {
    let policy = policy(system, service);
    signals(system).iter().map(|it| (it.name.clone(), decided(it, &policy))).collect()
}

#[test]
fn each_of_edgelinks_seven_goes_back_by_itself() {
    let decisions = all("edgelink", "api-gateway");
    assert_eq!(decisions.len(), 7);
    for (name, decision) in decisions {
        assert_eq!(decision, ["automatic", "execute", "code_defect", "version_rollback"], "{name}");
    }
}

#[test]
fn kphub_acts_on_errors_in_part_on_a_warning_and_asks_about_money() {
    let shop = all("kphub", "product");
    assert_eq!(shop.len(), 4);
    assert_eq!(shop["HighErrorRate"], ["automatic", "execute", "code_defect", "version_rollback"]);
    // No part of a Deployment can be moved, so who would act in part asks.
    assert_eq!(shop["LatencySpike"], ["partial", "ask", "code_defect", "version_rollback"]);
    let finance = all("kphub", "payment");
    assert_eq!(
        finance["TransactionFailure"],
        ["automatic", "ask", "code_defect", "version_rollback"],
        "the policy suggests, and a person decides"
    );
    assert_eq!(
        finance["BalanceInconsistency"],
        ["human", "ask", "data_problem", "snapshot_restore"],
        "whatever the score"
    );
    let policy = policy("kphub", "payment");
    assert_eq!(policy.approvals.count, 2);
}

#[test]
fn glancy_asks_about_a_release_and_opens_something_else_for_the_rest() {
    let decisions = all("glancy", "lookup");
    let release = ["GlancyErrorRate", "GlancyLatencyP95", "GlancyExportsTimeout"];
    for (name, decision) in &decisions {
        let expected = match name.as_str() {
            it if release.contains(&it) => ["automatic", "ask", "code_defect", "version_rollback"],
            "GlancyBillingMismatch" => ["human", "ask", "data_problem", "none"],
            _ => ["human", "ask", "code_defect", "none"],
        };
        assert_eq!(*decision, expected, "{name}");
    }
    assert_eq!(decisions.len(), 15);
    let all = signals("glancy");
    assert!(all.iter().all(|it| it.runbook.is_some()), "every alarm carries its runbook");
}

#[test]
fn every_signal_can_get_better_and_worse() {
    for system in ["edgelink", "glancy", "kphub"] {
        for signal in signals(system) {
            let (limit, name) = (signal.limit, &signal.name);
            let bad = (limit + signal.ceiling) / 2.0;
            assert!(signal.fires(bad) && !signal.fires(limit), "{name}");
            assert!(signal.is_clean(signal.baseline) && !signal.fires(signal.baseline), "{name}");
            let beyond = if signal.comparison == Comparison::Less { -1.0 } else { 1.0 };
            assert!((signal.ceiling - limit) * beyond > 0.0, "{name}");
        }
    }
}
