//! What a release says and the cluster does not: after a workload of it was put back alone.

use super::{Release, members::is_made_of};
use crate::workloads::{Image, Workload};

/// A workload that runs something else than its release says.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    pub release: String,
    /// The newest revision of the release that is in place.
    pub revision: i64,
    /// As the release says it.
    pub said: Vec<Image>,
    /// As the cluster has it.
    pub live: Vec<Image>,
}

/// None where the release says what runs, and where it is not known what it says or runs.
pub fn drift(release: &Release, workload: &Workload, live: &serde_json::Value) -> Option<Drift> {
    let said = release.revisions.iter().find(|it| it.status.was_in_place())?;
    // Helm is at work on it, so neither is the last word.
    if release.current()?.status.is_pending() {
        return None;
    }
    let key = (workload.namespace.clone(), workload.kind, workload.name.clone());
    let member = said.members.iter().find(|it| it.key() == key)?;
    (!is_made_of(live, &member.template)).then(|| Drift {
        release: release.name.clone(),
        revision: said.revision,
        said: crate::revisions::images(&member.template),
        live: workload.live.images.clone(),
    })
}
