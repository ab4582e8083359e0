//! A workload that GitOps keeps in step: what would undo the rollback is suspended before, by a plan that a person
//! approves, and resumed by a run of its own.

use domain::plans::{ObjectAction, ObjectRef};
use serde_json::{Value, json};
use server::workers::objects;
use sqlx::PgPool;

use crate::runs::objects::{Things, crds};
use crate::story::{Story, policy, state};

const TRACKED: &str = "shop:apps/Deployment:shop/api";

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn argo_cd_rests_before_the_version_goes_back(owner: PgPool) {
    rests(
        owner,
        Keeper {
            mark: json!({"annotations": {"argocd.argoproj.io/tracking-id": TRACKED}}),
            object: ObjectRef::application("lab", TRACKED),
            spec: json!({"syncPolicy": {"automated": {"prune": true, "selfHeal": true}}}),
            at_rest: json!({"syncPolicy": {}}),
        },
    )
    .await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn flux_rests_before_the_version_goes_back(owner: PgPool) {
    let label = |it: &str| format!("kustomize.toolkit.fluxcd.io/{it}");
    rests(
        owner,
        Keeper {
            mark: json!({"labels": {label("name"): "shop", label("namespace"): "argocd"}}),
            object: ObjectRef {
                cluster: "lab".into(),
                namespace: "argocd".into(),
                api_version: "kustomize.toolkit.fluxcd.io/v1".into(),
                kind: "Kustomization".into(),
                name: "shop".into(),
            },
            spec: json!({"interval": "1m", "suspend": false}),
            at_rest: json!({"interval": "1m", "suspend": true}),
        },
    )
    .await;
}

/// What keeps the workload in step.
struct Keeper {
    /// On the workload.
    mark: Value,
    object: ObjectRef,
    spec: Value,
    at_rest: Value,
}

async fn rests(owner: PgPool, keeper: Keeper) {
    let Keeper { mark, object, spec, at_rest } = keeper;
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    let things = Things::of(story.lab.clone()).await;
    crds(&things).await;
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}});
    things.call("POST", "/api/v1/namespaces", namespace).await;
    things.make(&object, json!({"spec": spec})).await;

    story.lab.deploy("api", &["app:1"]).await;
    story.lab.patch("api", json!({"metadata": mark})).await;
    story.verified("app:1").await;
    story
        .eventually("the keeper is in sight", async || {
            objects::ask_for_keepers(&story.lab.world).await.unwrap();
            let now = story.lab.world.now() - chrono::TimeDelta::seconds(10);
            store::objects::latest(&story.lab.world.db, &object, now).await.unwrap()
        })
        .await;
    story.lab.set_image("api", "app:2-bad").await;

    let asked = story.rollback("a question", state("awaiting_approval")).await;
    let steps = asked["plan"]["steps"].as_array().unwrap().iter();
    let steps: Vec<_> = steps.map(|it| it["name"].as_str().unwrap()).collect();
    let expected = [
        "suspend_sync shop",
        "rollout_undo api",
        "wait_rollout api",
        "wait 30 s",
        "still_suspended shop",
    ];
    assert_eq!(steps, expected, "{asked:#}");
    let path = format!("/rollbacks/{}/approvals", asked["id"].as_str().unwrap());
    let consent = json!({"plan_digest": asked["plan"]["digest"], "decision": "approve"});
    let answer = story.post(&path, &story.second, consent).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    story
        .eventually("back, with the synchronisation at rest", async || {
            let rests = things.read(&object).await?["spec"] == at_rest;
            (rests && story.image().await == "app:1").then_some(())
        })
        .await;
    let run = things.done(vec![(object.clone(), ObjectAction::ResumeSync)]).await;
    assert_eq!(run.state.name().as_str(), "succeeded", "{run:?}");
    assert_eq!(things.read(&object).await.unwrap()["spec"], spec);
}
