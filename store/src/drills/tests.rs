use chrono::TimeDelta;
use domain::access::Role;
use domain::approvals::{Approver, Decision, Required};
use domain::canonical::Digest;
use domain::drills::closing::Outcome;
use domain::drills::{ActionItem, CauseClass, DrillType, Issue, OfService, Requirement, State};
use domain::evidence::{Evidence, EvidenceKind, Sha256};
use domain::ids::EvidenceId;
use domain::measurements::{RTO, Target};
use domain::plans::{LiveState, Plan, Step, StepKind};
use domain::runs::{Ended, Intent, NewRun, Note, Proof};
use domain::services::{WorkloadKind, WorkloadRef};
use sqlx::PgPool;

use super::*;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn api() -> WorkloadRef {
    WorkloadRef {
        cluster: "lab".into(),
        namespace: "shop".into(),
        kind: WorkloadKind::Deployment,
        name: "api".into(),
    }
}

fn fault() -> Step {
    let images = [("api".to_owned(), "api:bad".to_owned())].into();
    Step::new("break api", StepKind::Inject { workload: api(), images })
}

async fn planned(tx: &mut PgConnection) -> Drill {
    for name in ["lead", "member", "approver", "pmo"] {
        let user = crate::users::NewUser { name, password_hash: "", one_time: false, teams: &[] };
        crate::users::insert(tx, &user, at(0)).await.unwrap();
    }
    let service = serde_json::from_value(json!({"name": "api", "workloads": []})).unwrap();
    let id = crate::services::save(tx, &service, at(0)).await.unwrap();
    let drill = Drill {
        service: Some(OfService { id, name: "api".into(), team: "platform".into() }),
        steps: vec![fault()],
        lead: Some("lead".into()),
        participants: vec!["member".into()],
        planned_by: "user:lead".into(),
        targets: vec![Target::within(RTO, 900.0)],
        requirements: Requirement::usual(),
        ..Drill::of("bad image".into(), DrillType::Simulation, at(0))
    };
    insert(tx, drill, at(0).date_naive()).await.unwrap()
}

/// With a run that waits for approval.
async fn started(tx: &mut PgConnection) -> (Drill, Run) {
    let drill = planned(tx).await;
    let live = LiveState {
        workload: api(),
        uid: "u".into(),
        digest: Digest::of(b"good"),
        revision: 1,
        paused: false,
        replicas: None,
        steering: None,
    };
    let new = NewRun {
        service: drill.service.as_ref().map(|it| it.id),
        purpose: Purpose::Drill(drill.id),
        plan: Plan::new(vec![fault()], vec![live]),
        required: Required::usual(at(1)),
        requested_by: "user:lead".into(),
        reason: drill.scenario.clone(),
        at: at(1),
    };
    let run = runs::create(tx, new).await.unwrap();
    let drill = drill.start(run.id).unwrap();
    save(tx, &drill).await.unwrap();
    (drill, run)
}

/// Approved, and the fault proven at minute 3.
async fn running(tx: &mut PgConnection) -> Drill {
    let (drill, run) = started(tx).await;
    let approver = Approver { name: "approver".into(), roles: vec![Role::Sre] };
    let digest = run.plan.digest().to_string();
    let run = run.decide(&approver, &digest, Decision::Approve, "", at(2)).unwrap();
    runs::save(tx, &run, at(2)).await.unwrap();
    let before = run.plan.live()[0].clone();
    let after = LiveState { digest: Digest::of(b"bad"), ..before.clone() };
    let intent = Intent { before, expected: after.clone(), stamp: at(2) }.whole();
    let proof = Proof { after, resource_version: "1".into(), found: false }.whole();
    let note = Note::ImagesSet;
    let run = run.intend(0, intent, at(2));
    let run = run.end_step(0, Ended::Succeeded, note, Some(proof), at(3));
    runs::save(tx, &run, at(3)).await.unwrap();
    get(&mut *tx, drill.id).await.unwrap()
}

fn file(drill: &Drill, kind: EvidenceKind, content: u8) -> Evidence {
    Evidence {
        id: EvidenceId(Uuid::nil()),
        sha256: Sha256::new([content; 32]),
        size: 12,
        media_type: "image/png".into(),
        name: "a.png".into(),
        kind,
        subject: format!("drills/{}", drill.number),
        restricted: false,
        uploaded_by: "user:lead".into(),
        uploaded_at: at(10),
        erased: None,
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_drill_reads_back_as_it_was_written(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let drill = planned(&mut tx).await;
    assert_eq!(drill.number, "DR-19700101-01");
    assert_eq!(get(&mut *tx, drill.id).await.unwrap(), drill);
    assert_eq!(find(&mut *tx, &drill.number).await.unwrap(), drill);
    assert_eq!(find(&mut *tx, &drill.id.to_string()).await.unwrap(), drill);
    assert!(matches!(find(&mut *tx, "DR-1").await, Err(Error::NotFound)));
    for (state, count) in [("planned", 1), ("running", 0)] {
        let filter = Filter { state: Some(state.into()), limit: 10, ..Filter::default() };
        assert_eq!(list(&mut tx, &filter).await.unwrap().len(), count, "{state}");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn it_follows_its_run_to_t0_and_remembers_who_took_part(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let drill = running(&mut tx).await;
    assert_eq!((drill.times.injected_at, drill.times.t0), (Some(at(2)), Some(at(3))));
    assert_eq!(drill.took_part, ["approver"]);
    assert_eq!(under_way(&mut *tx, at(0)).await.unwrap(), [drill.id]);
    tx.commit().await.unwrap();
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_measured_noted_and_signed_reads_back(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let mut drill = running(&mut tx).await;
    for (content, kind) in Requirement::usual().iter().map(|it| it.kind).enumerate() {
        let evidence = file(&drill, kind, content as u8 + 1);
        let stored = crate::evidence::insert(&mut tx, &evidence).await.unwrap();
        assert_eq!(stored, Evidence { id: stored.id, ..evidence.clone() });
        drill = drill.prove(&evidence);
    }
    let subject = format!("drills/{}", drill.number);
    assert_eq!(crate::evidence::of(&mut *tx, &subject).await.unwrap().len(), 5);

    let issue = Issue {
        text: "slow".into(),
        about: Some(RTO.into()),
        class: Some(CauseClass::Capacity),
        cause: "disk".into(),
        remedy: "another disk".into(),
        by: "user:lead".into(),
        at: at(11),
    };
    let item = ActionItem {
        position: 0,
        text: "buy it".into(),
        owner: "lead".into(),
        due: at(9000),
        critical: true,
        verified: None,
    };
    let drill = drill.recover(None, "user:lead", Some("lead"), at(9)).unwrap();
    let drill = drill.add_issue(issue).unwrap().add_action(item).unwrap();
    save(&mut tx, &drill).await.unwrap();
    assert_eq!(get(&mut *tx, drill.id).await.unwrap(), drill);

    let drill = drill.verify(1, Sha256::new([7; 32]), "pmo", at(12)).unwrap();
    let drill = drill.sign_off("pmo", "fine".into(), Some(Outcome::Failed), at(13)).unwrap();
    save(&mut tx, &drill).await.unwrap();
    let stored = get(&mut *tx, drill.id).await.unwrap();
    assert_eq!(stored, drill);
    assert!(stored.state.sign_off().unwrap().retest_due.is_some());
    tx.commit().await.unwrap();
}

/// The rules hold even if the code forgets them.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_database_repeats_the_rules(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let drill = running(&mut tx).await;
    let item = ActionItem {
        position: 0,
        text: "buy it".into(),
        owner: "lead".into(),
        due: at(9000),
        critical: true,
        verified: None,
    };
    save(&mut tx, &drill.add_action(item).unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    let signed =
        "UPDATE drills SET requirements = '[]', recovered_at = t0, t1 = t0, state = 'signed_off',
                      outcome = 'passed', sign_note = '', signed_at = now(), signed_by = ";
    for (sql, rule) in [
        (
            "UPDATE drills SET state = 'evidence_complete', requirements = '[]'".to_owned(),
            "state_has_its_columns",
        ),
        (
            "UPDATE drills SET state = 'evidence_complete', recovered_at = t0, t1 = t0".to_owned(),
            "complete_evidence_is_complete",
        ),
        ("UPDATE drills SET t0 = NULL".to_owned(), "t0_is_proven"),
        (format!("{signed} 'lead'"), "nobody_signs_their_own_drill"),
        (format!("{signed} 'member'"), "nobody_signs_their_own_drill"),
        (format!("{signed} 'approver'"), "nobody_signs_their_own_drill"),
        (
            "UPDATE drill_actions SET verified_by = 'lead', verified_at = now()".to_owned(),
            "nobody_verifies_their_own",
        ),
    ] {
        let error = unchecked(&pool, &sql).await.expect_err(&sql);
        let broken = error.as_database_error().and_then(|it| it.constraint());
        assert_eq!(broken, Some(rule), "{sql}: {error}");
    }
    unchecked(&pool, &format!("{signed} 'pmo'")).await.unwrap();
    assert!(matches!(drill_state(&pool).await, State::SignedOff(_)));
}

async fn drill_state(pool: &PgPool) -> State {
    list(&mut pool.acquire().await.unwrap(), &Filter { limit: 1, ..Filter::default() })
        .await
        .unwrap()
        .remove(0)
        .state
}

#[expect(clippy::disallowed_methods, reason = "what the checked statements never write")]
async fn unchecked(pool: &PgPool, sql: &str) -> sqlx::Result<()> {
    sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(pool).await?;
    Ok(())
}
