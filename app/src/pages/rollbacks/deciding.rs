//! What the reader is asked: the first thing on the page, also on a phone.

use domain::approvals::{By, Decision as Consent};
use domain::rollbacks::State;
use domain::runs::Run;
use domain::texts::rollbacks::TEXTS;
use domain::texts::{self, common};
use leptos::prelude::*;

use super::actions::{ApproveRollback, CancelRollback, RejectRollback, RetryRollback};
use super::detail::Shown;
use super::standing;
use crate::pages::profile::one_time_code;
use crate::pages::rails::actions::ThrowKillSwitch;
use crate::pages::ui::{
    Button, Check, Input, Panel, Tone, badge, checklist, countdown, dialog, digest, facts, form,
    hidden, submit, took,
};
use crate::pages::visit::{texts, visit};

pub(super) fn panel(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let rollback = &shown.rollback;
    let (tone, word) = standing(rollback);
    let waiting = rollback.state == State::AwaitingApproval;
    let title = if waiting { t.your_decision } else { t.state };
    let note = view! { <small>{rollback.number.clone()}</small> }.into_any();
    let reason = rollback.state.reason().map(|it| view! { <p>{it.to_owned()}</p> });
    let clock = waiting.then(|| clock(shown));
    let facts = facts(summary(shown));
    let decide = waiting.then(|| decide(shown));
    let end = end(shown);
    let approvers =
        shown.run.as_ref().map(|run| view! { <div class="body">{approvers(run)}</div> });
    let kill = shown.may.kill.then(|| view! { <div class="body">{kill(shown)}</div> });
    view! {
        <Panel id="decide" title=title tone=tone badge=badge(tone, word) note=note>
            <div class="body">{clock} {reason} {facts} {decide} {end}</div>
            {approvers}
            {kill}
        </Panel>
    }
    .into_any()
}

fn clock(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let run = shown.run.as_ref()?;
    let until = run.required.expires_at;
    let at = texts::short_time(until, visit().now, &visit().zone);
    Some(countdown(until, until - run.requested_at, t.window_left, (t.expires)(&at), true))
}

fn summary(shown: &Shown) -> Vec<(&'static str, AnyView)> {
    let t = texts(&TEXTS);
    let rollback = &shown.rollback;
    let mut pairs = Vec::new();
    if let Some(drill) = &rollback.drill {
        let href = format!("/drills/{drill}");
        pairs.push((t.drill, view! { <a href=href>{drill.clone()}</a> }.into_any()));
    }
    if let (Some(onset), true) = (rollback.times.onset_at, rollback.state.is_open()) {
        pairs.push((t.outage, took(visit().now - onset)));
    }
    if let (Some(from), Some(target)) = (&rollback.from, &rollback.target) {
        let what = view! {
            <code>"rollout undo"</code>
            {format!(" {} → ", from.revision)}
            <b>{target.revision}</b>
        };
        pairs.push((t.will_do, what.into_any()));
    }
    if let Some(run) = rollback.run {
        pairs.push((t.run, view! { <a href=format!("/runs/{run}")>{t.run}</a> }.into_any()));
    }
    if let Some(decision) = rollback.decision {
        let href = format!("/decisions/{decision}");
        pairs.push((t.decision, view! { <a href=href>{t.decision}</a> }.into_any()));
    }
    pairs
}

/// Approve, or reject with a reason. Nothing for somebody who may not, but why.
fn decide(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let Some(run) = &shown.run else { return ().into_any() };
    if !shown.may.approve {
        let roles: Vec<&str> = run.required.roles.iter().map(|it| it.as_str()).collect();
        let why = match shown.may.own_request {
            true => t.own_request_note.to_owned(),
            false => format!("{} {}", t.no_right_note, (texts(&common::TEXTS).list)(&roles)),
        };
        return view! { <p id="why-not">{why}</p> }.into_any();
    }
    let plan = run.plan.digest().to_string();
    let number = shown.rollback.number.clone();
    let (seen, otp) = (plan.clone(), shown.otp);
    let approve = form::<ApproveRollback, _>(number.clone(), move |sent| {
        Some(view! {
            {hidden("plan_digest", seen)}
            {sent.field(Input::check("checked", "true", t.checked).required())}
            {otp.then(|| sent.field(one_time_code().required()))}
            {submit(Button::Deciding, t.approve)}
        })
    });
    let kinds = std::iter::once(("", t.choose)).chain(t.reject_kinds.iter().map(|it| (*it, *it)));
    let reject = form::<RejectRollback, _>(number, move |sent| {
        Some(view! {
            {hidden("plan_digest", plan)}
            {sent.field(Input::select("kind", t.reject_kind, kinds).required())}
            {sent.field(Input::area("reason", t.reject_why))}
            {submit(Button::Danger, t.reject)}
        })
    });
    view! {
        {approve}
        <details>
            <summary>{t.reject}</summary>
            {reject}
        </details>
    }
    .into_any()
}

fn approvers(run: &Run) -> AnyView {
    let t = texts(&TEXTS);
    let zone = visit().zone;
    let now = visit().now;
    let approved = run.approvals.iter().filter(|it| it.decision == Consent::Approve).count();
    let given = run.approvals.iter().map(|it| Check {
        tone: if it.decision == Consent::Approve { Tone::Ok } else { Tone::Bad },
        what: match &it.by {
            By::Person { name, .. } => name.clone(),
            By::Policy { name, version } => (t.by_policy)(name, *version),
        },
        why: Some(
            view! { {texts::short_time(it.at, now, &zone)} " " {it.reason.clone()} }.into_any(),
        ),
    });
    let given = checklist(given);
    view! {
        <h3>{(t.approvers)(approved, run.required.count)}</h3>
        {given}
        <p>{t.digest} " " {digest(run.plan.digest().as_str())}</p>
        <p>
            <small>{t.digest_note}</small>
        </p>
    }
    .into_any()
}

/// How it can be ended before anything is done, or tried again after it failed.
fn end(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let number = shown.rollback.number.clone();
    match &shown.rollback.state {
        State::NeedsPerson | State::AwaitingApproval | State::Approved if shown.may.cancel => {
            let (title, hint) = match shown.rollback.state {
                State::NeedsPerson => (t.close, t.close_note),
                _ => (t.cancel, t.cancel_note),
            };
            let form = form::<CancelRollback, _>(number, move |sent| {
                Some(view! {
                    {sent.field(Input::text("reason", texts(&common::TEXTS).reason).hint(hint).required())}
                    {submit(Button::Plain, title)}
                })
            });
            view! {
                <details>
                    <summary>{title}</summary>
                    {form}
                </details>
            }
            .into_any()
        }
        State::Failed { .. } if shown.may.retry && shown.run.is_some() => {
            let common = texts(&common::TEXTS);
            form::<RetryRollback, _>(number, move |sent| {
                Some(view! {
                    {sent.field(Input::text("reason", common.reason).required())}
                    {submit(Button::Primary, t.again)}
                })
            })
            .into_any()
        }
        _ => ().into_any(),
    }
}

fn kill(shown: &Shown) -> AnyView {
    let t = texts(&texts::rails::TEXTS);
    let scope = format!("services/{}", shown.rollback.service_name);
    dialog::<ThrowKillSwitch, _>(
        scope,
        t.throw_question,
        (Button::Danger, t.throw),
        move |sent| {
            view! {
                <p>{t.throw_note}</p>
                {sent.field(Input::text("reason", t.reason).required())}
            }
        },
        submit(Button::Danger, t.throw_now),
    )
    .into_any()
}
