//! One spot check: how it stands, what comes next, how its sample was drawn, and what was found.

use domain::access::{Action, Place, Subject};
use domain::business_days::Calendar;
use domain::evidence::{Evidence, EvidenceKind};
use domain::spot_checks::{Refusal, SpotCheck, State};
use domain::texts::spot_checks::TEXTS;
use domain::texts::{drills, duration};
use domain::verdict::Verdict;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{deciding, draw, due, person, results, standing};
use crate::doors::Context;
use crate::pages::drills::evidence::upload;
use crate::pages::drills::tone_of;
use crate::pages::error::Error;
use crate::pages::evidence::files;
use crate::pages::ssr::read;
use crate::pages::ui::{Beside, Head, Panel, Stat, Tone, badge, facts, live, page, stats, when};
use crate::pages::visit::{texts, visit};

/// Everything that the page shows.
pub(super) struct Shown {
    pub(super) check: SpotCheck,
    pub(super) files: Vec<Evidence>,
    /// Asked for, and its number once it is open.
    incident: Option<Option<String>>,
    calendar: Calendar,
    today: chrono::NaiveDate,
    /// Against the reader's own signature.
    pub(super) against: Option<Refusal>,
    pub(super) may: May,
}

/// What the reader may do here.
#[derive(Clone, Copy, Default)]
pub(super) struct May {
    pub(super) record: bool,
    pub(super) accept: bool,
    upload: bool,
    see_restricted: bool,
    pub(super) export: bool,
}

#[component]
pub fn SpotCheckPage() -> impl IntoView {
    let name = use_params_map().with_untracked(|it| it.get("number").unwrap_or_default());
    page(texts(&TEXTS).title, async move {
        let shown = read(Action::Read, async |cx| load(cx, &name).await).await?;
        Ok(show(&shown))
    })
}

async fn load(cx: &Context, name: &str) -> Result<Shown, Error> {
    let db = &cx.db;
    let check = store::spot_checks::find(db, name).await?;
    let service = store::services::get(db, check.service).await?.entry;
    let subject = Subject::new("spot-checks", &check.number);
    let files = store::evidence::of(db, subject.as_str()).await?;
    let place = Place::service(&service.name, &service.team);
    let signer = cx.caller.user().map(|it| it.name.as_str()).unwrap_or_default();
    let today = cx.today();
    Ok(Shown {
        incident: store::spot_checks::incident_of(db, &check).await?,
        calendar: store::holidays::calendar(db, today).await?,
        today,
        against: check.against_acceptance(signer, files.len()),
        may: May {
            record: cx.may(Action::RecordSpotCheck, &place),
            accept: cx.may(Action::AcceptSpotCheck, &place),
            upload: cx.may(Action::UploadEvidence, &place),
            see_restricted: cx.may(Action::ReadRestrictedEvidence, &place),
            export: cx.may(Action::ExportBundle, &place),
        },
        check,
        files,
    })
}

fn show(shown: &Shown) -> impl IntoView + use<> {
    let check = &shown.check;
    let title = format!("{} {}", check.number, check.item);
    let (first, second) = verdict(check);
    // Each drawn item has its line in the form for the results, which needs the room of the wide column.
    let (beside, first_part) = match check.state {
        State::Drawn => (None, deciding::next(shown)),
        _ => (deciding::next(shown), None),
    };
    let aside = view! { {beside} {deciding::acceptance(shown)} {about(shown)} };
    let parts = (first_part, draw::panel(shown), results::panel(check), evidence(shown));
    view! {
        {live(format!("spot-checks/{} holidays", check.number))}
        <Head title=title badge=standing(check)>
            <strong>{first}</strong>
            " "
            {second}
        </Head>
        {figures(check)}
        <Beside aside=aside.into_any()>{parts}</Beside>
    }
}

/// How it stands in one sentence, and what follows from that.
fn verdict(check: &SpotCheck) -> (String, String) {
    let t = texts(&TEXTS);
    let judged = check.verdict().map(|it| match it {
        Verdict::Pass => t.verdict_passed,
        Verdict::Fail => t.verdict_failed,
        Verdict::Unknown => t.verdict_unknown,
    });
    let judged = judged.unwrap_or_default().to_owned();
    match &check.state {
        State::Planned => (t.waits_for_population.to_owned(), String::new()),
        State::Populated => (t.waits_for_draw.to_owned(), String::new()),
        State::Drawn => (t.waits_for_results.to_owned(), String::new()),
        State::Recorded => (judged, t.waits_for_acceptance.to_owned()),
        State::Accepted(it) => (judged, (t.accepted_by)(&it.by)),
        State::Cancelled { reason } => {
            ((t.state_of)(check.state.name()).to_owned(), reason.clone())
        }
    }
}

fn figures(check: &SpotCheck) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let dash = || "–".to_owned();
    let verdict_of = t.verdict_of;
    let size = check.population.as_ref().map(|it| it.size.to_string());
    let drawn = check.draw.as_ref().map(|it| it.sample.len().to_string());
    let counts = check.record.as_ref().map(|it| {
        let it = it.results.counts();
        (t.counts)(it.passed, it.compensated, it.failed, it.skipped)
    });
    let in_time = check.closure().zip(check.closure_limit()).map(|(took, limit)| {
        let verdict = Verdict::from(took <= limit);
        (tone_of(verdict), verdict_of(verdict).to_owned())
    });
    let limit = check.closure_limit().map(|it| (t.at_most)(&duration(lang, it)));
    stats([
        Stat {
            label: t.verdict.to_owned(),
            value: check.verdict().map_or_else(dash, |it| verdict_of(it).to_owned()),
            verdict: None,
            target: String::new(),
        },
        Stat {
            label: t.sample.to_owned(),
            value: drawn.unwrap_or_else(|| check.sample_size.to_string()),
            verdict: None,
            target: format!("{} {}", t.population, size.unwrap_or_else(dash)),
        },
        Stat {
            label: t.closure.to_owned(),
            value: check.closure().map_or_else(dash, |it| duration(lang, it)),
            verdict: in_time,
            target: limit.unwrap_or_default(),
        },
        Stat {
            label: t.outcome.to_owned(),
            value: check.record.as_ref().map_or_else(dash, |it| {
                let counts = it.results.counts();
                format!("{} / {}", counts.passed + counts.compensated, it.results.items.len())
            }),
            verdict: None,
            target: counts.unwrap_or_default(),
        },
    ])
}

fn evidence(shown: &Shown) -> AnyView {
    let t = texts(&drills::TEXTS);
    let number = &shown.check.number;
    let open = !shown.check.state.is_open() || shown.check.draw.is_some();
    let upload = (shown.may.upload && open).then(|| {
        let form = upload(EvidenceKind::SpotCheck, format!("/spot-checks/{number}"));
        view! { <div class="body">{form}</div> }
    });
    let tone = if shown.files.is_empty() { Tone::Warn } else { Tone::Ok };
    let badge = badge(tone, shown.files.len());
    let files = files(&shown.files, shown.may.see_restricted);
    view! {
        <Panel id="evidence" title=t.evidence badge=badge>
            {upload}
            {files}
        </Panel>
    }
    .into_any()
}

fn about(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let check = &shown.check;
    let text = |it: &str| it.to_owned().into_any();
    let link = |href: String, name: &str| view! { <a href=href>{name.to_owned()}</a> }.into_any();
    let other = |number: &str| link(format!("/spot-checks/{number}"), number);
    let done = |by: &str, at| view! { {person(by)} " " {when(at)} }.into_any();
    let service = &check.service_name;
    let mut pairs = vec![
        (t.kind, text((t.kind_of)(check.kind))),
        (t.service, link(format!("/services/{service}"), service)),
    ];
    pairs.extend(check.domain.as_deref().map(|it| (t.domain, text(it))));
    pairs.extend(check.backup.as_deref().map(|it| (t.backup, text(it))));
    pairs.push((t.planned_by, done(&check.planned_by, check.created_at)));
    pairs.extend(check.population.as_ref().map(|it| (t.fixed_by, done(&it.by, it.at))));
    pairs.extend(check.draw.as_ref().map(|it| (t.drawn_by, done(&it.by, it.at))));
    pairs.extend(check.record.as_ref().map(|it| (t.recorded_by, done(&it.by, it.at))));
    if let Some(retest) = &check.retest_of {
        let of = (t.retest_of)(&retest.of_number);
        pairs.push((t.retest, link(format!("/spot-checks/{}", retest.of_number), &of)));
        let open = check.state.is_open();
        let day = open.then(|| due(retest, shown.today, &shown.calendar));
        let plain = || text(&retest.due.day().map(|it| it.to_string()).unwrap_or_default());
        pairs.push((t.due_on, day.unwrap_or_else(plain)));
    }
    pairs.extend(check.retest.as_deref().map(|it| (t.retest, other(it))));
    pairs.extend(shown.incident.as_ref().map(|it| match it {
        Some(number) => (t.incident, link(format!("/incidents/{number}"), number)),
        None => (t.incident, text(t.incident_wished)),
    }));
    view! {
        <Panel id="about" title=t.facts>
            <div class="body">{facts(pairs)}</div>
        </Panel>
    }
    .into_any()
}
