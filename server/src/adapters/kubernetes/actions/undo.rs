//! Which revision an undo goes back to, and what the workload looks like then: field for field as after
//! `kubectl rollout undo --to-revision`. A Deployment keeps its revisions as ReplicaSets and takes their annotations
//! over; the others keep ControllerRevisions, and only the template moves.

use domain::canonical::{self, Digest};
use domain::plans::Moved;
use domain::revisions;
use domain::runs::Note;
use domain::services::{WorkloadKind, WorkloadRef};
use domain::workloads::LAST_APPLIED;
use serde_json::{Map, Value};

/// The number that `kubectl rollout history` shows, on a Deployment and on its ReplicaSets.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";

/// The same on a Rollout and on its ReplicaSets.
pub(super) const ROLLOUT_REVISION: &str = "rollout.argoproj.io/revision";

/// Annotations that say something about the Deployment itself: they stay as they are, and a ReplicaSet's are
/// not taken over.
const KEPT: [&str; 6] = [
    LAST_APPLIED,
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// A template to go back to, with the annotations that came with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub revision: i64,
    pub template: Value,
    pub annotations: Map<String, Value>,
}

/// Why there is none.
#[derive(Debug, PartialEq)]
pub(super) enum NoTarget {
    Refused(Note),
    Moved(Moved),
    /// It is gone from the cluster.
    Pruned,
}

/// The revision that was approved, of those that the cluster keeps. Renumbered ones are found by their template,
/// which is what was approved; the number of a revision changes with every undo.
pub(super) fn target(
    workload: &WorkloadRef,
    kept: &[Value],
    to_revision: i64,
    approved: Option<&Digest>,
) -> Result<Target, NoTarget> {
    let kept = kept.iter();
    let targets: Vec<Target> = match workload.kind {
        WorkloadKind::Deployment => kept.filter_map(|it| of_replica_set(it, REVISION)).collect(),
        WorkloadKind::Rollout => {
            kept.filter_map(|it| of_replica_set(it, ROLLOUT_REVISION)).collect()
        }
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            kept.filter_map(of_controller_revision).collect()
        }
    };
    let digest = |it: &Target| digest(workload.kind, &it.template);
    let numbered = targets.iter().find(|it| it.revision == to_revision);
    let moved = || {
        let (workload, revision) = (workload.clone(), to_revision);
        NoTarget::Moved(Moved::Target { workload, revision })
    };
    let Some(approved) = approved else {
        let mut known: Vec<_> = targets.iter().map(|it| it.revision).collect();
        known.sort_unstable();
        return Err(match (numbered, to_revision) {
            // It came into being after somebody agreed to a plan in which it was missing.
            (Some(_), _) => moved(),
            (None, 0) => NoTarget::Refused(Note::NoEarlierRevision),
            (None, revision) => NoTarget::Refused(Note::NoRevision { revision, known }),
        });
    };
    match numbered {
        Some(target) if digest(target) == *approved => Ok(target.clone()),
        Some(_) => Err(moved()),
        None => {
            let same = |it: &&Target| digest(it) == *approved;
            targets.iter().find(same).cloned().ok_or(NoTarget::Pruned)
        }
    }
}

/// Of a template, as the kind counts it.
pub(super) fn digest(kind: WorkloadKind, template: &Value) -> Digest {
    match kind {
        WorkloadKind::Rollout => canonical::rollout_template(template),
        _ => canonical::template(template),
    }
}

fn of_replica_set(replica_set: &Value, number: &str) -> Option<Target> {
    let template = revisions::without_hash(replica_set.pointer("/spec/template")?.clone());
    let annotations = replica_set.pointer("/metadata/annotations")?.as_object()?.clone();
    let revision = annotations.get(number)?.as_str()?.parse().ok()?;
    Some(Target { revision, template, annotations })
}

fn of_controller_revision(kept: &Value) -> Option<Target> {
    let template = revisions::of_controller_revision(kept.get("data")?)?;
    Some(Target { revision: kept.get("revision")?.as_i64()?, template, annotations: Map::new() })
}

/// The annotations of the Deployment afterwards.
pub(super) fn annotations(deployment: &Value, target: &Target) -> Map<String, Value> {
    let kept = |name: &String| KEPT.contains(&name.as_str());
    let own = deployment.pointer("/metadata/annotations").and_then(Value::as_object);
    let own = own.into_iter().flatten().filter(|(name, _)| kept(name));
    let taken = target.annotations.iter().filter(|(name, _)| !kept(name));
    own.chain(taken).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload() -> WorkloadRef {
        WorkloadRef {
            cluster: "lab".into(),
            namespace: "shop".into(),
            kind: WorkloadKind::Deployment,
            name: "api".into(),
        }
    }

    fn replica_set(revision: &str, image: &str) -> Value {
        json!({
            "metadata": {"annotations": {REVISION: revision, "team": image}},
            "spec": {"template": {
                "metadata": {"labels": {"app": "api", "pod-template-hash": revision}},
                "spec": {"containers": [{"name": "api", "image": image}]}
            }}
        })
    }

    fn digest(image: &str) -> Digest {
        canonical::template(&replica_set("", image)["spec"]["template"])
    }

    #[test]
    fn the_revision_that_was_approved_or_why_not() {
        let sets = [replica_set("1", "a"), replica_set("3", "b"), json!({"metadata": {}})];
        let target = |revision, approved: Option<&str>| {
            let approved = approved.map(digest);
            super::target(&workload(), &sets, revision, approved.as_ref()).map(|it| it.revision)
        };
        let moved = |revision| NoTarget::Moved(Moved::Target { workload: workload(), revision });
        let no_revision = Note::NoRevision { revision: 9, known: vec![1, 3] };
        for (revision, approved, expected) in [
            (1, Some("a"), Ok(1)),
            // Was revision 2 when the plan was made, and is 3 since somebody's undo.
            (2, Some("b"), Ok(3)),
            (1, Some("b"), Err(moved(1))),
            (2, Some("c"), Err(NoTarget::Pruned)),
            (9, None, Err(NoTarget::Refused(no_revision))),
            (0, None, Err(NoTarget::Refused(Note::NoEarlierRevision))),
            (1, None, Err(moved(1))),
        ] {
            assert_eq!(target(revision, approved), expected, "{revision} {approved:?}");
        }
    }

    #[test]
    fn a_controller_revision_gives_its_template_without_the_word_for_the_patch() {
        let set = WorkloadRef { kind: WorkloadKind::StatefulSet, ..workload() };
        let mut template = replica_set("", "a")["spec"]["template"].clone();
        let approved = canonical::template(&template);
        let expected = template.clone();
        template["$patch"] = json!("replace");
        let kept = [json!({"revision": 4, "data": {"spec": {"template": template}}}), json!({})];
        let target = target(&set, &kept, 4, Some(&approved)).unwrap();
        assert_eq!((target.revision, target.template), (4, expected));
    }

    #[test]
    fn the_template_loses_the_label_of_the_replica_set() {
        let target = target(&workload(), &[replica_set("1", "a")], 1, Some(&digest("a"))).unwrap();
        assert_eq!(target.template["metadata"]["labels"], json!({"app": "api"}));
    }

    #[test]
    fn what_is_about_the_deployment_stays_and_the_rest_is_taken() {
        let mut own: Map<String, Value> =
            KEPT.iter().map(|it| ((*it).to_owned(), json!("own"))).collect();
        own.insert("team".into(), json!("own"));
        own.insert("added-later".into(), json!("own"));
        let deployment = json!({"metadata": {"annotations": own}});
        let mut target =
            target(&workload(), &[replica_set("1", "a")], 1, Some(&digest("a"))).unwrap();
        for name in KEPT {
            target.annotations.insert(name.to_owned(), json!("theirs"));
        }
        let mut expected: Map<String, Value> =
            KEPT.iter().map(|it| ((*it).to_owned(), json!("own"))).collect();
        expected.insert("team".into(), json!("a"));
        assert_eq!(annotations(&deployment, &target), expected);
    }
}
