//! What there is to say about a step or a run: data, not a sentence. `texts::runs` says it in the reader's language.

use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;

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
    /// An autoscaler sets the replicas too and may undo a scale step.
    Autoscaled {
        min: i32,
        max: i32,
    },
}
