//! `lifeboat decide`: a file in, one JSON object out.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const SITUATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/tests/situations");

fn lifeboat(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lifeboat")).arg("decide").args(args).output().unwrap()
}

/// Its exit code, what it printed and what it complained about.
fn decide(text: &str, args: &[&str]) -> (Option<i32>, Value, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let output = lifeboat(&[&["--file", path], args].concat());
    let complaint = String::from_utf8(output.stderr).unwrap().replace(path, "FILE");
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), printed, complaint)
}

fn sample(name: &str) -> Value {
    let text = std::fs::read(format!("{SITUATIONS}/{name}.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn every_sample_is_decided_and_prints_one_object() {
    for (name, outcome, disposition) in [
        ("bad-image", "automatic", "execute"),
        ("one-of-three", "human", "ask"),
        ("first-release", "never", "none"),
    ] {
        let output = lifeboat(&["--file", &format!("{SITUATIONS}/{name}.json"), "--json"]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        let decision: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(decision["outcome"], outcome, "{name}");
        assert_eq!(decision["disposition"], disposition, "{name}");
    }
}

#[test]
fn the_decision_has_the_members_that_others_build_on() {
    let (code, decision, _) = decide(&sample("bad-image").to_string(), &[]);
    assert_eq!(code, Some(0));
    assert_eq!(decision["service"], "api-gateway");
    assert_eq!(decision["cause"], "code_defect");
    assert_eq!(decision["strategy"], "version_rollback");
    assert_eq!(decision["target"]["kind"], "workload");
    assert_eq!(decision["target"]["revision"], 2);
    assert_eq!(decision["target"]["workload"]["name"], "api-gateway");
    assert_eq!(decision["target"]["images"][0]["image"], "registry.example/api:1.2.0");
    for member in ["id", "at", "follows", "rollback_id", "score", "confidence", "warnings"] {
        assert!(decision.get(member).is_some(), "{member}");
    }
    let young = decision["rules"].as_array().unwrap().iter().find(|it| it["name"] == "young");
    assert_eq!(
        young.unwrap(),
        &json!({
            "name": "young", "kind": "gate", "input": "", "value": 2.0, "limit": 1200.0, "verdict": "pass",
            "key": "young", "reason": "The alert is young enough.",
        })
    );
}

#[test]
fn standard_input_is_a_file_too() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lifeboat"))
        .args(["decide", "--file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(sample("leak").to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let decision: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(decision["strategy"], "restart");
}

#[test]
fn what_is_wrong_is_named_with_file_line_and_path() {
    let with = |change: fn(&mut Value)| {
        let mut value = sample("bad-image");
        change(&mut value);
        serde_json::to_string_pretty(&value).unwrap()
    };
    for (text, complaint) in [
        (
            with(|it| it["rails"]["kill_switch"] = json!([])),
            "rails.kill_switch: unknown field `kill_switch`, expected one of `kill_switches`",
        ),
        (
            with(|it| it["pods"][1]["bad"] = json!("sad")),
            "pods[1].bad: unknown variant `sad`, expected one of `crash_loop`",
        ),
        (with(|it| it["at"] = json!("yesterday")), "at: input contains invalid characters"),
        (
            with(|it| it["workload"]["live"]["digest"] = json!("abc")),
            "workload.live.digest: a digest is `sha256:` and 64 lower-case hexadecimal digits",
        ),
        ("{".to_owned(), "EOF while parsing an object"),
        ("{} {}".to_owned(), "missing field `at`"),
        (format!("{} x", with(|_| {})), "trailing characters"),
    ] {
        let (code, printed, said) = decide(&text, &[]);
        assert_eq!((code, printed), (Some(1), Value::Null), "{said}");
        assert!(said.contains(complaint), "{said}");
        let line = said.strip_prefix("FILE:").and_then(|it| it.split(':').next());
        assert!(line.and_then(|it| it.parse::<u32>().ok()).is_some(), "{said}");

        let (code, printed, _) = decide(&text, &["--json"]);
        let error = &printed["errors"][0];
        assert_eq!(code, Some(1));
        assert!(said.contains(error["message"].as_str().unwrap()), "{printed}");
        assert!(error["line"].as_u64().unwrap() > 0, "{printed}");
    }
}

#[test]
fn a_file_that_is_not_there_fails_and_wrong_use_is_told_apart() {
    let output = lifeboat(&["--file", "/nowhere/situation.json"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("/nowhere/situation.json: cannot be read: "), "{said}");

    for args in [&[][..], &["--fiel", "x"]] {
        assert_eq!(lifeboat(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_decision_is_held_against_a_recorded_one_rule_by_rule() {
    let situation = sample("bad-image");
    let (_, recorded, _) = decide(&situation.to_string(), &[]);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(recorded.to_string().as_bytes()).unwrap();
    let against = file.path().to_str().unwrap();
    let (code, same, _) = decide(&situation.to_string(), &["--against", against]);
    assert_eq!((code, &same["difference"]["rules"]), (Some(0), &json!([])));
    assert_eq!(same["difference"]["outcome"], Value::Null);

    let mut other = situation;
    other["policy"]["mode"] = json!("off");
    let (_, decision, _) = decide(&other.to_string(), &["--against", against]);
    let rules = decision["difference"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 1, "{rules:?}");
    assert_eq!(rules[0]["name"], "mode");
    assert_eq!(
        decision["difference"]["disposition"],
        json!({"recorded": "execute", "now": "none"})
    );
    let (code, _, complaint) = decide("{}", &["--against", "/nowhere"]);
    assert_eq!(code, Some(1), "{complaint}");
}
