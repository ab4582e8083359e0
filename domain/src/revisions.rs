//! A revision: one template of a workload as it was observed, together with the contents of the ConfigMaps
//! it refers to.
//!
//! **Invariant:** a verdict hangs on template digest and config digest, never on the revision number, which
//! an undo gives away anew.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canonical::{self, Digest};
use crate::ids::{RevisionId, WorkloadId};
use crate::workloads::Image;

/// The annotation of a pod template that names the schema migration it needs.
pub const MIGRATION: &str = "lifeboat.dev/migration";

/// The annotation that `kubectl rollout history` shows as the cause.
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

words!(
    /// What is known about the health of a revision.
    RevisionVerdict { Verified = "verified", Bad = "bad", Forbidden = "forbidden", Unknown = "unknown" }
);

impl RevisionVerdict {
    /// What a person may say of a revision. That it is verified only time can say.
    pub const BY_PEOPLE: [Self; 3] = [Self::Bad, Self::Forbidden, Self::Unknown];
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    pub id: RevisionId,
    pub workload_id: WorkloadId,
    /// As `kubectl rollout history` numbers it now, or numbered it last.
    pub revision: i64,
    pub digest: Digest,
    pub config_digest: Digest,
    /// The ConfigMaps still hold what they held: going back to this template gives this revision.
    pub config_current: bool,
    pub images: Vec<Image>,
    /// The pod template without the label `pod-template-hash`.
    pub template: Value,
    /// Of the ReplicaSet or ControllerRevision.
    pub annotations: BTreeMap<String, String>,
    pub change_cause: Option<String>,
    /// In the cluster; what was pruned there is kept here.
    pub present: bool,
    /// The digest of what of a StatefulSet could not be changed in place while it was live: claims, service, management
    /// of pods. Going back to the revision does not bring them back. `None` where nobody has seen it live, and for
    /// other kinds.
    pub fixed: Option<Digest>,
    /// When all pods were first of it and available.
    pub rolled_out_at: Option<DateTime<Utc>>,
    pub seen_at: DateTime<Utc>,
    pub verdict: RevisionVerdict,
    pub verdict_reason: Option<String>,
    pub verdict_at: Option<DateTime<Utc>>,
}

/// The template fit to be put back: without the label by which a ReplicaSet tells its pods apart.
pub fn without_hash(mut template: Value) -> Value {
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        canonical::HASHES.iter().for_each(|it| drop(labels.remove(*it)));
    }
    template
}

/// The images of a template: containers first, then init containers.
pub fn images(template: &Value) -> Vec<Image> {
    let text = |it: &Value, name: &str| Some(it.get(name)?.as_str()?.to_owned());
    let images = containers(template).filter_map(|it| {
        Some(Image { container: text(it, "name")?, image: text(it, "image")?, image_id: None })
    });
    images.collect()
}

fn containers(template: &Value) -> impl Iterator<Item = &Value> {
    ["/spec/containers", "/spec/initContainers"]
        .into_iter()
        .filter_map(|path| template.pointer(path)?.as_array())
        .flatten()
}

/// The names of the ConfigMaps that a template refers to, by `env`, `envFrom` and volumes. They lie in the
/// namespace of the workload.
pub fn config_refs(template: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add =
        |name: Option<&Value>| names.extend(name.and_then(Value::as_str).map(str::to_owned));
    for container in containers(template) {
        for env in items(container.get("env")) {
            add(env.pointer("/valueFrom/configMapKeyRef/name"));
        }
        for env in items(container.get("envFrom")) {
            add(env.pointer("/configMapRef/name"));
        }
    }
    for volume in items(template.pointer("/spec/volumes")) {
        add(volume.pointer("/configMap/name"));
        for source in items(volume.pointer("/projected/sources")) {
            add(source.pointer("/configMap/name"));
        }
    }
    names
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// What a ConfigMap holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contents {
    pub data: BTreeMap<String, String>,
    /// In base64, as the API writes it.
    pub binary_data: BTreeMap<String, String>,
}

impl Contents {
    pub fn digest(&self) -> Digest {
        canonical::digest(self)
    }
}

/// The digest over the contents of all ConfigMaps of a template, by name; `None` for one that is not there
/// or cannot be read.
pub fn config_digest(contents: &BTreeMap<String, Option<Digest>>) -> Digest {
    canonical::digest(contents)
}

/// The schema version that a template asks for.
pub fn migration(template: &Value) -> Option<&str> {
    template.get("metadata")?.get("annotations")?.get(MIGRATION)?.as_str()
}

/// Whether it was ever fully rolled out. None of one that had been replaced already when its workload was first seen:
/// before that nobody looked.
pub fn rolled_out(it: &Revision, all: &[Revision]) -> Option<bool> {
    let replaced =
        all.iter().any(|other| other.revision > it.revision && other.seen_at <= it.seen_at);
    // The same template under a configuration that came later is nothing that ran before.
    let first = !all.iter().any(|other| other.digest == it.digest && other.seen_at < it.seen_at);
    match it.rolled_out_at {
        Some(_) => Some(true),
        None if replaced && first => None,
        None => Some(false),
    }
}

/// Once observed in full health for this long (seconds), a revision counts as verified.
pub fn verified(
    healthy_since: DateTime<Utc>,
    observation_s: i64,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let due = healthy_since + chrono::TimeDelta::try_seconds(observation_s)?;
    (due <= now).then_some(due)
}

/// What speaks against deploying `digest` again, which is that of an image (`sha256:…`, or the whole reference) or
/// of a template: a revision that is forbidden, or a bad one unless the same image was verified in another, which
/// says that the image was not at fault.
pub fn hold<'a>(judged: &'a [Revision], digest: &str) -> Option<&'a Revision> {
    let carries =
        |it: &&Revision| it.digest.as_str() == digest || it.images.iter().any(|it| it.is(digest));
    let with = |verdict| judged.iter().filter(carries).find(|it| it.verdict == verdict);
    with(RevisionVerdict::Forbidden).or_else(|| match with(RevisionVerdict::Verified) {
        Some(_) => None,
        None => with(RevisionVerdict::Bad),
    })
}

/// The annotations worth keeping: all but the copy of the whole object that `kubectl apply` leaves.
pub fn kept_annotations(annotations: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let kept = annotations.iter().filter(|(name, _)| *name != crate::workloads::LAST_APPLIED);
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The pod template inside a ControllerRevision.
pub fn of_controller_revision(data: &Value) -> Option<Value> {
    let mut template: Map<String, Value> = data.pointer("/spec/template")?.as_object()?.clone();
    template.remove("$patch");
    Some(Value::Object(template))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    fn template() -> Value {
        json!({
            "metadata": {"labels": {"app": "api"}, "annotations": {"lifeboat.dev/migration": "42"}},
            "spec": {
                "containers": [{
                    "name": "api", "image": "api:1",
                    "env": [
                        {"name": "A", "value": "1"},
                        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "env-keys", "key": "b"}}},
                        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "c"}}}
                    ],
                    "envFrom": [{"configMapRef": {"name": "env-all"}}, {"secretRef": {"name": "s"}}]
                }],
                "initContainers": [{"name": "wait", "image": "busybox:1"}],
                "volumes": [
                    {"name": "a", "configMap": {"name": "files"}},
                    {"name": "b", "projected": {"sources": [{"configMap": {"name": "projected"}}]}},
                    {"name": "c", "emptyDir": {}}
                ]
            }
        })
    }

    #[test]
    fn a_template_names_its_images_its_config_and_its_migration() {
        let images = images(&template());
        let images: Vec<_> = images.iter().map(|it| (&*it.container, &*it.image)).collect();
        assert_eq!(images, [("api", "api:1"), ("wait", "busybox:1")]);
        let refs: Vec<_> = config_refs(&template()).into_iter().collect();
        assert_eq!(refs, ["env-all", "env-keys", "files", "projected"]);
        assert_eq!(migration(&template()), Some("42"));
        assert_eq!(migration(&json!({})), None);
    }

    #[test]
    fn the_config_digest_moves_with_every_content() {
        let contents = |value: &str| Contents {
            data: BTreeMap::from([("x".to_owned(), value.to_owned())]),
            ..Contents::default()
        };
        let of = |digest| config_digest(&BTreeMap::from([("files".to_owned(), digest)]));
        let one = of(Some(contents("1").digest()));
        assert_eq!(of(Some(contents("1").digest())), one);
        assert_ne!(of(Some(contents("2").digest())), one);
        assert_ne!(of(None), one);
    }

    #[test]
    fn a_controller_revision_holds_the_template() {
        let mut data = json!({"spec": {"template": template()}});
        data["spec"]["template"]["$patch"] = json!("replace");
        assert_eq!(of_controller_revision(&data), Some(template()));
        assert_eq!(of_controller_revision(&json!({})), None);
    }

    #[test]
    fn verified_after_the_observation_and_not_before() {
        let since = DateTime::UNIX_EPOCH;
        let at = |s| since + TimeDelta::seconds(s);
        assert_eq!(verified(since, 900, at(899)), None);
        assert_eq!(verified(since, 900, at(900)), Some(at(900)));
        assert_eq!(verified(since, i64::MAX, at(900)), None);
    }

    #[test]
    fn what_was_bad_or_forbidden_is_held_unless_the_image_was_good_elsewhere() {
        use RevisionVerdict::{Bad, Forbidden, Verified};
        let image = |name: &str, id: &str| Image {
            container: "api".into(),
            image: name.into(),
            image_id: Some(format!("registry/api@sha256:{id}")),
        };
        let revision = |verdict, image| Revision {
            id: RevisionId(uuid::Uuid::nil()),
            workload_id: WorkloadId(uuid::Uuid::nil()),
            revision: 1,
            digest: Digest::of(b"template"),
            config_digest: Digest::of(b"config"),
            config_current: true,
            images: vec![image],
            template: Value::Null,
            annotations: BTreeMap::new(),
            change_cause: None,
            present: true,
            fixed: None,
            rolled_out_at: None,
            seen_at: DateTime::UNIX_EPOCH,
            verdict,
            verdict_reason: None,
            verdict_at: None,
        };
        let held = |judged: &[Revision], digest: &str| hold(judged, digest).map(|it| it.verdict);
        let bad = revision(Bad, image("registry/api:2", "22"));
        for digest in ["sha256:22", "registry/api:2", bad.digest.as_str()] {
            assert_eq!(held(std::slice::from_ref(&bad), digest), Some(Bad), "{digest}");
        }
        for digest in ["sha256:2", "22", "registry/api", "sha256:11"] {
            assert_eq!(held(std::slice::from_ref(&bad), digest), None, "{digest}");
        }
        // The same image ran well with another configuration.
        let good = revision(Verified, image("registry/api:2", "22"));
        assert_eq!(held(&[bad.clone(), good.clone()], "sha256:22"), None);
        let forbidden = revision(Forbidden, image("registry/api:2", "22"));
        assert_eq!(held(&[good, bad, forbidden], "sha256:22"), Some(Forbidden));
    }
}
