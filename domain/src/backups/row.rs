//! A row of the matrix, as a catalog states it.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Pattern, Source};
use crate::catalog::{Faults, rules};

/// One thing that is backed up in one way.
///
/// **Invariant:** it holds references to credentials, never credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    pub name: String,
    /// The data domain that it protects: the name of an objective.
    pub domain: String,
    /// What is kept, in the words of the document: `Base backup`.
    pub artefact: String,
    /// How it is made: `pg_basebackup`.
    pub method: String,
    /// Seconds from one copy to the next. A row has this or `lag_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_s: Option<u32>,
    /// Of what is copied continuously: how far the copy may be behind, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_s: Option<u32>,
    /// How much later a copy may come before it is missed: what making it takes, and the source's own delay.
    #[serde(default)]
    pub grace_s: u32,
    #[serde(default)]
    pub retention: Retention,
    /// Where the copies lie, in the words of the document: `s3://glancy-dr-ap-sg/pg/`.
    pub place: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offsite: Option<Offsite>,
    /// Those whose copies must be there, where the paths of the source keep tenants apart. More may be found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// The team that answers for it.
    pub owner: String,
    /// Where copies are observed; without one nobody looks, and the row is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Which part of which document asks for it: `Glancy §3.1`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stated_in: String,
}

/// How often a row's copies come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Every(TimeDelta),
    /// All the time; the copy may be behind by this.
    Continuous {
        lag: TimeDelta,
    },
}

impl Pace {
    /// The time from one copy to the next, or the allowed lag: also what may be lost at most when all goes well.
    pub fn limit(self) -> TimeDelta {
        match self {
            Pace::Every(interval) => interval,
            Pace::Continuous { lag } => lag,
        }
    }
}

/// How long copies are kept. Several may be stated together; none means that the document says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Every copy is kept for at least so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u32>,
    /// At least so many copies are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// No copy is kept for more seconds than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most_s: Option<u32>,
}

words!(
    /// Whether copies must be unreadable to whoever finds them. A row that says neither is a finding.
    Encryption { Required = "required", None = "none" }
);

/// A second copy far away from the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offsite {
    pub place: String,
    /// How much later than here a copy may be there, in seconds.
    pub within_s: u32,
    /// Only so many copies are kept there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

impl Backup {
    /// How often its copies come. A checked row says exactly one of the two.
    pub fn pace(&self) -> Pace {
        let seconds = |it: u32| TimeDelta::seconds(it.into());
        match (self.interval_s, self.lag_s) {
            (Some(interval), _) => Pace::Every(seconds(interval)),
            (None, lag) => Pace::Continuous { lag: seconds(lag.unwrap_or(0)) },
        }
    }

    pub fn grace(&self) -> TimeDelta {
        TimeDelta::seconds(self.grace_s.into())
    }

    /// Whether it names places of its own that the server asks, beyond the clusters that it knows.
    pub fn reaches_out(&self) -> bool {
        let there = self.offsite.as_ref().and_then(|it| it.source.as_ref());
        let elsewhere = |it: &Source| it.is_asked() && it.cluster().is_none();
        [self.source.as_ref(), there].into_iter().flatten().any(elsewhere)
    }

    pub(crate) fn check(&self, faults: &mut Faults<'_>) {
        faults.at("name").refuse(rules::name(&self.name));
        faults.at("domain").refuse(rules::name(&self.domain));
        for (member, text) in [
            ("artefact", &self.artefact),
            ("method", &self.method),
            ("place", &self.place),
            ("owner", &self.owner),
        ] {
            faults.at(member).refuse(said(text));
        }
        if self.stated_in.chars().count() > LONGEST {
            faults.at("stated_in").add(format!("is longer than {LONGEST} characters"));
        }
        match (self.interval_s, self.lag_s) {
            (Some(interval), None) => {
                faults.at("interval_s").refuse(rules::seconds(1, interval));
            }
            (None, Some(lag)) => faults.at("lag_s").refuse(rules::seconds(1, lag)),
            (None, None) => faults
                .at("interval_s")
                .add("is missing: say interval_s, or lag_s for what is copied continuously"),
            (Some(_), Some(_)) => faults
                .at("lag_s")
                .add("stands beside interval_s: a row is copied at intervals or continuously"),
        }
        faults.at("grace_s").refuse(rules::seconds(0, self.grace_s));
        self.retention.check(&mut faults.at("retention"));
        self.check_tenants(&mut faults.at("tenants"));
        if let Some(source) = &self.source {
            source.check(&mut faults.at("source"));
        }
        if let Some(offsite) = &self.offsite {
            let faults = &mut faults.at("offsite");
            faults.at("place").refuse(said(&offsite.place));
            faults.at("within_s").refuse(rules::seconds(1, offsite.within_s));
            if offsite.at_most == Some(0) {
                faults.at("at_most").add("0 copies are none");
            }
            if let Some(source) = &offsite.source {
                source.check(&mut faults.at("source"));
            }
        }
    }

    fn check_tenants(&self, faults: &mut Faults<'_>) {
        for (index, tenant) in self.tenants.iter().enumerate() {
            faults.at(index).refuse(said(tenant));
        }
        faults.refuse(rules::distinct(&self.tenants));
        let apart = match &self.source {
            Some(Source::Objects { path, .. }) => {
                Pattern::parse(path).is_ok_and(|it| it.has_tenants())
            }
            Some(Source::Heartbeat) => true,
            _ => false,
        };
        if !self.tenants.is_empty() && !apart {
            faults.add(
                "are named, but the source does not keep tenants apart: \
                 put {tenant} or {namespace} into the path of an objects source",
            );
        }
    }
}

impl Retention {
    pub fn is_stated(&self) -> bool {
        *self != Self::default()
    }

    fn check(&self, faults: &mut Faults<'_>) {
        for (member, seconds) in [("age_s", self.age_s), ("at_most_s", self.at_most_s)] {
            if let Some(seconds) = seconds {
                faults.at(member).refuse(rules::at_least(1, seconds));
            }
        }
        if let Some(count) = self.count {
            faults.at("count").refuse(rules::at_least(1, count));
        }
        if let (Some(age), Some(most)) = (self.age_s, self.at_most_s)
            && age > most
        {
            faults.at("at_most_s").add(format!("{most} s are less than age_s, {age} s"));
        }
    }
}

/// In characters; what is longer is no word of a matrix.
const LONGEST: usize = 300;

/// Something is said, on one line.
pub(super) fn said(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("has a line break or another control character".to_owned());
    }
    if text.chars().count() > LONGEST {
        return Err(format!("is longer than {LONGEST} characters"));
    }
    Ok(())
}
