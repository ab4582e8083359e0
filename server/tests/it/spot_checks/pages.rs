//! The pages: a life by plain forms, in two languages, and what each reader finds there.

use axum::http::StatusCode;
use serde_json::json;
use sqlx::PgPool;

use super::{Scene, ok, passed};

const ACTIONS: &str = "/api/app/pages/spot_checks/actions";

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_spot_check_lives_by_plain_forms(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let world = &scene.world;
    let submit = async |who: &str, action: &str, page: &str, form: &str| {
        world.submit(&format!("{ACTIONS}/{action}"), who, page, form).await
    };
    let dba = &scene.dba;
    let form = "service=lookup&kind=cache_file&item=Redis+AOF&sample_size=2";
    let page = submit(dba, "plan_spot_check", "/spot-checks/new", form).await;
    let page = page.split('?').next().unwrap().to_owned();
    let number = page.rsplit('/').next().unwrap().to_owned();
    let id = format!("id={number}");

    let items = format!("{id}&source=list&items=a.rdb%0D%0Ab.rdb%0D%0A%0D%0Ac.rdb");
    submit(dba, "fix_population", &page, &items).await;
    let html = world.get(&page, dba).await.body;
    assert!(html.contains("总体已固定") && html.contains("抽样时公开"), "{html}");
    submit(dba, "draw_sample", &page, &id).await;

    // What is wrong stands at its field, and what was typed is still there.
    let form = format!(
        "{id}&outcomes[0]=passed&outcomes[1]=failed&notes[1]=&values[0]=1&values[1]=85%25&note=half"
    );
    let back = submit(dba, "record_results", &page, &form).await;
    let html = world.get(&back, dba).await.body;
    assert!(html.contains("此项必填") && html.contains("half"), "{html}");
    assert!(html.contains("value=\"failed\" selected"), "{html}");
    let form = format!("{id}&outcomes[0]=passed&outcomes[1]=passed&values[0]=1&values[1]=85%25");
    submit(dba, "record_results", &page, &form).await;
    scene.proven(&number).await;
    let form = format!("{id}&note=ok");
    submit(&scene.pmo, "accept_spot_check", &page, &form).await;
    let html = world.get(&page, &scene.pmo).await.body;
    for part in ["已由 paula 确认", "85%", "lifeboat-draw-1", "spot-check replay"] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    let row = scene.get(&format!("/{number}")).await;
    assert_eq!((&row["state"], &row["verdict"]), (&json!("accepted"), &json!("pass")));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_owed_stands_first(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let (number, sample) = scene.drawn("backup", "PITR", 1, json!({"items": ["a"]})).await;
    let results = passed(&sample, &[("restored", 1.0), ("differences", 3.0)]);
    let row = ok(scene.post(&format!("/{number}/results"), &scene.dba, results).await, 200);
    let retest = row["retest"].as_str().unwrap();
    let html = scene.world.get("/spot-checks", &scene.sre).await.body;
    let owed = html.find(&format!("{number} 的补测")).expect("the re-test is named");
    assert!(owed < html.find("class=\"filters\"").unwrap(), "above the list");
    assert!(html.contains(retest));
    let page = scene.world.get(&format!("/spot-checks/{number}"), &scene.sre).await.body;
    assert!(page.contains("已请求建立事件") && page.contains(retest), "{page}");
    let none = scene.world.get("/spot-checks/SC-20200101-01", &scene.sre).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let upload = scene.world.get(&format!("/spot-checks/{number}"), &scene.pmo).await.body;
    assert!(upload.contains(&format!("action=\"/spot-checks/{number}/evidence\"")), "{upload}");
}
