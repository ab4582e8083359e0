//! Targets of a drill, measured by Debian's Prometheus over an application that the test makes slow and quick.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Role, Scope};
use serde_json::{Value, json};
use server::clock;
use server::workers::measurer;
use sqlx::PgPool;

use super::story::ok;
use crate::objectives::worker;
use crate::prometheus::{Prometheus, serve, until};
use crate::world::World;

/// What the application says of itself: how slow it is and how full its cache.
#[derive(Default)]
struct App {
    p95: AtomicU64,
    hit_rate: AtomicU64,
}

impl App {
    fn is(&self, p95: f64, hit_rate: f64) {
        self.p95.store(p95.to_bits(), Ordering::SeqCst);
        self.hit_rate.store(hit_rate.to_bits(), Ordering::SeqCst);
    }

    fn scrape(&self) -> String {
        let read = |it: &AtomicU64| f64::from_bits(it.load(Ordering::SeqCst));
        let (p95, hit_rate) = (read(&self.p95), read(&self.hit_rate));
        format!(
            "p95_seconds {p95}\nhit_rate {hit_rate}\nby_path{{path=\"a\"}} 1\nby_path{{path=\"b\"}} 1\n"
        )
    }

    fn router(self: Arc<Self>) -> Router {
        Router::new().route("/metrics", get(move || std::future::ready(self.scrape())))
    }
}

impl Prometheus {
    /// Until it has seen this to be so for some seconds.
    async fn sees(&self, what: &str) {
        until(what, async || {
            let answer = self.now(what).await?;
            (!answer["data"]["result"].as_array()?.is_empty()).then_some(())
        })
        .await;
    }
}

/// A drill that began and was back at these moments, with these targets.
async fn rehearsed(
    owner: &PgPool,
    number: &str,
    targets: &Value,
    t0: DateTime<Utc>,
    back: DateTime<Utc>,
) {
    sqlx::query(
        "INSERT INTO drills (number, scenario, kind, steps, lead, participants, planned_by, planned_at, closure_limit_s,
             targets, requirements, injected_at, t0, recovered_at, t1, state, created_at)
         VALUES ($1, 'cost guard', 'simulation', $2, 'lena', '{}', 'user:lena', $3, 7200,
             $4, '[]', $3, $3, $5, $5, 'evidence_complete', $3)",
    )
    .bind(number)
    .bind(json!([domain::plans::Step::new("settle", domain::plans::StepKind::Wait { seconds: 0 })]))
    .bind(t0)
    .bind(targets)
    .bind(back)
    .execute(owner)
    .await
    .unwrap();
}

async fn who(world: &World, name: &str, role: Role) -> String {
    let (id, _) = world.sign_in(name, role).await;
    let scopes = [Scope::Read, Scope::DrillsWrite, Scope::Approve];
    format!("Bearer {}", world.token(name, Some(id), &scopes).await)
}

fn target(name: &str, unit: &str, limit: f64, measure: Value) -> Value {
    json!({"name": name, "unit": unit, "comparison": "at_most", "limit": limit, "measure": measure})
}

fn code(it: &Value) -> &str {
    it["result"]["code"].as_str().unwrap_or_default()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn targets_are_measured_once_the_window_is_over_and_judged(owner: PgPool) {
    let world = World::new(owner.clone()).await;
    let (lead, pmo) = (who(&world, "lena", Role::Sre).await, who(&world, "paula", Role::Pmo).await);
    let app = Arc::new(App::default());
    app.is(0.2, 0.95);
    let prometheus = Prometheus::start(&serve(app.clone().router()).await).await;
    prometheus.sees("count_over_time(p95_seconds[9s]) >= 16").await;
    let t0 = clock::now();
    app.is(0.3, 0.1);
    prometheus.sees("max_over_time(hit_rate[3s]) < 0.5").await;
    app.is(0.2, 0.9);
    prometheus.sees("min_over_time(hit_rate[4s]) >= 0.8").await;
    let back = clock::now();

    let broken = serve(Router::new().fallback(async || StatusCode::SERVICE_UNAVAILABLE)).await;
    let slow = serve(Router::new().fallback(std::future::pending::<StatusCode>)).await;
    let of = |query: &str, more: Value| {
        let mut it = json!({"prometheus": prometheus.url, "query": query, "take": "max", "step_s": 1, "coverage": 0.6});
        it.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        it
    };
    let until = json!({"take": "time_until", "until": {"comparison": "at_least", "limit": 0.8, "hold_s": 2}});
    let targets = json!([
        target("p95", "s", 1.1, of("p95_seconds", json!({"baseline_s": 4}))),
        target("p95_doubled", "s", 2.0, of("p95_seconds", json!({"baseline_s": 4}))),
        target("hit_rate_recovery", "s", 60.0, of("hit_rate", until)),
        target("last", "s", 0.25, of("p95_seconds", json!({"take": "last"}))),
        target("absent", "s", 1.0, of("nobody_counts_this", json!({}))),
        target("nan", "s", 1.0, of("vector(0) / vector(0)", json!({}))),
        target("several", "s", 9.0, of("by_path", json!({}))),
        target("wrong", "s", 9.0, of("no_such_function(up)", json!({}))),
        target("broken", "s", 9.0, of("up", json!({"prometheus": format!("http://{broken}")}))),
        target("slow", "s", 9.0, of("up", json!({"prometheus": format!("http://{slow}")}))),
        target("nowhere", "s", 9.0, json!({"query": "up", "take": "max"})),
        // Of the future there is nothing to ask.
        target("later", "s", 9.0, of("up", json!({"from": "recovered", "for_s": 3600}))),
    ]);
    rehearsed(&owner, "DR-20200101-01", &targets, t0, back).await;
    let worker = worker(&world.db);
    let path = |what: &str| format!("/drills/DR-20200101-01{what}");
    let shown = async || ok(world.call("GET", &path(""), &lead, Value::Null).await, 200);
    crate::prometheus::until("the window is over", async || {
        let looked = tokio::time::timeout(Duration::from_secs(30), measurer::tick(&worker)).await;
        looked.expect("nothing is waited for without end").unwrap();
        (shown().await["measurements"].as_array().unwrap().len() >= 11).then_some(())
    })
    .await;

    let drill = shown().await;
    let found = |name: &str| {
        let all = drill["measurements"].as_array().unwrap();
        all.iter().find(|it| it["name"] == name).cloned().unwrap_or_default()
    };
    let p95 = found("p95");
    assert_eq!((&p95["value"], &p95["verdict"]), (&json!(0.3), &json!("fail")), "{p95:#}");
    assert_eq!(
        (&p95["result"]["baseline"]["value"], &p95["query"]),
        (&json!(0.2), &json!("p95_seconds"))
    );
    assert_eq!(found("p95_doubled")["verdict"], "pass");
    assert_eq!((&found("last")["value"], &found("last")["verdict"]), (&json!(0.2), &json!("pass")));
    let hit_rate = found("hit_rate_recovery");
    let took = hit_rate["value"].as_f64().unwrap();
    assert!(took >= 2.0 && took <= (back - t0).num_milliseconds() as f64 / 1000.0, "{hit_rate:#}");
    assert_eq!(hit_rate["verdict"], "pass");
    for (name, says, why) in [
        ("absent", "no_data", ""),
        ("nan", "not_a_number", ""),
        ("several", "many_series", ""),
        ("wrong", "no_answer", "no_such_function"),
        ("broken", "no_answer", "503"),
        ("slow", "no_answer", "within 5 s"),
        ("nowhere", "no_source", "which Prometheus"),
    ] {
        let it = found(name);
        assert_eq!(
            (code(&it), &it["verdict"], &it["value"]),
            (says, &json!("unknown"), &Value::Null),
            "{it:#}"
        );
        assert!(it["result"]["reason"].as_str().unwrap_or_default().contains(why), "{it:#}");
    }
    assert_eq!(found("later"), Value::Null);

    // The readings are kept, and the log says what was found.
    let kept = ok(world.call("GET", "/measurements?name=p95", &lead, Value::Null).await, 200);
    let id = kept["items"][0]["id"].as_str().unwrap().to_owned();
    let kept = ok(world.call("GET", &format!("/measurements/{id}"), &lead, Value::Null).await, 200);
    assert!(kept["samples"].as_array().unwrap().len() >= 8, "{kept:#}");
    let observed = world.audit().await.iter().filter(|it| it.1 == "observe").count();
    assert!(observed >= 11, "{observed}");

    // The page says why, in the reader's words.
    let (_, browser) = world.sign_in("rita", Role::Viewer).await;
    let page = world.get(&path(""), &browser).await.body;
    for part in
        ["指标在该时段没有数据", "指标只有 NaN", "查询得到 2 条序列", "窗口结束后测量", "T0 前基线"]
    {
        assert!(page.contains(part), "{part} is not in {page}");
    }

    // A missed one needs an explanation; what is unknown makes it incomplete and no more.
    let refused = world.call("POST", &path("/sign-off"), &pmo, json!({})).await;
    assert_eq!(refused.json()["refusals"][0]["code"], "target_unexplained", "{}", refused.body);
    assert_eq!(refused.json()["refusals"].as_array().unwrap().len(), 1);
    let issue = json!({"text": "slow", "about": "p95", "class": "capacity", "cause": "one node", "remedy": "two"});
    ok(world.call("POST", &path("/issues"), &lead, issue).await, 201);
    let worse = json!({"outcome": "passed"});
    let refused = world.call("POST", &path("/sign-off"), &pmo, worse).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    let signed = ok(world.call("POST", &path("/sign-off"), &pmo, json!({})).await, 200);
    assert_eq!(signed["outcome"], "failed");
    measurer::tick(&worker).await.unwrap();
    assert_eq!(
        shown().await["measurements"],
        drill["measurements"],
        "nothing is added to what is signed"
    );
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_was_unknown_is_measured_when_the_source_is_back(owner: PgPool) {
    let world = World::new(owner.clone()).await;
    let lead = who(&world, "lena", Role::Sre).await;
    let app = Arc::new(App::default());
    app.is(0.2, 0.9);
    let prometheus = Prometheus::start(&serve(app.router()).await).await;
    prometheus.sees("count_over_time(p95_seconds[6s]) >= 10").await;
    let back = clock::now() - TimeDelta::seconds(1);
    // The catalog knows another address at first.
    let cluster = json!({"name": "lab", "kubeconfig": "env:X", "context": "lab", "prometheus": "http://127.0.0.1:9"});
    let cluster: domain::clusters::Cluster = serde_json::from_value(cluster).unwrap();
    let mut tx = world.db.begin().await.unwrap();
    store::clusters::save(&mut tx, &cluster, clock::now()).await.unwrap();
    let service = json!({"name": "pay", "workloads": [
        {"cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": "pay"}]});
    let service = serde_json::from_value(service).unwrap();
    let service = store::services::save(&mut tx, &service, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
    let targets = json!([target(
        "p95",
        "s",
        1.0,
        json!({"query": "p95_seconds", "take": "max", "step_s": 1, "coverage": 0.5})
    )]);
    rehearsed(&owner, "DR-20200101-01", &targets, back - TimeDelta::seconds(3), back).await;
    sqlx::query("UPDATE drills SET service_id = $1").bind(service.0).execute(&owner).await.unwrap();
    let worker = worker(&world.db);
    let first = async || {
        measurer::tick(&worker).await.unwrap();
        let it = world.call("GET", "/drills/DR-20200101-01", &lead, Value::Null).await.json();
        it["measurements"].get(0).cloned()
    };
    let away = until("looked at", first).await;
    assert_eq!(
        (code(&away), &away["source"]),
        ("no_answer", &json!("prometheus of lab")),
        "{away:#}"
    );

    let mut tx = world.db.begin().await.unwrap();
    let cluster = domain::clusters::Cluster { prometheus: Some(prometheus.url.clone()), ..cluster };
    store::clusters::save(&mut tx, &cluster, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
    let known = until("measured", async || first().await.filter(|it| code(it) == "value")).await;
    assert_eq!((&known["value"], &known["verdict"]), (&json!(0.2), &json!("pass")));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_plan_says_how_its_targets_are_measured(owner: PgPool) {
    let world = World::new(owner).await;
    let pmo = who(&world, "paula", Role::Pmo).await;
    let plan = |measure: Value| {
        json!({
            "scenario": "guard", "type": "tabletop", "lead": "paula", "planned_at": clock::now(),
            "plan": {"steps": [{"kind": "manual", "instruction": "look"}]},
            "targets": [{"name": "p95", "unit": "s", "limit": 1.1, "measure": measure}],
        })
    };
    let good = json!({"query": "p95_seconds", "take": "avg", "to": "t1", "baseline_s": 600});
    let planned = ok(world.call("POST", "/drills", &pmo, plan(good.clone())).await, 201);
    assert_eq!(planned["targets"][0]["measure"], good);
    for (measure, field) in [
        (json!({"query": "sum(", "take": "max"}), "targets[0].measure.query"),
        (json!({"query": "up", "take": "time_until"}), "targets[0].measure.until"),
        // The server asks only where the catalog has it ask.
        (
            json!({"query": "up", "take": "max", "prometheus": "http://10.0.0.1:9090"}),
            "targets[0].measure.prometheus",
        ),
    ] {
        let refused = world.call("POST", "/drills", &pmo, plan(measure.clone())).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{measure}: {}", refused.body);
        assert_eq!(refused.json()["errors"][0]["field"], field, "{}", refused.body);
    }
    let unknown = json!({"query": "up", "take": "max", "nonsense": 1});
    let refused = world.call("POST", "/drills", &pmo, plan(unknown)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);

    // The form takes the same in one line.
    let (_, browser) = world.sign_in("rita", Role::Pmo).await;
    let form = |targets: &str| {
        let pairs = [
            ("scenario", "guard"),
            ("kind", "tabletop"),
            ("lead", "paula"),
            ("planned_at", "2026-12-02T10:00"),
            ("steps", "[pauses replication] stop it\n[resumes replication] start it"),
            ("targets", targets),
        ];
        reqwest::Url::parse_with_params("http://form/", &pairs).unwrap().query().unwrap().to_owned()
    };
    let action = "/api/app/pages/drills/actions/plan_drill";
    let line = "p95 <= 1.1 x before 600s s | max t0..t1 step 30s | max(p95_seconds) or vector(0)";
    let there = world.submit(action, &browser, "/drills/new", &form(line)).await;
    let number = there.trim_start_matches("/drills/").split('?').next().unwrap().to_owned();
    let drill = ok(world.call("GET", &format!("/drills/{number}"), &pmo, Value::Null).await, 200);
    assert_eq!(
        drill["targets"][0]["measure"]["query"], "max(p95_seconds) or vector(0)",
        "{drill:#}"
    );
    assert_eq!(drill["targets"][0]["measure"]["baseline_s"], 600);
    assert_eq!(drill["plan"]["steps"][0]["protection"], json!({"pauses": "replication"}));
    let page = world.get(&there, &browser).await.body;
    assert!(page.contains("暂停保护 replication") && page.contains("≤ 1.1 × T0 前基线"), "{page}");
    let back = world.submit(action, &browser, "/drills/new", &form("p95 < 1")).await;
    let again = world.get(&back, &browser).await.body;
    assert!(again.contains("p95 &lt; 1"), "what was typed comes back: {again}");
}
