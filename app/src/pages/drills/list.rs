use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Action, Place};
use domain::drills::closing::Outcome;
use domain::drills::{Drill, StateName, at_risk_s};
use domain::measurements::RTO;
use domain::texts::drills::TEXTS;
use leptos::either::Either;
use leptos::prelude::*;
use store::drills::Filter;

use super::{bound, measured, standing, tone_of};
use crate::pages::ssr::read;
use crate::pages::ui::{
    Head, Input, Query, Table, Tone, badge, column, empty, filters, live, mark, page, pager,
    period, took, when_short,
};
use crate::pages::visit::{texts, visit};

/// Rows of one page.
const PAGE: i64 = 50;

#[component]
pub fn DrillsPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let known = |word: Option<String>| word.filter(|it| StateName::parse(it).is_some());
        let filter = Filter {
            service: query.get("service"),
            state: known(query.get("state")),
            outcome: query.get("outcome"),
            lead: query.get("lead"),
            team: query.get("team"),
            happened_since: query.moment("happened_since"),
            happened_until: query.moment("happened_until"),
            after: query.get("cursor").as_deref().and_then(store::cursor::parse),
            limit: PAGE + 1,
            ..Filter::default()
        };
        let mut rows =
            read(Action::Read, async |cx| Ok(store::drills::list(&cx.db, &filter).await?)).await?;
        let more = rows.len() > PAGE as usize;
        rows.truncate(PAGE as usize);
        let next = rows.last().filter(|_| more).map(|it| store::cursor::of(it.created_at, it.id.0));
        let content = match rows.is_empty() {
            true => Either::Left(empty(t.nothing_yet)),
            false => Either::Right(view! { <Drills rows /> }),
        };
        let states = StateName::ALL.iter().map(|it| (it.as_str(), (t.state_of)(*it)));
        let outcomes = Outcome::ALL.iter().map(|it| (it.as_str(), (t.outcome_of)(*it)));
        let plan = visit().may(Action::PlanDrill, &Place::default());
        let plan =
            plan.then(|| view! { <a class="button primary" href="/drills/new">{t.plan}</a> });
        let actions = view! {
            <a class="button" href="/drills/calendar">{t.calendar}</a>
            {plan}
        };
        Ok(view! {
            {live("drills runs")}
            <Head title=t.title actions=actions.into_any()>
                {t.lede}
            </Head>
            {period(&query, "happened_since", "happened_until")}
            {filters(&query, view! {
                {query.choice("state", t.state, states)}
                {query.choice("outcome", t.outcome, outcomes)}
                {query.field(Input::search("service", t.service))}
                {query.field(Input::search("lead", t.lead))}
            })}
            <section class="panel" aria-label=t.title>{content}</section>
            {pager(&query, next.as_deref())}
        })
    })
}

#[component]
fn Drills(rows: Vec<Drill>) -> impl IntoView {
    let t = texts(&TEXTS);
    let heads = vec![
        column(t.number),
        column(t.state),
        column(t.scenario),
        column(t.lead).optional(),
        column(t.t0_t1),
        column(t.closure_head),
        column(t.rto).number(),
        column(t.evidence).number(),
        column(t.open_actions).number().optional(),
    ];
    view! { <Table label=t.title heads>{rows.iter().map(row).collect_view()}</Table> }
}

fn row(it: &Drill) -> impl IntoView + use<> {
    let (tone, word) = standing(it);
    let (met, all) = it.evidence_count();
    let tone_of_evidence = if met == all { Tone::Ok } else { Tone::Warn };
    let open = it.actions.iter().filter(|it| it.verified.is_none()).count();
    view! {
        <tr>
            <th scope="row"><a href=format!("/drills/{}", it.number)>{it.number.clone()}</a></th>
            <td>{badge(tone, word)}</td>
            <td>{it.scenario.clone()} <small>{it.service_name().to_owned()}</small></td>
            <td class="optional">{it.lead.clone()}</td>
            <td>{moments(it)}</td>
            {closure(it)}
            <td class="number">{rto(it)}</td>
            <td class="number">{mark(tone_of_evidence, format!("{met} / {all}"))}</td>
            <td class="number optional">{open}</td>
        </tr>
    }
}

/// T0 and T1; before T0, when it is planned.
fn moments(it: &Drill) -> AnyView {
    let t = texts(&TEXTS);
    let small = |at: DateTime<Utc>| view! { <small>"T1 " {when_short(at)}</small> };
    match it.times.t0 {
        Some(t0) => view! { {when_short(t0)} {it.times.t1.map(small)} }.into_any(),
        None => {
            let planned = when_short(it.planned_at);
            view! { <small>{t.planned_for} " " {planned}</small> }.into_any()
        }
    }
}

/// How long it took, or takes, of what it may; the bar says it at a glance.
fn closure(it: &Drill) -> AnyView {
    let Some(elapsed) = it.elapsed(visit().now) else {
        return view! { <td></td> }.into_any();
    };
    let risk = TimeDelta::seconds(at_risk_s(it.closure_limit_s).into());
    let tone = match (it.times.t1, elapsed) {
        (_, elapsed) if elapsed > it.closure_limit() => Tone::Bad,
        (None, elapsed) if elapsed >= risk => Tone::Warn,
        (None, _) => Tone::Live,
        (Some(_), _) => Tone::Ok,
    };
    let limit = it.closure_limit().num_seconds().max(1);
    let value = elapsed.num_seconds().clamp(0, limit);
    let label = format!("{} {}", it.number, texts(&TEXTS).closure);
    view! {
        <td data-state=tone.as_str()>
            <b>{took(elapsed)}</b>
            <progress max=limit value=value aria-label=label></progress>
        </td>
    }
    .into_any()
}

fn rto(it: &Drill) -> Option<AnyView> {
    let target = it.targets.iter().find(|it| it.name == RTO).map(bound);
    let value = it.measurement(RTO).map(|it| {
        let tone = it.verdict.map_or(Tone::Idle, tone_of);
        mark(tone, measured(it))
    });
    let target = target.map(|it| view! { <small>{it}</small> });
    Some(view! { {value} {target} }.into_any())
}
