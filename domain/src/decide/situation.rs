//! Everything the rules look at, as plain data.
//!
//! **Invariant:** what is left out is unknown, and unknown never acts. An empty list says that somebody looked
//! and found nothing; a missing one says that nobody looked.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::changes::Part;
use crate::decisions::Strategy;
use crate::ids::{DecisionId, RollbackId};
use crate::pods::BadReason;
use crate::policies::Policy;
use crate::revisions::RevisionVerdict;
use crate::signals::Signal;
use crate::verdict::Verdict;
use crate::workloads::{Image, Owner, Rollout, Update, WorkloadKind};

/// One moment of one workload of a service. Times are UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Situation {
    /// When it is decided.
    pub at: DateTime<Utc>,
    /// The decision that is repeated with newer facts.
    #[serde(default)]
    pub follows: Option<DecisionId>,
    /// The rollback that the decision belongs to, once there is one.
    #[serde(default)]
    pub rollback_id: Option<RollbackId>,
    pub service: Service,
    pub policy: Policy,
    /// As the catalog states it; None where a person asks without any.
    #[serde(default)]
    pub signal: Option<Signal>,
    #[serde(default)]
    pub alert: Alert,
    /// A person asks for a rollback.
    #[serde(default)]
    pub request: Option<Request>,
    #[serde(default)]
    pub measurement: Measurement,
    #[serde(default)]
    pub history: History,
    pub workload: Workload,
    /// What was done to the workload or to the configuration that it reads, in any order.
    #[serde(default)]
    pub changes: Option<Vec<Change>>,
    /// Every revision that is known, the live one too, in any order.
    #[serde(default)]
    pub revisions: Option<Vec<Revision>>,
    #[serde(default)]
    pub pods: Option<Vec<Pod>>,
    /// At least the nodes of these pods.
    #[serde(default)]
    pub nodes: Option<Vec<Node>>,
    /// What is wrong around the workload.
    #[serde(default)]
    pub environment: Option<Vec<Trouble>>,
    #[serde(default)]
    pub data: Data,
    #[serde(default)]
    pub rails: Rails,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub name: String,
    #[serde(default)]
    pub environment: Option<String>,
    #[serde(default)]
    pub team: Option<String>,
}

words!(
    /// Who says that the signal fires.
    Noticed { Webhook = "webhook", Promql = "promql", Watch = "watch", Flagger = "flagger", Argo = "argo" }
);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alert {
    /// The first bad sample or container state, as we saw it ourselves.
    pub onset: Option<DateTime<Utc>>,
    /// What the sender says. It tells a closed alert from the next one, and nothing else.
    pub starts_at: Option<DateTime<Utc>>,
    pub received_at: Option<DateTime<Utc>>,
    /// Everybody who says so now. Our own PromQL and the watch belong here once they say so themselves.
    pub sources: Vec<Noticed>,
    /// What our own PromQL or the watch answered when a webhook came.
    pub second_source: Option<Confirmation>,
    /// As received; no rule looks at names.
    pub labels: BTreeMap<String, String>,
    /// The trace that it belongs to, for whoever looks into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    pub by: Noticed,
    pub verdict: Verdict,
    pub checked_at: DateTime<Utc>,
}

words!(
    /// Why a person asks (EdgeLink manual §1).
    ReasonKind {
        FunctionDown = "function_down",
        DataInconsistent = "data_inconsistent",
        Security = "security",
        ClientIncompatible = "client_incompatible",
    }
);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub reason_kind: ReasonKind,
    /// The revision that the person named.
    #[serde(default)]
    pub revision: Option<i64>,
    /// The revision of the workload's release that the person named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_revision: Option<i64>,
}

/// Our own measurement of the signal. Units are the signal's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Measurement {
    /// Measured or, for a share, computed here from the two below.
    pub value: Option<f64>,
    /// For a share: absent beside a living denominator means 0.
    pub numerator: Option<f64>,
    pub denominator: Option<f64>,
    /// Requests in the signal's window.
    pub requests_in_window: Option<f64>,
    /// The value over the pods of the live revision alone, where it can be told apart.
    pub new_value: Option<f64>,
    /// The value over the pods of older revisions alone.
    pub old_value: Option<f64>,
    pub before: Option<Before>,
}

/// The signal before the newest material change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Seconds without a gap, up to the change, during which it was inside its baseline.
    pub clean_s: u32,
    /// Seconds up to the change during which it was measured at all; None for all of them.
    #[serde(default)]
    pub watched_s: Option<u32>,
}

/// This signal's past alerts on this service, 90 days, on which nobody acted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    pub unattended: u32,
    /// How many of them ended by themselves within five minutes.
    pub ended_by_themselves: u32,
    /// Attempts to recover, in this alert, that did not help.
    pub failed_recoveries: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    pub cluster: String,
    pub namespace: String,
    pub kind: WorkloadKind,
    pub name: String,
    #[serde(default)]
    pub uid: Option<String>,
    pub live: Live,
    #[serde(default)]
    pub rollout: Option<Rollout>,
    #[serde(default)]
    pub paused: Option<bool>,
    /// The run of ours that decides now has paused it.
    #[serde(default)]
    pub paused_by_us: bool,
    #[serde(default)]
    pub owner: Option<Owner>,
    /// Its namespace is one of the cluster's protected ones.
    #[serde(default)]
    pub protected: Option<bool>,
    /// How a part of the traffic or of the pods can be moved; None where nothing can.
    #[serde(default)]
    pub share: Option<Share>,
    /// All old pods end before the first new one starts: a rollback is a downtime.
    #[serde(default)]
    pub recreate: bool,
    /// What happens to its pods when the template changes; None where its controller brings it to all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
    /// `kubectl`'s last-applied annotation will no longer say what runs.
    #[serde(default)]
    pub last_applied: bool,
    /// The Helm release that it belongs to.
    #[serde(default)]
    pub release: Option<Release>,
}

/// What the workload asks for now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    #[serde(default)]
    pub revision: i64,
    pub digest: Digest,
    /// None where it reads no ConfigMap.
    #[serde(default)]
    pub config_digest: Option<Digest>,
    #[serde(default)]
    pub images: Vec<Image>,
    /// The template's annotation that names its schema migration.
    #[serde(default)]
    pub migration: Option<String>,
}

words!(
    /// What makes a partial rollback possible.
    Share {
        Rollout = "rollout",
        Canary = "canary",
        Routes = "routes",
        Partition = "partition",
        Members = "members",
    }
);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    pub name: String,
    pub revision: i64,
    /// How many of its workloads the newest change touched.
    #[serde(default)]
    pub members_changed: Option<u32>,
    /// A rollback of it would run hooks that start Jobs.
    #[serde(default)]
    pub hooks_with_jobs: Option<bool>,
    #[serde(default)]
    pub revisions: Vec<ReleaseRevision>,
}

words!(
    /// As Helm spells it, without what a rollback cannot use.
    ReleaseStatus { Deployed = "deployed", Superseded = "superseded", Failed = "failed", Pending = "pending" }
);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRevision {
    pub revision: i64,
    pub status: ReleaseStatus,
    #[serde(default = "unknown")]
    pub verdict: RevisionVerdict,
    /// A schema migration lies between it and the newest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrates: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub at: DateTime<Utc>,
    /// Empty where it is not known: then nobody can say whether it is material.
    pub what: Vec<Part>,
    /// It was a rollback of ours.
    #[serde(default)]
    pub ours: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    pub revision: i64,
    pub digest: Digest,
    #[serde(default)]
    pub config_digest: Option<Digest>,
    #[serde(default)]
    pub images: Vec<Image>,
    #[serde(default = "unknown")]
    pub verdict: RevisionVerdict,
    /// Every pod was of it and available once.
    #[serde(default)]
    pub rolled_out: Option<bool>,
    /// In the cluster.
    #[serde(default)]
    pub present: Option<bool>,
    /// Its template is kept here.
    #[serde(default)]
    pub stored: Option<bool>,
    /// The contents of its ConfigMaps are kept here.
    #[serde(default)]
    pub config_stored: Option<bool>,
    /// The ConfigMaps still hold what they held under it.
    #[serde(default)]
    pub config_current: Option<bool>,
    #[serde(default)]
    pub migration: Option<String>,
    /// Something that cannot be changed in place differs from what is live. A template of a Deployment or a
    /// DaemonSet has nothing of the kind.
    #[serde(default)]
    pub immutable_difference: Option<bool>,
    #[serde(default)]
    pub seen_at: Option<DateTime<Utc>>,
}

fn unknown() -> RevisionVerdict {
    RevisionVerdict::Unknown
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pod {
    pub name: String,
    /// None or empty while it is not scheduled.
    #[serde(default)]
    pub node: Option<String>,
    /// The template digest of its revision.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// The configuration it started with, where that can be told.
    #[serde(default)]
    pub config_digest: Option<Digest>,
    #[serde(default)]
    pub ready: Option<bool>,
    /// Ready at some moment of its life, also before a restart.
    #[serde(default)]
    pub ever_ready: Option<bool>,
    /// Being deleted: it counts neither for nor against its revision.
    #[serde(default)]
    pub terminating: bool,
    #[serde(default)]
    pub bad: Option<BadReason>,
    #[serde(default)]
    pub exit_code: Option<i32>,
    #[serde(default)]
    pub message: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub name: String,
    #[serde(default)]
    pub ready: Option<bool>,
    /// Short of memory, disk or process ids.
    #[serde(default)]
    pub pressure: Option<bool>,
    #[serde(default)]
    pub rebooted_at: Option<DateTime<Utc>>,
}

words!(
    /// What can be wrong around a workload, whichever revision runs.
    TroubleKind {
        Quota = "quota",
        Scheduling = "scheduling",
        HpaAtMaximum = "hpa_at_maximum",
        NodePressure = "node_pressure",
        NodeReboot = "node_reboot",
        Eviction = "eviction",
        Volume = "volume",
        Certificate = "certificate",
        NetworkPolicy = "network_policy",
        Registry = "registry",
        PullSecret = "pull_secret",
        // A database, a queue or another service that it needs.
        Dependency = "dependency",
    }
);

words!(
    /// Whose pods it hits.
    Hits { New = "new", Old = "old", Both = "both", Unknown = "unknown" }
);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    pub kind: TroubleKind,
    #[serde(default = "hits_unknown")]
    pub hits: Hits,
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
    #[serde(default)]
    pub message: Option<String>,
}

fn hits_unknown() -> Hits {
    Hits::Unknown
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// A consistency signal fires; None where there is none.
    pub inconsistent: Option<bool>,
}

/// The state of what may stop a rollback. Each is unknown until somebody has looked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rails {
    /// The scopes of the kill switches that are on and cover this service: `global`, `clusters/NAME`,
    /// `services/NAME`.
    pub kill_switches: Option<Vec<String>>,
    /// Other workloads of the service or the namespace that are rolling out now.
    pub other_rollouts: Option<Vec<String>>,
    /// A rollback of this service is open for the same trouble.
    pub duplicate: Option<bool>,
    /// Past and running rollbacks of this service, as far back as the cool-down at least.
    pub rollbacks: Option<Vec<PastRollback>>,
    /// Failed rollbacks of this service in a row that nobody has acknowledged.
    pub failures_in_a_row: Option<u32>,
    /// Automatic rollbacks of this service by this signal in the last hour.
    pub automatic_this_hour: Option<u32>,
    /// Services that are being rolled back now, without this one.
    pub rolling_back_now: Option<u32>,
    /// Maintenance windows that cover the service.
    pub maintenance: Option<Vec<Window>>,
    /// Times in which nothing may be changed without a person.
    pub freezes: Option<Vec<Window>>,
    /// Versions that this service was rolled back from.
    pub held: Option<Vec<Version>>,
    /// The strategies that this installation can carry out; None for all of them.
    pub able: Option<Vec<Strategy>>,
    /// The number of the drill that has put in what runs here now. Its fault is there on purpose, so what only
    /// protects a service from its own past does not stand in the way of the rehearsal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastRollback {
    /// None while it runs.
    #[serde(default)]
    pub ended_at: Option<DateTime<Utc>>,
    /// What it went back to.
    #[serde(default)]
    pub to: Option<Version>,
}

/// From `from` up to and without `to`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    #[serde(default)]
    pub name: Option<String>,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// What a verdict hangs on. Revision numbers do not count: an undo gives them away anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    pub digest: Digest,
    #[serde(default)]
    pub config_digest: Option<Digest>,
}
