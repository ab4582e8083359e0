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

mod foresee;

/// Made once by [`Plan::new`]; stored and read again it is the same or an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Plan {
    steps: Vec<Step>,
    live: Vec<LiveState>,
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
        /// Of the Canary or the Rollout that asks.
        name: String,
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
    /// Nobody could begin within a quarter of an hour after the approval.
    Late {
        approved_at: DateTime<Utc>,
    },
}

impl Plan {
    /// The replicas of a workload that no step scales are left out: they move without anybody's doing.
    pub fn new(steps: Vec<Step>, mut live: Vec<LiveState>) -> Self {
        for state in &mut live {
            if !steps.iter().any(|it| it.kind.scales(&state.workload)) {
                state.replicas = None;
            }
            if !steps.iter().any(|it| it.kind.steers(&state.workload)) {
                state.steering = None;
            }
        }
        live.sort_by(|a, b| a.workload.cmp(&b.workload));
        let digest = canonical::digest(&(&steps, &live));
        Self { steps, live, digest }
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Sorted by workload.
    pub fn live(&self) -> &[LiveState] {
        &self.live
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
            StepKind::Kubernetes { .. } | StepKind::Inject { .. } => (1, 60),
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

    /// An action on a workload, named after both.
    pub fn act(workload: WorkloadRef, action: Action) -> Self {
        let name = format!("{} {}", action.as_str(), workload.name);
        Self::new(name, StepKind::Kubernetes { workload, action })
    }
}

impl StepKind {
    /// Whether it changes the outside world. Before such a step the kill switch is looked at, and an abort or
    /// a pause waits for the end of the one that is under way.
    pub fn acts(&self) -> bool {
        match self {
            StepKind::Kubernetes { action, .. } => *action != Action::WaitRollout,
            StepKind::Inject { .. } => true,
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
    digest: Digest,
}

impl TryFrom<Parts> for Plan {
    type Error = &'static str;

    fn try_from(parts: Parts) -> Result<Self, Self::Error> {
        let plan = Plan::new(parts.steps, parts.live);
        match plan.digest == parts.digest {
            true => Ok(plan),
            false => Err("the digest is not that of the steps and the live state"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::WorkloadKind;

    fn workload(name: &str) -> WorkloadRef {
        WorkloadRef {
            cluster: "lab".into(),
            namespace: "shop".into(),
            kind: WorkloadKind::Deployment,
            name: name.into(),
        }
    }

    fn live(name: &str) -> LiveState {
        LiveState {
            workload: workload(name),
            uid: "u1".into(),
            digest: Digest::of(b"a"),
            revision: 3,
            paused: false,
            replicas: Some(3),
            steering: None,
        }
    }

    fn undo() -> Step {
        let template_digest = Some(Digest::of(b"b"));
        Step::act(workload("api"), Action::RolloutUndo { to_revision: 2, template_digest })
    }

    #[test]
    fn the_digest_covers_the_steps_and_the_live_state() {
        let plan = Plan::new(vec![undo()], vec![live("api")]);
        let mut later = undo();
        later.deadline_s += 1;
        for other in [
            Plan::new(vec![later], vec![live("api")]),
            Plan::new(vec![undo(), undo()], vec![live("api")]),
            Plan::new(vec![undo()], vec![LiveState { uid: "u2".into(), ..live("api") }]),
            Plan::new(vec![undo()], vec![LiveState { revision: 4, ..live("api") }]),
            Plan::new(vec![undo()], vec![LiveState { paused: true, ..live("api") }]),
            Plan::new(vec![undo()], vec![LiveState { digest: Digest::of(b"c"), ..live("api") }]),
        ] {
            assert_ne!(plan.digest(), other.digest(), "{other:?}");
        }
    }

    #[test]
    fn replicas_count_only_where_a_step_scales() {
        let moved = LiveState { replicas: Some(9), ..live("api") };
        let undo_of = |it| Plan::new(vec![undo()], vec![it]).digest().clone();
        assert_eq!(undo_of(live("api")), undo_of(moved.clone()));
        let scale = Step::act(workload("api"), Action::Scale { replicas: 0 });
        let scale_of = |it| Plan::new(vec![scale.clone()], vec![it]).digest().clone();
        assert_ne!(scale_of(live("api")), scale_of(moved));
    }

    #[test]
    fn a_stored_plan_is_the_same_or_an_error() {
        let plan = Plan::new(
            vec![undo(), Step::new("settle", StepKind::Wait { seconds: 5 })],
            vec![live("web"), live("api")],
        );
        let mut stored = serde_json::to_value(&plan).unwrap();
        assert_eq!(stored["steps"][0]["kind"], "kubernetes");
        assert_eq!(stored["steps"][0]["action"], "rollout_undo");
        assert_eq!(serde_json::from_value::<Plan>(stored.clone()).unwrap(), plan);
        stored["steps"][1]["seconds"] = json!(0);
        assert!(serde_json::from_value::<Plan>(stored).is_err());
    }

    #[test]
    fn the_one_before_is_the_second_newest() {
        for (revisions, expected) in
            [(&[][..], None), (&[7], None), (&[3, 9, 5], Some(5)), (&[1, 2], Some(1))]
        {
            assert_eq!(the_one_before(revisions), expected);
        }
    }

    #[test]
    fn it_says_what_moved() {
        let before = live("api");
        assert_eq!(before.moved(Some(&LiveState { revision: 9, ..live("api") })), []);
        assert!(matches!(*before.moved(None), [Moved::Gone { .. }]));
        let other = LiveState { uid: "u2".into(), paused: true, ..live("api") };
        assert!(matches!(*before.moved(Some(&other)), [Moved::Replaced { .. }]));
        let other =
            LiveState { digest: Digest::of(b"c"), paused: true, replicas: Some(4), ..live("api") };
        assert!(matches!(
            *before.moved(Some(&other)),
            [
                Moved::Template { .. },
                Moved::Paused { found: true, .. },
                Moved::Replicas { found: 4, .. }
            ]
        ));
    }
}
