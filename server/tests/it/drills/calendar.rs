//! What the calendar expects, what is planned for it, and what did not happen.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use chrono_tz::Asia::Shanghai;
use domain::access::{Role, Scope};
use domain::calendar::ExpectedDrill;
use futures::future::join_all;
use serde_json::{Value, json};
use server::clock;
use server::workers::calendar::tick;
use sqlx::PgPool;

use super::story::ok;
use crate::world::World;

const LINK: &str = "/api/app/pages/drills/actions/calendar_link";

/// An expected drill that the catalog has stated at this moment.
async fn expect(world: &World, name: &str, schedule: Value, stated_at: DateTime<Utc>) {
    let drill: ExpectedDrill = serde_json::from_value(json!({
        "name": name, "scenario": "PITR", "script": "DR-SQL-01", "schedule": schedule, "headcount": 4,
        "targets": [{"name": "rto", "unit": "s", "limit": 1800.0}],
        "criteria": ["the data is whole"], "follow_ups": ["update the procedure"],
        "source": "glancy-dr-plan.md §4.1",
    }))
    .unwrap();
    let mut tx = world.db.begin().await.unwrap();
    store::calendar::save(&mut tx, &drill, stated_at).await.unwrap();
    tx.commit().await.unwrap();
}

/// As a browser of this role.
async fn person(world: &World, name: &str, role: Role) -> String {
    world.sign_in(name, role).await.1
}

async fn get(world: &World, path: &str, who: &str) -> Value {
    ok(world.call("GET", path, who, Value::Null).await, 200)
}

/// A tabletop for the calendar.
fn tabletop(expected: &str, at: DateTime<Utc>) -> Value {
    json!({
        "expected": expected, "type": "tabletop", "lead": "paula", "planned_at": at,
        "plan": {"steps": [{"kind": "manual", "instruction": "talk it through"}]},
    })
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_did_not_happen_is_missed_by_itself_and_asks_why(owner: PgPool) {
    let world = World::new(owner).await;
    let pmo = person(&world, "paula", Role::Pmo).await;
    let viewer = person(&world, "vera", Role::Viewer).await;
    let now = clock::now();
    // Weeks begin on Monday; the one in which it was stated had begun, and the one of today has not ended.
    expect(&world, "weekly", json!({"every": "week"}), now - TimeDelta::days(21)).await;
    tick(&world.db, Shanghai, now).await.unwrap();
    let missed = get(&world, "/drills?state=missed", &viewer).await["items"].clone();
    let missed = missed.as_array().unwrap();
    assert_eq!(missed.len(), 2, "{missed:#?}");
    tick(&world.db, Shanghai, now).await.unwrap();
    assert_eq!(
        get(&world, "/drills?state=missed", &viewer).await["items"].as_array().unwrap().len(),
        2
    );

    let drill = &missed[0];
    assert_eq!((&drill["scenario"], &drill["script"]), (&json!("PITR"), &json!("DR-SQL-01")));
    assert_eq!((&drill["lead"], &drill["expected"]["name"]), (&Value::Null, &json!("weekly")));
    let path = format!("/drills/{}/explain", drill["number"].as_str().unwrap());
    let why = json!({"reason": "the promotion ran longer"});
    let refused = world.call("POST", &path, &viewer, why.clone()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let empty = world.call("POST", &path, &pmo, json!({"reason": " "})).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", empty.body);
    let said = ok(world.call("POST", &path, &pmo, why).await, 200);
    assert_eq!(said["state_reason"], "the promotion ran longer");

    let since = (now - TimeDelta::days(30)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let calendar = get(&world, &format!("/calendar?since={since}"), &viewer).await;
    let states: Vec<&Value> =
        calendar["items"].as_array().unwrap().iter().map(|it| &it["state"]).take(3).collect();
    assert_eq!(states, ["missed", "missed", "due"]);
    let page = world.get("/drills/calendar", &viewer).await;
    assert!(page.body.contains("PITR") && page.status == StatusCode::OK, "{}", page.body);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_drill_is_planned_for_the_calendar_within_its_time(owner: PgPool) {
    let world = World::new(owner).await;
    let pmo = person(&world, "paula", Role::Pmo).await;
    let now = clock::now();
    let year = now.with_timezone(&Shanghai).year();
    expect(&world, "yearly", json!({"every": "year"}), now - TimeDelta::days(400)).await;
    let soon = now + TimeDelta::minutes(1);

    let drill = ok(world.call("POST", "/drills", &pmo, tabletop("yearly", soon)).await, 201);
    assert_eq!(drill["expected"], json!({"name": "yearly", "period": year.to_string()}));
    assert_eq!((&drill["scenario"], &drill["type"]), (&json!("PITR"), &json!("tabletop")));
    assert_eq!((&drill["headcount"], &drill["service"]), (&json!(4), &Value::Null));
    assert_eq!(drill["targets"][0]["limit"], 1800.0);
    assert_eq!(drill["criteria"][0]["text"], "the data is whole");

    let unknown = world.call("POST", "/drills", &pmo, tabletop("hourly", soon)).await;
    assert_eq!(unknown.json()["errors"][0]["field"], "expected", "{}", unknown.body);

    // One that is put to another time is planned there, and not where it was.
    expect(&world, "monthly", json!({"every": "month"}), now - TimeDelta::days(400)).await;
    let period = now.with_timezone(&Shanghai).format("%Y-%m").to_string();
    let path = format!("/calendar/monthly/{period}/move");
    let (from, until) = (now + TimeDelta::days(100), now + TimeDelta::days(110));
    let to = |reason: &str| json!({"from": from, "until": until, "reason": reason});
    let refused = world.call("POST", &path, &pmo, to("")).await;
    assert_eq!(refused.json()["errors"][0]["field"], "reason", "{}", refused.body);
    let backwards = json!({"from": until, "until": from, "reason": "x"});
    let refused = world.call("POST", &path, &pmo, backwards).await;
    assert_eq!(refused.json()["errors"][0]["field"], "until", "{}", refused.body);
    ok(world.call("POST", &path, &pmo, to("the promotion runs longer")).await, 200);
    let early = world.call("POST", "/drills", &pmo, tabletop("monthly", soon)).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "{}", early.body);
    let there = tabletop("monthly", from + TimeDelta::days(1));
    // The month that is regular there, or the one that was moved there: both are expected.
    ok(world.call("POST", "/drills", &pmo, there).await, 201);
    let since = soon.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let calendar = get(&world, &format!("/calendar?since={since}"), &pmo).await;
    let items = calendar["items"].as_array().unwrap();
    let moved = items.iter().find(|it| it["name"] == "monthly" && it["period"] == period).unwrap();
    assert_eq!(moved["moves"][0]["reason"], "the promotion runs longer");
    assert_eq!(moved["from"], json!(from));

    // Nobody is missed twice: not by the calendar where the drill itself will be.
    let after = now + TimeDelta::days(800);
    tick(&world.db, Shanghai, after).await.unwrap();
    let missed = get(&world, "/drills?state=missed&limit=500", &pmo).await["items"].clone();
    let of_year = |it: &&Value| it["expected"] == drill["expected"];
    assert_eq!(missed.as_array().unwrap().iter().filter(of_year).count(), 0);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_calendar_is_read_by_a_private_link(owner: PgPool) {
    let world = World::new(owner).await;
    let viewer = person(&world, "vera", Role::Viewer).await;
    expect(&world, "quarterly", json!({"every": "quarter"}), clock::now()).await;
    let nobody = world.get("/calendar.ics?token=lb_x", "").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);

    world.post(LINK, &viewer, "link=make").await;
    let page = world.get("/drills/calendar", &viewer).await.body;
    let link = page.split("/calendar.ics?token=").nth(1).unwrap();
    let link: String =
        link.chars().take_while(|it| it.is_ascii_alphanumeric() || *it == '_').collect();
    let link = format!("/calendar.ics?token={link}");
    let feed = world.get(&link, "").await;
    assert_eq!(feed.status, StatusCode::OK);
    assert!(feed.headers["content-type"].to_str().unwrap().starts_with("text/calendar"));
    assert!(feed.body.starts_with("BEGIN:VCALENDAR"), "{}", feed.body);
    assert!(feed.body.contains("UID:quarterly/"), "{}", feed.body);

    world.post(LINK, &viewer, "link=remove").await;
    assert_eq!(world.get(&link, "").await.status, StatusCode::NOT_FOUND);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn fifty_at_once_are_numbered_without_gap_or_double(owner: PgPool) {
    let world = World::new(owner).await;
    let (id, _) = world.sign_in("paula", Role::Pmo).await;
    let scopes = [Scope::Read, Scope::DrillsWrite];
    let token = format!("Bearer {}", world.token("paula", Some(id), &scopes).await);
    let plan = json!({
        "scenario": "talk", "type": "tabletop", "lead": "paula", "planned_at": clock::now(),
        "plan": {"steps": [{"kind": "manual", "instruction": "talk it through"}]},
    });
    let wishes = (0..50).map(|_| world.call("POST", "/drills", &token, plan.clone()));
    let numbers: BTreeSet<String> = join_all(wishes)
        .await
        .into_iter()
        .map(|it| ok(it, 201)["number"].as_str().unwrap().to_owned())
        .collect();
    let day = clock::now().with_timezone(&Shanghai).format("%Y%m%d");
    let expected: BTreeSet<String> = (1..=50).map(|n| format!("DR-{day}-{n:02}")).collect();
    assert_eq!(numbers, expected);
}
