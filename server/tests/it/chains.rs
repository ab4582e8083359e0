//! Checks that change something, against a service that registers devices and can be broken in every way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use domain::checks::{Check, CheckResult};
use domain::ids::RunId;
use domain::plans::{Plan, Step, StepKind};
use domain::runs::State as RunState;
use domain::verdict::Verdict;
use serde_json::{Value, json};
use server::checks::chain;
use server::clock;
use server::workers::World;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::runs::Lab;
use crate::story::{Story, policy, state};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Broken {
    #[default]
    Nothing,
    NoJson,
    WithoutId,
    Slow,
    Errors,
    Redirects,
    Huge,
    /// It registers and never answers.
    Silent,
    Undeletable,
}

#[derive(Clone, Default)]
struct Service {
    /// By id: what they are called.
    devices: Arc<Mutex<BTreeMap<String, String>>>,
    /// What was ever registered, as it was sent.
    registered: Arc<Mutex<Vec<Value>>>,
    broken: Arc<Mutex<Broken>>,
}

impl Service {
    async fn start() -> (Self, String) {
        let service = Self::default();
        let router = Router::new()
            .route("/health", get(async || Json(json!({"status": "healthy"}))))
            .route("/register", post(register))
            .route("/device/{id}/config", get(config))
            .route("/device/{id}", delete(remove))
            .route("/devices", get(list))
            .with_state(service.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (service, url)
    }

    fn is(&self, broken: Broken) {
        *self.broken.lock().unwrap() = broken;
    }

    fn broken(&self) -> Broken {
        *self.broken.lock().unwrap()
    }

    fn devices(&self) -> Vec<String> {
        self.devices.lock().unwrap().values().cloned().collect()
    }

    fn registered(&self) -> Vec<Value> {
        self.registered.lock().unwrap().clone()
    }
}

async fn register(State(it): State<Service>, Json(asked): Json<Value>) -> Response {
    let broken = it.broken();
    if broken == Broken::Errors {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if broken == Broken::Redirects {
        return Redirect::temporary("/elsewhere").into_response();
    }
    let id = format!("d-{}", it.registered().len() + 1);
    let name = asked["name"].as_str().unwrap_or_default().to_owned();
    it.registered.lock().unwrap().push(asked);
    it.devices.lock().unwrap().insert(id.clone(), name);
    match broken {
        Broken::NoJson => "registered".into_response(),
        Broken::WithoutId => Json(json!({"device": id})).into_response(),
        Broken::Huge => Json(json!({"text": "x".repeat(2 << 20), "device_id": id})).into_response(),
        Broken::Slow => {
            tokio::time::sleep(Duration::from_secs(8)).await;
            Json(json!({"device_id": id})).into_response()
        }
        Broken::Silent => std::future::pending().await,
        _ => (StatusCode::CREATED, Json(json!({"device_id": id}))).into_response(),
    }
}

async fn config(State(it): State<Service>, Path(id): Path<String>) -> StatusCode {
    match it.devices.lock().unwrap().contains_key(&id) {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    }
}

async fn list(
    State(it): State<Service>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let devices = it.devices.lock().unwrap();
    let found = devices.iter().filter(|(_, name)| Some(*name) == asked.get("name"));
    Json(found.map(|(id, _)| json!({"id": id})).collect())
}

async fn remove(State(it): State<Service>, Path(id): Path<String>) -> StatusCode {
    if it.broken() == Broken::Undeletable {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    match it.devices.lock().unwrap().remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

fn check(url: &str) -> Check {
    serde_json::from_value(definition(url)).unwrap()
}

fn definition(url: &str) -> Value {
    json!({
        "name": "registration", "kind": "chain", "timeout_s": 5,
        // Any file will do for a secret, and this one is always there.
        "secrets": {"key": concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/secret.txt")},
        "steps": [
            {"name": "health", "url": format!("{url}/health"), "expect": {"json": {"/status": "healthy"}}},
            {"name": "register", "method": "POST", "url": format!("{url}/register"),
             "json": {"name": "smoke-{marker}", "pre_shared_key": "{key}"},
             "expect": {"status": "2xx"}, "take": {"device_id": "/device_id"}},
            {"name": "config", "url": format!("{url}/device/{{device_id}}/config")},
        ],
        "cleanup": [
            {"name": "find", "url": format!("{url}/devices?name=smoke-{{marker}}"), "take": {"device_id": "/0/id"}},
            {"name": "delete", "method": "DELETE", "url": format!("{url}/device/{{device_id}}"),
             "expect": {"status": "2xx"}},
        ],
    })
}

/// A run that is there, whatever it does.
async fn run(lab: &Lab) -> RunId {
    let plan = Plan::new(vec![Step::new("settle", StepKind::Wait { seconds: 0 })], vec![]);
    lab.asked_for(plan).await.id
}

async fn look(world: &World, run: RunId, check: &Check) -> Vec<CheckResult> {
    chain::look(world, run, &[check], true).await.unwrap()
}

/// What the requests come to.
async fn outcome(world: &World, run: RunId, check: &Check) -> CheckResult {
    let settled = chain::settle(world, run, check);
    tokio::time::timeout(Duration::from_secs(20), settled).await.unwrap().unwrap()
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not seen: {what}");
}

/// Whoever was at it has been gone for longer than anybody is waited for.
async fn time_passes(db: &PgPool) {
    let sql =
        "UPDATE check_runs SET due_at = clock_timestamp() - interval '1 s' WHERE stage <> 'done'";
    sqlx::query(sql).execute(db).await.unwrap();
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn it_is_carried_out_once_and_leaves_nothing_behind(owner: PgPool) {
    let (lab, _cluster) = Lab::pretend(owner).await;
    let (service, url) = Service::start().await;
    let (run, check) = (run(&lab).await, check(&url));
    let waiting = chain::look(&lab.world, run, &[&check], false).await.unwrap();
    assert_eq!(waiting[0].verdict, Verdict::Unknown);
    assert_eq!(service.registered(), Vec::<Value>::new(), "not before it may");

    // However many look at the same time.
    let looks = (0..8).map(|_| look(&lab.world, run, &check));
    futures::future::join_all(looks).await;
    let passed = outcome(&lab.world, run, &check).await;
    assert_eq!((passed.verdict, passed.blocking), (Verdict::Pass, true), "{}", passed.message);
    until("cleaned up", async || service.devices().is_empty()).await;
    let again = look(&lab.world, run, &check).await;
    assert_eq!(again, [passed]);

    let registered = service.registered();
    assert_eq!(registered.len(), 1, "{registered:?}");
    assert!(registered[0]["name"].as_str().unwrap().starts_with("smoke-lifeboat-"));
    assert_eq!(registered[0]["pre_shared_key"], "not-to-be-seen");
    let sql = "SELECT to_jsonb(c)::text FROM check_runs c";
    let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(&lab.world.db).await.unwrap();
    assert!(rows.iter().all(|it| !it.contains("not-to-be-seen")), "{rows:?}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn every_bad_answer_is_told_and_what_was_made_is_taken_away(owner: PgPool) {
    let (lab, _cluster) = Lab::pretend(owner).await;
    let (service, url) = Service::start().await;
    let check = check(&url);
    for (broken, expected) in [
        (Broken::Errors, "register: the answer is 502, expected 2xx"),
        (
            Broken::Redirects,
            "register: the answer is 307, expected 2xx (it leads elsewhere, which is not followed)",
        ),
        (Broken::NoJson, "register: the answer is no JSON"),
        (Broken::WithoutId, "register: the answer has nothing at /device_id to take as device_id"),
        (Broken::Huge, "register: the answer is longer than 1 MiB, and so much is not read"),
        (Broken::Slow, "not done within 5 s"),
    ] {
        service.is(broken);
        let result = outcome(&lab.world, run(&lab).await, &check).await;
        assert_eq!(result.verdict, Verdict::Fail, "{broken:?}: {}", result.message);
        // The request and the whole have the same limit, and either may be first.
        let slow = broken == Broken::Slow && result.message == "register: no answer within 5 s";
        assert!(slow || result.message == expected, "{broken:?}: {}", result.message);
        until("cleaned up", async || service.devices().is_empty()).await;
    }
    let nobody = check_of_nobody();
    let result = outcome(&lab.world, run(&lab).await, &nobody).await;
    assert_eq!(result.verdict, Verdict::Fail, "{}", result.message);
    let mut unset = definition(&url);
    unset["secrets"] = json!({"key": "env:LIFEBOAT_TEST_NOBODY_SETS_THIS"});
    let unset: Check = serde_json::from_value(unset).unwrap();
    let result = outcome(&lab.world, run(&lab).await, &unset).await;
    assert_eq!(result.verdict, Verdict::Unknown, "nothing was asked: {}", result.message);
    assert!(result.message.contains("LIFEBOAT_TEST_NOBODY_SETS_THIS"), "{}", result.message);
}

/// Nothing listens there.
fn check_of_nobody() -> Check {
    check("http://127.0.0.1:9")
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_clean_up_that_fails_is_told_and_tried_again(owner: PgPool) {
    let (lab, _cluster) = Lab::pretend(owner).await;
    let (service, url) = Service::start().await;
    let (run, check) = (run(&lab).await, check(&url));
    service.is(Broken::Undeletable);
    let passed = outcome(&lab.world, run, &check).await;
    assert_eq!(passed.verdict, Verdict::Pass, "{}", passed.message);
    let told = async || {
        let looked = look(&lab.world, run, &check).await;
        looked.into_iter().find(|it| it.name == "registration clean-up")
    };
    until("told", async || told().await.is_some()).await;
    let fault = told().await.unwrap();
    assert_eq!((fault.verdict, fault.blocking), (Verdict::Fail, false));
    assert_eq!(fault.message, "delete: the answer is 500, expected 2xx: it is tried again");

    for _ in 1..5 {
        time_passes(&lab.world.db).await;
        let tries = async || {
            let sql = "SELECT clean_tries FROM check_runs";
            sqlx::query_scalar::<_, i16>(sql).fetch_one(&lab.world.db).await.unwrap()
        };
        let before = tries().await;
        chain::tidy(&lab.world).await.unwrap();
        until("tried again", async || tries().await > before).await;
    }
    let fault = told().await.unwrap();
    let name = service.devices().remove(0);
    let marker = name.strip_prefix("smoke-").unwrap();
    assert_eq!(
        fault.message,
        format!(
            "delete: the answer is 500, expected 2xx: take away what is called {marker} by hand"
        )
    );
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_a_dying_process_made_is_taken_away_by_the_next(owner: PgPool) {
    let (lab, _cluster) = Lab::pretend(owner).await;
    let (service, url) = Service::start().await;
    let (run, check) = (run(&lab).await, check(&url));
    let dying = World { stop: CancellationToken::new(), ..lab.world.clone() };
    // It registers, and the process dies before it hears of the device.
    service.is(Broken::Silent);
    look(&dying, run, &check).await;
    until("registered", async || service.devices().len() == 1).await;
    dying.stop.cancel();

    service.is(Broken::Nothing);
    chain::tidy(&lab.world).await.unwrap();
    assert_eq!(service.devices().len(), 1, "nobody else comes before it is given up");
    time_passes(&lab.world.db).await;
    chain::tidy(&lab.world).await.unwrap();
    until("found by its marker and deleted", async || service.devices().is_empty()).await;

    let passed = outcome(&lab.world, run, &check).await;
    assert_eq!(passed.verdict, Verdict::Pass, "{}", passed.message);
    until("cleaned up", async || service.devices().is_empty()).await;
    let registered = service.registered();
    assert_eq!(registered.len(), 2, "once more, after what the first had made was gone");
    assert_ne!(registered[0]["name"], registered[1]["name"]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_run_carries_it_out_as_a_step(owner: PgPool) {
    let (lab, _cluster) = Lab::pretend(owner).await;
    let (service, url) = Service::start().await;
    let step = Step::new("smoke", StepKind::Check { check: check(&url) });
    let run = lab.asked_for(Plan::new(vec![step], vec![])).await;
    lab.approve(&run).await;
    let done = lab.execute(run.id).await;
    assert!(matches!(done.state, RunState::Succeeded { .. }), "{:?}", done.state);
    until("cleaned up", async || service.devices().is_empty()).await;
    assert_eq!(service.registered().len(), 1);
}

/// The service of the story is verified by these checks.
async fn checked_by(story: &Story, checks: Value) {
    let service = json!({
        "name": "api", "team": "platform", "policy": "default", "checks": checks,
        "workloads": [{"cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": "api"}]
    });
    let mut tx = story.lab.world.db.begin().await.unwrap();
    let service = serde_json::from_value(service).unwrap();
    store::services::save(&mut tx, &service, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_rollback_is_verified_by_a_customer_that_registers_once(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    let (service, url) = Service::start().await;
    checked_by(&story, json!([definition(&url)])).await;
    story.bad_release().await;
    let verifying = story.rollback("carried out", state("verifying")).await;
    let closed = story.ticked_off(&verifying).await;
    assert_eq!(closed["state_reason"], "verified", "{closed:#}");
    let checks = closed["verification"]["checks"].as_array().unwrap();
    let verdicts: Vec<_> = checks.iter().map(|it| (&it["name"], &it["verdict"])).collect();
    assert_eq!(
        verdicts,
        [(&json!("pods"), &json!("pass")), (&json!("registration"), &json!("pass"))]
    );
    assert_eq!(service.registered().len(), 1, "once, however often it was looked at");
    until("cleaned up", async || service.devices().is_empty()).await;
    assert_eq!(closed["openings"], json!([]));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_rollback_that_does_not_hold_calls_for_an_incident(owner: PgPool) {
    let policy = json!({"name": "default", "mode": "auto", "observation_s": 600,
        "gates": {"clean_before_s": 0}, "rails": {"cooldown_s": 1}});
    let (story, _cluster) = Story::pretend(owner, policy).await;
    story.lab.deploy("api", &["app:1"]).await;
    // Nobody watches a test for ten minutes.
    let sql =
        "UPDATE revisions SET verdict = 'verified', verdict_at = now() WHERE verdict <> 'verified'";
    story
        .eventually("seen", async || {
            let done = sqlx::query(sql).execute(&story.lab.world.db).await.unwrap();
            (done.rows_affected() > 0).then_some(())
        })
        .await;
    story.lab.set_image("api", "app:2-bad").await;
    story.rollback("carried out", state("verifying")).await;
    // Somebody deploys in the middle of the observation.
    story.lab.set_image("api", "app:3").await;
    let closed = story.rollback("closed", state("closed")).await;
    assert_eq!(closed["state_reason"], "not_verified", "{closed:#}");
    let wish = &closed["openings"][0];
    assert_eq!(
        (&wish["kind"], &wish["cause"], &wish["severity"]),
        (&json!("incident"), &json!("not_verified"), &json!("p1"))
    );
    assert!(wish["said"].as_str().unwrap().contains("another version is live"), "{wish:#}");

    let waiting = story.get("/openings?state=open&service=api").await;
    assert_eq!(waiting["items"][0]["id"], wish["id"]);
    let queue = story.get("/attention").await;
    let seen = queue["items"].as_array().unwrap().iter().find(|it| it["kind"] == "incident_wish");
    assert!(seen.is_some(), "{queue:#}");
    let path = format!("/openings/{}/take-up", wish["id"].as_str().unwrap());
    let silent = story.post(&path, &story.engineer, json!({"reason": " "})).await;
    assert_eq!(silent.status, 422, "{}", silent.body);
    let token = story.door.token("viewer", None, &[domain::access::Scope::Read]).await;
    let nobody = story.post(&path, &format!("Bearer {token}"), json!({"reason": "mine"})).await;
    assert_eq!(nobody.status, 403, "{}", nobody.body);
}
