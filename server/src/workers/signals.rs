//! Our own evaluation of the signals that PromQL measures, one query for each signal and cluster, and the alarm when
//! a Prometheus does not answer.
//!
//! Whoever holds the lease of a cluster's watch evaluates its signals too. What is pending is kept in memory: after a
//! restart a stretch begins anew, and what fires is found in the ledger.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::alerts::{Labels, Report, Source as Noticed, State};
use domain::catalog::Stored;
use domain::clusters::Cluster;
use domain::ids::ServiceId;
use domain::policies::Policy;
use domain::services::Service;
use domain::signals::evaluation::{Standing, Turn};
use domain::signals::{Signal, Source};
use futures::future::join_all;
use store::alerts::Placed;
use store::signals::Pending;
use tokio::time::{MissedTickBehavior, interval};

use super::World;
use crate::adapters::prometheus::{Error, Prometheus, Sample, mine};

const PERIOD: Duration = Duration::from_secs(2);
/// Queries that one Prometheus answers at the same time.
const AT_ONCE: usize = 4;
/// A Prometheus that has not answered for so long leaves us blind.
const BLIND: TimeDelta = TimeDelta::seconds(10);
/// The name of the alarm.
pub const DETECTOR_BLIND: &str = "DetectorBlind";

/// For as long as it is polled.
pub(super) async fn run(world: &World, cluster: &Cluster) {
    if cluster.prometheus.is_none() {
        return std::future::pending().await;
    }
    let mut evaluator = Evaluator {
        world,
        cluster: &cluster.name,
        standings: None,
        pending: vec![],
        answered: world.now(),
        blind: false,
    };
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = evaluator.look().await {
            tracing::warn!(cluster = cluster.name, "signals wait for the database: {error:#}");
        }
    }
}

struct Evaluator<'a> {
    world: &'a World,
    cluster: &'a str,
    /// Nothing until the ledger was asked what fires.
    standings: Option<HashMap<(String, ServiceId), Standing>>,
    /// As it was written down last.
    pending: Vec<Pending>,
    /// When the Prometheus last said anything.
    answered: DateTime<Utc>,
    blind: bool,
}

/// A service in the cluster, and how many requests have to stand behind a share of it.
struct Subject {
    service: Stored<ServiceId, Service>,
    min_requests: u32,
}

/// What the queries of a signal say.
enum Answer {
    Ratio { numerator: Vec<Sample>, denominator: Vec<Sample> },
    Value(Vec<Sample>),
}

impl Evaluator<'_> {
    async fn look(&mut self) -> anyhow::Result<()> {
        let signals = store::signals::list(&self.world.db).await?;
        let signals = signals.into_iter().map(|it| it.entry);
        let signals: Vec<Signal> = signals
            .filter(|it| matches!(it.source, Source::Ratio { .. } | Source::Value { .. }))
            .collect();
        let subjects = self.subjects().await?;
        if signals.is_empty() || subjects.is_empty() {
            return Ok(());
        }
        // What is not written down has not turned, so the old ones stay until then.
        let mut standings = match &self.standings {
            Some(standings) => standings.clone(),
            None => self.begin().await?,
        };
        let now = self.world.now();
        let answers = self.ask(&signals, now).await;
        self.note_blindness(&answers, now).await?;

        let mut fired = Vec::new();
        let mut ended = Vec::new();
        let mut values = HashMap::new();
        for (signal, answer) in signals.iter().zip(&answers) {
            for subject in &subjects {
                let reading = answer.as_ref().ok().and_then(|it| it.reading(signal, subject));
                let place = (signal.name.clone(), subject.service.id);
                let before = standings.get(&place).copied().unwrap_or_default();
                let (after, turn) = before.read(signal, reading, now);
                values.extend(reading.map(|value| (place.clone(), value)));
                standings.insert(place, after);
                let labels = self.labels(signal, &subject.service.name);
                match turn {
                    Some(Turn::Fires { onset, value }) => {
                        fired.push(placed(labels, signal, subject.service.id, onset, value, now));
                    }
                    Some(Turn::Ends) => ended.push(domain::alerts::key(&labels).to_string()),
                    None => {}
                }
            }
        }
        let pending = pending(&signals, &subjects, &standings, &values);
        if !(fired.is_empty() && ended.is_empty() && pending == self.pending) {
            let mut tx = self.world.db.begin().await?;
            store::alerts::fire(&mut tx, &fired, Noticed::Promql, now).await?;
            // Not ended here: the detector finds out what follows from it.
            store::alerts::say_resolved(&mut tx, &ended, now).await?;
            if pending != self.pending {
                store::signals::set_pending(&mut tx, self.cluster, &pending).await?;
            }
            tx.commit().await?;
            store::alerts::tell(&self.world.db).await?;
            self.pending = pending;
        }
        self.standings = Some(standings);
        Ok(())
    }

    async fn subjects(&self) -> anyhow::Result<Vec<Subject>> {
        let policies = store::policies::list(&self.world.db).await?;
        let policies: BTreeMap<&str, &Policy> =
            policies.iter().map(|it| (it.entry.name.as_str(), &it.entry)).collect();
        let services = store::services::list(&self.world.db).await?.into_iter();
        let here = services.filter(|it| it.workloads.iter().any(|it| it.cluster == self.cluster));
        let subjects = here.map(|service| {
            let policy = policies.get(service.policy.as_str());
            let min_requests = policy.map_or(u32::MAX, |it| it.gates.min_requests);
            Subject { service, min_requests }
        });
        Ok(subjects.collect())
    }

    /// What was pending when another process watched begins anew.
    async fn begin(&self) -> anyhow::Result<HashMap<(String, ServiceId), Standing>> {
        let mut tx = self.world.db.begin().await?;
        store::signals::set_pending(&mut tx, self.cluster, &[]).await?;
        tx.commit().await?;
        self.firing().await
    }

    /// What fires according to the ledger.
    async fn firing(&self) -> anyhow::Result<HashMap<(String, ServiceId), Standing>> {
        let alerts = store::alerts::firing(&self.world.db).await?.into_iter();
        let ours = alerts.filter(|it| {
            it.source == Noticed::Promql
                && it.labels.get("cluster").is_some_and(|it| it == self.cluster)
        });
        Ok(ours.filter_map(|it| Some(((it.name, it.service?), Standing::Firing))).collect())
    }

    async fn ask(&self, signals: &[Signal], now: DateTime<Utc>) -> Vec<Result<Answer, Error>> {
        let prometheus = match self.world.metrics.of(self.cluster).await {
            Ok(prometheus) => prometheus,
            Err(error) => {
                tracing::warn!(cluster = self.cluster, "signals are not evaluated: {error:#}");
                let none = || Err(Error::None(self.cluster.to_owned()));
                return signals.iter().map(|_| none()).collect();
            }
        };
        let mut answers = Vec::with_capacity(signals.len());
        for some in signals.chunks(AT_ONCE) {
            let asked = some.iter().map(|it| ask(&prometheus, it, now));
            answers.extend(join_all(asked).await);
        }
        answers
    }

    /// The alarm concerns no service, and everybody.
    async fn note_blindness(
        &mut self,
        answers: &[Result<Answer, Error>],
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        // A query that is wrong was answered all the same.
        let answered = |it: &Result<Answer, Error>| matches!(it, Ok(_) | Err(Error::Query(_)));
        // A clock that was put back must not keep us from noticing for as long.
        self.answered = if answers.iter().any(answered) { now } else { self.answered.min(now) };
        let blind = now - self.answered >= BLIND;
        if blind == self.blind {
            return Ok(());
        }
        let labels = Labels::from(
            [("alertname", DETECTOR_BLIND), ("cluster", self.cluster), ("source", "prometheus")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let mut tx = self.world.db.begin().await?;
        if blind {
            let why = answers.iter().find_map(|it| it.as_ref().err()).map(ToString::to_string);
            let annotations = Labels::from([("description".to_owned(), why.unwrap_or_default())]);
            let starts = Some(self.answered);
            let report = Report::new(labels, annotations, State::Firing, starts, None, now);
            let onset_at = starts;
            let alarm = Placed { report, service: None, workload: None, onset_at, value: None };
            store::alerts::fire(&mut tx, &[alarm], Noticed::Promql, now).await?;
        } else {
            let key = domain::alerts::key(&labels).to_string();
            store::alerts::resolve_unmatched(&mut tx, &[key], now).await?;
        }
        tx.commit().await?;
        self.blind = blind;
        Ok(())
    }

    fn labels(&self, signal: &Signal, service: &str) -> Labels {
        Labels::from(
            [("alertname", signal.name.as_str()), ("service", service), ("cluster", self.cluster)]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        )
    }
}

/// In the order of signals and services, so that the same again is no news; a value that moves is none either.
fn pending(
    signals: &[Signal],
    subjects: &[Subject],
    standings: &HashMap<(String, ServiceId), Standing>,
    values: &HashMap<(String, ServiceId), f64>,
) -> Vec<Pending> {
    let both = signals.iter().flat_map(|it| subjects.iter().map(move |subject| (it, subject)));
    let pending = both.filter_map(|(signal, subject)| {
        let place = (signal.name.clone(), subject.service.id);
        let Standing::Pending { since, .. } = *standings.get(&place)? else { return None };
        Some(Pending {
            signal: signal.name.clone(),
            service: subject.service.id,
            service_name: subject.service.name.clone(),
            since,
            fires_at: since + TimeDelta::seconds(i64::from(signal.for_s)),
            value: values.get(&place).copied().unwrap_or(signal.limit),
        })
    });
    pending.collect()
}

async fn ask(
    prometheus: &Prometheus,
    signal: &Signal,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    match &signal.source {
        Source::Ratio { numerator, denominator } => {
            let (numerator, denominator) = tokio::try_join!(
                prometheus.query(numerator, now),
                prometheus.query(denominator, now)
            )?;
            Ok(Answer::Ratio { numerator, denominator })
        }
        Source::Value { value } => Ok(Answer::Value(prometheus.query(value, now).await?)),
        Source::Watch(_) | Source::None => Ok(Answer::Value(Vec::new())),
    }
}

impl Answer {
    /// What it says of one service; `None` where nobody can tell.
    fn reading(&self, signal: &Signal, subject: &Subject) -> Option<f64> {
        let of = |samples: &[Sample]| mine(samples, &signal.by, &subject.service.name);
        match self {
            Self::Ratio { numerator, denominator } => {
                signal.share(of(numerator), of(denominator)).over(subject.min_requests)
            }
            Self::Value(samples) => of(samples),
        }
    }
}

fn placed(
    labels: Labels,
    signal: &Signal,
    service: ServiceId,
    onset: DateTime<Utc>,
    value: f64,
    now: DateTime<Utc>,
) -> Placed {
    let side = signal.comparison.as_str();
    let description = format!("{value} is {side} than {} ({})", signal.limit, signal.unit);
    let annotations = Labels::from([("description".to_owned(), description)]);
    Placed {
        report: Report::new(labels, annotations, State::Firing, Some(onset), None, now),
        service: Some(service),
        workload: None,
        onset_at: Some(onset),
        value: Some(value),
    }
}
