//! Policies: how far a service's rollbacks may go by themselves, and who is asked otherwise.

mod typed;

use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::catalog::{Faults, rules};
use crate::windows::Recurring;

pub use self::typed::{fields, typed};

/// The policy of a service that names none. It is built in with every default; a catalog may re-state it.
pub const DEFAULT: &str = "default";

words!(
    /// What becomes of a decision. `off` and `shadow` stop automation, never a person's own request.
    Mode { Off = "off", Shadow = "shadow", Suggest = "suggest", Auto = "auto" }
);

words!(
    /// What is rolled back when one member of a Helm release is bad: the workload alone or the release.
    Strategy { Workload = "workload", Release = "release" }
);

/// The rules of a service's rollbacks. A changed policy is a new version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub name: String,
    #[serde(default = "defaults::mode")]
    pub mode: Mode,
    /// Confidence above which the outcome is automatic, 0 to 1.
    #[serde(default = "defaults::automatic_above")]
    pub automatic_above: f64,
    /// Confidence above which the outcome is partial, 0 to `automatic_above`.
    #[serde(default = "defaults::partial_above")]
    pub partial_above: f64,
    /// Signals that are automatic whatever the confidence.
    #[serde(default = "defaults::automatic_rules")]
    pub automatic_rules: Vec<String>,
    #[serde(default = "defaults::strategy")]
    pub strategy: Strategy,
    #[serde(default)]
    pub approvals: Approvals,
    #[serde(default)]
    pub gates: Gates,
    #[serde(default)]
    pub rails: Rails,
    /// How long a rollback is observed, and a new revision before it counts as verified.
    #[serde(default = "defaults::observation_s")]
    pub observation_s: u32,
    /// Whether an approval asks for a one-time password.
    #[serde(default)]
    pub otp: bool,
    /// Maintenance windows and freezes that come again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Recurring>,
}

/// Whose consent an execution needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Approvals {
    /// How many different people.
    pub count: u32,
    /// Each of them has one of these; where there are at least as many people as roles, every role is among
    /// them.
    pub roles: Vec<Role>,
    pub expires_s: u32,
    /// When the next level of contacts is told, counted from the request; ascending.
    pub escalate_s: Vec<u32>,
}

/// The limits of the gates: is a rollback a remedy at all?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gates {
    /// How long before the onset a change may lie to be its cause.
    pub attribution_s: u32,
    /// How long the signal must have been inside its baseline before that change.
    pub clean_before_s: u32,
    /// An alert older than this when decided is asked of a person.
    pub alert_age_s: u32,
    /// Fewer requests in the window than this say nothing.
    pub min_requests: u32,
    /// How long the second source has to agree.
    pub second_source_s: u32,
}

/// The limits of the rails: what stops a rollback that would be a remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rails {
    /// Pause between two rollbacks of a service.
    pub cooldown_s: u32,
    /// Automatic rollbacks per rule, service and hour.
    pub per_rule_hour: u32,
    /// Failed rollbacks after which a service is blocked until acknowledged.
    pub failures_to_block: u32,
    /// Services that may be rolled back at once.
    pub blast_radius: u32,
}

mod defaults {
    use super::{Mode, Strategy};

    pub(super) fn mode() -> Mode {
        Mode::Suggest
    }
    pub(super) fn automatic_above() -> f64 {
        0.9
    }
    pub(super) fn partial_above() -> f64 {
        0.7
    }
    pub(super) fn automatic_rules() -> Vec<String> {
        vec!["PodCrashLoop".to_owned()]
    }
    pub(super) fn strategy() -> Strategy {
        Strategy::Workload
    }
    pub(super) fn observation_s() -> u32 {
        900
    }
}

impl Default for Approvals {
    fn default() -> Self {
        Self { count: 1, roles: vec![Role::Sre], expires_s: 900, escalate_s: vec![300, 600] }
    }
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            attribution_s: 3600,
            clean_before_s: 600,
            alert_age_s: 1200,
            min_requests: 50,
            second_source_s: 10,
        }
    }
}

impl Default for Rails {
    fn default() -> Self {
        Self { cooldown_s: 300, per_rule_hour: 3, failures_to_block: 3, blast_radius: 3 }
    }
}

impl Policy {
    /// A policy that says nothing but its name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            mode: defaults::mode(),
            automatic_above: defaults::automatic_above(),
            partial_above: defaults::partial_above(),
            automatic_rules: defaults::automatic_rules(),
            strategy: defaults::strategy(),
            approvals: Approvals::default(),
            gates: Gates::default(),
            rails: Rails::default(),
            observation_s: defaults::observation_s(),
            otp: false,
            windows: vec![],
        }
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.at("name").refuse(rules::name(&self.name));
        faults.at("automatic_above").refuse(rules::share(self.automatic_above));
        faults.at("partial_above").refuse(rules::share(self.partial_above));
        if self.partial_above > self.automatic_above {
            faults.at("partial_above").add("is above automatic_above");
        }
        faults.at("automatic_rules").refuse(rules::distinct(&self.automatic_rules));
        faults.at("observation_s").refuse(rules::seconds(1, self.observation_s));
        self.approvals.check(&mut faults.at("approvals"));
        for (index, window) in self.windows.iter().enumerate() {
            window.check(&mut faults.at("windows").at(index));
        }
        faults.at("windows").refuse(rules::distinct(self.windows.iter().map(|it| &it.name)));
        let Gates { attribution_s, clean_before_s, alert_age_s, min_requests: _, second_source_s } =
            self.gates;
        let gates = &mut faults.at("gates");
        gates.at("attribution_s").refuse(rules::seconds(1, attribution_s));
        gates.at("clean_before_s").refuse(rules::seconds(0, clean_before_s));
        gates.at("alert_age_s").refuse(rules::seconds(1, alert_age_s));
        gates.at("second_source_s").refuse(rules::seconds(1, second_source_s));
        let rails = &mut faults.at("rails");
        rails.at("cooldown_s").refuse(rules::seconds(0, self.rails.cooldown_s));
        rails.at("failures_to_block").refuse(rules::at_least(1, self.rails.failures_to_block));
        rails.at("blast_radius").refuse(rules::at_least(1, self.rails.blast_radius));
    }
}

impl Approvals {
    fn check(&self, faults: &mut Faults) {
        faults.at("count").refuse(rules::at_least(1, self.count));
        if self.count > 10 {
            faults.at("count").add("asks for more than 10 people");
        }
        if self.roles.is_empty() {
            faults.at("roles").add("names no role: nobody could approve");
        }
        let roles = &mut faults.at("roles");
        for (index, role) in self.roles.iter().enumerate() {
            // Administrators administer and do not approve; see the matrix of roles.
            if !matches!(role, Role::Sre | Role::Dba) {
                roles.at(index).add(format!("the role {} never approves", role.as_str()));
            }
        }
        faults.at("expires_s").refuse(rules::seconds(1, self.expires_s));
        let late = self.escalate_s.iter().any(|it| *it >= self.expires_s);
        if late || !self.escalate_s.is_sorted_by(|a, b| a < b) {
            faults.at("escalate_s").add("must ascend and stay below expires_s");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_a_policy_with_every_default() {
        let policy: Policy = serde_json::from_str(r#"{"name": "default"}"#).unwrap();
        assert_eq!(policy, Policy::named(DEFAULT));
        assert_eq!(policy.mode, Mode::Suggest);
        assert_eq!(
            serde_json::to_value(&policy).unwrap(),
            serde_json::json!({
                "name": "default", "mode": "suggest", "automatic_above": 0.9, "partial_above": 0.7,
                "automatic_rules": ["PodCrashLoop"], "strategy": "workload",
                "approvals": {"count": 1, "roles": ["sre"], "expires_s": 900, "escalate_s": [300, 600]},
                "gates": {"attribution_s": 3600, "clean_before_s": 600, "alert_age_s": 1200, "min_requests": 50, "second_source_s": 10},
                "rails": {"cooldown_s": 300, "per_rule_hour": 3, "failures_to_block": 3, "blast_radius": 3},
                "observation_s": 900, "otp": false,
            })
        );
    }

    #[test]
    fn part_of_a_section_keeps_the_rest_of_it() {
        let json = r#"{"name": "p", "rails": {"cooldown_s": 0}, "approvals": {"count": 2}}"#;
        let policy: Policy = serde_json::from_str(json).unwrap();
        assert_eq!(policy.rails, Rails { cooldown_s: 0, ..Rails::default() });
        assert_eq!(policy.approvals, Approvals { count: 2, ..Approvals::default() });
    }
}
