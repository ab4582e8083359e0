//! What steps do to a workload. Each action is decided on one reading of the object ([`prepare`]), said to the API
//! server as a dry run, written down by the caller, and then done by [`Ready::apply`] with its condition in the
//! same call: if the world has moved in between, the API server refuses it.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::plans::{self, Action, LiveState, Moved};
use domain::rollouts::Steering;
use domain::runs::{self, Note};
use domain::services::{WorkloadKind, WorkloadRef};
use serde_json::{Value, json};

use self::place::{Asking, Place};
pub use self::undo::Target;
use self::undo::{NoTarget, REVISION};
use super::error::Asked;
use super::{Cluster, Error};

mod change;
mod place;
pub mod replace;
mod undo;

/// Of steps on workloads.
type Intent = runs::Intent<LiveState>;
type Proof = runs::Proof<LiveState>;

/// What a step asks for.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub workload: &'a WorkloadRef,
    pub action: &'a Action,
    /// The world as it must be.
    pub believed: &'a LiveState,
    /// The run itself paused the workload in an earlier step.
    pub own_pause: bool,
    /// What a restart writes into the template.
    pub stamp: DateTime<Utc>,
    /// The template of the revision as it was watched, for an undo to what is gone from the cluster; only
    /// where a person agreed.
    pub stored: Option<Target>,
}

/// What came of looking at the object.
#[derive(Debug)]
pub enum Prepared {
    NoChange {
        note: Note,
        proof: Proof,
    },
    Refused(Note),
    Moved(Vec<Moved>),
    /// The revision is gone from the cluster, and there is no template to go back to.
    Pruned,
    Ready(Box<Ready>),
}

/// An effect that is ready to be brought about.
#[derive(Debug)]
pub struct Ready {
    pub intent: Intent,
    /// What there is to say once it is done.
    pub note: Note,
    patch: Value,
    place: Place,
    /// The object that the change was worked out on.
    read: Value,
}

/// What the API server said to it.
#[derive(Debug)]
pub enum Applied {
    Done(Proof),
    /// It refused, because the object is not as it was read.
    Moved(Vec<Moved>),
}

/// Looks at the workload and works out what the action would do to it. Changes nothing.
pub async fn prepare(cluster: &Cluster, ask: &Ask<'_>) -> Result<Prepared, Error> {
    if let Some(refusal) = plans::not_for_kind(ask.workload.kind, ask.action) {
        return Ok(Prepared::Refused(refusal));
    }
    let namespace = &ask.workload.namespace;
    if cluster.described.protects(namespace) {
        return Ok(Prepared::Refused(Note::Protected { namespace: namespace.clone() }));
    }
    let object = match get(cluster, ask.workload).await {
        Ok(object) => object,
        Err(Error::NotFound { .. }) => {
            return Ok(Prepared::Moved(vec![Moved::Gone { workload: ask.workload.clone() }]));
        }
        Err(error) => return Err(error),
    };
    let live = seen_by(ask.action, live_state(ask.workload, &object));
    let moved = seen_by(ask.action, ask.believed.clone()).moved(Some(&live));
    if let [Moved::Replaced { .. }] = *moved {
        return Ok(Prepared::Moved(moved));
    }
    let target = match target(cluster, ask, &object).await? {
        Ok(target) => target,
        Err(NoTarget::Refused(note)) => return Ok(Prepared::Refused(note)),
        Err(NoTarget::Moved(what)) => return Ok(Prepared::Moved(vec![what])),
        Err(NoTarget::Pruned) => return Ok(Prepared::Pruned),
    };
    match change::change(ask, &object, &live, target.as_ref()) {
        change::Change::Nothing(note) => {
            let proof = Proof { after: live, resource_version: version(&object), found: false };
            Ok(Prepared::NoChange { note, proof })
        }
        change::Change::Refused(note) => Ok(Prepared::Refused(note)),
        // What was approved was approved for another state.
        change::Change::Patch { .. } if !moved.is_empty() => Ok(Prepared::Moved(moved)),
        change::Change::Patch { patch, note } => {
            let note = match ask.action {
                Action::Scale { replicas } => {
                    let from = live.replicas.unwrap_or(1);
                    autoscaled(cluster, ask.workload, from, *replicas).await.unwrap_or(note)
                }
                _ => note,
            };
            rehearse(cluster, ask, &object, live, patch, note).await
        }
    }
}

/// Asks the API server what the patch would come to: with its defaults and webhooks in it, so that the result
/// can be recognised later.
async fn rehearse(
    cluster: &Cluster,
    ask: &Ask<'_>,
    object: &Value,
    before: LiveState,
    patch: Value,
    note: Note,
) -> Result<Prepared, Error> {
    let asked = match ask.action {
        action if action.steers() => Asking::Status,
        action if action.makes_template() => Asking::Template,
        _ => Asking::Spec,
    };
    let place = Place::of(ask.workload, object, asked);
    let expected = match send(cluster, &place, &patch, true).await {
        Ok(answer) => {
            let after = live_state(ask.workload, &place.seen(object, answer));
            seen_by(ask.action, after)
        }
        Err(error @ Error::Unprocessable { .. }) => {
            return match moved_since(cluster, &before).await? {
                moved if moved.is_empty() => Err(error),
                moved => Ok(Prepared::Moved(moved)),
            };
        }
        Err(error) => return Err(error),
    };
    let scales = matches!(ask.action, Action::Scale { .. });
    // An autoscaler may move the replicas at any time; they are no sign of any other step.
    let fixed = |it: LiveState| LiveState { replicas: it.replicas.filter(|_| scales), ..it };
    let intent = Intent { before: fixed(before), expected: fixed(expected), stamp: ask.stamp };
    let ready = Ready { intent, note, patch, place, read: object.clone() };
    Ok(Prepared::Ready(Box::new(ready)))
}

impl Ready {
    /// Does it. An error that is transient leaves open whether it was done: look before doing it again.
    pub async fn apply(&self, cluster: &Cluster) -> Result<Applied, Error> {
        match send(cluster, &self.place, &self.patch, false).await {
            // The answer to a PATCH is the object as it was stored: reading it again proves nothing more.
            Ok(answer) => {
                let object = self.place.seen(&self.read, answer);
                Ok(Applied::Done(proof(&self.intent, &object, false)))
            }
            Err(error @ (Error::Unprocessable { .. } | Error::NotFound { .. })) => {
                // A call of a worker that died may have arrived before this one.
                match look(cluster, &self.intent).await? {
                    Found::Effect(proof) => Ok(Applied::Done(proof)),
                    Found::Before => Err(error),
                    Found::Moved(moved) => Ok(Applied::Moved(moved)),
                }
            }
            Err(error) => Err(error),
        }
    }
}

fn proof(intent: &Intent, object: &Value, found: bool) -> Proof {
    let after = live_state(&intent.before.workload, object);
    let replicas = after.replicas.filter(|_| intent.expected.replicas.is_some());
    let steering = after.steering.filter(|_| intent.expected.steering.is_some());
    let after = LiveState { replicas, steering, ..after };
    Proof { after, resource_version: version(object), found }
}

/// What is there after somebody meant to act and died.
#[derive(Debug)]
pub enum Found {
    /// The effect.
    Effect(Proof),
    /// The state that it was meant for: it has not happened.
    Before,
    /// Neither.
    Moved(Vec<Moved>),
}

/// Looks whether what was meant has happened.
pub async fn look(cluster: &Cluster, intent: &Intent) -> Result<Found, Error> {
    let workload = &intent.before.workload;
    let object = match get(cluster, workload).await {
        Ok(object) => object,
        Err(Error::NotFound { .. }) => {
            return Ok(Found::Moved(vec![Moved::Gone { workload: workload.clone() }]));
        }
        Err(error) => return Err(error),
    };
    let live = live_state(workload, &object);
    if intent.expected.looks_like(&live) {
        return Ok(Found::Effect(proof(intent, &object, true)));
    }
    match intent.before.moved(Some(&live)) {
        moved if moved.is_empty() => Ok(Found::Before),
        moved => Ok(Found::Moved(moved)),
    }
}

/// How an object looks to steps.
pub fn live_state(workload: &WorkloadRef, object: &Value) -> LiveState {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let annotations = object.pointer("/metadata/annotations");
    let number = match workload.kind {
        WorkloadKind::Rollout => undo::ROLLOUT_REVISION,
        _ => REVISION,
    };
    let revision = annotations.and_then(|it| it.get(number)?.as_str()?.parse().ok());
    let template = object.pointer("/spec/template").unwrap_or(&Value::Null);
    let replicas = object.pointer("/spec/replicas").and_then(Value::as_i64);
    LiveState {
        workload: workload.clone(),
        uid: text("/metadata/uid").to_owned(),
        digest: undo::digest(workload.kind, template),
        revision: revision.unwrap_or(0),
        paused: object.pointer("/spec/paused").and_then(Value::as_bool).unwrap_or(false),
        replicas: replicas.and_then(|it| i32::try_from(it).ok()),
        steering: (workload.kind == WorkloadKind::Rollout).then(|| Steering::of(object)),
    }
}

/// What an action changes or depends on; a canary moves by itself.
fn seen_by(action: &Action, live: LiveState) -> LiveState {
    let steering = live.steering.and_then(|it| it.of_action(action));
    LiveState { steering, ..live }
}

async fn moved_since(cluster: &Cluster, before: &LiveState) -> Result<Vec<Moved>, Error> {
    match get(cluster, &before.workload).await {
        Ok(object) => Ok(before.moved(Some(&live_state(&before.workload, &object)))),
        Err(Error::NotFound { .. }) => Ok(before.moved(None)),
        Err(error) => Err(error),
    }
}

/// The revision to go back to, for a step that goes back.
async fn target(
    cluster: &Cluster,
    ask: &Ask<'_>,
    object: &Value,
) -> Result<Result<Option<Target>, NoTarget>, Error> {
    let Action::RolloutUndo { to_revision, template_digest } = ask.action else {
        return Ok(Ok(None));
    };
    let kept = kept(cluster, ask.workload, object).await?;
    let found = undo::target(ask.workload, &kept, *to_revision, template_digest.as_ref());
    Ok(match (found, &ask.stored) {
        (Err(NoTarget::Pruned), Some(stored)) => Ok(Some(stored.clone())),
        (found, _) => found.map(Some),
    })
}

/// What the cluster keeps of the workload's templates: ControllerRevisions of a set, ReplicaSets of the others.
async fn kept(
    cluster: &Cluster,
    workload: &WorkloadRef,
    object: &Value,
) -> Result<Vec<Value>, Error> {
    let namespace = &workload.namespace;
    let (plural, resource) = match workload.kind {
        WorkloadKind::Deployment | WorkloadKind::Rollout => ("replicasets", "replicasets.apps"),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            ("controllerrevisions", "controllerrevisions.apps")
        }
    };
    let path = format!("/apis/apps/v1/namespaces/{namespace}/{plural}");
    let asked = Asked { verb: "list", resource, namespace, name: "" };
    controlled(cluster, &path, &asked, object).await
}

/// Those of a list that the object controls.
async fn controlled(
    cluster: &Cluster,
    path: &str,
    asked: &Asked<'_>,
    object: &Value,
) -> Result<Vec<Value>, Error> {
    let selector = super::selector::of(object.pointer("/spec/selector").unwrap_or(&Value::Null));
    let path = format!("{path}?labelSelector={selector}");
    let mut list = cluster.get(&path, asked).await?;
    let uid = object.pointer("/metadata/uid");
    let ours = |set: &Value| {
        let owners = set.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().any(|it| it["controller"] == true && it.get("uid") == uid)
    };
    let items = list["items"].take();
    Ok(items.as_array().into_iter().flatten().filter(|it| ours(it)).cloned().collect())
}

/// Whether something else sets the replicas too. It is worth a warning and no obstacle, so what cannot be found
/// out is not.
async fn autoscaled(cluster: &Cluster, workload: &WorkloadRef, from: i32, to: i32) -> Option<Note> {
    let namespace = &workload.namespace;
    let resource = "horizontalpodautoscalers.autoscaling";
    let path = format!("/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers");
    let asked = Asked { verb: "list", resource, namespace, name: "" };
    let list = cluster.get(&path, &asked).await.ok()?;
    let of = |it: &&Value| {
        let target = &it["spec"]["scaleTargetRef"];
        target["kind"] == workload.kind.as_str() && target["name"] == *workload.name
    };
    let autoscaler = list["items"].as_array()?.iter().find(of)?;
    let number = |name: &str| i32::try_from(autoscaler["spec"][name].as_i64()?).ok();
    let name = autoscaler.pointer("/metadata/name")?.as_str()?.to_owned();
    let (min, max) = (number("minReplicas").unwrap_or(1), number("maxReplicas")?);
    Some(Note::Autoscaled { name, from, to, min, max })
}

/// The template of a Rollout may be that of a Deployment; then it stands in what is returned as if it were its own.
pub(super) async fn get(cluster: &Cluster, workload: &WorkloadRef) -> Result<Value, Error> {
    let mut object = read(cluster, workload).await?;
    if let Some(lender) = place::lender(workload, &object) {
        let lender = read(cluster, &lender).await?;
        place::lend(&mut object, &lender);
    }
    Ok(object)
}

async fn read(cluster: &Cluster, workload: &WorkloadRef) -> Result<Value, Error> {
    let (path, resource) = path(workload);
    let (namespace, name) = (&workload.namespace, &workload.name);
    cluster.get(&path, &Asked { verb: "get", resource, namespace, name }).await
}

async fn send(
    cluster: &Cluster,
    place: &Place,
    patch: &Value,
    dry_run: bool,
) -> Result<Value, Error> {
    let WorkloadRef { namespace, name, .. } = &place.of;
    let (path, resource) = place.path();
    cluster.patch(&path, &Asked { verb: "patch", resource, namespace, name }, patch, dry_run).await
}

pub(super) fn path(workload: &WorkloadRef) -> (String, &'static str) {
    let (plural, resource) = match workload.kind {
        WorkloadKind::Deployment => ("deployments", "deployments.apps"),
        WorkloadKind::StatefulSet => ("statefulsets", "statefulsets.apps"),
        WorkloadKind::DaemonSet => ("daemonsets", "daemonsets.apps"),
        WorkloadKind::Rollout => ("rollouts", "rollouts.argoproj.io"),
    };
    let group = match workload.kind {
        WorkloadKind::Rollout => "argoproj.io/v1alpha1",
        _ => "apps/v1",
    };
    let WorkloadRef { namespace, name, .. } = workload;
    (format!("/apis/{group}/namespaces/{namespace}/{plural}/{name}"), resource)
}

fn version(object: &Value) -> String {
    let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    version.unwrap_or_default().to_owned()
}

/// As `kubectl rollout restart` writes it.
fn stamp(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(SecondsFormat::Secs, true))
}
