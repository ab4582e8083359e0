//! Wishes about runs.

use std::collections::BTreeMap;

use domain::access::{Action as Doing, Place, Subject};
use domain::approvals::{Approver, Decision};
use domain::canonical::Digest;
use domain::checks::Check;
use domain::fields::Fault;
use domain::ids::RunId;
use domain::plans::{self, Action, Foreseen, Known, Plan, Seen, Step, StepKind};
use domain::revisions::Revision;
use domain::rollbacks::proposal;
use domain::runs::{NewRun, Purpose, Refusal, Run, State};
use domain::services::{WorkloadKind, WorkloadRef};
use domain::workloads::{Owner, Workload};
use sqlx::PgConnection;

use crate::doors::{Change, Context};
use crate::pages::error::Error;
use crate::wishes::one_time;

pub mod objects;

/// What somebody asks to be done.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The name of the service.
    pub service: String,
    pub reason: String,
    pub steps: Vec<AskedStep>,
}

#[derive(Clone, Debug)]
pub enum AskedStep {
    Act {
        workload: (WorkloadKind, String),
        action: AskedAction,
    },
    /// On an object that is no workload.
    Object {
        object: objects::Named,
        action: objects::Asked,
    },
    /// A check of the service, by its name.
    Check {
        name: String,
    },
    Wait {
        seconds: u32,
    },
    Manual {
        instruction: String,
    },
    Approval,
    /// The fault of a drill: container → image.
    Inject {
        workload: (WorkloadKind, String),
        images: BTreeMap<String, String>,
    },
}

#[derive(Clone, Debug)]
pub enum AskedAction {
    /// The one before the live one where nothing or 0 is named.
    RolloutUndo {
        to_revision: Option<i64>,
    },
    Pause,
    Resume,
    Restart,
    SetImage {
        images: BTreeMap<String, String>,
    },
    Scale {
        replicas: Count,
    },
    ReplacePods,
    WaitRollout,
    /// Of the canary of a Rollout, as it is named in a plan.
    Steer(Action),
}

/// How many pods a workload is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    Number(i32),
    /// As many as it has when the plan is made, where an earlier step scales it; else as many as it had when a run last
    /// scaled it to none.
    Recorded,
}

/// A run has at most so many steps; who needs more needs a runbook.
const MOST_STEPS: usize = 100;

/// What would become of each step if it were done now. Nothing is written.
///
/// # Errors
/// Faults by field.
pub async fn rehearse(cx: &Context, asked: &Asked) -> Result<(Plan, Vec<Foreseen>), Error> {
    let seen = objects::look(cx, asked).await?;
    cx.read(Doing::RequestRun, async |cx| {
        let mut db = cx.connection().await?;
        let made = make(cx, &mut db, asked, &seen).await?;
        Ok((made.plan, made.foreseen))
    })
    .await
}

/// Asks for a run. Another person approves it.
///
/// # Errors
/// Faults by field.
pub async fn request(cx: &Context, asked: &Asked) -> Result<(Run, Vec<Foreseen>), Error> {
    // Before the transaction: it waits for a worker.
    let seen = objects::look(cx, asked).await?;
    cx.write(Doing::RequestRun, Subject::new("services", &asked.service), async |cx, tx| {
        let made = make(cx, tx, asked, &seen).await?;
        let policy = store::policies::for_service(&mut **tx, made.id).await?.entry;
        let new = NewRun {
            service: Some(made.id),
            purpose: Purpose::Run,
            plan: made.plan,
            required: proposal::required(&policy, cx.now),
            requested_by: cx.caller.actor().to_string(),
            reason: asked.reason.trim().to_owned(),
            at: cx.now,
        };
        let run = store::runs::create(tx, new).await?;
        tx.about(Subject::new("runs", run.id));
        tx.detail("service", &asked.service);
        tx.detail("plan_digest", run.plan.digest());
        tx.detail("reason", &run.reason);
        Ok((run, made.foreseen))
    })
    .await
}

/// A person decides about a plan.
///
/// # Errors
/// The refusals of [`Run::decide`]; those of [`one_time::require`].
pub async fn decide(
    cx: &Context,
    id: RunId,
    plan_digest: &str,
    decision: Decision,
    reason: &str,
    otp: Option<&str>,
) -> Result<Run, Error> {
    cx.enter(Doing::ApproveRun)?;
    if decision == Decision::Approve {
        let service = store::runs::get(&cx.db, id).await?.service;
        one_time::require_where_asked(cx, Doing::ApproveRun, service, otp).await?;
    }
    change(cx, Doing::ApproveRun, id, async |cx, tx, run| {
        let user = cx.user()?;
        let approver = Approver { name: user.name.clone(), roles: user.approving_roles(cx.now) };
        tx.detail("decision", decision);
        tx.detail("plan_digest", plan_digest);
        tx.detail("reason", reason);
        Ok(run.decide(&approver, plan_digest, decision, reason, cx.now)?)
    })
    .await
}

/// What people may want of a run that is under way or has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Pause,
    Resume,
    Abort,
    Retry,
}

/// # Errors
/// The refusals of the transition.
pub async fn wish(cx: &Context, id: RunId, wish: Wish, reason: &str) -> Result<Run, Error> {
    let doing = match wish {
        Wish::Pause | Wish::Abort => Doing::PauseRun,
        Wish::Resume | Wish::Retry => Doing::ResumeRun,
    };
    change(cx, doing, id, async |cx, tx, run| {
        let by = cx.caller.actor().to_string();
        tx.detail("reason", reason.trim());
        Ok(match wish {
            Wish::Pause => run.pause(&by, reason, cx.now),
            Wish::Resume => run.resume(&by, reason, cx.now),
            Wish::Abort => run.abort(&by, reason, cx.now),
            Wish::Retry => run.retry(&by, reason, cx.now),
        }?)
    })
    .await
}

/// A person did what a step asks for, or agrees to going on.
///
/// # Errors
/// [`Refusal::NotWaiting`]; for an approval, who asked for the run.
pub async fn confirm(cx: &Context, id: RunId, step: usize, reason: &str) -> Result<Run, Error> {
    let (approve, perform) = (Doing::ApproveRun, Doing::PerformDrillStep);
    cx.enter(approve).or_else(|_| cx.enter(perform))?;
    let doing = to_confirm(&store::runs::get(&cx.db, id).await?, step);
    change(cx, doing, id, async |cx, tx, run| {
        let user = cx.user()?;
        let step_name = run.plan.steps().get(step).map(|it| it.name.clone());
        tx.detail("step", step_name.ok_or(Refusal::NotWaiting)?);
        tx.detail("reason", reason.trim());
        Ok(run.confirm(step, &format!("user:{}", user.name), reason, cx.now)?)
    })
    .await
}

/// What it takes to confirm a step of a run: people say themselves what they have done in a drill; consent is another
/// matter.
pub fn to_confirm(run: &Run, step: usize) -> Doing {
    let step = run.plan.steps().get(step);
    let manual = step.is_some_and(|it| matches!(it.kind, StepKind::Manual { .. }));
    match run.purpose {
        Purpose::Drill(_) if manual => Doing::PerformDrillStep,
        _ => Doing::ApproveRun,
    }
}

/// Locked, once it is known that the caller may do this to this service; saved, and carried on with.
async fn change(
    cx: &Context,
    doing: Doing,
    id: RunId,
    transition: impl AsyncFnOnce(&Context, &mut Change, Run) -> Result<Run, Error>,
) -> Result<Run, Error> {
    cx.write(doing, Subject::new("runs", id), async |cx, tx| {
        let run = store::runs::lock(tx, id).await?;
        let service = match run.service {
            Some(id) => Some(store::services::get(&mut **tx, id).await?.entry),
            None => None,
        };
        let place = service.as_ref().map(|it| Place::service(&it.name, &it.team));
        cx.require(doing, &place.unwrap_or_default())?;
        if let Purpose::Rollback(rollback) = run.purpose
            && matches!(run.state, State::Failed { .. })
        {
            store::rollbacks::reopen(tx, rollback).await?;
        }
        let run = transition(cx, tx, run).await?;
        store::runs::save(tx, &run, cx.now).await?;
        tx.detail("state", run.state.name());
        if matches!(run.state, State::Approved { .. } | State::Running { .. }) {
            store::jobs::execute_run(tx, run.id).await?;
        }
        Ok(run)
    })
    .await
}

/// A plan on what is known by now.
struct Made {
    id: domain::ids::ServiceId,
    plan: Plan,
    foreseen: Vec<Foreseen>,
}

async fn make(
    cx: &Context,
    db: &mut PgConnection,
    asked: &Asked,
    seen: &[Seen],
) -> Result<Made, Error> {
    if asked.reason.trim().is_empty() {
        return Err(Error::field("reason", Fault::Required));
    }
    match asked.steps.len() {
        0 => return Err(Error::field("steps", Fault::Required)),
        n if n > MOST_STEPS => {
            return Err(Error::field("steps", Fault::TooLong { most: MOST_STEPS }));
        }
        _ => {}
    }
    let service = match store::services::by_name(&mut *db, &asked.service).await {
        Err(store::Error::NotFound) => return Err(Error::field("service", Fault::Unknown)),
        service => service?,
    };
    cx.require(Doing::RequestRun, &Place::service(&service.entry.name, &service.entry.team))?;
    let watched = watched(&mut *db, service.id).await?;
    let mut steps = Vec::new();
    for (n, it) in asked.steps.iter().enumerate() {
        steps.push(match it {
            AskedStep::Object { object, action } => {
                objects::step(n, &object.of(&service.entry), action, seen)?
            }
            it => step(n, it, &service.entry.checks, &watched, &steps)?,
        });
    }
    let touched = |it: &&Watched| {
        let reference = it.workload.reference();
        steps.iter().any(|step| step.kind.workload() == Some(&reference))
    };
    let known: Vec<_> = watched.iter().filter(touched).map(Watched::known).collect();
    let live = known.iter().map(|it| it.live.clone()).collect();
    let touched = |it: &&Seen| steps.iter().any(|step| step.kind.object() == Some(&it.object));
    let objects = seen.iter().filter(touched).map(Seen::live).collect();
    let foreseen = plans::foresee(&steps, &known, seen);
    Ok(Made { id: service.id, plan: Plan::on(steps, live, objects), foreseen })
}

/// The workloads of a service that are there, with what is known of them.
pub(super) async fn watched(
    db: &mut PgConnection,
    service: domain::ids::ServiceId,
) -> Result<Vec<Watched>, Error> {
    let workloads = store::workloads::by_service(&mut *db, service).await?;
    let mut watched = Vec::new();
    for workload in workloads.into_iter().filter(|it| it.gone_at.is_none()) {
        let revisions = store::revisions::of(&mut *db, workload.id).await?;
        let cluster = store::clusters::by_name(&mut *db, &workload.cluster).await?.entry;
        let protected = cluster.protects(&workload.namespace);
        let recorded = store::workloads::recorded_count(&mut *db, workload.id).await?;
        watched.push(Watched { workload, revisions, protected, recorded });
    }
    Ok(watched)
}

/// A workload of the service with its history.
pub(super) struct Watched {
    pub(super) workload: Workload,
    revisions: Vec<Revision>,
    protected: bool,
    /// How many pods it had when a run last scaled it to none.
    recorded: Option<i32>,
}

impl Watched {
    fn known(&self) -> Known {
        let images = self.workload.live.images.iter();
        let images = images.map(|it| (it.container.clone(), it.image.clone()));
        let revisions = self.revisions.iter().map(|it| (it.revision, it.digest.clone()));
        Known {
            live: proposal::live(&self.workload),
            images: images.collect(),
            revisions: revisions.collect(),
            protected: self.protected,
            outdated: self.workload.updated < self.workload.replicas,
            canary: match &self.workload.owner {
                Owner::Flagger(canary) => Some(canary.clone()),
                _ => None,
            },
        }
    }

    /// The revision that is meant, and its template where one is known: in the cluster rather than kept.
    fn undo(&self, to_revision: Option<i64>) -> Action {
        let present: Vec<i64> =
            self.revisions.iter().filter(|it| it.present).map(|it| it.revision).collect();
        let to_revision = match to_revision {
            None | Some(0) => plans::the_one_before(&present).unwrap_or(0),
            Some(revision) => revision,
        };
        let numbered = self.revisions.iter().filter(|it| it.revision == to_revision);
        let template_digest: Option<Digest> =
            numbered.max_by_key(|it| it.present).map(|it| it.digest.clone());
        Action::RolloutUndo { to_revision, template_digest }
    }
}

/// A step as the plan has it, after these earlier ones; what it names is looked up.
///
/// # Errors
/// The field that names nothing: `steps[0].workload`.
pub(super) fn step(
    n: usize,
    asked: &AskedStep,
    checks: &[Check],
    watched: &[Watched],
    earlier: &[Step],
) -> Result<Step, Error> {
    let field = |name: &str| format!("steps[{n}].{name}");
    Ok(match asked {
        AskedStep::Wait { seconds } => {
            Step::new(format!("wait {seconds} s"), StepKind::Wait { seconds: *seconds })
        }
        AskedStep::Approval => Step::new("approval", StepKind::Approval),
        AskedStep::Manual { instruction } => {
            let kind = StepKind::Manual { instruction: instruction.clone(), evidence: false };
            Step::new(instruction.clone(), kind)
        }
        AskedStep::Check { name } => {
            let check = checks.iter().find(|it| it.name == *name);
            let check = check.ok_or_else(|| Error::field(&field("check"), Fault::Unknown))?;
            Step::new(name.clone(), StepKind::Check { check: check.clone() })
        }
        // They are looked at first, which only a run of its own does.
        AskedStep::Object { .. } => return Err(Error::field(&field("kind"), Fault::Unexpected)),
        AskedStep::Act { workload, action } => {
            let found = named(workload, watched, &field("workload"))?;
            let workload: WorkloadRef = found.workload.reference();
            let pods = found.workload.replicas;
            let count = count(action, found, earlier);
            let count = count.ok_or_else(|| Error::field(&field("replicas"), Fault::Unknown))?;
            match resolved(action, found, count) {
                it @ (Action::ReplacePods | Action::WaitRollout) => {
                    Step::act(workload, it).for_pods(pods)
                }
                it => Step::act(workload, it),
            }
        }
        AskedStep::Inject { workload, images } => {
            let found = named(workload, watched, &field("workload"))?;
            let there =
                |it: &&String| found.workload.live.images.iter().any(|own| own.container == **it);
            if let Some(container) = images.keys().find(|it| !there(it)) {
                return Err(Error::field(&field(&format!("images.{container}")), Fault::Unknown));
            }
            let workload: WorkloadRef = found.workload.reference();
            let name = format!("inject {}", workload.name);
            Step::new(name, StepKind::Inject { workload, images: images.clone() })
        }
    })
}

/// The only workload of this kind and name.
fn named<'a>(
    (kind, name): &(WorkloadKind, String),
    watched: &'a [Watched],
    field: &str,
) -> Result<&'a Watched, Error> {
    let mut same =
        watched.iter().filter(|it| it.workload.kind == *kind && it.workload.name == *name);
    let found = same.next().filter(|_| same.next().is_none());
    found.ok_or_else(|| Error::field(field, Fault::Unknown))
}

/// The number of pods that a scale step is about; its own count is fixed in the plan, and its precondition is that the
/// workload still has it. `None` where nothing was recorded.
fn count(action: &AskedAction, of: &Watched, earlier: &[Step]) -> Option<i32> {
    let reference = of.workload.reference();
    let scales = |it: &Step| matches!(&it.kind, StepKind::Kubernetes { workload, action: Action::Scale { .. } } if *workload == reference);
    match action {
        AskedAction::Scale { replicas: Count::Number(replicas) } => Some(*replicas),
        AskedAction::Scale { replicas: Count::Recorded } => match earlier.iter().any(scales) {
            true => Some(of.workload.replicas),
            false => of.recorded,
        },
        _ => Some(of.workload.replicas),
    }
}

fn resolved(action: &AskedAction, of: &Watched, count: i32) -> Action {
    match action {
        AskedAction::RolloutUndo { to_revision } => of.undo(*to_revision),
        AskedAction::Pause => Action::Pause,
        AskedAction::Resume => Action::Resume,
        AskedAction::Restart => Action::Restart,
        AskedAction::SetImage { images } => Action::SetImage { images: images.clone() },
        AskedAction::Scale { .. } => Action::Scale { replicas: count },
        AskedAction::ReplacePods => Action::ReplacePods,
        AskedAction::WaitRollout => Action::WaitRollout,
        AskedAction::Steer(action) => action.clone(),
    }
}
