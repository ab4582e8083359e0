//! Runs: asking for one, deciding about it, and what people want of it while it goes on.

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::runs::{self as wishes, Asked as Wished, Wish};
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
use domain::texts::{Lang, runs as texts};
use serde::Deserialize;
use serde_json::{Value, json};
use store::runs::Filter;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) use self::steps::NewStep;
use super::page::OfServices;
use super::rollbacks::NewApproval;
use super::{Answer, Body, Cursor, Endpoint, Page, Problem, Query, needs};

mod steps;

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
    let mut shown = json!({"digest": plan.digest(), "live": plan.live(), "steps": steps});
    if !plan.objects().is_empty() {
        shown["objects"] = json!(plan.objects());
    }
    shown
}

fn planned(step: &Step) -> Value {
    let action = match &step.kind {
        StepKind::Kubernetes { action, .. } => Some(action.as_str()),
        StepKind::Object { action, .. } => Some(action.as_str()),
        StepKind::Release { .. } => Some("rollback"),
        _ => None,
    };
    let mut shown = json!({
        "name": step.name,
        "kind": step.kind.as_str(),
        "action": action,
        "workload": step.kind.workload(),
        "role": step.role,
        "expected_s": step.expected_s,
        "deadline_s": step.deadline_s,
        "retries": step.retries,
        "message": texts::step(step, Lang::En),
    });
    if let Some(object) = step.kind.object() {
        shown["object"] = json!(object);
    }
    shown
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
