//! Planning a drill, and making the run that carries it out.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::access::{Action, Place, Subject};
use domain::drills::{
    CLOSURE_LIMIT_S, Drill, DrillType, Due, Refusal, Requirement, State, Times, USUAL_RTO_S,
};
use domain::evidence::EvidenceKind;
use domain::fields::{Fault, Faults};
use domain::ids::DrillId;
use domain::measurements::{RTO, Target};
use domain::plans::{Plan, StepKind};
use domain::rollbacks::proposal::{live, required};
use domain::runs::{NewRun, Purpose};
use sqlx::PgConnection;

use super::{find, is_known, text};
use crate::doors::Context;
use crate::pages::error::Error;
use crate::wishes::runs::{self, AskedStep};

/// A drill has at most so many steps; who needs more needs a runbook.
const MOST_STEPS: usize = 100;

/// What somebody wants to rehearse.
#[derive(Clone, Debug)]
pub struct Asked {
    pub scenario: String,
    pub kind: DrillType,
    /// The name of an account, as are the participants.
    pub lead: String,
    pub participants: Vec<String>,
    pub planned_at: DateTime<Utc>,
    /// The name of the service.
    pub service: String,
    pub steps: Vec<AskedStep>,
    /// The usual one for a fault where nothing is said.
    pub targets: Option<Vec<Target>>,
    /// The usual ones where nothing is said.
    pub evidence: Option<Vec<(EvidenceKind, Due)>>,
    pub closure_limit_s: Option<u32>,
}

/// A row in the ledger; nothing happens before somebody starts it.
///
/// # Errors
/// Faults by field.
pub async fn plan(cx: &Context, asked: Asked) -> Result<Drill, Error> {
    cx.enter(Action::PlanDrill)?;
    shape(&asked).into_result()?;
    cx.write(Action::PlanDrill, Subject::new("services", &asked.service), async |cx, tx| {
        let service = match store::services::by_name(&mut **tx, &asked.service).await {
            Err(store::Error::NotFound) => {
                return Err(Error::field("plan.service", Fault::Unknown));
            }
            other => other?,
        };
        cx.require(Action::PlanDrill, &Place::service(&service.entry.name, &service.entry.team))?;
        known_people(tx, &asked).await?;
        let watched = runs::watched(tx, service.id).await?;
        let steps = asked.steps.iter().enumerate();
        let steps = steps.map(|(n, it)| runs::step(n, it, &service.entry, &watched));
        let steps = steps.collect::<Result<Vec<_>, _>>().map_err(of_plan)?;
        let fault = steps.iter().find(|it| matches!(it.kind, StepKind::Inject { .. }));
        let fault = fault.and_then(|it| it.kind.workload());
        let workload = watched.iter().map(|it| &it.workload);
        let workload = workload.filter(|it| Some(&it.reference()) == fault).map(|it| it.id).next();
        let usual = || workload.map(|_| Target::within(RTO, USUAL_RTO_S)).into_iter().collect();
        let requirements = match &asked.evidence {
            Some(asked) => asked.iter().map(|(kind, due)| Requirement::open(*kind, *due)).collect(),
            None => Requirement::usual(),
        };
        let drill = Drill {
            id: DrillId::NEW,
            number: String::new(),
            scenario: asked.scenario.trim().to_owned(),
            kind: asked.kind,
            service: service.id,
            service_name: service.entry.name.clone(),
            workload,
            steps,
            lead: asked.lead.clone(),
            participants: asked.participants.clone(),
            planned_by: cx.caller.actor().to_string(),
            planned_at: asked.planned_at,
            closure_limit_s: asked.closure_limit_s.unwrap_or(CLOSURE_LIMIT_S),
            targets: asked.targets.clone().unwrap_or_else(usual),
            measurements: vec![],
            requirements,
            issues: vec![],
            actions: vec![],
            took_part: vec![],
            run: None,
            rollback: None,
            times: Times::default(),
            state: State::Planned,
            created_at: cx.now,
        };
        let drill = store::drills::insert(tx, drill, cx.today()).await?;
        tx.about(Subject::new("drills", &drill.number));
        tx.detail("service", &drill.service_name);
        tx.detail("scenario", &drill.scenario);
        tx.detail("lead", &drill.lead);
        Ok(drill)
    })
    .await
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
    text(&mut faults, "scenario", &asked.scenario);
    if asked.lead.is_empty() {
        faults.add("lead", Fault::Required);
    }
    let mut seen = BTreeSet::from([asked.lead.as_str()]);
    for (n, name) in asked.participants.iter().enumerate() {
        if !seen.insert(name) {
            faults.add(&format!("participants[{n}]"), Fault::Taken);
        }
    }
    if asked.service.is_empty() {
        faults.add("plan.service", Fault::Required);
    }
    match asked.steps.len() {
        0 => faults.add("plan.steps", Fault::Required),
        1..=MOST_STEPS => {}
        _ => faults.add("plan.steps", Fault::TooLong { most: MOST_STEPS }),
    }
    let mut names = BTreeSet::new();
    for (n, target) in asked.targets.iter().flatten().enumerate() {
        if target.name.is_empty() {
            faults.add(&format!("targets[{n}].name"), Fault::Required);
        } else if !names.insert(&target.name) {
            faults.add(&format!("targets[{n}].name"), Fault::Taken);
        }
        if !target.bound().is_finite() {
            faults.add(&format!("targets[{n}].limit"), Fault::Malformed("a number".into()));
        }
    }
    if asked.closure_limit_s.is_some_and(|it| !(60..=7 * 86_400).contains(&it)) {
        faults.add("closure_limit_s", Fault::OutOfRange { from: 60, to: 7 * 86_400 });
    }
    faults
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

/// Makes a run of its steps for the state that is live now; another person approves it.
///
/// # Errors
/// [`Refusal::Begun`], [`Refusal::Over`], [`Refusal::WorkloadBusy`].
pub async fn start(cx: &Context, name: &str) -> Result<Drill, Error> {
    cx.write(Action::RunDrill, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::RunDrill, name).await?;
        let busy = match drill.workload {
            Some(workload) => store::rollbacks::open_of(&mut **tx, workload).await?,
            None => None,
        };
        if busy.is_some() && drill.state == State::Planned {
            return Err(Refusal::WorkloadBusy.into());
        }
        let policy = store::policies::for_service(&mut **tx, drill.service).await?.entry;
        let new = NewRun {
            service: Some(drill.service),
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
