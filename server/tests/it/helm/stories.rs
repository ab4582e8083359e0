//! What Helm says, what Lifeboat reads; a bad release, and the ways back.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::kit::{Kit, Shop, Version, Which, version};
use crate::proxy::Real;
use crate::story::state;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_history_is_that_of_helm_3(owner: PgPool) {
    history(owner, Which::Three).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_history_is_that_of_helm_4(owner: PgPool) {
    history(owner, Which::Four).await;
}

/// Every status that a history comes to, field by field as `helm history -o json` tells it.
async fn history(owner: PgPool, which: Which) {
    let shop = Shop::open(owner, which, "off", "workload").await;
    let kit = &shop.kit;
    kit.deploy(&version(1, "1")).await.unwrap();
    kit.deploy(&version(2, "2")).await.unwrap();
    // A name that no API server takes.
    kit.deploy(&Version { worker: "1\n        imagePullPolicy: Sometimes", ..version(3, "3") })
        .await
        .unwrap_err();
    kit.run(&["rollback", "shop", "1"]).await.unwrap();
    let told = kit.history().await;
    let read = shop.in_place(4).await;
    assert_eq!(read.revisions.len(), told.len());
    for (told, read) in told.iter().zip(read.revisions.iter().rev()) {
        assert_eq!(read.unreadable, None);
        let updated = read.last_deployed.unwrap();
        let of_helm: chrono::DateTime<chrono::Utc> =
            told["updated"].as_str().unwrap().parse().unwrap();
        let ours = json!({
            "revision": read.revision, "status": read.status, "description": read.description,
            "chart": format!("{}-{}", read.chart, read.chart_version), "app_version": read.app_version,
        });
        for (field, value) in ours.as_object().unwrap() {
            assert_eq!(told[field], *value, "{which:?} revision {}: {field}", read.revision);
        }
        assert_eq!(updated, of_helm, "{which:?} revision {}", read.revision);
    }
    let statuses: Vec<_> = told.iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["superseded", "superseded", "failed", "deployed"]);
    // What goes back has the content of what it went back to, and nobody's password is kept.
    assert_eq!(read.revisions[0].content, read.revisions[3].content);
    assert_ne!(read.revisions[0].content, read.revisions[2].content);
    let sql = "SELECT string_agg(body::text, '') FROM releases";
    let kept: String = sqlx::query_scalar(sql).fetch_one(&shop.story.lab.world.db).await.unwrap();
    assert!(!kept.contains("pass-1-word") && !kept.contains("cGFzcy0xLXdvcmQ="));
    assert!(kept.contains("hidden, "));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_bad_release_goes_back_by_itself_with_helm_3(owner: PgPool) {
    by_itself(owner, Which::Three).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_bad_release_goes_back_by_itself_with_helm_4(owner: PgPool) {
    by_itself(owner, Which::Four).await;
}

/// Two members were changed, so the release goes back, although the policy says `workload`.
async fn by_itself(owner: PgPool, which: Which) {
    let shop = Shop::open(owner, which, "auto", "workload").await;
    shop.good().await;
    shop.in_place(1).await;
    shop.kit.deploy(&version(2, "2-bad")).await.unwrap();
    let verifying = shop.story.rollback("carried out", state("verifying")).await;
    assert_eq!(verifying["approvals"][0]["kind"], "policy", "{verifying:#}");
    assert_eq!(verifying["target"]["kind"], "release");
    assert_eq!(verifying["target"]["release"], "shop");
    assert_eq!(verifying["target"]["revision"], 1);
    let run = shop.run_of(&verifying).await;
    let said = run["steps"][0]["message"].as_str().unwrap();
    assert_eq!(said, "the release is back at revision 1, as revision 3", "{run:#}");
    let newest = shop.kit.history().await.pop().unwrap();
    assert_eq!(
        (&newest["status"], &newest["description"]),
        (&json!("deployed"), &json!("Rollback to 1"))
    );

    let closed = shop.story.ticked_off(&verifying).await;
    assert_eq!(closed["state_reason"], "verified", "{closed:#}");
    let release = shop.in_place(3).await;
    let verdicts: Vec<_> =
        release.revisions.iter().map(|it| release.verdict(it).as_str()).collect();
    assert_eq!(verdicts, ["verified", "bad", "verified"], "they follow from those of the members");
    twin(&shop).await;
}

/// A twin in another namespace, that helm itself took back, has the same objects and the same history.
async fn twin(shop: &Shop) {
    let (ours, real) = (&shop.kit, Real::find());
    let theirs = Kit::new(ours.which, &ours.kubeconfig, &format!("{}-twin", ours.namespace));
    real.kubectl(&["create", "namespace", &theirs.namespace]);
    theirs.deploy(&version(1, "1")).await.unwrap();
    theirs.deploy(&version(2, "2-bad")).await.unwrap();
    theirs.run(&["rollback", "shop", "1", "--wait", "--timeout=60s"]).await.unwrap();
    let [a, b] = [ours, &theirs].map(|it| objects(&real, &it.namespace));
    assert_eq!(a.len(), 4, "{a:#?}");
    assert_eq!(a, b);
    let told = |history: Vec<Value>| {
        let fields = ["revision", "status", "chart", "app_version", "description"];
        history.iter().map(|it| fields.map(|name| it[name].clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(ours.history().await), told(theirs.history().await));
    real.kubectl(&["delete", "namespace", &theirs.namespace, "--wait=false"]);
}

/// What the release has put in place, without what no two objects share.
fn objects(real: &Real, namespace: &str) -> Vec<Value> {
    let kinds = "deployments,configmaps,secrets";
    let said = real.kubectl(&[
        "get",
        kinds,
        "-n",
        namespace,
        "-o",
        "json",
        "-l",
        "app.kubernetes.io/managed-by=Helm",
    ]);
    let list: Value = serde_json::from_str(&said).unwrap();
    let mut objects = list["items"].as_array().unwrap().clone();
    for it in &mut objects {
        let metadata = it["metadata"].as_object_mut().unwrap();
        for name in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "managedFields",
            "namespace",
            "generation",
        ] {
            metadata.remove(name);
        }
        metadata["annotations"].as_object_mut().unwrap().remove("meta.helm.sh/release-namespace");
        it.as_object_mut().unwrap().remove("status");
    }
    objects
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_person_names_a_revision_and_another_approves_with_helm_3(owner: PgPool) {
    approved(owner, Which::Three).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_person_names_a_revision_and_another_approves_with_helm_4(owner: PgPool) {
    approved(owner, Which::Four).await;
}

async fn approved(owner: PgPool, which: Which) {
    let shop = Shop::open(owner, which, "off", "release").await;
    shop.good().await;
    shop.kit.deploy(&version(2, "2")).await.unwrap();
    shop.verified("2").await;
    shop.in_place(2).await;
    let asked = shop.ask(1).await;
    assert_eq!(asked.status, 201, "{}", asked.body);
    let asked = asked.json();
    assert_eq!(asked["state"], "awaiting_approval", "{asked:#}");
    let kinds: Vec<_> =
        asked["plan"]["steps"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(kinds, ["release_rollback shop", "wait_rollout api", "wait_rollout worker"]);

    // Whoever approves sees what changes, and no password.
    let page = format!("/rollbacks/{}", asked["number"].as_str().unwrap());
    let page = shop.story.door.get(&page, shop.story.browser()).await.body;
    for text in ["Deployment/api", "api:2", "api:1", "ConfigMap/env", "Secret/db", "hidden, "] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("pass-1-word") && !page.contains("pass-2-word"));

    shop.approve(&asked).await;
    let verifying = shop.story.rollback("carried out", state("verifying")).await;
    assert_eq!(shop.story.image().await, "api:1");
    let run = shop.run_of(&verifying).await;
    assert_eq!(run["state"], "succeeded", "{run:#}");
    assert_eq!(shop.kit.history().await.len(), 3);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_can_be_no_target_is_refused_at_once(owner: PgPool) {
    let shop = Shop::open(owner, Which::Four, "off", "workload").await;
    let kit = &shop.kit;
    shop.good().await;
    kit.deploy(&Version { worker: "1\n        imagePullPolicy: Sometimes", ..version(2, "2") })
        .await
        .unwrap_err();
    kit.deploy(&version(3, "3")).await.unwrap();
    shop.in_place(3).await;
    for (revision, why) in [
        (2, "revision 2 never was in place (failed); choose another"),
        (3, "revision 3 is in place already"),
        (9, "the release has no revision 9; there are 3, 2, 1"),
    ] {
        let refused = shop.ask(revision).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        let error = &refused.json()["errors"][0];
        assert_eq!(error["field"], "target.revision");
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
    }
    let wish = json!({"service": "api", "reason_kind": "function_down", "reason": "x",
        "target": {"release": "other", "revision": 1}});
    let unknown = shop.story.post("/rollbacks", &shop.story.engineer, wish).await;
    assert_eq!(
        (unknown.status.as_u16(), &unknown.json()["errors"][0]["field"]),
        (422, &json!("target.release"))
    );
}

/// Of one bad member only that one is put back, and the page says that the release says something else.
#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_workload_alone_drifts_from_its_release(owner: PgPool) {
    let shop = Shop::open(owner, Which::Four, "auto", "workload").await;
    // The configuration stays as it is, so that the change touches one member.
    let one = |number, api| Version { number: 1, api, ..version(number, "1") };
    shop.kit.deploy(&one(1, "1")).await.unwrap();
    shop.verified("1").await;
    shop.in_place(1).await;
    shop.kit.deploy(&one(2, "2-bad")).await.unwrap();
    let verifying = shop.story.rollback("carried out", state("verifying")).await;
    assert_eq!(verifying["target"]["kind"], "workload", "{verifying:#}");
    assert_eq!(shop.kit.history().await.len(), 2, "helm was not called");
    let decision = verifying["decision"].as_str().unwrap();
    let decision = shop.story.get(&format!("/decisions/{decision}")).await;
    assert!(decision["warnings"].to_string().contains("release_drifts"), "{decision:#}");

    let workloads = shop.story.get("/workloads?service=api").await;
    let all = workloads["items"].as_array().unwrap();
    let id = all.iter().find(|it| it["name"] == "api").unwrap()["id"].as_str().unwrap().to_owned();
    let page = shop.story.door.get(&format!("/workloads/{id}"), shop.story.browser()).await.body;
    assert!(page.contains("api:2-bad") && page.contains("shop"), "{page}");
    assert!(page.contains("helm upgrade"), "the warning that it drifts");
}
