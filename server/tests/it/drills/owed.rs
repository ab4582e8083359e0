//! What a drill owes: protections that it has paused, and explanations with the class of their cause.

use axum::http::StatusCode;
use futures::future::join_all;
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use super::story::{Cast, approved, drill, ok};
use crate::story::{Story, policy};

/// Pauses the replication, does something, and resumes it.
fn plan() -> Value {
    json!({
        "scenario": "DR-SQL-01 PITR", "type": "simulation", "lead": "lena", "planned_at": clock::now(),
        "report_to": "the chief engineer", "evidence": [], "targets": [],
        "plan": {"steps": [
            {"kind": "manual", "instruction": "stop the standby", "protection": {"pauses": "replication"}},
            {"kind": "manual", "instruction": "restore"},
            {"kind": "manual", "instruction": "start it", "protection": {"resumes": "replication"}},
        ]},
    })
}

/// Begun, with its first step confirmed; its number.
async fn paused(story: &Story, cast: &Cast) -> String {
    let planned = ok(story.post("/drills", &cast.lead, plan()).await, 201);
    let number = planned["number"].as_str().unwrap().to_owned();
    let started = story.post(&format!("/drills/{number}/start"), &cast.lead, json!({})).await;
    let run = ok(started, 200)["run"].as_str().unwrap().to_owned();
    approved(story, &story.get(&format!("/runs/{run}")).await).await;
    confirmed(story, cast, &number, 0).await;
    number
}

/// Says that a step is done, once it waits for that.
async fn confirmed(story: &Story, cast: &Cast, number: &str, step: usize) {
    let path = format!("/drills/{number}/steps/{step}/confirm");
    story
        .eventually("a step that is confirmed", async || {
            let answer = story.post(&path, &cast.lead, json!({"reason": "done"})).await;
            (answer.status == StatusCode::OK).then_some(())
        })
        .await;
}

async fn begun(owner: PgPool) -> (Story, Cast) {
    let (story, _cluster) = Story::pretend(owner, policy("auto")).await;
    let cast = Cast::of(&story).await;
    (story, cast)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_a_drill_pauses_is_written_down_until_its_step_resumes_it(owner: PgPool) {
    let (story, cast) = begun(owner).await;
    let number = paused(&story, &cast).await;
    let open = drill(&story, &number, "unprotected", |it| it["unprotected"] != json!([])).await;
    let stretch = &open["unprotected"][0];
    assert_eq!((&stretch["protection"], &stretch["to"]), (&json!("replication"), &Value::Null));
    assert_eq!(stretch["from"], open["t0"], "from the moment in which the step began");
    assert_eq!(open["report_to"], "the chief engineer");

    // Recovered, it is not signed off as long as the replication stands still.
    let path = |what: &str| format!("/drills/{number}/{what}");
    ok(story.post(&path("recover"), &cast.lead, json!({})).await, 200);
    let refused = story.post(&path("sign-off"), &cast.pmo, json!({})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let codes: Vec<Value> = refused.json()["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].clone())
        .collect();
    assert_eq!(codes, [json!("protection_paused")], "{}", refused.body);

    confirmed(&story, &cast, &number, 1).await;
    confirmed(&story, &cast, &number, 2).await;
    let back =
        drill(&story, &number, "resumed", |it| it["unprotected"][0]["to"] != Value::Null).await;
    assert_eq!(back["unprotected"][0]["resumed_by"], Value::Null);
    assert!(back["unprotected"][0]["length_s"].as_f64().unwrap() > 0.0);

    // Two sign at once: one does, the other hears that it is over.
    let sign_off = path("sign-off");
    let both = [0, 1].map(|_| story.post(&sign_off, &cast.pmo, json!({})));
    let mut statuses: Vec<u16> = Vec::new();
    for answer in join_all(both).await {
        if answer.status == StatusCode::CONFLICT {
            assert!(answer.body.contains("The drill is over."), "{}", answer.body);
        }
        statuses.push(answer.status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let event = json!({"event": "https://events.example/17"});
    let refused = story.post(&path("event"), &cast.lead, event).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "nothing is added to what is signed");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_drill_that_is_aborted_owes_what_it_has_paused_until_a_person_says_it_is_back(
    owner: PgPool,
) {
    let (story, cast) = begun(owner).await;
    let number = paused(&story, &cast).await;
    drill(&story, &number, "unprotected", |it| it["unprotected"] != json!([])).await;
    let path = |what: &str| format!("/drills/{number}/{what}");
    let aborted =
        ok(story.post(&path("cancel"), &cast.lead, json!({"reason": "a real fire"})).await, 200);
    assert_eq!(
        (&aborted["state"], &aborted["unprotected"][0]["to"]),
        (&json!("aborted"), &Value::Null)
    );
    let owed = async || {
        let queue = story.door.call("GET", "/attention", &cast.lead, Value::Null).await;
        let items = queue.json()["items"].as_array().unwrap().clone();
        items.into_iter().find(|it| it["kind"] == "protection_owed")
    };
    let waits = owed().await.expect("the first page says so");
    assert_eq!(waits["href"], format!("/drills/{number}#unprotected"));
    let page = |who: String, lang: &'static str| {
        let (story, number) = (&story, number.clone());
        async move {
            let request = axum::http::Request::get(format!("/drills/{number}"))
                .header("cookie", who)
                .header("accept-language", lang);
            story.door.send(request.body(axum::body::Body::empty()).unwrap()).await.body
        }
    };
    let (_, browser) = story.door.sign_in("rita", domain::access::Role::Pmo).await;
    let shown = page(browser.clone(), "en").await;
    assert!(shown.contains("not resumed yet") && shown.contains("resume_protection"), "{shown}");

    let resume = async |who: &str, protection: &str, note: &str| {
        let body = json!({"protection": protection, "note": note});
        story.post(&path("resume-protection"), who, body).await
    };
    for (who, protection, note, status) in [
        (&cast.viewer, "replication", "seen", StatusCode::FORBIDDEN),
        (&cast.lead, "replication", " ", StatusCode::UNPROCESSABLE_ENTITY),
        (&cast.lead, "backup", "seen", StatusCode::CONFLICT),
    ] {
        let answer = resume(who, protection, note).await;
        assert_eq!(answer.status, status, "{protection} {note}: {}", answer.body);
    }
    let back = ok(resume(&cast.lead, "replication", "the lag is 0 again").await, 200);
    let stretch = &back["unprotected"][0];
    assert_eq!(
        (&stretch["resumed_by"], &stretch["note"]),
        (&json!("user:lena"), &json!("the lag is 0 again"))
    );
    assert_eq!(back["state"], "aborted");
    assert_eq!(owed().await, None);
    let again = resume(&cast.lead, "replication", "twice").await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    let shown = page(browser, "zh-CN").await;
    assert!(shown.contains("未受保护的时段") && shown.contains("由 lena 记录恢复"), "{shown}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_explanation_has_a_class_and_an_event_is_an_address_or_a_number(owner: PgPool) {
    let (story, cast) = begun(owner).await;
    let number = paused(&story, &cast).await;
    let path = |what: &str| format!("/drills/{number}/{what}");
    let issue = |class: Value| json!({"text": "slow", "about": "closure", "cause": "lunch", "remedy": "eat sooner", "class": class});
    for (class, status) in [
        (Value::Null, StatusCode::UNPROCESSABLE_ENTITY),
        (json!("unknown"), StatusCode::UNPROCESSABLE_ENTITY),
        (json!("lunch"), StatusCode::UNPROCESSABLE_ENTITY),
        (json!("communication"), StatusCode::CREATED),
    ] {
        let answer = story.post(&path("issues"), &cast.lead, issue(class.clone())).await;
        assert_eq!(answer.status, status, "{class}: {}", answer.body);
    }
    let trends = story.get("/trends?unit=month").await;
    let months = trends["periods"].as_array().unwrap();
    let figures = &months.last().unwrap()["figures"];
    assert_eq!(figures["drill_causes"], json!({"communication": 1}));
    assert_eq!(
        figures["causes"].get("communication"),
        None,
        "those of rollbacks are counted apart"
    );

    for (event, status) in [
        ("javascript:alert(1)", StatusCode::UNPROCESSABLE_ENTITY),
        ("", StatusCode::UNPROCESSABLE_ENTITY),
        ("INC-2026-1201-001", StatusCode::OK),
        ("https://events.example/17", StatusCode::OK),
    ] {
        let answer = story.post(&path("event"), &cast.lead, json!({"event": event})).await;
        assert_eq!(answer.status, status, "{event}: {}", answer.body);
    }
    assert_eq!(story.get(&format!("/drills/{number}")).await["event"], "https://events.example/17");
}

/// A run outside of a drill has no ledger in which to write down what it pauses.
#[sqlx::test(migrator = "store::MIGRATOR")]
async fn only_steps_of_drills_say_what_they_pause(owner: PgPool) {
    let (story, _cast) = begun(owner).await;
    let run = json!({"service": "api", "reason": "x", "steps": [
        {"kind": "manual", "instruction": "stop it", "protection": {"pauses": "replication"}},
    ]});
    let answer = story.post("/runs", &story.engineer, run).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    assert_eq!(answer.json()["errors"][0]["field"], "steps[0].protection");
}
