//! The gates at which delivery tools ask about a workload, and how far the canary of a Rollout has come.

use domain::access::{Action, Place};
use domain::gates::{Hook, Tool};
use domain::rollouts::Progress;
use domain::texts::gates::{self as words, TEXTS};
use domain::texts::{common, people, rollouts};
use domain::verdict::Verdict;
use domain::workloads::{Owner, WorkloadKind};
use leptos::prelude::*;
use store::gates::{Given, Standing};

use super::actions::{MakeGate, RevokeGate};
use super::detail::Shown;
use crate::pages::ui::{
    Button, Input, Panel, Table, Tone, badge, column, command, dialog, empty, facts, form, hidden,
    mark, submit, when,
};
use crate::pages::visit::{texts, visit};
use crate::wishes::tokens::random;

/// Nothing where no tool asks and the reader may not have one ask.
pub(super) fn panel(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    // Who would be asked, and by which policy, is said by the service.
    let may = shown.service.is_some() && visit().may(Action::AdministerTokens, &Place::default());
    if shown.gates.is_empty() && !may {
        return None;
    }
    let state = match shown.gates.is_empty() {
        true => badge(Tone::Idle, t.none),
        false => badge(Tone::Ok, texts(&people::TEXTS).live),
    };
    let gates = shown.gates.iter().map(|it| gate(it, may)).collect_view();
    let make = may.then(|| make(shown));
    let panel = view! {
        <Panel id="gates" title=t.title badge=state>
            <div class="body">
                <p>{t.note}</p>
                {gates}
                {make}
            </div>
        </Panel>
    };
    Some(panel.into_any())
}

fn gate(it: &Standing, may: bool) -> AnyView {
    let t = texts(&TEXTS);
    let by = it.created_by.split_once(':').map_or(it.created_by.as_str(), |(_, name)| name);
    let by = view! { {by.to_owned()} " " {when(it.created_at)} };
    let asked = it.asked_at.map_or_else(|| t.never_asked.into_any(), when);
    let common = texts(&common::TEXTS);
    let consent = if it.gate.consent { t.consent_asked } else { t.unattended };
    let about = facts([
        (
            t.tool,
            view! { {(t.tool_of)(it.gate.tool)} " " <code>{it.gate.name.clone()}</code> }
                .into_any(),
        ),
        (t.consent, consent.into_any()),
        (t.made, by.into_any()),
        (t.asked, asked),
    ]);
    let answers = match it.answers.is_empty() {
        true => empty(t.nothing_asked),
        false => {
            let heads =
                vec![column(t.hook), column(t.answer), column(common.reason), column(t.since)];
            let rows = it.answers.iter().map(answer).collect_view();
            view! { <Table label=t.answer heads>{rows}</Table> }.into_any()
        }
    };
    let workload = it.gate.workload;
    let id = it.gate.id;
    let revoke = may.then(|| {
        dialog::<RevokeGate, _>(
            id,
            t.revoke,
            (Button::Danger, t.revoke),
            |_| view! { <p>{t.revoke_why}</p> {hidden("workload", workload)} },
            submit(Button::Danger, t.revoke),
        )
    });
    view! { {about} {answers} {revoke} }.into_any()
}

fn answer(it: &Given) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let state = match it.verdict {
        Verdict::Pass => badge(Tone::Ok, t.open),
        // Nothing is wrong while nobody wants to go back.
        Verdict::Fail if it.hook == Hook::Rollback => badge(Tone::Idle, t.closed),
        Verdict::Fail => badge(Tone::Bad, t.closed),
        Verdict::Unknown => badge(Tone::Warn, t.unknown),
    };
    view! {
        <tr>
            <th scope="row"><code>{it.hook.as_str()}</code> " " <small>{(t.hook_of)(it.hook)}</small></th>
            <td>{state}</td>
            <td>{words::why(it.why, visit().lang)}</td>
            <td>{when(it.at)}</td>
        </tr>
    }
}

/// A new token: shown here, sent along, and kept nowhere but as a hash.
fn make(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let token = random();
    let (tool, address) = match shown.workload.kind {
        WorkloadKind::Rollout => (Tool::Argo, format!("https://…/api/v1/gates/argo/{token}")),
        _ => (Tool::Flagger, format!("https://…/api/v1/gates/flagger/{token}/{{hook}}")),
    };
    let there = shown.gates.iter().any(|it| it.gate.tool == tool);
    let label = if there { t.replace } else { t.make };
    let name = match &shown.workload.owner {
        Owner::Flagger(canary) => canary.clone(),
        _ => shown.workload.name.clone(),
    };
    let fields = form::<MakeGate, _>(shown.workload.id, |sent| {
        Some(view! {
            {sent.field(Input::text("name", t.name).hint(t.name_hint).value(name).required())}
            {sent.field(Input::check("unattended", "yes", t.unattended).hint(t.consent_hint))}
            <div class="field">
                <span>{t.address}</span>
                {command(address)}
                <small>{t.address_hint}</small>
            </div>
            {hidden("tool", tool.as_str())}
            {hidden("password_token", token)}
            {submit(Button::Primary, label)}
        })
    });
    view! {
        <details>
            <summary>{label} " (" {(t.tool_of)(tool)} ")"</summary>
            {fields}
        </details>
    }
    .into_any()
}

/// Of a Rollout alone.
pub(super) fn canary(it: &Progress) -> AnyView {
    let t = texts(&rollouts::TEXTS);
    let state = match (it.phase.as_str(), it.aborted) {
        (_, true) => badge(Tone::Bad, t.aborted),
        ("Healthy", _) => badge(Tone::Ok, t.healthy),
        ("Degraded", _) => badge(Tone::Bad, t.degraded),
        ("Paused", _) => badge(Tone::Warn, t.paused),
        ("Progressing", _) => badge(Tone::Live, t.progressing),
        _ => badge(Tone::Idle, t.unseen),
    };
    let mut pairs = vec![(t.step, (t.steps)(it.step, it.steps).into_any())];
    pairs.extend(it.weight.map(|it| (t.weight, format!("{it} %").into_any())));
    pairs.extend(it.rollback_window.map(|it| (t.window, (t.window_of)(it).into_any())));
    pairs.extend(
        it.workload_ref
            .clone()
            .map(|it| (t.template, view! { <code>{format!("Deployment/{it}")}</code> }.into_any())),
    );
    if !it.message.is_empty() {
        pairs.push((texts(&common::TEXTS).reason, it.message.clone().into_any()));
    }
    let findings = it.findings.iter().map(|it| (t.finding_of)(*it));
    let findings: Vec<_> =
        findings.map(|it| view! { <p>{mark(Tone::Warn, it)}</p> }.into_any()).collect();
    let note = it.aborted.then(|| view! { <p>{mark(Tone::Bad, t.aborted_note)}</p> });
    view! {
        <Panel id="canary" title=t.title badge=state>
            <div class="body">
                {note}
                {facts(pairs)}
                {findings}
            </div>
        </Panel>
    }
    .into_any()
}
