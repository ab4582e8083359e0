use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Action, Place};
use domain::drills::closing::Outcome;
use domain::drills::{DrillType, StateName, at_risk_s};
use domain::fields::{Fault, Faults};
use domain::texts::drills::TEXTS;
use domain::texts::ledger;
use leptos::prelude::*;
use store::drills::{Filter, Listed, Sort, SortBy};

use super::{asked, bound, measured, standing_of, tone_of};
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ssr::{answer, read};
use crate::pages::ui::{
    Head, Input, Query, Table, Tone, badge, column, empty, filters, live, mark, page, pager,
    period, took, when_short,
};
use crate::pages::visit::{texts, visit};
use crate::wishes::drills::asked::{after, cursor};

/// Rows of one page.
const PAGE: i64 = 50;

/// What the page shows.
struct Shown {
    rows: Result<Vec<Listed>, Faults>,
    sort: Sort,
    /// Those that own a service.
    teams: Vec<String>,
    next: Option<String>,
}

#[component]
pub fn DrillsPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let shown = read(Action::Read, async |cx| load(cx, &query).await).await?;
        let content = match shown.rows {
            Err(faults) => wrong(&faults),
            Ok(rows) if rows.is_empty() => empty(t.nothing_yet),
            Ok(rows) => view! { <Drills rows /> }.into_any(),
        };
        let only = ["happened_since", "happened_until"].iter().any(|it| query.get(it).is_some());
        let only = only.then(|| period(&query, "happened_since", "happened_until"));
        Ok(view! {
            {live("drills runs")}
            <Head title=t.title actions=actions(&query)>
                {t.lede}
            </Head>
            {only}
            {filters(&query, fields(&query, &shown.teams))}
            {orders(&query, shown.sort)}
            <section class="panel" aria-label=t.title>{content}</section>
            {pager(&query, shown.next.as_deref())}
        })
    })
}

async fn load(cx: &Context, query: &Query) -> Result<Shown, Error> {
    let mut db = cx.connection().await?;
    let teams = store::trends::teams(&mut db).await?;
    let filter = match filter(cx, query) {
        Ok(filter) => filter,
        Err(faults) => {
            return Ok(Shown { rows: Err(faults), sort: Sort::default(), teams, next: None });
        }
    };
    let sort = filter.sort;
    let mut rows = store::drills::listed(&mut db, &filter).await?;
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    let next = rows.last().filter(|_| more).map(|it| cursor(&it.key(sort), it.id));
    Ok(Shown { rows: Ok(rows), sort, teams, next })
}

fn filter(cx: &Context, query: &Query) -> Result<Filter, Faults> {
    let asked = asked(query);
    let filter = asked.filter(cx)?;
    let after = match &asked.cursor {
        Some(text) => {
            let after = after(filter.sort, text);
            Some(after.ok_or_else(|| Faults::of("cursor", Fault::Unknown))?)
        }
        None => None,
    };
    Ok(Filter { after, limit: PAGE + 1, ..filter })
}

/// What of the filter is no filter, in words; the status says it too.
pub(super) fn wrong(faults: &Faults) -> AnyView {
    let lang = visit().lang;
    // Only the status of the answer is meant.
    let _ = answer::<()>(Err(Error::Invalid(faults.clone())));
    let said = faults.0.iter().map(|(field, fault)| {
        view! { <li><code>{field.clone()}</code> " " {fault.text(lang)}</li> }
    });
    view! {
        <div class="body" role="alert">
            <p>{mark(Tone::Bad, texts(&ledger::TEXTS).wrong_filter)}</p>
            <ul>{said.collect_view()}</ul>
        </div>
    }
    .into_any()
}

fn actions(query: &Query) -> AnyView {
    let (t, l) = (texts(&TEXTS), texts(&ledger::TEXTS));
    let query = query.carried();
    let file = |kind: &str| format!("/api/v1/drills.{kind}{query}");
    let plan = visit().may(Action::PlanDrill, &Place::default());
    let plan = plan.then(|| {
        view! {
            <a class="button" href="/drills/import">{l.import}</a>
            <a class="button primary" href="/drills/new">{t.plan}</a>
        }
    });
    view! {
        <a class="button" href=file("csv") rel="external" download="">{l.csv}</a>
        <a class="button" href=file("xlsx") rel="external" download="">{l.xlsx}</a>
        <a class="button" href=format!("/drills/print{query}")>{l.print}</a>
        <a class="button" href="/drills/calendar">{t.calendar}</a>
        {plan}
    }
    .into_any()
}

fn fields(query: &Query, teams: &[String]) -> AnyView {
    let (t, l) = (texts(&TEXTS), texts(&ledger::TEXTS));
    let states = StateName::ALL.iter().map(|it| (it.as_str(), (t.state_of)(*it)));
    let outcomes = Outcome::ALL.iter().map(|it| (it.as_str(), (t.outcome_of)(*it)));
    let kinds = DrillType::ALL.iter().map(|it| (it.as_str(), (t.type_of)(*it)));
    let teams = teams.iter().map(|it| (it.clone(), it.clone()));
    view! {
        {query.field(Input::search("q", l.search).hint(l.search_note))}
        {query.choice("state", t.state, states)}
        {query.choice("outcome", t.outcome, outcomes)}
        {query.choice("type", l.kind, kinds)}
        {query.choice("team", l.team, teams)}
        {query.field(Input::search("service", t.service))}
        {query.field(Input::search("lead", t.lead))}
        {query.field(Input::date("from", l.from))}
        {query.field(Input::date("until", l.until))}
    }
    .into_any()
}

/// The orders that there are, and which one it is; chosen again it is the other way round.
fn orders(query: &Query, now: Sort) -> AnyView {
    let l = texts(&ledger::TEXTS);
    let orders = [
        (SortBy::Created, l.newest),
        (SortBy::Planned, l.by_planned),
        (SortBy::Closure, l.by_closure),
        (SortBy::Number, l.by_number),
    ];
    let links = orders.map(|(by, name)| {
        let current = now.by == by;
        let descending = !current || now.ascending;
        let word = format!("{}{}", if descending { "-" } else { "" }, by.as_str());
        let arrow = current.then_some(if now.ascending { " ↑" } else { " ↓" });
        let href = query.with("sort", &word);
        view! { <a href=href aria-current=current.then_some("true")>{name} {arrow}</a> " " }
    });
    view! { <nav class="row" aria-label=l.sort>{l.sort} " " {links}</nav> }.into_any()
}

#[component]
fn Drills(rows: Vec<Listed>) -> impl IntoView {
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

fn row(it: &Listed) -> impl IntoView + use<> {
    let (tone, word) = standing_of(it.state, it.outcome);
    let (met, all) = it.evidence;
    let tone_of_evidence = match met == all {
        // Nothing was asked for: nothing is proven by that.
        _ if all == 0 => Tone::Idle,
        true => Tone::Ok,
        false => Tone::Warn,
    };
    let imported = it.imported.then(|| {
        let typed_in = texts(&ledger::TEXTS).typed_in;
        view! { <small>{typed_in}</small> }
    });
    let service = it.service.clone().unwrap_or_default();
    view! {
        <tr>
            <th scope="row"><a href=format!("/drills/{}", it.number)>{it.number.clone()}</a></th>
            <td>{badge(tone, word)}</td>
            <td>{it.scenario.clone()} <small>{service}</small> {imported}</td>
            <td class="optional">{it.lead.clone()}</td>
            <td>{moments(it)}</td>
            {closure(it)}
            <td class="number">{rto(it)}</td>
            <td class="number">{mark(tone_of_evidence, format!("{met} / {all}"))}</td>
            <td class="number optional">{it.open_actions}</td>
        </tr>
    }
}

/// T0 and T1; before T0, when it is planned.
fn moments(it: &Listed) -> AnyView {
    let t = texts(&TEXTS);
    let small = |at: DateTime<Utc>| view! { <small>"T1 " {when_short(at)}</small> };
    match it.t0 {
        Some(t0) => view! { {when_short(t0)} {it.t1.map(small)} }.into_any(),
        None => {
            let planned = when_short(it.planned_at);
            view! { <small>{t.planned_for} " " {planned}</small> }.into_any()
        }
    }
}

/// How long it took, or takes, of what it may; the bar says it at a glance.
fn closure(it: &Listed) -> AnyView {
    let over = matches!(
        it.state,
        StateName::SignedOff | StateName::Missed | StateName::Aborted | StateName::Cancelled
    );
    let end = it.t1.or((!over).then(|| visit().now));
    let Some(elapsed) = end.zip(it.t0).map(|(end, t0)| end - t0) else {
        return view! { <td></td> }.into_any();
    };
    let limit = TimeDelta::seconds(it.closure_limit_s.into());
    let risk = at_risk_s(u32::try_from(it.closure_limit_s).unwrap_or_default());
    let tone = match (it.t1, elapsed) {
        (_, elapsed) if elapsed > limit => Tone::Bad,
        (None, elapsed) if elapsed >= TimeDelta::seconds(risk.into()) => Tone::Warn,
        (None, _) => Tone::Live,
        (Some(_), _) => Tone::Ok,
    };
    let limit = limit.num_seconds().max(1);
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

fn rto(it: &Listed) -> AnyView {
    let target = it.rto_target.as_ref().map(bound);
    let value = it.rto.as_ref().map(|it| {
        let tone = it.verdict.map_or(Tone::Idle, tone_of);
        mark(tone, measured(it))
    });
    let target = target.map(|it| view! { <small>{it}</small> });
    view! { {value} {target} }.into_any()
}
