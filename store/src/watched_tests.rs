//! What the watch writes, round by round.

use chrono::{DateTime, TimeDelta, Utc};
use domain::alerts::{Report, Source, State};
use domain::canonical::{self, Digest};
use domain::ids::{ClusterId, ServiceId, WorkloadId};
use domain::pods::BadReason;
use domain::revisions::{Contents, RevisionVerdict};
use domain::watching::SightState;
use domain::workloads::{Event, Key, Update, UpdateBy, WorkloadKind};
use serde_json::json;
use sqlx::PgPool;

use crate::revisions::{Body, Seen};
use crate::{Of, alerts, configs, events, pods, revisions, watching, workloads};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn observed(template: &str, config: &str, healthy: bool) -> workloads::Observed {
    workloads::Observed {
        key: Key { namespace: "shop".into(), kind: WorkloadKind::Deployment, name: "web".into() },
        uid: "u1".into(),
        owner: "none",
        owner_name: None,
        paused: false,
        replicas: 1,
        ready: 1,
        updated: 1,
        rollout: if healthy { "settled" } else { "progressing" },
        rollout_reason: None,
        update_strategy: Update { by: UpdateBy::RollingUpdate, partition: 0, ordered: false },
        last_applied: false,
        live_revision: 1,
        live_digest: digest(template),
        live_config_digest: digest(config),
        live_images: vec![],
        canary: None,
        conditions: vec![],
        shape: domain::readiness::Shape::default(),
        healthy,
        present: vec![digest(template)],
    }
}

fn seen(revision: i64, template: &str, config: &str, live: bool) -> Seen {
    Seen {
        revision,
        digest: digest(template),
        config_digest: digest(config),
        live,
        rolled_out: live,
        images: Some(vec![]),
        body: Some(Body {
            template: json!({"of": template}),
            annotations: Default::default(),
            change_cause: None,
            created_at: at(0),
        }),
        fixed: None,
        configs: Default::default(),
    }
}

struct Shop {
    db: PgPool,
    cluster: ClusterId,
    service: ServiceId,
    workload: WorkloadId,
}

impl Shop {
    async fn new(db: PgPool) -> Self {
        let mut tx = db.begin().await.unwrap();
        let cluster =
            serde_json::from_value(json!({"name": "lab", "kubeconfig": "/none"})).unwrap();
        let cluster = crate::clusters::save(&mut tx, &cluster, at(0)).await.unwrap();
        let service = serde_json::from_value(json!({"name": "shop", "workloads": [
            {"cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": "web"}
        ]}));
        let service = crate::services::save(&mut tx, &service.unwrap(), at(0)).await.unwrap();
        let first = observed("t1", "c1", true);
        let ids = workloads::observe(&mut tx, cluster, &[&first], at(1)).await.unwrap();
        tx.commit().await.unwrap();
        Self { db, cluster, service, workload: ids[0].1 }
    }

    async fn observe(&self, it: &workloads::Observed, second: i64) -> Option<DateTime<Utc>> {
        let mut tx = self.db.begin().await.unwrap();
        workloads::observe(&mut tx, self.cluster, &[it], at(second)).await.unwrap();
        tx.commit().await.unwrap();
        workloads::get(&self.db, self.workload).await.unwrap().healthy_since
    }

    async fn see(&self, rows: &[Seen], second: i64) -> Vec<(i64, Digest, Digest, bool)> {
        let rows = rows.iter().cloned().map(|row| Of { workload_id: self.workload, row });
        let rows: Vec<_> = rows.collect();
        let mut tx = self.db.begin().await.unwrap();
        revisions::observe(&mut tx, &rows, at(second)).await.unwrap();
        tx.commit().await.unwrap();
        let all = revisions::of(&self.db, self.workload).await.unwrap().into_iter();
        all.map(|it| (it.revision, it.digest, it.config_digest, it.config_current)).collect()
    }

    async fn pod(&self, bad: Option<i64>, ready: bool) -> (bool, Option<DateTime<Utc>>) {
        let row = pods::Observed {
            uid: "p1".into(),
            name: "web-1".into(),
            node: String::new(),
            digest: Some(digest("t1")),
            phase: "Running".into(),
            ready,
            ever_ready: ready,
            terminating: false,
            restarts: 0,
            bad_reason: bad.map(|_| BadReason::CrashLoop),
            bad_message: bad.map(|_| String::new()),
            bad_container: None,
            bad_exit_code: None,
            bad_since: bad.map(at),
            created_at: at(0),
        };
        let mut tx = self.db.begin().await.unwrap();
        let rows = [Of { workload_id: self.workload, row }];
        pods::observe(&mut tx, self.cluster, &rows).await.unwrap();
        tx.commit().await.unwrap();
        let pod = pods::of(&self.db, self.workload).await.unwrap().remove(0);
        (pod.ever_ready, pod.bad.map(|it| it.since))
    }

    async fn under_observation(&self) -> Vec<DateTime<Utc>> {
        let all = revisions::under_observation(&self.db).await.unwrap();
        all.into_iter().map(|it| it.healthy_since).collect()
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn health_is_counted_from_its_beginning_and_anew_for_each_revision(db: PgPool) {
    let shop = Shop::new(db).await;
    for (template, config, healthy, second, since) in [
        ("t1", "c1", true, 5, Some(1)),
        ("t1", "c1", false, 6, None),
        ("t1", "c1", true, 7, Some(7)),
        ("t1", "c2", true, 8, Some(8)),
        ("t2", "c2", true, 9, Some(9)),
    ] {
        let row = observed(template, config, healthy);
        assert_eq!(shop.observe(&row, second).await, since.map(at), "{second}");
    }
    let recreated = workloads::Observed { uid: "u2".into(), ..observed("t2", "c2", true) };
    assert_eq!(shop.observe(&recreated, 10).await, Some(at(10)));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_revision_is_a_template_with_a_configuration(db: PgPool) {
    let shop = Shop::new(db).await;
    let row =
        |revision, template, config, current| (revision, digest(template), digest(config), current);
    let first = shop.see(&[seen(1, "t1", "c1", true)], 1).await;
    assert_eq!(first, [row(1, "t1", "c1", true)]);
    // The body is written once; another configuration takes it over.
    let without = |it: Seen| Seen { body: None, images: None, ..it };
    let second = shop.see(&[without(seen(1, "t1", "c2", true))], 2).await;
    assert_eq!(second, [row(1, "t1", "c2", true), row(1, "t1", "c1", false)]);
    // What is not live gets no row for ConfigMaps that it never ran with.
    let rows = [seen(2, "t2", "c3", true), without(seen(1, "t1", "c3", false))];
    let third = shop.see(&rows, 3).await;
    let expected = [row(2, "t2", "c3", true), row(1, "t1", "c2", false), row(1, "t1", "c1", false)];
    assert_eq!(third, expected);
    // An undo renumbers the template, and goes back to what it ran with if the ConfigMaps do.
    let fourth = shop.see(&[without(seen(3, "t1", "c1", true))], 4).await;
    let expected = [row(3, "t1", "c1", true), row(3, "t1", "c2", false), row(2, "t2", "c3", true)];
    assert_eq!(fourth, expected);

    let mut tx = shop.db.begin().await.unwrap();
    let kept = observed("t1", "c1", true);
    revisions::prune(&mut tx, shop.cluster, &[&kept]).await.unwrap();
    tx.commit().await.unwrap();
    let all = revisions::of(&shop.db, shop.workload).await.unwrap();
    assert_eq!(all.iter().map(|it| it.present).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(all[2].template, json!({"of": "t2"}), "the template of what was pruned is kept");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_known_of_a_pod_stays_known(db: PgPool) {
    let shop = Shop::new(db).await;
    for (bad, ready, expected) in [
        (None, true, (true, None)),
        (Some(5), false, (true, Some(5))),
        // After a restart of ours the onset is that of the first sample still.
        (Some(9), false, (true, Some(5))),
        (None, false, (true, None)),
        (Some(12), false, (true, Some(12))),
    ] {
        let expected = (expected.0, expected.1.map(at));
        assert_eq!(shop.pod(bad, ready).await, expected, "{bad:?}");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_revision_is_observed_while_nothing_speaks_against_it(db: PgPool) {
    let shop = Shop::new(db).await;
    shop.see(&[seen(1, "t1", "c1", true)], 2).await;
    let see = async |state, second| {
        let mut tx = shop.db.begin().await.unwrap();
        watching::see(&mut tx, shop.cluster, state, &[], at(second)).await.unwrap();
        tx.commit().await.unwrap();
    };
    assert!(shop.under_observation().await.is_empty(), "nobody has looked at the cluster");
    see(SightState::Connected, 4).await;
    assert_eq!(shop.under_observation().await, [at(4)], "since it is seen");
    see(SightState::Connecting, 5).await;
    assert!(shop.under_observation().await.is_empty());
    see(SightState::Connected, 6).await;
    shop.pod(Some(7), false).await;
    assert!(shop.under_observation().await.is_empty(), "a pod is bad");
    shop.pod(None, true).await;
    assert_eq!(shop.under_observation().await, [at(6)]);

    // Only what may open a rollback speaks against it, and until it ends.
    for (name, counts) in [("Unknown", false), ("PodCrashLoop", true)] {
        let report = Report {
            key: digest(name),
            name: name.into(),
            labels: Default::default(),
            annotations: Default::default(),
            state: State::Firing,
            starts_at: at(8),
            ends_at: None,
        };
        let placed = alerts::Placed {
            report,
            service: Some(shop.service),
            workload: None,
            onset_at: None,
            value: None,
        };
        let mut tx = shop.db.begin().await.unwrap();
        alerts::fire(&mut tx, &[placed], Source::Webhook, at(8)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(shop.under_observation().await.is_empty(), counts, "{name}");
    }
    sqlx::query!("UPDATE alerts SET state = 'resolved', ends_at = $1", at(20))
        .execute(&shop.db)
        .await
        .unwrap();
    assert_eq!(shop.under_observation().await, [at(20)]);

    let id = revisions::of(&shop.db, shop.workload).await.unwrap()[0].id;
    let mut tx = shop.db.begin().await.unwrap();
    assert!(revisions::verify(&mut tx, id, at(99)).await.unwrap());
    assert!(!revisions::verify(&mut tx, id, at(100)).await.unwrap());
    revisions::mark(&mut tx, id, RevisionVerdict::Bad, Some("why"), at(101)).await.unwrap();
    assert!(!revisions::verify(&mut tx, id, at(102)).await.unwrap(), "what is bad stays bad");
    tx.commit().await.unwrap();
    assert!(shop.under_observation().await.is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn events_and_contents_are_kept_within_bounds(db: PgPool) {
    let shop = Shop::new(db).await;
    let event = |n: i64| Of {
        workload_id: shop.workload,
        row: Event {
            uid: format!("e{n}"),
            object: "Pod/web-1".into(),
            warning: true,
            reason: "BackOff".into(),
            message: String::new(),
            count: 1,
            first_at: at(n),
            last_at: at(n),
        },
    };
    let mut tx = shop.db.begin().await.unwrap();
    let all: Vec<_> = (0..150).map(event).collect();
    events::observe(&mut tx, &all).await.unwrap();
    let kept = events::of(&mut *tx, shop.workload, 1000).await.unwrap();
    assert_eq!((kept.len() as i64, &*kept[0].uid), (events::KEPT, "e149"));

    let contents = |value: &str| Contents {
        data: [("a".to_owned(), value.to_owned())].into(),
        ..Contents::default()
    };
    let [used, unused] = ["1", "2"].map(contents);
    let rows =
        [&used, &unused].map(|it| configs::Observed { digest: it.digest(), contents: it.clone() });
    configs::observe(&mut tx, &rows, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let with =
        Seen { configs: [("env".to_owned(), used.digest())].into(), ..seen(1, "t1", "c1", true) };
    shop.see(&[with], 2).await;
    assert_eq!(configs::prune(&shop.db, at(1)).await.unwrap(), 0, "seen too lately");
    assert_eq!(configs::prune(&shop.db, at(2)).await.unwrap(), 1);
    assert_eq!(configs::get(&shop.db, &used.digest()).await.unwrap(), used);
    let revision = revisions::of(&shop.db, shop.workload).await.unwrap()[0].id;
    let kept = revisions::configs(&shop.db, revision).await.unwrap();
    assert_eq!(kept["env"]["data"]["a"], "1");
    assert_ne!(canonical::digest(&kept["env"]), unused.digest());
}
