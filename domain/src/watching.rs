//! How well a cluster can be seen.
//!
//! **Invariant:** what cannot be seen is unknown. A cluster that is not connected proves nobody healthy.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What the watch says about one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    /// The name of the cluster in the catalog.
    pub cluster: String,
    pub state: SightState,
    /// Since when it has been in this state.
    pub since: DateTime<Utc>,
    /// What is wrong, one for each cause: none while all is well.
    pub troubles: Vec<Trouble>,
}

words!(
    /// `connecting`: not seen yet. `partial`: connected, but something may not be read. `blind`: the API
    /// server does not answer.
    SightState { Connecting = "connecting", Connected = "connected", Partial = "partial", Blind = "blind" }
);

impl SightState {
    /// Whether what is known of the workloads is up to date.
    pub fn is_connected(self) -> bool {
        matches!(self, SightState::Connected | SightState::Partial)
    }
}

/// Why a cluster, or a part of it, cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Trouble {
    /// The kubeconfig cannot be read or used.
    Kubeconfig { detail: String },
    /// No connection, or no answer in time.
    Unreachable { detail: String },
    /// 401: the credentials are wrong or have run out.
    Unauthorized,
    /// 403: the role lacks this verb.
    Forbidden { verb: String, resource: String, group: String, namespace: Option<String> },
    /// The API server answered something else.
    Refused { status: u16, message: String },
}

impl Trouble {
    /// A missing verb hides a part; everything else hides the cluster.
    pub fn hides_only_a_part(&self) -> bool {
        matches!(self, Trouble::Forbidden { .. })
    }
}
