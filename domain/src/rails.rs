//! Rails: what holds automation back whatever the score says.
//!
//! **Invariant:** a kill switch always wins over automation, and it is never lifted by who set it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::UserId;

/// What a kill switch covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Scope {
    Global,
    Cluster(String),
    Service(String),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scope::Global => f.write_str("global"),
            Scope::Cluster(name) => write!(f, "clusters/{name}"),
            Scope::Service(name) => write!(f, "services/{name}"),
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            None if text == "global" => Ok(Scope::Global),
            Some(("clusters", name)) if !name.is_empty() => Ok(Scope::Cluster(name.to_owned())),
            Some(("services", name)) if !name.is_empty() => Ok(Scope::Service(name.to_owned())),
            _ => Err(format!("{text} is not global, clusters/NAME or services/NAME")),
        }
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Scope {
    /// Whether a switch of this scope holds for a service in these clusters.
    pub fn covers(&self, service: &str, clusters: &[String]) -> bool {
        match self {
            Scope::Global => true,
            Scope::Cluster(name) => clusters.contains(name),
            Scope::Service(name) => name == service,
        }
    }
}

/// A switch that is on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KillSwitch {
    pub scope: Scope,
    pub reason: String,
    /// None where the installation's owner set it on the command line.
    pub set_by: Option<UserId>,
    pub set_by_name: String,
    pub set_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("a kill switch is lifted by somebody other than who set it")]
    OwnSwitch,
    #[error("the kill switch is not on")]
    NotOn,
    #[error("say why")]
    NoReason,
    #[error("there is nothing to acknowledge")]
    NotBlocked,
}

impl KillSwitch {
    /// # Errors
    /// [`Refusal::OwnSwitch`].
    pub fn lift(&self, by: UserId) -> Result<(), Refusal> {
        if self.set_by == Some(by) { Err(Refusal::OwnSwitch) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_as_it_is_written_and_covers_what_it_names() {
        for (text, service, cluster, covers) in [
            ("global", "pay", "lab", true),
            ("clusters/lab", "pay", "lab", true),
            ("clusters/lab", "pay", "other", false),
            ("services/pay", "pay", "lab", true),
            ("services/pay", "shop", "lab", false),
        ] {
            let scope: Scope = text.parse().unwrap();
            assert_eq!(scope.to_string(), text);
            assert_eq!(scope.covers(service, &[cluster.to_owned()]), covers, "{text} {service}");
        }
        for text in ["", "services/", "pods/x", "clusters"] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }

    #[test]
    fn who_set_a_switch_does_not_lift_it() {
        let [setter, other] = [1, 2].map(|n| UserId(uuid::Uuid::from_u128(n)));
        let switch = KillSwitch {
            scope: Scope::Global,
            reason: "storm".into(),
            set_by: Some(setter),
            set_by_name: "SRE on call".into(),
            set_at: DateTime::UNIX_EPOCH,
        };
        assert_eq!(switch.lift(setter), Err(Refusal::OwnSwitch));
        assert_eq!(switch.lift(other), Ok(()));
    }
}
