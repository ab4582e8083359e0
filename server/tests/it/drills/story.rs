//! A drill from its plan to its signature, told to the pretend cluster and to the real one: the fault is put in, the
//! watch finds it, the rules decide, the service goes back, the evidence comes, and somebody who took no part signs.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Role, Scope};
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use crate::runs::Lab;
use crate::story::{Story, by_itself, patches, policy, real, state};
use crate::world::Answer;

/// The rails are tight: of its own the service has used up what it may do by itself for now.
fn tight() -> Value {
    let mut policy = policy("auto");
    policy["rails"] = json!({"cooldown_s": 3600, "per_rule_hour": 1});
    policy
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_drill_is_planned_rehearsed_proven_and_signed_off(owner: PgPool) {
    let (story, cluster) = Story::pretend(owner, tight()).await;
    rehearsed(&story).await;
    assert_eq!(patches(&cluster), 4, "the bad release and the fault, and one way back for each");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_drill_is_planned_rehearsed_proven_and_signed_off_on_a_real_cluster(owner: PgPool) {
    let (kubeconfig, namespace) = real().await;
    let lab = Lab::on(owner.clone(), kubeconfig, &namespace).await;
    let story = Story::begin(owner, lab, tight()).await;
    rehearsed(&story).await;
}

/// Who is in it.
pub(super) struct Cast {
    /// Leads it and starts it.
    pub(super) lead: String,
    /// Takes part.
    pub(super) member: String,
    /// Uploads evidence, and signs.
    pub(super) pmo: String,
    pub(super) viewer: String,
}

impl Cast {
    pub(super) async fn of(story: &Story) -> Self {
        let scopes = [Scope::Read, Scope::DrillsWrite, Scope::EvidenceWrite, Scope::Approve];
        let person = async |name: &str, role| {
            let (id, _) = story.door.sign_in(name, role).await;
            format!("Bearer {}", story.door.token(name, Some(id), &scopes).await)
        };
        Self {
            lead: person("lena", Role::Pmo).await,
            member: person("mo", Role::Pmo).await,
            pmo: person("paula", Role::Pmo).await,
            viewer: person("vera", Role::Viewer).await,
        }
    }
}

/// As a plan is sent: the fault, and then waiting for the rollout that takes it back.
pub(super) fn planned() -> Value {
    let workload = json!({"kind": "Deployment", "name": "api"});
    json!({
        "scenario": "REL-ZD-01 a bad release goes back", "type": "simulation",
        "lead": "lena", "participants": ["mo"], "planned_at": clock::now(),
        "plan": {"service": "api", "steps": [
            {"kind": "inject", "workload": workload, "images": {"app": "app:2-bad"}},
            {"kind": "kubernetes", "action": "wait_rollout", "workload": workload},
        ]},
        "targets": [{"name": "rto", "unit": "s", "comparison": "at_most", "limit": 900.0}],
    })
}

/// Planned and started; the number, and the run that waits for approval.
pub(super) async fn started(story: &Story, cast: &Cast) -> (String, Value) {
    let drill = ok(story.post("/drills", &cast.lead, planned()).await, 201);
    let number = drill["number"].as_str().unwrap().to_owned();
    let drill =
        ok(story.post(&format!("/drills/{number}/start"), &cast.lead, json!({})).await, 200);
    assert_eq!(drill["state"], "running");
    let run = story.get(&format!("/runs/{}", drill["run"].as_str().unwrap())).await;
    assert_eq!(run["state"], "awaiting_approval");
    (number, run)
}

/// Another person agrees to the plan of the drill.
pub(super) async fn approved(story: &Story, run: &Value) {
    let path = format!("/runs/{}/approvals", run["id"].as_str().unwrap());
    let consent =
        json!({"plan_digest": run["plan"]["digest"], "decision": "approve", "reason": ""});
    ok(story.post(&path, &story.second, consent).await, 201);
}

/// The drill, once this holds of it.
pub(super) async fn drill(
    story: &Story,
    number: &str,
    what: &str,
    fits: impl Fn(&Value) -> bool,
) -> Value {
    story
        .eventually(what, async || {
            let drill = story.get(&format!("/drills/{number}")).await;
            fits(&drill).then_some(drill)
        })
        .await
}

pub(super) fn ok(answer: Answer, status: u16) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    answer.json()
}

fn at(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap_or_default().parse().unwrap_or_else(|_| panic!("no moment: {value}"))
}

/// The names of the reasons against a signature.
fn codes(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
    let problem = answer.json();
    assert!(problem["type"].as_str().unwrap().ends_with("/closing-refused"), "{problem}");
    let refusals = problem["refusals"].as_array().unwrap();
    assert!(refusals.iter().all(|it| it["message"].as_str().is_some_and(|it| !it.is_empty())));
    refusals.iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect()
}

async fn rehearsed(story: &Story) {
    by_itself(story).await;
    let cast = Cast::of(story).await;
    let path = |number: &str, what: &str| format!("/drills/{number}/{what}");

    // Who may plan it, and what nobody types in.
    let refused = story.post("/drills", &cast.viewer, planned()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    let mut typed = planned();
    typed["t0"] = json!(clock::now());
    let refused = story.post("/drills", &cast.lead, typed).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);

    let before = Counted::of(story).await;
    let (number, run) = started(story, &cast).await;
    let waiting = story.get(&format!("/drills/{number}")).await;
    assert_eq!((&waiting["t0"], &waiting["measurements"]), (&Value::Null, &json!([])));
    assert_eq!(story.image().await, "app:1", "nothing is put in unasked");

    // Something to be done first, and then a signature that comes too early: every reason at once.
    let due = clock::now() + TimeDelta::days(7);
    let action = json!({"text": "alert on it", "owner": "lena", "due": due, "critical": true});
    ok(story.post(&path(&number, "action-items"), &cast.lead, action).await, 201);
    let early = story.post(&path(&number, "sign-off"), &cast.pmo, json!({})).await;
    let open =
        ["not_recovered", "no_t1", "evidence_missing", "evidence_missing", "evidence_missing"];
    assert_eq!(codes(&early), [&open[..], &["critical_action_open"]].concat());
    let early = story.post(&path(&number, "sign-off"), &cast.lead, json!({})).await;
    assert_eq!(codes(&early), [&open[..], &["critical_action_open", "signer_took_part"]].concat());

    // Approved, the fault is put in: T0 is when the executor had proven it.
    approved(story, &run).await;
    let drilled = drill(story, &number, "T0", |it| it["t0"] != Value::Null).await;
    let run = story.get(&format!("/runs/{}", drilled["run"].as_str().unwrap())).await;
    assert_eq!(run["steps"][0]["state"], "succeeded");
    assert_eq!(drilled["t0"], run["steps"][0]["finished_at"]);

    // The watch saw it, and neither cool-down nor cap nor hold stood in the way.
    let rollback = story
        .rollback("of the drill", |it| it["drill"] == *number && it["state"] == "verifying")
        .await;
    let alert = rollback["trigger"]["alerts"][0].as_str().unwrap();
    let alert = story.get(&format!("/alerts/{alert}")).await;
    assert_eq!((&alert["name"], &alert["source"]), (&json!("PodCrashLoop"), &json!("watch")));
    let decision =
        story.get(&format!("/decisions/{}", rollback["decision"].as_str().unwrap())).await;
    assert_eq!(decision["disposition"], "execute", "{decision:#}");
    for rail in ["cooldown", "hourly_cap", "hold"] {
        let rules = decision["rules"].as_array().unwrap();
        let rule = rules.iter().find(|it| it["name"] == rail).unwrap();
        assert_eq!((&rule["verdict"], &rule["input"]), (&json!("pass"), &json!(number)), "{rail}");
    }
    assert_eq!(story.image().await, "app:1");
    let closed = story.ticked_off(&rollback).await;
    assert_eq!(closed["success"], true);
    assert_eq!(Counted::of(story).await, before, "nothing counts against the service");

    // Back, and measured by the clocks of the rollback; T1 waits for the evidence.
    let back = drill(story, &number, "recovered", state("recovered")).await;
    assert_eq!(back["t1"], Value::Null);
    let measured = back["measurements"].as_array().unwrap();
    let rto = measured.iter().find(|it| it["name"] == "rto").unwrap();
    assert_eq!(rto["source"], format!("rollback {}", closed["number"].as_str().unwrap()));
    assert_eq!(rto["window"], json!({"from": back["t0"], "to": back["recovered_at"]}));
    let span = at(&rto["window"]["to"]) - at(&rto["window"]["from"]);
    assert_eq!(rto["value"], json!(span.num_milliseconds() as f64 / 1000.0));
    assert_eq!((&rto["unit"], &rto["verdict"]), (&json!("s"), &json!("pass")));
    for name in ["mttd", "mtta", "execution"] {
        assert!(measured.iter().any(|it| it["name"] == name), "{name}: {measured:?}");
    }

    // The evidence: what is not what its sender says it is, is not kept.
    let subject = format!("drills/{number}");
    let upload = async |who: &str, kind: &str, content: &[u8], sha256: Option<&str>| {
        let mut fields = vec![("kind", kind), ("subject", &subject)];
        fields.extend(sha256.map(|it| ("sha256", it)));
        story.door.upload(who, &fields, "proof.png", content).await
    };
    let wrong = upload(&cast.pmo, "screenshot", b"one", Some(&"0".repeat(64))).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.body);
    assert_eq!(wrong.json()["errors"][0]["field"], "sha256");
    assert_eq!(story.get(&format!("/evidence?subject={subject}")).await["items"], json!([]));
    let refused = upload(&cast.viewer, "screenshot", b"one", None).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    // The SHA-256 of "one".
    let one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    let kept = ok(upload(&cast.pmo, "screenshot", b"one", Some(one)).await, 201);
    assert_eq!((&kept["sha256"], &kept["size"]), (&json!(one), &json!(3)));
    for (kind, content) in [("screenshot", "two"), ("screenshot", "three"), ("log", "ready\n")] {
        let before = story.get(&format!("/drills/{number}")).await;
        assert_eq!(before["t1"], Value::Null, "{kind} {content} is not there yet");
        ok(upload(&cast.pmo, kind, content.as_bytes(), None).await, 201);
    }
    let proven = story.get(&format!("/drills/{number}")).await;
    assert_eq!(proven["state"], "recovered", "what is due within a day is not there yet");
    let log = proven["evidence"].as_array().unwrap().iter().find(|it| it["kind"] == "log").unwrap();
    let files = story.get(&format!("/evidence?subject={subject}")).await;
    assert_eq!(files["items"][0]["sha256"], log["satisfied_by"]);
    assert_eq!(proven["t1"], files["items"][0]["created_at"], "T1 is when the last one came");
    let closure = at(&proven["t1"]) - at(&proven["t0"]);
    assert_eq!(proven["closure_s"], json!(closure.num_milliseconds() as f64 / 1000.0));
    assert_eq!(proven["closure_limit_s"], 7200);

    // The rest of the evidence, and the action, which its owner does not confirm.
    ok(upload(&cast.pmo, "console_record", b"dns", None).await, 201);
    let verify = path(&number, "action-items/1/verify");
    let proof = json!({"evidence": one});
    let own = story.post(&verify, &cast.lead, proof.clone()).await;
    assert_eq!(own.status, StatusCode::FORBIDDEN, "{}", own.body);
    let unknown = story.post(&verify, &cast.pmo, json!({"evidence": "0".repeat(64)})).await;
    assert_eq!(unknown.json()["errors"][0]["field"], "evidence", "{}", unknown.body);
    ok(story.post(&verify, &cast.pmo, proof).await, 200);

    // Who took part does not sign; a machine never does.
    for who in [&cast.lead, &cast.member] {
        let own = story.post(&path(&number, "sign-off"), who, json!({})).await;
        assert_eq!(codes(&own), ["signer_took_part"]);
    }
    let scopes = [Scope::Read, Scope::DrillsWrite];
    let robot = format!("Bearer {}", story.door.token("robot", None, &scopes).await);
    for who in [&robot, &story.engineer] {
        let refused = story.post(&path(&number, "sign-off"), who, json!({})).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    }
    let ready = story.get(&format!("/drills/{number}")).await;
    assert_eq!((&ready["state"], &ready["refusals"]), (&json!("evidence_complete"), &json!([])));
    let note = json!({"note": "as planned"});
    let signed = ok(story.post(&path(&number, "sign-off"), &cast.pmo, note).await, 200);
    complete(&signed);
    let again = story.post(&path(&number, "sign-off"), &cast.pmo, json!({})).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);

    // Its run has come to its end, too, and the chain holds all of it.
    let over = story
        .eventually("the run is over", async || {
            let run = story.get(&format!("/runs/{}", signed["run"].as_str().unwrap())).await;
            (run["state"] == "succeeded").then_some(run)
        })
        .await;
    assert_eq!(over["steps"][1]["state"], "succeeded");
    story.sealed_and_sound().await;
    let entries = story.get(&format!("/audit?subject={subject}&limit=100")).await;
    let actions: Vec<_> = entries["items"].as_array().unwrap().iter().collect();
    for action in ["plan_drill", "run_drill", "follow_drill", "upload_evidence", "sign_off_drill"] {
        assert!(actions.iter().any(|it| it["action"] == action), "{action}: {actions:#?}");
    }
}

/// Every column of the ledger has its value.
fn complete(signed: &Value) {
    assert_eq!((&signed["state"], &signed["outcome"]), (&json!("signed_off"), &json!("passed")));
    assert_eq!(signed["sign_off"]["by"], "paula");
    assert_eq!(signed["sign_off"]["note"], "as planned");
    assert_eq!((&signed["lead"], &signed["participants"]), (&json!("lena"), &json!(["mo"])));
    assert_eq!(signed["took_part"], json!(["second"]), "who approved its run");
    for member in ["scenario", "type", "service", "planned_by", "planned_at", "run", "rollback"] {
        assert!(signed[member].as_str().is_some_and(|it| !it.is_empty()), "{member}: {signed:#}");
    }
    let evidence = signed["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 5);
    assert!(evidence.iter().all(|it| it["satisfied_by"].is_string()), "{evidence:?}");
    let moments = ["t0", "recovered_at", "t1"].map(|it| at(&signed[it]));
    assert!(moments.is_sorted(), "{moments:?}");
}

/// What the rails count of the service.
#[derive(Debug, PartialEq)]
struct Counted(store::rails::History, usize);

impl Counted {
    async fn of(story: &Story) -> Self {
        let (db, service) = (&story.lab.world.db, story.lab.service);
        let history = store::rails::history(db, service, "PodCrashLoop", clock::now()).await;
        let holds = store::rails::holds(db, service).await.unwrap();
        Self(history.unwrap(), holds.len())
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_kill_switch_stops_the_fault_whoever_confirms(owner: PgPool) {
    let (story, cluster) = Story::pretend(owner, policy("auto")).await;
    story.lab.deploy("api", &["app:1"]).await;
    story.verified("app:1").await;
    let cast = Cast::of(&story).await;
    let (number, run) = started(&story, &cast).await;
    let switch = |on| json!({"on": on, "reason": "a real fire"});
    let path = "/kill-switches/global";
    assert_eq!(story.door.call("PUT", path, &story.engineer, switch(true)).await.status, 200);
    approved(&story, &run).await;

    let run = format!("/runs/{}", run["id"].as_str().unwrap());
    let paused = async || {
        story
            .eventually("stopped", async || {
                Some(story.get(&run).await).filter(|it| it["state"] == "paused")
            })
            .await
    };
    let stopped = paused().await;
    assert!(stopped["state_reason"].as_str().unwrap().contains("a real fire"), "{stopped:#}");
    let resume = format!("{run}/resume");
    ok(story.post(&resume, &story.second, json!({"reason": "go on"})).await, 200);
    // Resumed it was running, so somebody has looked again.
    paused().await;
    assert_eq!(patches(&cluster), 0, "nothing was put in");
    assert_eq!(story.get(&format!("/drills/{number}")).await["t0"], Value::Null);

    assert_eq!(story.door.call("PUT", path, &story.second, switch(false)).await.status, 200);
    ok(story.post(&resume, &story.second, json!({"reason": "over"})).await, 200);
    drill(&story, &number, "T0", |it| it["t0"] != Value::Null).await;
}
