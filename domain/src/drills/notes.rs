//! What people write down of a drill: what went wrong and why, what is to be done, which parameters were changed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::catalog::rules;
use crate::decisions::Cause;
use crate::evidence::Sha256;

words!(
    /// What kind of cause an issue has. The first are those of decisions, so that both can be told in the same words;
    /// the rest is what only people meet.
    CauseClass {
        CodeDefect = "code_defect",
        ConfigurationError = "configuration_error",
        DataProblem = "data_problem",
        PartialNodeFailure = "partial_node_failure",
        ResourceOrEnvironment = "resource_or_environment",
        // The procedure or its script was wrong, or was not there.
        Procedure = "procedure",
        // People did not know, were not reached, or were too few.
        Communication = "communication",
        Tooling = "tooling",
        Capacity = "capacity",
        // A provider or another organisation.
        External = "external",
        // Of rows from before causes had a class; nobody gives it to an explanation.
        Unknown = "unknown",
    }
);

impl From<Cause> for CauseClass {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::CodeDefect => Self::CodeDefect,
            Cause::ConfigurationError => Self::ConfigurationError,
            Cause::DataProblem => Self::DataProblem,
            Cause::PartialNodeFailure => Self::PartialNodeFailure,
            Cause::ResourceOrEnvironment => Self::ResourceOrEnvironment,
            Cause::Unknown => Self::Unknown,
        }
    }
}

/// Something that went wrong or came to light.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    pub text: String,
    /// The measurement, or [`super::CLOSURE`], that it explains.
    pub about: Option<String>,
    /// There where it explains something.
    #[serde(default)]
    pub class: Option<CauseClass>,
    pub cause: String,
    /// What is done about it.
    pub remedy: String,
    pub by: String,
    pub at: DateTime<Utc>,
}

impl Issue {
    /// Whether it says why a value was missed and what is done about it.
    pub fn explains(&self, name: &str) -> bool {
        self.about.as_deref() == Some(name)
            && self.class.is_some()
            && !self.cause.is_empty()
            && !self.remedy.is_empty()
    }
}

/// Something to be done afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionItem {
    /// From 1, in the order in which they came.
    pub position: u32,
    pub text: String,
    /// The name of the account.
    pub owner: String,
    pub due: DateTime<Utc>,
    /// The drill is not signed off before it is done.
    pub critical: bool,
    /// Somebody other than the owner has seen that it is done.
    pub verified: Option<Verified>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub by: String,
    pub at: DateTime<Utc>,
    /// The file that shows it.
    pub evidence: Sha256,
}

/// A parameter of the procedure was changed, and this change ticket says so (Glancy §6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// `CHG-20260214-7`.
    pub reference: String,
    /// What was changed, and to what.
    pub parameter: String,
    /// As the audit log names them.
    pub by: String,
    pub at: DateTime<Utc>,
}

/// Whether this says where something stands in an event system: an address, or the number of an incident.
pub fn is_event(text: &str) -> bool {
    let is_number = text.strip_prefix("INC-").is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|it| it.is_ascii_digit() || it == '-')
    });
    is_number || rules::url(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_an_address_or_a_number() {
        for (text, expected) in [
            ("INC-2026-1201-001", true),
            ("https://events.example/17", true),
            ("INC-", false),
            ("INC-2026/../x", false),
            ("javascript:alert(1)", false),
            ("https://user:secret@events.example/17", false),
            ("", false),
        ] {
            assert_eq!(is_event(text), expected, "{text}");
        }
    }

    #[test]
    fn causes_have_the_same_words_as_those_of_decisions() {
        for cause in Cause::ALL {
            assert_eq!(CauseClass::from(*cause).as_str(), cause.as_str());
        }
    }
}
