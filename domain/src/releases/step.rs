//! What rolling a release back comes to, before and after: from its Secrets alone.

use serde::{Deserialize, Serialize};

use super::{Release, Revision, Status};
use crate::canonical::Digest;
use crate::plans::{Action, Foreseen, LiveObject, ObjectRef, Plan, Step, StepKind, Would};
use crate::runs::Note;
use crate::services::WorkloadRef;

/// What there is to say about a step on a release; `texts::releases` says it in the reader's language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Said {
    /// Back to `revision`, as `now`.
    RolledBack {
        revision: i64,
        now: i64,
    },
    AlreadyAt {
        revision: i64,
    },
    /// With the revisions that there are.
    NoRevision {
        revision: i64,
        known: Vec<i64>,
    },
    /// It never was in place as a whole.
    NeverInPlace {
        revision: i64,
        status: Status,
    },
    Unreadable {
        revision: i64,
        why: String,
    },
    /// It runs these on the way: `Job/migrate`.
    Hooks {
        hooks: Vec<String>,
    },
    /// A helm that was started before has not ended.
    AtWork,
    /// Helm left the release in this state.
    LeftBehind {
        revision: i64,
        status: Status,
        description: String,
    },
    /// Helm ended without having done anything.
    GaveUp {
        said: String,
    },
    NoProgram {
        said: String,
    },
}

impl From<Said> for Note {
    fn from(said: Said) -> Self {
        Note::Release { said }
    }
}

/// How plans name a release. No API server knows such an object: it stands for the Secrets.
pub fn object(cluster: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef {
        cluster: cluster.to_owned(),
        namespace: namespace.to_owned(),
        api_version: "helm.sh/v1".to_owned(),
        kind: "Release".to_owned(),
        name: name.to_owned(),
    }
}

impl Revision {
    /// The state that a plan for the release is made for while this is its newest revision.
    pub fn live(&self, release: &ObjectRef) -> LiveObject {
        LiveObject {
            object: release.clone(),
            // A release has none; the Secrets that come and go with each revision are in the digest.
            uid: Some(release.name.clone()),
            digest: self.digest.clone(),
        }
    }
}

impl Release {
    pub fn object(&self) -> ObjectRef {
        object(&self.cluster, &self.namespace, &self.name)
    }

    /// The state that a plan for it is made for.
    pub fn live(&self) -> Option<LiveObject> {
        Some(self.current()?.live(&self.object()))
    }

    /// It goes back, and every workload that it then has is waited for.
    pub fn plan(&self, to_revision: i64) -> Option<Plan> {
        let to = self.revision(to_revision)?;
        let back =
            StepKind::Release { release: self.object(), to_revision, content: to.content.clone() };
        let mut steps = vec![Step::new(format!("release_rollback {}", self.name), back)];
        steps.extend(to.members.iter().map(|it| {
            let workload = WorkloadRef {
                cluster: self.cluster.clone(),
                namespace: it.namespace.clone(),
                kind: it.kind,
                name: it.name.clone(),
            };
            Step::act(workload, Action::WaitRollout)
        }));
        Some(Plan::on(steps, vec![], vec![self.live()?]))
    }
}

/// What a rollback to a revision would come to; `content` is what it had when the plan was made. The newest revision
/// comes first.
pub fn would(revisions: &[Revision], revision: i64, content: Option<&Digest>) -> Foreseen {
    let refuse = |said: Said| Foreseen { would: Would::Refuse, note: Some(said.into()) };
    let Some(target) = revisions.iter().find(|it| it.revision == revision) else {
        let known = revisions.iter().map(|it| it.revision).collect();
        return refuse(Said::NoRevision { revision, known });
    };
    if let Some(why) = &target.unreadable {
        return refuse(Said::Unreadable { revision, why: why.clone() });
    }
    if content.is_some_and(|it| *it != target.content) {
        let why = "it holds something else than when the plan was made".to_owned();
        return refuse(Said::Unreadable { revision, why });
    }
    if !target.status.was_in_place() {
        return refuse(Said::NeverInPlace { revision, status: target.status });
    }
    let current = revisions.first();
    if current.is_some_and(|it| it.revision == revision && it.status == Status::Deployed) {
        let note = Some(Said::AlreadyAt { revision }.into());
        return Foreseen { would: Would::Nothing, note };
    }
    let hooks = target.hooks.iter().filter(|it| it.runs_at_rollback());
    let hooks: Vec<String> = hooks.map(|it| format!("{}/{}", it.kind, it.name)).collect();
    let note = (!hooks.is_empty()).then(|| Said::Hooks { hooks }.into());
    Foreseen { would: Would::Patch, note }
}

/// What has become of a rollback that somebody began.
#[derive(Clone, Debug, PartialEq)]
pub enum After<'a> {
    /// A newer revision with the content of the target is in place.
    Done(&'a Revision),
    /// Helm has written such a revision and has not finished: it is at work, or died.
    Pending(&'a Revision),
    Failed(&'a Revision),
    /// Nothing has happened.
    Before,
    /// Somebody else did something.
    Moved(&'a Revision),
    Gone,
}

/// `before` is the digest of the newest revision when it was begun, `content` what it goes back to. The newest revision
/// comes first.
pub fn after<'a>(revisions: &'a [Revision], before: &Digest, content: &Digest) -> After<'a> {
    let Some(newest) = revisions.first() else { return After::Gone };
    if newest.digest == *before {
        return After::Before;
    }
    // A try that was cut short leaves one behind, so all that came since must be of ours.
    let mut since = revisions.iter().take_while(|it| it.digest != *before);
    let known = revisions.iter().any(|it| it.digest == *before);
    if !known || since.any(|it| it.content != *content) {
        return After::Moved(newest);
    }
    match newest.status {
        Status::Deployed => After::Done(newest),
        Status::PendingRollback => After::Pending(newest),
        Status::Failed => After::Failed(newest),
        _ => After::Moved(newest),
    }
}
