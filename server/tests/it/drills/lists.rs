//! The ledger as a list: filters, orders, pages, and what is not one of them.

use axum::http::StatusCode;
use domain::access::Role;
use serde_json::Value;
use sqlx::PgPool;

use super::story::ok;
use crate::world::World;

/// Rows that differ in what lists ask for; T1 − T0 is 10 minutes times the place.
const ROWS: &str = r#"
INSERT INTO services (name, team, environment, policy, match_labels, checks, created_at, changed_at)
VALUES ('pay', 'red', '', 'default', '{}', '[]', now(), now()), ('shop', 'blue', '', 'default', '{}', '[]', now(), now());
INSERT INTO drills (number, scenario, script, kind, service_id, steps, lead, participants, planned_by, planned_at,
    closure_limit_s, targets, requirements, injected_at, t0, recovered_at, t1, state, signed_by, signed_at, sign_note,
    outcome, retest_due, created_at, imported_at)
SELECT 'DR-202601' || to_char(n, 'FM00') || '-01', CASE WHEN n % 3 = 0 THEN '数据库时间点恢复' ELSE '整个 Region 切换' END,
    CASE WHEN n % 4 = 0 THEN 'DR-SQL-01' END, CASE WHEN n % 2 = 0 THEN 'tabletop' ELSE 'parallel' END,
    (SELECT id FROM services WHERE name = CASE WHEN n % 2 = 0 THEN 'pay' ELSE 'shop' END), '[]', 'lead-' || n % 5, '{}',
    'user:x', t - n * interval '3 days', 7200, '[]', '[]', t, t, t, t + n * interval '10 min', 'signed_off', 'vera', t, '',
    CASE WHEN n = 5 THEN 'failed' ELSE 'passed' END, CASE WHEN n = 5 THEN t END, t, t
FROM (SELECT n, timestamptz '2026-01-01 12:00:00Z' + n * interval '1 day' AS t FROM generate_series(1, 12) n) rows;
INSERT INTO drills (number, scenario, kind, steps, participants, planned_by, planned_at, closure_limit_s, targets,
    requirements, state, created_at)
VALUES ('DR-20260201-01', 'nobody came', 'walkthrough', '[]', '{}', 'worker:calendar', '2026-02-01T00:00:00Z', 7200, '[]',
    '[]', 'missed', '2026-02-01T00:00:00Z');
"#;

async fn scene(owner: PgPool) -> (World, String) {
    let world = World::new(owner).await;
    let (_, viewer) = world.sign_in("vera", Role::Viewer).await;
    sqlx::raw_sql(ROWS).execute(&world.owner).await.unwrap();
    (world, viewer)
}

async fn numbers(world: &World, who: &str, query: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/drills?limit=5&{query}{cursor}");
        let page = ok(world.call("GET", &path, who, Value::Null).await, 200);
        let items = page["items"].as_array().unwrap();
        numbers.extend(items.iter().map(|it| it["number"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return numbers,
        }
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn every_filter_finds_its_rows(owner: PgPool) {
    let (world, viewer) = scene(owner).await;
    for (query, count) in [
        ("", 13),
        ("state=missed", 1),
        ("state=", 13),
        ("outcome=failed", 1),
        ("type=tabletop", 6),
        ("service=pay", 6),
        ("team=red", 6),
        ("team=none", 0),
        ("lead=lead-1", 3),
        ("q=%E6%97%B6%E9%97%B4%E7%82%B9", 4),
        ("q=%E5%BA%93", 4),
        ("q=region", 8),
        ("q=sql-0", 3),
        ("q=DR-2026011", 3),
        ("q=dr-20260201-01", 1),
        ("q=0105-01", 1),
        ("q=50%25_", 0),
        ("from=2026-01-03&until=2026-01-05", 3),
        ("happened_since=2026-01-12T00:00:00Z", 3),
        ("since=2026-01-31T00:00:00Z", 1),
        ("service=pay&outcome=passed&q=region", 4),
    ] {
        assert_eq!(numbers(&world, &viewer, query).await.len(), count, "{query}");
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn every_order_has_pages_that_follow_one_another(owner: PgPool) {
    let (world, viewer) = scene(owner).await;
    let usual = numbers(&world, &viewer, "").await;
    assert_eq!(usual, numbers(&world, &viewer, "sort=-created_at").await);
    for (word, first) in [
        ("created_at", "DR-20260101-01"),
        ("planned_at", "DR-20260112-01"),
        ("closure_s", "DR-20260201-01"),
        ("number", "DR-20260101-01"),
    ] {
        let up = numbers(&world, &viewer, &format!("sort={word}")).await;
        let mut down = numbers(&world, &viewer, &format!("sort=-{word}")).await;
        assert_eq!(up.len(), 13, "{word}: nothing twice, nothing lost");
        assert_eq!(up[0], first, "{word}");
        down.reverse();
        assert_eq!(up, down, "{word}");
        // And on the page.
        let page = world.get(&format!("/drills?sort={word}"), &viewer).await.body;
        assert!(page.find(&up[1]).unwrap() < page.find(&up[11]).unwrap(), "{word}");
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_no_filter_is_said(owner: PgPool) {
    let (world, viewer) = scene(owner).await;
    for (query, field) in [
        ("sort=lead", "sort"),
        ("state=open", "state"),
        ("outcome=good", "outcome"),
        ("type=fire", "type"),
        ("from=yesterday", "from"),
        ("since=2026", "since"),
        ("happened_until=2026", "happened_until"),
    ] {
        for path in [format!("/drills?{query}"), format!("/drills.csv?{query}")] {
            let answer = world.call("GET", &path, &viewer, Value::Null).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
            assert_eq!(answer.json()["errors"][0]["field"], field, "{path}");
        }
        for path in [format!("/drills?{query}"), format!("/drills/print?{query}")] {
            let page = world.get(&path, &viewer).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
            assert!(page.body.contains("筛选条件不对") && !page.body.contains("DR-2026"), "{path}");
        }
    }
    for query in ["cursor=x", "limit=0", "colour=red", "lang=en"] {
        let answer = world.call("GET", &format!("/drills?{query}"), &viewer, Value::Null).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    for query in ["limit=5", "cursor=x", "lang=fr"] {
        let answer = world.call("GET", &format!("/drills.csv?{query}"), &viewer, Value::Null).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    // A cursor of one order is none of another.
    let page = world.call("GET", "/drills?limit=2", &viewer, Value::Null).await.json();
    let next = page["next_cursor"].as_str().unwrap();
    let path = format!("/drills?sort=closure_s&cursor={next}");
    let answer = world.call("GET", &path, &viewer, Value::Null).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn files_and_print_keep_the_filter(owner: PgPool) {
    let (world, viewer) = scene(owner).await;
    let page = world.get("/drills?team=red&sort=number", &viewer).await.body;
    for link in ["/api/v1/drills.csv?", "/api/v1/drills.xlsx?", "/drills/print?"] {
        let at = page.find(link).unwrap_or_else(|| panic!("{link} is not in {page}"));
        let href = page[at..].split('"').next().unwrap();
        assert!(href.contains("team=red") && href.contains("sort=number"), "{href}");
    }
    assert!(!page.contains("/drills/import"), "not for who may not");
    let csv = world.get("/api/v1/drills.csv?team=red&sort=number&lang=en", &viewer).await.body;
    let lines: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), 7);
    assert!(lines[0].starts_with("Number,State,Outcome,Scenario,"), "{}", lines[0]);
    assert!(lines[1].starts_with("DR-20260102-01,Signed off,Passed,"), "{}", lines[1]);
    assert!(lines[1].contains("2026-01-03 20:00:00 +08:00"), "{}", lines[1]);
    let sheets = world.get("/drills/print?team=red&sort=number", &viewer).await.body;
    assert_eq!(sheets.matches("class=\"panel sheet\"").count(), 6);
}
