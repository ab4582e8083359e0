//! Trends, the close of a quarter, and what it leaves behind.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Role, Scope};
use domain::plans::{Step, StepKind};
use domain::rollbacks::Verification;
use domain::trends::{Period, Unit};
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use crate::world::World;

const ZONE: chrono_tz::Tz = chrono_tz::Asia::Shanghai;

/// The quarter that goes on.
fn this_quarter() -> Period {
    Period::of(Unit::Quarter, clock::now().with_timezone(&ZONE).date_naive())
}

/// The quarter before, which is over.
pub(crate) fn last_quarter() -> Period {
    this_quarter().previous()
}

/// So many days into the last quarter.
fn day(days: i64) -> DateTime<Utc> {
    last_quarter().starts(&ZONE) + TimeDelta::days(days)
}

/// A service, two drills, one of them missed, and three rollbacks of the last quarter.
async fn ledger(world: &World) {
    let service = "INSERT INTO services (name, team, environment, policy, match_labels, checks, created_at, changed_at)
                   VALUES ('pay', 'money', '', 'default', '{}', '[]', now(), now())";
    world.write(service).await;
    let steps = json!([Step::new("settle", StepKind::Wait { seconds: 0 })]);
    for (number, state, t0, t1) in [
        ("DR-19990101-01", "signed_off", Some(day(3)), Some(day(3) + TimeDelta::minutes(100))),
        ("DR-19990101-02", "missed", None, None),
    ] {
        let moment = |it: Option<DateTime<Utc>>| {
            it.map_or("NULL".to_owned(), |it| format!("'{}'", it.to_rfc3339()))
        };
        let (t0, t1, planned) = (moment(t0), moment(t1), day(9).to_rfc3339());
        let signed = if state == "signed_off" {
            "'pmo', now(), 'fine', 'passed'"
        } else {
            "NULL, NULL, NULL, NULL"
        };
        world
            .write(&format!(
                "INSERT INTO drills (number, scenario, kind, service_id, steps, lead, participants, planned_by, planned_at,
                     closure_limit_s, targets, requirements, injected_at, t0, recovered_at, t1, state, signed_by,
                     signed_at, sign_note, outcome, created_at)
                 SELECT '{number}', 'failover', 'simulation', id, '{steps}', 'sre', '{{}}', 'user:sre', '{planned}', 7200,
                     '[]', '[]', {t0}, {t0}, {t0}, {t1}, '{state}', {signed}, now()
                 FROM services"
            ))
            .await;
    }
    let trigger = json!({"kind": "person", "by": null, "name": "sre", "reason_kind": "function_down", "reason": ""});
    let verification = json!(Verification::default());
    for (number, closure, automatic) in
        [("01", "verified", true), ("02", "not_verified", true), ("03", "verified", false)]
    {
        let at = day(20).to_rfc3339();
        world
            .write(&format!(
                "INSERT INTO rollbacks (id, number, service_id, trigger, state, state_reason, closure, onset_at,
                     detected_at, decided_at, approved_at, executed_at, healthy_at, verification, observation_s,
                     created_at, ended_at, cause, automatic)
                 SELECT gen_random_uuid(), 'RB-19990101-{number}', id, '{trigger}', 'closed', '', '{closure}', t,
                     t + interval '7 s', t + interval '8 s', t + interval '9 s', t + interval '20 s',
                     t + interval '23 s', '{verification}', 900, t, t, 'code_defect', {automatic}
                 FROM services, (SELECT '{at}'::timestamptz AS t) o"
            ))
            .await;
    }
}

impl World {
    /// As the owner of the database, past the product.
    pub(crate) async fn write(&self, sql: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&self.owner).await.unwrap();
    }

    pub(crate) async fn read(&self, path: &str, who: &str) -> Value {
        let answer = self.call("GET", path, who, Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.json()
    }
}

/// The worlds of these tests: an SRE, somebody of the PMO, and the ledger.
pub(crate) async fn world(pool: PgPool) -> (World, String, String) {
    let world = World::new(pool).await;
    let (_, sre) = world.sign_in("sre", Role::Sre).await;
    let (_, pmo) = world.sign_in("pmo", Role::Pmo).await;
    ledger(&world).await;
    world.seal().await;
    (world, sre, pmo)
}

fn numbers(page: &Value) -> Vec<&str> {
    let mut numbers: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|it| it["number"].as_str().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn figures_are_counted_from_rows_that_can_be_opened(pool: PgPool) {
    let (world, sre, _) = world(pool).await;
    let last = last_quarter();
    let trends = world.read(&format!("/trends?to={last}&service=pay&team=money"), &sre).await;
    assert_eq!(trends["periods"].as_array().unwrap().len(), 8);
    assert_eq!(trends["compared"], json!({"period": last, "before": last.previous()}));
    let (before, point) = (&trends["periods"][6], &trends["periods"][7]);
    let figures = &point["figures"];
    assert_eq!(point["period"], json!(last));
    assert_eq!(
        figures["drills"],
        json!({"expected": 2, "missed": 1, "signed": 1, "passed": 1, "failed": 0})
    );
    assert_eq!(
        figures["closure"],
        json!({"count": 1, "over": 0, "median_s": 6000.0, "worst_s": 6000.0})
    );
    assert_eq!(figures["mttd"], json!({"count": 3, "mean_s": 8.0, "worst_s": 8.0}));
    let automatic = json!({"met": 1, "missed": 1, "unknown": 0, "ratio": 0.5});
    assert_eq!(figures["rollbacks"]["automatic_success"], automatic);
    // Nothing is not 0%.
    assert_eq!(before["figures"]["rollbacks"]["automatic_rate"], Value::Null);
    assert_eq!(before["figures"]["rto_attainment"]["ratio"], Value::Null);

    let (since, until) = (point["since"].as_str().unwrap(), point["until"].as_str().unwrap());
    let rows = format!("/rollbacks?since={since}&until={until}&service=pay&team=money");
    assert_eq!(world.read(&rows, &sre).await["items"].as_array().unwrap().len(), 3);
    let automatic = world.read(&format!("{rows}&automatic=true&cause=code_defect"), &sre).await;
    assert_eq!(numbers(&automatic), ["RB-19990101-01", "RB-19990101-02"]);
    let failed = world.read(&format!("{rows}&closure=not_verified&drill=false"), &sre).await;
    assert_eq!(numbers(&failed), ["RB-19990101-02"]);
    let earlier = format!("/rollbacks?until={since}");
    assert_eq!(numbers(&world.read(&earlier, &sre).await), Vec::<&str>::new());
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_asked_for_has_to_make_sense(pool: PgPool) {
    let (world, sre, _) = world(pool).await;
    for (query, field) in [
        ("unit=week", "unit"),
        ("to=2026-Q5", "to"),
        ("source=both", "source"),
        ("colour=red", "colour"),
    ] {
        let answer = world.call("GET", &format!("/trends?{query}"), &sre, Value::Null).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {}", answer.body);
        assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.body);
    }
    let other = format!("/trends?unit=month&to={}", last_quarter());
    let months = world.read(&other, &sre).await;
    assert_eq!(months["periods"].as_array().unwrap().len(), 12);
    assert_eq!(months["compared"]["period"], json!(last_quarter().months()[2]));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_page_shows_each_point_as_a_way_to_its_rows(pool: PgPool) {
    let (world, sre, _) = world(pool).await;
    let last = last_quarter();
    let page = world.get(&format!("/trends?to={last}"), &sre).await;
    assert_eq!(page.status, StatusCode::OK);
    let links: Vec<_> = page
        .body
        .split("<a href=\"/")
        .skip(1)
        .filter_map(|it| it.split('"').next())
        .filter(|it| it.starts_with("drills?") || it.starts_with("rollbacks?"))
        .map(|it| format!("/{}", it.replace("&amp;", "&")))
        .collect();
    assert!(links.len() > 10, "{links:?}");
    let shown = async |contains: &str, number: &str| {
        let link = links.iter().find(|it| it.contains(contains)).expect(contains);
        world.get(link, &sre).await.body.contains(number)
    };
    assert!(shown("state=missed", "DR-19990101-02").await);
    assert!(!shown("state=missed", "DR-19990101-01").await);
    assert!(shown("automatic=true", "RB-19990101-01").await);
    assert!(!shown("automatic=true", "RB-19990101-03").await);
    let empty = world.get("/trends?to=1999-Q1", &sre).await;
    assert_eq!(empty.status, StatusCode::OK);
    assert!(!empty.body.contains("id=\"compared\""), "no rows have no figures");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_quarter_is_closed_once_and_its_past_stays(pool: PgPool) {
    let (world, sre, pmo) = world(pool).await;
    let (last, path) = (last_quarter(), format!("/quarters/{}/close", last_quarter()));
    let robot = format!("Bearer {}", world.token("robot", None, &[Scope::Read]).await);
    for who in [&sre, &robot] {
        let answer = world.call("POST", &path, who, json!({})).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    }
    let early = format!("/quarters/{}/close", this_quarter());
    let refused = world.call("POST", &early, &pmo, json!({})).await;
    assert_eq!((refused.status, kind(&refused.json())), (StatusCode::CONFLICT, "not-ended".into()));
    let none = world.call("POST", "/quarters/2026-13/close", &pmo, json!({})).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.call("GET", &format!("/quarters/{last}"), &sre, json!({})).await.status, 404);

    let closed = world.call("POST", &path, &pmo, json!({})).await;
    assert_eq!(closed.status, StatusCode::CREATED, "{}", closed.body);
    let closed = closed.json();
    assert_eq!((closed["rows"].as_u64(), &closed["closed_by"]), (Some(5), &json!("pmo")));
    assert!(closed["audit"]["entry"].as_i64().is_some());
    let again = world.call("POST", &path, &pmo, json!({})).await;
    assert_eq!(
        (again.status, kind(&again.json())),
        (StatusCode::CONFLICT, "closed-already".into())
    );

    let quarter = world.read(&format!("/quarters/{last}"), &sre).await;
    assert_eq!((&quarter["digest"], &quarter["addendum"]), (&closed["digest"], &json!([])));
    let rows = world.read(&format!("/quarters/{last}/rows?limit=2"), &sre).await;
    assert_eq!(rows["items"][0]["subject"], "drills/DR-19990101-01");
    let cursor = rows["next_cursor"].as_str().unwrap();
    let rest = world.read(&format!("/quarters/{last}/rows?cursor={cursor}"), &sre).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 3);

    // Long afterwards somebody changes a row past the product.
    world.write("UPDATE drills SET sign_note = 'better' WHERE number = 'DR-19990101-01'").await;
    world.write("UPDATE rollbacks SET closure = 'unknown' WHERE number = 'RB-19990101-02'").await;
    let later = world.read(&format!("/quarters/{last}"), &sre).await;
    assert_eq!((&later["digest"], &later["figures"]), (&quarter["digest"], &quarter["figures"]));
    let fields = |n: usize| later["addendum"][n]["fields"].clone();
    assert_eq!(fields(0), json!([{"name": "sign_note", "closed": "fine", "now": "better"}]));
    assert_eq!(fields(1), json!([{"name": "closure", "closed": "not_verified", "now": "unknown"}]));
    let page = world.get(&format!("/quarters/{last}"), &sre).await;
    assert!(page.body.contains("fine → better"), "{}", page.body);
    let list = world.read("/quarters", &sre).await;
    assert_eq!(list["items"][0]["quarter"], json!(last));
    let audit = world.audit().await;
    assert_eq!(audit, [("user".to_owned(), "close_quarter".to_owned())]);
}

fn kind(problem: &Value) -> String {
    let kind = problem["type"].as_str().unwrap();
    kind.rsplit('/').next().unwrap().to_owned()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_page_closes_it_too(pool: PgPool) {
    let (world, sre, pmo) = world(pool).await;
    let page = format!("/quarters/{}", last_quarter());
    let form = "/api/app/pages/quarters/actions/close_quarter";
    assert!(world.get(&page, &pmo).await.body.contains(form));
    assert!(!world.get(&page, &sre).await.body.contains(form));
    let current = format!("/quarters/{}", this_quarter());
    assert!(!world.get(&current, &pmo).await.body.contains(form));
    let sent = world.submit(form, &pmo, &page, &format!("id={}", last_quarter())).await;
    assert!(sent.starts_with(&page), "{sent}");
    let shown = world.get(&page, &sre).await;
    assert!(shown.body.contains("DR-19990101-02") && !shown.body.contains(form));
    assert_eq!(world.get("/quarters/2026-13", &sre).await.status, StatusCode::NOT_FOUND);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn rows_that_lack_something_are_named_month_by_month(pool: PgPool) {
    let (world, sre, _) = world(pool).await;
    let month = last_quarter().months()[0];
    let found = world.read(&format!("/reconciliation?month={month}"), &sre).await;
    assert_eq!(
        found["items"],
        json!([
            {"subject": "drills/DR-19990101-01", "service": "pay", "gaps": ["no_evidence", "no_bundle"]},
            {"subject": "drills/DR-19990101-02", "service": "pay", "gaps": ["no_retest"]},
            {"subject": "rollbacks/RB-19990101-02", "service": "pay", "gaps": ["no_follow_up"]},
        ])
    );
    let page = world.get(&format!("/reconciliation?month={month}"), &sre).await;
    assert!(page.body.contains("RB-19990101-02") && !page.body.contains("RB-19990101-01"));
    let wrong = world.call("GET", "/reconciliation?month=2026-Q1", &sre, Value::Null).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}
