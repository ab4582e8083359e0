//! The fields of a policy and of a signal, with their units.

use std::collections::BTreeMap;

use domain::policies::{Mode, Strategy};
use domain::signals::{Comparison, Opens, SOURCES, Severity, WatchSignal};
use domain::texts::versions::TEXTS;
use domain::texts::{services, windows};
use leptos::prelude::*;

use crate::pages::ui::{Halves, Input, Panel, Sent};
use crate::pages::visit::texts;

type Values = BTreeMap<String, String>;

/// One field after the other, each with what it holds.
fn all(sent: &Sent, values: &Values, fields: Vec<(&'static str, Input)>) -> AnyView {
    let field = |(name, input): (&str, Input)| {
        sent.field(input.value(values.get(name).map_or("", String::as_str)))
    };
    let fields = fields.into_iter().map(field).collect_view();
    view! { <div class="body form">{fields}</div> }.into_any()
}

fn seconds(name: &'static str, label: &str) -> (&'static str, Input) {
    (name, Input::text(name, label).hint(texts(&TEXTS).seconds_hint).required())
}

fn count(name: &'static str, label: &str) -> (&'static str, Input) {
    (name, Input::text(name, label).hint(texts(&TEXTS).count_hint).required())
}

fn share(name: &'static str, label: &str) -> (&'static str, Input) {
    (name, Input::text(name, label).hint(texts(&TEXTS).share_hint).required())
}

pub(super) fn policy_fields(sent: &Sent, values: &Values) -> AnyView {
    let (t, s) = (texts(&TEXTS), texts(&services::TEXTS));
    let modes = Mode::ALL
        .iter()
        .map(|it| (it.as_str(), format!("{}: {}", (s.mode_of)(*it), (s.mode_means)(*it))));
    let strategies = Strategy::ALL.iter().map(|it| (it.as_str(), (s.strategy_of)(*it)));
    let reach = vec![
        ("mode", Input::select("mode", s.mode, modes)),
        share("automatic_above", s.automatic_above),
        share("partial_above", s.partial_above),
        ("automatic_rules", Input::text("automatic_rules", s.automatic_rules).hint(t.rules_hint)),
        ("strategy", Input::select("strategy", s.strategy, strategies)),
        seconds("observation_s", s.observation),
    ];
    let approvals = vec![
        count("approvals.count", t.approvals_count),
        (
            "approvals.roles",
            Input::text("approvals.roles", t.approvals_roles).hint(t.roles_hint).required(),
        ),
        seconds("approvals.expires_s", t.approvals_expire),
        (
            "approvals.escalate_s",
            Input::text("approvals.escalate_s", t.escalate).hint(t.escalate_hint),
        ),
        ("otp", Input::select("otp", s.otp, [("false", s.no), ("true", s.yes)])),
    ];
    let gates = vec![
        seconds("gates.attribution_s", s.attribution),
        seconds("gates.clean_before_s", s.clean_before),
        seconds("gates.alert_age_s", s.alert_age),
        count("gates.min_requests", s.min_requests),
        seconds("gates.second_source_s", s.second_source),
    ];
    let rails = vec![
        seconds("rails.cooldown_s", s.cooldown),
        count("rails.per_rule_hour", s.per_rule_hour),
        count("rails.failures_to_block", s.failures_to_block),
        count("rails.blast_radius", s.blast_radius),
        (
            "windows",
            Input::area("windows", texts(&windows::TEXTS).title)
                .hint(texts(&windows::TEXTS).line_hint),
        ),
    ];
    let [reach, approvals, gates, rails] =
        [reach, approvals, gates, rails].map(|it| all(sent, values, it));
    view! {
        <Halves>
            <Panel id="reach" title=t.reach>{reach}</Panel>
            <Panel id="approvals" title=s.approvals>{approvals}</Panel>
            <Panel id="gates" title=s.gates>{gates}</Panel>
            <Panel id="rails" title=s.rails>{rails}</Panel>
        </Halves>
    }
    .into_any()
}

pub(super) fn signal_fields(sent: &Sent, values: &Values) -> AnyView {
    let (t, s) = (texts(&TEXTS), texts(&services::TEXTS));
    let severities = Severity::ALL.iter().map(|it| (it.as_str(), (s.severity_of)(*it)));
    let opens = Opens::ALL.iter().map(|it| (it.as_str(), (s.opens_what)(*it)));
    let sides = Comparison::ALL.iter().map(|it| (it.as_str(), (t.comparison_of)(*it)));
    let sources = SOURCES.iter().map(|it| (*it, (t.source_of)(it)));
    let watches = WatchSignal::ALL.iter().map(|it| (it.as_str(), (s.by_watch)(*it)));
    let number = |name: &'static str, label: &str| {
        (name, Input::text(name, label).hint(t.limit_hint).required())
    };
    let about = vec![
        ("severity", Input::select("severity", s.severity, severities)),
        ("opens", Input::select("opens", s.opens, opens)),
        ("runbook", Input::text("runbook", t.runbook)),
    ];
    let limits = vec![
        ("comparison", Input::select("comparison", t.comparison, sides)),
        number("limit", t.limit),
        number("ceiling", s.ceiling),
        number("baseline", s.baseline),
        ("unit", Input::text("unit", t.unit).hint(t.unit_hint).required()),
        seconds("for_s", t.lasting),
    ];
    let measured = vec![
        ("source", Input::select("source", t.source, sources).hint(t.source_hint)),
        ("numerator", Input::area("numerator", t.numerator)),
        ("denominator", Input::area("denominator", t.denominator)),
        ("value", Input::area("value", t.value)),
        ("watch", Input::select("watch", t.watch, watches)),
        ("by", Input::text("by", t.by).hint(t.by_hint).required()),
    ];
    let [about, limits, measured] = [about, limits, measured].map(|it| all(sent, values, it));
    view! {
        <Halves>
            <div class="stack">
                <Panel id="about" title=texts(&domain::texts::common::TEXTS).details>{about}</Panel>
                <Panel id="limits" title=t.limits>{limits}</Panel>
            </div>
            <Panel id="measured" title=t.measured>{measured}</Panel>
        </Halves>
    }
    .into_any()
}
