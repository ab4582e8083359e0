//! The revisions of Helm releases that a cluster holds, and what of them has to be written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::canonical::Digest;
use domain::releases::Status;
use store::releases::Seen;

use super::objects::Release;

/// By uid of the Secret.
#[derive(Debug, Default)]
pub(crate) struct Releases {
    /// With the namespace, and what was written of it last.
    known: HashMap<String, (String, Digest, Status)>,
    seen: BTreeMap<String, Seen>,
    gone: BTreeSet<String>,
}

impl Releases {
    pub(crate) fn apply(&mut self, it: Release) {
        let Some((name, revision)) = it.read else { return };
        let (uid, namespace) = (it.metadata.uid, it.metadata.namespace);
        let now = (namespace.clone(), revision.digest.clone(), revision.status);
        self.gone.remove(&uid);
        if self.known.insert(uid.clone(), now.clone()) != Some(now) {
            self.seen.insert(uid, Seen { namespace, name, revision });
        }
    }

    pub(crate) fn delete(&mut self, uid: &str) {
        self.seen.remove(uid);
        if self.known.remove(uid).is_some() {
            self.gone.insert(uid.to_owned());
        }
    }

    /// The list of a namespace was read anew: what is not in it was deleted meanwhile.
    pub(crate) fn replace(&mut self, namespace: &str, uids: &HashSet<String>) {
        let gone = self.known.iter().filter(|(uid, it)| it.0 == namespace && !uids.contains(*uid));
        let gone: Vec<String> = gone.map(|(uid, _)| uid.clone()).collect();
        gone.iter().for_each(|uid| self.delete(uid));
    }

    pub(crate) fn uids(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    pub(crate) fn has_changes(&self) -> bool {
        !self.seen.is_empty() || !self.gone.is_empty()
    }

    pub(crate) fn take(&mut self) -> (Vec<Seen>, Vec<String>) {
        let seen = std::mem::take(&mut self.seen).into_values().collect();
        (seen, std::mem::take(&mut self.gone).into_iter().collect())
    }
}
