//! The last words of a container that crashed, fetched while the cluster still has them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::ids::WorkloadId;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, LogParams};
use store::pods::Log;
use tokio::sync::Semaphore;

use super::Watch;
use super::index::WentBad;

const LINES: i64 = 50;
const BYTES: usize = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// When all pods of a revision crash, a few tell as much as all.
const PODS_PER_REVISION: usize = 3;

/// At the same time, of one cluster.
const CALLS: usize = 4;

#[derive(Debug)]
pub(crate) struct Logs {
    calls: Arc<Semaphore>,
    asked: HashMap<(WorkloadId, Option<String>), BTreeSet<String>>,
}

impl Default for Logs {
    fn default() -> Self {
        Self { calls: Arc::new(Semaphore::new(CALLS)), asked: HashMap::new() }
    }
}

impl Logs {
    /// Fetches and keeps the lines in the background.
    pub(crate) fn fetch(
        &mut self,
        watch: &Watch,
        client: Client,
        workload: WorkloadId,
        it: WentBad,
    ) {
        let pods = self.asked.entry((workload, it.digest.clone())).or_default();
        if pods.len() >= PODS_PER_REVISION && !pods.contains(&it.pod_uid) {
            return;
        }
        pods.insert(it.pod_uid.clone());
        let (calls, watch) = (self.calls.clone(), watch.clone());
        tokio::spawn(async move {
            let Ok(_call) = calls.acquire().await else { return };
            let lines = lines(client, &it).await;
            let log = Log {
                pod_uid: it.pod_uid,
                pod: it.pod,
                container: it.container,
                digest: it.digest,
                at: watch.now(),
                lines,
            };
            if let Err(error) = keep(&watch, workload, &log).await {
                tracing::warn!(pod = log.pod, "the last lines of a container are lost: {error:#}");
            }
        });
    }
}

async fn keep(watch: &Watch, workload: WorkloadId, log: &Log) -> anyhow::Result<()> {
    let mut tx = watch.db().begin().await?;
    store::pods::keep_log(&mut tx, workload, log).await?;
    tx.commit().await?;
    watch.hand_on([workload]);
    Ok(())
}

/// Of the container as it was before it was started again; of the one that runs if it never was.
async fn lines(client: Client, it: &WentBad) -> Result<String, String> {
    let pods: Api<Pod> = Api::namespaced(client, &it.key.namespace);
    let params = |previous| LogParams {
        container: Some(it.container.clone()),
        previous,
        tail_lines: Some(LINES),
        limit_bytes: i64::try_from(BYTES).ok(),
        ..LogParams::default()
    };
    let read = async {
        match pods.logs(&it.pod, &params(true)).await {
            Err(kube::Error::Api(status)) if status.code == 400 => {
                pods.logs(&it.pod, &params(false)).await
            }
            other => other,
        }
    };
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(text)) => Ok(bounded(&text)),
        Ok(Err(kube::Error::Api(status))) => Err(status.message),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// The end of the text, without what Postgres does not store.
fn bounded(text: &str) -> String {
    let mut start = text.len().saturating_sub(BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_can_be_stored() {
        assert_eq!(bounded("panic\0"), "panic\u{fffd}");
        let long = format!("{}é{}", "a".repeat(BYTES), "b".repeat(BYTES - 1));
        assert_eq!(bounded(&long), "b".repeat(BYTES - 1));
    }
}
