use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::backups::{Freshness, Look, OfTenant, Outcome, Source, SourceKind};
use domain::texts::backups::TEXTS;
use domain::texts::{bytes, common, measurements};
use domain::verdict::Verdict;
use leptos::either::Either;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use store::backups::{CopyFilter, Live, Written};
use store::measurements::{Filter, Kept};

use super::{age_bar, finding_mark, state_badge, token, tone_of};
use crate::pages::ssr::entered;
use crate::pages::ui::{
    Event, Halves, Head, Panel, Table, Tone, column, empty, facts, live, mark, number_of, page,
    timeline, took, when, when_short,
};
use crate::pages::visit::{texts, visit};
use crate::wishes::backups::{Standing, one};

/// Copies and changes that are shown.
const SHOWN: i64 = 50;

struct Shown {
    standing: Standing,
    copies: Vec<Written>,
    history: Vec<(DateTime<Utc>, Freshness)>,
    /// What restores of it came to.
    measured: Vec<Kept>,
    token: Option<Live>,
}

#[component]
pub fn BackupPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let name = use_params_map().with_untracked(|it| it.get("name").unwrap_or_default());
    page(t.title, async move {
        let cx = entered(Action::Read)?;
        let standing = one(&cx, &name).await?;
        let id = standing.row.id;
        let filter = CopyFilter { limit: SHOWN, ..CopyFilter::default() };
        let subject = Some(format!("backups/{name}"));
        let of_it = Filter { subject, limit: SHOWN, ..Filter::default() };
        let shown = cx
            .read(Action::Read, async |cx| {
                Ok(Shown {
                    standing,
                    copies: store::backups::copies(&cx.db, id, &filter).await?,
                    history: store::backups::history(&cx.db, id, SHOWN).await?,
                    measured: store::measurements::list(&cx.db, &of_it).await?,
                    token: store::backups::token_of(&cx.db, id).await?,
                })
            })
            .await?;
        let row = &shown.standing.row;
        let state = shown.standing.assessed.freshness;
        let title = row.artefact.clone();
        let lede = format!("{} · {}", row.domain, (t.state_means)(state));
        let token = token::panel(&row.name, shown.token.as_ref());
        Ok(view! {
            {live(format!("backups/{}", row.name))}
            <Head title=title badge=state_badge(state)>{lede}</Head>
            {findings(&shown.standing)}
            <Halves>
                <div class="stack">{facts_panel(&shown.standing)} {tenants(&shown.standing)}</div>
                <div class="stack">{measured_panel(&shown.measured)} {history_panel(&shown.history)}</div>
            </Halves>
            {copies_panel(&shown.copies)}
            {token}
        })
    })
}

fn findings(it: &Standing) -> AnyView {
    let t = texts(&TEXTS);
    let tone = it.findings.first().map(|it| if it.is_grave() { Tone::Bad } else { Tone::Warn });
    let badge = number_of(it.findings.len(), tone);
    let content = match it.findings.is_empty() {
        true => Either::Left(empty(t.no_findings)),
        false => {
            let heads = vec![column(t.findings), column(t.owner)];
            let row = |finding| {
                view! {
                    <tr>
                        <th scope="row">{finding_mark(finding)}</th>
                        <td>{it.row.owner.clone()}</td>
                    </tr>
                }
            };
            let rows: Vec<_> = it.findings.iter().map(row).collect();
            Either::Right(view! { <Table label=t.findings heads>{rows}</Table> })
        }
    };
    view! { <Panel id="findings" title=t.findings badge=badge>{content}</Panel> }.into_any()
}

fn facts_panel(it: &Standing) -> AnyView {
    let t = texts(&TEXTS);
    let Standing { row, seen, assessed, since, .. } = it;
    let kept = (t.kept)(&row.retention);
    let kept = if kept.is_empty() { t.not_stated.to_owned() } else { kept };
    let newest = assessed.newest.as_ref().map(|(artefact, at)| {
        view! { {when(*at)} <div><code>{artefact.clone()}</code></div> }
    });
    let none = || texts(&common::TEXTS).none.into_any();
    let offsite = row.offsite.as_ref().map(|offsite| {
        let within = (t.within)(offsite.within_s);
        view! {
            <code>{offsite.place.clone()}</code> " " {within}
            <div>{source(offsite.source.as_ref(), &seen.offsite)}</div>
        }
        .into_any()
    });
    let pairs = [
        (common::TEXTS.of(visit().lang).name, row.name.clone().into_any()),
        (t.domain, row.domain.clone().into_any()),
        (t.method, row.method.clone().into_any()),
        (
            t.newest,
            newest.map_or_else(|| texts(&common::TEXTS).never.into_any(), |it| it.into_any()),
        ),
        (t.freshness, view! { {age_bar(row, assessed)} }.into_any()),
        (t.since, since.map_or_else(none, when)),
        (t.interval, (t.pace)(row.pace()).into_any()),
        (t.grace, took(row.grace())),
        (t.retention, kept.into_any()),
        (t.place, view! { <code>{row.place.clone()}</code> }.into_any()),
        (t.encryption, (t.encryption_of)(row.encryption).into_any()),
        (t.offsite, offsite.unwrap_or_else(none)),
        (t.owner, row.owner.clone().into_any()),
        (t.source, source(row.source.as_ref(), &seen.here)),
        (t.stated_in, row.stated_in.clone().into_any()),
    ];
    view! {
        <Panel id="facts" title=t.facts>
            <div class="body">{facts(pairs)}</div>
        </Panel>
    }
    .into_any()
}

/// Where copies are observed, and when somebody last looked.
fn source(source: Option<&Source>, look: &Look) -> AnyView {
    let t = texts(&TEXTS);
    let Some(source) = source else { return mark(Tone::Idle, t.no_source) };
    let what = (t.source_of)(source.kind());
    let looked = match (look.at, source.kind()) {
        (_, SourceKind::Heartbeat) => None,
        (Some(at), _) => {
            Some(view! { <small>{t.looked_at} " " {when_short(at)}</small> }.into_any())
        }
        (None, _) => Some(view! { <small>{t.not_looked}</small> }.into_any()),
    };
    view! { {what} <div><code>{place(source)}</code></div> {looked} }.into_any()
}

fn place(source: &Source) -> String {
    match source {
        Source::Objects { url, path, .. } => format!("{}/{path}", url.trim_end_matches('/')),
        Source::Jobs { cluster, namespace, cron_job } => {
            format!("{cluster}/{namespace}/{cron_job}")
        }
        Source::Velero { cluster, namespace, schedule } => {
            format!("{cluster}/{namespace}/{schedule}")
        }
        Source::VolumeSnapshots { cluster, namespace, claim } => {
            format!("{cluster}/{namespace}/{}", claim.as_deref().unwrap_or("*"))
        }
        Source::Git { repository, path, .. } => format!("{repository} {path}"),
        Source::Heartbeat => String::new(),
    }
}

/// Nothing where nobody is kept apart.
fn tenants(it: &Standing) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let all = &it.assessed.tenants;
    if all.iter().all(|it| it.tenant.is_empty()) {
        return None;
    }
    let heads = vec![column(t.tenant), column(t.freshness), column(t.newest)];
    let row = |it: &OfTenant| {
        view! {
            <tr>
                <th scope="row">{it.tenant.clone()}</th>
                <td>{state_badge(it.freshness)}</td>
                <td>{it.newest.as_ref().map(|(_, at)| when_short(*at))}</td>
            </tr>
        }
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    let badge = number_of(all.len(), None);
    let panel = view! {
        <Panel id="tenants" title=t.tenants badge=badge>
            <Table label=t.tenants heads>{rows}</Table>
        </Panel>
    };
    Some(panel.into_any())
}

/// Nothing where nothing was restored and measured yet.
fn measured_panel(measured: &[Kept]) -> Option<AnyView> {
    let t = texts(&TEXTS);
    if measured.is_empty() {
        return None;
    }
    let common = texts(&common::TEXTS);
    let words = texts(&measurements::TEXTS);
    let row = |it: &Kept| {
        let it = &it.measurement;
        let verdict = it.verdict.map(|it| match it {
            Verdict::Pass => mark(Tone::Ok, (words.verdict_of)(it)),
            Verdict::Fail => mark(Tone::Bad, (words.verdict_of)(it)),
            Verdict::Unknown => mark(Tone::Warn, (words.verdict_of)(it)),
        });
        view! {
            <tr>
                <th scope="row">{(words.name_of)(&it.name)}</th>
                <td class="number">{measurements::measured(visit().lang, it)}</td>
                <td>{verdict} <small>{it.source.clone()}</small></td>
                <td class="optional">{when_short(it.at)}</td>
            </tr>
        }
    };
    let heads = vec![
        column(common.name),
        column(common.value).number(),
        column(common.verdict),
        column(common.at).optional(),
    ];
    let rows: Vec<_> = measured.iter().map(row).collect();
    let panel = view! {
        <Panel id="measured" title=t.measured>
            <Table label=t.measured heads>{rows}</Table>
        </Panel>
    };
    Some(panel.into_any())
}

fn history_panel(history: &[(DateTime<Utc>, Freshness)]) -> AnyView {
    let t = texts(&TEXTS);
    let content = match history.is_empty() {
        true => Either::Left(empty(t.no_history)),
        false => {
            let event = |(at, freshness): &(DateTime<Utc>, Freshness)| Event {
                tone: tone_of(*freshness),
                at: when_short(*at),
                what: (t.state_of)(*freshness).into_any(),
                took: None,
            };
            let events = timeline(history.iter().map(event));
            Either::Right(view! { <div class="body">{events}</div> })
        }
    };
    view! { <Panel id="history" title=t.history>{content}</Panel> }.into_any()
}

fn copies_panel(copies: &[Written]) -> AnyView {
    let t = texts(&TEXTS);
    let content = match copies.is_empty() {
        true => Either::Left(empty(t.no_copies)),
        false => {
            let heads = vec![
                column(t.taken),
                column(t.outcome),
                column(t.artefact),
                column(t.site),
                column(t.size).number(),
                column(t.there).optional(),
            ];
            let rows: Vec<_> = copies.iter().map(copy).collect();
            Either::Right(view! {
                <div class="body">{chart(copies)}</div>
                <Table label=t.copies heads>{rows}</Table>
            })
        }
    };
    let note = view! { <small>{(t.copies_note)(copies.len())}</small> }.into_any();
    view! { <Panel id="copies" title=t.copies note=note>{content}</Panel> }.into_any()
}

fn copy(it: &Written) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let Written { site, copy, gone_at, .. } = it;
    let tone = match copy.outcome {
        Outcome::Done => Tone::Ok,
        Outcome::Failed => Tone::Bad,
    };
    let there = match gone_at {
        None => t.there.into_any(),
        Some(at) => {
            let at = domain::texts::short_time(*at, visit().now, &visit().zone);
            (t.gone)(&at).into_any()
        }
    };
    let tenant = (!copy.tenant.is_empty()).then(|| view! { <small>{copy.tenant.clone()}</small> });
    view! {
        <tr>
            <th scope="row">{when_short(copy.taken_at)}</th>
            <td>{mark(tone, (t.outcome_of)(copy.outcome))}</td>
            <td><code>{copy.artefact.clone()}</code> {tenant}</td>
            <td>{(t.site_of)(*site)}</td>
            <td class="number">{copy.size.map(bytes)}</td>
            <td class="optional">{there}</td>
        </tr>
    }
}

/// A line of time with a mark for each copy: a disc for what was done, a cross for what failed.
fn chart(copies: &[Written]) -> AnyView {
    const WIDTH: f64 = 600.0;
    const EDGE: f64 = 8.0;
    let t = texts(&TEXTS);
    let times = copies.iter().map(|it| it.copy.taken_at.timestamp() as f64);
    let (first, last) = times.fold((f64::MAX, f64::MIN), |(a, b), it| (a.min(it), b.max(it)));
    let span = (last - first).max(1.0);
    let done = copies.iter().filter(|it| it.copy.outcome == Outcome::Done).count();
    let point = |it: &Written| {
        let at = it.copy.taken_at.timestamp() as f64;
        let x = EDGE + (at - first) / span * (WIDTH - 2.0 * EDGE);
        match it.copy.outcome {
            Outcome::Done => view! { <circle data-state="ok" cx=x cy="14" r="4" /> }.into_any(),
            Outcome::Failed => {
                let cross = format!("M{} 10l8 8m0 -8l-8 8", x - 4.0);
                view! { <path data-state="bad" d=cross /> }.into_any()
            }
        }
    };
    let points: Vec<_> = copies.iter().map(point).collect();
    view! {
        <svg class="copies" viewBox="0 0 600 28" role="img" aria-labelledby="copies-title copies-desc">
            <title id="copies-title">{t.chart}</title>
            <desc id="copies-desc">{(t.chart_says)(done, copies.len() - done)}</desc>
            <path class="axis" d="M0 14H600" />
            {points}
        </svg>
    }
    .into_any()
}
