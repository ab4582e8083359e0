//! From what the ledger knows of a workload to what the rules look at.
//!
//! **Invariant:** nothing is made up on the way: what nobody has looked at stays unknown, and what was looked at and
//! not found is an empty list.

mod around;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::alerts::Alert;
use crate::alerts::watched::Sighting;
use crate::changes::{Change, ChangeKind, Part};
use crate::decide::situation as facts;
use crate::decide::situation::Situation;
use crate::decisions::Strategy;
use crate::ids::{DecisionId, RollbackId};
use crate::openings;
use crate::pods::Pod;
use crate::policies::Policy;
use crate::rails::KillSwitch;
use crate::releases::Release;
use crate::revisions::{self, MIGRATION, Revision};
use crate::rollbacks::Rollback;
use crate::services::Service;
use crate::signals::{Signal, Source};
use crate::surroundings::Surrounding;
use crate::verdict::Verdict;
use crate::windows::{self, Window};
use crate::workloads::{Event, Node, Owner, Rollout, UpdateBy, Workload, WorkloadKind};

/// The strategies that can be carried out.
pub const ABLE: &[Strategy] = &[
    Strategy::VersionRollback,
    Strategy::HelmRollback,
    Strategy::ConfigRestore,
    Strategy::Restart,
];

/// Everything that the ledger knows and the rules ask for.
#[derive(Clone, Debug)]
pub struct Scene {
    pub service: Service,
    pub policy: Policy,
    /// The one of its versions that is in force.
    pub policy_version: i32,
    /// As the catalog states it; None for an alert that it does not know, and where a person asks.
    pub signal: Option<Signal>,
    pub alert: Option<Alert>,
    pub request: Option<facts::Request>,
    pub workload: Workload,
    pub pods: Vec<Pod>,
    pub nodes: Option<Vec<Node>>,
    pub revisions: Vec<Revision>,
    pub changes: Vec<Change>,
    /// What the watch sees of the signal; None where the signal is not one of the watch, or does not fire.
    pub sighting: Option<Sighting>,
    /// Our own answer to the question whether it fires, where anybody was asked.
    pub confirmation: Option<facts::Confirmation>,
    pub measurement: facts::Measurement,
    pub history: facts::History,
    pub protected: bool,
    /// The Helm release of the workload, where its Secrets are read.
    pub release: Option<Release>,
    /// Whether what is known of the cluster is up to date.
    pub connected: bool,
    /// What is in trouble in the namespace, whomever it concerns.
    pub surroundings: Vec<Surrounding>,
    /// Warnings about the workload and its pods of the last hour.
    pub events: Vec<Event>,
    /// Flagger asks us whether to take the workload back.
    pub gated: bool,
    pub rails: Rails,
}

/// The state of the rails, as far as the ledger knows it.
#[derive(Clone, Debug)]
pub struct Rails {
    /// All that are on.
    pub kill_switches: Vec<KillSwitch>,
    /// Other workloads of the service that are rolling out, as `NAMESPACE/KIND/NAME`.
    pub other_rollouts: Vec<String>,
    /// The open rollback of this workload.
    pub open: Option<Rollback>,
    /// The newest rollback of this workload, open or not.
    pub last: Option<Rollback>,
    /// The newest rollback of the service that acted.
    pub newest: Option<Rollback>,
    pub failures_in_a_row: u32,
    pub automatic_this_hour: u32,
    pub rolling_back_now: u32,
    pub held: Vec<facts::Version>,
    /// Windows and freezes that people have set and that run now, whomever they cover.
    pub windows: Vec<Window>,
    /// The number of the drill that has put in what is live.
    pub drill: Option<String>,
}

impl Scene {
    pub fn situation(
        &self,
        follows: Option<DecisionId>,
        rollback: Option<RollbackId>,
        now: DateTime<Utc>,
    ) -> Situation {
        let clusters: BTreeSet<_> =
            self.service.workloads.iter().map(|it| it.cluster.clone()).collect();
        let clusters: Vec<String> = clusters.into_iter().collect();
        let covering = self.rails.kill_switches.iter().map(|it| &it.scope);
        let covering = covering.filter(|it| it.covers(&self.service.name, &clusters));
        Situation {
            at: now,
            follows,
            rollback_id: rollback,
            service: facts::Service {
                name: self.service.name.clone(),
                environment: Some(self.service.environment.clone()),
                team: Some(self.service.team.clone()),
            },
            policy: self.policy.clone(),
            signal: self.signal.clone(),
            alert: self.alert(),
            request: self.request.clone(),
            measurement: self.measurement(),
            history: self.history,
            workload: self.workload(),
            changes: Some(self.changes.iter().map(change).collect()),
            revisions: Some(self.revisions.iter().map(|it| self.revision(it)).collect()),
            pods: (!self.is_stale()).then(|| self.pods.iter().map(pod).collect()),
            // Of a cluster's thousand nodes only those explain these pods that they run on.
            nodes: self
                .nodes
                .as_ref()
                .map(|nodes| nodes.iter().filter(|it| self.runs_on(it)).map(node).collect()),
            environment: (!self.is_stale()).then(|| self.troubles()),
            data: facts::Data::default(),
            rails: facts::Rails {
                kill_switches: Some(covering.map(ToString::to_string).collect()),
                other_rollouts: Some(self.other_rollouts()),
                duplicate: Some(self.rails.open.as_ref().is_some_and(|it| Some(it.id) != rollback)),
                rollbacks: Some(self.rails.newest.iter().map(past).collect()),
                failures_in_a_row: Some(self.rails.failures_in_a_row),
                automatic_this_hour: Some(self.rails.automatic_this_hour),
                rolling_back_now: Some(self.rails.rolling_back_now),
                maintenance: Some(self.windows(windows::Kind::Maintenance, &clusters, now)),
                freezes: Some(self.windows(windows::Kind::Freeze, &clusters, now)),
                held: Some(self.rails.held.clone()),
                able: Some(self.able()),
                drill: self.rails.drill.clone(),
            },
        }
    }

    /// Without what the same release has set in motion: where the whole release goes back, its members are one rollout.
    fn other_rollouts(&self) -> Vec<String> {
        let release = self.release.as_ref().filter(|it| {
            self.policy.strategy == crate::policies::Strategy::Release
                || it.members_changed().is_some_and(|it| it >= 2)
        });
        let by_release = |name: &String| {
            release.is_some_and(|it| {
                it.changed()
                    .any(|it| *name == format!("{}/{}/{}", it.namespace, it.kind.as_str(), it.name))
            })
        };
        self.rails.other_rollouts.iter().filter(|it| !by_release(it)).cloned().collect()
    }

    /// Those of the policy and those that people set, as far as they run and cover the service.
    fn windows(
        &self,
        kind: windows::Kind,
        clusters: &[String],
        now: DateTime<Utc>,
    ) -> Vec<facts::Window> {
        let again = self.policy.windows.iter().filter(|it| it.kind == kind);
        let covers =
            |it: &&Window| it.kind == kind && it.scope.covers(&self.service.name, clusters);
        let set = self.rails.windows.iter().filter(covers).map(Window::fact);
        again.filter_map(|it| it.running(now)).chain(set).collect()
    }

    /// Flagger goes back only where it asks us whether to.
    fn able(&self) -> Vec<Strategy> {
        let gate = self.gated.then_some(Strategy::TrafficSwitch);
        ABLE.iter().copied().chain(gate).collect()
    }

    /// What is known of the pods is old, and what fires is measured elsewhere: the one says nothing about the other.
    /// A signal of the watch doubts itself while nothing is seen.
    fn is_stale(&self) -> bool {
        let measured = matches!(
            self.signal.as_ref().map(|it| &it.source),
            Some(Source::Ratio { .. } | Source::Value { .. })
        );
        measured && !self.connected
    }

    fn alert(&self) -> facts::Alert {
        let Some(alert) = &self.alert else { return facts::Alert::default() };
        let mut sources = vec![match alert.source {
            crate::alerts::Source::Webhook => facts::Noticed::Webhook,
            crate::alerts::Source::Watch => facts::Noticed::Watch,
            crate::alerts::Source::Promql => facts::Noticed::Promql,
        }];
        if let Some(by) = self.confirmation.as_ref().filter(|it| it.verdict == Verdict::Pass) {
            sources.push(by.by);
        }
        sources.dedup();
        facts::Alert {
            // Ours where we saw it, else what the sender says of its start.
            onset: self
                .sighting
                .as_ref()
                .map(|it| it.onset)
                .or(alert.onset_at)
                .or(Some(alert.starts_at)),
            starts_at: Some(alert.starts_at),
            received_at: Some(alert.received_at),
            sources,
            second_source: self.confirmation.clone(),
            labels: alert.labels.clone(),
            trace_id: openings::trace_id(&alert.annotations, &alert.labels),
        }
    }

    /// A signal of the watch is measured by the watch: its value is the share of bad pods, and its past is the
    /// time for which the workload has been watched without it.
    fn measurement(&self) -> facts::Measurement {
        let watched = matches!(self.signal.as_ref().map(|it| &it.source), Some(Source::Watch(_)));
        if !watched {
            return self.measurement.clone();
        }
        facts::Measurement {
            value: self.sighting.as_ref().map(|it| it.value),
            before: self.measurement.before.or_else(|| self.clean_pods()),
            ..facts::Measurement::default()
        }
    }

    /// Pods that were there before the change and never restarted have been clean all their lives.
    fn clean_pods(&self) -> Option<facts::Before> {
        let change = self.changes.iter().filter(|it| it.material).map(|it| it.at).max()?;
        let old = || {
            let before = |it: &&Pod| {
                it.created_at < change && it.digest.as_ref() != Some(&self.workload.live.digest)
            };
            self.pods.iter().filter(before)
        };
        let since = old().map(|it| it.created_at).min()?;
        let clean = old().all(|it| it.restarts == 0 && it.bad.is_none());
        let seconds = u32::try_from((change - since).num_seconds()).unwrap_or(0);
        Some(facts::Before { clean_s: if clean { seconds } else { 0 }, watched_s: Some(seconds) })
    }

    fn workload(&self) -> facts::Workload {
        let it = &self.workload;
        let live = self.revisions.iter().find(|revision| revision.digest == it.live.digest);
        facts::Workload {
            cluster: it.cluster.clone(),
            namespace: it.namespace.clone(),
            kind: it.kind,
            name: it.name.clone(),
            uid: Some(it.uid.clone()),
            live: facts::Live {
                revision: it.live.revision,
                digest: it.live.digest.clone(),
                config_digest: Some(it.live.config_digest.clone()),
                images: it.live.images.clone(),
                migration: live.and_then(migration),
            },
            rollout: Some(it.rollout.clone()),
            paused: Some(it.paused),
            paused_by_us: it.paused_by_us,
            owner: Some(it.owner.clone()),
            protected: Some(self.protected),
            share: None,
            recreate: it.update.is_some_and(|it| it.by == UpdateBy::Recreate),
            update: it.update,
            last_applied: it.last_applied,
            release: self.release(),
        }
    }

    /// Known by name alone where nobody reads its Secrets: enough to warn that it drifts, and nothing to go back to.
    fn release(&self) -> Option<facts::Release> {
        let known = self.release.as_ref().and_then(Release::facts);
        let Owner::Helm(name) = &self.workload.owner else { return None };
        let by_workload = self.policy.strategy == crate::policies::Strategy::Workload;
        let by_name = facts::Release {
            name: name.clone(),
            revision: 0,
            members_changed: None,
            hooks_with_jobs: None,
            revisions: vec![],
        };
        known.or_else(|| by_workload.then_some(by_name))
    }

    fn revision(&self, it: &Revision) -> facts::Revision {
        let live = &self.workload.live;
        let fixed =
            |it: &&Revision| it.digest == live.digest && it.config_digest == live.config_digest;
        let now = self.revisions.iter().find(fixed).and_then(|it| it.fixed.as_ref());
        facts::Revision {
            revision: it.revision,
            digest: it.digest.clone(),
            config_digest: Some(it.config_digest.clone()),
            images: it.images.clone(),
            verdict: it.verdict,
            rolled_out: revisions::rolled_out(it, &self.revisions),
            present: Some(it.present),
            stored: Some(true),
            config_stored: Some(true),
            config_current: Some(it.config_current),
            migration: migration(it),
            immutable_difference: match (&it.fixed, now) {
                (Some(then), Some(now)) => Some(then != now),
                _ if self.workload.kind == WorkloadKind::StatefulSet => None,
                _ => Some(false),
            },
            seen_at: Some(it.seen_at),
        }
    }

    fn runs_on(&self, node: &Node) -> bool {
        self.pods.iter().any(|it| !it.terminating && it.node == node.name)
    }

    /// Whether it is over once somebody says so: where our own sources say it too, and where none of them is ever asked.
    /// One that cannot tell at the moment believes nobody.
    pub fn believes_the_end(&self) -> bool {
        self.confirmation.as_ref().is_none_or(|it| it.verdict == Verdict::Fail)
    }

    /// The rules wait so long for a second source before they decide without one.
    pub fn awaits_second_source(&self, now: DateTime<Utc>) -> bool {
        let Some(alert) = &self.alert else { return false };
        let patience = TimeDelta::seconds(i64::from(self.policy.gates.second_source_s));
        let confirmed = self.confirmation.as_ref().is_some_and(|it| it.verdict == Verdict::Pass);
        let can_be = self.signal.as_ref().is_some_and(|it| it.source != Source::None);
        alert.source == crate::alerts::Source::Webhook
            && !confirmed
            && can_be
            // One that came in the future came before a clock was put back.
            && (now - alert.received_at).abs() < patience
    }
}

/// The contents of ConfigMaps lie outside the template, so their change names no part of it.
fn change(it: &Change) -> facts::Change {
    let mut what: Vec<Part> = it.items.iter().map(|it| it.part).collect();
    let differs = match (&it.from, &it.to) {
        (Some(from), Some(to)) => from.config_digest != to.config_digest,
        _ => false,
    };
    let configured = it.kind == ChangeKind::Config || (differs && !what.is_empty());
    if configured && !what.contains(&Part::Config) {
        what.push(Part::Config);
    }
    facts::Change { at: it.at, what, ours: false }
}

fn migration(it: &Revision) -> Option<String> {
    let annotations = it.template.pointer("/metadata/annotations")?;
    Some(annotations.get(MIGRATION)?.as_str()?.to_owned())
}

fn pod(it: &Pod) -> facts::Pod {
    facts::Pod {
        name: it.name.clone(),
        node: Some(it.node.clone()).filter(|it| !it.is_empty()),
        digest: it.digest.clone(),
        config_digest: None,
        ready: Some(it.ready),
        ever_ready: Some(it.ever_ready),
        terminating: it.terminating,
        bad: it.bad.as_ref().map(|bad| bad.reason),
        exit_code: it.bad.as_ref().and_then(|bad| bad.exit_code),
        message: it.bad.as_ref().map(|bad| bad.message.clone()),
    }
}

fn node(it: &Node) -> facts::Node {
    facts::Node {
        name: it.name.clone(),
        ready: Some(it.ready),
        pressure: Some(it.pressure),
        rebooted_at: it.rebooted_at,
    }
}

fn past(it: &Rollback) -> facts::PastRollback {
    let to = it.target.as_ref().and_then(|target| {
        Some(facts::Version {
            digest: target.digest.clone()?,
            config_digest: target.config_digest.clone(),
        })
    });
    facts::PastRollback { ended_at: it.ended_at, to }
}

/// Whether a workload is in the middle of a rollout of its own.
pub fn is_rolling_out(workload: &Workload) -> bool {
    workload.rollout == Rollout::Progressing
}
