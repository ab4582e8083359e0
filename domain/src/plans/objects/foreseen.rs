//! What steps on objects would come to, each as if those before it had been done.

use serde_json::Value;

use super::{Change, LiveObject, ObjectAction, ObjectRef, Set, change};
use crate::plans::foresee::{Foreseen, nothing, patch, refuse};
use crate::revisions::Contents;
use crate::runs::Note;

/// What is known of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub object: ObjectRef,
    /// As the API server showed it, where there is one.
    pub found: Option<Value>,
    /// What a ConfigMap may go back to, of what is kept.
    pub contents: Vec<Contents>,
    /// Nothing is ever done in its namespace.
    pub protected: bool,
}

impl Seen {
    /// The state that a plan for this object is made for.
    pub fn live(&self) -> LiveObject {
        self.object.live(self.found.as_ref())
    }

    /// What this step would come to; afterwards the object is as if it had been done.
    pub(in crate::plans) fn foresee(&mut self, action: &ObjectAction) -> Foreseen {
        if self.protected && action.acts() {
            return refuse(Note::Protected { namespace: self.object.namespace.clone() });
        }
        let contents = match action {
            ObjectAction::ConfigRestore { contents } => {
                self.contents.iter().find(|it| it.digest() == *contents)
            }
            _ => None,
        };
        match change(&self.object, action, self.found.as_ref(), contents) {
            Change::Nothing(note) if action.acts() => nothing(Some(note)),
            Change::Nothing(_) => nothing(None),
            Change::Refused(note) => refuse(note),
            Change::Patch { sets, .. } => {
                if let Some(found) = &mut self.found {
                    sets.iter().for_each(|it| apply(found, it));
                }
                patch()
            }
            Change::Create { manifest, .. } => {
                self.found = Some(manifest);
                patch()
            }
            Change::Delete(_) => {
                self.found = None;
                patch()
            }
            Change::Evict => patch(),
        }
    }
}

/// As a JSON Patch would do it: the parent of the member is there.
fn apply(object: &mut Value, Set { path, value }: &Set) {
    let Some((parent, name)) = path.rsplit_once('/') else { return };
    let name = name.replace("~1", "/").replace("~0", "~");
    let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
    match value {
        Some(value) => parent.insert(name, value.clone()),
        None => parent.remove(&name),
    };
}
