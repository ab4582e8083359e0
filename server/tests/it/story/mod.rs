//! The whole story, told to the pretend cluster and to the real one: a bad image, the decision, the approval, the
//! rollback, the verification, and what the ledger says of it afterwards.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::StatusCode;
use domain::access::{Role, Scope};
use domain::policies::Policy;
use domain::signals::Signal;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use server::audit::{Key, verify};
use server::clock;
use server::workers::{self, detector, drills, sealer, verifier};
use sqlx::PgPool;
use tokio_util::sync::DropGuard;

use crate::proxy::Real;
use crate::runs::Lab;
use crate::world::{self, World};

mod codes;

const PATIENCE: Duration = Duration::from_secs(30);

/// Everything runs: watch, detector, executor, verifier, and the front door.
pub(crate) struct Story {
    pub(crate) lab: Lab,
    pub(crate) door: World,
    /// An engineer with every right that an engineer has, and a program that reads.
    pub(crate) engineer: String,
    /// The cookie of the engineer's browser.
    pub(crate) browser: String,
    pub(crate) second: String,
    /// The token of whoever sends alerts, without `Bearer`.
    pub(crate) sender: String,
    _end: DropGuard,
}

impl Story {
    pub(crate) async fn begin(owner: PgPool, lab: Lab, policy: Value) -> Self {
        let door = World::new(owner).await;
        let policy: Policy = serde_json::from_value(policy).unwrap();
        let mut tx = lab.world.db.begin().await.unwrap();
        store::policies::save(&mut tx, &policy, clock::now()).await.unwrap();
        tx.commit().await.unwrap();
        let (engineer, browser) = door.sign_in("engineer", Role::Sre).await;
        let (second, _) = door.sign_in("second", Role::Sre).await;
        let scopes = [
            Scope::Read,
            Scope::Approve,
            Scope::RollbacksRequest,
            Scope::Rails,
            Scope::IncidentsWrite,
            Scope::AlertsWrite,
        ];
        let engineer = format!("Bearer {}", door.token("e", Some(engineer), &scopes).await);
        let second = format!("Bearer {}", door.token("s", Some(second), &scopes).await);

        let end = lab.world.stop.clone().drop_guard();
        tokio::spawn(workers::watch::run(lab.world.clone()));
        for worker in [
            tokio::spawn(detector::run(lab.world.clone())),
            tokio::spawn(verifier::run(lab.world.clone())),
            tokio::spawn(drills::run(lab.world.clone())),
            tokio::spawn(workers::objects::run(lab.world.clone())),
            tokio::spawn(workers::run(lab.world.clone())),
        ] {
            drop(worker);
        }
        let sender = door.token("alertmanager", None, &[Scope::AlertsWrite]).await;
        Self { lab, door, engineer, browser, second, sender, _end: end }
    }

    /// The cookie of the engineer's browser.
    pub(crate) fn browser(&self) -> &str {
        &self.browser
    }

    pub(crate) async fn pretend(owner: PgPool, policy: Value) -> (Self, server::sim::Cluster) {
        let (lab, cluster) = Lab::pretend(owner.clone()).await;
        (Self::begin(owner, lab, policy).await, cluster)
    }

    /// Version 1 is verified by its observation window, then version 2 crashes.
    pub(crate) async fn bad_release(&self) {
        self.lab.deploy("api", &["app:1"]).await;
        self.verified("app:1").await;
        self.lab.set_image("api", "app:2-bad").await;
    }

    /// One version is verified, then another follows that starts as well as the first.
    pub(crate) async fn release(&self, old: &str, new: &str) {
        self.lab.deploy("api", &[old]).await;
        self.verified(old).await;
        self.lab.set_image("api", new).await;
        self.lab
            .until("api", |it| {
                it["status"]["updatedReplicas"] == 2 && it["status"]["readyReplicas"] == 2
            })
            .await;
    }

    /// The cluster is measured by this Prometheus.
    pub(crate) async fn prometheus(&self, url: &str) {
        let stored = store::clusters::by_name(&self.lab.world.db, "lab").await.unwrap().entry;
        let measured = domain::clusters::Cluster { prometheus: Some(url.to_owned()), ..stored };
        let mut tx = self.lab.world.db.begin().await.unwrap();
        store::clusters::save(&mut tx, &measured, clock::now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn verified(&self, image: &str) {
        self.eventually(&format!("{image} verified"), async || {
            let page = self.get("/revisions?service=api").await;
            let mut all = page["items"].as_array().cloned().unwrap_or_default().into_iter();
            all.find(|it| it["verdict"] == "verified" && it["images"][0]["image"] == image)
        })
        .await;
    }

    /// The newest rollback, once this holds of it.
    pub(crate) async fn rollback(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.eventually(what, async || {
            let page = self.get("/rollbacks?service=api").await;
            let newest = page["items"].get(0).cloned()?;
            fits(&newest).then_some(newest)
        })
        .await
    }

    /// An engineer ticks what no machine can see of a rollback that is being verified, and it closes.
    pub(crate) async fn ticked_off(&self, verifying: &Value) -> Value {
        let items = verifying["verification"]["checklist"].as_array().unwrap().iter();
        let items: Vec<Value> = items.map(|it| json!({"name": it["name"], "done": true})).collect();
        let path = format!("/rollbacks/{}/checklist", verifying["id"].as_str().unwrap());
        let ticked = self.post(&path, &self.engineer, json!({"items": items})).await;
        assert_eq!(ticked.status, 200, "{}", ticked.body);
        self.rollback("closed", state("closed")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.door.call("GET", path, &self.engineer, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    pub(crate) async fn post(&self, path: &str, who: &str, body: Value) -> world::Answer {
        self.door.call("POST", path, who, body).await
    }

    pub(crate) async fn eventually<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(found) => found,
            Err(_) => {
                let rollbacks = self.get("/rollbacks").await;
                let decisions = self.get("/decisions?limit=1").await;
                panic!("not seen: {what}\n{rollbacks:#}\n{decisions:#}")
            }
        }
    }

    /// The front door on an address of its own, for senders outside.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = self.door.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        address
    }

    /// A signal of the catalog.
    pub(crate) async fn signal(&self, signal: Value) {
        let signal: Signal = serde_json::from_value(signal).unwrap();
        let mut tx = self.lab.world.db.begin().await.unwrap();
        store::signals::save(&mut tx, &signal, clock::now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A built-in signal with other members.
    pub(crate) async fn restate(&self, name: &str, members: Value) {
        let mut signal = json!({"name": name, "severity": "critical", "limit": 0});
        for (member, value) in members.as_object().unwrap() {
            signal[member] = value.clone();
        }
        self.signal(signal).await;
    }

    /// The watch has seen a pod crash.
    pub(crate) async fn crashing(&self) {
        self.eventually("crashing", async || {
            let alerts = self.get("/alerts?service=api&state=firing").await;
            alerts["items"].as_array().is_some_and(|it| !it.is_empty()).then_some(())
        })
        .await;
    }

    /// Both of a pair have been heard: the webhook was called more often than there are alerts.
    pub(crate) async fn told_by_both(&self) {
        self.eventually("told twice", async || {
            let entries = self.get("/audit?action=receive_alert&limit=100").await;
            (entries["items"].as_array()?.len() >= 2).then_some(())
        })
        .await;
    }

    /// What anybody who has the token can claim of the service.
    pub(crate) async fn send_alert(&self) -> world::Answer {
        let alert = json!({"version": "4", "alerts": [{"status": "firing", "startsAt": clock::now(),
            "labels": {"alertname": "HighErrorRate", "namespace": "shop", "deployment": "api", "severity": "critical"}}]});
        let sender = format!("Bearer {}", self.sender);
        self.post("/alerts", &sender, alert).await
    }

    /// Every entry is in the chain and the chain is whole.
    pub(crate) async fn sealed_and_sound(&self) {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::load_or_create(folder.path()).unwrap();
        while sealer::seal(&self.door.db, &key, clock::now()).await.unwrap() {}
        let public_key = folder.path().join("audit-key.pub.pem");
        let report = verify(&self.door.db, &public_key).await.unwrap();
        assert!(report.ok && report.checked > 0, "{report:?}");
    }

    pub(crate) async fn image(&self) -> String {
        self.lab.image("api").await
    }
}

/// Short windows: nobody watches a test for ten minutes.
pub(crate) fn policy(mode: &str) -> Value {
    json!({"name": "default", "mode": mode, "observation_s": 1,
        "gates": {"clean_before_s": 0}, "rails": {"cooldown_s": 1}})
}

/// Changes of Deployments that took effect.
pub(crate) fn patches(cluster: &server::sim::Cluster) -> usize {
    let acts = |it: &server::sim::Seen| {
        it.verb == "patch"
            && it.resource == "deployments.apps"
            && !it.is_dry_run()
            && it.status() == Some(200)
    };
    cluster.requests().iter().filter(|it| acts(it)).count()
}

pub(crate) fn state(name: &str) -> impl Fn(&Value) -> bool {
    move |it| it["state"] == name
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_bad_release_goes_back_by_itself(owner: PgPool) {
    let (story, cluster) = Story::pretend(owner, policy("auto")).await;
    by_itself(&story).await;
    assert_eq!(patches(&cluster), 2, "the bad release, and one way back");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_bad_release_goes_back_by_itself_on_a_real_cluster(owner: PgPool) {
    let (kubeconfig, namespace) = real().await;
    let lab = Lab::on(owner.clone(), kubeconfig, &namespace).await;
    let story = Story::begin(owner, lab, policy("auto")).await;
    by_itself(&story).await;
}

pub(crate) async fn by_itself(story: &Story) {
    story.bad_release().await;
    let verifying = story.rollback("carried out", state("verifying")).await;
    assert_eq!(story.image().await, "app:1");
    assert_eq!(verifying["approvals"][0]["kind"], "policy");
    assert_eq!(verifying["target"]["images"][0]["image"], "app:1");
    assert_eq!(verifying["from"]["images"][0]["image"], "app:2-bad");
    let closed = story.ticked_off(&verifying).await;
    assert_eq!(closed["state_reason"], "verified");
    assert_eq!(closed["success"], true);
    for split in ["detect_s", "decide_s", "approve_s", "execute_s", "verify_s"] {
        assert!(closed["times"][split].as_f64().is_some_and(|it| it >= 0.0), "{split}: {closed:#}");
    }
    let decision = story.get(&format!("/decisions/{}", closed["decision"].as_str().unwrap())).await;
    assert_eq!(decision["outcome"], "automatic", "{decision:#}");
    assert_eq!(decision["disposition"], "execute");

    // The version that was left is bad, and nobody goes back to it.
    let revisions = story.get("/revisions?service=api").await;
    let left = revisions["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["images"][0]["image"] == "app:2-bad");
    assert_eq!(left.unwrap()["verdict"], "bad");
    let alerts = story.get("/alerts?service=api&state=firing").await;
    assert_eq!(alerts["items"], json!([]), "the alert has ended");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_person_approves_what_nobody_else_may_carry_out(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("suggest")).await;
    story.bad_release().await;
    let waiting = story.rollback("asked", state("awaiting_approval")).await;
    assert_eq!(story.image().await, "app:2-bad", "nothing happens unasked");

    let path = format!("/rollbacks/{}/approvals", waiting["number"].as_str().unwrap());
    let consent =
        |digest: &Value| json!({"plan_digest": digest, "decision": "approve", "reason": ""});
    let digest = &waiting["plan"]["digest"];
    let other = json!("sha256:0000000000000000000000000000000000000000000000000000000000000000");
    let moved = story.post(&path, &story.engineer, consent(&other)).await;
    assert_eq!(moved.status, 409, "{}", moved.body);
    let machine =
        format!("Bearer {}", story.door.token("ci", None, &[Scope::RollbacksRequest]).await);
    assert_eq!(story.post(&path, &machine, consent(digest)).await.status, 403);
    let approved = story.post(&path, &story.engineer, consent(digest)).await;
    assert_eq!(approved.status, 201, "{}", approved.body);
    let spent = story.post(&path, &story.second, consent(digest)).await;
    assert_eq!(spent.status, 409, "{}", spent.body);

    let verifying = story.rollback("carried out", state("verifying")).await;
    assert_eq!(verifying["approvals"][0]["by"], "engineer");
    assert_eq!(story.image().await, "app:1");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_kubectl_applied_goes_stale_and_who_approves_is_told(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("suggest")).await;
    story.lab.deploy("api", &["app:1"]).await;
    story.verified("app:1").await;
    let applied = json!({"kubectl.kubernetes.io/last-applied-configuration": "{}"});
    story.lab.patch("api", json!({"metadata": {"annotations": applied}})).await;
    story.lab.set_image("api", "app:2-bad").await;
    let waiting = story.rollback("asked", state("awaiting_approval")).await;
    let page = format!("/rollbacks/{}", waiting["number"].as_str().unwrap());
    let page = story.door.get(&page, story.browser()).await.body;
    assert!(page.contains("last-applied 注解将过时"), "{page}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn nobody_approves_their_own_request(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("off")).await;
    story.lab.deploy("api", &["app:1"]).await;
    story.verified("app:1").await;
    story.lab.set_image("api", "app:2").await;
    story.verified("app:2").await;
    let wish = json!({"service": "api", "reason_kind": "security", "reason": "CVE",
        "target": {"workload": {"kind": "Deployment", "name": "api"}, "revision": 1}});
    let asked = story.post("/rollbacks", &story.engineer, wish.clone()).await;
    assert_eq!(asked.status, 201, "{}", asked.body);
    let asked = asked.json();
    let again = story.post("/rollbacks", &story.second, wish).await;
    assert_eq!(again.status, 409, "one open rollback per workload: {}", again.body);

    let path = format!("/rollbacks/{}/approvals", asked["id"].as_str().unwrap());
    let consent = json!({"plan_digest": asked["plan"]["digest"], "decision": "approve"});
    assert_eq!(story.post(&path, &story.engineer, consent.clone()).await.status, 403);
    assert_eq!(story.post(&path, &story.second, consent).await.status, 201);
    story.rollback("carried out", state("verifying")).await;
    assert_eq!(
        story.image().await,
        "app:1",
        "a mode stops automation, never a person's own request"
    );
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_kill_switch_stops_automation_and_is_lifted_by_another(owner: PgPool) {
    let (story, cluster) = Story::pretend(owner, policy("auto")).await;
    let switch = |on| json!({"on": on, "reason": "storm"});
    let path = "/kill-switches/services/api";
    let on = story.door.call("PUT", path, &story.engineer, switch(true)).await;
    assert_eq!(on.status, 200, "{}", on.body);
    story.bad_release().await;
    story.rollback("asked", state("awaiting_approval")).await;
    assert_eq!(patches(&cluster), 1, "only the release itself");

    let own = story.door.call("PUT", path, &story.engineer, switch(false)).await;
    assert_eq!(own.status, 403, "{}", own.body);
    let lifted = story.door.call("PUT", path, &story.second, switch(false)).await;
    assert_eq!(lifted.status, 200, "{}", lifted.body);
    let done = story.rollback("carried out", state("verifying")).await;
    assert_eq!(done["approvals"][0]["kind"], "policy", "the same plan, once the switch is off");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_forged_alert_is_a_question_and_never_an_act(owner: PgPool) {
    let (story, cluster) = Story::pretend(owner, policy("auto")).await;
    story.lab.deploy("api", &["app:1"]).await;
    story.verified("app:1").await;
    story.lab.set_image("api", "app:2").await;
    story.verified("app:2").await;
    let before = patches(&cluster);
    let received = story.send_alert().await;
    assert_eq!(received.status, 202, "{}", received.body);
    assert_eq!(received.json()["new"], 1);
    let decision = story
        .eventually("decided", async || {
            story.get("/decisions?service=api").await["items"].get(0).cloned()
        })
        .await;
    assert_ne!(decision["disposition"], "execute", "{decision:#}");
    assert_eq!(decision["outcome"], "human", "{decision:#}");
    assert_eq!(patches(&cluster), before);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_question_that_expired_is_asked_again_and_can_still_be_answered(owner: PgPool) {
    let mut policy = policy("suggest");
    policy["approvals"] = json!({"count": 1, "roles": ["sre"], "expires_s": 3, "escalate_s": [1]});
    let (story, _cluster) = Story::pretend(owner, policy).await;
    story.bad_release().await;
    let first = story.rollback("asked", state("awaiting_approval")).await;
    let again = story
        .rollback("asked again", |it| it["id"] != first["id"] && it["state"] == "awaiting_approval")
        .await;
    assert_eq!(again["follows"], first["id"], "{again:#}");
    let expired = story.get(&format!("/rollbacks/{}", first["number"].as_str().unwrap())).await;
    assert_eq!(expired["state"], "expired");

    // The answer to the first question is no answer to the second.
    let consent = json!({"plan_digest": first["plan"]["digest"], "decision": "approve"});
    let approve = async |it: &Value| {
        let path = format!("/rollbacks/{}/approvals", it["number"].as_str().unwrap());
        story.post(&path, &story.engineer, consent.clone()).await
    };
    let late = approve(&first).await;
    assert_eq!(
        (late.status, late.json()["type"].as_str()),
        (StatusCode::CONFLICT, Some("https://lifeboat.dev/problems/expired"))
    );
    let given = approve(&again).await;
    assert_eq!(given.status, StatusCode::CREATED, "{}", given.body);
    story.rollback("carried out", state("verifying")).await;
    assert_eq!(story.image().await, "app:1");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_moved_is_said_in_words(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("suggest")).await;
    story.bad_release().await;
    let waiting = story.rollback("asked", state("awaiting_approval")).await;
    story.lab.set_image("api", "app:3").await;
    let path = format!("/rollbacks/{}/approvals", waiting["number"].as_str().unwrap());
    let consent = json!({"plan_digest": waiting["plan"]["digest"], "decision": "approve"});
    story.post(&path, &story.engineer, consent).await;
    // Either the signal had gone by then, or the executor found another template than was approved.
    let over = story.rollback("over", |it| it["ended_at"] != Value::Null).await;
    assert!(["superseded", "withdrawn"].contains(&over["state"].as_str().unwrap()), "{over:#}");
    assert!(!over["state_reason"].as_str().unwrap().is_empty());
    assert_eq!(story.image().await, "app:3", "nothing was undone");
}

/// A namespace of our own on the real cluster, and a way to it.
pub(crate) async fn real() -> (PathBuf, String) {
    let real = Real::find();
    let kubeconfig = real.dir.join("admin.kubeconfig");
    let config = Kubeconfig::read_from(&kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
    let client = kube::Client::try_from(config.unwrap()).unwrap();
    let name = format!("story-{:08x}", rand::random::<u32>());
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    Api::all(client).create(&PostParams::default(), &namespace).await.unwrap();
    (kubeconfig, name)
}
