//! What an import would change.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Document;

/// What becomes of the stored catalog; keys as `service/api-gateway`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    pub created: Vec<String>,
    pub changed: Vec<Changed>,
    pub removed: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    pub key: String,
    pub members: Vec<Member>,
}

/// One value that differs; null where it is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Where it stands: `rails.cooldown_s`. A list is one value.
    pub path: String,
    pub from: Value,
    pub to: Value,
}

impl Diff {
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// What importing `imported` over `stored` changes. Only with `prune` is removed what is not imported.
pub fn diff(stored: &[Document], imported: &[Document], prune: bool) -> Diff {
    let mut diff = Diff::default();
    for document in imported {
        let key = document.key();
        match stored.iter().find(|it| it.key() == key) {
            None => diff.created.push(key.to_string()),
            Some(old) if old != document => {
                diff.changed
                    .push(Changed { key: key.to_string(), members: members(old, document) });
            }
            Some(_) => {}
        }
    }
    if prune {
        let kept: BTreeSet<String> = imported.iter().map(|it| it.key().to_string()).collect();
        let gone = stored.iter().map(|it| it.key().to_string()).filter(|it| !kept.contains(it));
        diff.removed.extend(gone);
    }
    diff
}

fn members(old: &Document, new: &Document) -> Vec<Member> {
    let [old, new] = [old, new].map(|it| {
        let mut values = BTreeMap::new();
        if let Ok(value) = serde_json::to_value(it) {
            flatten(String::new(), value, &mut values);
        }
        values
    });
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |of: &BTreeMap<String, Value>, path| of.get(path).cloned().unwrap_or_default();
    paths
        .into_iter()
        .map(|path| Member { path: path.clone(), from: value(&old, path), to: value(&new, path) })
        .filter(|it| it.from != it.to)
        .collect()
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
