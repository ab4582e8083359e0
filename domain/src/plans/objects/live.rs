//! What an effect was meant for and what came of it: the state of a workload or of another object.

use serde::{Deserialize, Serialize};

use super::{LiveObject, ObjectRef};
use crate::plans::{LiveState, Moved, StepKind};

/// Told apart by their members: a workload's state names a `workload`, an object's an `object`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Live {
    Workload(LiveState),
    Object(LiveObject),
}

impl Live {
    pub fn workload(&self) -> Option<&LiveState> {
        match self {
            Live::Workload(it) => Some(it),
            Live::Object(_) => None,
        }
    }

    pub fn object(&self) -> Option<&LiveObject> {
        match self {
            Live::Workload(_) => None,
            Live::Object(it) => Some(it),
        }
    }

    pub fn cluster(&self) -> &str {
        match self {
            Live::Workload(it) => &it.workload.cluster,
            Live::Object(it) => &it.object.cluster,
        }
    }

    /// Whether both are the same as far as a step can change it.
    pub fn looks_like(&self, other: &Live) -> bool {
        match (self, other) {
            (Live::Workload(own), Live::Workload(other)) => own.looks_like(other),
            (Live::Object(own), Live::Object(other)) => own.looks_like(other),
            _ => false,
        }
    }
}

impl From<LiveState> for Live {
    fn from(state: LiveState) -> Self {
        Live::Workload(state)
    }
}

impl From<LiveObject> for Live {
    fn from(object: LiveObject) -> Self {
        Live::Object(object)
    }
}

impl StepKind {
    pub fn object(&self) -> Option<&ObjectRef> {
        match self {
            StepKind::Object { object, .. } | StepKind::Release { release: object, .. } => {
                Some(object)
            }
            _ => None,
        }
    }

    /// The cluster that it touches.
    pub fn cluster(&self) -> Option<&str> {
        let workload = self.workload().map(|it| &*it.cluster);
        workload.or(self.object().map(|it| &*it.cluster))
    }

    /// What the step is no longer possible for, where nothing is known of what it acts on.
    pub fn unknown(&self) -> Vec<Moved> {
        let workload = self.workload().map(|it| Moved::Gone { workload: it.clone() });
        let object = self.object().map(|it| Moved::ObjectGone { object: it.clone() });
        workload.or(object).into_iter().collect()
    }
}
