//! The objects of the Kubernetes API, as far as they are looked at. Everything else, managed fields above all,
//! is passed over while reading and takes no memory. Templates stay as the server wrote them, so that members
//! which this build does not know are not lost.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::canonical::{self, Digest};
use domain::pods;
use domain::readiness::Shape;
use domain::rollouts::{self, Progress};
use domain::workloads::{Condition, Update, UpdateBy, WorkloadKind};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::surrounding::{Around, Surrounding};
use crate::adapters::helm;

/// Anything that is watched.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    Workload(WorkloadKind, Box<Workload>),
    ReplicaSet(Box<ReplicaSet>),
    ControllerRevision(Box<ControllerRevision>),
    Pod(Box<Pod>),
    ConfigMap(Box<ConfigMap>),
    Node(Box<Node>),
    Event(Box<Event>),
    Release(Box<Release>),
    Around(Around, Box<Surrounding>),
}

impl Object {
    pub(crate) fn meta(&self) -> &Meta {
        match self {
            Object::Workload(_, it) => &it.metadata,
            Object::ReplicaSet(it) => &it.metadata,
            Object::ControllerRevision(it) => &it.metadata,
            Object::Pod(it) => &it.metadata,
            Object::ConfigMap(it) => &it.metadata,
            Object::Node(it) => &it.metadata,
            Object::Event(it) => &it.metadata,
            Object::Around(_, it) => &it.metadata,
            Object::Release(it) => &it.metadata,
        }
    }

    /// What tells it from all others of its kind: the uid; of a node the name, which is what pods say.
    pub(crate) fn identity(&self) -> &str {
        match self {
            Object::Node(it) => &it.metadata.name,
            other => &other.meta().uid,
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Meta {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) generation: i64,
    pub(crate) creation_timestamp: Option<DateTime<Utc>>,
    pub(crate) deletion_timestamp: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) owner_references: Vec<OwnerReference>,
}

impl Meta {
    pub(crate) fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|it| it.controller)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OwnerReference {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) controller: bool,
}

/// A Deployment, StatefulSet, DaemonSet or Rollout: each has a part of these members.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Workload {
    pub(crate) metadata: Meta,
    pub(crate) spec: WorkloadSpec,
    #[serde(default)]
    pub(crate) status: WorkloadStatus,
    /// Of a Rollout.
    #[serde(skip)]
    pub(crate) canary: Option<Progress>,
}

/// A Rollout of Argo, read as a workload.
#[derive(Clone, Debug)]
pub(crate) struct Rollout(pub(crate) Box<Workload>);

impl<'de> Deserialize<'de> for Rollout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Value::deserialize(deserializer)?;
        let canary = Progress::of(&object);
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
        let seen = rollouts::observed(&object);
        let observed = generation.unwrap_or(0) - i64::from(!seen);
        if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
            // The controller writes it as a text.
            status.insert("observedGeneration".to_owned(), observed.into());
        }
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            spec.entry("template").or_insert(Value::Null);
        }
        let workload: Workload = serde_json::from_value(object).map_err(D::Error::custom)?;
        Ok(Self(Box::new(Workload { canary: Some(canary), ..workload })))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkloadSpec {
    pub(crate) replicas: Option<i32>,
    #[serde(default)]
    pub(crate) paused: bool,
    pub(crate) template: Value,
    /// Of a Deployment.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) strategy: UpdateStrategy,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) update_strategy: UpdateStrategy,
    // Of a StatefulSet, which cannot be given others.
    #[serde(default)]
    pub(crate) pod_management_policy: Value,
    #[serde(default)]
    pub(crate) service_name: Value,
    #[serde(default)]
    pub(crate) volume_claim_templates: Value,
    pub(crate) revision_history_limit: Option<i32>,
}

impl WorkloadSpec {
    /// How it is set up to be rolled back.
    pub(crate) fn shape(&self) -> Shape {
        let own = match self.strategy.kind.is_empty() {
            true => &self.update_strategy,
            false => &self.strategy,
        };
        let unavailable = own.rolling_update.max_unavailable.as_ref();
        Shape {
            history_limit: self.revision_history_limit,
            strategy: own.kind.clone(),
            max_unavailable: unavailable.map(|it| match it {
                Value::String(it) => it.clone(),
                other => other.to_string(),
            }),
        }
    }

    /// What happens to the pods when the template changes, with what the API server writes where nothing is said.
    pub(crate) fn update(&self, kind: WorkloadKind) -> Update {
        let strategy = match kind {
            WorkloadKind::Deployment | WorkloadKind::Rollout => &self.strategy,
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => &self.update_strategy,
        };
        let by = UpdateBy::parse(&strategy.kind).unwrap_or(UpdateBy::RollingUpdate);
        Update {
            by,
            partition: strategy.rolling_update.partition.unwrap_or_default(),
            ordered: kind == WorkloadKind::StatefulSet
                && by == UpdateBy::RollingUpdate
                && self.pod_management_policy != "Parallel",
        }
    }

    /// The digest of what cannot be changed in place; only a StatefulSet has such things.
    pub(crate) fn fixed(&self, kind: WorkloadKind) -> Option<Digest> {
        let fixed = [&self.volume_claim_templates, &self.service_name, &self.pod_management_policy];
        (kind == WorkloadKind::StatefulSet).then(|| canonical::digest(&fixed))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct UpdateStrategy {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub(crate) kind: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) rolling_update: RollingUpdate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RollingUpdate {
    pub(crate) partition: Option<i32>,
    /// A number, or a share as `25%`.
    pub(crate) max_unavailable: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WorkloadStatus {
    pub(crate) observed_generation: i64,
    pub(crate) replicas: i32,
    pub(crate) updated_replicas: i32,
    pub(crate) ready_replicas: i32,
    pub(crate) available_replicas: i32,
    pub(crate) desired_number_scheduled: i32,
    pub(crate) current_number_scheduled: i32,
    pub(crate) updated_number_scheduled: i32,
    pub(crate) number_ready: i32,
    pub(crate) number_available: i32,
    #[serde(deserialize_with = "or_default")]
    pub(crate) conditions: Vec<StatusCondition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StatusCondition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) last_transition_time: Option<DateTime<Utc>>,
}

impl From<StatusCondition> for Condition {
    fn from(it: StatusCondition) -> Self {
        Self { kind: it.kind, status: it.status, reason: it.reason, message: it.message }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ReplicaSet {
    pub(crate) metadata: Meta,
    pub(crate) spec: ReplicaSetSpec,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ReplicaSetSpec {
    #[serde(default)]
    pub(crate) template: Value,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ControllerRevision {
    pub(crate) metadata: Meta,
    #[serde(default)]
    pub(crate) data: Value,
    pub(crate) revision: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ConfigMap {
    pub(crate) metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) data: BTreeMap<String, String>,
    #[serde(default, rename = "binaryData", deserialize_with = "or_default")]
    pub(crate) binary_data: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) metadata: Meta,
    #[serde(default)]
    pub(crate) status: NodeStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeStatus {
    #[serde(deserialize_with = "or_default")]
    pub(crate) node_info: NodeInfo,
    #[serde(deserialize_with = "or_default")]
    pub(crate) conditions: Vec<StatusCondition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeInfo {
    #[serde(rename = "bootID", deserialize_with = "or_default")]
    pub(crate) boot_id: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) metadata: Meta,
    #[serde(default)]
    pub(crate) involved_object: Involved,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) reason: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) message: String,
    #[serde(default, rename = "type", deserialize_with = "or_default")]
    pub(crate) kind: String,
    pub(crate) count: Option<i32>,
    pub(crate) first_timestamp: Option<DateTime<Utc>>,
    pub(crate) last_timestamp: Option<DateTime<Utc>>,
    pub(crate) event_time: Option<DateTime<Utc>>,
    pub(crate) series: Option<Series>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Involved {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Series {
    pub(crate) count: i32,
    pub(crate) last_observed_time: Option<DateTime<Utc>>,
}

/// A Secret in which Helm keeps a revision of a release. What it holds is read at once and kept nowhere.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Secret {
    pub(crate) metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) data: SecretData,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SecretData {
    pub(crate) release: Option<String>,
}

/// None inside: a Secret of that type that is no revision of a release.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) metadata: Meta,
    pub(crate) read: Option<(String, domain::releases::Revision)>,
}

impl Release {
    pub(crate) fn of(key: &helm::Key, secret: Secret) -> Self {
        let Secret { metadata, data } = secret;
        let read = helm::named(&metadata.labels).map(|named| {
            let (uid, namespace) = (&metadata.uid, &metadata.namespace);
            let revision = helm::decode(key, &named, uid, namespace, data.release.as_deref());
            (named.name, revision)
        });
        Self { metadata, read }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pod {
    pub(crate) metadata: Meta,
    #[serde(default)]
    pub(crate) spec: PodSpec,
    #[serde(default)]
    pub(crate) status: PodStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodSpec {
    #[serde(deserialize_with = "or_default")]
    pub(crate) node_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodStatus {
    pub(crate) phase: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) conditions: Vec<StatusCondition>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) init_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContainerStatus {
    pub(crate) name: String,
    pub(crate) ready: bool,
    pub(crate) restart_count: i32,
    #[serde(rename = "imageID")]
    pub(crate) image_id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) state: ContainerState,
    #[serde(deserialize_with = "or_default")]
    pub(crate) last_state: ContainerState,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContainerState {
    pub(crate) waiting: Option<Waiting>,
    pub(crate) terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Waiting {
    pub(crate) reason: String,
    pub(crate) message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Terminated {
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) exit_code: i32,
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

impl From<Terminated> for pods::Ended {
    fn from(it: Terminated) -> Self {
        Self { reason: it.reason, message: it.message, exit_code: it.exit_code, at: it.finished_at }
    }
}

impl From<ContainerStatus> for pods::Container {
    fn from(it: ContainerStatus) -> Self {
        let state = match it.state {
            ContainerState { waiting: Some(it), .. } => {
                pods::ContainerState::Waiting { reason: it.reason, message: it.message }
            }
            ContainerState { terminated: Some(it), .. } => {
                pods::ContainerState::Terminated(it.into())
            }
            _ => pods::ContainerState::Running,
        };
        Self {
            name: it.name,
            ready: it.ready,
            restarts: it.restart_count,
            state,
            last: it.last_state.terminated.map(Into::into),
        }
    }
}

impl From<PodStatus> for pods::Status {
    fn from(it: PodStatus) -> Self {
        let condition = |kind: &str| it.conditions.iter().find(|it| it.kind == kind);
        let ready = condition("Ready").map(|it| (it.status == "True", it.last_transition_time));
        let unschedulable = condition("PodScheduled")
            .filter(|it| it.status == "False" && it.reason == "Unschedulable")
            .map(|it| (it.message.clone(), it.last_transition_time));
        let containers = it.init_container_statuses.into_iter().chain(it.container_statuses);
        Self {
            ready,
            unschedulable,
            phase: it.phase,
            reason: it.reason,
            message: it.message,
            containers: containers.map(Into::into).collect(),
        }
    }
}

/// The API may write null where it means nothing.
fn or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
