use domain::access::Action;
use domain::business_days::Calendar;
use domain::drills::DrillType;
use domain::spot_checks::coverage::{self, Coverage, Quarter, Subject};
use domain::spot_checks::{Escalation, SpotCheck, StateName, SubjectKind};
use domain::texts::spot_checks::TEXTS;
use domain::verdict::Verdict;
use leptos::either::Either;
use leptos::prelude::*;
use store::spot_checks::Filter;

use super::{due, standing};
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{
    Head, Input, Panel, Query, Queue, Table, Tone, Waiting, badge, column, empty, filters, live,
    mark, page, pager, period, when_short,
};
use crate::pages::visit::{texts, visit};

/// Rows of one page.
const PAGE: i64 = 50;

struct Shown {
    rows: Vec<SpotCheck>,
    owed: Vec<SpotCheck>,
    calendar: Calendar,
    today: chrono::NaiveDate,
    quarter: Quarter,
    lines: Vec<coverage::Line>,
}

#[component]
pub fn SpotChecksPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let filter = filter(&query);
        let quarter = query.get("quarter").as_deref().and_then(Quarter::parse);
        let mut shown = read(Action::Read, async |cx| load(cx, &filter, quarter).await).await?;
        let more = shown.rows.len() > PAGE as usize;
        shown.rows.truncate(PAGE as usize);
        let last = shown.rows.last().filter(|_| more);
        let next = last.map(|it| store::cursor::of(it.created_at, it.id.0));
        // Whoever came for the rows of a period is shown them first.
        let first = ["cursor", "recorded_since"].iter().all(|it| query.get(it).is_none());
        let above = first.then(|| view! { {owed(&shown)} {covered(&shown, &query)} });
        let content = match shown.rows.is_empty() {
            true => Either::Left(empty(t.nothing_yet)),
            false => Either::Right(view! { <Checks rows=shown.rows /> }),
        };
        let states = StateName::ALL.iter().map(|it| (it.as_str(), (t.state_of)(*it)));
        let verdicts = Verdict::ALL.iter().map(|it| (it.as_str(), (t.verdict_of)(*it)));
        let kinds = SubjectKind::ALL.iter().map(|it| (it.as_str(), (t.kind_of)(*it)));
        Ok(view! {
            {live("spot-checks holidays")}
            <Head title=t.title actions=actions(&query)>
                {t.lede}
            </Head>
            {above}
            {period(&query, "recorded_since", "recorded_until")}
            {filters(&query, view! {
                {query.choice("state", t.state, states)}
                {query.choice("verdict", t.verdict, verdicts)}
                {query.choice("kind", t.kind, kinds)}
                {query.field(Input::search("service", t.service))}
            })}
            <section class="panel" aria-label=t.title>{content}</section>
            {pager(&query, next.as_deref())}
        })
    })
}

fn filter(query: &Query) -> Filter {
    let known = |name: &str, is: fn(&str) -> bool| query.get(name).filter(|it| is(it));
    Filter {
        service: query.get("service"),
        state: known("state", |it| StateName::parse(it).is_some()),
        verdict: known("verdict", |it| Verdict::parse(it).is_some()),
        kind: known("kind", |it| SubjectKind::parse(it).is_some()),
        backup: query.get("backup"),
        since: None,
        team: query.get("team"),
        recorded_since: query.moment("recorded_since"),
        recorded_until: query.moment("recorded_until"),
        after: query.get("cursor").as_deref().and_then(store::cursor::parse),
        limit: PAGE + 1,
    }
}

async fn load(cx: &Context, filter: &Filter, quarter: Option<Quarter>) -> Result<Shown, Error> {
    let today = cx.today();
    let quarter = quarter.unwrap_or_else(|| Quarter::of(today));
    let (first, next) = quarter.days();
    let (from, to) = (cx.begin_of(first), cx.begin_of(next));
    let seen = store::spot_checks::coverage::seen(&cx.db, from, to).await?;
    let held = store::spot_checks::coverage::held(&cx.db, from, to).await?;
    Ok(Shown {
        rows: store::spot_checks::list(&cx.db, filter).await?,
        owed: store::spot_checks::owed(&cx.db).await?,
        calendar: store::holidays::calendar(&cx.db, today).await?,
        today,
        quarter,
        lines: coverage::coverage(&seen, &held),
    })
}

fn actions(query: &Query) -> AnyView {
    let t = texts(&TEXTS);
    let plan = visit().may_somewhere(Action::RecordSpotCheck);
    let plan =
        plan.then(|| view! { <a class="button primary" href="/spot-checks/new">{t.plan}</a> });
    let mut asked = Vec::new();
    for name in ["state", "verdict", "kind", "service", "backup"] {
        asked.extend(query.get(name).map(|it| (name, it)));
    }
    let mut href = leptos_router::params::ParamsMap::new();
    for (name, value) in asked {
        href.insert(name, value);
    }
    let href = format!("/api/v1/spot-checks.csv{}", href.to_query_string());
    view! {
        <a class="button" href=href rel="external" download="">
            {t.csv}
        </a>
        {plan}
    }
    .into_any()
}

/// What is owed stands first: nobody has to look for it.
fn owed(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let retests: Vec<_> =
        shown.owed.iter().filter_map(|it| Some((it, it.retest_of.as_ref()?))).collect();
    let loudest = retests.iter().map(|(_, it)| it.escalation).max();
    let tone = match loudest {
        Some(Escalation::Overdue) => Tone::Bad,
        Some(Escalation::Soon) => Tone::Warn,
        _ => Tone::Idle,
    };
    let content = match retests.is_empty() {
        true => empty(t.no_retest_needed),
        false => {
            let items = retests.into_iter().map(|(it, retest)| {
                let title = format!("{} {}", it.number, it.item);
                let of = (t.retest_of)(&retest.of_number);
                let why = format!("{of} · {}", it.service_name);
                view! {
                    <Waiting
                        badge=badge(Tone::Live, (t.state_of)(it.state.name()))
                        href=format!("/spot-checks/{}", it.number)
                        title=title
                        why=why
                        due=due(retest, shown.today, &shown.calendar)
                    />
                }
            });
            let items: Vec<_> = items.collect();
            view! { <Queue>{items}</Queue> }.into_any()
        }
    };
    let note = t.retests_note.into_any();
    view! {
        <Panel id="retests" title=t.retests note=note tone=tone>
            {content}
        </Panel>
    }
    .into_any()
}

fn covered(shown: &Shown, query: &Query) -> AnyView {
    let t = texts(&TEXTS);
    let to = |quarter: Quarter| query.with("quarter", &quarter.to_string());
    let note = view! {
        <a href=to(shown.quarter.previous())>{t.previous}</a>
        " · "
        <a href=to(shown.quarter.next())>{t.next_quarter}</a>
    };
    let heads = vec![column(t.subject), column(t.state), column(t.covered_by)];
    let rows: Vec<_> = shown.lines.iter().map(line).collect();
    let title = format!("{} {}", t.coverage, shown.quarter);
    view! {
        <Panel id="coverage" title=title note=note.into_any()>
            <Table label=t.coverage heads=heads caption=t.coverage_note>
                {rows}
            </Table>
        </Panel>
    }
    .into_any()
}

fn line(it: &coverage::Line) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let type_of = |kind: DrillType| {
        let name = (texts(&domain::texts::drills::TEXTS).type_of)(kind);
        (t.drill_type)(name)
    };
    let subject = match it.subject {
        Subject::Kind(kind) => (t.kind_of)(kind).to_owned(),
        Subject::DrillType(kind) => type_of(kind),
    };
    let tone = match it.coverage {
        Coverage::Covered => Tone::Ok,
        Coverage::Pending => Tone::Warn,
        Coverage::Missing => Tone::Bad,
        Coverage::Nothing => Tone::Idle,
    };
    let checks = it.checks.iter().map(|number| {
        view! { <a href=format!("/spot-checks/{number}")>{number.clone()}</a> " " }
    });
    view! {
        <tr>
            <th scope="row">{subject}</th>
            <td>{mark(tone, (t.coverage_of)(it.coverage))}</td>
            <td>{checks.collect_view()}</td>
        </tr>
    }
}

#[component]
fn Checks(rows: Vec<SpotCheck>) -> impl IntoView {
    let t = texts(&TEXTS);
    let heads = vec![
        column(t.number),
        column(t.state),
        column(t.item),
        column(t.kind).optional(),
        column(t.sample).number(),
        column(t.outcome).optional(),
        column(t.created).optional(),
    ];
    view! { <Table label=t.title heads>{rows.iter().map(row).collect_view()}</Table> }
}

fn row(it: &SpotCheck) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let of = it.population.as_ref().map(|it| format!(" / {}", it.size));
    let drawn = it.draw.as_ref().map_or(it.sample_size as usize, |it| it.sample.len());
    let outcome = it.record.as_ref().map(|record| {
        let counts = record.results.counts();
        (t.counts)(counts.passed, counts.compensated, counts.failed, counts.skipped)
    });
    let retest_of = it.retest_of.as_ref().map(|it| {
        view! { <small>{(t.retest_of)(&it.of_number)}</small> }
    });
    let retest = it.retest.as_ref().map(|number| {
        let href = format!("/spot-checks/{number}");
        view! { <small>{t.retest} " " <a href=href>{number.clone()}</a></small> }
    });
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/spot-checks/{}", it.number)>{it.number.clone()}</a>
            </th>
            <td>{standing(it)}</td>
            <td>{it.item.clone()} " " <small>{it.service_name.clone()}</small> " " {retest_of} " " {retest}</td>
            <td class="optional">{(t.kind_of)(it.kind)}</td>
            <td class="number">{drawn} {of}</td>
            <td class="optional">{outcome}</td>
            <td class="optional">{when_short(it.created_at)}</td>
        </tr>
    }
}
