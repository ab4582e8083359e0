//! What was done to a service, and what differs between two templates.
//!
//! **Invariant:** a change is material when it can alter how the software behaves. Labels, plain annotations,
//! restarts and the number of replicas cannot; a rollback of those cures nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::Digest;
use crate::ids::{ChangeId, ServiceId, WorkloadId};

words!(ChangeKind {
    Template = "template",
    Config = "config",
    Helm = "helm",
    Migration = "migration",
    Scale = "scale",
    Restart = "restart",
});

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub id: ChangeId,
    /// The service it was told for, or whose workload it was seen on.
    pub service: Option<ServiceId>,
    /// `None` when CI told it.
    pub workload_id: Option<WorkloadId>,
    pub kind: ChangeKind,
    pub material: bool,
    pub at: DateTime<Utc>,
    pub from: Option<State>,
    pub to: Option<State>,
    /// What CI says about it.
    pub told: Option<Told>,
    pub items: Vec<Item>,
}

/// One side of a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub revision: i64,
    pub digest: Digest,
    pub config_digest: Digest,
    pub replicas: i32,
}

/// What a pipeline told about a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub version: String,
    pub digest: Option<String>,
    pub commit: Option<String>,
    pub author: Option<String>,
    pub ticket: Option<String>,
}

/// What differs between two templates, in the order of the template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// `spec.containers[api].image`; items of a list are known by their name.
    pub path: String,
    pub part: Part,
    pub old: Option<Value>,
    pub new: Option<Value>,
}

words!(
    /// The part of a template that a difference concerns.
    Part {
        Image = "image",
        Container = "container",
        Command = "command",
        Env = "env",
        Resources = "resources",
        Volumes = "volumes",
        Config = "config",
        Migration = "migration",
        Probes = "probes",
        Spec = "spec",
        Labels = "labels",
        Annotations = "annotations",
        Restart = "restart",
        Replicas = "replicas",
    }
);

impl Part {
    pub fn material(self) -> bool {
        !matches!(self, Part::Labels | Part::Annotations | Part::Restart | Part::Replicas)
    }

    /// From the names on the way to the value.
    fn of(path: &[Name]) -> Self {
        let name = |i: usize| path.get(i).map_or("", Name::text);
        match (name(0), name(1)) {
            ("metadata", "labels") => Part::Labels,
            ("metadata", "annotations") => Part::of_annotation(name(2)),
            ("metadata", _) => Part::Annotations,
            ("spec", "volumes") => Part::Volumes,
            ("spec", "containers" | "initContainers" | "ephemeralContainers") => match name(3) {
                "" => Part::Container,
                "image" => Part::Image,
                "command" | "args" | "workingDir" | "lifecycle" => Part::Command,
                "env" | "envFrom" => Part::Env,
                "resources" => Part::Resources,
                "volumeMounts" | "volumeDevices" => Part::Volumes,
                "readinessProbe" | "livenessProbe" | "startupProbe" => Part::Probes,
                _ => Part::Spec,
            },
            _ => Part::Spec,
        }
    }

    fn of_annotation(name: &str) -> Self {
        match name {
            "kubectl.kubernetes.io/restartedAt" => Part::Restart,
            crate::revisions::MIGRATION => Part::Migration,
            // Charts put a checksum of ConfigMaps and Secrets here, so that their change starts new pods.
            _ if name.starts_with("checksum/") => Part::Config,
            _ => Part::Annotations,
        }
    }
}

/// Compares two pod templates. Members that are null or missing are the same; lists of named things are
/// compared by name, all others as one value.
pub fn compare(old: &Value, new: &Value) -> Difference {
    let mut items = Vec::new();
    walk(&mut Vec::new(), Some(old), Some(new), &mut items);
    Difference { items }
}

impl Difference {
    pub fn is_material(&self) -> bool {
        self.items.iter().any(|it| it.part.material())
    }

    pub fn parts(&self) -> BTreeSet<Part> {
        self.items.iter().map(|it| it.part).collect()
    }

    /// The kind of change that a new template with this difference is.
    pub fn kind(&self) -> ChangeKind {
        let parts = self.parts();
        if parts.contains(&Part::Migration) {
            ChangeKind::Migration
        } else if parts.len() == 1 && parts.contains(&Part::Restart) {
            ChangeKind::Restart
        } else {
            ChangeKind::Template
        }
    }
}

/// What became of a workload between two looks at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub kind: ChangeKind,
    pub material: bool,
    pub items: Vec<Item>,
}

/// The change from one state to another; `None` where nothing was done to the workload. `templates` are the
/// two templates if both are known; a change between unknown ones counts as material, because nobody can
/// say that it is not.
pub fn seen(from: &State, to: &State, templates: Option<(&Value, &Value)>) -> Option<Seen> {
    let configured = from.config_digest != to.config_digest;
    if from.digest != to.digest {
        let Some((old, new)) = templates else {
            return Some(Seen { kind: ChangeKind::Template, material: true, items: Vec::new() });
        };
        let difference = compare(old, new);
        let material = configured || difference.is_material();
        return Some(Seen { kind: difference.kind(), material, items: difference.items });
    }
    if configured {
        return Some(Seen { kind: ChangeKind::Config, material: true, items: Vec::new() });
    }
    let scaled = from.replicas != to.replicas;
    scaled.then(|| {
        let item = Item {
            path: "spec.replicas".to_owned(),
            part: Part::Replicas,
            old: Some(Value::from(from.replicas)),
            new: Some(Value::from(to.replicas)),
        };
        Seen { kind: ChangeKind::Scale, material: false, items: vec![item] }
    })
}

/// When a change was made: with the object that it created, if that is newer than the last look at the
/// workload, else only now is known.
pub fn made_at(
    created: Option<DateTime<Utc>>,
    last_seen: DateTime<Utc>,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    created.filter(|it| *it > last_seen && *it < now).unwrap_or(now)
}

/// A step into a template.
#[derive(Clone, Debug)]
enum Name {
    Member(String),
    Item(String),
}

impl Name {
    fn text(&self) -> &str {
        let (Name::Member(it) | Name::Item(it)) = self;
        it
    }
}

fn walk(path: &mut Vec<Name>, old: Option<&Value>, new: Option<&Value>, items: &mut Vec<Item>) {
    let [old, new] = [old, new].map(|it| it.filter(|it| !it.is_null()));
    if old == new || is_label_of_replica_set(path) {
        return;
    }
    match (old, new) {
        // A map that one side leaves out is empty there, so that its members are told one by one.
        (Some(Value::Object(_)) | None, Some(Value::Object(_)) | None) if is_map(path) => {
            walk_members(path, old, new, items);
        }
        (Some(Value::Object(_)), Some(Value::Object(_))) => walk_members(path, old, new, items),
        (Some(Value::Array(old)), Some(Value::Array(new))) if known_by(old, new).is_some() => {
            walk_items(path, old, new, items);
        }
        _ => items.push(item(path, old, new)),
    }
}

fn walk_members(
    path: &mut Vec<Name>,
    old: Option<&Value>,
    new: Option<&Value>,
    items: &mut Vec<Item>,
) {
    let members = |it: Option<&Value>| -> Vec<String> {
        it.and_then(Value::as_object).into_iter().flat_map(|it| it.keys().cloned()).collect()
    };
    let names: BTreeSet<String> = members(old).into_iter().chain(members(new)).collect();
    for name in names {
        let [old, new] = [old, new].map(|it| it.and_then(|it| it.get(&name)));
        path.push(Name::Member(name));
        walk(path, old, new, items);
        path.pop();
    }
}

fn walk_items(path: &mut Vec<Name>, old: &[Value], new: &[Value], items: &mut Vec<Item>) {
    let Some(key) = known_by(old, new) else { return };
    let find = |list: &[Value], name: &str| -> Option<Value> {
        list.iter().find(|it| it.get(key).and_then(Value::as_str) == Some(name)).cloned()
    };
    let names = |list: &[Value]| -> Vec<String> {
        list.iter().filter_map(|it| it.get(key)?.as_str().map(str::to_owned)).collect()
    };
    let [before, after] = [old, new].map(names);
    if before != after && before.iter().collect::<BTreeSet<_>>() == after.iter().collect() {
        // The same things in another order: of the values, only the names are worth telling.
        items.push(item(path, Some(&Value::from(before)), Some(&Value::from(after.clone()))));
    }
    let mut told: Vec<String> = names(old);
    told.extend(after.into_iter().filter(|it| find(old, it).is_none()));
    for name in told {
        let [old, new] = [old, new].map(|list| find(list, &name));
        path.push(Name::Item(name));
        walk(path, old.as_ref(), new.as_ref(), items);
        path.pop();
    }
}

/// The member by which every item of both lists is known.
fn known_by(old: &[Value], new: &[Value]) -> Option<&'static str> {
    let unique = |list: &[Value], key: &str| {
        let names: Option<BTreeSet<&str>> =
            list.iter().map(|it| it.get(key).and_then(Value::as_str)).collect();
        names.is_some_and(|it| it.len() == list.len())
    };
    ["name", "mountPath"].into_iter().find(|key| unique(old, key) && unique(new, key))
}

/// Maps whose members people set one by one.
fn is_map(path: &[Name]) -> bool {
    match path {
        [] => true,
        [Name::Member(only)] => only == "metadata" || only == "spec",
        [.., Name::Member(last)] => {
            matches!(
                last.as_str(),
                "labels" | "annotations" | "resources" | "limits" | "requests" | "nodeSelector"
            )
        }
        _ => false,
    }
}

fn is_label_of_replica_set(path: &[Name]) -> bool {
    let names: Vec<&str> = path.iter().map(Name::text).collect();
    crate::canonical::HASHES.iter().any(|it| names == ["metadata", "labels", *it])
        || names == ["metadata", "creationTimestamp"]
}

fn item(path: &[Name], old: Option<&Value>, new: Option<&Value>) -> Item {
    let mut text = String::new();
    for name in path {
        match name {
            Name::Member(it) if text.is_empty() => text.push_str(it),
            // A name with dots in it, as those of annotations, would read as several members.
            Name::Member(it) if it.contains('.') => text.push_str(&format!("[{it}]")),
            Name::Member(it) => text.push_str(&format!(".{it}")),
            Name::Item(it) => text.push_str(&format!("[{it}]")),
        }
    }
    Item { path: text, part: Part::of(path), old: old.cloned(), new: new.cloned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template() -> Value {
        json!({
            "metadata": {"labels": {"app": "api"}},
            "spec": {
                "containers": [
                    {"name": "api", "image": "api:1", "args": ["-v"], "env": [{"name": "A", "value": "1"}]},
                    {"name": "proxy", "image": "proxy:1"}
                ],
                "volumes": [{"name": "tmp", "emptyDir": {}}]
            }
        })
    }

    /// The difference that `edit` makes, one line for each item.
    fn check(edit: impl FnOnce(&mut Value), material: bool, kind: ChangeKind, expected: &[&str]) {
        let mut new = template();
        edit(&mut new);
        let difference = compare(&template(), &new);
        let line = |it: &Item| {
            let [old, new] =
                [&it.old, &it.new].map(|it| it.as_ref().map_or("-".to_owned(), Value::to_string));
            format!("{} {}: {old} -> {new}", it.part.as_str(), it.path)
        };
        let lines: Vec<String> = difference.items.iter().map(line).collect();
        assert_eq!(lines, expected);
        assert_eq!((difference.is_material(), difference.kind()), (material, kind), "{expected:?}");
    }

    #[test]
    fn what_can_alter_behaviour_is_material() {
        use ChangeKind::{Migration, Restart, Template};

        check(|_| {}, false, Template, &[]);
        check(
            |it| it["spec"]["containers"][0]["image"] = json!("api:2"),
            true,
            Template,
            &[r#"image spec.containers[api].image: "api:1" -> "api:2""#],
        );
        check(
            |it| it["spec"]["containers"][0]["env"][0]["value"] = json!("2"),
            true,
            Template,
            &[r#"env spec.containers[api].env[A].value: "1" -> "2""#],
        );
        check(
            |it| it["spec"]["containers"][1]["resources"] = json!({"limits": {"memory": "1Gi"}}),
            true,
            Template,
            &[r#"resources spec.containers[proxy].resources.limits.memory: - -> "1Gi""#],
        );
        check(
            |it| it["spec"]["containers"][0]["args"] = json!(["-v", "-q"]),
            true,
            Template,
            &[r#"command spec.containers[api].args: ["-v"] -> ["-v","-q"]"#],
        );
        check(
            |it| it["spec"]["volumes"] = json!([]),
            true,
            Template,
            &[r#"volumes spec.volumes[tmp]: {"emptyDir":{},"name":"tmp"} -> -"#],
        );
        check(
            |it| it["metadata"]["annotations"] = json!({"lifeboat.dev/migration": "7"}),
            true,
            Migration,
            &[r#"migration metadata.annotations[lifeboat.dev/migration]: - -> "7""#],
        );
        check(
            |it| it["metadata"]["annotations"] = json!({"checksum/config": "1f"}),
            true,
            Template,
            &[r#"config metadata.annotations.checksum/config: - -> "1f""#],
        );
        check(
            |it| it["metadata"]["labels"]["version"] = json!("2"),
            false,
            Template,
            &[r#"labels metadata.labels.version: - -> "2""#],
        );
        check(
            |it| {
                it["metadata"]["annotations"] =
                    json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
            },
            false,
            Restart,
            &[
                r#"restart metadata.annotations[kubectl.kubernetes.io/restartedAt]: - -> "2026-01-01T00:00:00Z""#,
            ],
        );
    }

    #[test]
    fn the_label_of_a_replica_set_is_no_difference_and_an_order_is_one() {
        check(
            |it| it["metadata"]["labels"]["pod-template-hash"] = json!("5d"),
            false,
            ChangeKind::Template,
            &[],
        );
        check(
            |it| it["spec"]["containers"].as_array_mut().unwrap().reverse(),
            true,
            ChangeKind::Template,
            &[r#"container spec.containers: ["api","proxy"] -> ["proxy","api"]"#],
        );
    }

    #[test]
    fn what_was_done_is_seen_from_the_two_states() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let state =
            State { revision: 1, digest: digest("t1"), config_digest: digest("c1"), replicas: 3 };
        let mut labelled = template();
        labelled["metadata"]["labels"]["version"] = json!("2");
        let (same, labelled) = ((&template(), &template()), (&template(), &labelled));
        let template = State { digest: digest("t2"), ..state.clone() };
        let config = State { config_digest: digest("c2"), ..state.clone() };
        let scale = State { replicas: 5, ..state.clone() };
        let both = State { config_digest: digest("c2"), ..template.clone() };
        for (to, templates, expected) in [
            (&state, None, None),
            (&State { revision: 2, ..state.clone() }, None, None),
            (&template, None, Some((ChangeKind::Template, true))),
            (&template, Some(labelled), Some((ChangeKind::Template, false))),
            (&both, Some(labelled), Some((ChangeKind::Template, true))),
            (&config, Some(same), Some((ChangeKind::Config, true))),
            (&scale, None, Some((ChangeKind::Scale, false))),
        ] {
            let seen = seen(&state, to, templates).map(|it| (it.kind, it.material));
            assert_eq!(seen, expected, "{to:?}");
        }
    }

    #[test]
    fn a_change_was_made_when_its_object_was_created_if_nobody_looked_since() {
        let at = |s| DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(s);
        for (created, expected) in
            [(Some(5), 5), (None, 9), (Some(1), 9), (Some(20), 9), (Some(2), 9)]
        {
            assert_eq!(made_at(created.map(at), at(2), at(9)), at(expected), "{created:?}");
        }
    }
}
