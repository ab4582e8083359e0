//! Objects that lie around workloads, as far as they are looked at.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::objects::Meta;

/// What lies around workloads and may be what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Around {
    Autoscaler,
    NetworkPolicy,
    /// Of cert-manager, where the cluster has it.
    Certificate,
}

impl Around {
    /// As Kubernetes calls it.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Autoscaler => "HorizontalPodAutoscaler",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Certificate => "Certificate",
        }
    }
}

/// Of these the managed fields say when the spec was last written.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Written")]
pub(crate) struct Surrounding {
    pub(crate) metadata: Meta,
    pub(crate) spec: Value,
    pub(crate) status: Value,
    pub(crate) changed_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Written {
    metadata: Value,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Value,
}

impl From<Written> for Surrounding {
    fn from(it: Written) -> Self {
        let fields = it.metadata["managedFields"].as_array().into_iter().flatten();
        let of_spec = fields.filter(|it| it["subresource"].is_null());
        let times = of_spec.filter_map(|it| it["time"].as_str()?.parse::<DateTime<Utc>>().ok());
        let changed_at = times.max();
        let metadata: Meta = serde_json::from_value(it.metadata).unwrap_or_default();
        let changed_at = changed_at.or(metadata.creation_timestamp);
        Self { metadata, spec: it.spec, status: it.status, changed_at }
    }
}
