//! The catalog: what Lifeboat is told about the systems it protects, as a set of documents.
//!
//! **Invariant:** what stands in the database has passed [`check()`] as a whole: every value is sound, every
//! name is unique and every reference leads somewhere.

mod check;
mod diff;
mod faults;
mod imports;
pub(crate) mod rules;

use std::fmt;
use std::ops::Deref;

use serde::Serialize;

use crate::backups::Backup;
use crate::calendar::ExpectedDrill;
use crate::clusters::Cluster;
use crate::objectives::Objective;
use crate::policies::Policy;
use crate::services::Service;
use crate::signals::Signal;

pub use check::{Problem, check};
pub use diff::{Change, Member, changes};
pub use faults::{Fault, Faults};
pub use imports::{
    Edit, Import, ImportState, Refusal as ImportRefusal, digest, touches_production,
};

words!(
    /// The kinds of document, in the order in which they refer to each other.
    Kind {
        Cluster = "cluster",
        Policy = "policy",
        Signal = "signal",
        Service = "service",
        Objective = "objective",
        Backup = "backup",
        ExpectedDrill = "expected_drill",
    }
);

/// One document of a catalog, as it is written in a file: its members, and `kind`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Document {
    Cluster(Cluster),
    Policy(Policy),
    Signal(Signal),
    Service(Service),
    Objective(Objective),
    /// The largest by far.
    Backup(Box<Backup>),
    ExpectedDrill(ExpectedDrill),
}

/// What a document is known by; written `service/api-gateway`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    pub kind: Kind,
    pub name: &'a str,
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

impl Document {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Cluster(_) => Kind::Cluster,
            Self::Policy(_) => Kind::Policy,
            Self::Signal(_) => Kind::Signal,
            Self::Service(_) => Kind::Service,
            Self::Objective(_) => Kind::Objective,
            Self::Backup(_) => Kind::Backup,
            Self::ExpectedDrill(_) => Kind::ExpectedDrill,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Cluster(it) => &it.name,
            Self::Policy(it) => &it.name,
            Self::Signal(it) => &it.name,
            Self::Service(it) => &it.name,
            Self::Objective(it) => &it.name,
            Self::Backup(it) => &it.name,
            Self::ExpectedDrill(it) => &it.name,
        }
    }

    pub fn key(&self) -> Key<'_> {
        Key { kind: self.kind(), name: self.name() }
    }
}

/// An entry of the catalog as the database keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<I, T> {
    pub id: I,
    /// Counts from 1 and grows with every change.
    pub version: i32,
    pub entry: T,
}

impl<I, T> Deref for Stored<I, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.entry
    }
}
