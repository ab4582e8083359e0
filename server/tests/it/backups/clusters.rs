//! Jobs, Velero and VolumeSnapshots: the same story on the pretend cluster and on the real API server.

use std::path::Path;

use domain::backups::Source;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use serde_json::{Value, json};
use server::adapters::backups::{Looker, Told};
use server::adapters::kubernetes::Clusters;
use server::{clock, sim};
use sqlx::PgPool;
use tempfile::TempDir;

use super::variable;
use crate::world::real_cluster;

const AT: &str = "2026-10-16T02:06:00Z";

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_pretend_cluster_tells_of_its_copies(db: PgPool) {
    let namespace = "es-serverless";
    let options = sim::Options { namespaces: vec![namespace.to_owned()], ..Default::default() };
    let cluster = sim::Cluster::start(options).await.unwrap();
    let folder = TempDir::new().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, cluster.kubeconfig()).unwrap();
    let client = client(&kubeconfig).await;
    tells(db, &client, &kubeconfig, namespace).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_real_cluster_tells_of_its_copies(db: PgPool) {
    let file = real_cluster();
    let admin = client(&file("admin_kubeconfig")).await;
    let namespace = format!("copies-{:08x}", rand::random::<u32>());
    let made = json!({"metadata": {"name": namespace}});
    api(&admin, "", "Namespace", "namespaces", None).create_object(made).await;
    grant(&admin, &namespace).await;
    // Ours has only the rights that `deploy/` ships.
    tells(db, &admin, &file("lifeboat_kubeconfig"), &namespace).await;
    let all = api(&admin, "", "Namespace", "namespaces", None);
    all.0.delete(&namespace, &Default::default()).await.unwrap();
}

/// What `kubectl -n … apply -f deploy/rbac-backups.yaml` does.
async fn grant(admin: &Client, namespace: &str) {
    let file = include_str!("../../../../deploy/rbac-backups.yaml");
    let group = "rbac.authorization.k8s.io/v1";
    for text in file.split("---\n") {
        let object: Value = serde_saphyr::from_str(text).unwrap();
        let (kind, plural) = match object["kind"].as_str().unwrap() {
            "Role" => ("Role", "roles"),
            _ => ("RoleBinding", "rolebindings"),
        };
        api(admin, group, kind, plural, Some(namespace)).create_object(object).await;
    }
}

async fn client(kubeconfig: &Path) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
    Client::try_from(config.unwrap()).unwrap()
}

struct Objects(Api<DynamicObject>, ApiResource);

/// `group_version` is empty for the core group.
fn api(
    client: &Client,
    group_version: &str,
    kind: &str,
    plural: &str,
    namespace: Option<&str>,
) -> Objects {
    let (group, version) = group_version.split_once('/').unwrap_or(("", "v1"));
    let gvk = GroupVersionKind::gvk(group, version, kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
    let api = match namespace {
        Some(it) => Api::namespaced_with(client.clone(), it, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    Objects(api, resource)
}

impl Objects {
    async fn create_object(&self, mut object: Value) {
        object["apiVersion"] = json!(self.1.api_version);
        object["kind"] = json!(self.1.kind);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        self.0.create(&PostParams::default(), &object).await.unwrap();
    }

    /// With a status, where it has one, as its controller writes it.
    async fn with_status(&self, name: &str, spec: Value, metadata: Value, status: Value) {
        let mut object = json!({"metadata": metadata, "spec": spec, "status": status});
        object["metadata"]["name"] = json!(name);
        self.create_object(object).await;
        // Where the status is a part of its own, it was left out above; where it is none, nobody answers here.
        let patch = Patch::Merge(json!({"status": status}));
        match self.0.patch_status(name, &PatchParams::default(), &patch).await {
            Ok(_) => {}
            Err(kube::Error::Api(error)) if error.code == 404 => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// The definitions that Velero and the snapshot controller install, as far as they matter.
async fn install(client: &Client) {
    let crds = api(
        client,
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        None,
    );
    for (group, kind, plural, version) in [
        ("velero.io", "Schedule", "schedules", "v1"),
        ("velero.io", "Backup", "backups", "v1"),
        ("velero.io", "BackupStorageLocation", "backupstoragelocations", "v1"),
        ("snapshot.storage.k8s.io", "VolumeSnapshot", "volumesnapshots", "v1"),
    ] {
        let name = format!("{plural}.{group}");
        if crds.0.get_opt(&name).await.unwrap().is_some() {
            continue;
        }
        let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        crds.create_object(json!({
            "metadata": {"name": name, "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
                "versions": [{"name": version, "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": any, "status": any}}}}],
            },
        }))
        .await;
        let served = api(client, &format!("{group}/{version}"), kind, plural, None);
        let established = async {
            while served.0.list(&ListParams::default().limit(1)).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        let within = std::time::Duration::from_secs(20);
        tokio::time::timeout(within, established).await.expect("the definition is not served");
    }
}

struct Scene {
    looker: Looker,
    namespace: String,
}

impl Scene {
    async fn look(&self, mut source: Value) -> Result<Told, String> {
        source["cluster"] = json!("lab");
        source["namespace"] = json!(self.namespace);
        let source: Source = serde_json::from_value(source).unwrap();
        self.looker.look(&source).await.map_err(|it| it.to_string())
    }
}

/// `name:outcome` of each copy, and the warning.
fn shown(told: Told) -> (Vec<String>, Option<String>) {
    let mut copies: Vec<String> =
        told.copies.iter().map(|it| format!("{}:{}", it.artefact, it.outcome.as_str())).collect();
    copies.sort();
    (copies, told.warning)
}

async fn tells(db: PgPool, admin: &Client, kubeconfig: &Path, namespace: &str) {
    let mut tx = db.begin().await.unwrap();
    let described = json!({"name": "lab", "kubeconfig": kubeconfig});
    let described: domain::clusters::Cluster = serde_json::from_value(described).unwrap();
    store::clusters::save(&mut tx, &described, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
    let looker = Looker::new(Clusters::new(db.clone(), variable, None));
    let scene = Scene { looker, namespace: namespace.to_owned() };
    install(admin).await;

    jobs(&scene, admin).await;
    velero(&scene, admin).await;
    snapshots(&scene, admin).await;
}

async fn jobs(scene: &Scene, admin: &Client) {
    let source = json!({"kind": "jobs", "cron_job": "es-backup"});
    let said = scene.look(source.clone()).await.unwrap_err();
    assert!(said.contains("cronjobs.batch") && said.contains("does not exist"), "{said}");

    let group = "batch/v1";
    let cron_jobs = api(admin, group, "CronJob", "cronjobs", Some(&scene.namespace));
    let pod = json!({"metadata": {"labels": {"app": "es-backup"}}, "spec": {"restartPolicy": "Never",
        "containers": [{"name": "backup", "image": "backup:1"}]}});
    let job = json!({"template": pod});
    // Suspended, so that the real controller makes no Job of its own meanwhile.
    let cron_job = json!({"metadata": {"name": "es-backup"}, "spec": {
        "schedule": "0 2 * * *", "suspend": true, "jobTemplate": {"spec": job}}});
    cron_jobs.create_object(cron_job).await;
    let uid = cron_jobs.0.get("es-backup").await.unwrap().metadata.uid.unwrap();
    let owned = json!({"ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "es-backup", "uid": uid}]});
    let jobs = api(admin, group, "Job", "jobs", Some(&scene.namespace));
    let mut suspended = job.clone();
    // Its controller leaves a suspended Job alone, so the status is ours.
    suspended["suspend"] = json!(true);
    for (name, metadata) in
        [("es-backup-1", &owned), ("es-backup-2", &owned), ("other-1", &json!({}))]
    {
        let mut job = json!({"metadata": metadata, "spec": suspended});
        job["metadata"]["name"] = json!(name);
        jobs.create_object(job).await;
    }
    let told = scene.look(source.clone()).await.unwrap();
    assert_eq!(shown(told).0, [""; 0], "nothing is complete yet");
    for (name, kind, and) in [
        ("es-backup-1", "Complete", "SuccessCriteriaMet"),
        ("es-backup-2", "Failed", "FailureTarget"),
        ("other-1", "Complete", "SuccessCriteriaMet"),
    ] {
        let condition = |kind: &str| {
            json!({"type": kind, "status": "True", "lastTransitionTime": AT,
            "lastProbeTime": AT, "reason": "Test", "message": ""})
        };
        let mut status = json!({"startTime": "2026-10-16T02:00:00Z", "conditions": [condition(and), condition(kind)]});
        if kind == "Complete" {
            status["completionTime"] = json!(AT);
        }
        let patch = Patch::Merge(json!({"status": status}));
        jobs.0.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }
    let (copies, warning) = shown(scene.look(source).await.unwrap());
    assert_eq!(copies, ["es-backup-1:done", "es-backup-2:failed"]);
    assert!(warning.unwrap().contains("es-backup is suspended"));
}

async fn velero(scene: &Scene, admin: &Client) {
    let source = json!({"kind": "velero", "schedule": "daily-backup"});
    let said = scene.look(source.clone()).await.unwrap_err();
    assert!(said.contains("schedules.velero.io"), "{said}");

    let velero =
        |kind: &str, plural: &str| api(admin, "velero.io/v1", kind, plural, Some(&scene.namespace));
    let schedules = velero("Schedule", "schedules");
    let spec = json!({"schedule": "0 2 * * *", "template": {"storageLocation": "production"}});
    schedules.with_status("daily-backup", spec, json!({}), json!({"phase": "Enabled"})).await;
    let (copies, warning) = shown(scene.look(source.clone()).await.unwrap());
    assert_eq!(copies, [""; 0], "a schedule that never ran");
    assert!(warning.unwrap().contains("no BackupStorageLocation"));

    let locations = velero("BackupStorageLocation", "backupstoragelocations");
    let place = json!({"provider": "aws", "objectStorage": {"bucket": "edgelink-backups"}});
    locations.with_status("production", place, json!({}), json!({"phase": "Available"})).await;
    let backups = velero("Backup", "backups");
    let labels = |schedule: &str| json!({"labels": {"velero.io/schedule-name": schedule}});
    for (name, phase, schedule) in [
        ("daily-1", "Completed", "daily-backup"),
        ("daily-2", "PartiallyFailed", "daily-backup"),
        ("daily-3", "InProgress", "daily-backup"),
        ("weekly-1", "Completed", "weekly-backup"),
    ] {
        let mut status = json!({"phase": phase, "startTimestamp": "2026-10-16T02:00:00Z"});
        if phase != "InProgress" {
            status["completionTimestamp"] = json!(AT);
        }
        backups.with_status(name, json!({}), labels(schedule), status).await;
    }
    let told = scene.look(source.clone()).await.unwrap();
    assert_eq!(told.copies[0].taken_at.to_rfc3339(), "2026-10-16T02:06:00+00:00");
    assert_eq!(shown(told), (vec!["daily-1:done".to_owned(), "daily-2:failed".to_owned()], None));

    let away = Patch::Merge(json!({"status": {"phase": "Unavailable"}}));
    locations.0.patch_status("production", &PatchParams::default(), &away).await.unwrap();
    assert!(scene.look(source.clone()).await.unwrap().warning.unwrap().contains("is unavailable"));
    let paused = Patch::Merge(json!({"spec": {"paused": true}}));
    schedules.0.patch("daily-backup", &PatchParams::default(), &paused).await.unwrap();
    assert!(scene.look(source).await.unwrap().warning.unwrap().contains("is paused"));
}

async fn snapshots(scene: &Scene, admin: &Client) {
    let group = "snapshot.storage.k8s.io/v1";
    let snapshots = api(admin, group, "VolumeSnapshot", "volumesnapshots", Some(&scene.namespace));
    let of = |claim: &str| json!({"source": {"persistentVolumeClaimName": claim}});
    for (name, claim, status) in [
        ("data-1", "data", json!({"readyToUse": true, "creationTime": AT})),
        (
            "data-2",
            "data",
            json!({"readyToUse": false, "error": {"time": AT, "message": "no room"}}),
        ),
        ("data-3", "data", json!({"readyToUse": false})),
        ("logs-1", "logs", json!({"readyToUse": true, "creationTime": AT})),
    ] {
        snapshots.with_status(name, of(claim), json!({}), status).await;
    }
    let told = scene.look(json!({"kind": "volume_snapshots", "claim": "data"})).await.unwrap();
    assert_eq!(shown(told).0, ["data-1:done", "data-2:failed"]);
    let told = scene.look(json!({"kind": "volume_snapshots"})).await.unwrap();
    assert_eq!(shown(told).0, ["data-1:done", "data-2:failed", "logs-1:done"]);
}
