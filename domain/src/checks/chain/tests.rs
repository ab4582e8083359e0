//! Chains as a catalog writes them, what they send, and what is done about one that was broken off.

use serde_json::json;

use super::*;
use crate::checks::Check;

fn registration() -> Value {
    json!({
        "name": "registration", "kind": "chain", "timeout_s": 20,
        "secrets": {"key": "env:SMOKE_KEY"},
        "steps": [
            {"name": "register", "method": "POST", "url": "http://h/register",
             "json": {"name": "smoke-{marker}", "pre_shared_key": "{key}", "n": [1, "{not a name}"]},
             "expect": {"status": "2xx"}, "take": {"device_id": "/device_id"}},
            {"name": "config", "url": "http://h/device/{device_id}/config",
             "headers": {"Authorization": "Device {device_id}"}},
        ],
        "cleanup": [
            {"name": "find", "url": "http://h/devices?name=smoke-{marker}", "take": {"device_id": "/0/id"}},
            {"name": "delete", "method": "DELETE", "url": "http://h/device/{device_id}", "expect": {"status": "2xx"}},
        ],
    })
}

fn faults(json: Value) -> Vec<String> {
    let check: Check = serde_json::from_value(json).unwrap();
    let mut found = Vec::new();
    check.check(&mut Faults::of(&mut found));
    found.into_iter().map(|it| format!("{}: {}", it.path, it.message)).collect()
}

fn chain() -> Chain {
    let check: Check = serde_json::from_value(registration()).unwrap();
    match check.kind {
        crate::checks::CheckKind::Chain(chain) => chain,
        other => panic!("{other:?}"),
    }
}

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_sound_chain_has_no_fault_and_reads_as_it_is_written() {
    assert_eq!(faults(registration()), [""; 0]);
    let check: Check = serde_json::from_value(registration()).unwrap();
    let again = serde_json::to_value(&check).unwrap();
    assert_eq!(serde_json::from_value::<Check>(again).unwrap(), check);
}

#[test]
fn what_could_not_be_found_or_taken_away_again_is_refused() {
    let without = |pointer: &str, value: Value| {
        let mut json = registration();
        *json.pointer_mut(pointer).unwrap() = value;
        faults(json)
    };
    for (pointer, value, expected) in [
        (
            "/steps/0/json/name",
            json!("smoke"),
            "steps: carry {marker} nowhere, so nobody could find what they made",
        ),
        ("/cleanup", json!([]), "cleanup: is empty, and the requests make something"),
        (
            "/steps/0/take",
            json!({}),
            "steps[1]: speaks of {device_id}, which nothing before it gives",
        ),
        (
            "/steps/1/url",
            json!("http://h/{key}"),
            "steps[1].url: holds the secret {key}: addresses are logged",
        ),
        (
            "/steps/1/url",
            json!("http://{device_id}/"),
            "steps[1].url: has a value in the place of its host",
        ),
        (
            "/steps/0/take",
            json!({"device_id": "id"}),
            "steps[0].take.device_id: is no JSON pointer: /data/id",
        ),
        ("/steps/0/method", json!("GET"), "steps[0].json: a GET has no body"),
        ("/steps", json!([]), "steps: is empty: there is nothing to ask"),
        (
            "/secrets/key",
            json!("password=x"),
            "secrets.key: must refer to a connection string, not contain one: a catalog holds no secrets",
        ),
    ] {
        let found = without(pointer, value);
        assert!(found.iter().any(|it| it == expected), "{found:?} lacks {expected}");
    }
}

#[test]
fn values_are_put_in_and_lead_nowhere_else() {
    let chain = chain();
    let secrets = values(&[("key", "s3cret")]);
    let marked = values(&[("marker", "lifeboat-1"), ("device_id", "../admin?x=1")]);
    let register = chain.steps[0].fill(&marked, &secrets).unwrap();
    assert_eq!(
        register.json,
        Some(
            json!({"name": "smoke-lifeboat-1", "pre_shared_key": "s3cret", "n": [1, "{not a name}"]})
        )
    );
    let config = chain.steps[1].fill(&marked, &secrets).unwrap();
    assert_eq!(config.url, "http://h/device/..%2Fadmin%3Fx%3D1/config");
    assert_eq!(config.headers["Authorization"], "Device ../admin?x=1");
    let nothing = chain.steps[1].fill(&values(&[]), &secrets);
    assert_eq!(nothing.err().as_deref(), Some("device_id"));
    let up = chain.steps[1].fill(&values(&[("device_id", "..")]), &secrets).unwrap();
    assert_eq!(up.url, "http://h/device/%2E%2E/config");
}

#[test]
fn values_are_taken_as_they_are_and_nothing_else_is_one() {
    let register = &chain().steps[0];
    for (body, expected) in [
        (json!({"device_id": "d-1"}), Ok("d-1")),
        (json!({"device_id": 7}), Ok("7")),
        (json!({"device_id": ""}), Err(())),
        (json!({"device_id": null}), Err(())),
        (json!({"device_id": "a\nb"}), Err(())),
        (json!({"device_id": {"a": 1}}), Err(())),
        (json!([]), Err(())),
    ] {
        let taken = register.taken(&body).map(|it| it["device_id"].clone()).map_err(drop);
        assert_eq!(taken, expected.map(str::to_owned), "{body}");
    }
}

#[test]
fn only_what_the_clean_up_needs_outlives_the_process() {
    assert_eq!(chain().kept().into_iter().collect::<Vec<_>>(), ["device_id"]);
    assert!(chain().cleanup[0].is_known(&values(&[("device_id", "d")])));
    assert!(!chain().cleanup[0].is_known(&values(&[])));
    assert!(!chain().cleanup[1].is_known(&values(&[("device_id", "d")])), "it finds out nothing");
}

#[test]
fn what_was_broken_off_is_cleaned_up_before_it_is_tried_again() {
    let attempt = |number, stage, result| Attempt {
        number,
        marker: String::new(),
        stage,
        result,
        clean_fault: None,
        cleaned_at: None,
    };
    let result = CheckResult {
        name: "c".into(),
        verdict: crate::verdict::Verdict::Fail,
        value: Value::Null,
        limit: Value::Null,
        blocking: true,
        message: "no".into(),
    };
    let running = attempt(1, Stage::Running, None);
    let broken_off = attempt(1, Stage::Done, None);
    assert_eq!(next(&[]), Next::Begin { number: 1 });
    assert_eq!(next(&[running]), Next::Wait);
    assert_eq!(next(&[attempt(1, Stage::Cleaning, None)]), Next::Wait);
    assert_eq!(next(std::slice::from_ref(&broken_off)), Next::Begin { number: 2 });
    assert_eq!(next(&[attempt(3, Stage::Done, None)]), Next::GivenUp);
    let known = attempt(2, Stage::Cleaning, Some(result.clone()));
    assert_eq!(next(&[broken_off, known]), Next::Show(Box::new(result)));
}

#[test]
fn a_secret_is_in_no_sentence() {
    let secrets = values(&[("key", "s3cret"), ("empty", "")]);
    assert_eq!(masked("key is \"s3cret\", expected 1", &secrets), "key is \"***\", expected 1");
}
