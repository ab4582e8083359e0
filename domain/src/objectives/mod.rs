//! Objectives: what a data domain has to keep to when it is lost: how soon it is back, how much may be gone.
//!
//! **Invariant:** where two documents differ the stricter holds (Glancy §6: "以更严格者为准"), and both are kept. A
//! value is judged by the version that was in force on its day.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use self::bound::Bound;
pub use self::finding::Finding;
pub use self::recovered::{Watch, rto, rto_by_ledger};
pub use self::replicated::{Backlog, Lsn, Position, Replicated, Standby, age};
use crate::access::Place;
use crate::catalog::{Fault, Faults, rules};
use crate::ids::ObjectiveId;
use crate::measurements::{Judge, RPO, RTO, Target};
use crate::verdict::Verdict;

mod bound;
mod finding;
mod recovered;
mod replicated;
pub mod results;
#[cfg(test)]
mod tests;

/// The share of key calls that has to succeed (Glancy §7: 恢复 99% 成功率).
pub const SUCCESS: f64 = 0.99;

/// What one data domain has to keep to, as a document of a catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Of the data domain.
    pub name: String,
    /// What people call the domain; its name where that is empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The owning team.
    #[serde(default)]
    pub team: String,
    /// Whether database administrators may change it.
    #[serde(default)]
    pub database: bool,
    /// The services that stand on it; their drills and rollbacks are measured by it.
    #[serde(default)]
    pub services: Vec<String>,
    /// How it is brought back.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What says that it is in danger, as the document writes it.
    #[serde(default)]
    pub signals: Vec<String>,
    /// One for each document that has something to say about it.
    pub sources: Vec<Source>,
    /// How its RTO is measured; without it nobody measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// How its RPO is measured; without it nobody measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
}

/// What one document asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub document: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub section: String,
    /// Seconds, or `n/a`; left out where the document says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto_s: Option<Bound>,
    /// Seconds, `may_be_lost` or `n/a`; left out where the document says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_s: Option<Bound>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
}

/// How it is seen that the key calls succeed again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// Address of a Prometheus API; without it that of the cluster in which the service runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<String>,
    /// PromQL for the share of calls that succeed, from 0 to 1; each series is a key call, and all have to be back.
    pub query: String,
    /// How many series there are; with fewer nothing is known of the missing ones.
    #[serde(default = "one")]
    pub series: u32,
    #[serde(default = "success")]
    pub at_least: f64,
    /// For so long it has to hold before it counts.
    #[serde(default = "hold")]
    pub hold_s: u32,
    /// So far apart are the samples; no finer is what is measured.
    #[serde(default = "step")]
    pub step_s: u32,
}

fn one() -> u32 {
    1
}

fn success() -> f64 {
    SUCCESS
}

fn hold() -> u32 {
    60
}

fn step() -> u32 {
    5
}

/// Where the two sides of a replicated Postgres are. **Invariant:** references to connection strings, never the
/// strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replication {
    /// `env:NAME`, a variable that holds the connection string, or the path of a file that does.
    pub primary: String,
    pub standby: String,
    /// A row that something writes on the primary all the time; for a standby whose log positions cannot be compared
    /// with the primary's, as with logical replication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// `table` or `schema.table`.
    pub table: String,
    /// A `timestamptz` that grows.
    pub column: String,
}

/// A version of an objective, in force from `since` until the next one.
#[derive(Clone, Debug, PartialEq)]
pub struct Dated {
    pub id: ObjectiveId,
    /// Counts from 1.
    pub version: i32,
    pub since: DateTime<Utc>,
    pub reason: String,
    /// As the audit log names who changed it.
    pub by: String,
    pub objective: Objective,
}

/// Why an objective does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("somebody else has changed the objective meanwhile")]
    ObjectiveMoved,
    #[error("nothing would change")]
    NothingChanges,
}

impl Dated {
    /// What it becomes with these sources, from the version that was read.
    ///
    /// # Errors
    /// [`Refusal::ObjectiveMoved`], [`Refusal::NothingChanges`].
    pub fn change(&self, read: i32, sources: Vec<Source>) -> Result<Objective, Refusal> {
        if read != self.version {
            return Err(Refusal::ObjectiveMoved);
        }
        if sources == self.objective.sources {
            return Err(Refusal::NothingChanges);
        }
        Ok(Objective { sources, ..self.objective.clone() })
    }

    pub fn judge(&self) -> Judge {
        Judge { name: self.objective.name.clone(), version: self.version }
    }
}

impl Objective {
    /// What people call it.
    pub fn title(&self) -> &str {
        if self.title.is_empty() { &self.name } else { &self.title }
    }

    /// Where it is, for who may change it.
    pub fn place(&self) -> Place<'_> {
        Place::team(&self.team).touching_database(self.database)
    }

    /// The strictest of the sources.
    pub fn rto(&self) -> Option<Bound> {
        self.sources.iter().filter_map(|it| it.rto_s).min()
    }

    /// The strictest of the sources.
    pub fn rpo(&self) -> Option<Bound> {
        self.sources.iter().filter_map(|it| it.rpo_s).min()
    }

    /// The strictest of each name; those that cannot be compared hold side by side.
    pub fn targets(&self) -> Vec<&Target> {
        let mut held: Vec<&Target> = Vec::new();
        for target in self.sources.iter().flat_map(|it| &it.targets) {
            if held.iter().any(|it| it.is_at_least_as_strict_as(target)) {
                continue;
            }
            held.retain(|it| !target.is_at_least_as_strict_as(it));
            held.push(target);
        }
        held
    }

    /// What a measurement of this name is held against; nothing where any value will do.
    pub fn held_against(&self, name: &str) -> Vec<Target> {
        let within = |bound: Option<Bound>| bound.and_then(Bound::seconds);
        let own = match name {
            RTO => within(self.rto()),
            RPO => within(self.rpo()),
            _ => None,
        };
        let own = own.map(|it| Target::within(name, f64::from(it)));
        let others = self.targets().into_iter().filter(|it| it.name == name).cloned();
        own.into_iter().chain(others).collect()
    }

    /// Nothing where nothing is asked of it; unknown where it has no value.
    pub fn verdict(&self, name: &str, value: Option<f64>) -> Option<Verdict> {
        let targets = self.held_against(name);
        if targets.is_empty() {
            return None;
        }
        let verdict =
            |target: &Target| value.map_or(Verdict::Unknown, |value| target.verdict(value));
        Some(Verdict::all(targets.iter().map(verdict)))
    }

    /// Whether the server itself will open connections because of it.
    pub fn reaches_out(&self) -> bool {
        self.replication.is_some() || self.recovery.is_some()
    }

    /// What is wrong with it by itself.
    pub fn faults(&self) -> Vec<Fault> {
        let mut found = Vec::new();
        self.check(&mut Faults::of(&mut found));
        found
    }

    pub(crate) fn check(&self, faults: &mut Faults<'_>) {
        faults.at("name").refuse(rules::name(&self.name));
        faults.at("services").refuse(rules::distinct(&self.services));
        if self.sources.is_empty() {
            faults.at("sources").add("names no document: say where the target comes from");
        }
        for (index, source) in self.sources.iter().enumerate() {
            source.check(&mut faults.at("sources").at(index));
        }
        if let Some(recovery) = &self.recovery {
            recovery.check(&mut faults.at("recovery"));
        }
        if let Some(replication) = &self.replication {
            replication.check(&mut faults.at("replication"));
        }
    }
}

impl Source {
    fn check(&self, faults: &mut Faults<'_>) {
        if self.document.trim().is_empty() {
            faults.at("document").add("names no document");
        }
        if self.rto_s == Some(Bound::MayBeLost) {
            faults.at("rto_s").add("a time cannot be lost: give seconds or n/a");
        }
        if self.rto_s.is_none() && self.rpo_s.is_none() && self.targets.is_empty() {
            faults.add("asks for nothing: give rto_s, rpo_s or targets");
        }
        for (index, target) in self.targets.iter().enumerate() {
            let faults = &mut faults.at("targets");
            let faults = &mut faults.at(index);
            target.check(faults);
            if target.measure.is_some() {
                faults.at("measure").add("belongs to the targets of drills");
            }
            if [RTO, RPO].contains(&target.name.as_str()) {
                faults.at("name").add("stands in rto_s or rpo_s");
            }
        }
    }
}

impl Recovery {
    fn check(&self, faults: &mut Faults<'_>) {
        if let Some(url) = &self.prometheus {
            faults.at("prometheus").refuse(rules::url(url));
        }
        faults.at("query").refuse(rules::promql(&self.query));
        faults.at("series").refuse(rules::at_least(1, self.series));
        faults.at("at_least").refuse(rules::share(self.at_least));
        faults.at("hold_s").refuse(rules::seconds(0, self.hold_s));
        faults.at("step_s").refuse(rules::seconds(1, self.step_s));
        if self.step_s > self.hold_s.max(1) {
            faults.at("step_s").add("is longer than hold_s: nothing would be seen of what is held");
        }
    }
}

impl Replication {
    fn check(&self, faults: &mut Faults<'_>) {
        faults.at("primary").refuse(rules::reference(&self.primary));
        faults.at("standby").refuse(rules::reference(&self.standby));
        if self.primary == self.standby {
            faults.at("standby").add("is the primary itself");
        }
        if let Some(Heartbeat { table, column }) = &self.heartbeat {
            let faults = &mut faults.at("heartbeat");
            for part in table.splitn(2, '.') {
                faults.at("table").refuse(rules::sql_name(part));
            }
            faults.at("column").refuse(rules::sql_name(column));
        }
    }
}

/// A plan that loses more than may be lost: at worst everything since the last copy but one began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub objective: String,
    /// What may be lost, in seconds.
    pub rpo_s: u32,
    /// What is lost at worst, in seconds.
    pub worst_s: u32,
}

/// Whether copies made every `interval`, and off the machine `delay` later, can meet the RPO: at worst what was written
/// since the copy before is lost. Daily copies against 15 minutes cannot (EdgeLink §3.1 and §3.2).
pub fn gap(interval: TimeDelta, delay: TimeDelta, objective: &Objective) -> Option<Gap> {
    let rpo_s = objective.rpo().and_then(Bound::seconds)?;
    let worst = (interval + delay).max(TimeDelta::zero());
    let beyond = worst > TimeDelta::seconds(rpo_s.into());
    let worst_s = u32::try_from(worst.num_seconds()).unwrap_or(u32::MAX);
    beyond.then(|| Gap { objective: objective.name.clone(), rpo_s, worst_s })
}
