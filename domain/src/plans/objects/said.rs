//! What there is to say about steps on objects; `texts::objects` says it in the reader's language.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    // What steps did.
    ConfigRestored {
        contents: Digest,
    },
    /// Backend → weight.
    WeightsSet {
        weights: BTreeMap<String, i32>,
    },
    SyncSuspended,
    SyncResumed,
    /// Somebody looked again, and it is still suspended.
    SyncRests,
    Cordoned,
    Uncordoned,
    Drained,
    Created,
    Deleted,
    /// What a claim or a restore came to.
    Ready {
        phase: String,
    },

    // What was so already.
    ConfigThere,
    WeightsThere,
    SyncAlready {
        suspended: bool,
    },
    CordonThere {
        cordoned: bool,
    },

    // Why a step is refused, or has failed.
    NoObject,
    /// There is an object of the name that is to be made.
    NameTaken,
    /// The contents that it should go back to are not kept any more.
    ContentsGone {
        contents: Digest,
    },
    /// Nobody can change such a ConfigMap.
    Immutable,
    NoBackend {
        backend: String,
        known: Vec<String>,
    },
    /// No backend would get anything.
    NoTraffic,
    /// It rests, and nothing says how it was before.
    SuspendedByOther,
    NotCordoned,
    /// A Canary that leaves nothing behind when it goes.
    NotReverted,
    /// What takes over from a Canary has too few pods that are ready.
    TargetNotReady {
        target: String,
        ready: i64,
        wanted: i64,
    },
    /// The Service that the traffic comes through belongs to the Canary.
    ServiceGoes {
        service: String,
    },
    /// Pods that nobody would make again elsewhere.
    Unmanaged {
        pods: Vec<String>,
    },
    /// The API server would leave the object as it is.
    NoEffect,
    /// Somebody or something has resumed it meanwhile.
    SyncUndone,
    /// A claim or a restore came to a bad end.
    Failed {
        phase: String,
        why: String,
    },
    /// The time was over before the node was empty.
    NotDrained {
        seconds: u32,
        left: u32,
        held_by: Option<String>,
    },

    // While a step goes on.
    /// Pods are still on the node; `held_by` is the sentence about the disruption budget that holds them.
    Draining {
        left: u32,
        held_by: Option<String>,
    },
    Deleting,
    Waits {
        phase: String,
    },
}
