//! A policy in words.

use chrono::TimeDelta;
use domain::access::Role;
use domain::catalog::Stored;
use domain::ids::PolicyId;
use domain::policies::{Gates, Policy, Rails};
use domain::texts::{common, count, duration, percent, services};
use leptos::prelude::*;

use super::mode_badge;
use crate::pages::ui::{Panel, facts};
use crate::pages::visit::{texts, visit};

pub(in crate::pages) fn policy_panel(policy: &Stored<PolicyId, Policy>) -> AnyView {
    let t = texts(&services::TEXTS);
    let [reach, gates, rails] = [reach(policy), gates(&policy.gates), rails(&policy.rails)];
    view! {
        <Panel id="policy" title=t.policy badge=mode_badge(policy.mode)>
            <div class="body">
                {reach} <h3>{t.gates}</h3> {gates} <h3>{t.rails}</h3> {rails}
            </div>
        </Panel>
    }
    .into_any()
}

fn reach(policy: &Policy) -> AnyView {
    let t = texts(&services::TEXTS);
    let list = texts(&common::TEXTS).list;
    let roles: Vec<&str> = policy.approvals.roles.iter().map(|it| Role::as_str(*it)).collect();
    let approvals = &policy.approvals;
    let rules: Vec<&str> = policy.automatic_rules.iter().map(String::as_str).collect();
    let rules = if rules.is_empty() { texts(&common::TEXTS).none.to_owned() } else { list(&rules) };
    facts([
        (t.automatic_above, percent(policy.automatic_above).into_any()),
        (t.partial_above, percent(policy.partial_above).into_any()),
        (t.automatic_rules, rules.into_any()),
        (t.strategy, (t.strategy_of)(policy.strategy).into_any()),
        (
            t.approvals,
            (t.approval)(approvals.count, &list(&roles), &seconds(approvals.expires_s)).into_any(),
        ),
        (t.otp, if policy.otp { t.yes } else { t.no }.into_any()),
        (t.observation, seconds(policy.observation_s).into_any()),
    ])
}

fn gates(gates: &Gates) -> AnyView {
    let t = texts(&services::TEXTS);
    facts([
        (t.attribution, seconds(gates.attribution_s).into_any()),
        (t.clean_before, seconds(gates.clean_before_s).into_any()),
        (t.alert_age, seconds(gates.alert_age_s).into_any()),
        (t.min_requests, count(i64::from(gates.min_requests)).into_any()),
        (t.second_source, seconds(gates.second_source_s).into_any()),
    ])
}

fn rails(rails: &Rails) -> AnyView {
    let t = texts(&services::TEXTS);
    facts([
        (t.cooldown, seconds(rails.cooldown_s).into_any()),
        (t.per_rule_hour, (t.times)(rails.per_rule_hour).into_any()),
        (t.failures_to_block, (t.times)(rails.failures_to_block).into_any()),
        (t.blast_radius, count(i64::from(rails.blast_radius)).into_any()),
    ])
}

fn seconds(seconds: u32) -> String {
    duration(visit().lang, TimeDelta::seconds(i64::from(seconds)))
}
