//! What an import changes: decided here as a list, carried out by whoever imports.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Document, Key};

/// What becomes of one document.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Create(Document),
    /// With the members that differ.
    Change(Document, Vec<Member>),
    Remove(Document),
}

/// One value that differs; null where it is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Where it stands: `rails.cooldown_s`. A list is one value.
    pub path: String,
    pub from: Value,
    pub to: Value,
}

impl Change {
    pub fn document(&self) -> &Document {
        match self {
            Self::Create(it) | Self::Change(it, _) | Self::Remove(it) => it,
        }
    }
}

/// What importing `imported` over `stored` changes, in an order in which every step finds what it refers to.
/// Only with `prune` is removed what is not imported.
pub fn changes(stored: &[Document], imported: &[Document], prune: bool) -> Vec<Change> {
    let old: HashMap<Key<'_>, &Document> = stored.iter().map(|it| (it.key(), it)).collect();
    let mut changes: Vec<Change> = imported
        .iter()
        .filter_map(|document| match old.get(&document.key()) {
            None => Some(Change::Create(document.clone())),
            Some(old) if *old != document => {
                Some(Change::Change(document.clone(), members(old, document)))
            }
            Some(_) => None,
        })
        .collect();
    changes.sort_by_key(|it| it.document().kind());
    if prune {
        let kept: HashSet<Key<'_>> = imported.iter().map(Document::key).collect();
        let mut gone: Vec<&Document> =
            stored.iter().filter(|it| !kept.contains(&it.key())).collect();
        gone.sort_by_key(|it| std::cmp::Reverse(it.kind()));
        changes.extend(gone.into_iter().cloned().map(Change::Remove));
    }
    changes
}

fn members(old: &Document, new: &Document) -> Vec<Member> {
    let [old, mut new] = [old, new].map(values);
    let mut members: Vec<Member> = old
        .into_iter()
        .map(|(path, from)| Member { to: new.remove(&path).unwrap_or_default(), path, from })
        .collect();
    members.extend(new.into_iter().map(|(path, to)| Member { path, from: Value::Null, to }));
    members.retain(|it| it.from != it.to);
    members.sort_by(|a, b| a.path.cmp(&b.path));
    members
}

/// Every value of a document by its path.
fn values(document: &Document) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    // Numbers that JSON does not know were refused by the check before.
    if let Ok(value) = serde_json::to_value(document) {
        flatten(String::new(), value, &mut values);
    }
    values
}

fn flatten(path: String, value: Value, values: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(path, member, values);
            }
        }
        value => {
            values.insert(path, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policies::{Mode, Policy, Rails};
    use crate::signals;

    #[test]
    fn only_what_differs_is_changed_and_only_pruning_removes() {
        let signal = Document::Signal(signals::built_in()[0].clone());
        let old = Policy::named("p");
        let rails = Rails { cooldown_s: 60, ..Rails::default() };
        let new = Document::Policy(Policy { mode: Mode::Auto, rails, ..old.clone() });
        let stored = [Document::Policy(old), Document::Policy(Policy::named("gone"))];
        let imported = [signal.clone(), new.clone()];

        let member = |path: &str, from, to| Member { path: path.into(), from, to };
        let changed = Change::Change(
            new,
            vec![
                member("mode", json!("suggest"), json!("auto")),
                member("rails.cooldown_s", json!(300), json!(60)),
            ],
        );
        let created = Change::Create(signal);
        let removed = Change::Remove(stored[1].clone());
        let plain = changes(&stored, &imported, false);
        assert_eq!(plain, [changed.clone(), created.clone()]);
        assert_eq!(changes(&stored, &imported, true), [changed, created, removed]);
        assert_eq!(changes(&stored, &stored, true), []);
    }
}
