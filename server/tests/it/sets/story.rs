//! A bad release of a set, from the crash to the closed rollback: by itself where the controller brings the template to
//! every pod, and asked of a person where somebody holds pods back.

use domain::services::{Service, WorkloadKind};
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use super::{Set, deleted, on_delete, partition, real_lab};
use crate::runs::Lab;
use crate::story::{Story, policy, state};

/// The service `api` is this set from now on.
async fn begin(owner: PgPool, lab: Lab, kind: WorkloadKind) -> Story {
    let mut tx = lab.world.db.begin().await.unwrap();
    let service: Service = serde_json::from_value(json!({
        "name": "api", "team": "platform", "policy": "default", "workloads": [
            {"cluster": "lab", "namespace": lab.namespace, "kind": kind.as_str(), "name": "api"}],
    }))
    .unwrap();
    store::services::save(&mut tx, &service, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
    Story::begin(owner, lab, policy("auto")).await
}

async fn pretend(owner: PgPool, kind: WorkloadKind) -> (Story, server::sim::Cluster) {
    let (lab, cluster) = Lab::pretend(owner.clone()).await;
    (begin(owner, lab, kind).await, cluster)
}

async fn real(owner: PgPool, kind: WorkloadKind) -> Story {
    begin(owner.clone(), real_lab(owner).await, kind).await
}

async fn by_itself(story: &Story, kind: WorkloadKind) {
    let set = Set::new(&story.lab, kind, "api");
    set.create("app:1", json!({})).await;
    story.verified("app:1").await;
    set.set_image("app:2-bad").await;
    let verifying = story.rollback("carried out", state("verifying")).await;
    assert_eq!(set.image().await, "app:1");
    set.settled().await;
    assert_eq!(verifying["approvals"][0]["kind"], "policy", "{verifying:#}");
    assert_eq!(verifying["from"]["images"][0]["image"], "app:2-bad");
    let run = run_of(story, &verifying).await;
    assert_eq!(run["steps"][0]["message"], "back at revision 1", "{run:#}");
    if kind == WorkloadKind::StatefulSet {
        let message = run["steps"][1]["message"].as_str().unwrap();
        assert!(message.starts_with("deleted api-2 (revision 2)"), "{message}");
    }
    let closed = story.ticked_off(&verifying).await;
    assert_eq!(closed["state_reason"], "verified", "{closed:#}");
}

async fn run_of(story: &Story, rollback: &Value) -> Value {
    story.get(&format!("/runs/{}", rollback["run"].as_str().unwrap())).await
}

/// Who holds pods back by hand is asked; and then the same steps lead back.
async fn asked(story: &Story, kind: WorkloadKind, spec: Value, by_hand: bool, warning: &str) {
    let set = Set::new(&story.lab, kind, "api");
    set.create("app:1", json!({})).await;
    story.verified("app:1").await;
    set.patch(json!({"spec": spec})).await;
    set.set_image("app:2-bad").await;
    if by_hand {
        let pods = set.api("Pod").await.list(&Default::default()).await.unwrap();
        set.delete_pod(&pods.items[0].metadata.name.clone().unwrap()).await;
    }
    let waiting = story.rollback("asked", state("awaiting_approval")).await;
    let decision = format!("/decisions/{}", waiting["decision"].as_str().unwrap());
    let decision = story.get(&decision).await;
    assert_eq!((&decision["outcome"], &decision["disposition"]), (&json!("human"), &json!("ask")));
    let against = decision["rules"].as_array().unwrap().iter();
    let against: Vec<_> = against
        .filter(|it| it["verdict"] != "pass" && (it["kind"] == "gate" || it["kind"] == "rail"))
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(against, ["update_strategy"], "{decision:#}");
    let warnings = decision["warnings"].as_array().unwrap();
    assert!(warnings.contains(&json!(warning)), "{warnings:?}");

    let path = format!("/rollbacks/{}/approvals", waiting["id"].as_str().unwrap());
    let consent = json!({"plan_digest": waiting["plan"]["digest"], "decision": "approve"});
    let given = story.post(&path, &story.engineer, consent).await;
    assert_eq!(given.status, 201, "{}", given.body);
    let verifying = story.rollback("carried out", state("verifying")).await;
    let run: domain::runs::Run = {
        let id = verifying["run"].as_str().unwrap().parse().unwrap();
        store::runs::get(&story.lab.world.db, id).await.unwrap()
    };
    assert_eq!(deleted(run.steps[1].note.as_ref()).len(), 1, "{run:?}");
    set.settled().await;
    let closed = story.ticked_off(&verifying).await;
    assert_eq!(closed["state_reason"], "verified", "{closed:#}");
}

macro_rules! on_both {
    ($($name:ident, $real:ident: $kind:ident, |$story:ident, $of:ident| $does:expr;)*) => {$(
        #[sqlx::test(migrator = "store::MIGRATOR")]
        async fn $name(owner: PgPool) {
            let $of = WorkloadKind::$kind;
            let ($story, _cluster) = pretend(owner, $of).await;
            $does.await;
        }

        #[sqlx::test(migrator = "store::MIGRATOR")]
        async fn $real(owner: PgPool) {
            let $of = WorkloadKind::$kind;
            let $story = real(owner, $of).await;
            $does.await;
        }
    )*};
}

on_both! {
    a_stateful_set_goes_back_by_itself, a_stateful_set_goes_back_by_itself_on_a_real_cluster:
        StatefulSet, |story, kind| by_itself(&story, kind);
    a_daemon_set_goes_back_by_itself, a_daemon_set_goes_back_by_itself_on_a_real_cluster:
        DaemonSet, |story, kind| by_itself(&story, kind);
    a_partition_is_asked_about, a_partition_is_asked_about_on_a_real_cluster:
        StatefulSet, |story, kind| asked(&story, kind, partition(2), false, "partition_kept");
    an_on_delete_set_is_asked_about, an_on_delete_set_is_asked_about_on_a_real_cluster:
        StatefulSet, |story, kind| asked(&story, kind, replaced(), true, "on_delete");
    an_on_delete_daemon_set_is_asked_about, an_on_delete_daemon_set_is_asked_about_on_a_real_cluster:
        DaemonSet, |story, kind| asked(&story, kind, replaced(), true, "on_delete");
}

/// The strategy that was there leaves nothing of itself.
fn replaced() -> Value {
    let mut spec = on_delete();
    spec["updateStrategy"]["$patch"] = json!("replace");
    spec
}
