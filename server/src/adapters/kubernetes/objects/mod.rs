//! What steps do to objects that are no workload: as with workloads ([`super::actions`]), an action is decided on one
//! reading of the object, said to the API server as a dry run, written down by the caller, and then done with its
//! condition in the same call.

use chrono::{DateTime, Utc};
use domain::plans::objects::{self, Change, Said, Set};
use domain::plans::{LiveObject, Moved, ObjectAction, ObjectRef};
use domain::revisions::Contents;
use domain::runs::{self, Note};
use serde_json::{Value, json};

use super::error::Asked;
use super::{Cluster, Error, canaries};

mod drain;
mod ready;

pub use self::ready::{Progress, progress};

/// Of steps on objects.
type Intent = runs::Intent<LiveObject>;
type Proof = runs::Proof<LiveObject>;

/// What a step asks for.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub object: &'a ObjectRef,
    pub action: &'a ObjectAction,
    /// The world as it must be.
    pub believed: &'a LiveObject,
    /// What a ConfigMap goes back to, where it is kept.
    pub contents: Option<Contents>,
    pub stamp: DateTime<Utc>,
}

/// What came of looking at the object.
#[derive(Debug)]
pub enum Prepared {
    NoChange { note: Note, proof: Proof },
    Refused(Note),
    Moved(Vec<Moved>),
    Ready(Ready),
}

/// An effect that is ready to be brought about.
#[derive(Debug)]
pub struct Ready {
    pub intent: Intent,
    /// What there is to say once it is done.
    pub note: Note,
    call: Call,
}

/// One call to the API server, or for a drain one for each pod.
#[derive(Debug)]
enum Call {
    Patch(Value),
    Create(Value),
    Delete { uid: String },
    Evict,
}

/// What the API server said to it.
#[derive(Debug)]
pub enum Applied {
    Done(Proof),
    /// It has begun; look again in a moment.
    Going(Note),
    /// It refused, because the object is not as it was read.
    Moved(Vec<Moved>),
}

/// What is there after somebody meant to act and died.
#[derive(Debug)]
pub enum Found {
    Effect(Proof),
    /// The state that it was meant for: it has not happened, or not to its end.
    Before,
    Moved(Vec<Moved>),
}

/// Looks at the object and works out what the action would do to it. Changes nothing.
pub async fn prepare(cluster: &Cluster, ask: &Ask<'_>) -> Result<Prepared, Error> {
    let namespace = &ask.object.namespace;
    if cluster.described.protects(namespace) {
        return Ok(Prepared::Refused(Note::Protected { namespace: namespace.clone() }));
    }
    let found = get(cluster, ask.object).await?;
    let live = ask.object.live(found.as_ref());
    let moved = ask.believed.moved(&live);
    let (call, note) =
        match objects::change(ask.object, ask.action, found.as_ref(), ask.contents.as_ref()) {
            Change::Nothing(note) if moved.is_empty() || !gone_or_replaced(&moved) => {
                let proof =
                    Proof { after: live, resource_version: version(found.as_ref()), found: false };
                return Ok(Prepared::NoChange { note, proof });
            }
            Change::Refused(note) if moved.is_empty() => return Ok(Prepared::Refused(note)),
            // What was approved was approved for another state.
            _ if !moved.is_empty() => return Ok(Prepared::Moved(moved)),
            Change::Nothing(note) | Change::Refused(note) => return Ok(Prepared::Refused(note)),
            Change::Patch { sets, note } => {
                (Call::Patch(patch(ask.object, found.as_ref(), sets)), note)
            }
            Change::Create { manifest, note } => (Call::Create(named(ask.object, manifest)), note),
            Change::Delete(note) => {
                if let Some(refusal) =
                    canaries::not_yet(cluster, ask.object, found.as_ref()).await?
                {
                    return Ok(Prepared::Refused(refusal));
                }
                (Call::Delete { uid: live.uid.clone().unwrap_or_default() }, note)
            }
            Change::Evict => match drain::unmanaged(cluster, ask.object).await? {
                pods if pods.is_empty() => (Call::Evict, Said::Drained.into()),
                pods => return Ok(Prepared::Refused(Said::Unmanaged { pods }.into())),
            },
        };
    rehearse(cluster, ask, live, call, note).await
}

fn gone_or_replaced(moved: &[Moved]) -> bool {
    matches!(moved, [Moved::ObjectGone { .. } | Moved::ObjectReplaced { .. }])
}

/// Asks the API server what the call would come to, with its defaults and webhooks in it, so that the result can be
/// recognised later.
async fn rehearse(
    cluster: &Cluster,
    ask: &Ask<'_>,
    before: LiveObject,
    call: Call,
    note: Note,
) -> Result<Prepared, Error> {
    let expected = match &call {
        // The node stays as it is; that its pods are gone is looked up.
        Call::Evict => before.clone(),
        _ => match send(cluster, ask.object, &call, true).await {
            Ok(_) if matches!(call, Call::Delete { .. }) => ask.object.live(None),
            Ok(answer) => {
                let expected = ask.object.live(Some(&answer));
                // What is only rehearsed gets its own uid when it is made.
                let uid = before.uid.clone().or(Some(String::new()));
                let expected = LiveObject { uid, ..expected };
                if expected == before {
                    return Ok(Prepared::Refused(Said::NoEffect.into()));
                }
                expected
            }
            Err(error) if tells_of_a_move(&error) => {
                let found = ask.object.live(get(cluster, ask.object).await?.as_ref());
                return match before.moved(&found) {
                    moved if moved.is_empty() => Err(error),
                    moved => Ok(Prepared::Moved(moved)),
                };
            }
            Err(error) => return Err(error),
        },
    };
    let intent = Intent { before, expected, stamp: ask.stamp };
    Ok(Prepared::Ready(Ready { intent, note, call }))
}

impl Ready {
    /// Does it. An error that is transient leaves open whether it was done: look before doing it again.
    pub async fn apply(&self, cluster: &Cluster) -> Result<Applied, Error> {
        let object = &self.intent.before.object;
        if let Call::Evict = self.call {
            return Ok(match drain::pass(cluster, object).await? {
                drain::Pass { left: 0, .. } => {
                    Applied::Done(self.proof(&get(cluster, object).await?))
                }
                drain::Pass { left, held_by } => {
                    Applied::Going(Said::Draining { left, held_by }.into())
                }
            });
        }
        match send(cluster, object, &self.call, false).await {
            // Finalizers may hold it for a while.
            Ok(_) if matches!(self.call, Call::Delete { .. }) => match self.look(cluster).await? {
                Found::Effect(proof) => Ok(Applied::Done(proof)),
                Found::Before => Ok(Applied::Going(Said::Deleting.into())),
                Found::Moved(moved) => Ok(Applied::Moved(moved)),
            },
            // The answer is the object as it was stored: reading it again proves nothing more.
            Ok(answer) => Ok(Applied::Done(self.proof(&Some(answer)))),
            Err(error) if tells_of_a_move(&error) => {
                // A call of a worker that died may have arrived before this one.
                match self.look(cluster).await? {
                    Found::Effect(proof) => Ok(Applied::Done(proof)),
                    Found::Before => Err(error),
                    Found::Moved(moved) => Ok(Applied::Moved(moved)),
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn look(&self, cluster: &Cluster) -> Result<Found, Error> {
        let object = &self.intent.before.object;
        Ok(judge(&self.intent, get(cluster, object).await?.as_ref()))
    }

    fn proof(&self, found: &Option<Value>) -> Proof {
        let after = self.intent.before.object.live(found.as_ref());
        Proof { after, resource_version: version(found.as_ref()), found: false }
    }
}

/// Refusals that can mean that the object is not as it was read.
fn tells_of_a_move(error: &Error) -> bool {
    matches!(error, Error::Unprocessable { .. } | Error::NotFound { .. } | Error::Conflict { .. })
}

/// Looks whether what was meant has happened.
pub async fn look(
    cluster: &Cluster,
    action: &ObjectAction,
    intent: &Intent,
) -> Result<Found, Error> {
    let object = &intent.before.object;
    let found = get(cluster, object).await?;
    match judge(intent, found.as_ref()) {
        // Evicting leaves no trace on the node.
        Found::Effect(proof) if *action == ObjectAction::Drain => {
            match drain::left(cluster, object).await? {
                0 => Ok(Found::Effect(proof)),
                _ => Ok(Found::Before),
            }
        }
        judged => Ok(judged),
    }
}

fn judge(intent: &Intent, found: Option<&Value>) -> Found {
    let live = intent.before.object.live(found);
    if intent.expected.looks_like(&live) {
        let resource_version = version(found);
        return Found::Effect(Proof { after: live, resource_version, found: true });
    }
    match intent.before.moved(&live) {
        moved if moved.is_empty() => Found::Before,
        moved => Found::Moved(moved),
    }
}

/// The condition first: still this object, and still as it was read where the step depends on it or changes it.
fn patch(object: &ObjectRef, found: Option<&Value>, sets: Vec<Set>) -> Value {
    let part = object.known().map_or(&[][..], |it| it.part);
    let below =
        |path: &str| part.iter().any(|it| path == *it || path.starts_with(&format!("{it}/")));
    let at = |path: &str| found.and_then(|it| it.pointer(path)).unwrap_or(&Value::Null);
    let tested = ["/metadata/uid"].into_iter().chain(part.iter().copied());
    let others = sets.iter().map(|it| &*it.path).filter(|it| !below(it));
    let tests = tested.chain(others);
    let tests = tests.map(|path| json!({"op": "test", "path": path, "value": at(path)}));
    let changes = sets.iter().map(|it| match &it.value {
        // `add` replaces what is there already.
        Some(value) => json!({"op": "add", "path": it.path, "value": value}),
        None => json!({"op": "remove", "path": it.path}),
    });
    tests.chain(changes).collect()
}

/// The manifest under its own name, whatever it says.
fn named(object: &ObjectRef, mut manifest: Value) -> Value {
    manifest["apiVersion"] = json!(object.api_version);
    manifest["kind"] = json!(object.kind);
    manifest["metadata"]["name"] = json!(object.name);
    if !object.namespace.is_empty() {
        manifest["metadata"]["namespace"] = json!(object.namespace);
    }
    manifest
}

/// `None` where there is no such object.
pub async fn get(cluster: &Cluster, object: &ObjectRef) -> Result<Option<Value>, Error> {
    let resource = resource(object);
    let ObjectRef { namespace, name, .. } = object;
    let asked = Asked { verb: "get", resource: &resource, namespace, name };
    match cluster.get(&path(object), &asked).await {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn send(
    cluster: &Cluster,
    object: &ObjectRef,
    call: &Call,
    dry_run: bool,
) -> Result<Value, Error> {
    let resource = resource(object);
    let ObjectRef { namespace, name, .. } = object;
    let asked = |verb| Asked { verb, resource: &resource, namespace, name };
    match call {
        Call::Patch(patch) => cluster.patch(&path(object), &asked("patch"), patch, dry_run).await,
        Call::Create(manifest) => {
            cluster.post(&folder(object), &asked("create"), manifest, dry_run).await
        }
        Call::Delete { uid } => cluster.delete(&path(object), &asked("delete"), uid, dry_run).await,
        Call::Evict => Ok(Value::Null),
    }
}

fn plural(object: &ObjectRef) -> &str {
    object.known().map_or("", |it| it.plural)
}

/// As RBAC names it.
fn resource(object: &ObjectRef) -> String {
    match object.group() {
        "" => plural(object).to_owned(),
        group => format!("{}.{group}", plural(object)),
    }
}

fn folder(object: &ObjectRef) -> String {
    let root = if object.group().is_empty() { "/api" } else { "/apis" };
    let ObjectRef { api_version, namespace, .. } = object;
    match namespace.is_empty() {
        true => format!("{root}/{api_version}/{}", plural(object)),
        false => format!("{root}/{api_version}/namespaces/{namespace}/{}", plural(object)),
    }
}

fn path(object: &ObjectRef) -> String {
    format!("{}/{}", folder(object), object.name)
}

fn version(found: Option<&Value>) -> String {
    let version = found.and_then(|it| it.pointer("/metadata/resourceVersion")?.as_str());
    version.unwrap_or_default().to_owned()
}
