//! Argo Rollouts itself: canaries are watched and steered, and its `web` metric asks our server.

use domain::gates::Tool;
use domain::services::WorkloadKind;
use domain::workloads::Rollout;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::place::Place;

const KIND: WorkloadKind = WorkloadKind::Rollout;

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [{"name": "app", "image": image}]}})
}

fn rollout(image: &str) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "api"}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "api"}}, "template": template(image),
        "rollbackWindow": {"revisions": 3},
        "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}},
    }})
}

fn phase(object: &Value) -> &str {
    object["status"]["phase"].as_str().unwrap_or_default()
}

/// The controller has taken in the newest template, and this is what it says of it.
fn is(object: &Value, wanted: &str) -> bool {
    domain::rollouts::observed(object) && phase(object) == wanted
}

fn act(action: &str) -> Value {
    json!([{"kind": "kubernetes", "action": action, "workload": {"kind": "Rollout", "name": "api"}}])
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_canary_is_promoted_and_a_bad_one_aborted_and_undone(pool: PgPool) {
    let place = Place::new(pool, Tool::Argo, KIND).await;
    place.apply(&rollout("shop/api:1")).await;
    place.until("rollout/api", |it| is(it, "Healthy")).await;
    let first = place.seen(KIND, "api", |it| it.rollout == Rollout::Settled && it.ready == 2).await;
    assert_eq!(first.live.revision, 1);

    // A good one stops at its pause, and goes on when somebody says so.
    place.apply(&rollout("shop/api:2")).await;
    place.until("rollout/api", |it| is(it, "Paused")).await;
    let paused = place.seen(KIND, "api", |it| it.canary.as_ref().is_some_and(|it| it.paused)).await;
    let canary = paused.canary.unwrap();
    assert_eq!((canary.step, canary.steps, canary.weight), (Some(1), 2, Some(50)));
    assert_eq!((paused.live.revision, paused.rollout), (2, Rollout::Progressing));
    let promoted = place.done(act("promote")).await;
    assert_eq!(promoted["state"], "succeeded", "{promoted:#}");
    place.until("rollout/api", |it| is(it, "Healthy")).await;
    let again = place.done(act("promote")).await;
    assert_eq!(again["steps"][0]["state"], "no_change", "{again:#}");

    // A bad one: a person asks for a rollback, another agrees, and the plan fits a canary.
    place.seen(KIND, "api", |it| it.rollout == Rollout::Settled && it.live.revision == 2).await;
    place.apply(&rollout("shop/api:3-bad")).await;
    let bad = place.seen(KIND, "api", |it| it.live.revision == 3 && it.updated == 1).await;
    assert_eq!(bad.rollout, Rollout::Progressing);
    let body = json!({"service": "api", "reason_kind": "function_down", "reason": "it crashes",
        "target": {"workload": {"kind": "Rollout", "name": "api"}, "revision": 2}});
    let rollback = place.call("POST", "/rollbacks", &place.asker, body).await;
    let steps = rollback["plan"]["steps"].as_array().unwrap().clone();
    let names: Vec<_> = steps.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["abort api", "rollout_undo api", "wait_rollout api"], "{rollback:#}");
    let id = rollback["id"].as_str().unwrap();
    let body =
        json!({"plan_digest": rollback["plan"]["digest"], "decision": "approve", "reason": ""});
    place.call("POST", &format!("/rollbacks/{id}/approvals"), &place.ben, body).await;
    let rollback = place.call("GET", &format!("/rollbacks/{id}"), &place.asker, Value::Null).await;
    let run = place.ended(rollback["run"].as_str().unwrap()).await;
    assert_eq!(run["state"], "succeeded", "{run:#}");
    let back = place.object("rollout/api").await;
    assert_eq!(
        back["spec"]["template"]["spec"]["containers"][0]["image"], "shop/api:2",
        "{back:#}"
    );
    assert!(is(&back, "Healthy"), "{back:#}");
    let seen = place.seen(KIND, "api", |it| it.rollout == Rollout::Settled).await;
    assert_eq!(seen.live.images[0].image, "shop/api:2");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_aborted_canary_still_asks_for_what_was_aborted(pool: PgPool) {
    let place = Place::new(pool, Tool::Argo, KIND).await;
    place.apply(&rollout("shop/api:1")).await;
    place.until("rollout/api", |it| is(it, "Healthy")).await;
    place.apply(&rollout("shop/api:2")).await;
    place.until("rollout/api", |it| is(it, "Paused")).await;
    place.seen(KIND, "api", |it| it.canary.as_ref().is_some_and(|it| it.paused)).await;
    assert_eq!(place.done(act("abort")).await["state"], "succeeded");
    let aborted = place.seen(KIND, "api", |it| matches!(it.rollout, Rollout::Stuck { .. })).await;
    assert!(aborted.canary.unwrap().aborted);
    // Nothing about it is verified, whatever its pods say.
    assert_eq!((aborted.live.revision, aborted.healthy_since), (2, None));
    assert_eq!(place.done(act("abort")).await["steps"][0]["state"], "no_change");
    // It can be begun again.
    assert_eq!(place.done(act("retry")).await["state"], "succeeded");
    place.until("rollout/api", |it| is(it, "Paused")).await;
    assert_eq!(place.done(act("promote_full")).await["state"], "succeeded");
    place.until("rollout/api", |it| is(it, "Healthy")).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_template_of_a_rollout_may_be_that_of_a_deployment(pool: PgPool) {
    let place = Place::new(pool, Tool::Argo, KIND).await;
    let deployment = |image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "lender"}, "spec": {
            "replicas": 0, "selector": {"matchLabels": {"app": "api"}}, "template": template(image)}})
    };
    place.apply(&deployment("shop/api:1")).await;
    let mut borrower = rollout("");
    borrower["spec"].as_object_mut().unwrap().remove("template");
    borrower["spec"]["workloadRef"] =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "lender"});
    place.apply(&borrower).await;
    place.until("rollout/api", |it| is(it, "Healthy")).await;
    let first = place.seen(KIND, "api", |it| it.live.revision == 1 && it.ready == 2).await;
    assert_eq!(first.live.images[0].image, "shop/api:1");

    place.apply(&deployment("shop/api:2-bad")).await;
    place.seen(KIND, "api", |it| it.live.revision == 2).await;
    let mut steps = act("rollout_undo");
    steps[0]["to_revision"] = json!(1);
    let run = place.done(steps).await;
    assert_eq!(run["state"], "succeeded", "{run:#}");
    let lender = place.object("deployment/lender").await;
    assert_eq!(lender["spec"]["template"]["spec"]["containers"][0]["image"], "shop/api:1");
    place.until("rollout/api", |it| phase(it) == "Healthy").await;
}

/// One look of Argo's `web` metric provider at our answer.
fn look(name: &str, address: &str, token: &str) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": name}, "spec": {
        "metrics": [{
            "name": "gate", "count": 1,
            "successCondition": "result == 1", "failureCondition": "result == 0",
            "provider": {"web": {"url": format!("{address}/api/v1/gates/argo/{token}"), "jsonPath": "{$.value}"}},
        }],
    }})
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_web_metric_is_inconclusive_until_people_have_agreed(pool: PgPool) {
    let place = Place::new(pool, Tool::Argo, KIND).await;
    place.apply(&rollout("shop/api:1")).await;
    place.until("rollout/api", |it| is(it, "Healthy")).await;
    let workload = place.seen(KIND, "api", |it| it.live.revision == 1).await;
    let token = place.gate(&workload, Tool::Argo, "api").await;
    let looks = async |name: &str| {
        place.apply(&look(name, &place.address, &token)).await;
        let over = |it: &Value| !matches!(phase(it), "" | "Pending" | "Running");
        let run = place.until(&format!("analysisrun/{name}"), over).await;
        phase(&run).to_owned()
    };
    assert_eq!(looks("nobody-knows").await, "Inconclusive");
    let asked = place.waiting().await;
    let [question] = &asked[..] else { panic!("{asked:#?}") };
    assert_eq!(question["plan"]["steps"][0]["name"], "analysis of api");
    place.decide(question, "approve").await;
    assert_eq!(looks("agreed").await, "Successful");

    // Another version is another question, and a no is a failure.
    place.apply(&rollout("shop/api:2")).await;
    place.seen(KIND, "api", |it| it.live.revision == 2).await;
    assert_eq!(looks("another").await, "Inconclusive");
    let asked = place.waiting().await;
    let [question] = &asked[..] else { panic!("{asked:#?}") };
    place.decide(question, "reject").await;
    assert_eq!(looks("refused").await, "Failed");
}
