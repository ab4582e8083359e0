//! Which resources the pretend API server knows: those of the table below from the start, others by
//! CustomResourceDefinition.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

/// One resource as discovery describes it.
#[derive(Debug, Clone)]
pub(crate) struct ResourceType {
    /// `deployments.apps`, or `pods` in the core group: the name of the resource everywhere in here.
    pub(crate) id: Arc<str>,
    /// Empty for the core group.
    pub(crate) group: String,
    /// The preferred one first. All versions show the same stored object.
    pub(crate) versions: Vec<String>,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) namespaced: bool,
    pub(crate) short: Vec<String>,
    /// `status`, `scale`, `log`, `eviction`.
    pub(crate) subresources: Vec<String>,
    /// From a CustomResourceDefinition: no strategic merge, items of a list carry their kind.
    pub(crate) custom: bool,
}

impl ResourceType {
    /// `apps/v1`, or `v1` in the core group.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    pub(crate) fn has(&self, subresource: &str) -> bool {
        self.subresources.iter().any(|s| s == subresource)
    }
}

/// Group/version, plural, kind, namespaced, short names, subresources.
type Row = (&'static str, &'static str, &'static str, bool, &'static str, &'static str);

const BUILT_IN: &[Row] = &[
    ("v1", "namespaces", "Namespace", false, "ns", "status finalize"),
    ("v1", "nodes", "Node", false, "no", "status"),
    ("v1", "pods", "Pod", true, "po", "status log eviction"),
    ("v1", "services", "Service", true, "svc", "status"),
    ("v1", "endpoints", "Endpoints", true, "ep", ""),
    ("v1", "configmaps", "ConfigMap", true, "cm", ""),
    ("v1", "secrets", "Secret", true, "", ""),
    ("v1", "events", "Event", true, "ev", ""),
    ("v1", "serviceaccounts", "ServiceAccount", true, "sa", ""),
    ("v1", "persistentvolumeclaims", "PersistentVolumeClaim", true, "pvc", "status"),
    ("v1", "persistentvolumes", "PersistentVolume", false, "pv", "status"),
    ("v1", "resourcequotas", "ResourceQuota", true, "quota", "status"),
    ("v1", "limitranges", "LimitRange", true, "limits", ""),
    ("v1", "replicationcontrollers", "ReplicationController", true, "rc", "status scale"),
    ("v1", "podtemplates", "PodTemplate", true, "", ""),
    ("apps/v1", "deployments", "Deployment", true, "deploy", "status scale"),
    ("apps/v1", "replicasets", "ReplicaSet", true, "rs", "status scale"),
    ("apps/v1", "statefulsets", "StatefulSet", true, "sts", "status scale"),
    ("apps/v1", "daemonsets", "DaemonSet", true, "ds", "status"),
    ("apps/v1", "controllerrevisions", "ControllerRevision", true, "", ""),
    ("batch/v1", "jobs", "Job", true, "", "status"),
    ("batch/v1", "cronjobs", "CronJob", true, "cj", "status"),
    (
        "autoscaling/v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        true,
        "hpa",
        "status",
    ),
    ("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", true, "pdb", "status"),
    ("networking.k8s.io/v1", "ingresses", "Ingress", true, "ing", "status"),
    ("networking.k8s.io/v1", "ingressclasses", "IngressClass", false, "", ""),
    ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", true, "netpol", ""),
    ("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", true, "", ""),
    ("rbac.authorization.k8s.io/v1", "roles", "Role", true, "", ""),
    ("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", true, "", ""),
    ("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false, "", ""),
    ("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", false, "", ""),
    ("coordination.k8s.io/v1", "leases", "Lease", true, "", ""),
    ("storage.k8s.io/v1", "storageclasses", "StorageClass", false, "sc", ""),
    ("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", false, "pc", ""),
    (
        "apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        false,
        "crd",
        "status",
    ),
];

/// All resources, by [`ResourceType::id`].
#[derive(Debug, Clone)]
pub(crate) struct Types(BTreeMap<Arc<str>, Arc<ResourceType>>);

impl Types {
    pub(crate) fn built_in() -> Self {
        Self(BUILT_IN.iter().map(row).map(|t| (t.id.clone(), Arc::new(t))).collect())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<ResourceType>> {
        self.0.values()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<ResourceType>> {
        self.0.get(id)
    }

    /// The resource that is served at `/apis/<group>/<version>/<plural>`.
    pub(crate) fn find(
        &self,
        group: &str,
        version: &str,
        plural: &str,
    ) -> Option<&Arc<ResourceType>> {
        self.0.get(id(group, plural).as_str()).filter(|t| t.versions.iter().any(|v| v == version))
    }

    /// Makes the resource of a CustomResourceDefinition discoverable; false where it names none.
    pub(crate) fn define(&mut self, crd: &Value) -> bool {
        let Some(custom) = from_crd(crd) else { return false };
        self.0.insert(custom.id.clone(), Arc::new(custom));
        true
    }

    pub(crate) fn forget(&mut self, id: &str) {
        if self.0.get(id).is_some_and(|t| t.custom) {
            self.0.remove(id);
        }
    }
}

/// `deployments.apps`, or `pods` in the core group.
pub(crate) fn id(group: &str, plural: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

fn row(&(api, plural, kind, namespaced, short, subresources): &Row) -> ResourceType {
    let (group, version) = api.rsplit_once('/').unwrap_or(("", api));
    let words = |s: &str| s.split_whitespace().map(str::to_owned).collect();
    ResourceType {
        id: id(group, plural).into(),
        group: group.to_owned(),
        versions: vec![version.to_owned()],
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        kind: kind.to_owned(),
        namespaced,
        short: words(short),
        subresources: words(subresources),
        custom: false,
    }
}

fn from_crd(crd: &Value) -> Option<ResourceType> {
    let spec = &crd["spec"];
    let (group, plural) = (spec["group"].as_str()?, spec["names"]["plural"].as_str()?);
    let kind = spec["names"]["kind"].as_str()?;
    let mut versions: Vec<&Value> =
        spec["versions"].as_array()?.iter().filter(|v| v["served"] != json!(false)).collect();
    versions.sort_by_key(|v| v["storage"] != json!(true));
    let mut subresources = Vec::new();
    for sub in ["status", "scale"] {
        if versions.iter().any(|v| v["subresources"].get(sub).is_some()) {
            subresources.push(sub.to_owned());
        }
    }
    Some(ResourceType {
        id: id(group, plural).into(),
        group: group.to_owned(),
        versions: versions.iter().filter_map(|v| v["name"].as_str()).map(str::to_owned).collect(),
        plural: plural.to_owned(),
        singular: spec["names"]["singular"].as_str().map_or(kind.to_lowercase(), str::to_owned),
        kind: kind.to_owned(),
        namespaced: spec["scope"] != "Cluster",
        short: spec["names"]["shortNames"]
            .as_array()
            .map(|a| a.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default(),
        subresources,
        custom: true,
    })
}
