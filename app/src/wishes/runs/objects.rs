//! Steps on objects that are no workload, as somebody asks for them: what they name is looked at by a worker before
//! there is a plan.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::access::{Action as Doing, Place};
use domain::canonical::Digest;
use domain::fields::Fault;
use domain::plans::{ObjectAction, ObjectRef, Seen, Step};
use domain::services::Service;
use serde_json::{Map, Value, json};

use super::AskedStep;
use crate::doors::Context;
use crate::pages::error::Error;

/// How long an answer waits for a worker that looks.
const WITHIN: Duration = Duration::from_secs(8);
const SNAPSHOT: &str = "snapshot.storage.k8s.io";

/// An object as somebody names it: cluster and namespace are those of the service where nothing else is said.
#[derive(Clone, Debug)]
pub struct Named {
    pub cluster: Option<String>,
    pub namespace: Option<String>,
    pub api_version: String,
    pub kind: String,
    pub name: String,
}

#[derive(Clone, Debug)]
pub enum Asked {
    ConfigRestore {
        contents: Digest,
    },
    SetWeights {
        weights: BTreeMap<String, i32>,
    },
    SuspendSync,
    ResumeSync,
    StillSuspended,
    Cordon,
    Uncordon,
    Drain,
    /// The claim as it is, from a snapshot of its volume. Comes after its deletion.
    RestoreClaim {
        snapshot: String,
    },
    /// Of these namespaces from a backup of Velero.
    Restore {
        backup: String,
        namespaces: Vec<String>,
    },
    Delete,
    WaitReady,
}

impl Named {
    pub(super) fn of(&self, service: &Service) -> ObjectRef {
        let first = service.workloads.first();
        let or = |given: &Option<String>, own: Option<&String>| {
            given.clone().or(own.cloned()).unwrap_or_default()
        };
        let mut object = ObjectRef {
            cluster: or(&self.cluster, first.map(|it| &it.cluster)),
            namespace: or(&self.namespace, first.map(|it| &it.namespace)),
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
        };
        if object.known().is_some_and(|it| !it.namespaced) {
            object.namespace.clear();
        }
        object
    }
}

/// Everything that the steps name, as a worker sees it now. Whoever may not act there learns nothing of it.
pub(super) async fn look(cx: &Context, asked: &super::Asked) -> Result<Vec<Seen>, Error> {
    cx.enter(Doing::RequestRun)?;
    if !asked.steps.iter().any(|it| matches!(it, AskedStep::Object { .. })) {
        return Ok(Vec::new());
    }
    let service = match store::services::by_name(&cx.db, &asked.service).await {
        Err(store::Error::NotFound) => return Err(Error::field("service", Fault::Unknown)),
        service => service?.entry,
    };
    cx.require(Doing::RequestRun, &Place::service(&service.name, &service.team))?;
    let objects = named(cx, asked, &service)?;
    let fields: BTreeMap<_, _> = objects.iter().map(|(n, it)| (it.clone(), *n)).collect();
    let wanted: Vec<ObjectRef> = fields.keys().cloned().collect();
    let looks = store::objects::look(&cx.db, &wanted, cx.now);
    let sights = match tokio::time::timeout(WITHIN, looks).await {
        Ok(sights) => sights?,
        Err(_) => store::objects::since(&cx.db, &wanted, cx.now).await?,
    };
    let mut all = Vec::new();
    for object in wanted {
        let field = format!("steps[{}].object", fields[&object]);
        let sight = sights.iter().find(|it| it.object == object);
        let found = match sight.map(|it| it.found.clone()) {
            Some(Ok(found)) => found,
            Some(Err(why)) => return Err(Error::field(&field, Fault::Malformed(why))),
            None => {
                let why = "no worker looked at it in time; are the workers running?".to_owned();
                return Err(Error::field(&field, Fault::Malformed(why)));
            }
        };
        let cluster = store::clusters::by_name(&cx.db, &object.cluster).await;
        let protected = cluster.is_ok_and(|it| it.entry.protects(&object.namespace));
        all.push(Seen { object, found, contents: Vec::new(), protected });
    }
    keep_contents(cx, asked, &service, &mut all).await?;
    Ok(all)
}

/// With the number of the first step that names it.
fn named(
    cx: &Context,
    asked: &super::Asked,
    service: &Service,
) -> Result<Vec<(usize, ObjectRef)>, Error> {
    let mut all = Vec::new();
    for (n, step) in asked.steps.iter().enumerate() {
        let AskedStep::Object { object, action } = step else { continue };
        let object = object.of(service);
        let at = |name: &str, fault| Error::field(&format!("steps[{n}].{name}"), fault);
        if object.known().is_none() {
            let known = domain::plans::objects::KINDS.iter().map(|it| it.kind.to_owned());
            return Err(at("object.kind", Fault::NotOneOf(known.collect())));
        }
        if !service.workloads.iter().any(|it| it.cluster == object.cluster) {
            return Err(at("object.cluster", Fault::Unknown));
        }
        // What a service shares with others is not for its own team alone.
        let own = |it: &domain::services::WorkloadRef| it.namespace == object.namespace;
        if !service.workloads.iter().any(own) {
            cx.require(Doing::RequestRun, &Place::default())?;
        }
        if let Asked::RestoreClaim { snapshot } = action {
            all.push((n, snapshot_of(&object, snapshot)));
        }
        all.push((n, object));
    }
    all.reverse();
    Ok(all)
}

fn snapshot_of(claim: &ObjectRef, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: format!("{SNAPSHOT}/v1"),
        kind: "VolumeSnapshot".to_owned(),
        name: name.to_owned(),
        ..claim.clone()
    }
}

/// What ConfigMaps should go back to, of what is kept.
async fn keep_contents(
    cx: &Context,
    asked: &super::Asked,
    service: &Service,
    all: &mut [Seen],
) -> Result<(), Error> {
    for step in &asked.steps {
        let AskedStep::Object { object, action: Asked::ConfigRestore { contents } } = step else {
            continue;
        };
        let kept = match store::configs::get(&cx.db, contents).await {
            Ok(kept) => kept,
            Err(store::Error::NotFound) => continue,
            Err(error) => return Err(error.into()),
        };
        let object = object.of(service);
        let mut own = all.iter_mut().filter(|it| it.object == object);
        own.by_ref().for_each(|it| it.contents.push(kept.clone()));
    }
    Ok(())
}

/// A step as the plan has it.
///
/// # Errors
/// The field that does not fit.
pub(super) fn step(
    n: usize,
    object: &ObjectRef,
    asked: &Asked,
    seen: &[Seen],
) -> Result<Step, Error> {
    let at = |name: &str, fault| Error::field(&format!("steps[{n}].{name}"), fault);
    let found = |object: &ObjectRef| {
        seen.iter().find(|it| it.object == *object).and_then(|it| it.found.as_ref())
    };
    let action = match asked {
        Asked::ConfigRestore { contents } => {
            ObjectAction::ConfigRestore { contents: contents.clone() }
        }
        Asked::SetWeights { weights } => ObjectAction::SetWeights { weights: weights.clone() },
        Asked::SuspendSync => ObjectAction::SuspendSync,
        Asked::ResumeSync => ObjectAction::ResumeSync,
        Asked::StillSuspended => ObjectAction::StillSuspended,
        Asked::Cordon => ObjectAction::Cordon,
        Asked::Uncordon => ObjectAction::Uncordon,
        Asked::Drain => ObjectAction::Drain,
        Asked::Delete => ObjectAction::Delete,
        Asked::WaitReady => ObjectAction::WaitReady,
        Asked::RestoreClaim { snapshot } => {
            let taken = found(&snapshot_of(object, snapshot));
            if taken.and_then(|it| it.pointer("/status/readyToUse")) != Some(&json!(true)) {
                return Err(at("snapshot", Fault::Unknown));
            }
            let claim = found(object).ok_or_else(|| at("object.name", Fault::Unknown))?;
            ObjectAction::Create { manifest: claim_from(claim, snapshot) }
        }
        Asked::Restore { backup, namespaces } => {
            let spec = json!({"backupName": backup, "includedNamespaces": namespaces});
            ObjectAction::Create { manifest: json!({"metadata": {}, "spec": spec}) }
        }
    };
    match action.fits(object) {
        true => Ok(Step::on(object.clone(), action)),
        false => Err(at("action", Fault::Unexpected)),
    }
}

/// The same claim, filled from a snapshot. The name of its old volume and what controllers wrote stay behind.
fn claim_from(claim: &Value, snapshot: &str) -> Value {
    let spec =
        ["accessModes", "resources", "storageClassName", "volumeMode", "volumeAttributesClassName"];
    let spec =
        spec.iter().filter_map(|it| Some(((*it).to_owned(), claim["spec"].get(it)?.clone())));
    let mut spec: Map<String, Value> = spec.collect();
    let source = json!({"apiGroup": SNAPSHOT, "kind": "VolumeSnapshot", "name": snapshot});
    spec.insert("dataSource".to_owned(), source);
    let labels = claim.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    json!({"metadata": {"labels": labels}, "spec": spec})
}
