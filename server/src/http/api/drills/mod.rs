//! Drills: planning and starting one, what is found in it, and the signature.

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::drills::asked::AskedList;
use app::wishes::drills::{self as wishes, Asked as Wish, NewAction, NewIssue};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::drills::closing::Outcome;
use domain::drills::{CauseClass, DrillType, Due};
use domain::evidence::EvidenceKind;
use domain::fields::Fault;
use domain::measurements::Target;
use serde::Deserialize;
use serde_json::Value;
use store::drills::{Filter, Key, key_of};
use utoipa::ToSchema;
use utoipa_axum::router::UtoipaMethodRouterExt;
use utoipa_axum::routes;
use uuid::Uuid;

pub(super) use self::shown::shown;
use super::extract::{Nothing, optional};
use super::runs::NewStep;
use super::{Answer, Body, Cursor, Endpoint, Page, Problem, Query, needs};

mod csv;
mod files;
mod import;
mod shown;
mod xlsx;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let import = routes!(import::import).layer(DefaultBodyLimit::max(import::LONGEST));
    vec![
        needs(Action::PlanDrill, routes!(plan)),
        needs(Action::PlanDrill, import),
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(csv::csv)),
        needs(Action::Read, routes!(xlsx::xlsx)),
        needs(Action::Read, routes!(get)),
        needs(Action::RunDrill, routes!(start)),
        needs(Action::RunDrill, routes!(recover)),
        needs(Action::RunDrill, routes!(cancel)),
        needs(Action::RunDrill, routes!(issues)),
        needs(Action::RunDrill, routes!(action_items)),
        needs(Action::VerifyActionItem, routes!(verify)),
        needs(Action::PerformDrillStep, routes!(confirm)),
        needs(Action::PerformDrillStep, routes!(judge)),
        needs(Action::RunDrill, routes!(tickets)),
        needs(Action::RunDrill, routes!(resume_protection)),
        needs(Action::RunDrill, routes!(link_event)),
        needs(Action::PlanDrill, routes!(explain)),
        needs(Action::SignOffDrill, routes!(sign_off)),
    ]
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDrill {
    /// The expected drill of the calendar that it is done for; what is left out is as that says.
    expected: Option<String>,
    scenario: Option<String>,
    /// The code of the procedure: `DR-SQL-01`.
    script: Option<String>,
    /// tabletop, walkthrough, simulation, parallel, full_interruption
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>, example = "simulation")]
    kind: Option<DrillType>,
    /// Names of accounts, as are the participants.
    lead: String,
    #[serde(default)]
    participants: Vec<String>,
    /// How many people are asked to take part.
    headcount: Option<u32>,
    planned_at: DateTime<Utc>,
    plan: Option<NewPlan>,
    runbook: Option<String>,
    /// `{name, unit, comparison: at_most|at_least, limit, baseline?, measure?}`; with a baseline, the limit is how many
    /// times that. `measure` is `{query, take: max|min|avg|last|time_until, until?: {comparison, limit, hold_s}, from:
    /// t0|recovered, to?: recovered|t1 or for_s?, baseline_s?, coverage, step_s, prometheus?}`: PromQL of one series, by
    /// which it is measured once the window is over; with `baseline_s` relative to the same query so long before T0.
    #[schema(value_type = Option<Vec<Object>>)]
    targets: Option<Vec<Target>>,
    /// What people judge at the end, beside the numbers.
    criteria: Option<Vec<String>>,
    evidence: Option<Vec<NewRequirement>>,
    closure_limit_s: Option<u32>,
    /// A failed one is done again within so many days.
    retest_days: Option<u32>,
    /// Who is told of it in the end.
    report_to: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPlan {
    /// Left out where the steps need none.
    service: Option<String>,
    steps: Vec<NewStep>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRequirement {
    #[schema(value_type = String, example = "screenshot")]
    kind: EvidenceKind,
    #[schema(value_type = String, example = "t1")]
    due: Due,
}

/// Plans a drill; nothing happens before somebody starts it.
#[utoipa::path(post, path = "/drills", tag = "drills", request_body = NewDrill,
    responses((status = 201, body = Value)))]
async fn plan(
    Extension(cx): Extension<Context>,
    Body(new): Body<NewDrill>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    if new.runbook.is_some() {
        let why = "runbooks are not available here; give a plan".to_owned();
        return Err(Error::field("runbook", Fault::Malformed(why)).into());
    }
    let plan = match new.plan {
        Some(plan) => plan,
        // What the calendar asks for may have steps of its own.
        None if new.expected.is_some() => NewPlan { service: None, steps: vec![] },
        None => return Err(Error::field("plan", Fault::Required).into()),
    };
    let steps = plan.steps.into_iter().enumerate();
    let steps = steps.map(|(n, it)| it.of_drill(n)).collect::<Result<_, _>>();
    if new.kind.is_none() && new.expected.is_none() {
        return Err(Error::field("type", Fault::Required).into());
    }
    let wish = Wish {
        expected: new.expected,
        scenario: new.scenario,
        script: new.script,
        kind: new.kind,
        lead: new.lead,
        participants: new.participants,
        headcount: new.headcount,
        planned_at: new.planned_at,
        service: plan.service,
        steps: steps.map_err(wishes::of_plan)?,
        targets: new.targets,
        criteria: new.criteria,
        evidence: new.evidence.map(|it| it.into_iter().map(|it| (it.kind, it.due)).collect()),
        closure_limit_s: new.closure_limit_s,
        retest_days: new.retest_days,
        report_to: new.report_to,
    };
    let drill = wishes::plan(&cx, wish).await?;
    Ok((StatusCode::CREATED, Json(shown(&cx, &drill))))
}

/// The ledger, newest first unless `sort` says otherwise: `created_at`, `planned_at`, `closure_s`, `number`, each with a
/// minus from the last to the first. `happened_since` and `happened_until` ask for the time in which a drill took
/// place, or was to; `from` and `until` for days; `q` for part of number, scenario or code.
#[utoipa::path(get, path = "/drills", tag = "drills", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<AskedList>,
) -> Answer<Page<Value>> {
    if asked.lang.is_some() {
        return Err(Error::field("lang", Fault::Unexpected).into());
    }
    let filter = asked.filter(&cx).map_err(Error::from)?;
    let sort = filter.sort;
    let cursor = Cursor { limit: asked.limit, cursor: asked.cursor };
    let after = cursor.after::<(String, Uuid)>()?.map(|(key, id)| {
        let wrong = || Error::field("cursor", Fault::Unknown);
        Ok::<_, Error>((Key::parse(sort, &key).ok_or_else(wrong)?, id))
    });
    let filter = Filter { after: after.transpose()?, limit: cursor.limit()? + 1, ..filter };
    let page = cx
        .read(Action::Read, async |cx| {
            let rows = store::drills::list(&mut *cx.connection().await?, &filter).await?;
            cursor.page(rows, |it| (key_of(it, sort).text(), it.id.0), |it| shown(cx, &it))
        })
        .await?;
    Ok(Json(page))
}

/// One drill, by its number or its id.
#[utoipa::path(get, path = "/drills/{number}", tag = "drills", params(("number" = String, Path)),
    responses((status = 200, body = Value)))]
async fn get(Extension(cx): Extension<Context>, Path(number): Path<String>) -> Answer<Value> {
    let value = cx
        .read(Action::Read, async |cx| Ok(shown(cx, &store::drills::find(&cx.db, &number).await?)))
        .await?;
    Ok(Json(value))
}

/// Makes its run, which another person approves; T0 is when the fault is proven.
#[utoipa::path(post, path = "/drills/{number}/start", tag = "drills", params(("number" = String, Path)),
    request_body = Nothing, responses((status = 200, body = Value)))]
async fn start(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    bytes: Bytes,
) -> Answer<Value> {
    optional::<Nothing>(&bytes)?;
    Ok(Json(shown(&cx, &wishes::start(&cx, &number).await?)))
}

/// Records that the service is back, where no rollback measures it.
#[utoipa::path(post, path = "/drills/{number}/recover", tag = "drills", params(("number" = String, Path)),
    request_body = Nothing, responses((status = 200, body = Value)))]
async fn recover(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    bytes: Bytes,
) -> Answer<Value> {
    optional::<Nothing>(&bytes)?;
    Ok(Json(shown(&cx, &wishes::recover(&cx, &number).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

/// Ends it: cancelled before the fault is there, aborted afterwards.
#[utoipa::path(post, path = "/drills/{number}/cancel", tag = "drills", params(("number" = String, Path)),
    request_body = Reason, responses((status = 200, body = Value)))]
async fn cancel(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Answer<Value> {
    Ok(Json(shown(&cx, &wishes::cancel(&cx, &number, &reason).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IssueBody {
    text: String,
    /// A measurement, or `closure`: then cause and remedy say why it was missed and what is done about it.
    about: Option<String>,
    /// code_defect, configuration_error, data_problem, partial_node_failure, resource_or_environment, procedure,
    /// communication, tooling, capacity, external; required with `about`
    #[schema(value_type = Option<String>, example = "procedure")]
    class: Option<CauseClass>,
    #[serde(default)]
    cause: String,
    #[serde(default)]
    remedy: String,
}

/// Records what went wrong.
#[utoipa::path(post, path = "/drills/{number}/issues", tag = "drills", params(("number" = String, Path)),
    request_body = IssueBody, responses((status = 201, body = Value)))]
async fn issues(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    Body(new): Body<IssueBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let IssueBody { text, about, class, cause, remedy } = new;
    let issue = NewIssue { text, about, class, cause, remedy };
    let drill = wishes::add_issue(&cx, &number, issue).await?;
    Ok((StatusCode::CREATED, Json(shown(&cx, &drill))))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ActionBody {
    text: String,
    /// The name of an account.
    owner: String,
    due: DateTime<Utc>,
    #[serde(default)]
    critical: bool,
}

/// Notes what is to be done afterwards.
#[utoipa::path(post, path = "/drills/{number}/action-items", tag = "drills", params(("number" = String, Path)),
    request_body = ActionBody, responses((status = 201, body = Value)))]
async fn action_items(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    Body(new): Body<ActionBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let ActionBody { text, owner, due, critical } = new;
    let action = NewAction { text, owner, due, critical };
    let drill = wishes::add_action(&cx, &number, action).await?;
    Ok((StatusCode::CREATED, Json(shown(&cx, &drill))))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Proof {
    /// SHA-256 of a file that was uploaded for this drill.
    evidence: String,
}

/// Confirms that an action item is done, and by what file; not by its owner.
#[utoipa::path(post, path = "/drills/{number}/action-items/{position}/verify", tag = "drills",
    params(("number" = String, Path), ("position" = u32, Path)), request_body = Proof,
    responses((status = 200, body = Value)))]
async fn verify(
    Extension(cx): Extension<Context>,
    Path((number, position)): Path<(String, String)>,
    Body(Proof { evidence }): Body<Proof>,
) -> Answer<Value> {
    let position = position.parse().map_err(|_| Error::NotFound)?;
    Ok(Json(shown(&cx, &wishes::verify_action(&cx, &number, position, &evidence).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Judgement {
    met: bool,
}

/// Says whether an acceptance criterion (from 1) is met; once.
#[utoipa::path(post, path = "/drills/{number}/criteria/{position}", tag = "drills",
    params(("number" = String, Path), ("position" = u32, Path)), request_body = Judgement,
    responses((status = 200, body = Value)))]
async fn judge(
    Extension(cx): Extension<Context>,
    Path((number, position)): Path<(String, String)>,
    Body(Judgement { met }): Body<Judgement>,
) -> Answer<Value> {
    let position = position.parse().map_err(|_| Error::NotFound)?;
    Ok(Json(shown(&cx, &wishes::judge(&cx, &number, position, met).await?)))
}

/// Says that what a step (from 0) of its run asks of people is done.
#[utoipa::path(post, path = "/drills/{number}/steps/{step}/confirm", tag = "drills",
    params(("number" = String, Path), ("step" = usize, Path)), request_body = Reason,
    responses((status = 200, body = Value)))]
async fn confirm(
    Extension(cx): Extension<Context>,
    Path((number, step)): Path<(String, String)>,
    Body(Reason { reason }): Body<Reason>,
) -> Answer<Value> {
    let step = step.parse().map_err(|_| Error::NotFound)?;
    Ok(Json(shown(&cx, &wishes::confirm(&cx, &number, step, &reason).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTicket {
    reference: String,
    /// What was changed, and to what.
    parameter: String,
}

/// Names the change ticket of a parameter that was changed.
#[utoipa::path(post, path = "/drills/{number}/tickets", tag = "drills", params(("number" = String, Path)),
    request_body = NewTicket, responses((status = 201, body = Value)))]
async fn tickets(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    Body(NewTicket { reference, parameter }): Body<NewTicket>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let drill = wishes::add_ticket(&cx, &number, &reference, &parameter).await?;
    Ok((StatusCode::CREATED, Json(shown(&cx, &drill))))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Resumed {
    /// The name of the protection.
    protection: String,
    /// How you know.
    note: String,
}

/// Records that a protection is back that the drill has paused, where no step does; also of a drill that was given up.
#[utoipa::path(post, path = "/drills/{number}/resume-protection", tag = "drills", params(("number" = String, Path)),
    request_body = Resumed, responses((status = 200, body = Value)))]
async fn resume_protection(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    Body(Resumed { protection, note }): Body<Resumed>,
) -> Answer<Value> {
    Ok(Json(shown(&cx, &wishes::resume(&cx, &number, &protection, &note).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Event {
    /// An address (http or https), or `INC-…`.
    event: String,
}

/// Says where the drill stands in the event system.
#[utoipa::path(post, path = "/drills/{number}/event", tag = "drills", params(("number" = String, Path)),
    request_body = Event, responses((status = 200, body = Value)))]
async fn link_event(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    Body(Event { event }): Body<Event>,
) -> Answer<Value> {
    Ok(Json(shown(&cx, &wishes::link_event(&cx, &number, &event).await?)))
}

/// Says why a missed drill did not happen.
#[utoipa::path(post, path = "/drills/{number}/explain", tag = "drills", params(("number" = String, Path)),
    request_body = Reason, responses((status = 200, body = Value)))]
async fn explain(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Answer<Value> {
    Ok(Json(shown(&cx, &wishes::explain(&cx, &number, &reason).await?)))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Signature {
    /// As measured where it is left out; it may be worse, and not better.
    #[schema(value_type = Option<String>, example = "passed")]
    outcome: Option<Outcome>,
    note: String,
}

/// Signs it off; refused with all reasons at once.
#[utoipa::path(post, path = "/drills/{number}/sign-off", tag = "drills", params(("number" = String, Path)),
    request_body = Signature, responses((status = 200, body = Value), (status = 409, body = Problem)))]
async fn sign_off(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    bytes: Bytes,
) -> Answer<Value> {
    let Signature { outcome, note } = optional(&bytes)?;
    Ok(Json(shown(&cx, &wishes::sign_off(&cx, &number, &note, outcome).await?)))
}
