//! An alert: one stretch of time in which a signal fires for somebody.
//!
//! **Invariant:** an alert is known by its labels without those that only name the sender, so that a pair of
//! Alertmanagers, or of Prometheus servers, makes one alert. `starts_at` does no more than tell a closed
//! alert from the next one. Severity, limit and runbook come from the catalog, never from the payload.

pub mod watched;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::canonical::{self, Digest};
use crate::ids::{AlertId, ServiceId, WorkloadId};
use crate::services::Service;

pub type Labels = BTreeMap<String, String>;

/// Labels that tell senders of one highly available pair apart, by the names that Prometheus, its operator
/// and Thanos give them.
pub const REPLICA_LABELS: &[&str] = &["replica", "prometheus_replica", "__replica__"];

/// More than this into the future is a sender with a wrong clock.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(1);

words!(
    /// Who noticed.
    Source { Webhook = "webhook", Watch = "watch", Promql = "promql" }
);

words!(
    /// Whether the signal still fires.
    State { Firing = "firing", Resolved = "resolved" }
);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub id: AlertId,
    pub key: Digest,
    /// The signal it is an alert of; Prometheus calls it `alertname`.
    pub name: String,
    pub labels: Labels,
    pub annotations: Labels,
    /// None where no service's labels match: kept, shown, and never acted upon.
    pub service: Option<ServiceId>,
    pub workload: Option<WorkloadId>,
    pub source: Source,
    pub state: State,
    pub starts_at: DateTime<Utc>,
    /// The first bad sample or container state, as far as we saw it ourselves.
    pub onset_at: Option<DateTime<Utc>>,
    pub received_at: DateTime<Utc>,
    pub ends_at: Option<DateTime<Utc>>,
    /// When a sender said that it is over. Believed only when the second source agrees.
    pub resolved_said_at: Option<DateTime<Utc>>,
    pub value: Option<f64>,
    /// Somebody or something acted while it fired, so that its end says nothing about recovery by itself.
    pub acted: bool,
    /// When the rules looked at it last.
    pub decided_at: Option<DateTime<Utc>>,
    /// When somebody last said that it fires.
    pub told_at: Option<DateTime<Utc>>,
}

/// What a sender says of one alert, cleaned.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub key: Digest,
    pub name: String,
    pub labels: Labels,
    pub annotations: Labels,
    pub state: State,
    pub starts_at: DateTime<Utc>,
    pub ends_at: Option<DateTime<Utc>>,
}

impl Report {
    /// Postgres stores no NUL, and nobody reads labels of a megabyte: both are cut, nothing is refused,
    /// because an alert that is turned away is an alert that nobody sees. A start in the future is taken
    /// as now; an old one is kept, and the rule about young alerts says what it thinks of it.
    pub fn new(
        labels: Labels,
        annotations: Labels,
        state: State,
        starts_at: Option<DateTime<Utc>>,
        ends_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Self {
        let labels = clean(labels);
        let starts_at = starts_at.filter(|it| *it <= now + CLOCK_SKEW).unwrap_or(now);
        Self {
            key: key(&labels),
            name: labels.get("alertname").cloned().unwrap_or_default(),
            annotations: clean(annotations),
            labels,
            state,
            starts_at,
            // A firing alert carries the moment at which it would be given up, which is no end.
            ends_at: ends_at
                .filter(|it| state == State::Resolved && *it >= starts_at && *it <= now),
        }
    }
}

/// The labels without those that only name the sender, as one digest.
pub fn key(labels: &Labels) -> Digest {
    let of_subject: BTreeMap<_, _> =
        labels.iter().filter(|(name, _)| !REPLICA_LABELS.contains(&name.as_str())).collect();
    canonical::digest(&of_subject)
}

/// Whom of a service an alert is about: the workload that its labels name, or that its pod is called after. Alerts of
/// one signal about the same are one matter, however many pods they name.
pub fn about(labels: &Labels) -> String {
    let place = ["cluster", "namespace"].iter().filter_map(|it| labels.get(*it)).cloned();
    let named =
        ["deployment", "statefulset", "daemonset"].iter().find_map(|kind| labels.get(*kind));
    let who = named.cloned().or_else(|| labels.get("pod").map(|it| called_after(it)));
    place.chain(who).collect::<Vec<_>>().join("/")
}

/// `api-7d4b9c6f5-x2x4z` is one of `api`, `db-0` one of `db`: what was generated holds a digit or is the end.
fn called_after(pod: &str) -> String {
    let mut parts: Vec<&str> = pod.split('-').collect();
    if parts.len() > 1 {
        parts.pop();
    }
    let generated = |it: &&str| it.len() >= 8 && it.chars().any(|it| it.is_ascii_digit());
    if parts.len() > 1 && parts.last().is_some_and(generated) {
        parts.pop();
    }
    parts.join("-")
}

const LONGEST_NAME: usize = 256;
const LONGEST_VALUE: usize = 4096;
const MOST_LABELS: usize = 128;

fn clean(labels: Labels) -> Labels {
    let cut = |text: String, longest: usize| {
        let text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
        match text.char_indices().nth(longest) {
            Some((end, _)) => text[..end].to_owned(),
            None => text,
        }
    };
    labels
        .into_iter()
        .take(MOST_LABELS)
        .map(|(name, value)| (cut(name, LONGEST_NAME), cut(value, LONGEST_VALUE)))
        .collect()
}

/// Whom an alert concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    pub service: ServiceId,
    /// Position in [`Service::workloads`], where the labels name one.
    pub workload: Option<usize>,
}

/// Finds the service of an alert without looking at every service: senders are many, and so are services.
#[derive(Debug, Default)]
pub struct Matcher {
    services: Vec<(ServiceId, Service)>,
    /// By the first label of a service's `match`.
    by_label: HashMap<(String, String), Vec<usize>>,
    /// By namespace and name of a workload.
    by_workload: HashMap<(String, String), (usize, usize)>,
}

impl Matcher {
    pub fn new(services: Vec<(ServiceId, Service)>) -> Self {
        let mut res = Self { services, ..Self::default() };
        for (at, (_, service)) in res.services.iter().enumerate() {
            if let Some((name, value)) = service.match_labels.iter().next() {
                res.by_label.entry((name.clone(), value.clone())).or_default().push(at);
            }
            for (nth, it) in service.workloads.iter().enumerate() {
                res.by_workload.insert((it.namespace.clone(), it.name.clone()), (at, nth));
            }
        }
        res
    }

    pub fn service(&self, id: ServiceId) -> Option<&Service> {
        self.services.iter().find(|(it, _)| *it == id).map(|(_, service)| service)
    }

    /// All labels under a service's `match` must agree; of several services the one that asks for most
    /// labels, and none where two ask for equally many, since guessing would roll back a stranger. Else
    /// the workload that `namespace` and `deployment`, `statefulset`, `daemonset` or `pod` name.
    pub fn find(&self, labels: &Labels) -> Option<Concern> {
        let workload = self.workload(labels);
        let mut fitting: Vec<usize> = labels
            .iter()
            .filter_map(|(name, value)| self.by_label.get(&(name.clone(), value.clone())))
            .flatten()
            .copied()
            .filter(|at| {
                self.asked(*at).iter().all(|(name, value)| labels.get(name) == Some(value))
            })
            .collect();
        let most = |at: usize| self.asked(at).len();
        fitting.sort_by_key(|at| std::cmp::Reverse(most(*at)));
        match fitting.as_slice() {
            [] => workload.map(|(at, nth)| self.concern(at, Some(nth))),
            [first, second, ..] if most(*first) == most(*second) => {
                // The labels fit both; a workload that they name settles it.
                let (at, nth) = workload.filter(|(at, _)| fitting.contains(at))?;
                Some(self.concern(at, Some(nth)))
            }
            [first, ..] => {
                let nth = workload.filter(|(at, _)| at == first).map(|(_, nth)| nth);
                Some(self.concern(*first, nth))
            }
        }
    }

    fn asked(&self, at: usize) -> &Labels {
        &self.services[at].1.match_labels
    }

    fn concern(&self, at: usize, workload: Option<usize>) -> Concern {
        Concern { service: self.services[at].0, workload }
    }

    fn workload(&self, labels: &Labels) -> Option<(usize, usize)> {
        let namespace = labels.get("namespace")?;
        let named =
            |name: &str| self.by_workload.get(&(namespace.clone(), name.to_owned())).copied();
        let kinds = ["deployment", "statefulset", "daemonset"];
        if let Some(found) = kinds.iter().find_map(|kind| named(labels.get(*kind)?)) {
            return Some(found);
        }
        // A pod is called after its workload and one or two generated parts.
        let mut name = labels.get("pod")?.as_str();
        while let Some((shorter, _)) = name.rsplit_once('-') {
            if let Some(found) = named(shorter) {
                return Some(found);
            }
            name = shorter;
        }
        None
    }
}

#[cfg(test)]
mod tests;
