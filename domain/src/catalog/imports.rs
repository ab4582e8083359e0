//! An import that somebody asked for through the API.
//!
//! **Invariant:** what touches production takes effect only with the consent of a second person, given to
//! exactly the changes that are then made.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Change, Document, Member};
use crate::canonical::{self, Digest};
use crate::ids::ImportId;

#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub id: ImportId,
    /// Name and text of each file.
    pub files: BTreeMap<String, String>,
    pub prune: bool,
    /// Of the changes; see [`digest`].
    pub digest: Digest,
    /// The changes for those who read them.
    pub changes: Value,
    /// As the audit log names who asked.
    pub requested_by: String,
    pub requested_at: DateTime<Utc>,
    pub state: ImportState,
    /// The policy or signal that was edited; none where files were sent.
    pub edit: Option<Edit>,
}

/// One document that a person edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// `policies/default`, as the audit log and the addresses name it.
    pub subject: String,
    /// The version that was edited; 0 for a new one.
    pub base: i32,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportState {
    AwaitingConsent,
    InForce {
        /// Nobody where no consent was needed.
        consented_by: Option<String>,
        at: DateTime<Utc>,
    },
    /// The second person said no.
    Refused {
        by: String,
        reason: String,
        at: DateTime<Utc>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("the import is not waiting for consent")]
    NotAwaitingConsent,
    #[error("an import is consented to by somebody other than the one who asked for it")]
    OwnImport,
    #[error("the catalog has changed since; the import would now do something else")]
    ImportMoved,
    #[error("an import is refused by somebody other than the one who asked for it")]
    OwnRefusal,
    #[error("the version that was edited is not the one in force any more")]
    VersionMoved,
    #[error("the edited version says the same as the one in force")]
    NothingChanges,
}

impl Refusal {
    /// Whether it is about who asks, and not about a state that has moved.
    pub fn forbids(self) -> bool {
        matches!(self, Self::OwnImport | Self::OwnRefusal)
    }
}

impl Import {
    /// The document that was edited, as it will be in force; none where files were sent.
    pub fn edited(&self) -> Option<Document> {
        self.edit.as_ref()?;
        let mut value: Value = serde_json::from_str(self.files.values().next()?).ok()?;
        match value.as_object_mut()?.remove("kind")?.as_str()? {
            "policy" => serde_json::from_value(value).ok().map(Document::Policy),
            "signal" => serde_json::from_value(value).ok().map(Document::Signal),
            _ => None,
        }
    }

    /// Puts it in force. `read` is the digest that the consent names, `planned` that of what would be done
    /// now.
    ///
    /// # Errors
    /// Where it is one's own, was put in force already, or has become another import than the one read.
    pub fn consent(
        self,
        by: &str,
        read: &Digest,
        planned: &Digest,
        at: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        if by == self.requested_by {
            return Err(Refusal::OwnImport);
        }
        if *read != self.digest || *planned != self.digest {
            return Err(Refusal::ImportMoved);
        }
        match self.state {
            ImportState::AwaitingConsent => {
                let state = ImportState::InForce { consented_by: Some(by.to_owned()), at };
                Ok(Self { state, ..self })
            }
            ImportState::InForce { .. } | ImportState::Refused { .. } => {
                Err(Refusal::NotAwaitingConsent)
            }
        }
    }

    /// Says no to it, and why.
    ///
    /// # Errors
    /// Where it is one's own, or does not wait.
    pub fn refuse(self, by: &str, reason: String, at: DateTime<Utc>) -> Result<Self, Refusal> {
        if by == self.requested_by {
            return Err(Refusal::OwnRefusal);
        }
        match self.state {
            ImportState::AwaitingConsent => {
                let state = ImportState::Refused { by: by.to_owned(), reason, at };
                Ok(Self { state, ..self })
            }
            _ => Err(Refusal::NotAwaitingConsent),
        }
    }
}

/// Whether a second person must agree: policies, signals, clusters and backups protect production wherever they are
/// used, a service that enters or leaves production was or will be part of it, and an objective that says where
/// something is measured makes the server ask there.
pub fn touches_production(changes: &[Change]) -> bool {
    changes.iter().any(|change| match change.document() {
        Document::Cluster(_) | Document::Policy(_) | Document::Signal(_) | Document::Backup(_) => {
            true
        }
        Document::Service(service) => service.is_production() || moves_environment(change),
        Document::Objective(objective) => objective.reaches_out(),
        // It asks people for something and lets nothing happen, but for the questions that measure it.
        Document::ExpectedDrill(drill) => drill.reaches_out(),
    })
}

fn moves_environment(change: &Change) -> bool {
    match change {
        Change::Change(_, members) => members.iter().any(|it: &Member| it.path == "environment"),
        Change::Create(_) | Change::Remove(_) => false,
    }
}

/// Of everything that the changes do, down to each value before and after.
pub fn digest(changes: &[Change]) -> Digest {
    let changes: Vec<Value> = changes
        .iter()
        .map(|change| match change {
            Change::Create(it) => json!({"create": it}),
            Change::Change(it, members) => json!({"change": it, "members": members}),
            Change::Remove(it) => json!({"remove": it}),
        })
        .collect();
    canonical::digest(&changes)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::policies::Policy;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn service(environment: &str) -> Document {
        let json = json!({"name": "s", "environment": environment, "workloads": []});
        Document::Service(serde_json::from_value(json).unwrap())
    }

    fn objective(more: Value) -> Document {
        let mut json = json!({"name": "o", "sources": [{"document": "plan", "rto_s": 60}]});
        for (member, value) in more.as_object().unwrap() {
            json[member] = value.clone();
        }
        Document::Objective(serde_json::from_value(json).unwrap())
    }

    #[test]
    fn consent_is_by_another_person_for_what_was_read() {
        let changes = [Change::Create(service("production"))];
        let digest = digest(&changes);
        let other = super::digest(&[]);
        let awaiting = Import {
            id: ImportId(Uuid::nil()),
            files: BTreeMap::new(),
            prune: false,
            digest: digest.clone(),
            changes: json!({}),
            requested_by: "user:a".into(),
            requested_at: AT,
            state: ImportState::AwaitingConsent,
            edit: None,
        };
        let in_force = ImportState::InForce { consented_by: Some("user:b".into()), at: AT };
        let done = Import { state: in_force.clone(), ..awaiting.clone() };
        for (import, by, read, planned, expected) in [
            (&awaiting, "user:b", &digest, &digest, Ok(&in_force)),
            (&awaiting, "user:a", &digest, &digest, Err(Refusal::OwnImport)),
            (&awaiting, "user:b", &other, &digest, Err(Refusal::ImportMoved)),
            (&awaiting, "user:b", &digest, &other, Err(Refusal::ImportMoved)),
            (&done, "user:b", &digest, &digest, Err(Refusal::NotAwaitingConsent)),
        ] {
            let answer = import.clone().consent(by, read, planned, AT);
            assert_eq!(answer.as_ref().map(|it| &it.state).map_err(|it| *it), expected);
        }
    }

    #[test]
    fn another_person_refuses_what_waits_and_nobody_consents_to_it_any_more() {
        let changes = [Change::Create(service("production"))];
        let digest = digest(&changes);
        let awaiting = Import {
            id: ImportId(Uuid::nil()),
            files: BTreeMap::new(),
            prune: false,
            digest: digest.clone(),
            changes: json!({}),
            requested_by: "user:a".into(),
            requested_at: AT,
            state: ImportState::AwaitingConsent,
            edit: None,
        };
        let own = awaiting.clone().refuse("user:a", "no".into(), AT);
        assert_eq!(own.err(), Some(Refusal::OwnRefusal));
        let refused = awaiting.refuse("user:b", "no".into(), AT).unwrap();
        let said = ImportState::Refused { by: "user:b".into(), reason: "no".into(), at: AT };
        assert_eq!(refused.state, said);
        let again = refused.clone().refuse("user:c", "no".into(), AT);
        assert_eq!(again.err(), Some(Refusal::NotAwaitingConsent));
        let consent = refused.consent("user:c", &digest, &digest, AT);
        assert_eq!(consent.err(), Some(Refusal::NotAwaitingConsent));
    }

    #[test]
    fn only_what_stays_outside_production_needs_no_consent() {
        let moved = |to: &str| {
            let member =
                Member { path: "environment".into(), from: "production".into(), to: to.into() };
            Change::Change(service(to), vec![member])
        };
        for (change, expected) in [
            (Change::Create(service("staging")), false),
            (Change::Change(service("staging"), vec![]), false),
            (Change::Remove(service("production")), true),
            (moved("staging"), true),
            (Change::Create(Document::Policy(Policy::named("p"))), true),
            (Change::Create(objective(json!({}))), false),
            (Change::Create(objective(json!({"recovery": {"query": "up"}}))), true),
        ] {
            assert_eq!(touches_production(std::slice::from_ref(&change)), expected, "{change:?}");
        }
        assert!(!touches_production(&[]));
    }
}
