//! Helm releases: their revisions as Helm's own Secrets tell of them, what each would put in place, and how its
//! members fared under it.
//!
//! **Invariant:** no value that a chart was given and nothing that a Secret holds is in here in clear: values are a
//! digest, Secrets in a manifest carry digests in the place of their data.

mod drift;
mod members;
mod step;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::Digest;
use crate::changes::{self, Item};
use crate::decide::situation;
use crate::decide::situation::{ReleaseRevision, ReleaseStatus};
use crate::revisions::RevisionVerdict;
use crate::workloads::WorkloadKind;

pub use self::drift::{Drift, drift};
pub use self::members::{Observed, is_made_of};
pub use self::step::{After, Said, after, object, would};

words!(
    /// As Helm writes it.
    Status {
        Unknown = "unknown",
        Deployed = "deployed",
        Uninstalled = "uninstalled",
        Superseded = "superseded",
        Failed = "failed",
        Uninstalling = "uninstalling",
        PendingInstall = "pending-install",
        PendingUpgrade = "pending-upgrade",
        PendingRollback = "pending-rollback",
    }
);

impl Status {
    /// A helm is at work, or died at it.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback)
    }

    /// What was in place once, so that it can be again.
    pub fn was_in_place(self) -> bool {
        matches!(self, Self::Deployed | Self::Superseded)
    }

    fn for_rules(self) -> Option<ReleaseStatus> {
        match self {
            Self::Deployed => Some(ReleaseStatus::Deployed),
            Self::Superseded => Some(ReleaseStatus::Superseded),
            Self::Failed => Some(ReleaseStatus::Failed),
            it if it.is_pending() => Some(ReleaseStatus::Pending),
            _ => None,
        }
    }
}

/// One revision of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    pub revision: i64,
    /// Of the Secret that tells of it.
    pub uid: String,
    pub status: Status,
    pub chart: String,
    pub chart_version: String,
    pub app_version: String,
    pub description: String,
    pub first_deployed: Option<DateTime<Utc>>,
    pub last_deployed: Option<DateTime<Utc>>,
    /// Of all that it would put in place, with the key of the installation; the same for the same Secret whatever
    /// its status.
    pub digest: Digest,
    /// Of what it brings alone: the same for a revision that was rolled back to it.
    pub content: Digest,
    /// Of the values, with the key of the installation.
    pub values_digest: Digest,
    /// What it puts in place, in the order of the manifest.
    pub objects: Vec<Value>,
    pub hooks: Vec<Hook>,
    /// The workloads among the objects.
    pub members: Vec<Member>,
    /// Why nothing more is known of it than its number and status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// Something that Helm does beside putting objects in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    pub name: String,
    /// Of the object: `Job`.
    pub kind: String,
    /// `pre-rollback`, …
    pub events: Vec<String>,
}

impl Hook {
    /// Whether a rollback **to** its revision runs it.
    pub fn runs_at_rollback(&self) -> bool {
        self.events.iter().any(|it| it == "pre-rollback" || it == "post-rollback")
    }

    /// Whether it runs something, as against only being there.
    pub fn starts_pods(&self) -> bool {
        matches!(&*self.kind, "Job" | "Pod" | "CronJob" | "Deployment" | "Workflow")
    }
}

/// A workload of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub namespace: String,
    pub kind: WorkloadKind,
    pub name: String,
    /// As the chart says it, without what the API server adds.
    pub template: Value,
    /// The ConfigMaps that it reads and the release holds, with the digest of their contents.
    pub configs: BTreeMap<String, Digest>,
}

/// A kind of workload and its name, inside the namespace and the cluster of the release.
pub type MemberKey = (String, WorkloadKind, String);

impl Member {
    pub fn key(&self) -> MemberKey {
        (self.namespace.clone(), self.kind, self.name.clone())
    }
}

/// A release with its history and how its members fared.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    pub cluster: String,
    pub namespace: String,
    pub name: String,
    /// The newest first. At least one.
    pub revisions: Vec<Revision>,
    /// Every revision of every member that the watch has seen.
    pub observed: BTreeMap<MemberKey, Vec<Observed>>,
}

impl Release {
    /// The newest revision, whatever its status: what Helm itself goes from.
    pub fn current(&self) -> Option<&Revision> {
        self.revisions.first()
    }

    pub fn revision(&self, revision: i64) -> Option<&Revision> {
        self.revisions.iter().find(|it| it.revision == revision)
    }

    /// The one that was in place before the newest change.
    pub fn before(&self) -> Option<&Revision> {
        self.earlier().next()
    }

    /// Those that were in place before the newest change, newest first: what could be gone back to.
    pub fn earlier(&self) -> impl Iterator<Item = &Revision> {
        self.revisions.iter().skip(1).filter(|it| it.status.was_in_place())
    }

    /// What is known of the health of a revision: that of its members under it. It is verified when all were, and bad
    /// or forbidden when one was.
    pub fn verdict(&self, revision: &Revision) -> RevisionVerdict {
        if revision.unreadable.is_some() || revision.members.is_empty() {
            return RevisionVerdict::Unknown;
        }
        let verdicts = revision.members.iter().map(|member| {
            let observed = self.observed.get(&member.key()).map_or(&[][..], Vec::as_slice);
            members::verdict(member, observed)
        });
        verdicts.reduce(members::worse).unwrap_or(RevisionVerdict::Unknown)
    }

    /// How many workloads differ between the newest revision and the one before it. None where there is none before,
    /// or one of the two cannot be read.
    pub fn members_changed(&self) -> Option<u32> {
        let (new, old) = self.last_two()?;
        let key = |it: &Member| it.key();
        let gone = old.members.iter().filter(|it| !new.members.iter().any(|b| key(b) == key(it)));
        u32::try_from(self.changed().count() + gone.count()).ok()
    }

    /// The workloads that the newest revision has changed or added.
    pub fn changed(&self) -> impl Iterator<Item = &Member> {
        let pairs = self.last_two().into_iter();
        pairs.flat_map(|(new, old)| new.members.iter().filter(|it| !old.members.contains(it)))
    }

    fn last_two(&self) -> Option<(&Revision, &Revision)> {
        let (new, old) = (self.current()?, self.before()?);
        (new.unreadable.is_none() && old.unreadable.is_none()).then_some((new, old))
    }

    /// What the rules look at.
    pub fn facts(&self) -> Option<situation::Release> {
        let current = self.current()?;
        let revisions = self.revisions.iter().filter_map(|it| {
            let (revision, status) = (it.revision, it.status.for_rules()?);
            let migrates = migrations(it) != migrations(current);
            let verdict = self.verdict(it);
            Some(ReleaseRevision { revision, status, verdict, migrates: Some(migrates) })
        });
        Some(situation::Release {
            name: self.name.clone(),
            revision: current.revision,
            members_changed: self.members_changed(),
            hooks_with_jobs: self.hooks_with_jobs(),
            revisions: revisions.collect(),
        })
    }

    /// Whether going back would start anything. Asked of every revision that could be the target: which one it is
    /// says the rules, and what one of them would start a person should know of.
    fn hooks_with_jobs(&self) -> Option<bool> {
        let current = self.current()?.revision;
        let candidates =
            self.revisions.iter().filter(|it| it.revision != current && it.status.was_in_place());
        let mut found = Some(false);
        for it in candidates {
            if it.unreadable.is_some() {
                found = None;
            } else if it.hooks.iter().any(|it| it.runs_at_rollback() && it.starts_pods()) {
                return Some(true);
            }
        }
        found
    }
}

/// The schema that each member asks for.
fn migrations(revision: &Revision) -> BTreeMap<MemberKey, String> {
    let named = revision
        .members
        .iter()
        .filter_map(|it| Some((it.key(), crate::revisions::migration(&it.template)?.to_owned())));
    named.collect()
}

/// What becomes of one object between two revisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// `Deployment/api`
    pub object: String,
    pub what: What,
    /// Empty unless it is changed.
    pub items: Vec<Item>,
}

words!(
    What { Created = "created", Changed = "changed", Removed = "removed" }
);

/// What going from one revision to another changes, object by object.
pub fn differences(from: &Revision, to: &Revision) -> Vec<Difference> {
    let keyed = |it: &Revision| -> BTreeMap<String, Value> {
        it.objects.iter().map(|it| (name_of(it), it.clone())).collect()
    };
    let (mut old, new) = (keyed(from), keyed(to));
    let mut all = Vec::new();
    for (object, value) in new {
        match old.remove(&object) {
            None => all.push(Difference { object, what: What::Created, items: vec![] }),
            Some(before) if before != value => {
                let items = changes::compare(&before, &value).items;
                all.push(Difference { object, what: What::Changed, items });
            }
            Some(_) => {}
        }
    }
    let removed = |object| Difference { object, what: What::Removed, items: vec![] };
    all.extend(old.into_keys().map(removed));
    all
}

/// `Deployment/api`, with its namespace where it names one.
pub fn name_of(object: &Value) -> String {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    match text("/metadata/namespace") {
        "" => format!("{kind}/{name}"),
        namespace => format!("{kind}/{namespace}/{name}"),
    }
}

#[cfg(test)]
mod tests;
