//! How a workload fared under a revision of its release.
//!
//! A manifest says less than what then runs: the API server adds what is usual. So a template of the manifest is
//! known again by [`is_made_of`]: everything that it says is there, and what is there beside it is what the API server
//! adds by itself. Where it adds something that is not known here, nothing is recognised, which is unknown and no pass.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Member;
use crate::canonical::{Digest, HASHES};
use crate::revisions::RevisionVerdict;

/// A revision of a workload, as far as it tells which manifest it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub template: Value,
    /// The contents of the ConfigMaps that it ran with.
    pub configs: BTreeMap<String, Digest>,
    pub verdict: RevisionVerdict,
}

/// The worst of what was seen of exactly this template with exactly these contents.
pub(super) fn verdict(member: &Member, observed: &[Observed]) -> RevisionVerdict {
    let same = observed.iter().filter(|it| {
        member.configs.iter().all(|(name, digest)| it.configs.get(name) == Some(digest))
            && is_made_of(&it.template, &member.template)
    });
    // A restart makes a second revision of the same manifest, which may be too young for a verdict: the first one
    // still says that it runs well.
    let verdicts = same.map(|it| it.verdict).filter(|it| *it != RevisionVerdict::Unknown);
    verdicts.reduce(worse).unwrap_or(RevisionVerdict::Unknown)
}

pub(super) fn worse(a: RevisionVerdict, b: RevisionVerdict) -> RevisionVerdict {
    use RevisionVerdict::{Bad, Forbidden, Unknown, Verified};
    match (a, b) {
        (Forbidden, _) | (_, Forbidden) => Forbidden,
        (Bad, _) | (_, Bad) => Bad,
        (Unknown, _) | (_, Unknown) => Unknown,
        (Verified, Verified) => Verified,
    }
}

/// Whether the API server would show this pod template where a manifest says that one.
pub fn is_made_of(live: &Value, said: &Value) -> bool {
    fits("", live, said)
}

/// Members that people fill in with names of their own.
const MAPS: [&str; 6] =
    ["annotations", "labels", "limits", "matchLabels", "nodeSelector", "requests"];

/// What others write into a template that is still the same.
const NOT_SAID: [&str; 4] =
    [HASHES[0], HASHES[1], "kubectl.kubernetes.io/restartedAt", "creationTimestamp"];

fn fits(name: &str, live: &Value, said: &Value) -> bool {
    match (live, said) {
        (Value::Object(live), Value::Object(said)) => fit_members(name, live, said),
        (Value::Array(live), Value::Array(said)) => {
            live.len() == said.len() && live.iter().zip(said).all(|(a, b)| fits(name, a, b))
        }
        (a, b) => a == b || (says_nothing(a) && says_nothing(b)) || same_amount(name, a, b),
    }
}

fn fit_members(name: &str, live: &Map<String, Value>, said: &Map<String, Value>) -> bool {
    let is_map = MAPS.contains(&name);
    let amounts = AMOUNTS.contains(&name);
    let said_is_there = said.iter().all(|(member, said)| match live.get(member) {
        // The members of these are amounts, whatever they are called.
        Some(live) => fits(if amounts { name } else { member }, live, said),
        None => says_nothing(said) || NOT_SAID.contains(&&**member),
    });
    let rest = live.iter().filter(|(name, _)| !said.contains_key(*name));
    let mut rest = rest.filter(|(name, _)| !NOT_SAID.contains(&&***name));
    said_is_there
        && rest.all(|(name, live_value)| {
            says_nothing(live_value) || (!is_map && is_added(name, live_value, live, said))
        })
}

/// What Kubernetes leaves out where it is written, and reads as the same where it is not.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(it) => !it,
        Value::Number(it) => it.as_i64() == Some(0),
        Value::String(it) => it.is_empty(),
        Value::Array(it) => it.is_empty(),
        Value::Object(it) => it.values().all(says_nothing),
    }
}

/// What the API server adds to a pod template by itself.
fn is_added(
    name: &str,
    value: &Value,
    live: &Map<String, Value>,
    said: &Map<String, Value>,
) -> bool {
    let is = |texts: &[&str]| value.as_str().is_some_and(|it| texts.contains(&it));
    let number = |usual: i64| value.as_i64() == Some(usual);
    match name {
        "restartPolicy" => is(&["Always"]),
        "dnsPolicy" => is(&["ClusterFirst"]),
        "schedulerName" => is(&["default-scheduler"]),
        "terminationGracePeriodSeconds" => number(30),
        "terminationMessagePath" => is(&["/dev/termination-log"]),
        "terminationMessagePolicy" => is(&["File"]),
        "imagePullPolicy" => is(&["Always", "IfNotPresent"]),
        "protocol" => is(&["TCP"]),
        "scheme" => is(&["HTTP"]),
        "path" => is(&["/"]),
        "apiVersion" => is(&["v1"]),
        "timeoutSeconds" | "successThreshold" => number(1),
        "periodSeconds" => number(10),
        "failureThreshold" => number(3),
        "defaultMode" => number(420),
        "expirationSeconds" => number(3600),
        "whenUnsatisfiable" => is(&["DoNotSchedule"]),
        // The old name of the other, which is said.
        "serviceAccount" => said.get("serviceAccountName") == Some(value),
        "divisor" => is(&["0"]),
        "hostPort" => live.get("containerPort") == Some(value),
        "requests" => said.get("limits").is_some_and(|it| fits("requests", value, it)),
        _ => false,
    }
}

/// Where an amount stands.
const AMOUNTS: [&str; 4] = ["divisor", "limits", "requests", "sizeLimit"];

/// `1` and `1000m`, `0.5` and `500m`: the API server writes each in its own way.
fn same_amount(name: &str, a: &Value, b: &Value) -> bool {
    AMOUNTS.contains(&name) && matches!((amount(a), amount(b)), (Some(a), Some(b)) if a == b)
}

/// In thousandths.
fn amount(value: &Value) -> Option<f64> {
    let text = match value {
        Value::String(it) => it.clone(),
        Value::Number(it) => it.to_string(),
        _ => return None,
    };
    let digits = text.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let power = |n: i32| 1024_f64.powi(n);
    let scale = match unit {
        "m" => 0.001,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => power(1),
        "Mi" => power(2),
        "Gi" => power(3),
        "Ti" => power(4),
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * scale * 1000.0).round())
}
