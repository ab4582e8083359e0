//! Everything the ledger knows about a workload that the rules look at, read together.

use chrono::{DateTime, TimeDelta, Utc};
use domain::decide::situation::{History, Measurement, Version};
use domain::ids::{ServiceId, WorkloadId};
use domain::scene::{Rails, Scene};
use domain::workloads::{Rollout, Workload};
use sqlx::PgConnection;

use crate::rails::History as Past;
use crate::{
    Error, alerts, changes, clusters, drills, pods, policies, rails, revisions, rollbacks,
    services, workloads,
};

/// How far back alerts tell whether a signal goes away by itself.
const PAST: TimeDelta = TimeDelta::days(90);

/// How many changes are looked at; the attribution window rarely holds more than a few.
const CHANGES: i64 = 20;

/// Of a workload, for the rule of this name; empty where a person asks. Alert, signal, request and what is measured
/// outside are for the caller to add.
pub async fn of(
    db: &mut PgConnection,
    service: ServiceId,
    workload: &Workload,
    rule: &str,
    now: DateTime<Utc>,
) -> Result<Scene, Error> {
    let past = alerts::past(&mut *db, service, rule, now - PAST).await?;
    let history = rails::history(&mut *db, service, rule, now).await?;
    let cluster = clusters::by_name(&mut *db, &workload.cluster).await?;
    let pods = pods::of(&mut *db, workload.id).await?;
    let nodes = pods::nodes(&mut *db, &workload.cluster).await?;
    let failures_in_a_row = small(history.failures);
    Ok(Scene {
        service: services::get(&mut *db, service).await?.entry,
        policy: policies::for_service(&mut *db, service).await?.entry,
        protected: cluster.entry.protected_namespaces.contains(&workload.namespace),
        revisions: revisions::of(&mut *db, workload.id).await?,
        changes: changes::of_workload(&mut *db, workload.id, CHANGES).await?,
        history: History {
            unattended: small(past.unattended),
            ended_by_themselves: small(past.recovered),
            failed_recoveries: failures_in_a_row,
        },
        rails: rails_of(db, service, workload, history).await?,
        measurement: Measurement::default(),
        workload: workload.clone(),
        confirmation: None,
        sighting: None,
        request: None,
        signal: None,
        alert: None,
        nodes: Some(nodes).filter(|it| !it.is_empty()),
        pods,
    })
}

/// What the rails say now; asked again where something is about to be done.
pub async fn rails_of(
    db: &mut PgConnection,
    service: ServiceId,
    workload: &Workload,
    history: Past,
) -> Result<Rails, Error> {
    let others = other_rollouts(&mut *db, service, workload.id).await?;
    let holds = rails::holds(&mut *db, service).await?;
    let drill = drills::whose_fault(&mut *db, workload).await?;
    Ok(Rails {
        kill_switches: rails::kill_switches(&mut *db).await?,
        other_rollouts: others,
        open: rollbacks::open_of(&mut *db, workload.id).await?,
        newest: rollbacks::newest_acted(&mut *db, service).await?,
        failures_in_a_row: small(history.failures),
        automatic_this_hour: small(history.automatic_this_hour),
        rolling_back_now: small(history.services_rolling_back),
        held: holds
            .into_iter()
            .map(|it| Version { digest: it.digest, config_digest: None })
            .collect(),
        drill,
    })
}

async fn other_rollouts(
    db: &mut PgConnection,
    service: ServiceId,
    but: WorkloadId,
) -> Result<Vec<String>, Error> {
    let all = workloads::by_service(db, service).await?;
    let others = all.into_iter().filter(|it| it.id != but && it.rollout == Rollout::Progressing);
    Ok(others.map(|it| it.name).collect())
}

fn small(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
