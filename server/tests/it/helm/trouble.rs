//! What goes wrong with helm: stuck and failed releases, hooks, and the program itself.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use domain::releases::Status;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::kit::{Shop, Version, Which, version};
use crate::story::state;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_stuck_upgrade_is_recovered_with_helm_3(owner: PgPool) {
    stuck(owner, Which::Three).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_stuck_upgrade_is_recovered_with_helm_4(owner: PgPool) {
    stuck(owner, Which::Four).await;
}

/// The helm that upgraded was killed: nobody may upgrade any more, and rolling back is the documented remedy. Nothing
/// of it happens by itself, because from outside a dead helm looks as one that waits.
async fn stuck(owner: PgPool, which: Which) {
    let shop = Shop::open(owner, which, "auto", "release").await;
    shop.good().await;
    shop.in_place(1).await;
    let chart = shop.kit.chart(&version(2, "2-bad"));
    let mut waiting = shop.kit.command(&["upgrade", "shop", &chart, "--wait", "--timeout=300s"]);
    let mut waiting = waiting.spawn().unwrap();
    let pending = |it: &domain::releases::Release| {
        it.current().is_some_and(|it| it.status == Status::PendingUpgrade)
    };
    shop.release("pending", pending).await;
    let asked = shop.story.rollback("asked", state("awaiting_approval")).await;
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    shop.kit.run(&["upgrade", "shop", &chart]).await.unwrap_err();
    let decision =
        shop.story.get(&format!("/decisions/{}", asked["decision"].as_str().unwrap())).await;
    let target = rule(&decision, "target");
    assert_eq!(decision["outcome"], "human", "{decision:#}");
    assert_eq!(target["verdict"], "unknown", "{target}");

    shop.approve(&asked).await;
    shop.story.rollback("carried out", state("verifying")).await;
    shop.in_place(3).await;
    assert_eq!(shop.story.image().await, "api:1");
    shop.kit.deploy(&version(3, "3")).await.unwrap();
}

fn rule(decision: &Value, name: &str) -> Value {
    let rules = decision["rules"].as_array().unwrap();
    rules.iter().find(|it| it["name"] == name).unwrap().clone()
}

/// Helm itself would take the one before, which failed.
#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_failed_revision_is_passed_over(owner: PgPool) {
    let shop = Shop::open(owner, Which::Three, "auto", "release").await;
    shop.good().await;
    let refused = Version { worker: "1\n        imagePullPolicy: Sometimes", ..version(2, "1") };
    shop.kit.deploy(&refused).await.unwrap_err();
    shop.kit.deploy(&version(3, "3-bad")).await.unwrap();
    let verifying = shop.story.rollback("carried out", state("verifying")).await;
    assert_eq!(verifying["target"]["revision"], 1, "{verifying:#}");
    let newest = shop.kit.history().await.pop().unwrap();
    assert_eq!(newest["description"], "Rollback to 1");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn hooks_that_start_jobs_are_for_a_person(owner: PgPool) {
    let shop = Shop::open(owner, Which::Four, "auto", "release").await;
    shop.kit.deploy(&Version { hook: Some("pre-rollback"), ..version(1, "1") }).await.unwrap();
    shop.verified("1").await;
    shop.in_place(1).await;
    shop.kit.deploy(&version(2, "2-bad")).await.unwrap();
    let asked = shop.story.rollback("asked", state("awaiting_approval")).await;
    let decision =
        shop.story.get(&format!("/decisions/{}", asked["decision"].as_str().unwrap())).await;
    assert_eq!(rule(&decision, "target")["verdict"], "unknown", "{decision:#}");
    let page = format!("/rollbacks/{}", asked["number"].as_str().unwrap());
    let page = shop.story.door.get(&page, shop.story.browser()).await.body;
    assert!(page.contains("Job/migrate"), "the hooks are listed");
    shop.approve(&asked).await;
    shop.story.rollback("carried out", state("verifying")).await;
    assert_eq!(shop.story.image().await, "api:1");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_moved_since_the_approval_is_left_alone(owner: PgPool) {
    let shop = Shop::open(owner, Which::Four, "off", "workload").await;
    shop.good().await;
    shop.kit.deploy(&version(2, "2")).await.unwrap();
    shop.in_place(2).await;
    let asked = shop.ask(1).await.json();
    shop.kit.deploy(&version(3, "3")).await.unwrap();
    shop.approve(&asked).await;
    let over = shop.story.rollback("over", |it| it["ended_at"] != Value::Null).await;
    assert_eq!(over["state"], "superseded", "{over:#}");
    assert_eq!(shop.kit.history().await.len(), 3, "helm was not called");
}

/// A program in the place of helm.
fn program(kit: &std::path::Path, script: &str) -> PathBuf {
    let file = kit.join("helm-in-trouble");
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

/// The run fails and says why, and the release is as it was.
async fn fails(owner: PgPool, program: PathBuf, deadline_s: u32) -> (Shop, Value) {
    let shop = Shop::with_program(owner, Which::Four, "off", "workload", &program).await;
    shop.good().await;
    shop.kit.deploy(&version(2, "2")).await.unwrap();
    let release = shop.in_place(2).await;
    let plan = release.plan(1).unwrap();
    let mut steps = plan.steps().to_vec();
    steps[0].deadline_s = deadline_s;
    let plan = domain::plans::Plan::on(steps, vec![], plan.objects().to_vec());
    let lab = &shop.story.lab;
    let run = lab.asked_for(plan).await;
    lab.approve(&run).await;
    lab.execute(run.id).await;
    // One of the workers may have been sooner.
    let run = shop
        .story
        .eventually("the run has ended", async || {
            let run = shop.story.get(&format!("/runs/{}", run.id)).await;
            (run["state"] != "running" && run["state"] != "approved").then_some(run)
        })
        .await;
    assert_eq!(run["state"], "failed", "{run:#}");
    assert_eq!(shop.kit.history().await.len(), 2);
    let step = run["steps"][0].clone();
    (shop, step)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn without_the_program_it_says_what_to_do(owner: PgPool) {
    let (_shop, step) = fails(owner, "/nowhere/helm".into(), 60).await;
    let said = step["message"].as_str().unwrap();
    assert!(said.contains("/nowhere/helm") && said.contains("LIFEBOAT_HELM"), "{said}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_helm_complains_of_is_told_without_secrets(owner: PgPool) {
    let folder = tempfile::tempdir().unwrap();
    let script =
        "echo 'Error: Invalid value: \"c2VjcmV0LXBhc3N3b3JkLTEyMzQ1Njc4OTA=\"' >&2; exit 3";
    let (_shop, step) = fails(owner, program(folder.path(), script), 60).await;
    let said = step["message"].as_str().unwrap();
    assert!(said.contains("(3)") && said.contains("Invalid value"), "{said}");
    assert!(!said.contains("c2VjcmV0"), "{said}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn at_the_deadline_it_is_ended_with_all_that_it_started(owner: PgPool) {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; wait", pid.display());
    let begun = Instant::now();
    let (_shop, step) = fails(owner, program(folder.path(), &script), 3).await;
    let said = step["message"].as_str().unwrap();
    assert!(said.contains("did not end within"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    let child = std::fs::read_to_string(pid).unwrap();
    let alive = || {
        // A process that nobody has waited for has no command line.
        let line = std::fs::read(format!("/proc/{}/cmdline", child.trim())).unwrap_or_default();
        !line.is_empty()
    };
    for _ in 0..100 {
        if !alive() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{child} lives on");
}

/// Nothing is read where it is not switched on, and whoever asks is told where to switch it on.
#[sqlx::test(migrator = "store::MIGRATOR")]
async fn secrets_are_read_only_where_that_is_on(owner: PgPool) {
    let shop = Shop::open(owner, Which::Three, "off", "workload").await;
    shop.good().await;
    shop.in_place(1).await;
    let lab = &shop.story.lab;
    let mut tx = lab.world.db.begin().await.unwrap();
    let stored = store::clusters::by_name(&mut *tx, "lab").await.unwrap().entry;
    let off = domain::clusters::Cluster { helm_namespaces: vec![], ..stored };
    store::clusters::save(&mut tx, &off, server::clock::now()).await.unwrap();
    tx.commit().await.unwrap();
    shop.story
        .eventually("forgotten", async || {
            let sql = "SELECT count(*) FROM releases";
            let left: i64 = sqlx::query_scalar(sql).fetch_one(&lab.world.db).await.unwrap();
            (left == 0).then_some(())
        })
        .await;
    let refused = shop.ask(1).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body.contains("helm_namespaces"), "{}", refused.body);
    // A policy that goes by releases switches it on too.
    let mut policy = crate::story::policy("off");
    policy["strategy"] = json!("release");
    let policy = serde_json::from_value(policy).unwrap();
    let mut tx = lab.world.db.begin().await.unwrap();
    store::policies::save(&mut tx, &policy, server::clock::now()).await.unwrap();
    tx.commit().await.unwrap();
    shop.in_place(1).await;
}
