//! The steps of a plan, as others send them.

use std::collections::BTreeMap;

use app::pages::error::Error;
use app::wishes::drills::Performed;
use app::wishes::runs::{AskedAction, AskedStep};
use domain::fields::Fault;
use domain::plans::{Action, Protection};
use domain::services::WorkloadKind;
use serde::Deserialize;
use utoipa::ToSchema;

/// Each kind and each action takes its own members only.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct NewStep {
    /// kubernetes, check, wait, manual, approval; in a drill also inject
    kind: String,
    /// rollout_undo, pause, resume, restart, set_image, scale, wait_rollout; of a Rollout also promote, promote_full,
    /// abort, retry
    action: Option<String>,
    workload: Option<Named>,
    /// The one before the live one where it is left out or 0.
    to_revision: Option<i64>,
    /// Container → image.
    images: Option<BTreeMap<String, String>>,
    replicas: Option<i32>,
    /// The name of a check of the service.
    check: Option<String>,
    seconds: Option<u32>,
    instruction: Option<String>,
    /// In a drill: `{pauses: NAME}` where the step takes a protection away, `{resumes: NAME}` where it gives it back.
    #[schema(value_type = Option<Object>)]
    protection: Option<Protection>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    #[schema(value_type = String, example = "Deployment")]
    kind: WorkloadKind,
    name: String,
}

const KINDS: [&str; 5] = ["kubernetes", "check", "wait", "manual", "approval"];
const KINDS_OF_A_DRILL: [&str; 6] = ["inject", "kubernetes", "check", "wait", "manual", "approval"];
const ACTIONS: [&str; 11] = [
    "rollout_undo",
    "pause",
    "resume",
    "restart",
    "set_image",
    "scale",
    "wait_rollout",
    "promote",
    "promote_full",
    "abort",
    "retry",
];
const MOST_REPLICAS: i32 = 10_000;
const LONGEST_WAIT_S: u32 = 86_400;

impl NewStep {
    pub(super) fn asked(self, n: usize) -> Result<AskedStep, Error> {
        self.checked(n, &KINDS)
    }

    /// Of a drill, which may put a fault in and take a protection away.
    pub(in crate::http::api) fn of_drill(mut self, n: usize) -> Result<Performed, Error> {
        let protection = self.protection.take();
        Ok(Performed { step: self.checked(n, &KINDS_OF_A_DRILL)?, protection })
    }

    fn checked(mut self, n: usize, kinds: &[&str]) -> Result<AskedStep, Error> {
        let at = |name: &str, fault| Error::field(&format!("steps[{n}].{name}"), fault);
        let required = |name: &str| at(name, Fault::Required);
        let kind = kinds.iter().find(|it| **it == self.kind).copied();
        let step = match kind.unwrap_or_default() {
            "inject" => {
                let workload = self.workload.take().ok_or_else(|| required("workload"))?;
                let images = self.images.take().unwrap_or_default();
                if images.is_empty() || images.values().any(|it| it.trim().is_empty()) {
                    return Err(required("images"));
                }
                AskedStep::Inject { workload: (workload.kind, workload.name), images }
            }
            "kubernetes" => {
                let workload = self.workload.take().ok_or_else(|| required("workload"))?;
                let action = self.action.take().ok_or_else(|| required("action"))?;
                let action = self.action(&action, at)?;
                AskedStep::Act { workload: (workload.kind, workload.name), action }
            }
            "check" => {
                AskedStep::Check { name: self.check.take().ok_or_else(|| required("check"))? }
            }
            "wait" => match self.seconds.take().ok_or_else(|| required("seconds"))? {
                seconds @ 1..=LONGEST_WAIT_S => AskedStep::Wait { seconds },
                _ => {
                    let most = LONGEST_WAIT_S.into();
                    return Err(at("seconds", Fault::OutOfRange { from: 1, to: most }));
                }
            },
            "manual" => {
                let said = self.instruction.take().unwrap_or_default().trim().to_owned();
                match said.is_empty() {
                    true => return Err(required("instruction")),
                    false => AskedStep::Manual { instruction: said },
                }
            }
            "approval" => AskedStep::Approval,
            _ => {
                let kinds = kinds.iter().map(|&it| it.to_owned()).collect();
                return Err(at("kind", Fault::NotOneOf(kinds)));
            }
        };
        match self.stray() {
            Some(name) => Err(at(name, Fault::Unexpected)),
            None => Ok(step),
        }
    }

    fn action(
        &mut self,
        action: &str,
        at: impl Fn(&str, Fault) -> Error,
    ) -> Result<AskedAction, Error> {
        Ok(match action {
            "rollout_undo" => match self.to_revision.take() {
                Some(revision) if revision < 0 => {
                    return Err(at("to_revision", Fault::OutOfRange { from: 0, to: i64::MAX }));
                }
                to_revision => AskedAction::RolloutUndo { to_revision },
            },
            "pause" => AskedAction::Pause,
            "resume" => AskedAction::Resume,
            "restart" => AskedAction::Restart,
            "wait_rollout" => AskedAction::WaitRollout,
            "promote" => AskedAction::Steer(Action::Promote),
            "promote_full" => AskedAction::Steer(Action::PromoteFull),
            "abort" => AskedAction::Steer(Action::Abort),
            "retry" => AskedAction::Steer(Action::Retry),
            "set_image" => match self.images.take() {
                Some(images) if !images.is_empty() => AskedAction::SetImage { images },
                _ => return Err(at("images", Fault::Required)),
            },
            "scale" => match self.replicas.take() {
                Some(replicas @ 0..=MOST_REPLICAS) => AskedAction::Scale { replicas },
                Some(_) => {
                    let to = MOST_REPLICAS.into();
                    return Err(at("replicas", Fault::OutOfRange { from: 0, to }));
                }
                None => return Err(at("replicas", Fault::Required)),
            },
            _ => return Err(at("action", Fault::NotOneOf(ACTIONS.map(str::to_owned).to_vec()))),
        })
    }

    /// The first member that was given and belongs to another kind or action.
    fn stray(&self) -> Option<&'static str> {
        let members = [
            ("action", self.action.is_some()),
            ("workload", self.workload.is_some()),
            ("to_revision", self.to_revision.is_some()),
            ("images", self.images.is_some()),
            ("replicas", self.replicas.is_some()),
            ("check", self.check.is_some()),
            ("seconds", self.seconds.is_some()),
            ("instruction", self.instruction.is_some()),
            ("protection", self.protection.is_some()),
        ];
        members.iter().find(|(_, given)| *given).map(|(name, _)| *name)
    }
}
