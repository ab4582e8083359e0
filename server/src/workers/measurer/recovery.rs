//! RTO: from T0 of a drill or a rollback until the key calls succeed again, by the query of the objective.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Action, Actor};
use domain::measurements::{Measurement, RTO, Sample};
use domain::objectives::{Dated, Finding, Recovery, Watch, rto, rto_by_ledger};
use serde_json::json;
use store::measurements::incidents::{self, Incident};

use super::World;
use super::source::{Source, range};

/// What is not back after this time is no question of RTO any more.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::hours(24);

/// Prometheus answers with at most 11,000 points.
const MOST_STEPS: i64 = 10_000;

const ACTOR: Actor = Actor::Worker("measurer");

pub(super) async fn tick(world: &World) -> Result<(), store::Error> {
    let since = world.now() - GIVEN_UP_AFTER;
    for incident in incidents::list(&world.db, since).await? {
        if let Err(error) = look(world, &incident).await {
            tracing::warn!(of = %incident.subject, "the RTO could not be measured: {error:#}");
        }
    }
    Ok(())
}

/// By every objective that was in force at T0.
async fn look(world: &World, incident: &Incident) -> Result<(), store::Error> {
    let service = &incident.service_name;
    for objective in store::objectives::of_service(&world.db, service, incident.t0).await? {
        let name = &objective.objective.name;
        let last = incidents::last_result(&world.db, &incident.subject, RTO, name).await?;
        let last = last.as_ref().and_then(Finding::of_value);
        if last.as_ref().is_some_and(Finding::is_final) {
            continue;
        }
        let measured = match (&objective.objective.recovery, incident.over_at) {
            (Some(recovery), _) => measure(world, incident, &objective, recovery).await,
            (None, Some(over_at)) => rto_by_ledger(
                &objective,
                incident.t0,
                over_at,
                &format!("ledger {}", incident.subject),
            ),
            (None, None) => continue,
        };
        keep(world, incident, &measured, last.as_ref()).await?;
    }
    Ok(())
}

async fn measure(
    world: &World,
    incident: &Incident,
    objective: &Dated,
    recovery: &Recovery,
) -> Measurement {
    let until = world.now().max(incident.t0);
    let steps = (until - incident.t0).num_seconds() / MOST_STEPS + 1;
    let step_s = recovery.step_s.max(u32::try_from(steps).unwrap_or(u32::MAX));
    let recovery = &Recovery { step_s, ..recovery.clone() };
    let watch = Watch { recovery, t0: incident.t0, until, over_at: incident.over_at };
    let source =
        Source { address: recovery.prometheus.as_deref(), cluster: incident.cluster.as_deref() };
    let asked = ask(world, &source, incident.t0, recovery, until).await;
    let (finding, samples) = match &asked {
        Ok(series) => (watch.finding(series), watch.line(series)),
        Err(finding) => (finding.clone(), Vec::new()),
    };
    rto(&watch, &finding, objective, &source.name(), samples)
}

async fn ask(
    world: &World,
    source: &Source<'_>,
    t0: DateTime<Utc>,
    recovery: &Recovery,
    until: DateTime<Utc>,
) -> Result<Vec<Vec<Sample>>, Finding> {
    let prometheus = source.prometheus(world, "objective").await?;
    let step = TimeDelta::seconds(recovery.step_s.into());
    Ok(range(&prometheus, &recovery.query, t0, until, step).await?)
}

/// What was found is written each time; that it is another than before is said in the audit log, too.
async fn keep(
    world: &World,
    incident: &Incident,
    measured: &Measurement,
    last: Option<&Finding>,
) -> Result<(), store::Error> {
    let mut tx = world.db.begin().await?;
    if let Some(drill) = incident.drill {
        // Nothing is added to what somebody has signed.
        let drill = store::drills::lock(&mut tx, drill).await?;
        if drill.state.is_over() {
            return Ok(());
        }
    }
    let service = Some(incident.service);
    let one = std::slice::from_ref(measured);
    store::measurements::put(&mut tx, &incident.subject, service, one).await?;
    let found = measured.result.as_ref().and_then(Finding::of_value);
    let kind = |it: &Finding| std::mem::discriminant(it);
    if found.as_ref().map(kind) != last.map(kind) {
        let details = json!({
            "measured": measured.name, "value": measured.value, "verdict": measured.verdict,
            "objective": measured.objective, "result": measured.result,
        });
        let details = crate::audit::details(details);
        let (subject, now) = (&incident.subject, world.now());
        store::audit::record(&mut tx, &ACTOR, Action::Observe, subject, details, now).await?;
    }
    tx.commit().await?;
    Ok(())
}
