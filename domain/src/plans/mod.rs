//! Plans: what is going to be done, step by step, and the state of the world it was made for.
//!
//! **Invariant:** a plan never changes. Its digest covers the steps and the live state; whoever approves names
//! the digest, and so approves exactly these steps on exactly that state.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::canonical::{self, Digest};
use crate::checks::Check;
use crate::gates::Hook;
use crate::rollouts::Steering;
use crate::services::WorkloadRef;

pub use self::foresee::{
    Foreseen, Known, Would, foresee, not_for_kind, not_under_flagger, steered,
};
pub use self::objects::{Live, LiveObject, ObjectAction, ObjectRef, Seen};

mod foresee;
pub mod objects;
pub mod replacing;
#[cfg(test)]
mod tests;

/// Made once by [`Plan::new`]; stored and read again it is the same or an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Plan {
    steps: Vec<Step>,
    live: Vec<LiveState>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    objects: Vec<LiveObject>,
    digest: Digest,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub name: String,
    #[serde(flatten)]
    pub kind: StepKind,
    /// Who performs it; nobody where Lifeboat does it itself.
    pub role: Option<Role>,
    /// How long it is expected to take, in seconds.
    pub expected_s: u32,
    /// How long it may take, in seconds; then it has failed.
    pub deadline_s: u32,
    /// How often it is tried again after it failed. Trouble that passes by itself (an API server that is
    /// away, slow or busy) is no failure: it is waited out until the deadline.
    pub retries: u32,
    /// What it does to a protection of the service beside its effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<Protection>,
}

/// A step takes a protection away, or gives it back: replication, a backup schedule, the synchronisation by GitOps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// The name of the protection.
    Pauses(String),
    Resumes(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StepKind {
    /// Does something to one workload.
    Kubernetes {
        workload: WorkloadRef,
        #[serde(flatten)]
        action: Action,
    },
    /// Does something to one object that is no workload.
    Object {
        object: ObjectRef,
        #[serde(flatten)]
        action: ObjectAction,
    },
    /// A Helm release goes back to one of its revisions.
    Release {
        release: ObjectRef,
        to_revision: i64,
        /// What that revision holds ([`crate::releases::Revision::content`]).
        content: Digest,
    },
    /// Asks until the answer is a pass or the deadline is there.
    Check {
        check: Check,
    },
    /// A person does it and confirms it.
    Manual {
        instruction: String,
        evidence: bool,
    },
    /// A person who did not ask for the run agrees to going on.
    Approval,
    Wait {
        seconds: u32,
    },
    /// The fault of a drill: these images (container → image) are set on purpose.
    Inject {
        workload: WorkloadRef,
        images: BTreeMap<String, String>,
    },
    /// Opens a gate that a delivery tool asks about this workload. The one for going back stays open until the tool
    /// has gone back; any other is open for the version that the plan was made for.
    Gate {
        hook: Hook,
        /// The name of the Canary or the Rollout that asks.
        of: String,
        workload: WorkloadRef,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The same effect as `kubectl rollout undo --to-revision`.
    RolloutUndo {
        /// 0 where no earlier revision was known when the plan was made; such a step is refused.
        to_revision: i64,
        /// The template that this revision had then; `None` where it was not known.
        template_digest: Option<Digest>,
    },
    Pause,
    Resume,
    /// New pods from the same template, as `kubectl rollout restart`.
    Restart,
    /// Container → image.
    SetImage {
        images: BTreeMap<String, String>,
    },
    Scale {
        replicas: i32,
    },
    /// Deletes the pods that their StatefulSet or DaemonSet would not replace by itself, and waits until every pod
    /// that should be is of the live template ([`replacing`]).
    ReplacePods,
    /// Waits until all pods are of the live template and available. Changes nothing.
    WaitRollout,
    /// Goes on from the pause that the canary of a Rollout stops at.
    Promote,
    /// Skips all steps and pauses that are left.
    PromoteFull,
    /// Sends all traffic of a Rollout back to its stable version. It still asks for the other one.
    Abort,
    /// Begins an aborted canary again.
    Retry,
}

/// What a workload looked like, as far as a step depends on it or can change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveState {
    pub workload: WorkloadRef,
    pub uid: String,
    /// Of the pod template ([`canonical::template`]).
    pub digest: Digest,
    /// As `kubectl rollout history` numbers it; 0 while the controller has given none.
    pub revision: i64,
    pub paused: bool,
    /// Only where a step scales: an autoscaler may move it at any time.
    pub replicas: Option<i32>,
    /// Of a Rollout, and only where a step steers it: a canary moves by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steering: Option<Steering>,
}

/// One way in which the world is no longer as the plan found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Moved {
    /// The workload is gone.
    Gone {
        workload: WorkloadRef,
    },
    /// Another object has its name now.
    Replaced {
        workload: WorkloadRef,
        expected: String,
        found: String,
    },
    Template {
        workload: WorkloadRef,
        expected: Digest,
        found: Digest,
    },
    Paused {
        workload: WorkloadRef,
        found: bool,
    },
    Replicas {
        workload: WorkloadRef,
        expected: i32,
        found: i32,
    },
    /// Its canary was promoted, aborted or begun again, or stops at another step.
    Steered {
        workload: WorkloadRef,
    },
    /// The revision to go back to has another template than the one that was approved.
    Target {
        workload: WorkloadRef,
        revision: i64,
    },
    ObjectGone {
        object: ObjectRef,
    },
    /// Another object has its name now, or one that did not exist is there; `expected` is empty then.
    ObjectReplaced {
        object: ObjectRef,
        expected: String,
        found: String,
    },
    /// The part of it that the step depends on.
    ObjectChanged {
        object: ObjectRef,
        expected: Digest,
        found: Digest,
    },
    /// Nobody could begin within a quarter of an hour after the approval.
    Late {
        approved_at: DateTime<Utc>,
    },
}

impl Plan {
    /// A plan that touches workloads only.
    pub fn new(steps: Vec<Step>, live: Vec<LiveState>) -> Self {
        Self::on(steps, live, Vec::new())
    }

    /// The replicas of a workload that no step scales are left out: they move without anybody's doing. Objects are
    /// part of the digest where there are any.
    pub fn on(steps: Vec<Step>, mut live: Vec<LiveState>, mut objects: Vec<LiveObject>) -> Self {
        for state in &mut live {
            if !steps.iter().any(|it| it.kind.scales(&state.workload)) {
                state.replicas = None;
            }
            if !steps.iter().any(|it| it.kind.steers(&state.workload)) {
                state.steering = None;
            }
        }
        live.sort_by(|a, b| a.workload.cmp(&b.workload));
        objects.sort_by(|a, b| a.object.cmp(&b.object));
        let digest = match objects.is_empty() {
            true => canonical::digest(&(&steps, &live)),
            false => canonical::digest(&(&steps, &live, &objects)),
        };
        Self { steps, live, objects, digest }
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Sorted by workload.
    pub fn live(&self) -> &[LiveState] {
        &self.live
    }

    /// Sorted by object.
    pub fn objects(&self) -> &[LiveObject] {
        &self.objects
    }

    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    pub fn live_of(&self, workload: &WorkloadRef) -> Option<&LiveState> {
        self.live.iter().find(|it| it.workload == *workload)
    }
}

/// The revision that is meant where none is named: the second newest of those that there are, as kubectl's 0.
/// Not necessarily a good one.
pub fn the_one_before(revisions: &[i64]) -> Option<i64> {
    let mut sorted = revisions.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    sorted.get(1).copied()
}

impl Step {
    /// With the times that are usual for its kind, done by Lifeboat or, where it needs a person, by an SRE.
    pub fn new(name: impl Into<String>, kind: StepKind) -> Self {
        let (expected_s, deadline_s) = match &kind {
            StepKind::Kubernetes { action: Action::WaitRollout, .. } => (30, 600),
            StepKind::Kubernetes { action: Action::ReplacePods, .. } => (60, 900),
            StepKind::Kubernetes { .. } | StepKind::Inject { .. } => (1, 60),
            StepKind::Object { action, .. } => action.times(),
            // Helm waits for the workloads too.
            StepKind::Release { .. } => (30, 600),
            StepKind::Check { check } => (check.timeout_s, 300.max(check.timeout_s + 1)),
            // Flagger looks again after its own interval, which is a minute or so.
            StepKind::Gate { hook: Hook::Rollback, .. } => (60, 600),
            StepKind::Gate { .. } => (1, 60),
            StepKind::Manual { .. } => (600, 3600),
            StepKind::Approval => (300, 900),
            StepKind::Wait { seconds } => (*seconds, seconds.saturating_add(60)),
        };
        let role = match &kind {
            StepKind::Manual { .. } | StepKind::Approval => Some(Role::Sre),
            _ => None,
        };
        Self { name: name.into(), kind, role, expected_s, deadline_s, retries: 0, protection: None }
    }

    /// With time for so many pods where they come one after the other, as those of a set do.
    #[must_use]
    pub fn for_pods(mut self, pods: i32) -> Self {
        if self.kind.workload().is_some_and(|it| it.kind.is_set()) {
            self.deadline_s = self.deadline_s.max(120_u32.saturating_mul(pods.unsigned_abs()));
        }
        self
    }

    /// An action on a workload, named after both.
    pub fn act(workload: WorkloadRef, action: Action) -> Self {
        let name = format!("{} {}", action.as_str(), workload.name);
        Self::new(name, StepKind::Kubernetes { workload, action })
    }

    /// The same on an object.
    pub fn on(object: ObjectRef, action: ObjectAction) -> Self {
        let name = format!("{} {}", action.as_str(), object.name);
        Self::new(name, StepKind::Object { object, action })
    }
}

impl StepKind {
    /// Whether it changes the outside world. Before such a step the kill switch is looked at, and an abort or
    /// a pause waits for the end of the one that is under way.
    pub fn acts(&self) -> bool {
        match self {
            StepKind::Kubernetes { action, .. } => *action != Action::WaitRollout,
            StepKind::Object { action, .. } => action.acts(),
            StepKind::Inject { .. } | StepKind::Release { .. } => true,
            StepKind::Check { .. }
            | StepKind::Manual { .. }
            | StepKind::Approval
            | StepKind::Gate { .. }
            | StepKind::Wait { .. } => false,
        }
    }

    pub fn workload(&self) -> Option<&WorkloadRef> {
        match self {
            StepKind::Kubernetes { workload, .. }
            | StepKind::Inject { workload, .. }
            | StepKind::Gate { workload, .. } => Some(workload),
            _ => None,
        }
    }

    /// The word for it: `kubernetes`, `check`, …
    pub fn as_str(&self) -> &'static str {
        match self {
            StepKind::Kubernetes { .. } => "kubernetes",
            StepKind::Object { .. } => "object",
            StepKind::Release { .. } => "release",
            StepKind::Check { .. } => "check",
            StepKind::Manual { .. } => "manual",
            StepKind::Approval => "approval",
            StepKind::Wait { .. } => "wait",
            StepKind::Inject { .. } => "inject",
            StepKind::Gate { .. } => "gate",
        }
    }

    fn steers(&self, workload: &WorkloadRef) -> bool {
        matches!(self, StepKind::Kubernetes { workload: own, action } if own == workload && action.steers())
    }

    fn scales(&self, workload: &WorkloadRef) -> bool {
        let scale = |it: &Action| matches!(it, Action::Scale { .. });
        matches!(self, StepKind::Kubernetes { workload: own, action } if own == workload && scale(action))
    }
}

impl Action {
    /// The word for it, as in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Action::RolloutUndo { .. } => "rollout_undo",
            Action::Pause => "pause",
            Action::Resume => "resume",
            Action::Restart => "restart",
            Action::SetImage { .. } => "set_image",
            Action::Scale { .. } => "scale",
            Action::ReplacePods => "replace_pods",
            Action::WaitRollout => "wait_rollout",
            Action::Promote => "promote",
            Action::PromoteFull => "promote_full",
            Action::Abort => "abort",
            Action::Retry => "retry",
        }
    }

    /// Whether it changes the pod template.
    pub fn makes_template(&self) -> bool {
        matches!(self, Action::RolloutUndo { .. } | Action::Restart | Action::SetImage { .. })
    }

    /// Whether it moves the canary of a Rollout, and leaves alone what the Rollout asks for.
    pub fn steers(&self) -> bool {
        matches!(self, Action::Promote | Action::PromoteFull | Action::Abort | Action::Retry)
    }
}

impl LiveState {
    /// Everything that is not as it was when `self` was written down. The revision number is not looked at: the
    /// controller gives it a moment after the template, which alone says what runs.
    pub fn moved(&self, found: Option<&LiveState>) -> Vec<Moved> {
        let workload = || self.workload.clone();
        let Some(found) = found else { return vec![Moved::Gone { workload: workload() }] };
        if self.uid != found.uid {
            let (expected, found) = (self.uid.clone(), found.uid.clone());
            return vec![Moved::Replaced { workload: workload(), expected, found }];
        }
        let mut moved = Vec::new();
        if self.digest != found.digest {
            let (expected, found) = (self.digest.clone(), found.digest.clone());
            moved.push(Moved::Template { workload: workload(), expected, found });
        }
        if self.paused != found.paused {
            moved.push(Moved::Paused { workload: workload(), found: found.paused });
        }
        if let (Some(expected), Some(found)) = (self.replicas, found.replicas)
            && expected != found
        {
            moved.push(Moved::Replicas { workload: workload(), expected, found });
        }
        if let (Some(expected), Some(found)) = (self.steering, found.steering)
            && expected.differs(&found)
        {
            moved.push(Moved::Steered { workload: workload() });
        }
        moved
    }

    /// Whether both are the same as far as a step can change it.
    pub fn looks_like(&self, other: &LiveState) -> bool {
        self.workload == other.workload && self.moved(Some(other)).is_empty()
    }
}

/// A plan as it is stored.
#[derive(Deserialize)]
struct Parts {
    steps: Vec<Step>,
    live: Vec<LiveState>,
    #[serde(default)]
    objects: Vec<LiveObject>,
    digest: Digest,
}

impl TryFrom<Parts> for Plan {
    type Error = &'static str;

    fn try_from(parts: Parts) -> Result<Self, Self::Error> {
        let plan = Plan::on(parts.steps, parts.live, parts.objects);
        match plan.digest == parts.digest {
            true => Ok(plan),
            false => Err("the digest is not that of the steps and the live state"),
        }
    }
}
