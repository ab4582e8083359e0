//! What the reader can do with a run now: agree or not, stop it, let it go on, confirm a step.

use domain::approvals::{By, Decision, Standing};
use domain::plans::StepKind;
use domain::runs::{State, StateName};
use domain::texts::runs::{self, TEXTS};
use domain::texts::{self, common, rollbacks};
use leptos::prelude::*;

use super::actions::{AbortRun, ApproveRun, ConfirmStep, PauseRun, RejectRun, ResumeRun, RetryRun};
use super::detail::Shown;
use super::standing;
use crate::pages::profile::one_time_code;
use crate::pages::ui::{
    Button, Check, Input, Panel, Tone, badge, checklist, countdown, dialog, form, hidden, submit,
    when_short,
};
use crate::pages::visit::{texts, visit};

pub(super) fn panel(shown: &Shown) -> AnyView {
    let t = texts(&rollbacks::TEXTS);
    let run = &shown.run;
    let (tone, word) = standing(run);
    let waiting = run.state == State::AwaitingApproval;
    let title = if waiting { t.your_decision } else { t.state };
    let why = why(&run.state).map(|it| view! { <p>{it}</p> });
    let clock = waiting.then(|| {
        let until = run.required.expires_at;
        let at = texts::short_time(until, visit().now, &visit().zone);
        countdown(until, until - run.requested_at, t.window_left, (t.expires)(&at), true)
    });
    let decide = waiting.then(|| decide(shown));
    let confirm = confirm(shown);
    let wishes = wishes(shown);
    let approvers = approvers(shown);
    view! {
        <Panel id="decide" title=title tone=tone badge=badge(tone, word)>
            <div class="body">{clock} {why} {decide} {confirm} {wishes}</div>
            <div class="body">{approvers}</div>
        </Panel>
    }
    .into_any()
}

/// Why it is in its state.
fn why(state: &State) -> Option<String> {
    let lang = visit().lang;
    match state {
        State::Paused { note, .. }
        | State::Failed { note, .. }
        | State::Aborted { note, .. }
        | State::Rejected { note, .. } => Some(runs::note(note, lang)),
        State::Superseded { moved, .. } => {
            let moved: Vec<_> = moved.iter().map(|it| runs::moved(it, lang)).collect();
            Some(moved.join(" · "))
        }
        _ => None,
    }
}

fn decide(shown: &Shown) -> AnyView {
    let t = texts(&rollbacks::TEXTS);
    let run = &shown.run;
    if !shown.may.approve {
        let roles: Vec<&str> = run.required.roles.iter().map(|it| it.as_str()).collect();
        let why = match shown.may.own_request {
            true => t.own_request_note.to_owned(),
            false => format!("{} {}", t.no_right_note, (texts(&common::TEXTS).list)(&roles)),
        };
        return view! { <p id="why-not">{why}</p> }.into_any();
    }
    let (plan, seen) = (run.plan.digest().to_string(), run.plan.digest().to_string());
    let otp = shown.otp;
    let approve = form::<ApproveRun, _>(run.id, move |sent| {
        Some(view! {
            {hidden("plan_digest", seen)}
            {sent.field(Input::check("checked", "true", texts(&TEXTS).checked).required())}
            {otp.then(|| sent.field(one_time_code().required()))}
            {submit(Button::Deciding, t.approve)}
        })
    });
    let reject = form::<RejectRun, _>(run.id, move |sent| {
        Some(view! {
            {hidden("plan_digest", plan)}
            {sent.field(Input::area("reason", t.reject_why).required())}
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

/// A step that waits for somebody.
fn confirm(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let run = &shown.run;
    let open = run.steps.iter().position(|it| it.state.is_running())?;
    let step = &run.plan.steps()[open];
    let waits = match step.kind {
        StepKind::Manual { .. } => true,
        StepKind::Approval => !shown.may.own_request,
        _ => false,
    };
    if !waits || !shown.may.confirm {
        return None;
    }
    let name = runs::step(step, visit().lang);
    let id = format!("{}/{open}", run.id);
    let form = form::<ConfirmStep, _>(id, move |sent| {
        Some(view! {
            <p><b>{name}</b></p>
            {sent.field(Input::area("reason", texts(&common::TEXTS).comment))}
            {submit(Button::Primary, t.confirm)}
        })
    });
    Some(form.into_any())
}

fn wishes(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let (id, may) = (shown.run.id, shown.may);
    let reason = texts(&common::TEXTS).reason;
    let state = shown.run.state.name();
    let pause = (state == StateName::Running && may.pause).then(|| {
        dialog::<PauseRun, _>(
            id,
            t.pause_question,
            (Button::Plain, t.pause),
            |sent| view! { {sent.field(Input::text("reason", reason).required())} },
            submit(Button::Primary, t.pause),
        )
    });
    let resume = (state == StateName::Paused && may.resume).then(|| {
        dialog::<ResumeRun, _>(
            id,
            t.resume_question,
            (Button::Primary, t.resume),
            |sent| view! { {sent.field(Input::text("reason", reason).required())} },
            submit(Button::Primary, t.resume),
        )
    });
    let abort = (!shown.run.state.is_terminal() && may.pause).then(|| {
        dialog::<AbortRun, _>(
            id,
            t.abort_question,
            (Button::Danger, t.abort),
            |sent| view! { {sent.field(Input::text("reason", reason).required())} },
            submit(Button::Danger, t.abort),
        )
    });
    let retry = (state == StateName::Failed && may.resume).then(|| {
        dialog::<RetryRun, _>(
            id,
            t.retry_question,
            (Button::Primary, t.retry),
            |sent| view! { {sent.field(Input::text("reason", reason).required())} },
            submit(Button::Primary, t.retry),
        )
    });
    view! { <div class="actions">{pause} {resume} {retry} {abort}</div> }.into_any()
}

/// Who decided, and how many are still missing.
fn approvers(shown: &Shown) -> AnyView {
    let t = texts(&rollbacks::TEXTS);
    let required = &shown.run.required;
    let given = shown.run.approvals.iter().map(|it| {
        let (tone, word) = match it.decision {
            Decision::Approve => (Tone::Ok, t.approve),
            Decision::Reject => (Tone::Bad, t.reject),
        };
        let tone = if matches!(it.standing, Standing::Void(_)) { Tone::Idle } else { tone };
        let who = match &it.by {
            By::Person { name, .. } => name.clone(),
            By::Policy { name, version } => format!("{name} v{version}"),
        };
        let reason = it.reason.clone();
        let why = view! { {word} " " {when_short(it.at)} " " {reason} };
        Check { tone, what: who, why: Some(why.into_any()) }
    });
    let given: Vec<_> = given.collect();
    let missing = (required.count as usize).saturating_sub(given.len());
    let open = (0..missing).filter(|_| shown.run.state == State::AwaitingApproval).map(|_| {
        let roles: Vec<&str> = required.roles.iter().map(|it| it.as_str()).collect();
        Check { tone: Tone::Warn, what: roles.join(" / "), why: None }
    });
    checklist(given.into_iter().chain(open))
}
