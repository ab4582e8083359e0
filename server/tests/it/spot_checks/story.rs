//! The rows of Glancy's §4.3 as they stand there, entered through the API, and what is refused on the way.

use axum::http::StatusCode;
use domain::access::Role;
use domain::ids::GrantId;
use domain::users::{Grant, GrantState};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{Scene, fields, ok, passed, tasks};

fn kind_of(problem: &Value) -> String {
    problem["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_three_rows_of_the_document_and_one_that_failed(owner: PgPool) {
    let scene = Scene::new(owner).await;

    // 2024-05-12: PITR, a restore point drawn from a day of them, 0 differences.
    let window = json!({"window": {"from": "2024-05-11T00:00:00Z", "to": "2024-05-11T23:00:00Z", "step_s": 3600}});
    let (pitr, sample) = scene.drawn("backup", "PITR 备份校验", 1, window).await;
    assert!(sample[0].starts_with("2024-05-11T"), "{sample:?}");
    let results = passed(&sample, &[("restored", 1.0), ("differences", 0.0)]);
    let row = ok(scene.post(&format!("/{pitr}/results"), &scene.dba, results).await, 200);
    assert_eq!((&row["verdict"], &row["state"]), (&json!("pass"), &json!("recorded")));
    assert_eq!(row["population"]["size"], 24);

    // 2024-06-20: 20 failed tasks of many, 19 by themselves and 1 compensated, closed within 90 minutes.
    let (replay, sample) = scene.drawn("replay", "导出任务重放", 20, tasks(137)).await;
    assert_eq!(sample.len(), 20);
    let mut results = passed(&sample, &[("differences", 0.0)]);
    results["items"][7] = json!({"id": sample[7], "outcome": "compensated", "note": "补发链接"});
    let row = ok(scene.post(&format!("/{replay}/results"), &scene.dba, results).await, 200);
    assert_eq!(row["verdict"], "pass", "{row}");
    let counts = json!({"passed": 19, "compensated": 1, "failed": 0, "skipped": 0});
    assert_eq!(row["results"]["counts"], counts);
    assert_eq!(row["closure_limit_s"], 5400);
    assert!(row["closure_s"].as_f64().unwrap() <= 5400.0, "measured from the draw: {row}");
    let lines = row["findings"].as_array().unwrap();
    assert!(lines.contains(&json!({"what": "in_time", "verdict": "pass"})), "{lines:?}");

    // 2024-08-08: the file loads, and answers 85 % of the requests.
    let file = json!({"items": ["redis_exports.rdb"]});
    let (redis, sample) = scene.drawn("cache_file", "Redis AOF 校验", 1, file).await;
    let results = passed(&sample, &[("loads", 1.0), ("hit_rate", 0.85)]);
    let row = ok(scene.post(&format!("/{redis}/results"), &scene.dba, results).await, 200);
    assert_eq!(row["verdict"], "pass");

    // One that failed: an incident is wished for, and a re-test is due.
    let (failed, sample) =
        scene.drawn("cache_file", "Redis AOF 校验", 1, json!({"items": ["a.rdb"]})).await;
    let results = passed(&sample, &[("loads", 1.0), ("hit_rate", 0.42)]);
    let row = ok(scene.post(&format!("/{failed}/results"), &scene.dba, results).await, 200);
    assert_eq!(row["verdict"], "fail");
    let retest = row["retest"].as_str().unwrap().to_owned();
    let second = scene.get(&format!("/{retest}")).await;
    assert_eq!((&second["retest_of"], &second["state"]), (&json!(failed), &json!("planned")));
    assert_ne!(second["commitment"], row["commitment"], "the re-test has a seed of its own");
    assert!(second["due_on"].is_string() != second["due_unknown"].is_string(), "{second}");
    let check = store::spot_checks::by_number(&scene.world.db, &failed).await.unwrap();
    let wish = store::spot_checks::incident_of(&scene.world.db, &check).await.unwrap();
    assert_eq!(wish, Some(None), "asked for, and not open yet");

    // The PMO accepts what is proven; the failed one, too: it is true.
    for number in [&pitr, &replay, &redis, &failed] {
        let path = format!("/{number}/accept");
        let unproven = scene.post(&path, &scene.pmo, json!({"note": ""})).await;
        assert_eq!(unproven.status, StatusCode::CONFLICT, "{}", unproven.body);
        assert_eq!(kind_of(&unproven.json()), "no-evidence");
        scene.proven(number).await;
        let row = ok(scene.post(&path, &scene.pmo, json!({"note": "合格"})).await, 200);
        assert_eq!(
            (&row["state"], &row["acceptance"]["by"]),
            (&json!("accepted"), &json!("paula"))
        );
    }
    let page = scene.get("?verdict=pass&limit=2").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = scene.get(&format!("?verdict=pass&limit=2&cursor={cursor}")).await;
    assert_eq!((&page["items"][0]["number"], &page["next_cursor"]), (&json!(pitr), &Value::Null));

    let coverage = scene.get("/coverage").await;
    let of = |kind: &str| {
        let lines = coverage["lines"].as_array().unwrap();
        let found = lines.iter().find(|it| it["subject"]["kind"] == kind);
        found.unwrap()["coverage"].clone()
    };
    assert_eq!(
        [of("backup"), of("replay"), of("cache_file"), of("drill")],
        ["covered", "covered", "covered", "nothing"]
    );
    let before = scene.get("/coverage?quarter=2024-Q2").await;
    assert!(before["lines"].as_array().unwrap().iter().all(|it| it["coverage"] != "covered"));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn nobody_chooses_a_sample(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let number = scene.planned("replay", "导出任务重放", 5).await;
    let path = |what: &str| format!("/{number}/{what}");
    let planned = scene.get(&format!("/{number}")).await;
    assert!(planned["commitment"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!((&planned["draw"], &planned["population"]), (&Value::Null, &Value::Null));
    let export = scene.get(&path("export")).await;
    assert_eq!(export["draw"], Value::Null, "the seed is nowhere before the draw");

    let early = scene.post(&path("draw"), &scene.dba, json!({})).await;
    assert_eq!(
        (early.status, kind_of(&early.json())),
        (StatusCode::CONFLICT, "no-population".into())
    );
    ok(scene.post(&path("population"), &scene.dba, tasks(40)).await, 200);
    let other = scene.post(&path("population"), &scene.dba, tasks(41)).await;
    assert_eq!(kind_of(&other.json()), "population-fixed");

    let path_of_draw = path("draw");
    let (one, two) = tokio::join!(
        scene.post(&path_of_draw, &scene.dba, json!({})),
        scene.post(&path_of_draw, &scene.sre, json!({}))
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.body, two.body);
    let drawn = scene.get(&format!("/{number}")).await;
    let again = scene.post(&path("draw"), &scene.dba, json!({})).await;
    assert_eq!(kind_of(&again.json()), "drawn-already");

    // Given up, it stays with what was drawn.
    let reasonless = scene.post(&path("cancel"), &scene.dba, json!({"reason": " "})).await;
    assert_eq!(fields(&reasonless), ["reason"]);
    ok(scene.post(&path("cancel"), &scene.dba, json!({"reason": "清单有误"})).await, 200);
    let kept = scene.get(&format!("/{number}")).await;
    assert_eq!((&kept["state"], &kept["state_reason"]), (&json!("cancelled"), &json!("清单有误")));
    assert_eq!(kept["draw"], drawn["draw"]);
    assert_eq!(scene.get("?state=cancelled").await["items"][0]["number"], json!(number));

    // The log holds the commitment before the population, and the seed after both.
    let details: Vec<Value> =
        sqlx::query_scalar("SELECT details FROM audit WHERE subject = $1 ORDER BY id")
            .bind(format!("spot-checks/{number}"))
            .fetch_all(&scene.world.owner)
            .await
            .unwrap();
    assert_eq!(details[0]["commitment"], planned["commitment"]);
    assert!(details[0]["seed"].is_null() && details[1]["seed"].is_null(), "{details:?}");
    assert_eq!(details[1]["population_digest"], drawn["population"]["digest"]);
    assert_eq!(details[2]["seed"], drawn["draw"]["seed"]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_cannot_be_is_refused_by_its_field(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let plan = |change: Value| {
        let mut body =
            json!({"service": "lookup", "kind": "backup", "item": "x", "sample_size": 1});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for (change, field) in [
        (json!({"service": "nowhere"}), "service"),
        (json!({"kind": "luck"}), "kind"),
        (json!({"item": "a\nb"}), "item"),
        (json!({"sample_size": 0}), "sample_size"),
        (json!({"sample_size": 501}), "sample_size"),
        (json!({"checks": [{"name": "restored", "limit": 1}]}), "checks"),
        (json!({"closure_limit_s": 0}), "closure_limit_s"),
        (json!({"seed": "00"}), "seed"),
    ] {
        let refused = scene.post("", &scene.dba, plan(change.clone())).await;
        assert_eq!(fields(&refused), [field], "{change}");
    }
    let number = scene.planned("backup", "x", 1).await;
    for (body, field) in [
        (json!({}), "items"),
        (json!({"items": []}), "items"),
        (json!({"items": ["a", "a"]}), "items"),
        (
            json!({"items": ["a"], "drills": {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}}),
            "items",
        ),
        (
            json!({"drills": {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}}),
            "drills",
        ),
        (
            json!({"window": {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z", "step_s": 60}}),
            "to",
        ),
    ] {
        let path = format!("/{number}/population");
        assert_eq!(fields(&scene.post(&path, &scene.dba, body.clone()).await), [field], "{body}");
    }
    let drill = scene.planned("drill", "年度抽查", 2).await;
    let path = format!("/{drill}/population");
    assert_eq!(fields(&scene.post(&path, &scene.dba, tasks(3)).await), ["drills"]);

    let sample = scene.sampled(&number, json!({"items": ["a", "b", "c"]})).await;
    let path = format!("/{number}/results");
    let mut stray = passed(&sample, &[("restored", 1.0), ("differences", 0.0)]);
    stray["items"][0]["id"] = json!("another");
    assert_eq!(fields(&scene.post(&path, &scene.dba, stray).await), ["items[0].id", "items"]);
    let typed = passed(&sample, &[("restored", 1.0), ("differences", 0.0), ("closure_s", 1.0)]);
    assert_eq!(fields(&scene.post(&path, &scene.dba, typed).await), ["checks[2].name"]);
    let mut verdict = passed(&sample, &[("restored", 1.0), ("differences", 0.0)]);
    verdict["verdict"] = json!("pass");
    assert_eq!(
        fields(&scene.post(&path, &scene.dba, verdict).await),
        ["verdict"],
        "it is computed"
    );

    for query in
        ["?state=x", "?verdict=good", "?kind=x", "?limit=501", "?sort=number", "?colour=red"]
    {
        let path = format!("/spot-checks{query}");
        let refused = scene.world.call("GET", &path, &scene.sre, Value::Null).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn who_recorded_does_not_accept_and_one_accepts(owner: PgPool) {
    let scene = Scene::new(owner).await;
    // Whoever has both roles has no other right than others.
    let (id, both) = scene.world.sign_in("bo", Role::Dba).await;
    let (_, other) = scene.world.sign_in("peter", Role::Pmo).await;
    let now = server::clock::now();
    let mut db = scene.world.db.acquire().await.unwrap();
    let grant = Grant {
        id: GrantId::NEW,
        user: id,
        role: Role::Pmo,
        requested_by: None,
        requested_at: now,
        state: GrantState::InForce { since: now, approves_from: now },
    };
    store::users::insert_grant(&mut db, &grant).await.unwrap();
    drop(db);
    let (number, sample) = scene.drawn("backup", "x", 1, json!({"items": ["a", "b"]})).await;
    let path = |what: &str| format!("/{number}/{what}");
    let early = scene.post(&path("accept"), &scene.pmo, json!({})).await;
    assert_eq!(kind_of(&early.json()), "not-recorded");
    let results = passed(&sample, &[("restored", 1.0), ("differences", 0.0)]);
    ok(scene.post(&path("results"), &both, results.clone()).await, 200);
    let twice = scene.post(&path("results"), &scene.dba, results).await;
    assert_eq!(kind_of(&twice.json()), "recorded-already");
    scene.proven(&number).await;
    let own = scene.post(&path("accept"), &both, json!({"note": ""})).await;
    assert_eq!((own.status, kind_of(&own.json())), (StatusCode::FORBIDDEN, "own-record".into()));
    let path = path("accept");
    let (one, two) = tokio::join!(
        scene.post(&path, &scene.pmo, json!({"note": "1"})),
        scene.post(&path, &other, json!({"note": "2"}))
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.body, two.body);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_table_of_them_computes_nothing(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let formula = "=HYPERLINK(\"http://evil.example\",\"open\")";
    scene.planned("backup", formula, 1).await;
    scene.planned("replay", "导出任务重放", 1).await;
    let path = "/api/v1/spot-checks.csv?kind=backup";
    let (answer, bytes) = scene.world.download(path, &scene.sre).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<_> = text.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), 2, "the filter holds: {text}");
    assert!(lines[0].starts_with("number,created_at,state,verdict,kind,item,"));
    assert!(lines[1].contains(",\"'=HYPERLINK("), "{}", lines[1]);
    let heads = lines[0].split(',').count();
    assert_eq!(lines[1].replace("http://evil.example\"\",\"\"open", "").split(',').count(), heads);
}
