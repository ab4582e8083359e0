//! The watch from end to end: the same story told to the pretend cluster and to the real one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::changes::{ChangeKind, Part};
use domain::clusters::Cluster;
use domain::ids::WorkloadId;
use domain::pods::BadReason;
use domain::revisions::RevisionVerdict;
use domain::services::{WorkloadKind, WorkloadRef};
use domain::watching::{Sight, SightState, Trouble};
use domain::workloads::{Rollout, Workload};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use server::adapters::kubernetes::Clusters;
use server::clock;
use server::sim::{Effect, Fault, Options};
use server::workers::World;
use server::workers::watch::verdicts;
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::proxy::Proxy;

const DEADLINE: Duration = Duration::from_secs(20);

/// A cluster, and a way to it that can be cut.
struct Place {
    admin: Client,
    namespace: String,
    proxy: Proxy,
    /// What the watch is given: through the proxy, with no more rights than we ship.
    kubeconfig: String,
}

/// A watch that runs, and what it wrote.
struct Watching {
    db: PgPool,
    facts: broadcast::Receiver<WorkloadId>,
    _end: DropGuard,
    files: Arc<TempDir>,
}

impl Watching {
    async fn start(db: PgPool, kubeconfig: &str, namespace: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("kubeconfig");
        std::fs::write(&path, kubeconfig).unwrap();
        save_cluster(&db, &path, namespace).await;
        Self::begin(db, Arc::new(files))
    }

    /// Another process beside this one.
    fn join(&self) -> Self {
        Self::begin(self.db.clone(), self.files.clone())
    }

    fn begin(db: PgPool, files: Arc<TempDir>) -> Self {
        let stop = CancellationToken::new();
        let clusters = Clusters::new(db.clone(), |_| None, None);
        let http = server::adapters::http::client().unwrap();
        let world = World::new(db.clone(), clusters, http, chrono_tz::UTC, stop.clone());
        let facts = world.facts.subscribe();
        tokio::spawn(server::workers::watch::run(world));
        Self { db, facts, _end: stop.drop_guard(), files }
    }

    async fn sight(&self) -> Sight {
        store::watching::sights(&self.db).await.unwrap().remove(0)
    }

    async fn sees(&self, state: SightState) -> Sight {
        eventually(&format!("{state:?}"), async || {
            let sight = self.sight().await;
            (sight.state == state).then_some(sight)
        })
        .await
    }

    /// The workload as soon as it fits, woken by what the watch hands on.
    async fn workload(
        &mut self,
        reference: &WorkloadRef,
        fits: impl Fn(&Workload) -> bool,
    ) -> Workload {
        let wait = async {
            loop {
                let found = store::workloads::find(&self.db, reference).await.unwrap();
                if let Some(found) = found.filter(|it| fits(it)) {
                    return found;
                }
                self.facts.recv().await.unwrap();
            }
        };
        let found = tokio::time::timeout(DEADLINE, wait).await;
        match found {
            Ok(found) => found,
            Err(_) => {
                let last = store::workloads::find(&self.db, reference).await.unwrap();
                panic!("{reference} did not become what it should: {last:#?}")
            }
        }
    }
}

async fn save_cluster(db: &PgPool, kubeconfig: &Path, namespace: &str) {
    let cluster = Cluster {
        name: "lab".into(),
        kubeconfig: kubeconfig.to_str().unwrap().into(),
        context: None,
        prometheus: None,
        namespaces: vec![namespace.into()],
        protected_namespaces: vec![],
        helm_namespaces: vec![],
        helm_kubeconfig: None,
    };
    let mut tx = db.begin().await.unwrap();
    store::clusters::save(&mut tx, &cluster, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("not seen: {what}"))
}

fn web(image: &str) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{
                "name": "web", "image": image, "envFrom": [{"configMapRef": {"name": "env"}}]
            }]}}}
    }))
    .unwrap()
}

fn db() -> StatefulSet {
    serde_json::from_value(json!({
        "metadata": {"name": "db", "labels": {"app": "db"}},
        "spec": {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"containers": [{"name": "db", "image": "shop/db:1"}]}}}
    }))
    .unwrap()
}

fn env(value: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": "env"}, "data": {"A": value}})).unwrap()
}

async fn set_image(place: &Place, image: &str) {
    let deployments: Api<Deployment> = Api::namespaced(place.admin.clone(), &place.namespace);
    let container = json!([{"name": "web", "image": image}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": container}}}});
    deployments.patch("web", &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
}

impl Place {
    fn reference(&self, kind: WorkloadKind, name: &str) -> WorkloadRef {
        let namespace = self.namespace.clone();
        WorkloadRef { cluster: "lab".into(), namespace, kind, name: name.into() }
    }
}

/// From the first deployment to the deletion, with everything that a cluster does to its watchers.
async fn story(pool: PgPool, place: Place) {
    let configs: Api<ConfigMap> = Api::namespaced(place.admin.clone(), &place.namespace);
    let deployments: Api<Deployment> = Api::namespaced(place.admin.clone(), &place.namespace);
    let sets: Api<StatefulSet> = Api::namespaced(place.admin.clone(), &place.namespace);
    configs.create(&PostParams::default(), &env("1")).await.unwrap();
    deployments.create(&PostParams::default(), &web("shop/web:1")).await.unwrap();

    let mut watching = Watching::start(pool.clone(), &place.kubeconfig, &place.namespace).await;
    let reference = place.reference(WorkloadKind::Deployment, "web");
    let first = watching.workload(&reference, |it| it.healthy_since.is_some()).await;
    assert_eq!((first.live.revision, first.rollout.clone()), (1, Rollout::Settled));
    assert!(first.live.images[0].image_id.is_some(), "{:?}", first.live.images);
    watching.sees(SightState::Connected).await;

    // What came after the watch began, of another kind.
    sets.create(&PostParams::default(), &db()).await.unwrap();
    let database = place.reference(WorkloadKind::StatefulSet, "db");
    let database = watching.workload(&database, |it| it.healthy_since.is_some()).await;
    assert_eq!(database.live.revision, 1);
    let pods = store::pods::of(&pool, database.id).await.unwrap();
    assert_eq!(pods[0].digest.as_ref(), Some(&database.live.digest));

    // A revision is verified when it was healthy for as long as the policy asks, and not before.
    let connected = watching.sees(SightState::Connected).await.since;
    let since = first.healthy_since.unwrap().max(connected);
    let verdict = async || {
        let all = store::revisions::with_digest(&pool, first.id, &first.live.digest).await.unwrap();
        all[0].verdict
    };
    verdicts::tick(&pool, since + TimeDelta::seconds(890)).await.unwrap();
    assert_eq!(verdict().await, RevisionVerdict::Unknown);
    verdicts::tick(&pool, since + TimeDelta::seconds(930)).await.unwrap();
    assert_eq!(verdict().await, RevisionVerdict::Verified);

    // A bad image: the pod is seen crashing, and why.
    set_image(&place, "shop/web:2-bad").await;
    let bad = eventually("a crash", async || {
        let pods = store::pods::of(&pool, first.id).await.unwrap();
        pods.into_iter()
            .find(|it| it.bad.as_ref().is_some_and(|it| it.reason == BadReason::CrashLoop))
    })
    .await;
    let live = watching.workload(&reference, |it| it.live.revision == 2).await;
    assert_eq!(live.rollout, Rollout::Progressing);
    assert_eq!(live.healthy_since, None);
    assert_eq!(bad.digest.as_ref(), Some(&live.live.digest));
    assert_eq!(bad.bad.unwrap().exit_code, Some(1));
    assert!(!bad.ever_ready && !bad.node.is_empty());
    let changes = store::changes::of_workload(&pool, first.id, 10).await.unwrap();
    assert_eq!((changes[0].kind, changes[0].material), (ChangeKind::Template, true));
    assert_eq!((changes[0].items[0].part, changes.len()), (Part::Image, 1), "{changes:#?}");
    eventually("the last words, or why there are none", async || {
        let logs = store::pods::logs(&pool, first.id, 10).await.unwrap();
        logs.into_iter().find(|it| it.pod == bad.name)
    })
    .await;

    // The connection breaks while things go on; nothing is missed, nothing is said about health.
    place.proxy.refuse();
    let blind = watching.sees(SightState::Blind).await;
    assert!(matches!(blind.troubles[..], [Trouble::Unreachable { .. }]), "{blind:?}");
    set_image(&place, "shop/web:3").await;
    place.proxy.accept();
    watching.sees(SightState::Connected).await;
    let third = watching.workload(&reference, |it| it.healthy_since.is_some()).await;
    assert_eq!(third.live.revision, 3);
    place.proxy.cut();

    // Other contents under the same template are another revision.
    let patch = Patch::Merge(json!({"data": {"A": "2"}}));
    configs.patch("env", &PatchParams::default(), &patch).await.unwrap();
    let moved = third.live.config_digest.clone();
    let fourth = watching.workload(&reference, |it| it.live.config_digest != moved).await;
    assert_eq!(fourth.live.digest, third.live.digest);
    let pair = store::revisions::with_digest(&pool, first.id, &fourth.live.digest).await.unwrap();
    let current: Vec<_> = pair.iter().map(|it| (it.revision, it.config_current)).collect();
    assert_eq!(current, [(3, true), (3, false)]);
    for (revision, value) in [(&pair[0], "2"), (&pair[1], "1")] {
        let configs = store::revisions::configs(&pool, revision.id).await.unwrap();
        assert_eq!(configs["env"]["data"]["A"], value, "contents are kept for each");
    }
    let changes = store::changes::of_workload(&pool, first.id, 10).await.unwrap();
    assert_eq!((changes[0].kind, changes[0].material), (ChangeKind::Config, true));

    // What is deleted is gone, and its history stays.
    deployments.delete("web", &DeleteParams::background()).await.unwrap();
    let gone = watching.workload(&reference, |it| it.gone_at.is_some()).await;
    let history = store::revisions::of(&pool, gone.id).await.unwrap();
    let history: Vec<_> = history.iter().map(|it| (it.revision, it.present)).collect();
    assert_eq!(history, [(3, false), (3, false), (2, false), (1, false)]);
    eventually("no pods of it", async || {
        store::pods::of(&pool, gone.id).await.unwrap().is_empty().then_some(())
    })
    .await;
}

async fn sim(options: Options) -> (server::sim::Cluster, Place) {
    let options = Options { namespaces: vec!["shop".into()], ..options };
    let cluster = server::sim::Cluster::start(options).await.unwrap();
    let address = cluster.url().strip_prefix("http://").unwrap().to_owned();
    let proxy = Proxy::start(address.parse().unwrap()).await;
    let kubeconfig = cluster.kubeconfig().replace(&address, &proxy.address.to_string());
    let admin = client(&cluster.kubeconfig()).await;
    (cluster, Place { admin, namespace: "shop".into(), proxy, kubeconfig })
}

async fn client(kubeconfig: &str) -> Client {
    let config = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    Client::try_from(Config::from_custom_kubeconfig(config, &options).await.unwrap()).unwrap()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn on_the_pretend_cluster(pool: PgPool) {
    let (_cluster, place) = sim(Options::default()).await;
    story(pool, place).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn on_the_real_cluster(pool: PgPool) {
    let real = crate::proxy::Real::find();
    let namespace = format!("watch-{:08x}", rand::random::<u32>());
    let admin = client(&real.admin).await;
    let made: Namespace = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
    let namespaces: Api<Namespace> = Api::all(admin.clone());
    namespaces.create(&PostParams::default(), &made).await.unwrap();

    // Before the role is granted: it is said which verbs are missing, and nothing is taken for gone.
    let proxy = Proxy::start(real.server).await;
    let port = format!(":{}", real.server.port());
    let kubeconfig = real.lifeboat.replace(&port, &format!(":{}", proxy.address.port()));
    {
        let watching = Watching::start(pool.clone(), &kubeconfig, &namespace).await;
        let partial = watching.sees(SightState::Partial).await;
        let missing = |resource: &str, group: &str| Trouble::Forbidden {
            verb: "watch".into(),
            resource: resource.into(),
            group: group.into(),
            namespace: Some(namespace.clone()),
        };
        for it in [missing("pods", ""), missing("deployments", "apps")] {
            assert!(partial.troubles.contains(&it), "{partial:#?}");
        }
        real.grant(&namespace);
        watching.sees(SightState::Connected).await;
    }
    story(pool, Place { admin, namespace: namespace.clone(), proxy, kubeconfig }).await;
    namespaces.delete(&namespace, &DeleteParams::default()).await.unwrap();
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_history_that_was_forgotten_is_read_anew(pool: PgPool) {
    let (cluster, place) = sim(Options::default()).await;
    let deployments: Api<Deployment> = Api::namespaced(place.admin.clone(), &place.namespace);
    deployments.create(&PostParams::default(), &web("shop/web:1")).await.unwrap();
    let mut watching = Watching::start(pool.clone(), &place.kubeconfig, &place.namespace).await;
    let reference = place.reference(WorkloadKind::Deployment, "web");
    watching.workload(&reference, |it| it.healthy_since.is_some()).await;

    // While nobody listens the Deployment goes and another comes; of the way there nothing is left.
    place.proxy.refuse();
    watching.sees(SightState::Blind).await;
    deployments.delete("web", &DeleteParams::background()).await.unwrap();
    cluster.settle().await;
    let other: Deployment = {
        let mut it = web("shop/other:1");
        it.metadata.name = Some("other".into());
        it
    };
    deployments.create(&PostParams::default(), &other).await.unwrap();
    cluster.settle().await;
    cluster.compact();
    place.proxy.accept();

    let other = place.reference(WorkloadKind::Deployment, "other");
    watching.workload(&other, |it| it.healthy_since.is_some()).await;
    watching.workload(&reference, |it| it.gone_at.is_some()).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_wrong_is_said_and_ends_by_itself(pool: PgPool) {
    let (cluster, place) = sim(Options::default()).await;
    cluster.inject(Fault::new(Effect::Unauthorized));
    let watching = Watching::start(pool.clone(), &place.kubeconfig, &place.namespace).await;
    let blind = watching.sees(SightState::Blind).await;
    assert_eq!(blind.troubles, [Trouble::Unauthorized]);
    cluster.heal();
    watching.sees(SightState::Connected).await;

    cluster.inject(Fault::new(Effect::Forbidden).verb("watch").resource("pods"));
    cluster.cut_watches(Some("pods"));
    let partial = watching.sees(SightState::Partial).await;
    let missing = Trouble::Forbidden {
        verb: "watch".into(),
        resource: "pods".into(),
        group: String::new(),
        namespace: Some("shop".into()),
    };
    assert_eq!(partial.troubles, [missing]);
    cluster.heal();
    watching.sees(SightState::Connected).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_watch_that_always_ends_at_once_is_not_stormed(pool: PgPool) {
    let (cluster, place) = sim(Options::default()).await;
    let watching = Watching::start(pool.clone(), &place.kubeconfig, &place.namespace).await;
    watching.sees(SightState::Connected).await;
    let before = cluster.count("watch", "pods");
    let until = tokio::time::Instant::now() + Duration::from_secs(2);
    while tokio::time::Instant::now() < until {
        cluster.cut_watches(None);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let opened = cluster.count("watch", "pods") - before;
    assert!((1..=8).contains(&opened), "{opened} times in two seconds");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_process_watches_and_another_takes_over(pool: PgPool) {
    let (_cluster, place) = sim(Options::default()).await;
    let deployments: Api<Deployment> = Api::namespaced(place.admin.clone(), &place.namespace);
    let first = Watching::start(pool.clone(), &place.kubeconfig, &place.namespace).await;
    first.sees(SightState::Connected).await;
    let lease = async || {
        sqlx::query_as::<_, (Uuid, i64)>("SELECT holder, epoch FROM watch_leases")
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    let (holder, epoch) = lease().await;
    let mut second = first.join();
    drop(first);
    eventually("another holder", async || {
        let (now, later) = lease().await;
        (now != holder && later > epoch).then_some(())
    })
    .await;
    deployments.create(&PostParams::default(), &web("shop/web:1")).await.unwrap();
    let reference = place.reference(WorkloadKind::Deployment, "web");
    second.workload(&reference, |it| it.healthy_since.is_some()).await;
}
