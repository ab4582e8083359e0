//! One drill: how it stands, what it takes to sign it off, and everything that is known of it.

use domain::access::{Action, Place, Subject};
use domain::drills::closing::{Refusal, refusals};
use domain::drills::{Drill, State};
use domain::evidence::Evidence;
use domain::measurements::RTO;
use domain::rollbacks::Rollback;
use domain::runs::{self, Run};
use domain::texts::drills::TEXTS;
use domain::texts::ledger;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::actions::LinkEvent;
use super::{bound_by, closing, evidence, measured, notes, protections, standing, steps, tone_of};
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{
    Beside, Button, Head, Input, Panel, Stat, Tone, badge, facts, form, live, page, stats, submit,
    when,
};
use crate::pages::visit::{texts, visit};

/// Everything that the page shows.
pub(super) struct Shown {
    pub(super) drill: Drill,
    pub(super) run: Option<Run>,
    pub(super) rollback: Option<Rollback>,
    pub(super) files: Vec<Evidence>,
    /// Against the reader's own signature.
    pub(super) refusals: Vec<Refusal>,
    pub(super) may: May,
    /// An approval takes a one-time code.
    pub(super) otp: bool,
    /// The number of the drill that does it again.
    pub(super) retest: Option<String>,
}

/// What the reader may do here.
#[derive(Clone, Copy, Default)]
pub(super) struct May {
    pub(super) lead: bool,
    pub(super) approve: bool,
    pub(super) own_request: bool,
    pub(super) upload: bool,
    pub(super) judge: bool,
    pub(super) plan: bool,
    pub(super) see_restricted: bool,
    pub(super) verify: bool,
    pub(super) sign: bool,
    pub(super) export: bool,
}

#[component]
pub fn DrillPage() -> impl IntoView {
    let name = use_params_map().with_untracked(|it| it.get("number").unwrap_or_default());
    page(texts(&TEXTS).title, async move {
        let shown = read(Action::Read, async |cx| load(cx, &name).await).await?;
        Ok(show(&shown))
    })
}

async fn load(cx: &Context, name: &str) -> Result<Shown, Error> {
    let db = &cx.db;
    let drill = store::drills::find(db, name).await?;
    let run = match drill.run {
        Some(id) => Some(store::runs::get(db, id).await?),
        None => None,
    };
    let rollback = match drill.rollback {
        Some(id) => Some(store::rollbacks::get(db, id).await?),
        None => None,
    };
    let files = store::evidence::of(db, Subject::new("drills", &drill.number).as_str()).await?;
    let place = crate::wishes::drills::place(&drill);
    let otp = match &drill.service {
        Some(service) => store::policies::for_service(db, service.id).await?.otp,
        None => false,
    };
    let signer = cx.caller.user().map(|it| it.name.as_str()).unwrap_or_default();
    Ok(Shown {
        otp,
        retest: store::drills::retest_of(db, drill.id).await?,
        refusals: refusals(&drill, signer, cx.now),
        may: may(cx, run.as_ref(), &place),
        drill,
        run,
        rollback,
        files,
    })
}

fn may(cx: &Context, run: Option<&Run>, place: &Place<'_>) -> May {
    let own = run.is_some_and(|it| it.requested_by == cx.caller.actor().to_string());
    let asked = run.is_some_and(|run| {
        let roles = cx.caller.user().map(|it| it.approving_roles(cx.now)).unwrap_or_default();
        run.required.roles.iter().any(|it| roles.contains(it))
    });
    May {
        lead: cx.may(Action::RunDrill, place),
        approve: asked && !own && cx.may(Action::ApproveRun, place),
        own_request: own,
        upload: cx.may(Action::UploadEvidence, place),
        judge: cx.may(Action::PerformDrillStep, place),
        plan: cx.may(Action::PlanDrill, place),
        see_restricted: cx.may(Action::ReadRestrictedEvidence, place),
        verify: cx.may(Action::VerifyActionItem, place),
        sign: cx.may(Action::SignOffDrill, place),
        export: cx.may(Action::ExportBundle, place),
    }
}

fn show(shown: &Shown) -> impl IntoView + use<> {
    let drill = &shown.drill;
    let (tone, word) = standing(drill);
    let mut subjects = vec![format!("drills/{}", drill.number)];
    subjects.extend(drill.run.map(|it| format!("runs/{it}")));
    subjects.extend(shown.rollback.as_ref().map(|it| format!("rollbacks/{}", it.number)));
    let title = format!("{} {}", drill.number, drill.scenario);
    let badge = badge(tone, word);
    let paper = format!("/drills/print?q={}", drill.number);
    let paper = view! { <a class="button" href=paper>{texts(&ledger::TEXTS).print_one}</a> };
    let (first, second) = verdict(shown);
    let aside = view! { {closing::next(shown)} {closing::signature(shown)} {about(shown)} };
    let aside = aside.into_any();
    let parts = (
        super::measured::objectives(drill),
        protections::panel(shown),
        steps::panel(shown),
        notes::criteria(shown),
        evidence::panel(shown),
        notes::issues(shown),
        notes::actions(shown),
        notes::tickets(shown),
    );
    view! {
        {live(subjects.join(" "))}
        <Head title=title badge=badge actions=paper.into_any()>
            <strong>{first}</strong>
            " "
            {second}
        </Head>
        {figures(drill)}
        <Beside aside=aside>{parts}</Beside>
    }
}

/// How it stands in one sentence, and what follows from that.
fn verdict(shown: &Shown) -> (String, String) {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let waits = shown.run.as_ref().is_some_and(|it| it.state == runs::State::AwaitingApproval);
    let back = drill.measurement(RTO).map(|it| (t.recovered_in)(&measured(it)));
    let back = back.unwrap_or_default();
    match &drill.state {
        State::Planned => (t.waits_to_start.to_owned(), String::new()),
        State::Running if waits => (t.waits_for_approval.to_owned(), String::new()),
        State::Running => (closing::awaited(shown).to_owned(), String::new()),
        State::Recovered | State::EvidenceComplete => {
            let missing = shown.refusals.iter();
            let missing =
                missing.filter(|it| !matches!(it, Refusal::SignerTookPart { .. })).count();
            let close = match missing {
                0 => t.can_close.to_owned(),
                n => (t.cannot_close)(n),
            };
            (back, close)
        }
        State::SignedOff(signed) => (
            (t.outcome_of)(signed.outcome).to_owned(),
            format!("{back} {}", (t.signed)(&signed.by)),
        ),
        State::Missed { reason } => {
            let why = reason.as_deref().map(t.missed_because);
            (t.missed.to_owned(), why.unwrap_or_else(|| t.missed_unexplained.to_owned()))
        }
        State::Aborted { reason } | State::Cancelled { reason } => {
            ((t.state_of)(drill.state.name()).to_owned(), reason.clone())
        }
    }
}

fn figures(drill: &Drill) -> AnyView {
    let t = texts(&TEXTS);
    let mut figures: Vec<Stat> = drill
        .targets
        .iter()
        .map(|target| {
            let value = drill.measurement(&target.name);
            let verdict = value.and_then(|it| it.verdict);
            Stat {
                label: (t.metric_of)(&target.name),
                value: value
                    .filter(|it| it.value.is_some())
                    .map_or_else(|| "–".to_owned(), measured),
                verdict: verdict.map(|it| (tone_of(it), (t.verdict_of)(it).to_owned())),
                target: bound_by(target, value),
            }
        })
        .collect();
    let elapsed = drill.elapsed(visit().now);
    let limit = domain::texts::duration(visit().lang, drill.closure_limit());
    let late = drill.is_overrun(visit().now);
    figures.push(Stat {
        label: t.closure.to_owned(),
        value: elapsed
            .map_or_else(|| "–".to_owned(), |it| domain::texts::duration(visit().lang, it)),
        verdict: drill.times.t1.map(|_| match late {
            true => (Tone::Bad, (t.verdict_of)(domain::verdict::Verdict::Fail).to_owned()),
            false => (Tone::Ok, (t.verdict_of)(domain::verdict::Verdict::Pass).to_owned()),
        }),
        target: (t.at_most)(&limit),
    });
    let (met, all) = drill.evidence_count();
    let missing = all - met;
    figures.push(Stat {
        label: t.evidence.to_owned(),
        value: format!("{met} / {all}"),
        verdict: (missing > 0).then(|| (Tone::Warn, (t.missing)(missing))),
        target: String::new(),
    });
    let open = drill.actions.iter().filter(|it| it.verified.is_none()).count();
    figures.push(Stat {
        label: t.open_actions.to_owned(),
        value: open.to_string(),
        verdict: None,
        target: String::new(),
    });
    stats(figures)
}

fn about(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let text = |it: &str| it.to_owned().into_any();
    let link = |href: String, name: String| view! { <a href=href>{name}</a> }.into_any();
    let participants = match drill.participants.is_empty() {
        true => t.nobody.to_owned(),
        false => (texts(&domain::texts::common::TEXTS).list)(
            &drill.participants.iter().map(String::as_str).collect::<Vec<_>>(),
        ),
    };
    let mut pairs = Vec::new();
    pairs.extend(
        drill
            .service
            .as_ref()
            .map(|it| (t.service, link(format!("/services/{}", it.name), it.name.clone()))),
    );
    pairs.extend(drill.script.as_deref().map(|it| (t.script, text(it))));
    pairs.extend(drill.expected.as_ref().map(|it| {
        let name = format!("{} · {}", it.name, it.period);
        (t.expected_for, link(format!("/drills/calendar?at={}", it.period), name))
    }));
    pairs.extend(
        drill
            .retest_of
            .as_ref()
            .map(|it| (t.retest_of, link(format!("/drills/{}", it.number), it.number.clone()))),
    );
    pairs.extend([
        (t.drill_type, text((t.type_of)(drill.kind))),
        (t.lead, text(drill.lead.as_deref().unwrap_or(t.nobody))),
        (t.participants, text(&participants)),
    ]);
    pairs.extend(drill.headcount.map(|asked| {
        let there = drill.participants.len() + usize::from(drill.lead.is_some());
        (t.headcount, text(&(t.headcount_of)(there, asked)))
    }));
    pairs.extend([
        (t.planned_for, when(drill.planned_at)),
        (t.planned_by, text(drill.planned_by.split_once(':').map_or(&drill.planned_by, |it| it.1))),
    ]);
    pairs.extend(drill.times.t0.map(|it| ("T0", when(it))));
    pairs.extend(drill.times.t1.map(|it| ("T1", when(it))));
    pairs.extend(shown.run.as_ref().map(|it| {
        let state = (texts(&domain::texts::runs::TEXTS).state_of)(it.state.name());
        (t.run, link(format!("/runs/{}", it.id), state.to_owned()))
    }));
    pairs.extend(
        shown
            .rollback
            .as_ref()
            .map(|it| (t.rollback, link(format!("/rollbacks/{}", it.number), it.number.clone()))),
    );
    pairs.push((t.event, event(shown)));
    pairs.extend(drill.report_to.as_deref().map(|it| (t.report_to, text(it))));
    pairs.extend(shown.may.export.then(|| (t.bundle, bundle(&drill.number))));
    let retest = drill.state.sign_off().and_then(|it| it.retest_due);
    pairs.extend(retest.map(|it| (t.retest_due, when(it))));
    pairs.extend(
        shown
            .retest
            .as_ref()
            .map(|number| (t.retest, link(format!("/drills/{number}"), number.clone()))),
    );
    let imported = drill.imported_at.map(|_| view! { <p><small>{t.imported}</small></p> });
    view! {
        <Panel id="about" title=t.facts>
            <div class="body">{facts(pairs)} {imported}</div>
        </Panel>
    }
    .into_any()
}

/// Where it stands in the event system, and the form that says so.
fn event(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let said = match drill.event.clone() {
        None => t.no_event.into_any(),
        Some(number) if number.starts_with("INC-") => {
            let href = format!("/incidents/{number}");
            view! { <a href=href>{number}</a> }.into_any()
        }
        Some(href) => {
            let shown = href.clone();
            view! { <a href=href rel="external noreferrer">{shown}</a> }.into_any()
        }
    };
    let open = drill.is_open() || drill.state == State::Planned;
    let value = drill.event.clone().unwrap_or_default();
    let link = (shown.may.lead && open).then(|| {
        let form = form::<LinkEvent, _>(drill.number.clone(), move |sent| {
            let input = Input::text("event", t.event).value(value).hint(t.event_note).required();
            Some(view! { {sent.field(input)} {submit(Button::Plain, t.link_event)} })
        });
        view! {
            <details>
                <summary>{t.link_event}</summary>
                {form}
            </details>
        }
    });
    view! { {said} {link} }.into_any()
}

/// A file, and so no page of ours.
fn bundle(number: &str) -> AnyView {
    let t = texts(&TEXTS);
    let href = format!("/api/v1/drills/{number}/bundle");
    view! {
        <a href=href rel="external" download="">
            {t.export}
        </a>
    }
    .into_any()
}
