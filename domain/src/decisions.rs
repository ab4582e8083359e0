//! A decision: the recorded outcome of the rules for one situation.
//!
//! **Invariant:** every rule that was looked at stands in the record with its input, value, limit and verdict,
//! also when another one had settled the matter, and [`crate::decide::recompute`] finds the same outcome from
//! the record alone. A decision to do nothing is a decision.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::ids::{DecisionId, RollbackId};
pub use crate::texts::decisions::{Reason, Warning};
use crate::verdict::Verdict;
use crate::workloads::{Image, WorkloadKind};

words!(
    /// What the rules say, whatever the policy's mode.
    Outcome {
        Automatic = "automatic",
        Partial = "partial",
        Human = "human",
        Never = "never",
        Suppressed = "suppressed",
    }
);

words!(
    /// What becomes of the outcome: carried out, asked of a person, kept to be scored later, or nothing.
    Disposition { Execute = "execute", Ask = "ask", RecordOnly = "record_only", None = "none" }
);

words!(
    /// Where the trouble comes from (KPHub's strategy matrix). Owners and revisions decide it, not names.
    Cause {
        CodeDefect = "code_defect",
        ConfigurationError = "configuration_error",
        DataProblem = "data_problem",
        PartialNodeFailure = "partial_node_failure",
        ResourceOrEnvironment = "resource_or_environment",
        Unknown = "unknown",
    }
);

words!(
    /// What would help against the cause. `none` proposes nothing.
    Strategy {
        VersionRollback = "version_rollback",
        HelmRollback = "helm_rollback",
        ConfigRestore = "config_restore",
        TrafficSwitch = "traffic_switch",
        SnapshotRestore = "snapshot_restore",
        DrainAndShrink = "drain_and_shrink",
        Restart = "restart",
        None = "none",
    }
);

words!(TargetKind { Workload = "workload", Release = "release", Config = "config" });

words!(RuleKind { Trigger = "trigger", Gate = "gate", Rail = "rail", Score = "score" });

words!(
    /// Every rule that a decision looks at. Each stands in every record exactly once.
    RuleName {
        // Triggers: what started the decision, and whether it asks for a rollback at all.
        Signal = "signal",
        Request = "request",
        Opens = "opens",
        Duplicate = "duplicate",
        // Gates: is a rollback a remedy at all?
        MaterialChange = "material_change",
        CleanBefore = "clean_before",
        NewIsBad = "new_is_bad",
        OldWasGood = "old_was_good",
        EnoughTraffic = "enough_traffic",
        SecondSource = "second_source",
        Young = "young",
        Cause = "cause",
        Target = "target",
        // Rails: what stops a rollback that would be a remedy.
        KillSwitch = "kill_switch",
        Mode = "mode",
        Settled = "settled",
        OwnRollback = "own_rollback",
        RollbackOfRollback = "rollback_of_rollback",
        Cooldown = "cooldown",
        FailuresBlock = "failures_block",
        HourlyCap = "hourly_cap",
        BlastRadius = "blast_radius",
        MaintenanceWindow = "maintenance_window",
        Freeze = "freeze",
        PausedByOther = "paused_by_other",
        ProtectedNamespace = "protected_namespace",
        GitopsOwner = "gitops_owner",
        FlaggerOwner = "flagger_owner",
        Hold = "hold",
        UpdateStrategy = "update_strategy",
        TargetPresent = "target_present",
        Able = "able",
        // Score: how sure are we?
        Badness = "badness",
        Severity = "severity",
        RecoveryPotential = "recovery_potential",
        TimeDecay = "time_decay",
        AutomaticRule = "automatic_rule",
        Share = "share",
        PartialAbove = "partial_above",
        AutomaticAbove = "automatic_above",
    }
);

impl RuleName {
    pub const fn kind(self) -> RuleKind {
        use RuleName as R;
        match self {
            R::Signal | R::Request | R::Opens | R::Duplicate => RuleKind::Trigger,
            R::MaterialChange
            | R::CleanBefore
            | R::NewIsBad
            | R::OldWasGood
            | R::EnoughTraffic
            | R::SecondSource
            | R::Young
            | R::Cause
            | R::Target => RuleKind::Gate,
            R::Badness
            | R::Severity
            | R::RecoveryPotential
            | R::TimeDecay
            | R::AutomaticRule
            | R::Share
            | R::PartialAbove
            | R::AutomaticAbove => RuleKind::Score,
            _ => RuleKind::Rail,
        }
    }
}

/// A value or a limit of a rule: a number where there is one, otherwise a few words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Number(f64),
    Text(Cow<'static, str>),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(it) => write!(f, "{}", (it * 1e4).round() / 1e4),
            Self::Text(it) => f.write_str(it),
        }
    }
}

/// What one rule looked at and found. For a gate or a rail `pass` lets a rollback go on; for the rest it
/// says that what the name says holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleRecord {
    pub name: RuleName,
    pub kind: RuleKind,
    /// What was looked at: the signal, the change, the node, the owner. Empty where the name says it.
    pub input: Cow<'static, str>,
    pub value: Option<Scalar>,
    pub limit: Option<Scalar>,
    pub verdict: Verdict,
    /// Names the sentence, so that a page can show it in the reader's language.
    pub key: Reason,
    /// The sentence in English.
    pub reason: Cow<'static, str>,
}

/// What the service goes back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub kind: TargetKind,
    /// None for a release.
    pub workload: Option<TargetWorkload>,
    /// Of the workload as `kubectl rollout history` numbers it, or of the release.
    pub revision: i64,
    pub images: Vec<Image>,
    /// The template digest; None for a release.
    pub digest: Option<Digest>,
    pub config_digest: Option<Digest>,
    /// The name of the release, for one.
    pub release: Option<String>,
    /// Why this one.
    pub key: Reason,
    pub reason: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetWorkload {
    pub cluster: String,
    pub namespace: String,
    pub kind: WorkloadKind,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// None until it is stored.
    pub id: Option<DecisionId>,
    /// The name of the service.
    pub service: String,
    pub at: DateTime<Utc>,
    /// The decision that this one repeats with newer facts.
    pub follows: Option<DecisionId>,
    pub rollback_id: Option<RollbackId>,
    pub outcome: Outcome,
    pub disposition: Disposition,
    pub score: f64,
    /// 0 to 1: `1 − exp(−score / 2)`.
    pub confidence: f64,
    pub cause: Cause,
    pub strategy: Strategy,
    /// Given only where the strategy goes back to something.
    pub target: Option<Target>,
    pub warnings: Vec<Warning>,
    pub rules: Vec<RuleRecord>,
}

impl Decision {
    pub fn rule(&self, name: RuleName) -> Option<&RuleRecord> {
        self.rules.iter().find(|it| it.name == name)
    }

    /// The rules that kept it from being automatic, in the order of the record.
    pub fn against(&self) -> impl Iterator<Item = &RuleRecord> {
        let stops = |it: &&RuleRecord| {
            matches!(it.kind, RuleKind::Gate | RuleKind::Rail) && !it.verdict.passed()
        };
        self.rules.iter().filter(stops)
    }
}
