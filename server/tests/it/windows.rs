//! Maintenance windows and freezes, from setting one to what the rules make of it.

use chrono::TimeDelta;
use domain::access::Scope;
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use crate::story::{Story, policy, state};

async fn set(story: &Story, kind: &str, scope: &str) -> Value {
    let window = json!({"kind": kind, "scope": scope, "reason": "database upgrade",
        "to": clock::now() + TimeDelta::hours(1)});
    let answer = story.post("/windows", &story.engineer, window).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

async fn decided(story: &Story, outcome: &str) -> Value {
    story
        .eventually(outcome, async || {
            let page = story.get("/decisions?service=api").await;
            page["items"].as_array()?.iter().find(|it| it["outcome"] == outcome).cloned()
        })
        .await
}

fn rule<'a>(decision: &'a Value, name: &str) -> &'a Value {
    decision["rules"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn nothing_goes_by_itself_in_a_maintenance_window_and_all_of_it_after(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    let window = set(&story, "maintenance", "clusters/lab").await;
    set(&story, "maintenance", "services/api").await;
    story.bad_release().await;
    let suppressed = decided(&story, "suppressed").await;
    let rail = rule(&suppressed, "maintenance_window");
    assert_eq!(
        (&rail["verdict"], &rail["input"]),
        (&json!("fail"), &json!("database upgrade, database upgrade"))
    );
    assert_eq!(story.get("/rollbacks?service=api").await["items"], json!([]));
    assert_eq!(story.image().await, "app:2-bad");

    let running = story.get("/windows").await;
    assert_eq!(running["items"].as_array().unwrap().len(), 2);
    let machine = format!("Bearer {}", story.door.token("ci", None, &[Scope::Rails]).await);
    let path = format!("/windows/{}/end", window["id"].as_str().unwrap());
    let lifted = story.post(&path, &machine, json!({"reason": "done"})).await;
    assert_eq!(lifted.status, 403, "machines lift no rail: {}", lifted.body);
    for it in running["items"].as_array().unwrap() {
        let path = format!("/windows/{}/end", it["id"].as_str().unwrap());
        let ended = story.post(&path, &story.second, json!({"reason": "done"})).await;
        assert_eq!(ended.status, 200, "{}", ended.body);
    }
    story.rollback("carried out", state("verifying")).await;
    assert_eq!(story.image().await, "app:1");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_window_of_the_policy_and_one_of_somebody_else_are_told_apart(owner: PgPool) {
    let mut policy = policy("auto");
    // Every minute, for an hour: always.
    policy["windows"] = json!([{"name": "night", "kind": "freeze", "cron": "* * * * *", "duration_s": 3600,
        "zone": "Asia/Shanghai"}]);
    let (story, _cluster) = Story::pretend(owner, policy).await;
    set(&story, "maintenance", "global").await;
    let all = story.get("/windows").await;
    for it in all["items"].as_array().unwrap() {
        let path = format!("/windows/{}/end", it["id"].as_str().unwrap());
        story.post(&path, &story.second, json!({"reason": "done"})).await;
    }
    story.bad_release().await;
    // A freeze asks a person.
    let waiting = story.rollback("asked", state("awaiting_approval")).await;
    let decision =
        story.get(&format!("/decisions/{}", waiting["decision"].as_str().unwrap())).await;
    assert_eq!(
        (&decision["outcome"], &rule(&decision, "freeze")["input"]),
        (&json!("human"), &json!("night"))
    );

    let cancel = format!("/rollbacks/{}/cancel", waiting["number"].as_str().unwrap());
    let cancelled = story.post(&cancel, &story.engineer, json!({"reason": "by hand"})).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    let mut asked =
        json!({"service": "api", "reason_kind": "function_down", "reason": "nobody can sign in"});
    let refused = story.post("/rollbacks", &story.engineer, asked.clone()).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("frozen"), "{}", refused.body);
    asked["confirmed"] = json!(true);
    let accepted = story.post("/rollbacks", &story.engineer, asked).await;
    assert_eq!(accepted.status, 201, "{}", accepted.body);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_window_has_a_reason_a_scope_and_an_end(owner: PgPool) {
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    let hour = clock::now() + TimeDelta::hours(1);
    for (members, status) in [
        (json!({"reason": " "}), 422),
        (json!({"kind": "holiday"}), 422),
        (json!({"scope": "pods/x"}), 422),
        (json!({"scope": "services/nobody"}), 404),
        (json!({"to": clock::now() - TimeDelta::hours(1)}), 409),
        (json!({"to": hour + TimeDelta::days(60)}), 409),
    ] {
        let mut window = json!({"kind": "freeze", "scope": "global", "reason": "sale", "to": hour});
        for (name, value) in members.as_object().unwrap() {
            window[name] = value.clone();
        }
        let answer = story.post("/windows", &story.engineer, window).await;
        assert_eq!(answer.status.as_u16(), status, "{members}: {}", answer.body);
    }
    assert_eq!(story.get("/windows").await["items"], json!([]));
}
