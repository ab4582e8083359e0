//! Rollbacks: asking for one, deciding about it, and what became of it.

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::rollbacks::{self as wishes, Asked as Wish, AskedMember};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::approvals::Decision as Consent;
use domain::decide::situation::ReasonKind;
use domain::decisions::Cause;
use domain::fields::Fault;
use domain::rollbacks::{Closure, Rollback, Trigger, members};
use domain::runs::Run;
use domain::services::WorkloadKind;
use domain::texts::{Lang, runs as texts};
use serde::Deserialize;
use serde_json::{Value, json};
use store::rollbacks::Filter;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::page::{newest_first, word};
use super::runs::approval;
use super::{Answer, Body, Cursor, Endpoint, Page, Problem, Query, needs};

mod csv;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(csv::csv)),
        needs(Action::Read, routes!(get)),
        needs(Action::RequestRollback, routes!(request)),
        needs(Action::ApproveRollback, routes!(approve)),
        needs(Action::CancelRollback, routes!(cancel)),
        needs(Action::ResumeRun, routes!(retry)),
        needs(Action::ConfirmChecklist, routes!(checklist)),
    ]
}

/// A rollback with its decision's and run's part, as others read it.
pub(super) async fn shown(cx: &Context, rollback: Rollback) -> Result<Value, Error> {
    let run = match rollback.run {
        Some(id) => Some(store::runs::get(&cx.db, id).await?),
        None => None,
    };
    let openings = store::openings::of_rollback(&cx.db, rollback.id).await?;
    let situation = match rollback.decision {
        Some(id) => store::decisions::get(&cx.db, id).await?.situation,
        None => Value::Null,
    };
    let trace = match situation.pointer("/alert/trace_id").and_then(Value::as_str) {
        Some(trace) => Some(trace.to_owned()),
        None => trace(cx, &rollback).await?,
    };
    let members = members(&rollback, run.as_ref());
    let split = rollback.times.split();
    let (trigger, requested_by) = match &rollback.trigger {
        Trigger::Alert { alerts } => (json!({"kind": "alert", "alerts": alerts}), None),
        Trigger::Person { name, reason_kind, reason, .. } => (
            json!({"kind": "person", "alerts": [], "reason_kind": reason_kind, "reason": reason}),
            Some(name.clone()),
        ),
    };
    let duration = rollback.ended_at.map(|it| seconds(it - rollback.created_at));
    Ok(json!({
        "id": rollback.id,
        "number": rollback.number,
        "service": rollback.service_name,
        "drill": rollback.drill,
        "state": rollback.state.as_str(),
        "state_reason": reason(&rollback),
        "follows": rollback.follows,
        "trigger": trigger,
        "requested_by": requested_by,
        "decision": rollback.decision,
        "from": rollback.from,
        "target": rollback.target,
        "plan": run.as_ref().map(plan),
        "approvals": run.as_ref().map(approvals).unwrap_or_default(),
        "run": rollback.run,
        "verification": {
            "checks": rollback.verification.checks,
            "verdict": rollback.verification.verdict,
            "checklist": rollback.verification.checklist,
            "healthy_since": rollback.verification.healthy_since,
        },
        "times": {
            "onset_at": rollback.times.onset_at,
            "detect_s": split.detect_s,
            "decide_s": split.decide_s,
            "approve_s": split.approve_s,
            "execute_s": split.execute_s,
            "verify_s": split.verify_s,
        },
        "asked": rollback.asked,
        "created_at": rollback.created_at,
        "started_at": rollback.times.approved_at,
        "ended_at": rollback.ended_at,
        "duration_s": duration,
        "success": rollback.success(),
        "trace_id": trace,
        "runbook": situation.pointer("/signal/runbook"),
        "openings": openings.iter().map(super::openings::shown).collect::<Vec<_>>(),
        "members": members,
    }))
}

/// Of the first of its alerts that names one: what was decided on may have been another.
async fn trace(cx: &Context, rollback: &Rollback) -> Result<Option<String>, Error> {
    let Trigger::Alert { alerts } = &rollback.trigger else { return Ok(None) };
    for alert in alerts {
        let alert = store::alerts::get(&cx.db, *alert).await?;
        let trace = domain::openings::trace_id(&alert.annotations, &alert.labels);
        if trace.is_some() {
            return Ok(trace);
        }
    }
    Ok(None)
}

/// What became of each of its workloads, in the order of the plan.
fn members(rollback: &Rollback, run: Option<&Run>) -> Vec<Value> {
    let Some(run) = run else { return vec![] };
    let shown = members::workloads(run).into_iter().map(|workload| {
        let (standing, note) = members::standing(run, workload);
        let member = rollback.members.iter().find(|it| it.workload == *workload);
        let (from, target) = match member {
            Some(it) => (Some(&it.from), Some(&it.target)),
            None => (rollback.from.as_ref(), rollback.target.as_ref()),
        };
        json!({
            "workload": workload, "from": from, "target": target, "state": standing,
            "message": note.map(|it| texts::note(it, Lang::En)),
        })
    });
    shown.collect()
}

/// How a closed one ended, else why it is in its state.
fn reason(rollback: &Rollback) -> Option<String> {
    let closure = rollback.state.closure().map(|it| it.as_str().to_owned());
    closure.or_else(|| rollback.state.reason().map(str::to_owned))
}

fn seconds(span: chrono::TimeDelta) -> f64 {
    span.num_milliseconds() as f64 / 1000.0
}

/// The digest to approve, and what would be done.
fn plan(run: &Run) -> Value {
    let steps = run.plan.steps().iter().map(|it| {
        json!({"name": it.name, "kind": it.kind.as_str(), "role": it.role, "deadline_s": it.deadline_s})
    });
    json!({"digest": run.plan.digest(), "steps": steps.collect::<Vec<_>>()})
}

fn approvals(run: &Run) -> Vec<Value> {
    run.approvals.iter().map(approval).collect()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service: Option<String>,
    team: Option<String>,
    state: Option<String>,
    closure: Option<String>,
    cause: Option<String>,
    automatic: Option<bool>,
    drill: Option<bool>,
    from: Option<String>,
    to: Option<String>,
    duration_min_s: Option<f64>,
    duration_max_s: Option<f64>,
    success: Option<bool>,
    cluster: Option<String>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    sort: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

impl Asked {
    /// The filter without its place and length.
    fn filter(self) -> Result<(Filter, Cursor), Error> {
        newest_first(self.sort.as_deref(), "created_at")?;
        if let Some(it) = &self.closure {
            word(it, "closure", Closure::parse, Closure::ALL, Closure::as_str)?;
        }
        if let Some(it) = &self.cause {
            word(it, "cause", Cause::parse, Cause::ALL, Cause::as_str)?;
        }
        let filter = Filter {
            service: self.service,
            team: self.team,
            state: self.state,
            closure: self.closure,
            cause: self.cause,
            automatic: self.automatic,
            of_drill: self.drill,
            from: self.from,
            to: self.to,
            shortest_s: self.duration_min_s,
            longest_s: self.duration_max_s,
            success: self.success,
            cluster: self.cluster,
            since: self.since,
            until: self.until,
            ..Filter::default()
        };
        Ok((filter, Cursor { limit: self.limit, cursor: self.cursor }))
    }
}

/// Rollbacks, newest first. `automatic` asks for those that a policy approved, `drill` for those of a drill's fault,
/// `from` and `to` for versions: the tag of an image, the image, or the number of a revision.
#[utoipa::path(get, path = "/rollbacks", tag = "rollbacks", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Value>> {
    let (filter, cursor) = asked.filter()?;
    let filter = Filter { after: cursor.after()?, limit: cursor.limit()? + 1, ..filter };
    let page = cx
        .read(Action::Read, async |cx| {
            let rows = store::rollbacks::list(&cx.db, &filter).await?;
            let page = cursor.page(rows, |it| (it.created_at, it.id.0), |it| it)?;
            let mut items = Vec::with_capacity(page.items.len());
            for rollback in page.items {
                items.push(shown(cx, rollback).await?);
            }
            Ok(Page { items, next_cursor: page.next_cursor })
        })
        .await?;
    Ok(Json(page))
}

/// One rollback, by its id or its number.
#[utoipa::path(get, path = "/rollbacks/{id}", tag = "rollbacks", params(("id" = String, Path)),
    responses((status = 200, body = Value)))]
async fn get(Extension(cx): Extension<Context>, Path(id): Path<String>) -> Answer<Value> {
    let value = cx
        .read(Action::Read, async |cx| shown(cx, store::rollbacks::find(&cx.db, &id).await?).await)
        .await?;
    Ok(Json(value))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRollback {
    service: String,
    #[schema(value_type = String, example = "function_down")]
    reason_kind: ReasonKind,
    reason: String,
    target: Option<NewTarget>,
    /// It is to be done although changes are frozen.
    #[serde(default)]
    confirmed: bool,
}

/// The newest verified revision where nothing is named.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTarget {
    workload: Option<Named>,
    release: Option<String>,
    revision: Option<i64>,
    /// Several at once, in one plan: they are brought back in the order of the catalog, and one that fails stops those
    /// after it.
    #[serde(default)]
    workloads: Vec<Several>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Several {
    #[schema(value_type = String, example = "Deployment")]
    kind: WorkloadKind,
    name: String,
    /// The newest verified one where none is named.
    revision: Option<i64>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    #[schema(value_type = String, example = "Deployment")]
    kind: WorkloadKind,
    name: String,
}

/// Asks for a rollback; another person approves it.
#[utoipa::path(post, path = "/rollbacks", tag = "rollbacks", request_body = NewRollback,
    responses((status = 201, body = Value)))]
async fn request(
    Extension(cx): Extension<Context>,
    Body(mut new): Body<NewRollback>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let several = new.target.as_mut().map(|it| std::mem::take(&mut it.workloads));
    let several = several.unwrap_or_default();
    let alone =
        |it: &NewTarget| it.workload.is_some() || it.revision.is_some() || it.release.is_some();
    if !several.is_empty() && new.target.as_ref().is_some_and(alone) {
        return Err(Error::field("target.workloads", Fault::Unexpected).into());
    }
    let members = several
        .into_iter()
        .map(|it| AskedMember { workload: (it.kind, it.name), revision: it.revision });
    let members = members.collect();
    let (workload, revision, release) = match new.target {
        Some(NewTarget { release: Some(_), workload: Some(_), .. }) => {
            let why = "names a workload beside it; name one of the two".to_owned();
            return Err(Error::field("target.release", Fault::Malformed(why)).into());
        }
        Some(NewTarget { release: Some(name), revision: Some(revision), .. }) => {
            (None, None, Some((name, revision)))
        }
        Some(NewTarget { release: Some(_), revision: None, .. }) => {
            return Err(Error::field("target.revision", Fault::Required).into());
        }
        Some(target) => (target.workload.map(|it| (it.kind, it.name)), target.revision, None),
        None => (None, None, None),
    };
    let wish = Wish {
        service: new.service,
        reason_kind: new.reason_kind,
        reason: new.reason,
        workload,
        revision,
        confirmed: new.confirmed,
        members,
        release,
    };
    let rollback = wishes::request(&cx, wish).await?;
    Ok((StatusCode::CREATED, Json(shown(&cx, rollback).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApproval {
    /// The digest that was read.
    pub(super) plan_digest: String,
    #[schema(value_type = String, example = "approve")]
    pub(super) decision: Consent,
    #[serde(default)]
    pub(super) reason: String,
    /// A one-time code, where the policy asks for it.
    pub(super) otp: Option<String>,
}

/// A person's consent, or their no.
#[utoipa::path(post, path = "/rollbacks/{id}/approvals", tag = "rollbacks", params(("id" = String, Path)),
    request_body = NewApproval, responses((status = 201, body = Value)))]
async fn approve(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(new): Body<NewApproval>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let NewApproval { plan_digest, decision, reason, otp } = new;
    let otp = otp.as_deref();
    let rollback = wishes::decide_about(&cx, &id, &plan_digest, decision, &reason, otp).await?;
    Ok((StatusCode::CREATED, Json(shown(&cx, rollback).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

/// Ends it before anything was done.
#[utoipa::path(post, path = "/rollbacks/{id}/cancel", tag = "rollbacks", params(("id" = String, Path)),
    request_body = Reason, responses((status = 200, body = Value)))]
async fn cancel(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Answer<Value> {
    let rollback = wishes::cancel(&cx, &id, &reason).await?;
    Ok(Json(shown(&cx, rollback).await?))
}

/// Tries a failed one again from the step that failed.
#[utoipa::path(post, path = "/rollbacks/{id}/retry", tag = "rollbacks", params(("id" = String, Path)),
    request_body = Reason, responses((status = 200, body = Value)))]
async fn retry(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Answer<Value> {
    let rollback = wishes::retry(&cx, &id, &reason).await?;
    Ok(Json(shown(&cx, rollback).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Ticks {
    items: Vec<Tick>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Tick {
    name: String,
    done: bool,
    note: Option<String>,
}

/// What people have looked at.
#[utoipa::path(post, path = "/rollbacks/{id}/checklist", tag = "rollbacks", params(("id" = String, Path)),
    request_body = Ticks, responses((status = 200, body = Value)))]
async fn checklist(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
    Body(Ticks { items }): Body<Ticks>,
) -> Answer<Value> {
    let items: Vec<_> = items.into_iter().map(|it| (it.name, it.done, it.note)).collect();
    let rollback = wishes::tick(&cx, &id, &items).await?;
    Ok(Json(shown(&cx, rollback).await?))
}
