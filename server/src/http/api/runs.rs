//! Runs: asking for one, deciding about it, and what people want of it while it goes on.

use std::collections::BTreeMap;

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::runs::{self as wishes, Asked as Wished, AskedAction, AskedStep, Wish};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::access::Action;
use domain::approvals::{Approval, By, Standing};
use domain::fields::Fault;
use domain::ids::RunId;
use domain::plans::{Foreseen, Plan, Step, StepKind};
use domain::runs::{Run, State, StateName};
use domain::services::WorkloadKind;
use domain::texts::{Lang, runs as texts};
use serde::Deserialize;
use serde_json::{Value, json};
use store::runs::Filter;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::page::OfServices;
use super::rollbacks::NewApproval;
use super::{Answer, Body, Cursor, Endpoint, Page, Problem, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(get)),
        needs(Action::RequestRun, routes!(request)),
        needs(Action::ApproveRun, routes!(approve)),
        needs(Action::ApproveRun, routes!(confirm)),
        needs(Action::PauseRun, routes!(pause)),
        needs(Action::ResumeRun, routes!(resume)),
        needs(Action::PauseRun, routes!(abort)),
        needs(Action::ResumeRun, routes!(retry)),
    ]
}

/// A run as others read it.
pub(super) async fn shown(cx: &Context, run: &Run) -> Result<Value, Error> {
    let service = match run.service {
        Some(id) => Some(store::services::get(&cx.db, id).await?.entry.name),
        None => None,
    };
    let steps = run.plan.steps().iter().zip(&run.steps).map(|(planned, record)| {
        json!({
            "name": planned.name,
            "state": record.state_name(),
            "message": record.note.as_ref().map(|it| texts::note(it, Lang::En)),
            "note": record.note,
            "attempts": record.attempts,
            "started_at": record.started_at(),
            "finished_at": record.finished_at(),
            "proof": record.state.proof(),
        })
    });
    Ok(json!({
        "id": run.id,
        "service": service,
        "purpose": run.purpose,
        "state": run.state.name(),
        "state_reason": reason(&run.state),
        "reason": run.reason,
        "requested_by": run.requested_by,
        "created_at": run.requested_at,
        "required": {
            "count": run.required.count,
            "roles": run.required.roles,
            "expires_at": run.required.expires_at,
            "escalate_at": run.required.escalate_at,
            "escalated": run.escalated,
        },
        "plan": plan(&run.plan),
        "approvals": approvals(run),
        "steps": steps.collect::<Vec<_>>(),
    }))
}

/// Why it is in its state, in one sentence.
fn reason(state: &State) -> Option<String> {
    match state {
        State::Paused { note, .. }
        | State::Failed { note, .. }
        | State::Aborted { note, .. }
        | State::Rejected { note, .. } => Some(texts::note(note, Lang::En)),
        State::Superseded { moved, .. } => {
            let moved: Vec<_> = moved.iter().map(|it| texts::moved(it, Lang::En)).collect();
            Some(moved.join("; "))
        }
        _ => None,
    }
}

fn plan(plan: &Plan) -> Value {
    let steps: Vec<_> = plan.steps().iter().map(planned).collect();
    json!({"digest": plan.digest(), "live": plan.live(), "steps": steps})
}

fn planned(step: &Step) -> Value {
    let (workload, action) = match &step.kind {
        StepKind::Kubernetes { workload, action } => (Some(workload), Some(action)),
        kind => (kind.workload(), None),
    };
    json!({
        "name": step.name,
        "kind": step.kind.as_str(),
        "action": action.map(|it| it.as_str()),
        "workload": workload,
        "role": step.role,
        "expected_s": step.expected_s,
        "deadline_s": step.deadline_s,
        "retries": step.retries,
        "message": texts::step(step, Lang::En),
    })
}

/// What each step would do, beside what it is.
fn foretold(steps: &[Step], foreseen: &[Foreseen]) -> Vec<Value> {
    let both = steps.iter().zip(foreseen).map(|(step, foreseen)| {
        let mut shown = planned(step);
        shown["would"] = json!(foreseen.would);
        if let Some(note) = &foreseen.note {
            shown["message"] = json!(texts::note(note, Lang::En));
        }
        shown
    });
    both.collect()
}

pub(super) fn approvals(run: &Run) -> Vec<Value> {
    let shown = run.approvals.iter().map(|it| {
        let mut shown = approval(it);
        shown["standing"] = json!(match it.standing {
            Standing::Valid => "valid",
            Standing::Spent(_) => "spent",
            Standing::Void(_) => "void",
        });
        shown
    });
    shown.collect()
}

/// Who decided what, and about which plan.
pub(super) fn approval(it: &Approval) -> Value {
    let (kind, by) = match &it.by {
        By::Person { name, .. } => ("person", name.clone()),
        By::Policy { name, version } => ("policy", format!("{name}@{version}")),
    };
    json!({
        "kind": kind, "by": by, "decision": it.decision, "reason": it.reason, "at": it.at,
        "plan_digest": it.plan_digest,
    })
}

/// Runs, newest first; `sort=created_at` has the oldest first.
#[utoipa::path(get, path = "/runs", tag = "runs", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<OfServices>,
) -> Answer<Page<Value>> {
    let OfServices { service, state, since, sort, limit, cursor } = asked;
    let oldest_first = match sort.as_deref() {
        None | Some("-created_at") => false,
        Some("created_at") => true,
        Some(_) => {
            let words = ["-created_at", "created_at"].map(str::to_owned).to_vec();
            return Err(Error::field("sort", Fault::NotOneOf(words)).into());
        }
    };
    let state = state.map(|word| StateName::parse(&word).ok_or_else(not_a_state)).transpose()?;
    let cursor = Cursor { limit, cursor };
    let (after, limit) = (cursor.after()?, cursor.limit()? + 1);
    let page = cx
        .read(Action::Read, async |cx| {
            let service = match service {
                Some(name) => match store::services::by_name(&cx.db, &name).await {
                    Err(store::Error::NotFound) => {
                        return Err(Error::field("service", Fault::Unknown));
                    }
                    service => Some(service?.id),
                },
                None => None,
            };
            let filter = Filter { service, state, since, oldest_first, after, limit };
            let rows = store::runs::list(&cx.db, &filter).await?;
            let page = cursor.page(rows, |it| (it.requested_at, it.id), |it| it)?;
            let mut items = Vec::with_capacity(page.items.len());
            for run in &page.items {
                items.push(shown(cx, run).await?);
            }
            Ok(Page { items, next_cursor: page.next_cursor })
        })
        .await?;
    Ok(Json(page))
}

fn not_a_state() -> Error {
    let words = StateName::ALL.iter().map(|it| it.as_str().to_owned()).collect();
    Error::field("state", Fault::NotOneOf(words))
}

/// One run.
#[utoipa::path(get, path = "/runs/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = Value)))]
async fn get(Extension(cx): Extension<Context>, Path(id): Path<String>) -> Answer<Value> {
    let value = cx
        .read(Action::Read, async |cx| {
            shown(cx, &store::runs::get(&cx.db, parsed(&id)?).await?).await
        })
        .await?;
    Ok(Json(value))
}

/// What is no id names nothing.
fn parsed(id: &str) -> Result<RunId, Error> {
    id.parse().map_err(|_| Error::NotFound)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRun {
    service: String,
    reason: String,
    /// Says what each step would do, and does and writes nothing.
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    steps: Vec<NewStep>,
    runbook: Option<String>,
    #[schema(value_type = Option<Object>)]
    parameters: Option<Value>,
}

/// Each kind and each action takes its own members only.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStep {
    /// kubernetes, check, wait, manual, approval; in a drill also inject
    kind: String,
    /// rollout_undo, pause, resume, restart, set_image, scale, wait_rollout
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
const ACTIONS: [&str; 7] =
    ["rollout_undo", "pause", "resume", "restart", "set_image", "scale", "wait_rollout"];
const MOST_REPLICAS: i32 = 10_000;
const LONGEST_WAIT_S: u32 = 86_400;

impl NewStep {
    fn asked(self, n: usize) -> Result<AskedStep, Error> {
        self.checked(n, &KINDS)
    }

    /// Of a drill, which may put a fault in.
    pub(super) fn of_drill(self, n: usize) -> Result<AskedStep, Error> {
        self.checked(n, &KINDS_OF_A_DRILL)
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
        ];
        members.iter().find(|(_, given)| *given).map(|(name, _)| *name)
    }
}

/// Asks for a run; another person approves it. With `dry_run`, 200 and what each step would do.
#[utoipa::path(post, path = "/runs", tag = "runs", request_body = NewRun,
    responses((status = 201, body = Value), (status = 200, body = Value)))]
async fn request(
    Extension(cx): Extension<Context>,
    Body(new): Body<NewRun>,
) -> Result<Response, Problem> {
    for (field, given) in
        [("runbook", new.runbook.is_some()), ("parameters", new.parameters.is_some())]
    {
        if given {
            let why = "runbooks are not available here; give the steps".to_owned();
            return Err(Error::field(field, Fault::Malformed(why)).into());
        }
    }
    let steps = new.steps.into_iter().enumerate().map(|(n, it)| it.asked(n));
    let steps = steps.collect::<Result<Vec<_>, _>>()?;
    let wished = Wished { service: new.service, reason: new.reason, steps };
    if new.dry_run {
        let (plan, foreseen) = wishes::rehearse(&cx, &wished).await?;
        let steps = foretold(plan.steps(), &foreseen);
        return Ok(Json(json!({"steps": steps})).into_response());
    }
    let (run, foreseen) = wishes::request(&cx, &wished).await?;
    let mut value = shown(&cx, &run).await?;
    value["plan"]["steps"] = json!(foretold(run.plan.steps(), &foreseen));
    Ok((StatusCode::CREATED, Json(value)).into_response())
}

/// A person's consent, or their no.
#[utoipa::path(post, path = "/runs/{id}/approvals", tag = "runs", params(("id" = String, Path)),
    request_body = NewApproval, responses((status = 201, body = Value)))]
async fn approve(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(new): Body<NewApproval>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let NewApproval { plan_digest, decision, reason, otp } = new;
    let otp = otp.as_deref();
    let run = wishes::decide(&cx, parsed(&id)?, &plan_digest, decision, &reason, otp).await?;
    Ok((StatusCode::CREATED, Json(shown(&cx, &run).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

async fn wished(cx: &Context, id: &str, wish: Wish, reason: &str) -> Answer<Value> {
    let run = wishes::wish(cx, parsed(id)?, wish, reason).await?;
    Ok(Json(shown(cx, &run).await?))
}

/// Stops before the next step that acts.
#[utoipa::path(post, path = "/runs/{id}/pause", tag = "runs", params(("id" = String, Path)),
    request_body = Reason, responses((status = 200, body = Value)))]
async fn pause(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Answer<Value> {
    wished(&cx, &id, Wish::Pause, &reason).await
}

/// Goes on; where a kill switch stopped it, this is the second confirmation.
#[utoipa::path(post, path = "/runs/{id}/resume", tag = "runs", params(("id" = String, Path)),
    request_body = Reason, responses((status = 200, body = Value)))]
async fn resume(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Answer<Value> {
    wished(&cx, &id, Wish::Resume, &reason).await
}

/// Ends it, at once or after the effect that is just being brought about.
#[utoipa::path(post, path = "/runs/{id}/abort", tag = "runs", params(("id" = String, Path)),
    request_body = Reason, responses((status = 200, body = Value)))]
async fn abort(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Answer<Value> {
    wished(&cx, &id, Wish::Abort, &reason).await
}

/// Begins again at the step that failed.
#[utoipa::path(post, path = "/runs/{id}/retry", tag = "runs", params(("id" = String, Path)),
    request_body = Reason, responses((status = 200, body = Value)))]
async fn retry(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Answer<Value> {
    wished(&cx, &id, Wish::Retry, &reason).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    #[serde(default)]
    reason: String,
}

/// A person did what this step asks for, or agrees to going on.
#[utoipa::path(post, path = "/runs/{id}/steps/{step}/confirm", tag = "runs",
    params(("id" = String, Path), ("step" = String, Path)),
    request_body = Confirmation, responses((status = 200, body = Value)))]
async fn confirm(
    Extension(cx): Extension<Context>,
    Path((id, step)): Path<(String, String)>,
    Body(Confirmation { reason }): Body<Confirmation>,
) -> Answer<Value> {
    let step = step.parse().map_err(|_| Error::NotFound)?;
    Ok(Json(shown(&cx, &wishes::confirm(&cx, parsed(&id)?, step, &reason).await?).await?))
}
