//! Copies that the objects of a cluster tell of: Jobs of a CronJob, Backups of a Velero Schedule, VolumeSnapshots.

use chrono::{DateTime, Utc};
use domain::backups::{Copy, Outcome};
use serde_json::Value;

use super::client::Cluster;
use super::error::{Asked, Error};
use crate::adapters::backups::Told;

/// Objects of one page of a list.
const PAGE: u32 = 500;

/// Which objects, as RBAC and the API name them.
#[derive(Clone, Copy)]
struct Objects {
    group_version: &'static str,
    plural: &'static str,
    resource: &'static str,
}

const CRON_JOBS: Objects =
    Objects { group_version: "batch/v1", plural: "cronjobs", resource: "cronjobs.batch" };
const JOBS: Objects = Objects { group_version: "batch/v1", plural: "jobs", resource: "jobs.batch" };
const SCHEDULES: Objects =
    Objects { group_version: "velero.io/v1", plural: "schedules", resource: "schedules.velero.io" };
const BACKUPS: Objects =
    Objects { group_version: "velero.io/v1", plural: "backups", resource: "backups.velero.io" };
const LOCATIONS: Objects = Objects {
    group_version: "velero.io/v1",
    plural: "backupstoragelocations",
    resource: "backupstoragelocations.velero.io",
};
const SNAPSHOTS: Objects = Objects {
    group_version: "snapshot.storage.k8s.io/v1",
    plural: "volumesnapshots",
    resource: "volumesnapshots.snapshot.storage.k8s.io",
};

/// # Errors
/// Where the API server does not answer, or there is no such CronJob.
pub async fn of_jobs(cluster: &Cluster, namespace: &str, cron_job: &str) -> Result<Told, Error> {
    let owner = get(cluster, CRON_JOBS, namespace, cron_job).await?;
    let suspended = owner.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true);
    let warning = suspended.then(|| format!("the CronJob {namespace}/{cron_job} is suspended"));
    let jobs = list(cluster, JOBS, namespace, "").await?;
    let ours = jobs.iter().filter(|it| belongs_to(it, "CronJob", cron_job));
    Ok(Told { copies: ours.filter_map(job).collect(), warning })
}

/// Nothing for one that is still at work.
fn job(job: &Value) -> Option<Copy> {
    let condition = |kind: &str| {
        let conditions = job.pointer("/status/conditions")?.as_array()?;
        conditions.iter().find(|it| it["type"] == kind && it["status"] == "True")
    };
    let name = job.pointer("/metadata/name")?.as_str()?;
    if condition("Complete").is_some() {
        return Some(Copy::done(name, time(job, "/status/completionTime")?));
    }
    let failed = condition("Failed")?;
    let at = time(failed, "/lastTransitionTime")?;
    Some(Copy { outcome: Outcome::Failed, ..Copy::done(name, at) })
}

/// # Errors
/// Where the API server does not answer, Velero is not installed, or there is no such Schedule.
pub async fn of_velero(cluster: &Cluster, namespace: &str, schedule: &str) -> Result<Told, Error> {
    let found = get(cluster, SCHEDULES, namespace, schedule).await?;
    let query = format!("&labelSelector=velero.io%2Fschedule-name%3D{schedule}");
    let backups = list(cluster, BACKUPS, namespace, &query).await?;
    let warning = match schedule_trouble(&found, namespace, schedule) {
        Some(it) => Some(it),
        None => location_trouble(cluster, namespace, &found).await?,
    };
    Ok(Told { copies: backups.iter().filter_map(backup).collect(), warning })
}

fn schedule_trouble(found: &Value, namespace: &str, schedule: &str) -> Option<String> {
    if found.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return Some(format!("the Schedule {namespace}/{schedule} is paused"));
    }
    match found.pointer("/status/phase").and_then(Value::as_str) {
        Some("FailedValidation") => {
            Some(format!("Velero refuses the Schedule {namespace}/{schedule} (FailedValidation)"))
        }
        _ => None,
    }
}

/// Backups in a place that cannot be reached cannot be restored.
async fn location_trouble(
    cluster: &Cluster,
    namespace: &str,
    schedule: &Value,
) -> Result<Option<String>, Error> {
    let name = schedule.pointer("/spec/template/storageLocation").and_then(Value::as_str);
    let name = name.filter(|it| !it.is_empty()).unwrap_or("default");
    let location = match get(cluster, LOCATIONS, namespace, name).await {
        Ok(it) => it,
        Err(Error::NotFound { .. }) => {
            return Ok(Some(format!("there is no BackupStorageLocation {namespace}/{name}")));
        }
        Err(error) => return Err(error),
    };
    let phase = location.pointer("/status/phase").and_then(Value::as_str);
    let away = phase == Some("Unavailable");
    Ok(away.then(|| format!("the BackupStorageLocation {namespace}/{name} is unavailable")))
}

/// Nothing for one that is still being made.
fn backup(backup: &Value) -> Option<Copy> {
    let name = backup.pointer("/metadata/name")?.as_str()?;
    let phase = backup.pointer("/status/phase")?.as_str()?;
    let ended = time(backup, "/status/completionTimestamp");
    match phase {
        "Completed" => Some(Copy::done(name, ended?)),
        // Partly is not: what is missing may be what is needed.
        "PartiallyFailed" | "Failed" | "FailedValidation" => {
            let at = ended.or_else(|| time(backup, "/metadata/creationTimestamp"))?;
            Some(Copy { outcome: Outcome::Failed, ..Copy::done(name, at) })
        }
        _ => None,
    }
}

/// # Errors
/// Where the API server does not answer, or knows no VolumeSnapshots.
pub async fn of_snapshots(
    cluster: &Cluster,
    namespace: &str,
    claim: Option<&str>,
) -> Result<Told, Error> {
    let all = list(cluster, SNAPSHOTS, namespace, "").await?;
    let of_claim = |it: &&Value| {
        let named = it.pointer("/spec/source/persistentVolumeClaimName").and_then(Value::as_str);
        claim.is_none_or(|claim| named == Some(claim))
    };
    Ok(Told { copies: all.iter().filter(of_claim).filter_map(snapshot).collect(), warning: None })
}

fn snapshot(snapshot: &Value) -> Option<Copy> {
    let name = snapshot.pointer("/metadata/name")?.as_str()?;
    let taken = time(snapshot, "/status/creationTime");
    if snapshot.pointer("/status/readyToUse").and_then(Value::as_bool) == Some(true) {
        return Some(Copy::done(name, taken?));
    }
    let error = snapshot.pointer("/status/error").filter(|it| !it.is_null())?;
    let at = time(error, "/time").or_else(|| time(snapshot, "/metadata/creationTimestamp"))?;
    Some(Copy { outcome: Outcome::Failed, ..Copy::done(name, at) })
}

fn belongs_to(object: &Value, kind: &str, name: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|it| it["kind"] == kind && it["name"] == name)
}

fn time(object: &Value, pointer: &str) -> Option<DateTime<Utc>> {
    object.pointer(pointer)?.as_str()?.parse().ok()
}

async fn get(
    cluster: &Cluster,
    objects: Objects,
    namespace: &str,
    name: &str,
) -> Result<Value, Error> {
    let Objects { group_version, plural, resource } = objects;
    let path = format!("/apis/{group_version}/namespaces/{namespace}/{plural}/{name}");
    cluster.get(&path, &Asked { verb: "get", resource, namespace, name }).await
}

/// All of them, a page at a time. `query` begins with `&`, or is empty.
async fn list(
    cluster: &Cluster,
    objects: Objects,
    namespace: &str,
    query: &str,
) -> Result<Vec<Value>, Error> {
    let Objects { group_version, plural, resource } = objects;
    let asked = Asked { verb: "list", resource, namespace, name: "" };
    let mut items = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!(
            "/apis/{group_version}/namespaces/{namespace}/{plural}?limit={PAGE}{query}{after}"
        );
        let mut page = cluster.get(&path, &asked).await?;
        if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
            items.extend(found);
        }
        match page.pointer("/metadata/continue").and_then(Value::as_str) {
            Some(token) if !token.is_empty() => {
                let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
                after = format!("&continue={token}");
            }
            _ => return Ok(items),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_done_is_a_copy() {
        let at = "2026-10-16T02:06:00Z";
        let condition =
            |kind: &str| json!([{"type": kind, "status": "True", "lastTransitionTime": at}]);
        let done = |name: &str, outcome| {
            Some(Copy { outcome, ..Copy::done(name, at.parse::<DateTime<Utc>>().unwrap()) })
        };
        let meta = json!({"name": "x", "creationTimestamp": at});
        for (found, expected) in [
            (
                job(
                    &json!({"metadata": meta, "status": {"conditions": condition("Complete"), "completionTime": at}}),
                ),
                done("x", Outcome::Done),
            ),
            (
                job(&json!({"metadata": meta, "status": {"conditions": condition("Failed")}})),
                done("x", Outcome::Failed),
            ),
            (job(&json!({"metadata": meta, "status": {"active": 1}})), None),
            (
                backup(
                    &json!({"metadata": meta, "status": {"phase": "Completed", "completionTimestamp": at}}),
                ),
                done("x", Outcome::Done),
            ),
            (
                backup(&json!({"metadata": meta, "status": {"phase": "PartiallyFailed"}})),
                done("x", Outcome::Failed),
            ),
            (backup(&json!({"metadata": meta, "status": {"phase": "InProgress"}})), None),
            (backup(&json!({"metadata": meta})), None),
            (
                snapshot(
                    &json!({"metadata": meta, "status": {"readyToUse": true, "creationTime": at}}),
                ),
                done("x", Outcome::Done),
            ),
            (
                snapshot(
                    &json!({"metadata": meta, "status": {"readyToUse": false, "error": {"time": at}}}),
                ),
                done("x", Outcome::Failed),
            ),
            (snapshot(&json!({"metadata": meta, "status": {"readyToUse": false}})), None),
        ] {
            assert_eq!(found, expected);
        }
    }
}
