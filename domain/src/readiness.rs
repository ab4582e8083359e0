//! Rollback readiness: could a service be brought back quickly, if it had to be now? Findings from what the watch and
//! the catalog know, each with a verdict; what nobody has looked at is unknown and no pass.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checks::Check;
use crate::revisions::{Revision, RevisionVerdict};
use crate::verdict::Verdict;
use crate::workloads::{Image, Owner, Workload, WorkloadKind};

/// So many revisions Kubernetes keeps unless told otherwise, and so many KPHub §3.1 asks for.
pub const HISTORY: i32 = 10;

/// How a workload is set up to be rolled back, as the API server has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// `revisionHistoryLimit`; [`HISTORY`] where it is not given.
    pub history_limit: Option<i32>,
    /// `RollingUpdate`, `Recreate`, `OnDelete`; empty where it is not given.
    pub strategy: String,
    /// A number of pods, or a share as `25%`.
    pub max_unavailable: Option<String>,
}

words!(
    /// What is looked at, the most important first.
    Finding {
        // A rollback goes to a verified revision, and there is none yet.
        VerifiedRevision = "verified_revision",
        ReadinessProbe = "readiness_probe",
        HistoryLimit = "history_limit",
        LatestTag = "latest_tag",
        // All pods end before the first new one starts, or too many at once.
        Downtime = "downtime",
        SingleReplica = "single_replica",
        Checks = "checks",
        // Somebody else puts the workload back after us.
        Owner = "owner",
        PinnedImage = "pinned_image",
    }
);

/// One thing that was looked at, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    pub finding: Finding,
    pub verdict: Verdict,
    /// What was seen: the limit, the containers, the images. Empty where the name says it.
    pub value: String,
}

/// What is known of one workload of a service.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub workload: &'a Workload,
    /// None until the watch has seen it.
    pub shape: Option<&'a Shape>,
    pub revisions: &'a [Revision],
    /// What the catalog checks after a rollback of the service.
    pub checks: &'a [Check],
}

/// Everything that was looked at: what fails first, then what is unknown, then what is well.
pub fn findings(facts: &Facts<'_>) -> Vec<Found> {
    let looked = Finding::ALL.iter().map(|it| look(*it, facts));
    let mut found: Vec<Found> = looked.collect();
    found.sort_by_key(|it| match it.verdict {
        Verdict::Fail => 0,
        Verdict::Unknown => 1,
        Verdict::Pass => 2,
    });
    found
}

fn look(finding: Finding, facts: &Facts<'_>) -> Found {
    let (verdict, value) = match finding {
        Finding::VerifiedRevision => verified(facts.revisions),
        Finding::ReadinessProbe => probes(facts),
        Finding::HistoryLimit => history(facts.shape),
        Finding::LatestTag => images(facts, is_latest),
        Finding::Downtime => downtime(facts),
        Finding::SingleReplica => replicas(facts.workload),
        Finding::Checks => checks(facts.checks),
        Finding::Owner => owner(&facts.workload.owner),
        Finding::PinnedImage => images(facts, |it| !it.contains("@sha256:")),
    };
    Found { finding, verdict, value }
}

type Seen = (Verdict, String);

fn holds(holds: bool, value: impl Into<String>) -> Seen {
    (if holds { Verdict::Pass } else { Verdict::Fail }, value.into())
}

fn unknown() -> Seen {
    (Verdict::Unknown, String::new())
}

fn verified(revisions: &[Revision]) -> Seen {
    let newest = revisions.iter().find(|it| it.verdict == RevisionVerdict::Verified);
    holds(newest.is_some(), newest.map(|it| it.revision.to_string()).unwrap_or_default())
}

/// The live template, where it is known.
fn template<'a>(facts: &Facts<'a>) -> Option<&'a Value> {
    let live = &facts.workload.live.digest;
    facts.revisions.iter().find(|it| it.digest == *live).map(|it| &it.template)
}

/// A container without a probe is ready at once, whatever it can do.
fn probes(facts: &Facts<'_>) -> Seen {
    let Some(containers) =
        template(facts).and_then(|it| it.pointer("/spec/containers")?.as_array())
    else {
        return unknown();
    };
    let without =
        containers.iter().filter(|it| it.get("readinessProbe").is_none_or(Value::is_null));
    let without: Vec<&str> = without.filter_map(|it| it.get("name")?.as_str()).collect();
    holds(without.is_empty(), without.join(", "))
}

fn history(shape: Option<&Shape>) -> Seen {
    let Some(shape) = shape else { return unknown() };
    let limit = shape.history_limit.unwrap_or(HISTORY);
    holds(limit >= HISTORY, limit.to_string())
}

fn images(facts: &Facts<'_>, wrong: impl Fn(&str) -> bool) -> Seen {
    let images: &[Image] = &facts.workload.live.images;
    if images.is_empty() {
        return unknown();
    }
    let found: Vec<&str> =
        images.iter().map(|it| it.image.as_str()).filter(|it| wrong(it)).collect();
    holds(found.is_empty(), found.join(", "))
}

/// `latest`, also where no tag is given, means something else every day.
fn is_latest(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn downtime(facts: &Facts<'_>) -> Seen {
    let Some(shape) = facts.shape else { return unknown() };
    match shape.strategy.as_str() {
        "Recreate" | "OnDelete" => return holds(false, shape.strategy.clone()),
        _ => {}
    }
    let Some(given) = &shape.max_unavailable else { return holds(true, "") };
    let replicas = i64::from(facts.workload.replicas.max(1));
    let pods = match given.strip_suffix('%') {
        // Kubernetes rounds down what may be missing.
        Some(share) => share.trim().parse::<i64>().ok().map(|it| replicas * it / 100),
        None => given.trim().parse().ok(),
    };
    match pods {
        Some(pods) => holds(pods * 4 <= replicas, given.clone()),
        None => (Verdict::Unknown, given.clone()),
    }
}

fn replicas(workload: &Workload) -> Seen {
    // One on each node, however many there are.
    if workload.kind == WorkloadKind::DaemonSet {
        return holds(true, "");
    }
    holds(workload.replicas > 1, workload.replicas.to_string())
}

/// Without a blocking one only the pods' own readiness says that the service is back.
fn checks(checks: &[Check]) -> Seen {
    holds(checks.iter().any(|it| it.blocking), checks.len().to_string())
}

fn owner(owner: &Owner) -> Seen {
    let back = matches!(owner, Owner::Argocd(_) | Owner::Flux(_) | Owner::Flagger(_));
    let name = owner.name().map(|it| format!("{} {it}", owner.as_str()));
    holds(!back, name.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(change: Value) -> Workload {
        let mut json = json!({
            "id": uuid::Uuid::nil(), "cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": "api",
            "service": null, "uid": "u", "owner": {"kind": "none"}, "paused": false, "paused_by_us": false,
            "replicas": 3, "ready": 3, "updated": 3, "rollout": {"state": "settled"},
            "live": {
                "revision": 2, "digest": format!("sha256:{}", "1".repeat(64)),
                "config_digest": format!("sha256:{}", "0".repeat(64)),
                "images": [{"container": "api", "image": "registry.example/api:v1.23"}],
            },
            "conditions": [], "healthy_since": null, "seen_at": "2026-10-16T03:00:00Z", "gone_at": null,
        });
        for (name, value) in change.as_object().unwrap() {
            json[name] = value.clone();
        }
        serde_json::from_value(json).unwrap()
    }

    fn verdict(finding: Finding, workload: &Workload, shape: Option<&Shape>) -> (Verdict, String) {
        let facts = Facts { workload, shape, revisions: &[], checks: &[] };
        let found = findings(&facts).into_iter().find(|it| it.finding == finding).unwrap();
        (found.verdict, found.value)
    }

    #[test]
    fn what_nobody_has_seen_is_unknown() {
        let it = workload(json!({}));
        for finding in [Finding::HistoryLimit, Finding::Downtime, Finding::ReadinessProbe] {
            assert_eq!(verdict(finding, &it, None).0, Verdict::Unknown, "{finding:?}");
        }
    }

    #[test]
    fn every_finding_comes_once_and_what_fails_comes_first() {
        let it = workload(json!({"replicas": 1}));
        let facts = Facts { workload: &it, shape: None, revisions: &[], checks: &[] };
        let found = findings(&facts);
        assert_eq!(found.len(), Finding::ALL.len());
        let fails: Vec<bool> = found.iter().map(|it| it.verdict == Verdict::Fail).collect();
        assert!(fails.is_sorted_by(|a, b| a >= b), "{found:?}");
    }

    #[test]
    fn limits_and_strategies() {
        let it = workload(json!({}));
        let shape = |limit: Option<i32>, strategy: &str, unavailable: Option<&str>| Shape {
            history_limit: limit,
            strategy: strategy.into(),
            max_unavailable: unavailable.map(str::to_owned),
        };
        for (shape, finding, expected) in [
            (shape(None, "", None), Finding::HistoryLimit, Verdict::Pass),
            (shape(Some(0), "", None), Finding::HistoryLimit, Verdict::Fail),
            (shape(Some(2), "", None), Finding::HistoryLimit, Verdict::Fail),
            (shape(Some(10), "", None), Finding::HistoryLimit, Verdict::Pass),
            (shape(None, "Recreate", None), Finding::Downtime, Verdict::Fail),
            (shape(None, "OnDelete", None), Finding::Downtime, Verdict::Fail),
            // A quarter of three, rounded down, is nobody.
            (shape(None, "RollingUpdate", Some("25%")), Finding::Downtime, Verdict::Pass),
            (shape(None, "RollingUpdate", Some("0")), Finding::Downtime, Verdict::Pass),
            (shape(None, "RollingUpdate", Some("1")), Finding::Downtime, Verdict::Fail),
            (shape(None, "RollingUpdate", Some("100%")), Finding::Downtime, Verdict::Fail),
            (shape(None, "RollingUpdate", Some("some")), Finding::Downtime, Verdict::Unknown),
        ] {
            assert_eq!(verdict(finding, &it, Some(&shape)).0, expected, "{shape:?}");
        }
    }

    #[test]
    fn images_and_replicas() {
        let with = |image: &str| {
            workload(json!({"live": {
                "revision": 2, "digest": format!("sha256:{}", "1".repeat(64)),
                "config_digest": format!("sha256:{}", "0".repeat(64)),
                "images": [{"container": "api", "image": image}],
            }}))
        };
        let pinned = format!("registry:5000/api:v1@sha256:{}", "2".repeat(64));
        for (image, latest, pin) in [
            ("registry:5000/api", Verdict::Fail, Verdict::Fail),
            ("api:latest", Verdict::Fail, Verdict::Fail),
            ("registry:5000/api:v1", Verdict::Pass, Verdict::Fail),
            (pinned.as_str(), Verdict::Pass, Verdict::Pass),
        ] {
            assert_eq!(verdict(Finding::LatestTag, &with(image), None).0, latest, "{image}");
            assert_eq!(verdict(Finding::PinnedImage, &with(image), None).0, pin, "{image}");
        }
        let one = workload(json!({"replicas": 1}));
        assert_eq!(verdict(Finding::SingleReplica, &one, None), (Verdict::Fail, "1".into()));
        let each = workload(json!({"replicas": 1, "kind": "DaemonSet"}));
        assert_eq!(verdict(Finding::SingleReplica, &each, None).0, Verdict::Pass);
        let flux = workload(json!({"owner": {"kind": "flux", "name": "apps"}}));
        assert_eq!(verdict(Finding::Owner, &flux, None), (Verdict::Fail, "flux apps".into()));
    }
}
