//! A drill as others read it.

use app::doors::Context;
use domain::drills::{Drill, Requirement, Unprotected, closing};
use domain::texts::drills::TEXTS;
use serde_json::{Value, json};

/// A drill as others read it; `refusals` are those against the reader's own signature.
pub(in crate::http::api) fn shown(cx: &Context, drill: &Drill) -> Value {
    let signer = cx.caller.user().map(|it| it.name.as_str()).unwrap_or_default();
    let refusals = match drill.state.is_over() {
        true => vec![],
        false => closing::refusals(drill, signer, cx.now),
    };
    let evidence = drill.requirements.iter().map(|it| requirement(cx, drill, it));
    let actions = drill.actions.iter().map(|it| {
        json!({
            "position": it.position, "text": it.text, "owner": it.owner, "due": it.due, "critical": it.critical,
            "verified_by": it.verified.as_ref().map(|it| &it.by),
            "verified_at": it.verified.as_ref().map(|it| it.at),
            "verified_on": it.verified.as_ref().map(|it| &it.evidence),
        })
    });
    let signed = drill
        .state
        .sign_off()
        .map(|it| json!({"by": it.by, "at": it.at, "note": it.note, "retest_due": it.retest_due}));
    let steps = drill.steps.iter().map(
        |it| json!({
            "name": it.name, "kind": it.kind.as_str(), "workload": it.kind.workload(), "protection": it.protection,
        }),
    );
    json!({
        "id": drill.id,
        "number": drill.number,
        "state": drill.state.name(),
        "state_reason": drill.state.reason(),
        "outcome": drill.state.sign_off().map(|it| it.outcome),
        "scenario": drill.scenario,
        "type": drill.kind,
        "script": drill.script,
        "service": drill.service.as_ref().map(|it| &it.name),
        "lead": drill.lead,
        "participants": drill.participants,
        "headcount": drill.headcount,
        "expected": drill.expected.as_ref().map(|it| json!({"name": it.name, "period": it.period})),
        "retest_of": drill.retest_of.as_ref().map(|it| &it.number),
        "retest_days": drill.retest_days,
        "took_part": drill.took_part,
        "planned_by": drill.planned_by,
        "planned_at": drill.planned_at,
        "plan": {"service": drill.service.as_ref().map(|it| &it.name), "steps": steps.collect::<Vec<_>>()},
        "run": drill.run,
        "rollback": drill.rollback,
        "t0": drill.times.t0,
        "recovered_at": drill.times.recovered_at,
        "t1": drill.times.t1,
        "closure_s": drill.closure().map(|it| it.num_milliseconds() as f64 / 1000.0),
        "closure_limit_s": drill.closure_limit_s,
        "targets": drill.targets,
        "measurements": drill.measurements,
        "unprotected": drill.unprotected.iter().map(|it| unprotected(cx, it)).collect::<Vec<_>>(),
        "criteria": drill.criteria,
        "evidence": evidence.collect::<Vec<_>>(),
        "issues": drill.issues,
        "action_items": actions.collect::<Vec<_>>(),
        "tickets": drill.tickets,
        "event": drill.event,
        "report_to": drill.report_to,
        "imported_at": drill.imported_at,
        "links": drill.links,
        "sign_off": signed,
        "refusals": refusals.iter().map(refusal).collect::<Vec<_>>(),
        "created_at": drill.created_at,
    })
}

fn refusal(it: &closing::Refusal) -> Value {
    json!({"code": it.code(), "message": (TEXTS.en.against)(it)})
}

/// A piece of evidence with its deadline; `late` is whether it came after that, or has not come by now.
fn requirement(cx: &Context, drill: &Drill, it: &Requirement) -> Value {
    let due_at = it.deadline(&drill.times, drill.closure_limit());
    json!({
        "kind": it.kind, "due": it.due, "due_at": due_at, "late": it.is_late(due_at, cx.now),
        "satisfied_by": it.satisfied_by.as_ref().map(|by| &by.sha256),
        "satisfied_at": it.satisfied_by.as_ref().map(|by| by.at),
    })
}

fn unprotected(cx: &Context, it: &Unprotected) -> Value {
    json!({
        "protection": it.name, "from": it.from, "to": it.to, "resumed_by": it.resumed_by, "note": it.note,
        "length_s": it.length(cx.now).num_milliseconds() as f64 / 1000.0,
    })
}
