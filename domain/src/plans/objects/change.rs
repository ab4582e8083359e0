//! What an action comes to on the object that was read. Pure: the executor makes a JSON Patch of it, the rehearsal
//! of a plan looks ahead with it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{ObjectAction, ObjectRef, Said};
use crate::revisions::Contents;
use crate::runs::Note;

/// Where an Application keeps how it was synchronised while it is suspended.
const KEPT: &str = "lifeboat/suspended-sync";

#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is so already.
    Nothing(Note),
    Refused(Note),
    Patch {
        sets: Vec<Set>,
        note: Note,
    },
    Create {
        manifest: Value,
        note: Note,
    },
    Delete(Note),
    /// Of the pods on a node.
    Evict,
}

/// One member and its new value; `None` takes it away.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// A JSON pointer.
    pub path: String,
    pub value: Option<Value>,
}

/// `found` is the object, where there is one; `contents` what a ConfigMap goes back to, where it is kept.
pub fn change(
    object: &ObjectRef,
    action: &ObjectAction,
    found: Option<&Value>,
    contents: Option<&Contents>,
) -> Change {
    if !action.fits(object) {
        let (kind, action) = (object.kind.clone(), action.as_str().to_owned());
        return Change::Refused(Note::NotForKind { kind, action });
    }
    match (action, found) {
        (ObjectAction::Create { manifest }, None) => {
            Change::Create { manifest: manifest.clone(), note: Said::Created.into() }
        }
        (ObjectAction::Create { .. }, Some(_)) => refused(Said::NameTaken),
        (_, None) => refused(Said::NoObject),
        // Without it Flagger leaves the target at no pods and takes the primary away.
        (ObjectAction::Delete, Some(found))
            if object.is_canary()
                && found.pointer("/spec/revertOnDeletion") != Some(&json!(true)) =>
        {
            refused(Said::NotReverted)
        }
        (ObjectAction::Delete, Some(_)) => Change::Delete(Said::Deleted.into()),
        (ObjectAction::Drain, Some(found))
            if found.pointer("/spec/unschedulable") != Some(&json!(true)) =>
        {
            refused(Said::NotCordoned)
        }
        (ObjectAction::Drain, Some(_)) => Change::Evict,
        (ObjectAction::ConfigRestore { contents: digest }, Some(found)) => match contents {
            Some(contents) => restore(found, contents),
            None => refused(Said::ContentsGone { contents: digest.clone() }),
        },
        (ObjectAction::SetWeights { weights }, Some(found)) => set_weights(object, found, weights),
        (ObjectAction::SuspendSync, Some(found)) => suspend(object, found),
        (ObjectAction::ResumeSync, Some(found)) => resume(object, found),
        (ObjectAction::Cordon, Some(found)) => schedule(found, false),
        (ObjectAction::Uncordon, Some(found)) => schedule(found, true),
        (ObjectAction::StillSuspended | ObjectAction::WaitReady, Some(_)) => {
            nothing(Said::Waits { phase: String::new() })
        }
    }
}

fn patch(said: Said, sets: impl IntoIterator<Item = Set>) -> Change {
    Change::Patch { sets: sets.into_iter().collect(), note: said.into() }
}

fn nothing(said: Said) -> Change {
    Change::Nothing(said.into())
}

fn refused(said: Said) -> Change {
    Change::Refused(said.into())
}

fn set(path: impl Into<String>, value: Value) -> Set {
    Set { path: path.into(), value: Some(value) }
}

/// What a ConfigMap holds.
fn held(found: &Value) -> Contents {
    let map = |name: &str| {
        let entries = found.get(name).and_then(Value::as_object).into_iter().flatten();
        entries.filter_map(|(key, it)| Some((key.clone(), it.as_str()?.to_owned()))).collect()
    };
    Contents { data: map("data"), binary_data: map("binaryData") }
}

fn restore(found: &Value, contents: &Contents) -> Change {
    if held(found) == *contents {
        return nothing(Said::ConfigThere);
    }
    if found["immutable"] == true {
        return refused(Said::Immutable);
    }
    let member = |name: &str, wanted: &BTreeMap<String, String>| {
        let path = format!("/{name}");
        match (wanted.is_empty(), found.get(name)) {
            (true, None) => None,
            (true, Some(_)) => Some(Set { path, value: None }),
            (false, there) => {
                Some(set(path, json!(wanted))).filter(|it| it.value.as_ref() != there)
            }
        }
    };
    let sets = [member("data", &contents.data), member("binaryData", &contents.binary_data)];
    patch(Said::ConfigRestored { contents: contents.digest() }, sets.into_iter().flatten())
}

/// The pointer to the rules, the name of the list of weighted backends in each, and how a backend is called there.
type Routes = (&'static str, &'static str, fn(&Value) -> Option<String>);

/// Of a kind of route.
fn routes(object: &ObjectRef) -> Routes {
    match object.kind.as_str() {
        "VirtualService" => ("/spec/http", "route", |it| {
            let host = it.pointer("/destination/host")?.as_str()?;
            let subset = it.pointer("/destination/subset").and_then(Value::as_str);
            Some(subset.map_or(host.to_owned(), |it| format!("{host}/{it}")))
        }),
        _ => ("/spec/rules", "backendRefs", |it| Some(it.get("name")?.as_str()?.to_owned())),
    }
}

/// Backend → its weight now, over all rules of a route. One that says nothing has 1, as both APIs have it, and 100
/// where it is the only one of a VirtualService.
pub fn weights(object: &ObjectRef, found: &Value) -> BTreeMap<String, i32> {
    let (rules, backends, name) = routes(object);
    let mut weights = BTreeMap::new();
    for rule in found.pointer(rules).and_then(Value::as_array).into_iter().flatten() {
        let all = rule[backends].as_array().map(Vec::as_slice).unwrap_or_default();
        for backend in all {
            let said = backend["weight"].as_i64().and_then(|it| i32::try_from(it).ok());
            let silent = match (object.kind.as_str(), all.len()) {
                ("VirtualService", 1) => 100,
                ("VirtualService", _) => 0,
                _ => 1,
            };
            if let Some(name) = name(backend) {
                weights.insert(name, said.unwrap_or(silent));
            }
        }
    }
    weights
}

/// Every rule that sends traffic to one of these backends sends it by the new weights.
fn set_weights(object: &ObjectRef, found: &Value, wanted: &BTreeMap<String, i32>) -> Change {
    let (path, backends, name) = routes(object);
    let known = weights(object, found);
    if let Some(backend) = wanted.keys().find(|it| !known.contains_key(*it)) {
        let known = known.into_keys().collect();
        return refused(Said::NoBackend { backend: backend.clone(), known });
    }
    let mut rules = found.pointer(path).cloned().unwrap_or_default();
    for rule in rules.as_array_mut().into_iter().flatten() {
        let Some(all) = rule.get_mut(backends).and_then(Value::as_array_mut) else { continue };
        let mut touched = false;
        for backend in all.iter_mut() {
            if let Some(weight) = name(backend).and_then(|it| wanted.get(&it)) {
                backend["weight"] = json!(weight);
                touched = true;
            }
        }
        let takes = |it: &Value| it["weight"].as_i64() != Some(0);
        if touched && !all.iter().any(takes) {
            return refused(Said::NoTraffic);
        }
    }
    match wanted.iter().all(|(backend, weight)| known.get(backend) == Some(weight)) {
        true => nothing(Said::WeightsThere),
        false => patch(Said::WeightsSet { weights: wanted.clone() }, [set(path, rules)]),
    }
}

/// Whether GitOps leaves alone what this object keeps in step.
pub fn is_suspended(object: &ObjectRef, found: &Value) -> bool {
    match object.kind.as_str() {
        "Application" => match found.pointer("/spec/syncPolicy/automated") {
            None | Some(Value::Null) => true,
            Some(automated) => automated["enabled"] == false,
        },
        _ => found.pointer("/spec/suspend") == Some(&json!(true)),
    }
}

fn suspend(object: &ObjectRef, found: &Value) -> Change {
    if is_suspended(object, found) {
        return nothing(Said::SyncAlready { suspended: true });
    }
    if object.kind != "Application" {
        return patch(Said::SyncSuspended, [set("/spec/suspend", json!(true))]);
    }
    let automated = found.pointer("/spec/syncPolicy/automated").cloned().unwrap_or_default();
    let kept = json!(automated.to_string());
    let annotate = match found.pointer("/metadata/annotations") {
        Some(Value::Object(_)) => set(format!("/metadata/annotations/{}", escaped(KEPT)), kept),
        _ => set("/metadata/annotations", json!({KEPT: kept})),
    };
    let stop = Set { path: "/spec/syncPolicy/automated".to_owned(), value: None };
    patch(Said::SyncSuspended, [annotate, stop])
}

fn resume(object: &ObjectRef, found: &Value) -> Change {
    if !is_suspended(object, found) {
        return nothing(Said::SyncAlready { suspended: false });
    }
    if object.kind != "Application" {
        return patch(Said::SyncResumed, [set("/spec/suspend", json!(false))]);
    }
    let kept = found.pointer("/metadata/annotations").and_then(|it| it.get(KEPT)?.as_str());
    let kept = kept.and_then(|it| serde_json::from_str::<Map<String, Value>>(it).ok());
    let Some(automated) = kept else { return refused(Said::SuspendedByOther) };
    let start = match found.pointer("/spec/syncPolicy") {
        Some(Value::Object(_)) => set("/spec/syncPolicy/automated", json!(automated)),
        _ => set("/spec/syncPolicy", json!({"automated": automated})),
    };
    let path = format!("/metadata/annotations/{}", escaped(KEPT));
    patch(Said::SyncResumed, [start, Set { path, value: None }])
}

fn schedule(found: &Value, schedulable: bool) -> Change {
    let cordoned = found.pointer("/spec/unschedulable") == Some(&json!(true));
    match (cordoned, schedulable) {
        (false, false) => patch(Said::Cordoned, [set("/spec/unschedulable", json!(true))]),
        (true, true) => patch(Said::Uncordoned, [set("/spec/unschedulable", json!(false))]),
        (cordoned, _) => nothing(Said::CordonThere { cordoned }),
    }
}

/// A member's name in a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
