//! One text for one JSON value, whoever wrote it and in whatever order, and the digest of that text.
//!
//! The text is that of RFC 8785 (members sorted by UTF-16 code units, no spaces, the shortest number), with
//! one difference: whole numbers keep all their digits instead of passing through a double. A value that went
//! through `jsonb` and came back has the same text, so a digest can be computed again from the stored row.

use std::fmt::{self, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Digest as _;

/// `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is `sha256:` and 64 lower-case hexadecimal digits")]
pub struct NotADigest;

impl Digest {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for people; never compared.
    pub fn short(&self) -> &str {
        &self.0["sha256:".len()..][..12]
    }

    /// Of bytes as they are.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(sha2::Sha256::digest(bytes))))
    }
}

/// The digest of a value's canonical text.
///
/// # Panics
/// When the value has no JSON form, as a map with keys that are no text. Ours all have one.
pub fn digest(value: &impl Serialize) -> Digest {
    let value = serde_json::to_value(value).expect("a value of the domain is JSON");
    Digest::of(to_string(&value).as_bytes())
}

/// The digest of a pod template: without the label `pod-template-hash`, which only the ReplicaSet carries, and
/// without members that say nothing (`null`, an empty list, an empty map).
///
/// An empty object stays where Kubernetes tells it from none: `emptyDir: {}` is a volume, and a `labelSelector: {}`
/// selects everything where an absent one selects nothing.
pub fn template(template: &Value) -> Digest {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        HASHES.iter().for_each(|it| drop(labels.remove(*it)));
    }
    prune(&mut template);
    digest(&template)
}

/// The labels by which a ReplicaSet tells its pods from those of its siblings: of a Deployment, and of a Rollout.
pub const HASHES: [&str; 2] = ["pod-template-hash", "rollouts-pod-template-hash"];

/// The digest of the template of a Rollout. The API server fills in a ReplicaSet's defaults and not a Rollout's, so
/// what says no more than a default is left out of both.
pub fn rollout_template(template: &Value) -> Digest {
    let mut bare = template.clone();
    leave_out_defaults(&mut bare);
    self::template(&bare)
}

/// Members of a pod template that mean the same where they are absent.
fn leave_out_defaults(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(leave_out_defaults),
        Value::Object(members) => {
            // It follows from the tag, unless somebody says otherwise.
            let usual = members.get("image").and_then(Value::as_str).map(pull_policy);
            if usual.is_some() && members.get("imagePullPolicy").and_then(Value::as_str) == usual {
                members.remove("imagePullPolicy");
            }
            members.retain(|name, it| !is_default(name, it));
            members.values_mut().for_each(leave_out_defaults);
        }
        _ => {}
    }
}

fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or(image);
    let newest = !image.contains('@') && (!name.contains(':') || name.ends_with(":latest"));
    if newest { "Always" } else { "IfNotPresent" }
}

fn is_default(name: &str, value: &Value) -> bool {
    let text = value.as_str();
    match name {
        "terminationMessagePath" => text == Some("/dev/termination-log"),
        "terminationMessagePolicy" => text == Some("File"),
        "protocol" => text == Some("TCP"),
        "scheme" => text == Some("HTTP"),
        "dnsPolicy" => text == Some("ClusterFirst"),
        "restartPolicy" => text == Some("Always"),
        "schedulerName" => text == Some("default-scheduler"),
        "apiVersion" => text == Some("v1"),
        "terminationGracePeriodSeconds" => value == 30,
        "timeoutSeconds" | "successThreshold" => value == 1,
        "periodSeconds" => value == 10,
        "failureThreshold" => value == 3,
        "defaultMode" => value == 420,
        "securityContext" => value.as_object().is_some_and(serde_json::Map::is_empty),
        _ => false,
    }
}

/// Members of a pod template whose empty object means the same as none: maps, and structures that the API
/// server writes whether they are filled or not.
const EMPTY_IS_NONE: [&str; 10] = [
    "annotations",
    "labels",
    "limits",
    "matchLabels",
    "metadata",
    "nodeSelector",
    "overhead",
    "requests",
    "resources",
    "status",
];

fn prune(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Object(members) => {
            members.values_mut().for_each(prune);
            members.retain(|name, value| match value {
                Value::Null => false,
                Value::Array(items) => !items.is_empty(),
                Value::Object(members) => {
                    !members.is_empty() || !EMPTY_IS_NONE.contains(&name.as_str())
                }
                _ => true,
            });
        }
        _ => {}
    }
}

/// The canonical text of a value.
pub fn to_string(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value);
    text
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Number(number) => write_number(text, number),
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => write_object(text, members),
        // `null`, `true`, `false`, and strings, which serde_json escapes as the RFC asks.
        _ => text.push_str(&value.to_string()),
    }
}

fn write_object(text: &mut String, members: &Map<String, Value>) {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    text.push('{');
    for (i, (name, value)) in members.into_iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        write_value(text, value);
    }
    text.push('}');
}

fn write_number(text: &mut String, number: &serde_json::Number) {
    let float = match number.as_f64() {
        Some(float) if number.is_f64() => float,
        _ => return text.push_str(&number.to_string()),
    };
    // ECMAScript writes plain digits between 1e-6 and 1e21, and so does Rust's `{}` everywhere.
    let written = match float.abs() {
        0.0 => write!(text, "0"),
        plain if (1e-6..1e21).contains(&plain) => write!(text, "{float}"),
        large if large >= 1e21 => write!(text, "{}", format!("{float:e}").replace('e', "e+")),
        _ => write!(text, "{float:e}"),
    };
    written.expect("a string takes everything");
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let digits = text.strip_prefix("sha256:").ok_or(NotADigest)?;
        let lower_hex = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
        match digits.len() == 64 && digits.bytes().all(lower_hex) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotADigest),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rollout_and_its_replica_set_have_one_template() {
        let written = serde_json::json!({
            "metadata": {"labels": {"app": "api"}},
            "spec": {"containers": [{"name": "app", "image": "reg/api:1", "ports": [{"containerPort": 80}],
                "readinessProbe": {"httpGet": {"path": "/", "port": 80}}}]},
        });
        let filled = serde_json::json!({
            "metadata": {"labels": {"app": "api", "rollouts-pod-template-hash": "5d4"}, "creationTimestamp": null},
            "spec": {"containers": [{"name": "app", "image": "reg/api:1", "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "readinessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1,
                    "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}}],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": 30},
        });
        assert_eq!(rollout_template(&written), rollout_template(&filled));
        let mut other = filled.clone();
        other["spec"]["containers"][0]["imagePullPolicy"] = "Always".into();
        assert_ne!(rollout_template(&written), rollout_template(&other));
    }

    #[test]
    #[expect(clippy::excessive_precision, reason = "as the RFC writes it")]
    fn the_examples_of_the_rfc() {
        let value = json!({
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001, -0.0],
            "string": "\u{20ac}$\u{000F}\u{000a}A'\u{0042}\u{0022}\u{005c}\\\"/",
            "literals": [null, true, false]
        });
        assert_eq!(
            to_string(&value),
            "{\"literals\":[null,true,false],\
             \"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],\
             \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        // Sorted by UTF-16 code units: the emoji's surrogates come before U+FB33.
        let value = json!({"\u{fb33}": 1, "\u{1f600}": 2, "\r": 3, "1": 4, "\u{80}": 5});
        assert_eq!(
            to_string(&value),
            "{\"\\r\":3,\"1\":4,\"\u{80}\":5,\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn a_whole_number_is_one_number_however_it_is_written() {
        for (a, b) in [("1.0", "1"), ("1e3", "1000"), ("1e16", "10000000000000000")] {
            let [a, b] = [a, b].map(|it| to_string(&serde_json::from_str(it).unwrap()));
            assert_eq!(a, b);
        }
        assert_eq!(to_string(&json!(u64::MAX)), "18446744073709551615");
    }

    #[test]
    fn a_template_is_what_its_pods_are_made_from() {
        let plain =
            json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a"}]}});
        let same = json!({
            "metadata": {"creationTimestamp": null, "labels": {"app": "a", "pod-template-hash": "5d"}},
            "spec": {"volumes": [], "nodeSelector": {}, "containers": [{"resources": {"limits": {}}, "name": "a"}]}
        });
        assert_eq!(template(&plain), template(&same));

        for other in [
            json!({"metadata": {"labels": {"app": "b"}}, "spec": {"containers": [{"name": "a"}]}}),
            json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a"}], "paused": false}}),
            json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "env": [{}]}]}}),
        ] {
            assert_ne!(template(&plain), template(&other), "{other}");
        }
        let volume = |it: Value| template(&json!({"spec": {"volumes": [it]}}));
        assert_ne!(volume(json!({"name": "v", "emptyDir": {}})), volume(json!({"name": "v"})));
    }

    #[test]
    fn only_a_digest_is_a_digest() {
        let digest = Digest::of(b"");
        assert_eq!(
            digest.as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
        for text in ["", "sha256:", "sha256:E3", &digest.as_str()[7..], &format!("{digest}0")] {
            assert_eq!(text.parse::<Digest>(), Err(NotADigest), "{text}");
        }
        assert!(serde_json::from_value::<Digest>(json!("sha256:0")).is_err());
    }

    proptest! {
        #[test]
        fn the_text_reads_back_as_the_value(value in values()) {
            let text = to_string(&value);
            let read: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(to_string(&read), text);
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            // What people write: up to fifteen digits survive every parser.
            any::<i32>().prop_map(|it| Value::from(f64::from(it) / 1000.0)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        })
    }
}
