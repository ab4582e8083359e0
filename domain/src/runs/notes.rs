//! What there is to say about a step or a run: data, not a sentence. `texts::runs` says it in the reader's language.

use serde::{Deserialize, Serialize};

use crate::plans::objects::Said;
use crate::releases;
use crate::verdict::Verdict;

/// A pod that a step has deleted, or was about to when it was last heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedPod {
    pub name: String,
    /// The condition of the deletion: a pod that came back under the name is another one.
    pub uid: String,
    /// Whose template it had; `None` where the cluster does not keep it any more.
    pub revision: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Note {
    /// Somebody did it, and why.
    Person {
        by: String,
        reason: String,
    },
    KillSwitch {
        scope: String,
        reason: String,
    },
    PausedTooLong,
    /// The deadline of the step, in seconds.
    TimedOut {
        seconds: u32,
    },
    /// Something outside is in the way; the sentence of the adapter.
    Trouble {
        what: String,
    },

    // What steps did.
    Undone {
        revision: i64,
    },
    Paused,
    Resumed,
    Restarted,
    ImagesSet,
    Scaled {
        from: i32,
        to: i32,
    },
    RolledOut {
        ready: i32,
    },
    /// All that are to be of the live template; those below the partition of the StatefulSet stay as they are.
    RolledOutToPartition {
        updated: i32,
        partition: i32,
    },
    /// Pods were deleted so that they come back with the live template; and what there is to say since then.
    PodsDeleted {
        pods: Vec<DeletedPod>,
        then: Option<Box<Note>>,
    },
    Waited {
        seconds: u32,
    },
    Checked {
        verdict: Verdict,
        message: String,
    },

    /// A canary was moved: promoted, aborted, begun again.
    Steered {
        action: String,
    },

    // What was so already.
    AbortedAlready,
    NotAborted,
    PromotedFully,
    AlreadyAt {
        revision: i64,
    },
    AlreadyPaused,
    NotPaused,
    ImagesThere,
    ReplicasThere {
        replicas: i32,
    },
    /// Every pod that should be is of the live template.
    NoPodInTheWay,

    // Why a step is refused.
    /// With the revisions that there are.
    NoRevision {
        revision: i64,
        known: Vec<i64>,
    },
    NoEarlierRevision,
    PausedByOther,
    /// Nothing is ever done in this namespace.
    Protected {
        namespace: String,
    },
    /// The revision is gone from the cluster. Its stored template is used only where a person agreed.
    Pruned {
        revision: i64,
    },
    NoContainer {
        container: String,
        known: Vec<String>,
    },
    NotForKind {
        kind: String,
        action: String,
    },
    NoCluster {
        cluster: String,
    },

    // While a step goes on.
    RollingOut {
        ready: i32,
        updated: i32,
        wanted: i32,
    },
    RolloutStuck {
        reason: String,
    },
    WaitsForPerson,
    /// The controller has not taken the newest template up yet.
    NotObserved,
    /// A pod that was deleted is still there.
    PodTerminating {
        pod: String,
    },
    /// The next pod is not touched before this one is ready.
    PodStarting {
        pod: String,
    },
    /// So many pods of other templates are left, and the controller replaces them one after the other.
    PodsLeft {
        left: usize,
    },
    /// The set replaces no pod by itself (OnDelete): so many are of another template.
    OnDelete {
        outdated: i32,
    },
    /// A delivery tool is told to go on with this version.
    GateOpen,
    /// The gate is open, and the Canary has not gone back yet. In per cent of the traffic.
    GoingBack {
        phase: String,
        weight: i64,
    },
    /// The Canary has gone back to its primary.
    WentBack,
    /// It had done so before anybody asked.
    BackAlready,
    /// A Canary goes back only while a release of it is under way.
    NothingToGoBack {
        phase: String,
    },
    /// Flagger would put back what is undone here.
    OwnedByFlagger {
        canary: String,
    },
    /// Scaled, and an autoscaler sets the replicas too.
    Autoscaled {
        #[serde(default)]
        name: String,
        #[serde(default)]
        from: i32,
        #[serde(default)]
        to: i32,
        min: i32,
        max: i32,
    },

    /// About a step on a Helm release.
    Release {
        #[serde(flatten)]
        said: releases::Said,
    },
    /// About a step on an object that is no workload.
    Object {
        #[serde(flatten)]
        said: Said,
    },
}

impl From<Said> for Note {
    fn from(said: Said) -> Self {
        Note::Object { said }
    }
}
