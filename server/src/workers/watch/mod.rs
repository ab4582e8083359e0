//! Brings the facts of the clusters to Postgres: workloads, revisions, pods, events, and what changed.
//!
//! [`run`] holds a lease for each cluster of the catalog and watches those it gets. One cluster is a set of
//! followers ([`follow`]) that feed one index ([`index`]), whose changes a writer ([`writer`]) puts into the
//! database; whoever decides is told the workloads that were touched. [`verdicts`] turns time in good health
//! into verified revisions.
//!
//! **Invariant:** only the holder of a cluster's lease writes what is seen in it, and every transaction says
//! under which epoch. A cluster that does not answer changes no fact about its workloads; it is only blind.

mod cluster;
mod follow;
mod index;
mod logs;
mod objects;
mod releases;
mod sight;
mod surrounding;
mod trouble;
pub mod verdicts;
mod writer;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::catalog::Stored;
use domain::clusters::Cluster;
use domain::ids::{ClusterId, WorkloadId};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use store::watching::Lease;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::writer::Lost;
use super::{World, signals};

/// How long a cluster is without a watcher when its own died.
const LEASE: TimeDelta = TimeDelta::seconds(6);
const RENEW: Duration = Duration::from_secs(2);

/// Without a word from the catalog it is read again, in case the word was lost.
const CATALOG: Duration = Duration::from_secs(30);

const VERDICTS: Duration = Duration::from_secs(2);

/// What the watch uses: the world, and who it is among those that hold leases.
#[derive(Clone, Debug)]
struct Watch {
    world: World,
    holder: Uuid,
}

impl Watch {
    fn db(&self) -> &PgPool {
        &self.world.db
    }

    fn now(&self) -> DateTime<Utc> {
        self.world.now()
    }

    fn hand_on(&self, workloads: impl IntoIterator<Item = WorkloadId>) {
        for workload in workloads {
            // Nobody need be listening.
            drop(self.world.facts.send(workload));
        }
    }
}

/// What a watch was begun for: the version of the cluster, and where Helm's Secrets are read.
type Described = (i32, Vec<String>);

/// Watches every cluster of the catalog, as it changes, until it is told to stop.
pub async fn run(world: World) {
    let stop = world.stop.clone();
    let watch = Watch { world, holder: Uuid::from_u128(rand::random()) };
    let mut tasks = JoinSet::new();
    tasks.spawn(judge(watch.clone(), stop.clone()));
    let mut watched = HashMap::new();
    while !stop.is_cancelled() {
        let followed = follow_catalog(&watch, &stop, &mut watched, &mut tasks).await;
        if let Err(error) = followed {
            tracing::warn!("the watch waits for the database: {error:#}");
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = stop.cancelled() => {}
            }
        }
    }
    // The leases are given back, so that the next process need not wait for their end.
    while tasks.join_next().await.is_some() {}
}

async fn follow_catalog(
    watch: &Watch,
    stop: &CancellationToken,
    watched: &mut HashMap<ClusterId, (Described, CancellationToken)>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    // Listens before it reads, so that nothing is missed between the two.
    let mut catalog = PgListener::connect_with(watch.db()).await?;
    catalog.listen("catalog").await?;
    loop {
        let mut clusters = Vec::new();
        for it in store::clusters::list(watch.db()).await? {
            // A policy may switch a namespace on or off, which is no new version of the cluster.
            let helm = store::clusters::helm_namespaces(watch.db(), it.id).await?;
            clusters.push(((it.version, helm), it));
        }
        watched.retain(|id, (described, cancel)| {
            let stays = clusters.iter().any(|(now, it)| it.id == *id && now == described);
            if !stays {
                cancel.cancel();
            }
            stays
        });
        for (described, it) in clusters {
            if let Entry::Vacant(place) = watched.entry(it.id) {
                let cancel = stop.child_token();
                place.insert((described, cancel.clone()));
                tasks.spawn(hold(watch.clone(), it, cancel));
            }
        }
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            changed = catalog.recv() => drop(changed?),
            () = tokio::time::sleep(CATALOG) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// Tries to get the lease of a cluster, and watches it while it is held.
async fn hold(watch: Watch, cluster: Stored<ClusterId, Cluster>, cancel: CancellationToken) {
    while !cancel.is_cancelled() {
        let expires = watch.now() + LEASE;
        let now = watch.now();
        match store::watching::claim(watch.db(), cluster.id, watch.holder, now, expires).await {
            Ok(Some(lease)) => {
                watch_under(&watch, lease, &cluster, &cancel).await;
                // Somebody else may take it now; if we are to go on, we ask as anybody would.
                let released = store::watching::release(watch.db(), lease, watch.now()).await;
                if let Err(error) = released {
                    tracing::warn!(cluster = cluster.name, "a lease was not given back: {error:#}");
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(
                    cluster = cluster.name,
                    "the watch waits for the database: {error:#}"
                );
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RENEW) => {}
            () = cancel.cancelled() => {}
        }
    }
}

async fn watch_under(
    watch: &Watch,
    lease: Lease,
    cluster: &Stored<ClusterId, Cluster>,
    cancel: &CancellationToken,
) {
    tracing::info!(cluster = cluster.name, epoch = lease.epoch, "watching");
    tokio::select! {
        ended = cluster::watch(watch, lease, &cluster.entry) => {
            if let Err(error) = ended {
                tracing::warn!(cluster = cluster.name, "the watch begins anew: {error:#}");
            }
        }
        () = renew(watch, lease) => {
            tracing::warn!(cluster = cluster.name, "{Lost}");
        }
        () = signals::run(&watch.world, &cluster.entry) => {}
        () = cancel.cancelled() => {}
    }
}

/// Until the lease is lost. A database that is gone for a while loses nothing: who takes the lease meanwhile
/// would have to reach it too.
async fn renew(watch: &Watch, lease: Lease) {
    loop {
        tokio::time::sleep(RENEW).await;
        let expires = watch.now() + LEASE;
        match store::watching::renew(watch.db(), lease, expires).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!("a lease was not renewed: {error:#}"),
        }
    }
}

/// Gives verdicts as time goes by. Every process does; the second finds nothing left to say.
async fn judge(watch: Watch, stop: CancellationToken) {
    let mut pruned = watch.now();
    while !stop.is_cancelled() {
        if let Err(error) = verdicts::tick(watch.db(), watch.now()).await {
            tracing::warn!("verdicts wait for the database: {error:#}");
        }
        let hour_ago = watch.now() - TimeDelta::hours(1);
        if pruned <= hour_ago {
            pruned = watch.now();
            if let Err(error) = store::configs::prune(watch.db(), hour_ago).await {
                tracing::warn!("old contents of ConfigMaps stay: {error:#}");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(VERDICTS) => {}
            () = stop.cancelled() => {}
        }
    }
}
