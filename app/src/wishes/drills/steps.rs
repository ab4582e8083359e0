//! The steps of a drill as somebody writes them, and as the plan has them.

use std::collections::BTreeMap;

use domain::checks::{Check, WorkloadName};
use domain::fields::Fault;
use domain::plans::{Action, Step, StepKind};
use domain::workloads::Workload;
use serde::Deserialize;
use sqlx::PgConnection;

use crate::pages::error::Error;

/// One step; which of the fields belong to it says its kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AskedStep {
    /// `inject`, `kubernetes`, `check`, `manual`, `approval` or `wait`.
    pub kind: String,
    pub name: Option<String>,
    /// Of a kubernetes step.
    pub action: Option<String>,
    pub workload: Option<WorkloadName>,
    /// Container → image.
    pub images: BTreeMap<String, String>,
    pub to_revision: Option<i64>,
    pub replicas: Option<i32>,
    pub seconds: Option<u32>,
    pub instruction: Option<String>,
    pub evidence: bool,
    pub check: Option<Check>,
}

const KINDS: [&str; 6] = ["inject", "kubernetes", "check", "manual", "approval", "wait"];
const ACTIONS: [&str; 7] =
    ["rollout_undo", "pause", "resume", "restart", "set_image", "scale", "wait_rollout"];

/// Looks up what a step names. `path` is where it stands in what was sent: `plan.steps[0]`.
///
/// # Errors
/// The field that is wrong.
pub(super) async fn resolve(
    tx: &mut PgConnection,
    asked: AskedStep,
    path: &str,
    workloads: &[Workload],
) -> Result<Step, Error> {
    let required = |name: &str| Error::field(&format!("{path}.{name}"), Fault::Required);
    let mut step = match asked.kind.as_str() {
        "inject" => {
            let of = workload(&asked, path, workloads)?;
            let images = images(&asked.images, of, path)?;
            let kind = StepKind::Inject { workload: of.reference(), images };
            Step::new(format!("inject {}", of.name), kind)
        }
        "kubernetes" => {
            let of = workload(&asked, path, workloads)?;
            Step::act(of.reference(), action(tx, &asked, path, of).await?)
        }
        "check" => {
            let check = asked.check.clone().ok_or_else(|| required("check"))?;
            Step::new(check.name.clone(), StepKind::Check { check })
        }
        "manual" => {
            let instruction = asked.instruction.clone().filter(|it| !it.trim().is_empty());
            let instruction = instruction.ok_or_else(|| required("instruction"))?;
            let evidence = asked.evidence;
            Step::new(instruction.clone(), StepKind::Manual { instruction, evidence })
        }
        "approval" => Step::new("approval", StepKind::Approval),
        "wait" => {
            let seconds = asked.seconds.ok_or_else(|| required("seconds"))?;
            Step::new(format!("wait {seconds} s"), StepKind::Wait { seconds })
        }
        _ => return Err(none_of(path, "kind", &KINDS)),
    };
    if let Some(name) = asked.name.filter(|it| !it.trim().is_empty()) {
        step.name = name.trim().to_owned();
    }
    Ok(step)
}

async fn action(
    tx: &mut PgConnection,
    asked: &AskedStep,
    path: &str,
    of: &Workload,
) -> Result<Action, Error> {
    Ok(match asked.action.as_deref() {
        Some("rollout_undo") => undo(tx, of, asked.to_revision, path).await?,
        Some("pause") => Action::Pause,
        Some("resume") => Action::Resume,
        Some("restart") => Action::Restart,
        Some("set_image") => Action::SetImage { images: images(&asked.images, of, path)? },
        Some("scale") => {
            let required = || Error::field(&format!("{path}.replicas"), Fault::Required);
            Action::Scale { replicas: asked.replicas.ok_or_else(required)? }
        }
        Some("wait_rollout") => Action::WaitRollout,
        _ => return Err(none_of(path, "action", &ACTIONS)),
    })
}

fn none_of(path: &str, name: &str, words: &[&str]) -> Error {
    let words = words.iter().map(|&it| it.to_owned()).collect();
    Error::field(&format!("{path}.{name}"), Fault::NotOneOf(words))
}

/// One of the service's, and still there.
fn workload<'a>(
    asked: &AskedStep,
    path: &str,
    workloads: &'a [Workload],
) -> Result<&'a Workload, Error> {
    let field = |fault| Error::field(&format!("{path}.workload"), fault);
    let named = asked.workload.as_ref().ok_or_else(|| field(Fault::Required))?;
    let is_it = |it: &&Workload| it.kind == named.kind && it.name == named.name;
    let found = workloads.iter().filter(|it| it.gone_at.is_none()).find(is_it);
    found.ok_or_else(|| field(Fault::Unknown))
}

/// Only for containers that are there.
fn images(
    asked: &BTreeMap<String, String>,
    of: &Workload,
    path: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let path = format!("{path}.images");
    if asked.is_empty() {
        return Err(Error::field(&path, Fault::Required));
    }
    for (container, image) in asked {
        let path = format!("{path}.{container}");
        if !of.live.images.iter().any(|it| it.container == *container) {
            return Err(Error::field(&path, Fault::Unknown));
        }
        if image.is_empty() || image.chars().any(char::is_whitespace) {
            return Err(Error::field(&path, Fault::Malformed("an image without spaces".into())));
        }
    }
    Ok(asked.clone())
}

/// To the revision before the live one where none is named.
async fn undo(
    tx: &mut PgConnection,
    of: &Workload,
    to: Option<i64>,
    path: &str,
) -> Result<Action, Error> {
    let revisions = store::revisions::of(&mut *tx, of.id).await?;
    let is_it = |revision: i64| match to.filter(|it| *it != 0) {
        Some(to) => revision == to,
        None => revision < of.live.revision,
    };
    let found = revisions.into_iter().filter(|it| it.present).find(|it| is_it(it.revision));
    let found =
        found.ok_or_else(|| Error::field(&format!("{path}.to_revision"), Fault::Unknown))?;
    Ok(Action::RolloutUndo { to_revision: found.revision, template_digest: Some(found.digest) })
}
