//! Rollouts of Argo: how far a canary has come, and how it is steered.
//!
//! **Invariant:** an aborted Rollout still asks for the version that was aborted. It is degraded, and nothing about it
//! is verified, until its template or Git changes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plans::Action;
use crate::workloads::Rollout;

/// What the status of a Rollout says beside what every workload says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Progress {
    /// `Healthy`, `Progressing`, `Paused` or `Degraded`, in the controller's words; empty before it has said any.
    pub phase: String,
    pub message: String,
    /// The step of the canary that it is at, from 0, of so many. As many as there are means that all were done.
    pub step: Option<i32>,
    pub steps: i32,
    /// Per cent of the traffic that the step asks for.
    pub weight: Option<i32>,
    pub aborted: bool,
    /// It stops at the step until somebody says to go on.
    pub paused: bool,
    /// The Deployment that its template is taken from.
    pub workload_ref: Option<String>,
    /// Going back by so many revisions skips the steps.
    pub rollback_window: Option<i32>,
    /// What is written in the wrong place.
    pub findings: Vec<Finding>,
}

words!(
    /// What is wrong with the way it is written.
    Finding {
        // The canary's steps never read it: it belongs under `strategy.canary`.
        AnalysisMisplaced = "analysis_misplaced",
        // Nothing judges the canary, and no step waits for anybody.
        NothingJudges = "nothing_judges",
    }
);

/// How a Rollout is steered. What a step neither changes nor depends on is not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steering {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<bool>,
    /// The step that it is paused at; -1 while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<i32>,
    /// All steps that are left are skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<bool>,
}

/// It goes on by itself.
pub const NOT_PAUSED: i32 = -1;

impl Progress {
    /// From the object.
    pub fn of(object: &Value) -> Self {
        let text = |path: &str| {
            object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let number = |path: &str| {
            let number = object.pointer(path).and_then(Value::as_i64)?;
            i32::try_from(number).ok()
        };
        let steps = object.pointer("/spec/strategy/canary/steps").and_then(Value::as_array);
        let steps = steps.map_or(&[][..], Vec::as_slice);
        let step = number("/status/currentStepIndex");
        let referred = text("/spec/workloadRef/kind") == "Deployment";
        let steering = Steering::of(object);
        Self {
            phase: text("/status/phase"),
            message: text("/status/message"),
            step,
            steps: i32::try_from(steps.len()).unwrap_or(i32::MAX),
            weight: number("/status/canary/weights/canary/weight").or_else(|| asked(steps, step)),
            aborted: steering.aborted == Some(true),
            paused: steering.paused_at != Some(NOT_PAUSED),
            workload_ref: referred.then(|| text("/spec/workloadRef/name")),
            rollback_window: number("/spec/rollbackWindow/revisions"),
            findings: findings(object, steps),
        }
    }

    /// As the rest of the product names it. `seen`: the controller has seen the newest template.
    pub fn rollout(&self, seen: bool) -> Rollout {
        match self.phase.as_str() {
            "Degraded" if seen => Rollout::Stuck { reason: self.message.clone() },
            "Healthy" if seen => Rollout::Settled,
            _ => Rollout::Progressing,
        }
    }

    pub fn steering(&self) -> Steering {
        let paused_at = if self.paused { self.step.unwrap_or(0) } else { NOT_PAUSED };
        Steering { aborted: Some(self.aborted), paused_at: Some(paused_at), full: None }
    }

    /// Whether a part of the traffic runs on a new version now.
    pub fn is_under_way(&self) -> bool {
        !self.aborted && self.step.is_some_and(|it| it < self.steps)
    }
}

impl Steering {
    pub fn of(object: &Value) -> Self {
        let flag = |path: &str| object.pointer(path).and_then(Value::as_bool).unwrap_or(false);
        let pauses = object.pointer("/status/pauseConditions").and_then(Value::as_array);
        let step = object.pointer("/status/currentStepIndex").and_then(Value::as_i64);
        let paused = pauses.is_some_and(|it| !it.is_empty());
        let step = step.and_then(|it| i32::try_from(it).ok()).unwrap_or(0);
        Self {
            aborted: Some(flag("/status/abort")),
            paused_at: Some(if paused { step } else { NOT_PAUSED }),
            full: Some(flag("/status/promoteFull")),
        }
    }

    /// What this action changes or depends on. A canary that stops at another step by now is aborted all the same.
    pub fn of_action(self, action: &Action) -> Option<Self> {
        let none = Self::default();
        match action {
            Action::Promote => Some(Self { full: None, ..self }),
            Action::PromoteFull => Some(Self { full: self.full, ..none }),
            Action::Abort | Action::Retry => Some(Self { aborted: self.aborted, ..none }),
            _ => None,
        }
    }

    /// Whether something that both looked at is another.
    pub fn differs(&self, other: &Self) -> bool {
        fn differ<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
            a.zip(b).is_some_and(|(a, b)| a != b)
        }
        differ(self.aborted, other.aborted)
            || differ(self.paused_at, other.paused_at)
            || differ(self.full, other.full)
    }
}

/// Whether the controller has seen the newest template. It writes the generation as a text, and that of a Deployment
/// that the template is taken from apart.
pub fn observed(object: &Value) -> bool {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let observed = object.pointer("/status/observedGeneration").and_then(Value::as_str);
    observed.and_then(|it| it.parse::<i64>().ok()).is_some_and(|it| it >= generation)
}

/// The weight of the newest step that set one.
fn asked(steps: &[Value], step: Option<i32>) -> Option<i32> {
    let done = usize::try_from(step?).ok()?;
    let mut weights =
        steps.iter().take(done.saturating_add(1)).filter_map(|it| it["setWeight"].as_i64());
    weights.next_back().and_then(|it| i32::try_from(it).ok())
}

const LAST_APPLIED: &str =
    "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// Places that look as if a canary were judged by what stands there. `spec.analysis` alone says how many runs are kept.
const MISPLACED: [&str; 2] = ["/spec/analysis/templates", "/spec/strategy/analysis"];

fn findings(object: &Value, steps: &[Value]) -> Vec<Finding> {
    let there = |path: &str| object.pointer(path).is_some_and(|it| !it.is_null());
    // What the API server does not know it drops; what was written stands where `kubectl apply` keeps it.
    let written = object.pointer(LAST_APPLIED).and_then(Value::as_str);
    let written: Option<Value> = written.and_then(|it| serde_json::from_str(it).ok());
    let misplaced = [Some(object), written.as_ref()]
        .into_iter()
        .flatten()
        .any(|it| MISPLACED.iter().any(|path| it.pointer(path).is_some_and(|it| !it.is_null())));
    let judged = there("/spec/strategy/canary/analysis")
        || steps.iter().any(|it| !it["analysis"].is_null() || !it["experiment"].is_null());
    let waits = steps
        .iter()
        .any(|it| it["pause"].as_object().is_some_and(|it| !it.contains_key("duration")));
    let canary = there("/spec/strategy/canary");
    let holds = [
        (Finding::AnalysisMisplaced, misplaced),
        (Finding::NothingJudges, canary && !judged && !waits),
    ];
    holds.into_iter().filter(|(_, holds)| *holds).map(|(it, _)| it).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_far_a_canary_has_come() {
        let object = json!({
            "metadata": {"generation": 3},
            "spec": {"rollbackWindow": {"revisions": 3}, "workloadRef": {"kind": "Deployment", "name": "api"},
                "strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}]}}},
            "status": {"phase": "Paused", "message": "CanaryPauseStep", "currentStepIndex": 1,
                "observedGeneration": "3", "pauseConditions": [{"reason": "CanaryPauseStep"}]},
        });
        let progress = Progress::of(&object);
        assert_eq!((progress.step, progress.steps, progress.weight), (Some(1), 3, Some(20)));
        assert_eq!((progress.paused, progress.aborted), (true, false));
        assert_eq!(
            (progress.workload_ref.as_deref(), progress.rollback_window),
            (Some("api"), Some(3))
        );
        assert_eq!(progress.findings, []);
        assert!(progress.is_under_way() && observed(&object));
        assert_eq!(progress.rollout(true), Rollout::Progressing);
    }

    #[test]
    fn an_aborted_one_is_stuck_and_nothing_unseen_is_settled() {
        let of = |phase: &str| Progress {
            phase: phase.into(),
            message: "m".into(),
            ..Progress::default()
        };
        for (phase, seen, expected) in [
            ("Degraded", true, Rollout::Stuck { reason: "m".into() }),
            ("Degraded", false, Rollout::Progressing),
            ("Healthy", true, Rollout::Settled),
            ("Healthy", false, Rollout::Progressing),
            ("Paused", true, Rollout::Progressing),
            ("", true, Rollout::Progressing),
        ] {
            assert_eq!(of(phase).rollout(seen), expected, "{phase} {seen}");
        }
    }

    #[test]
    fn an_analysis_in_the_wrong_place_is_found() {
        // As KPHub's document has it: beside the strategy, where nothing reads it.
        let canary =
            json!({"canary": {"steps": [{"setWeight": 10}, {"pause": {"duration": "2m"}}]}});
        let written = json!({"spec": {
            "strategy": canary, "analysis": {"templates": [{"templateName": "rollback-analysis"}]},
        }});
        let last = json!({"kubectl.kubernetes.io/last-applied-configuration": written.to_string()});
        let beside = json!({"metadata": {"annotations": last}, "spec": {"strategy": canary, "analysis": {}}});
        let found = Progress::of(&beside).findings;
        assert_eq!(found, [Finding::AnalysisMisplaced, Finding::NothingJudges]);
        let inside = json!({"spec": {"strategy": {"canary": {
            "steps": [{"setWeight": 10}], "analysis": {"templates": [{"templateName": "success-rate"}]},
        }}}});
        assert_eq!(Progress::of(&inside).findings, []);
        // The top level has an analysis of its own, which says how many runs are kept.
        let kept = json!({"spec": {"analysis": {"successfulRunHistoryLimit": 3}}});
        assert_eq!(Progress::of(&kept).findings, []);
    }
}
