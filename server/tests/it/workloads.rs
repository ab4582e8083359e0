//! Pages and endpoints of workloads, on rows as the watch writes them.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Role, Scope};
use domain::canonical;
use domain::changes::{ChangeKind, State};
use domain::clusters::Cluster;
use domain::ids::WorkloadId;
use domain::pods::BadReason;
use domain::readiness::Shape;
use domain::services::{Service, WorkloadRef};
use domain::workloads::{Image, Key, Update, UpdateBy, WorkloadKind};
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;
use store::rails::Hold;
use store::revisions::{Body, Seen};
use store::workloads::Observed;
use store::{Of, changes, pods};

use crate::world::World;

const MARK: &str = "/api/app/pages/workloads/actions/mark_revision";

fn template(image: &str) -> Value {
    json!({"spec": {"containers": [{"name": "web", "image": image}]}})
}

fn images(image: &str) -> Vec<Image> {
    vec![Image { container: "web".into(), image: image.into(), image_id: None }]
}

fn seen(revision: i64, image: &str, live: bool, at: DateTime<Utc>) -> Seen {
    let template = template(image);
    Seen {
        revision,
        digest: canonical::template(&template),
        config_digest: domain::revisions::config_digest(&Default::default()),
        live,
        rolled_out: false,
        images: Some(images(image)),
        fixed: None,
        body: Some(Body {
            template,
            annotations: Default::default(),
            change_cause: Some(format!("deploy {image}")),
            created_at: at,
        }),
        configs: Default::default(),
    }
}

/// `shop/web` of the service `shop`: revision 1 was fine, revision 2 is live and crashes.
async fn shop(world: &World, at: DateTime<Utc>) -> WorkloadId {
    let db = &world.db;
    let mut tx = db.begin().await.unwrap();
    let cluster: Cluster =
        serde_json::from_value(json!({"name": "lab", "kubeconfig": "/none"})).unwrap();
    let cluster = store::clusters::save(&mut tx, &cluster, at).await.unwrap();
    let workload = WorkloadRef {
        cluster: "lab".into(),
        namespace: "shop".into(),
        kind: WorkloadKind::Deployment,
        name: "web".into(),
    };
    let service: Service =
        serde_json::from_value(json!({"name": "shop", "workloads": [workload]})).unwrap();
    store::services::save(&mut tx, &service, at).await.unwrap();

    let (old, new) = (seen(1, "shop/web:1", false, at), seen(2, "shop/web:2", true, at));
    let observed = Observed {
        key: Key { namespace: "shop".into(), kind: WorkloadKind::Deployment, name: "web".into() },
        uid: "u1".into(),
        owner: "helm",
        owner_name: Some("shop-release".into()),
        paused: false,
        replicas: 3,
        ready: 2,
        updated: 1,
        rollout: "progressing",
        rollout_reason: None,
        update_strategy: Update { by: UpdateBy::RollingUpdate, partition: 0, ordered: false },
        last_applied: false,
        live_revision: 2,
        live_digest: new.digest.clone(),
        live_config_digest: new.config_digest.clone(),
        live_images: images("shop/web:2"),
        canary: None,
        conditions: vec![],
        shape: Shape::default(),
        healthy: false,
        present: vec![old.digest.clone(), new.digest.clone()],
    };
    let ids = store::workloads::observe(&mut tx, cluster, &[&observed], at).await.unwrap();
    let workload_id = ids[0].1;
    let state = |it: &Seen| State {
        revision: it.revision,
        digest: it.digest.clone(),
        config_digest: it.config_digest.clone(),
        replicas: 3,
    };
    let (from, to) = (Some(state(&old)), state(&new));
    let difference = domain::changes::compare(&template("shop/web:1"), &template("shop/web:2"));
    let rows = [old, new].map(|row| Of { workload_id, row });
    store::revisions::observe(&mut tx, &rows, at).await.unwrap();
    let change = changes::New {
        subject: changes::Subject::Seen { workload: workload_id, from, to },
        kind: ChangeKind::Template,
        material: true,
        at,
        items: difference.items,
    };
    changes::insert(&mut tx, &change, at).await.unwrap();
    let pod = pods::Observed {
        uid: "p1".into(),
        name: "web-7d4b9-x2x5k".into(),
        node: "node-1".into(),
        digest: Some(rows[1].row.digest.clone()),
        phase: "Running".into(),
        ready: false,
        ever_ready: false,
        terminating: false,
        restarts: 4,
        bad_reason: Some(BadReason::CrashLoop),
        bad_message: Some("CrashLoopBackOff <back-off>".into()),
        bad_container: Some("web".into()),
        bad_exit_code: Some(1),
        bad_since: Some(at),
        created_at: at,
    };
    pods::observe(&mut tx, cluster, &[Of { workload_id, row: pod }]).await.unwrap();
    let log = pods::Log {
        pod_uid: "p1".into(),
        pod: "web-7d4b9-x2x5k".into(),
        container: "web".into(),
        digest: None,
        at,
        lines: Ok("panic: no config".into()),
    };
    pods::keep_log(&mut tx, workload_id, &log).await.unwrap();
    tx.commit().await.unwrap();
    workload_id
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_workload_is_shown_with_what_became_of_it(pool: PgPool) {
    let world = World::new(pool).await;
    let id = shop(&world, clock::now()).await;
    let (_, sre) = world.sign_in("sre", Role::Sre).await;
    let (_, viewer) = world.sign_in("viewer", Role::Viewer).await;

    let page = world.get(&format!("/workloads/{id}"), &sre).await;
    assert_eq!(page.status, StatusCode::OK);
    for expected in [
        "shop/web",
        "shop/web:2",
        "/services/shop",
        "Helm release shop-release",
        "web-7d4b9-x2x5k",
        "反复崩溃",
        "CrashLoopBackOff &lt;back-off&gt;",
        "deploy shop/web:1",
        "shop/web:1 → shop/web:2",
        "panic: no config",
    ] {
        assert!(page.body.contains(expected), "{expected} is not in {}", page.body);
    }
    // What a container wrote is not for everybody.
    let page = world.get(&format!("/workloads/{id}"), &viewer).await.body;
    assert!(page.contains("web-7d4b9-x2x5k") && !page.contains("panic: no config"), "{page}");

    let revision = world.get(&format!("/workloads/{id}/revisions/1"), &viewer).await;
    assert_eq!(revision.status, StatusCode::OK);
    for expected in ["web 版本 1", "spec.containers[web].image", "shop/web:2", "shop/web:1"] {
        assert!(revision.body.contains(expected), "{expected} is not in {}", revision.body);
    }
    assert!(!revision.body.contains(MARK), "a viewer marks nothing");
    let live = world.get(&format!("/workloads/{id}/revisions/2"), &sre).await.body;
    assert!(live.contains("这就是当前版本。") && live.contains(MARK), "{live}");
    for nowhere in ["x", "3", "00000000-0000-0000-0000-000000000009"] {
        let page = world.get(&format!("/workloads/{id}/revisions/{nowhere}"), &sre).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{nowhere}");
    }
    assert_eq!(world.get("/workloads/x", &sre).await.status, StatusCode::NOT_FOUND);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn people_say_what_they_know_of_a_revision(pool: PgPool) {
    let world = World::new(pool).await;
    let id = shop(&world, clock::now()).await;
    let (_, sre) = world.sign_in("sre", Role::Sre).await;
    let (_, viewer) = world.sign_in("viewer", Role::Viewer).await;
    let revision = store::revisions::of(&world.db, id).await.unwrap().remove(1).id;

    for (cookie, form, status) in [
        (&viewer, "verdict=bad&reason=x", StatusCode::FORBIDDEN),
        (&sre, "verdict=verified&reason=x", StatusCode::UNPROCESSABLE_ENTITY),
        (&sre, "verdict=forbidden&reason=+", StatusCode::UNPROCESSABLE_ENTITY),
        (&sre, "verdict=forbidden&reason=CVE-1", StatusCode::OK),
    ] {
        let answer = world.post(MARK, cookie, &format!("id={revision}&{form}")).await;
        assert_eq!(answer.status, status, "{form}: {}", answer.body);
    }
    let page = world.get(&format!("/workloads/{id}"), &viewer).await.body;
    assert!(page.contains("禁止使用") && page.contains("CVE-1"), "{page}");
    assert_eq!(world.audit().await, [("user".to_owned(), "mark_revision".to_owned())]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_api_lists_what_the_watch_saw(pool: PgPool) {
    let world = World::new(pool).await;
    let id = shop(&world, clock::now()).await;
    let (_, cookie) = world.sign_in("sre", Role::Sre).await;
    let get = async |path: &str| -> Value {
        let answer = world.get(&format!("/api/v1/{path}"), &cookie).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };
    let one = get(&format!("workloads/{id}")).await;
    assert_eq!(
        get("workloads?service=shop&cluster=lab&state=progressing").await["items"],
        json!([one])
    );
    for nothing in ["workloads?service=none", "workloads?state=settled", "revisions?state=bad"] {
        assert_eq!(get(nothing).await["items"], json!([]), "{nothing}");
    }
    assert_eq!(one["owner"], "helm");
    assert_eq!(one["live"]["revision"], 2);
    let numbers: Vec<_> =
        one["revisions"].as_array().unwrap().iter().map(|it| &it["revision"]).collect();
    assert_eq!(numbers, [2, 1]);

    let first = get("revisions?limit=1").await;
    let next = first["next_cursor"].as_str().unwrap();
    let second = get(&format!("revisions?limit=1&cursor={next}")).await;
    assert_eq!(second["next_cursor"], Value::Null);
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    let revision = &second["items"][0];
    assert_eq!(get(&format!("revisions/{}", revision["id"].as_str().unwrap())).await, *revision);
    for field in [
        "workload_id",
        "service",
        "digest",
        "config_digest",
        "images",
        "change_cause",
        "present",
        "rolled_out",
        "seen_at",
        "verdict",
        "verdict_reason",
    ] {
        assert!(revision.get(field).is_some(), "{field} is missing in {revision}");
    }

    let change = get("changes?service=shop").await["items"][0].clone();
    assert_eq!((&change["kind"], &change["material"]), (&json!("template"), &json!(true)));
    assert_eq!(change["items"][0]["new"], "shop/web:2");
    let id = change["id"].as_str().unwrap();
    assert_eq!(get(&format!("changes/{id}")).await, change);
    for wrong in [
        "workloads?state=odd",
        "workloads?limit=501",
        "changes?sort=name",
        "changes?state=told",
        "workloads?colour=red",
    ] {
        let answer = world.get(&format!("/api/v1/{wrong}"), &cookie).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {}", answer.body);
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_pipeline_asks_before_it_deploys_again(pool: PgPool) {
    let world = World::new(pool).await;
    let id = shop(&world, clock::now()).await;
    let (_, sre) = world.sign_in("sre", Role::Sre).await;
    let pipeline = world.token("ci", None, &[Scope::Read]).await;
    let bearer = format!("Bearer {pipeline}");
    let ask = async |query: &str| {
        world.call("GET", &format!("/verdicts?{query}"), &bearer, Value::Null).await
    };
    let free = ask("service=shop&digest=shop/web:2").await;
    assert_eq!((free.status, &free.json()["verdict"]), (StatusCode::OK, &json!("free")));

    let bad = store::revisions::of(&world.db, id).await.unwrap().remove(0).id;
    world.post(MARK, &sre, &format!("id={bad}&verdict=bad&reason=5xx+since+10:04")).await;
    let held = ask("service=shop&digest=shop/web:2").await.json();
    assert_eq!(held["verdict"], "held");
    assert_eq!(held["reason"], "revision 2 is bad: 5xx since 10:04");
    assert_eq!(ask("service=shop&digest=shop/web:1").await.json()["verdict"], "free");

    // Taking it back frees it for pipelines and for the rules of a decision alike.
    let revision = store::revisions::get(&world.db, bad).await.unwrap();
    let service = store::services::by_name(&world.db, "shop").await.unwrap().id;
    let hold = Hold {
        service,
        workload: Some(id),
        digest: revision.digest,
        images: vec![],
        rollback: None,
        since: clock::now(),
    };
    let mut tx = world.db.begin().await.unwrap();
    store::rails::hold(&mut tx, &hold).await.unwrap();
    tx.commit().await.unwrap();
    world.post(MARK, &sre, &format!("id={bad}&verdict=unknown&reason=it+was+the+network")).await;
    assert_eq!(ask("service=shop&digest=shop/web:2").await.json()["verdict"], "free");
    assert_eq!(store::rails::holds(&world.db, service).await.unwrap(), []);
    for (query, status) in [
        ("service=none&digest=a", StatusCode::NOT_FOUND),
        ("service=shop&digest=+", StatusCode::UNPROCESSABLE_ENTITY),
        ("service=shop", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(ask(query).await.status, status, "{query}");
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_pipeline_tells_of_a_release(pool: PgPool) {
    let world = World::new(pool).await;
    let now = clock::now();
    shop(&world, now - TimeDelta::hours(1)).await;
    let (_, cookie) = world.sign_in("sre", Role::Sre).await;
    let post = async |body: Value| world.call("POST", "/changes", &cookie, body).await;

    let release = json!({"service": "shop", "version": "2.1", "commit": "1f0c", "at": now + TimeDelta::hours(9)});
    let answer = post(release).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    for (body, field) in [
        (json!({"service": "none", "version": "1", "at": now}), "service"),
        (json!({"service": "shop", "version": " ", "at": now}), "version"),
        (
            json!({"service": "shop", "version": "1", "ticket": "x".repeat(300), "at": now}),
            "ticket",
        ),
    ] {
        let answer = post(body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
        assert!(answer.body.contains(field), "{}", answer.body);
    }
    let service = store::services::by_name(&world.db, "shop").await.unwrap().id;
    let told =
        store::changes::of_service(&world.db, service, now - TimeDelta::hours(2)).await.unwrap();
    assert_eq!(told.len(), 2, "beside what was seen");
    assert!(told[0].at <= clock::now(), "a clock that runs ahead is not believed");
    assert_eq!(told[0].told.as_ref().unwrap().version, "2.1");
    assert!(!told[0].material, "being told proves nothing");
}
