//! Planning a drill, and making the run that carries it out.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::access::{Action, Place, Subject};
use domain::calendar::ExpectedDrill;
use domain::catalog::{self, Stored};
use domain::drills::{
    CLOSURE_LIMIT_S, Criterion, Drill, DrillType, Due, Expected, OfService, RETEST_DAYS, Refusal,
    Requirement, State, USUAL_RTO_S, check_measures,
};
use domain::evidence::EvidenceKind;
use domain::fields::{Fault, Faults};
use domain::ids::ServiceId;
use domain::measurements::{RTO, Target};
use domain::plans::{Plan, Protection, Step, StepKind};
use domain::policies::Policy;
use domain::rollbacks::proposal::{live, required};
use domain::runs::{NewRun, Purpose};
use domain::services::Service;
use sqlx::PgConnection;

use super::{find, is_known, text};
use crate::doors::Context;
use crate::pages::error::Error;
use crate::wishes::calendar;
use crate::wishes::runs::{self, AskedStep};

/// A drill has at most so many steps; who needs more needs a runbook.
const MOST_STEPS: usize = 100;

/// A step, and what it does to a protection of the service.
#[derive(Clone, Debug)]
pub struct Performed {
    pub step: AskedStep,
    pub protection: Option<Protection>,
}

impl From<AskedStep> for Performed {
    fn from(step: AskedStep) -> Self {
        Self { step, protection: None }
    }
}

/// What somebody wants to rehearse. What is left out is as the calendar says, where it is done for the calendar, and
/// as usual otherwise.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The name of the expected drill that it is done for.
    pub expected: Option<String>,
    pub scenario: Option<String>,
    pub script: Option<String>,
    pub kind: Option<DrillType>,
    /// The name of an account, as are the participants.
    pub lead: String,
    pub participants: Vec<String>,
    pub headcount: Option<u32>,
    pub planned_at: DateTime<Utc>,
    /// The name of the service; nothing where the steps need none.
    pub service: Option<String>,
    pub steps: Vec<Performed>,
    pub targets: Option<Vec<Target>>,
    pub criteria: Option<Vec<String>>,
    pub evidence: Option<Vec<(EvidenceKind, Due)>>,
    pub closure_limit_s: Option<u32>,
    pub retest_days: Option<u32>,
    /// Who is told of it in the end.
    pub report_to: Option<String>,
}

/// A row in the ledger; nothing happens before somebody starts it.
///
/// # Errors
/// Faults by field.
pub async fn plan(cx: &Context, asked: Asked) -> Result<Drill, Error> {
    cx.enter(Action::PlanDrill)?;
    shape(&asked).into_result()?;
    cx.write(Action::PlanDrill, Subject::new("drills", "new"), async |cx, tx| {
        let expected = match &asked.expected {
            Some(name) => Some(calendar::occurrence_at(cx, tx, name, asked.planned_at).await?),
            None => None,
        };
        let template = expected.as_ref().map(|(stated, _)| &stated.drill.entry);
        let service = asked.service.as_ref().or(template.and_then(|it| it.service.as_ref()));
        let service = of_service(tx, service).await?;
        let place = service.as_ref().map(|it| Place::service(&it.entry.name, &it.entry.team));
        cx.require(Action::PlanDrill, &place.unwrap_or_default())?;
        known_people(tx, &asked).await?;
        known_sources(tx, &asked, template).await?;

        let mut drill = from_template(&asked, template);
        let steps = steps_of(&asked, template)?;
        drill.expected = expected.map(|(stated, occurrence)| Expected {
            id: stated.drill.id,
            name: stated.drill.entry.name,
            period: occurrence.period,
        });
        add_steps(tx, &mut drill, service.as_ref(), &steps).await?;
        if drill.workload.is_some() && asked.targets.is_none() && drill.targets.is_empty() {
            drill.targets.push(Target::within(RTO, USUAL_RTO_S));
        }
        drill.service = service.map(OfService::from);
        drill.planned_by = cx.caller.actor().to_string();
        drill.created_at = cx.now;
        let drill = store::drills::insert(tx, drill, cx.today()).await?;
        tx.about(Subject::new("drills", &drill.number));
        tx.detail("service", drill.service_name());
        tx.detail("scenario", &drill.scenario);
        tx.detail("lead", &drill.lead);
        tx.detail("expected", drill.expected.as_ref().map(|it| (&it.name, &it.period)));
        Ok(drill)
    })
    .await
}

/// What is said of it, then what the calendar says, then what is usual.
fn from_template(asked: &Asked, template: Option<&ExpectedDrill>) -> Drill {
    let scenario = asked.scenario.as_deref().map(str::trim);
    let scenario = scenario.or(template.map(|it| it.scenario.as_str())).unwrap_or_default();
    let kind = asked.kind.or(template.map(|it| it.r#type)).unwrap_or(DrillType::Simulation);
    let script = asked.script.clone().or_else(|| template?.script.clone());
    let criteria = asked.criteria.as_ref().or(template.map(|it| &it.criteria));
    let evidence = asked.evidence.clone().or_else(|| {
        let asked = template?.evidence.as_ref()?.iter();
        Some(asked.map(|it| (it.kind, it.due)).collect())
    });
    let closure = asked.closure_limit_s.or(template.map(|it| it.closure_limit_s));
    Drill {
        script: script.filter(|it| !it.trim().is_empty()),
        lead: Some(asked.lead.clone()),
        participants: asked.participants.clone(),
        headcount: asked.headcount.or_else(|| template?.headcount),
        closure_limit_s: closure.unwrap_or(CLOSURE_LIMIT_S),
        retest_days: asked.retest_days.or(template.map(|it| it.retest_days)).unwrap_or(RETEST_DAYS),
        targets: asked
            .targets
            .clone()
            .or(template.map(|it| it.targets.clone()))
            .unwrap_or_default(),
        criteria: criteria.into_iter().flatten().map(|it| Criterion::open(it.trim())).collect(),
        requirements: match evidence {
            Some(asked) => {
                asked.into_iter().map(|(kind, due)| Requirement::open(kind, due)).collect()
            }
            None => Requirement::usual(),
        },
        follow_ups: template.map(|it| it.follow_ups.clone()).unwrap_or_default(),
        report_to: asked.report_to.clone().or_else(|| template?.report_to.clone()),
        ..Drill::of(scenario.to_owned(), kind, asked.planned_at)
    }
}

async fn of_service(
    tx: &mut PgConnection,
    name: Option<&String>,
) -> Result<Option<Stored<ServiceId, Service>>, Error> {
    let Some(name) = name else { return Ok(None) };
    match store::services::by_name(tx, name).await {
        Ok(service) => Ok(Some(service)),
        Err(store::Error::NotFound) => Err(Error::field("plan.service", Fault::Unknown)),
        Err(other) => Err(other.into()),
    }
}

/// What is said of it, or else what people do by the calendar.
fn steps_of(asked: &Asked, template: Option<&ExpectedDrill>) -> Result<Vec<Performed>, Error> {
    let by_calendar = template.into_iter().flat_map(|it| &it.steps).map(|it| Performed {
        step: AskedStep::Manual { instruction: it.instruction.clone() },
        protection: it.protection.clone(),
    });
    let steps = match asked.steps.is_empty() {
        true => by_calendar.collect(),
        false => asked.steps.clone(),
    };
    if steps.is_empty() { Err(Error::field("plan.steps", Fault::Required)) } else { Ok(steps) }
}

/// The steps with what they name, and the workload that gets the fault.
async fn add_steps(
    tx: &mut PgConnection,
    drill: &mut Drill,
    service: Option<&Stored<ServiceId, Service>>,
    asked: &[Performed],
) -> Result<(), Error> {
    let watched = match service {
        Some(service) => runs::watched(tx, service.id).await?,
        None => vec![],
    };
    let checks = service.map(|it| it.entry.checks.as_slice()).unwrap_or_default();
    let mut steps = Vec::new();
    for (n, it) in asked.iter().enumerate() {
        let step = runs::step(n, &it.step, checks, &watched, &steps).map_err(of_plan)?;
        steps.push(Step { protection: it.protection.clone(), ..step });
    }
    drill.steps = steps;
    let fault = drill.steps.iter().find(|it| matches!(it.kind, StepKind::Inject { .. }));
    let fault = fault.and_then(|it| it.kind.workload());
    let workload = watched.iter().map(|it| &it.workload);
    let mut workload = workload.filter(|it| Some(&it.reference()) == fault).map(|it| it.id);
    drill.workload = workload.next();
    Ok(())
}

/// Steps are sent as part of a plan: what is wrong with them is named so.
pub fn of_plan(error: Error) -> Error {
    match error {
        Error::Invalid(Faults(faults)) => {
            let below = faults.into_iter().map(|(field, fault)| (format!("plan.{field}"), fault));
            Error::Invalid(Faults(below.collect()))
        }
        other => other,
    }
}

/// What can be said without looking anything up.
fn shape(asked: &Asked) -> Faults {
    let mut faults = Faults::default();
    match &asked.scenario {
        Some(scenario) => text(&mut faults, "scenario", scenario),
        None if asked.expected.is_none() => faults.add("scenario", Fault::Required),
        None => {}
    }
    if asked.lead.is_empty() {
        faults.add("lead", Fault::Required);
    }
    let mut seen = BTreeSet::from([asked.lead.as_str()]);
    for (n, name) in asked.participants.iter().enumerate() {
        if !seen.insert(name) {
            faults.add(&format!("participants[{n}]"), Fault::Taken);
        }
    }
    for (n, criterion) in asked.criteria.iter().flatten().enumerate() {
        text(&mut faults, &format!("criteria[{n}]"), criterion);
    }
    match asked.steps.len() {
        0 if asked.expected.is_none() => faults.add("plan.steps", Fault::Required),
        0..=MOST_STEPS => {}
        _ => faults.add("plan.steps", Fault::TooLong { most: MOST_STEPS }),
    }
    for (n, step) in asked.steps.iter().enumerate() {
        if let Some(Protection::Pauses(name) | Protection::Resumes(name)) = &step.protection {
            text(&mut faults, &format!("plan.steps[{n}].protection"), name);
        }
    }
    if let Some(report_to) = &asked.report_to {
        text(&mut faults, "report_to", report_to);
    }
    check_targets(&mut faults, asked.targets.as_deref().unwrap_or_default());
    let mut within = |field, value: Option<u32>, from: u32, to: u32| {
        if value.is_some_and(|it| !(from..=to).contains(&it)) {
            faults.add(field, Fault::OutOfRange { from: from.into(), to: to.into() });
        }
    };
    within("closure_limit_s", asked.closure_limit_s, 60, 7 * 86_400);
    within("headcount", asked.headcount, 1, 10_000);
    within("retest_days", asked.retest_days, 1, 366);
    faults
}

fn check_targets(faults: &mut Faults, targets: &[Target]) {
    let mut names = BTreeSet::new();
    for (n, target) in targets.iter().enumerate() {
        if target.name.is_empty() {
            faults.add(&format!("targets[{n}].name"), Fault::Required);
        } else if !names.insert(&target.name) {
            faults.add(&format!("targets[{n}].name"), Fault::Taken);
        }
        if target.bound().is_some_and(|it| !it.is_finite()) {
            faults.add(&format!("targets[{n}].limit"), Fault::Malformed("a number".into()));
        }
        let mut found = Vec::new();
        check_measures(target, &mut catalog::Faults::of(&mut found));
        for fault in found {
            let field = format!("targets[{n}].{}", fault.path);
            faults.add(&field, Fault::Malformed(fault.message));
        }
    }
}

/// Who signs is compared with these names, so each is an account.
async fn known_people(tx: &mut PgConnection, asked: &Asked) -> Result<(), Error> {
    let mut faults = Faults::default();
    if !is_known(tx, &asked.lead).await? {
        faults.add("lead", Fault::Unknown);
    }
    for (n, name) in asked.participants.iter().enumerate() {
        if !is_known(tx, name).await? {
            faults.add(&format!("participants[{n}]"), Fault::Unknown);
        }
    }
    Ok(faults.into_result()?)
}

/// The server asks only where a catalog has it ask: an address of another place is for who keeps that.
async fn known_sources(
    tx: &mut PgConnection,
    asked: &Asked,
    template: Option<&ExpectedDrill>,
) -> Result<(), Error> {
    let named = |targets: &[Target]| -> Vec<String> {
        let measuring = targets.iter().filter_map(|it| it.measure.as_ref());
        measuring.filter_map(|it| it.prometheus.clone()).collect()
    };
    let targets = asked.targets.as_deref().unwrap_or_default();
    if named(targets).is_empty() {
        return Ok(());
    }
    let mut known = template.map(|it| named(&it.targets)).unwrap_or_default();
    let clusters = store::clusters::list(&mut *tx).await?;
    known.extend(clusters.into_iter().filter_map(|it| it.entry.prometheus));
    let objectives = store::objectives::list(&mut *tx).await?;
    known.extend(objectives.into_iter().filter_map(|it| it.objective.recovery?.prometheus));
    let mut faults = Faults::default();
    for (n, target) in targets.iter().enumerate() {
        let address = target.measure.as_ref().and_then(|it| it.prometheus.as_ref());
        if address.is_some_and(|it| !known.contains(it)) {
            faults.add(&format!("targets[{n}].measure.prometheus"), Fault::Unknown);
        }
    }
    Ok(faults.into_result()?)
}

/// Makes a run of its steps for the state that is live now; another person approves it.
///
/// # Errors
/// [`Refusal::Begun`], [`Refusal::Over`], [`Refusal::WorkloadBusy`], [`Refusal::OtherDrill`].
pub async fn start(cx: &Context, name: &str) -> Result<Drill, Error> {
    cx.write(Action::RunDrill, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::RunDrill, name).await?;
        if drill.state == State::Planned {
            refuse_where_busy(tx, &drill).await?;
        }
        let service = drill.service.as_ref().map(|it| it.id);
        let policy = match service {
            Some(service) => store::policies::for_service(&mut **tx, service).await?.entry,
            None => Policy::named(domain::policies::DEFAULT),
        };
        let new = NewRun {
            service,
            purpose: Purpose::Drill(drill.id),
            plan: plan_of(tx, &drill).await?,
            required: required(&policy, cx.now),
            requested_by: cx.caller.actor().to_string(),
            reason: format!("{} {}", drill.number, drill.scenario),
            at: cx.now,
        };
        let run = store::runs::create(tx, new).await?;
        let drill = drill.start(run.id)?;
        store::drills::save(tx, &drill).await?;
        tx.detail("run", run.id);
        tx.detail("plan_digest", run.plan.digest());
        Ok(drill)
    })
    .await
}

/// With two faults in one workload nobody could say whose times they are.
async fn refuse_where_busy(tx: &mut PgConnection, drill: &Drill) -> Result<(), Error> {
    let Some(workload) = drill.workload else { return Ok(()) };
    if store::rollbacks::open_of(&mut *tx, workload).await?.is_some() {
        return Err(Refusal::WorkloadBusy.into());
    }
    match store::drills::running_of(tx, workload).await? {
        true => Err(Refusal::OtherDrill.into()),
        false => Ok(()),
    }
}

/// The steps with the live state of every workload they touch.
async fn plan_of(tx: &mut PgConnection, drill: &Drill) -> Result<Plan, Error> {
    let touched: BTreeSet<_> = drill.steps.iter().filter_map(|it| it.kind.workload()).collect();
    let mut states = Vec::with_capacity(touched.len());
    for workload in touched {
        let found = store::workloads::find(&mut *tx, workload).await?;
        let found = found.filter(|it| it.gone_at.is_none());
        let found = found.ok_or_else(|| Error::field("plan.steps", Fault::Unknown))?;
        states.push(live(&found));
    }
    Ok(Plan::new(drill.steps.clone(), states))
}
