//! Watches one cluster for as long as the lease on it is held.

use std::time::Duration;

use anyhow::Context as _;
use domain::clusters::Cluster;
use domain::watching::{SightState, Trouble};
use domain::workloads::WorkloadKind;
use kube::Client;
use store::watching::Lease;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::follow::{Resource, Told, follow};
use super::index::{Batch, Index, Kind};
use super::objects::{Object, Release, Rollout, Secret};
use super::releases::Releases;
use super::sight::Sight;
use super::surrounding::Around;
use super::writer::{Lost, Writer};
use super::{Watch, logs};
use crate::adapters::helm;

/// Changes that come together are written together.
const LINGER: Duration = Duration::from_millis(4);

/// Rows of one transaction.
const ROWS: usize = 500;

/// What waits to be taken in; the API server waits when it is full.
const WAITING: usize = 2_048;

/// Until the lease is lost or the future is dropped.
///
/// # Errors
/// [`Lost`], or what keeps the database from writing.
pub(crate) async fn watch(watch: &Watch, lease: Lease, cluster: &Cluster) -> anyhow::Result<()> {
    let mut seen = Seen { watch, lease, told: None };
    // Nobody has looked for a while: what was known may not be so any more.
    seen.tell(SightState::Connecting, Vec::new()).await?;
    let client = loop {
        match watch.world.clusters.connect(cluster).await {
            Ok(client) => break client,
            Err(error) => {
                let trouble = Trouble::Kubeconfig { detail: error.to_string() };
                seen.tell(SightState::Blind, vec![trouble]).await?;
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    };

    let once_ready = store::pods::ever_ready(watch.db(), lease.cluster).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let mut followers = JoinSet::new();
    let helm = store::clusters::helm_namespaces(watch.db(), lease.cluster).await?;
    let resources = resources(cluster, &helm);
    let key = &watch.world.helm.key;
    for (number, resource) in resources.iter().enumerate() {
        start(&mut followers, client.clone(), resource.clone(), number, sender.clone(), key);
    }
    // What may be wrong around workloads is waited for: without it a release would be blamed for what it is not.
    let essential = |it: &Resource| {
        !matches!(it.kind, Kind::Event | Kind::Node | Kind::Workload(WorkloadKind::Rollout))
    };
    let watcher = Watcher {
        watch,
        client,
        sight: Sight::new(resources.iter().map(essential)),
        resources,
        index: Index::new(once_ready),
        releases: Releases::default(),
        writer: Writer::new(watch.db().clone(), lease),
        seen,
        sender,
        logs: logs::Logs::default(),
        begun: false,
    };
    watcher.run(receiver).await
}

struct Watcher<'a> {
    watch: &'a Watch,
    client: Client,
    resources: Vec<Resource>,
    sight: Sight,
    index: Index,
    releases: Releases,
    writer: Writer,
    seen: Seen<'a>,
    /// For what is read beside the watches.
    sender: mpsc::Sender<(usize, Told)>,
    logs: logs::Logs,
    /// The first state was written whole; from here on changes are.
    begun: bool,
}

impl Watcher<'_> {
    async fn run(mut self, mut receiver: mpsc::Receiver<(usize, Told)>) -> anyhow::Result<()> {
        let mut told = Vec::with_capacity(WAITING);
        let mut write_at: Option<Instant> = None;
        loop {
            let due = write_at.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                biased;
                () = sleep_until(due), if write_at.is_some() => {
                    self.write().await?;
                    write_at = self.has_changes().then(Instant::now);
                }
                // The sender that we hold ourselves keeps it open.
                _ = receiver.recv_many(&mut told, WAITING) => {
                    for (follower, it) in told.drain(..) {
                        self.hear(follower, it);
                    }
                    self.look().await?;
                    if self.begun && self.has_changes() && write_at.is_none() {
                        write_at = Some(Instant::now() + LINGER);
                    }
                }
            }
        }
    }

    fn has_changes(&self) -> bool {
        self.index.has_changes() || self.releases.has_changes()
    }

    fn hear(&mut self, follower: usize, told: Told) {
        match told {
            Told::Applied(Object::Release(it)) => self.releases.apply(*it),
            Told::Deleted(Object::Release(it)) => self.releases.delete(&it.metadata.uid),
            Told::Applied(object) => self.index.apply(object, self.watch.now()),
            Told::Deleted(object) => self.index.delete(&object),
            Told::Listed(uids) => {
                self.sight.listed(follower);
                if let Some(it) = self.resources.get(follower) {
                    self.index.replace(it.kind, it.namespace.as_deref(), &uids);
                    if let (Kind::Release, Some(namespace)) = (it.kind, &it.namespace) {
                        self.releases.replace(namespace, &uids);
                    }
                }
            }
            Told::Fine => self.sight.fine(follower),
            Told::Troubled(trouble) => self.sight.troubled(follower, trouble),
        }
    }

    /// Says how well the cluster is seen; writes everything when that is known for the first time.
    async fn look(&mut self) -> anyhow::Result<()> {
        if !self.begun && self.sight.complete() {
            while self.has_changes() {
                self.write().await?;
            }
            let keys: Vec<_> = self.index.keys().collect();
            let pods: Vec<_> = self.index.pod_uids().map(str::to_owned).collect();
            let around: Vec<_> = self.index.surroundings().collect();
            let secrets: Vec<_> = self.releases.uids().map(str::to_owned).collect();
            let now = self.watch.now();
            let gone = self.writer.write_all_gone(&keys, &pods, &around, &secrets, now).await?;
            self.watch.hand_on(gone);
            self.begun = true;
        }
        let (state, troubles) = self.sight.state();
        // Connected is said only when what was seen is in the database.
        let state =
            if state.is_connected() && !self.begun { SightState::Connecting } else { state };
        let troubles = if state == SightState::Connecting { Vec::new() } else { troubles };
        self.seen.tell(state, troubles).await
    }

    async fn write(&mut self) -> anyhow::Result<()> {
        let batch = self.index.take(ROWS);
        self.read_configs(&batch);
        if !batch.is_empty() {
            self.write_until_done(&batch).await?;
        }
        self.write_releases().await?;
        for it in batch.went_bad {
            if let Some(workload) = self.writer.id(&it.key) {
                self.logs.fetch(self.watch, self.client.clone(), workload, it);
            }
        }
        Ok(())
    }

    /// The database may be gone for a while: nothing is forgotten meanwhile, and the cluster waits.
    async fn write_until_done(&mut self, batch: &Batch) -> anyhow::Result<()> {
        let mut pause = Duration::from_millis(50);
        loop {
            let error = match self.writer.write(batch, self.watch.now()).await {
                Ok(touched) => {
                    self.watch.hand_on(touched);
                    return Ok(());
                }
                Err(error) if error.is::<Lost>() => return Err(error),
                Err(error) => error,
            };
            if is_about_the_rows(&error) {
                tracing::error!("what the watch saw does not fit the tables: {error:#}");
                return self.write_apart(batch).await;
            }
            tracing::warn!("the watch waits for the database: {error:#}");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// After the workloads, so that those of a release are known.
    async fn write_releases(&mut self) -> anyhow::Result<()> {
        let (seen, gone) = self.releases.take();
        if seen.is_empty() && gone.is_empty() {
            return Ok(());
        }
        loop {
            match self.writer.write_releases(&seen, &gone, self.watch.now()).await {
                Ok(touched) => {
                    self.watch.hand_on(touched);
                    return Ok(());
                }
                Err(error) if error.is::<Lost>() => return Err(error),
                Err(error) if is_about_the_rows(&error) => {
                    tracing::error!("releases that do not fit the tables are left out: {error:#}");
                    return Ok(());
                }
                Err(error) => tracing::warn!("the watch waits for the database: {error:#}"),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// One workload at a time, so that one that does not fit hides no other.
    async fn write_apart(&mut self, batch: &Batch) -> anyhow::Result<()> {
        for (name, part) in batch.apart() {
            match self.writer.write(&part, self.watch.now()).await {
                Ok(touched) => self.watch.hand_on(touched),
                Err(error) if is_about_the_rows(&error) => {
                    tracing::error!(workload = name, "left out: {error:#}");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Contents that passed by before anybody referred to them.
    fn read_configs(&self, batch: &Batch) {
        for (namespace, name) in &batch.wanted {
            let path = Resource { namespace: Some(namespace.clone()), ..config_maps() }.path();
            let request = kube::core::Request::new(path);
            let (client, sender, name) = (self.client.clone(), self.sender.clone(), name.clone());
            tokio::spawn(async move {
                let read = async {
                    let request = request.get(&name, &kube::api::GetParams::default())?;
                    anyhow::Ok(client.request(request).await?)
                };
                match tokio::time::timeout(Duration::from_secs(10), read).await {
                    Ok(Ok(it)) => {
                        let told = Told::Applied(Object::ConfigMap(it));
                        // A number that no follower has: this says nothing about any of them.
                        drop(sender.send((usize::MAX, told)).await);
                    }
                    Ok(Err(error)) => tracing::warn!(name, "a ConfigMap cannot be read: {error:#}"),
                    Err(_) => tracing::warn!(name, "a ConfigMap was not answered in 10 s"),
                }
            });
        }
    }
}

/// How well the cluster is seen, as it stands in the database.
struct Seen<'a> {
    watch: &'a Watch,
    lease: Lease,
    told: Option<(SightState, Vec<Trouble>)>,
}

impl Seen<'_> {
    async fn tell(&mut self, state: SightState, troubles: Vec<Trouble>) -> anyhow::Result<()> {
        if self.told.as_ref().is_some_and(|it| it.0 == state && it.1 == troubles) {
            return Ok(());
        }
        let mut tx = self.watch.db().begin().await?;
        anyhow::ensure!(store::watching::holds(&mut tx, self.lease).await?, Lost);
        let (cluster, now) = (self.lease.cluster, self.watch.now());
        store::watching::see(&mut tx, cluster, state, &troubles, now).await.context("sight")?;
        tx.commit().await?;
        self.told = Some((state, troubles));
        Ok(())
    }
}

/// Data that the tables refuse, as against a database that is not there.
fn is_about_the_rows(error: &anyhow::Error) -> bool {
    let database = error.chain().find_map(|it| it.downcast_ref::<sqlx::Error>());
    let code = database.and_then(sqlx::Error::as_database_error).and_then(|it| it.code());
    // Data exceptions and broken constraints.
    code.is_some_and(|it| it.starts_with("22") || it.starts_with("23"))
}

fn config_maps() -> Resource {
    Resource {
        kind: Kind::ConfigMap,
        group: "/api/v1",
        plural: "configmaps",
        namespace: None,
        only: None,
    }
}

/// Everything that is followed. Nodes have no namespace; of Secrets only those of Helm releases, and only where that is
/// switched on.
fn resources(cluster: &Cluster, helm: &[String]) -> Vec<Resource> {
    let namespaces: Vec<Option<String>> = match cluster.namespaces.as_slice() {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    };
    let apps = "/apis/apps/v1";
    let core = "/api/v1";
    let namespaced = [
        (Kind::Workload(WorkloadKind::Deployment), apps, "deployments"),
        (Kind::Workload(WorkloadKind::StatefulSet), apps, "statefulsets"),
        (Kind::Workload(WorkloadKind::DaemonSet), apps, "daemonsets"),
        (Kind::Workload(WorkloadKind::Rollout), "/apis/argoproj.io/v1alpha1", "rollouts"),
        (Kind::ReplicaSet, apps, "replicasets"),
        (Kind::ControllerRevision, apps, "controllerrevisions"),
        (Kind::ConfigMap, core, "configmaps"),
        (Kind::Pod, core, "pods"),
        (Kind::Event, core, "events"),
        (Kind::Around(Around::Autoscaler), "/apis/autoscaling/v2", "horizontalpodautoscalers"),
        (Kind::Around(Around::NetworkPolicy), "/apis/networking.k8s.io/v1", "networkpolicies"),
        (Kind::Around(Around::Certificate), "/apis/cert-manager.io/v1", "certificates"),
    ];
    let mut resources = vec![Resource {
        kind: Kind::Node,
        group: core,
        plural: "nodes",
        namespace: None,
        only: None,
    }];
    for namespace in namespaces {
        resources.extend(namespaced.map(|(kind, group, plural)| Resource {
            kind,
            group,
            plural,
            namespace: namespace.clone(),
            only: None,
        }));
    }
    resources.extend(helm.iter().filter(|it| cluster.watches(it)).map(|it| Resource {
        kind: Kind::Release,
        group: core,
        plural: "secrets",
        namespace: Some(it.clone()),
        only: Some("type=helm.sh/release.v1"),
    }));
    resources
}

fn start(
    followers: &mut JoinSet<()>,
    client: Client,
    resource: Resource,
    number: usize,
    sender: mpsc::Sender<(usize, Told)>,
    key: &helm::Key,
) {
    match resource.kind {
        Kind::Workload(kind @ WorkloadKind::Rollout) => {
            let object = move |it: Rollout| Object::Workload(kind, it.0);
            followers.spawn(follow(client, resource, object, number, sender))
        }
        Kind::Workload(kind) => {
            let object = move |it| Object::Workload(kind, it);
            followers.spawn(follow(client, resource, object, number, sender))
        }
        Kind::ReplicaSet => {
            followers.spawn(follow(client, resource, Object::ReplicaSet, number, sender))
        }
        Kind::ControllerRevision => {
            followers.spawn(follow(client, resource, Object::ControllerRevision, number, sender))
        }
        Kind::Pod => followers.spawn(follow(client, resource, Object::Pod, number, sender)),
        Kind::ConfigMap => {
            followers.spawn(follow(client, resource, Object::ConfigMap, number, sender))
        }
        Kind::Node => followers.spawn(follow(client, resource, Object::Node, number, sender)),
        Kind::Event => followers.spawn(follow(client, resource, Object::Event, number, sender)),
        Kind::Around(around) => {
            let object = move |it| Object::Around(around, it);
            followers.spawn(follow(client, resource, object, number, sender))
        }
        Kind::Release => {
            let key = key.clone();
            let object = move |it: Box<Secret>| Object::Release(Box::new(Release::of(&key, *it)));
            followers.spawn(follow(client, resource, object, number, sender))
        }
    };
}
