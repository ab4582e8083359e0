//! What waits in the ledger of drills and in its calendar.

use super::super::drills::entries;
use super::*;
use crate::calendar::{Occurrence, Standing};
use crate::drills::{
    ActionItem, Criterion, Drill, DrillType, Due, Link, OfService, Requirement, State, Unprotected,
};
use crate::evidence::EvidenceKind;

fn drill(state: State) -> Drill {
    let service = OfService { id: ServiceId::NEW, name: "api".into(), team: "platform".into() };
    let mut drill = Drill {
        number: "DR-20261120-01".into(),
        service: Some(service),
        lead: Some("lead".into()),
        participants: vec!["member".into()],
        took_part: vec!["approver".into()],
        criteria: vec![Criterion::open("smoke tests pass")],
        requirements: vec![Requirement::open(EvidenceKind::Log, Due::T1)],
        state,
        ..Drill::of("bad image".into(), DrillType::Simulation, hours(48))
    };
    if !matches!(drill.state, State::Planned | State::Missed { .. }) {
        drill.times.t0 = Some(hours(-1));
    }
    if drill.state == State::Recovered {
        drill.times.recovered_at = Some(now());
    }
    drill
}

#[test]
fn what_a_drill_has_paused_is_owed_once_it_is_over() {
    let pmo = user("pmo", &[Role::Pmo], &[]);
    let stretch = |to| Unprotected {
        name: "replication".into(),
        from: hours(-1),
        to,
        resumed_by: None,
        note: None,
    };
    let of = |state, to| {
        let drill = Drill { unprotected: vec![stretch(to)], ..drill(state) };
        entries(&drill, now())
    };
    let aborted = || State::Aborted { reason: "a real fire".into() };
    let owed = of(aborted(), None);
    assert_eq!(seen(&owed, &pmo), [(Kind::ProtectionOwed, Urgency::AtRisk, true)]);
    assert_eq!(owed[0].detail, Detail::Said { text: "replication".into() });
    assert_eq!(
        seen(&owed, &user("v", &[Role::Viewer], &[])),
        [(Kind::ProtectionOwed, Urgency::AtRisk, false)],
        "everybody should know that nothing protects"
    );
    assert_eq!(kinds(&of(aborted(), Some(now())), &pmo), []);
    let running = of(State::Running, None);
    assert!(!kinds(&running, &pmo).contains(&Kind::ProtectionOwed), "its own step resumes it");
}

#[test]
fn a_drill_is_for_those_who_are_in_it_and_its_signature_for_others() {
    let lead = user("lead", &[Role::Sre], &[]);
    let pmo = user("pmo", &[Role::Pmo], &[]);
    let signer = user("approver", &[Role::Pmo], &[]);
    let of = |state| entries(&drill(state), now());

    assert_eq!(seen(&of(State::Planned), &lead), [(Kind::DrillPlanned, Urgency::Later, true)]);
    assert_eq!(kinds(&of(State::Planned), &pmo), []);
    let running = [Kind::DrillUnderWay, Kind::DrillEvidence];
    assert_eq!(kinds(&of(State::Running), &lead), running);
    let recovered = of(State::Recovered);
    assert_eq!(kinds(&recovered, &lead), [Kind::DrillEvidence, Kind::DrillCriteria]);
    assert_eq!(kinds(&recovered, &pmo), [Kind::DrillSignOff]);
    assert_eq!(kinds(&recovered, &signer), [], "who took part does not sign");
    let sign_off = recovered.iter().find(|it| it.kind == Kind::DrillSignOff).unwrap();
    let Detail::Against { refusals } = &sign_off.detail else { panic!("{sign_off:?}") };
    assert_eq!(refusals.len(), 3, "no T1, evidence and a criterion: {refusals:?}");

    let missed = of(State::Missed { reason: None });
    assert_eq!(kinds(&missed, &pmo), [Kind::DrillUnexplained]);
    assert_eq!(kinds(&missed, &user("dba", &[Role::Dba], &[])), []);
    assert_eq!(of(State::Missed { reason: Some("a storm".into()) }), []);
    let retest = Link { id: DrillId::NEW, number: "DR-1".into() };
    let again =
        Drill { retest_of: Some(retest), planned_at: hours(24 * 20), ..drill(State::Planned) };
    assert_eq!(kinds(&entries(&again, now()), &lead), [Kind::DrillRetest]);
    let far = Drill { planned_at: hours(24 * 20), ..drill(State::Planned) };
    assert_eq!(entries(&far, now()), []);
}

#[test]
fn an_action_item_is_its_owners_and_others_verify_it() {
    let item = |due| ActionItem {
        position: 1,
        text: "raise the limit".into(),
        owner: "lead".into(),
        due,
        critical: false,
        verified: None,
    };
    let of = |due| {
        let drill =
            Drill { actions: vec![item(due)], ..drill(State::Aborted { reason: "x".into() }) };
        entries(&drill, now())
    };
    let (lead, other) = (user("lead", &[Role::Sre], &[]), user("dba", &[Role::Dba], &[]));
    assert_eq!(seen(&of(hours(-1)), &lead), [(Kind::ActionItem, Urgency::Overdue, true)]);
    assert_eq!(kinds(&of(hours(-1)), &other), [Kind::ActionVerification]);
    assert_eq!(kinds(&of(hours(24 * 30)), &lead), [Kind::ActionItem]);
    assert_eq!(kinds(&of(hours(24 * 30)), &other), [], "nobody verifies what is not near");
    assert_eq!(kinds(&of(hours(-1)), &user("v", &[Role::Viewer], &[])), []);
}

#[test]
fn the_calendar_asks_planners_for_what_nobody_planned() {
    let json =
        serde_json::json!({"name": "pitr", "scenario": "PITR", "schedule": {"every": "month"}});
    let Ok(expected) = serde_json::from_value::<crate::calendar::ExpectedDrill>(json) else {
        panic!("an expected drill")
    };
    let month = Occurrence { period: "2026-11".into(), from: hours(-400), until: hours(250) };
    let of = |standing| super::super::drills::expected(&expected, &month, standing);
    for standing in [Standing::Planned, Standing::Held, Standing::Upcoming, Standing::Missed] {
        assert_eq!(of(standing), None);
    }
    let due = vec![of(Standing::Due).unwrap()];
    let pmo = user("pmo", &[Role::Pmo], &[]);
    assert_eq!(seen(&due, &pmo), [(Kind::DrillExpected, Urgency::Later, true)]);
    assert_eq!(kinds(&due, &user("dba", &[Role::Dba], &[])), []);
}
