//! What the reader can do next, and the signature with everything that stands in its way.

use domain::drills::closing::{Outcome, Refusal};
use domain::drills::{Drill, State};
use domain::runs::{self, Run};
use domain::texts::drills::TEXTS;
use domain::texts::{common, rollbacks, runs as texts_of_runs};
use leptos::prelude::*;

use super::actions::{
    ApproveDrill, CancelDrill, ExplainDrill, RecoverDrill, SignOffDrill, StartDrill,
};
use super::detail::Shown;
use crate::pages::profile::one_time_code;
use crate::pages::ui::{
    Button, Check, Input, Panel, Tone, badge, blocked, checklist, countdown, digest, form, hidden,
    stopwatch, submit,
};
use crate::pages::visit::{texts, visit};

/// Starting, approving, waiting, ending: as long as the drill is under way.
pub(super) fn next(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let content = match &drill.state {
        State::Planned => start(shown),
        State::Running => match (&shown.run, drill.times.t0) {
            (Some(run), None) if run.state == runs::State::AwaitingApproval => approve(shown, run),
            _ => under_way(shown),
        },
        State::Recovered if drill.times.t1.is_none() => recovered(shown),
        State::Missed { .. } if shown.may.plan => return Some(explain(shown)),
        _ => return None,
    };
    let tone = if drill.state == State::Planned { Tone::Idle } else { Tone::Live };
    // What has recovered is signed off, as a failed one if need be.
    let end = (shown.may.lead && drill.state != State::Recovered).then(|| cancel(shown));
    Some(
        view! {
            <Panel id="next" title=t.next tone=tone>
                <div class="body">{content} {end}</div>
            </Panel>
        }
        .into_any(),
    )
}

/// Why nobody began it; what was said before can be said better.
fn explain(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let reason = texts(&common::TEXTS).reason;
    let said = shown.drill.state.reason().unwrap_or_default().to_owned();
    let tone = if said.is_empty() { Tone::Bad } else { Tone::Idle };
    let form = form::<ExplainDrill, _>(shown.drill.number.clone(), move |sent| {
        Some(view! {
            {sent.field(Input::area("reason", reason).value(said).required())}
            {submit(Button::Plain, t.explain)}
        })
    });
    view! {
        <Panel id="next" title=t.next tone=tone>
            <div class="body">{form}</div>
        </Panel>
    }
    .into_any()
}

fn start(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    if !shown.may.lead {
        return view! { <p>{t.waits_to_start}</p> }.into_any();
    }
    form::<StartDrill, _>(shown.drill.number.clone(), |_| {
        Some(view! {
            <p>{t.start_note}</p>
            {submit(Button::Deciding, t.start)}
        })
    })
}

/// The run of a drill is approved here: its plan is the fault that stands on this page.
fn approve(shown: &Shown, run: &Run) -> AnyView {
    let t = texts(&TEXTS);
    let words = texts(&rollbacks::TEXTS);
    let until = run.required.expires_at;
    let clock = countdown(until, until - run.requested_at, words.window_left, "", true);
    let plan = run.plan.digest().to_string();
    let shown_digest = digest(&plan);
    let (number, otp) = (shown.drill.number.clone(), shown.otp);
    let decide = match shown.may.approve {
        false => {
            let why = match shown.may.own_request {
                true => t.own_request.to_owned(),
                false => {
                    let roles: Vec<&str> =
                        run.required.roles.iter().map(|it| it.as_str()).collect();
                    format!("{} {}", words.no_right_note, (texts(&common::TEXTS).list)(&roles))
                }
            };
            view! { <p>{why}</p> }.into_any()
        }
        true => form::<ApproveDrill, _>(number, move |sent| {
            Some(view! {
                {hidden("plan_digest", plan)}
                {otp.then(|| sent.field(one_time_code()))}
                {submit(Button::Deciding, words.approve)}
                <details>
                    <summary>{words.reject}</summary>
                    {sent.field(Input::text("reason", words.reject_why))}
                    <button class=Button::Danger.class() type="submit" name="reject" value="true">
                        {words.reject}
                    </button>
                </details>
            })
        }),
    };
    view! {
        {clock}
        <p>{t.waits_for_approval}</p>
        <p>{words.digest} " " {shown_digest}</p>
        {decide}
    }
    .into_any()
}

/// What is waited for while the drill runs.
pub(super) fn awaited(shown: &Shown) -> &'static str {
    let t = texts(&TEXTS);
    let paused = |it: &Run| matches!(it.state, runs::State::Paused { .. });
    match shown.drill.times.t0 {
        Some(_) => t.waits_for_recovery,
        None if shown.run.as_ref().is_some_and(paused) => t.fault_stopped,
        None => t.waits_for_fault,
    }
}

/// From T0 on, against the limit.
fn clock(drill: &Drill) -> Option<AnyView> {
    let label = texts(&TEXTS).closure;
    let limit = domain::texts::duration(visit().lang, drill.closure_limit());
    let limit = (texts(&TEXTS).at_most)(&limit);
    drill
        .times
        .t0
        .map(|t0| stopwatch(t0, drill.closure_limit(), drill.at_risk_after(), label, limit, true))
}

/// The clock runs until the evidence that is due by T1 is there.
fn recovered(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let clock = clock(&shown.drill);
    view! {
        {clock}
        <p>{t.waits_for_evidence}</p>
        <p>
            <a href="#evidence">{t.upload}</a>
        </p>
    }
    .into_any()
}

/// The closure clock, and by what the recovery will be known.
fn under_way(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let clock = clock(drill);
    let how = match &shown.rollback {
        Some(rollback) => {
            let href = format!("/rollbacks/{}", rollback.number);
            view! { <p>{t.at_rollback} " " <a href=href>{rollback.number.clone()}</a></p> }
                .into_any()
        }
        None => view! {
            <p>{awaited(shown)} " " {stopped(shown)}</p>
        }
        .into_any(),
    };
    let by_hand = drill.times.t0.is_some()
        && shown.may.lead
        && shown.rollback.as_ref().is_none_or(|it| !it.state.is_open());
    let by_hand = by_hand.then(|| {
        form::<RecoverDrill, _>(drill.number.clone(), |_| {
            Some(view! {
                <small>{t.recover_note}</small>
                {submit(Button::Plain, t.recover)}
            })
        })
    });
    view! { {clock} {how} {by_hand} }.into_any()
}

/// Why its run waits, and the way to it.
fn stopped(shown: &Shown) -> Option<AnyView> {
    let run = shown.run.as_ref()?;
    let runs::State::Paused { note, .. } = &run.state else { return None };
    let why = texts_of_runs::note(note, visit().lang);
    let href = format!("/runs/{}", run.id);
    Some(view! { {why} " " <a href=href>{texts(&TEXTS).run}</a> }.into_any())
}

fn cancel(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let reason = texts(&common::TEXTS).reason;
    let form = form::<CancelDrill, _>(shown.drill.number.clone(), move |sent| {
        Some(view! {
            {sent.field(Input::text("reason", reason).hint(t.cancel_note).required())}
            {submit(Button::Danger, t.cancel)}
        })
    });
    view! {
        <details>
            <summary>{t.cancel}</summary>
            {form}
        </details>
    }
    .into_any()
}

/// The checklist of a signature, and the signature itself for who may give it.
pub(super) fn signature(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    if let State::SignedOff(signed) = &drill.state {
        let note = (!signed.note.is_empty()).then(|| view! { <p>{signed.note.clone()}</p> });
        let badge = badge(super::tone_of_outcome(signed.outcome), (t.outcome_of)(signed.outcome));
        let at = crate::pages::ui::when(signed.at);
        let by = (t.signed)(&signed.by);
        return Some(
            view! {
                <Panel id="sign-off" title=t.sign_off badge=badge>
                    <div class="body">
                        <p>{by} " " {at}</p>
                        {note}
                    </div>
                </Panel>
            }
            .into_any(),
        );
    }
    if !drill.is_open() {
        return None;
    }
    let missing = shown.refusals.len();
    let (tone, word) = match missing {
        0 => (Tone::Ok, t.ready.to_owned()),
        n => (Tone::Warn, (t.missing)(n)),
    };
    let checks = checks(&shown.refusals);
    let sign = sign(shown);
    Some(
        view! {
            <Panel id="sign-off" title=t.sign_off tone=tone badge=badge(tone, word)>
                <div class="body">
                    <div id="close-list">{checks}</div>
                    {sign}
                    <p>
                        <small>{t.sign_rule}</small>
                    </p>
                </div>
            </Panel>
        }
        .into_any(),
    )
}

/// One line for each rule: met, or every reason against it.
fn checks(refusals: &[Refusal]) -> AnyView {
    let t = texts(&TEXTS);
    type Rule = fn(&Refusal) -> bool;
    let rules: [(&'static str, Rule); 8] = [
        (t.met.recovered, |it| matches!(it, Refusal::NotRecovered | Refusal::NoT1)),
        (t.met.evidence, |it| matches!(it, Refusal::EvidenceMissing { .. })),
        (t.met.targets, |it| matches!(it, Refusal::TargetUnexplained { .. })),
        (t.met.closure, |it| matches!(it, Refusal::OverrunUnexplained)),
        (t.met.criteria, |it| matches!(it, Refusal::CriterionOpen { .. })),
        (t.met.actions, |it| matches!(it, Refusal::CriticalActionOpen { .. })),
        (t.met.protections, |it| matches!(it, Refusal::ProtectionPaused { .. })),
        (t.met.signer, |it| matches!(it, Refusal::SignerTookPart { .. })),
    ];
    let line = |(met, rule): (&'static str, Rule)| {
        let against: Vec<String> =
            refusals.iter().filter(|it| rule(it)).map(|it| (t.against)(it)).collect();
        match against.is_empty() {
            true => Check { tone: Tone::Ok, what: met.to_owned(), why: None },
            false => {
                let lines: Vec<_> =
                    against.into_iter().map(|it| view! { <small>{it}</small> }).collect();
                Check { tone: Tone::Bad, what: met.to_owned(), why: Some(lines.into_any()) }
            }
        }
    };
    checklist(rules.into_iter().map(line))
}

fn sign(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    if !shown.may.sign {
        return view! { <p>{t.only_pmo}</p> }.into_any();
    }
    let measured = shown.drill.outcome(visit().now);
    // Not better than what was measured.
    let outcomes = Outcome::ALL.iter().filter(move |it| **it >= measured);
    let outcomes = outcomes.map(|it| (it.as_str(), (t.outcome_of)(*it)));
    let ready = shown.refusals.is_empty();
    form::<SignOffDrill, _>(shown.drill.number.clone(), move |sent| {
        let button = match ready {
            true => submit(Button::Deciding, t.sign),
            false => blocked(Button::Deciding, t.sign, "close-list"),
        };
        Some(view! {
            {sent.field(Input::select("outcome", t.outcome, outcomes))}
            {sent.field(Input::area("note", t.sign_note))}
            {button}
        })
    })
}
