//! Re-tests: when they are due, how they are asked for, and that nobody gets rid of one.

use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::access::Role;
use serde_json::{Value, json};
use server::workers::spot_checks::tick;
use sqlx::PgPool;

use super::{Scene, ok, passed};

impl Scene {
    /// A check that failed; its number and that of its re-test.
    async fn failed(&self) -> (String, String) {
        let (number, sample) = self.drawn("backup", "PITR", 1, json!({"items": ["a", "b"]})).await;
        let retest = self.fails(&number, &sample).await;
        (number, retest)
    }

    async fn fails(&self, number: &str, sample: &[String]) -> String {
        let results = passed(sample, &[("restored", 1.0), ("differences", 7.0)]);
        let row = ok(self.post(&format!("/{number}/results"), &self.dba, results).await, 200);
        assert_eq!(row["verdict"], "fail");
        row["retest"].as_str().unwrap().to_owned()
    }

    async fn escalations(&self, number: &str) -> Vec<Value> {
        let details = sqlx::query_scalar(
            "SELECT details -> 'escalation' FROM audit WHERE subject = $1 AND action = 'escalate' ORDER BY id",
        );
        let details = details.bind(format!("spot-checks/{number}"));
        details.fetch_all(&self.world.owner).await.unwrap()
    }

    /// Two years around now, so that the test does not depend on the day on which it runs.
    async fn calendar_is_known(&self) {
        let (_, admin) = self.world.sign_in("adam", Role::Admin).await;
        let this = today().format("%Y").to_string().parse::<i32>().unwrap();
        for year in [this, this + 1] {
            ok(import(self, &admin, year).await, 200);
        }
    }
}

fn today() -> NaiveDate {
    server::clock::now().with_timezone(&chrono_tz::Asia::Shanghai).date_naive()
}

async fn import(scene: &Scene, who: &str, year: i32) -> crate::world::Answer {
    let body = json!({
        "source": "test", "holidays": {format!("{year}-01-01"): "元旦"}, "workdays": {},
    });
    scene.world.call("PUT", &format!("/holidays/{year}"), who, body).await
}

fn noon(day: NaiveDate) -> DateTime<Utc> {
    day.and_hms_opt(4, 0, 0).unwrap().and_utc()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_retest_is_asked_for_before_and_after_its_day(owner: PgPool) {
    let scene = Scene::new(owner).await;
    scene.calendar_is_known().await;
    let (_, retest) = scene.failed().await;
    let row = scene.get(&format!("/{retest}")).await;
    let due: NaiveDate = row["due_on"].as_str().unwrap().parse().unwrap();
    let calendar = store::holidays::calendar(&scene.world.db, today()).await.unwrap();
    assert_eq!(calendar.add(today(), 5), Ok(due));
    assert_eq!(row["escalation"], "none");

    let look = async |day: NaiveDate| {
        for _ in 0..2 {
            tick(&scene.world.db, day, noon(day)).await.unwrap();
        }
        scene.get(&format!("/{retest}")).await["escalation"].clone()
    };
    let before = (1..9).map(|it| due - TimeDelta::days(it));
    let before = before.into_iter().find(|it| calendar.left(*it, due) == Ok(2)).unwrap();
    assert_eq!(look(before).await, "none");
    assert_eq!(look(due).await, "soon");
    assert_eq!(look(due + TimeDelta::days(1)).await, "overdue");
    assert_eq!(scene.escalations(&retest).await, [json!("soon"), json!("overdue")], "each once");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn nobody_gets_rid_of_a_retest(owner: PgPool) {
    let scene = Scene::new(owner).await;
    scene.calendar_is_known().await;
    let (failed, first) = scene.failed().await;
    let due = scene.get(&format!("/{first}")).await["due_on"].clone();
    let path = format!("/{first}/cancel");
    ok(scene.post(&path, &scene.dba, json!({"reason": "不需要"})).await, 200);
    let second = scene.get(&format!("/{failed}")).await["retest"].as_str().unwrap().to_owned();
    assert_ne!(second, first);
    let row = scene.get(&format!("/{second}")).await;
    assert_eq!((&row["due_on"], &row["retest_of"]), (&due, &json!(failed)), "no time was won");

    // One that passes is the end of it; what is skipped does not pass.
    let sample = scene.sampled(&second, json!({"items": ["a", "b"]})).await;
    let mut skipped = passed(&sample, &[("restored", 1.0), ("differences", 0.0)]);
    skipped["items"][0] = json!({"id": sample[0], "outcome": "skipped", "note": "没有空间"});
    let path = format!("/{second}/results");
    let row = ok(scene.post(&path, &scene.dba, skipped).await, 200);
    assert_eq!(row["verdict"], "unknown");
    let third = row["retest"].as_str().unwrap().to_owned();
    let check = store::spot_checks::by_number(&scene.world.db, &second).await.unwrap();
    let wish = store::spot_checks::incident_of(&scene.world.db, &check).await.unwrap();
    assert_eq!(wish, None, "nothing is known to be wrong");
    let sample = scene.sampled(&third, json!({"items": ["a", "b"]})).await;
    let results = passed(&sample, &[("restored", 1.0), ("differences", 0.0)]);
    let row = ok(scene.post(&format!("/{third}/results"), &scene.dba, results).await, 200);
    assert_eq!((&row["verdict"], &row["retest"]), (&json!("pass"), &Value::Null));
    assert!(store::spot_checks::owed(&scene.world.db).await.unwrap().is_empty());
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_missing_year_is_said_and_its_import_sets_the_day(owner: PgPool) {
    let scene = Scene::new(owner).await;
    sqlx::raw_sql("DELETE FROM holidays; DELETE FROM holiday_years")
        .execute(&scene.world.owner)
        .await
        .unwrap();
    let (_, retest) = scene.failed().await;
    let row = scene.get(&format!("/{retest}")).await;
    let this = today().format("%Y").to_string();
    assert_eq!(row["due_on"], Value::Null);
    assert_eq!(row["due_unknown"], format!("there is no holiday table for {this}; import it"));
    tick(&scene.world.db, today() + TimeDelta::days(90), server::clock::now()).await.unwrap();
    assert_eq!(scene.escalations(&retest).await, Vec::<Value>::new(), "nothing is guessed");
    let page = scene.world.get("/spot-checks", &scene.sre).await;
    assert!(page.body.contains(&format!("没有 {this} 年的节假日表")), "{}", page.body);

    let refused = import(&scene, &scene.sre, this.parse().unwrap()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    scene.calendar_is_known().await;
    let row = scene.get(&format!("/{retest}")).await;
    assert!(row["due_on"].is_string() && row["due_unknown"].is_null(), "{row}");
    let audit = scene.world.audit().await;
    assert!(audit.iter().any(|it| it.1 == "administer_holidays"), "{audit:?}");

    let years = scene.world.call("GET", "/holidays", &scene.sre, Value::Null).await.json();
    assert_eq!(years["items"].as_array().unwrap().len(), 2);
    let none = scene.world.call("GET", "/holidays/2050", &scene.sre, Value::Null).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}
