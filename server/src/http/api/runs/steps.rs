//! The steps of a plan, as others send them.

use std::collections::BTreeMap;

use app::pages::error::Error;
use app::wishes::drills::Performed;
use app::wishes::runs::{AskedAction, AskedStep, Count, objects};
use domain::canonical::NotADigest;
use domain::fields::Fault;
use domain::plans::{Action, Protection};
use domain::services::WorkloadKind;
use serde::Deserialize;
use utoipa::ToSchema;

/// Each kind and each action takes its own members only.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct NewStep {
    /// kubernetes, object, check, wait, manual, approval; in a drill also inject
    kind: String,
    /// rollout_undo, pause, resume, restart, set_image, scale, wait_rollout; of a set also replace_pods; of a Rollout
    /// also promote, promote_full, abort, retry; of an object: config_restore, set_weights, suspend_sync, resume_sync,
    /// still_suspended, cordon, uncordon, drain, restore_claim, restore, delete, wait_ready
    action: Option<String>,
    workload: Option<Named>,
    object: Option<NamedObject>,
    /// The one before the live one where it is left out or 0.
    to_revision: Option<i64>,
    /// Container → image.
    images: Option<BTreeMap<String, String>>,
    /// A number; or `recorded`, as many as it has now where an earlier step scales it, else as many as it had when a run
    /// last scaled it to 0.
    #[schema(value_type = Option<Object>)]
    replicas: Option<Replicas>,
    /// Backend → weight, of a route.
    weights: Option<BTreeMap<String, i32>>,
    /// The digest of what a ConfigMap should hold: `sha256:…`.
    contents: Option<String>,
    /// The VolumeSnapshot that a claim is made from.
    snapshot: Option<String>,
    /// The backup of Velero to restore.
    backup: Option<String>,
    /// Those that are restored.
    namespaces: Option<Vec<String>>,
    /// The name of a check of the service.
    check: Option<String>,
    seconds: Option<u32>,
    instruction: Option<String>,
    /// In a drill: `{pauses: NAME}` where the step takes a protection away, `{resumes: NAME}` where it gives it back.
    #[schema(value_type = Option<Object>)]
    protection: Option<Protection>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Replicas {
    Number(i32),
    Word(Word),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Recorded,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    #[schema(value_type = String, example = "Deployment")]
    kind: WorkloadKind,
    name: String,
}

/// Cluster and namespace are those of the service where nothing else is said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NamedObject {
    cluster: Option<String>,
    namespace: Option<String>,
    /// `v1`, `gateway.networking.k8s.io/v1`
    api_version: String,
    kind: String,
    name: String,
}

const KINDS: [&str; 6] = ["kubernetes", "object", "check", "wait", "manual", "approval"];
const KINDS_OF_A_DRILL: [&str; 6] = ["inject", "kubernetes", "check", "wait", "manual", "approval"];
const ACTIONS: [&str; 12] = [
    "rollout_undo",
    "pause",
    "resume",
    "restart",
    "set_image",
    "scale",
    "replace_pods",
    "wait_rollout",
    "promote",
    "promote_full",
    "abort",
    "retry",
];
const OBJECT_ACTIONS: [&str; 12] = [
    "config_restore",
    "set_weights",
    "suspend_sync",
    "resume_sync",
    "still_suspended",
    "cordon",
    "uncordon",
    "drain",
    "restore_claim",
    "restore",
    "delete",
    "wait_ready",
];
/// As the Gateway API has it.
const MOST_WEIGHT: i32 = 1_000_000;
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
            "object" => {
                let object = self.object.take().ok_or_else(|| required("object"))?;
                let NamedObject { cluster, namespace, api_version, kind, name } = object;
                let object = objects::Named { cluster, namespace, api_version, kind, name };
                let action = self.action.take().ok_or_else(|| required("action"))?;
                AskedStep::Object { object, action: self.object_action(&action, at)? }
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
            "replace_pods" => AskedAction::ReplacePods,
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
                Some(Replicas::Number(replicas @ 0..=MOST_REPLICAS)) => {
                    AskedAction::Scale { replicas: Count::Number(replicas) }
                }
                Some(Replicas::Word(Word::Recorded)) => {
                    AskedAction::Scale { replicas: Count::Recorded }
                }
                Some(Replicas::Number(_)) => {
                    let to = MOST_REPLICAS.into();
                    return Err(at("replicas", Fault::OutOfRange { from: 0, to }));
                }
                None => return Err(at("replicas", Fault::Required)),
            },
            _ => return Err(at("action", Fault::NotOneOf(ACTIONS.map(str::to_owned).to_vec()))),
        })
    }

    fn object_action(
        &mut self,
        action: &str,
        at: impl Fn(&str, Fault) -> Error,
    ) -> Result<objects::Asked, Error> {
        use objects::Asked;
        let required = |name: &str| at(name, Fault::Required);
        Ok(match action {
            "config_restore" => {
                let contents = self.contents.take().ok_or_else(|| required("contents"))?;
                let digest = contents.parse();
                let malformed = |it: NotADigest| at("contents", Fault::Malformed(it.to_string()));
                Asked::ConfigRestore { contents: digest.map_err(malformed)? }
            }
            "set_weights" => {
                let weights = self.weights.take().unwrap_or_default();
                if weights.is_empty() {
                    return Err(required("weights"));
                }
                if !weights.values().all(|it| (0..=MOST_WEIGHT).contains(it)) {
                    let to = MOST_WEIGHT.into();
                    return Err(at("weights", Fault::OutOfRange { from: 0, to }));
                }
                Asked::SetWeights { weights }
            }
            "restore_claim" => Asked::RestoreClaim {
                snapshot: self.snapshot.take().ok_or_else(|| required("snapshot"))?,
            },
            "restore" => Asked::Restore {
                backup: self.backup.take().ok_or_else(|| required("backup"))?,
                namespaces: match self.namespaces.take() {
                    Some(it) if !it.is_empty() => it,
                    // Everything that is in a backup is nobody's usual wish.
                    _ => return Err(required("namespaces")),
                },
            },
            "suspend_sync" => Asked::SuspendSync,
            "resume_sync" => Asked::ResumeSync,
            "still_suspended" => Asked::StillSuspended,
            "cordon" => Asked::Cordon,
            "uncordon" => Asked::Uncordon,
            "drain" => Asked::Drain,
            "delete" => Asked::Delete,
            "wait_ready" => Asked::WaitReady,
            _ => {
                let words = OBJECT_ACTIONS.map(str::to_owned).to_vec();
                return Err(at("action", Fault::NotOneOf(words)));
            }
        })
    }

    /// The first member that was given and belongs to another kind or action.
    fn stray(&self) -> Option<&'static str> {
        let members = [
            ("action", self.action.is_some()),
            ("workload", self.workload.is_some()),
            ("object", self.object.is_some()),
            ("weights", self.weights.is_some()),
            ("contents", self.contents.is_some()),
            ("snapshot", self.snapshot.is_some()),
            ("backup", self.backup.is_some()),
            ("namespaces", self.namespaces.is_some()),
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
