//! What a release puts in place: the documents of its manifest as objects, with what Secrets hold put out of sight.

use std::collections::BTreeMap;

use domain::canonical::Digest;
use domain::releases::Member;
use domain::revisions::{self, Contents};
use domain::workloads::{LAST_APPLIED, WorkloadKind};
use serde_json::{Map, Value};

use super::decode::{Key, Unreadable};
use super::yaml::Document;

const MOST_OBJECTS: usize = 2000;

pub(super) struct Placed {
    pub(super) objects: Vec<Value>,
    pub(super) members: Vec<Member>,
}

/// `namespace` is where objects lie that name none.
pub(super) fn read(key: &Key, namespace: &str, manifest: &str) -> Result<Placed, Unreadable> {
    let mut objects = Vec::new();
    for text in documents(manifest) {
        let Document(object) = serde_saphyr::from_str_with_options(text, options())
            .map_err(|it| Unreadable::Manifest(it.to_string().chars().take(300).collect()))?;
        match object {
            // Only comments.
            Value::Null => {}
            Value::Object(list) if list.get("items").is_some_and(Value::is_array) => {
                objects.extend(items(list));
            }
            Value::Object(_) => objects.push(object),
            _ => return Err(Unreadable::Manifest("a document is no object".to_owned())),
        }
        if objects.len() > MOST_OBJECTS {
            return Err(Unreadable::TooLarge(objects.len() as u64));
        }
    }
    let configs = configs(namespace, &objects);
    let members = objects.iter().filter_map(|it| member(namespace, it, &configs)).collect();
    objects.iter_mut().for_each(|it| hide(key, it));
    Ok(Placed { objects, members })
}

/// Of a `List`, or of a list of one kind (`SecretList`), whose items need not repeat it.
fn items(mut list: Map<String, Value>) -> Vec<Value> {
    let of = list.get("kind").and_then(Value::as_str).and_then(|it| it.strip_suffix("List"));
    let of = of.filter(|it| !it.is_empty()).map(Value::from);
    let Some(Value::Array(mut items)) = list.remove("items") else { return vec![] };
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        if let (Some(kind), false) = (&of, item.contains_key("kind")) {
            item.insert("kind".to_owned(), kind.clone());
        }
    }
    items
}

/// Helm itself tells documents apart by lines that begin with three dashes.
fn documents(manifest: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in manifest.split_inclusive('\n') {
        if line.starts_with("---") && line[3..].trim_start().is_empty() {
            documents.push(&manifest[start..at]);
            start = at + line.len();
        }
        at += line.len();
    }
    documents.push(&manifest[start..]);
    let says = |it: &&str| {
        it.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
    };
    documents.into_iter().filter(says).collect()
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_depth: 64,
            max_nodes: 250_000,
            max_events: 1_000_000,
            max_aliases: 1_000,
            max_anchors: 200,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 8,
        },
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// By namespace and name.
fn configs(namespace: &str, objects: &[Value]) -> BTreeMap<(String, String), Digest> {
    let maps = objects.iter().filter(|it| text(it, "/kind") == "ConfigMap");
    let digests = maps.filter_map(|it| {
        let members = |name: &str| -> Option<BTreeMap<String, String>> {
            match it.get(name) {
                None | Some(Value::Null) => Some(BTreeMap::new()),
                Some(value) => serde_json::from_value(value.clone()).ok(),
            }
        };
        let contents = Contents { data: members("data")?, binary_data: members("binaryData")? };
        Some((place(namespace, it), contents.digest()))
    });
    digests.collect()
}

fn place(namespace: &str, object: &Value) -> (String, String) {
    let own = text(object, "/metadata/namespace");
    let namespace = if own.is_empty() { namespace } else { own };
    (namespace.to_owned(), text(object, "/metadata/name").to_owned())
}

fn member(
    namespace: &str,
    object: &Value,
    configs: &BTreeMap<(String, String), Digest>,
) -> Option<Member> {
    let kind = WorkloadKind::parse(text(object, "/kind"))?;
    let version = text(object, "/apiVersion");
    if !(version.starts_with("apps/") || version.starts_with("argoproj.io/")) {
        return None;
    }
    let template = object.pointer("/spec/template")?.clone();
    let (namespace, name) = place(namespace, object);
    let read = revisions::config_refs(&template).into_iter().filter_map(|it| {
        let digest = configs.get(&(namespace.clone(), it.clone()))?;
        Some((it, digest.clone()))
    });
    let configs = read.collect();
    Some(Member { namespace, kind, name, template, configs })
}

/// In the place of each value of a Secret stands a digest: whether it changes is seen, what it is not.
fn hide(key: &Key, object: &mut Value) {
    if object.get("kind").and_then(Value::as_str) != Some("Secret") {
        return;
    }
    for part in ["data", "stringData"] {
        match object.get_mut(part) {
            Some(Value::Object(members)) => {
                members.values_mut().for_each(|it| *it = hidden(key, it));
            }
            Some(other) => *other = hidden(key, other),
            None => {}
        }
    }
    // kubectl writes the whole Secret into an annotation.
    let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    if let Some(it) = annotations {
        it.remove(LAST_APPLIED);
    }
}

fn hidden(key: &Key, value: &Value) -> Value {
    let digest = key.digest(value.to_string().as_bytes());
    format!("hidden, {}", digest.short()).into()
}
