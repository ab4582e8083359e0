//! Situations as they stand beside the tests, and as variations of them.

use domain::decide::Situation;
use serde_json::{Value, json};

pub(crate) const V1: &str =
    "sha256:1111111111111111111111111111111111111111111111111111111111111111";
pub(crate) const V2: &str =
    "sha256:2222222222222222222222222222222222222222222222222222222222222222";
pub(crate) const V3: &str =
    "sha256:3333333333333333333333333333333333333333333333333333333333333333";
pub(crate) const C1: &str =
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const C2: &str =
    "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

pub(crate) fn file(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/situations");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json"));
    serde_json::from_str(&text.expect(name)).expect(name)
}

/// A situation that differs from a file as a JSON merge patch says (RFC 7386): `null` takes a member away.
pub(crate) fn situation(name: &str, patch: &Value) -> Situation {
    let mut value = file(name);
    merge(&mut value, patch);
    serde_json::from_value(value).unwrap_or_else(|it| panic!("{name} with {patch}: {it}"))
}

fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    let members = value.as_object_mut().expect("it was just made one");
    for (name, patch) in patch {
        match patch {
            Value::Null => _ = members.remove(name),
            _ => merge(members.entry(name).or_insert(Value::Null), patch),
        }
    }
}

pub(crate) enum State {
    Good,
    /// Crashes, and was never ready.
    Crashed,
    /// Was ready, and is bad for this reason.
    Lost(&'static str),
    /// Was never ready, for this reason.
    Never(&'static str),
    Starting,
}

pub(crate) fn pod(node: &str, digest: &str, state: &State) -> Value {
    let (ready, ever_ready, bad) = match state {
        State::Good => (true, true, None),
        State::Crashed => (false, false, Some("crash_loop")),
        State::Lost(reason) => (false, true, Some(*reason)),
        State::Never(reason) => (false, false, Some(*reason)),
        State::Starting => (false, false, None),
    };
    json!({"name": "p", "node": node, "digest": digest, "ready": ready, "ever_ready": ever_ready, "bad": bad})
}

/// One pod after the other on node-1, node-2, node-3, node-1, …
pub(crate) fn pods(digest: &str, states: &[State]) -> Vec<Value> {
    let node = |i: usize| format!("node-{}", i % 3 + 1);
    states.iter().enumerate().map(|(i, it)| pod(&node(i), digest, it)).collect()
}

pub(crate) fn both(new: Vec<Value>, old: Vec<Value>) -> Value {
    Value::from([new, old].concat())
}

pub(crate) fn revision(number: i64, digest: &str, verdict: &str, more: Value) -> Value {
    let mut value = json!({
        "revision": number, "digest": digest, "config_digest": C1, "verdict": verdict,
        "rolled_out": verdict == "verified", "present": true, "config_current": true,
    });
    merge(&mut value, &more);
    value
}

/// The same pods, of which the cluster says this.
pub(crate) fn saying(message: &str, mut pods: Vec<Value>) -> Vec<Value> {
    for pod in &mut pods {
        pod["message"] = json!(message);
    }
    pods
}
