use domain::texts::percent;
use domain::texts::trends::{TEXTS, said};
use domain::trends::{AUTOMATIC_SUCCESS, Figures, Period, Source, Unit};
use leptos::prelude::*;

use super::charts::charts;
use super::compared::compared;
use crate::pages::ssr::context;
use crate::pages::ui::{Head, Input, Query, Tone, badge, empty, filters, live, page};
use crate::pages::visit::{texts, visit};
use crate::wishes::trends::{self as wishes, Asked, Trends};

/// Periods that can be chosen as the last one: five years of quarters, three of months.
const QUARTERS: usize = 20;
const MONTHS: usize = 36;

#[component]
pub fn TrendsPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let cx = context()?;
        let asked = Asked {
            unit: query.get("unit"),
            to: query.get("to"),
            service: query.get("service"),
            team: query.get("team"),
            source: query.get("source"),
        };
        let trends = wishes::read(&cx, asked).await?;
        let mut db = cx.connection().await?;
        let teams = store::trends::teams(&mut db).await?;
        let (lede, state) = told(&trends);
        let now = Period::of(trends.unit, cx.today());
        let shown = trends.periods.iter().any(|it| !it.figures.is_empty());
        let content = match shown {
            true => view! { {compared(&trends)} {charts(&trends)} }.into_any(),
            false => view! { <section class="panel">{empty(t.no_rows)}</section> }.into_any(),
        };
        let actions = view! {
            <a class="button quiet" href="/reconciliation">{t.reconciliation}</a>
            <a class="button" href="/quarters">{t.quarters}</a>
        };
        Ok(view! {
            {live("drills rollbacks")}
            <Head title=t.title badge=state.into_any() actions=actions.into_any()>
                {lede}
            </Head>
            {filters(&query, fields(&query, &trends, now, teams))}
            {content}
        })
    })
}

fn fields(query: &Query, trends: &Trends, now: Period, teams: Vec<String>) -> AnyView {
    let t = texts(&TEXTS);
    let units = Unit::ALL.iter().rev().map(|it| (it.as_str(), (t.unit_of)(*it)));
    let count = if trends.unit == Unit::Quarter { QUARTERS } else { MONTHS };
    let mut periods = now.last(count);
    periods.reverse();
    // One that was asked for by its address, however long ago it was.
    if let Some(asked) = trends.last().map(|it| it.period).filter(|it| !periods.contains(it)) {
        periods.push(asked);
    }
    let named = |it: Period| {
        let goes_on = if it == now { t.goes_on } else { "" };
        (it.to_string(), format!("{it}{goes_on}"))
    };
    let to = trends.last().map_or(now, |it| it.period);
    let to = Input::select("to", t.to, periods.into_iter().map(named)).value(to);
    let sources = Source::ALL.iter().map(|it| (it.as_str(), (t.source_of)(*it)));
    view! {
        {query.field(Input::select("unit", t.unit, units).value(trends.unit.as_str()))}
        {query.field(to)}
        {query.field(Input::search("service", t.service))}
        {query.choice("team", t.team, teams.into_iter().map(|it| (it.clone(), it)))}
        {query.field(Input::select("source", t.source, sources))}
    }
    .into_any()
}

/// What stands out in the last period, in one sentence, and whether that is good.
fn told(trends: &Trends) -> (String, AnyView) {
    let t = texts(&TEXTS);
    let Some(last) = trends.last() else { return (String::new(), ().into_any()) };
    let goes_on = if last.ends > visit().now { t.goes_on } else { "" };
    let period = format!("{}{goes_on}", last.period);
    let said = said(visit().lang, &last.figures);
    match said.is_empty() {
        true => ((t.nothing)(&period), badge(Tone::Idle, t.no_rows)),
        false => ((t.lede)(&period, &said), state(&last.figures)),
    }
}

/// Red where something that had to be there is missing, amber where a line was not reached.
fn state(it: &Figures) -> AnyView {
    let t = texts(&TEXTS);
    let below = it.rollbacks.automatic_success.reaches(AUTOMATIC_SUCCESS) == Some(false);
    match (it.drills.missed, it.closure.over) {
        (1.., _) => badge(Tone::Bad, (t.said.missed)(it.drills.missed)),
        (0, 1..) => badge(Tone::Warn, (t.said.over)(it.closure.over)),
        (0, 0) if below => {
            let share = it.rollbacks.automatic_success.ratio().unwrap_or_default();
            badge(Tone::Warn, (t.said.automatic)(&percent(share)))
        }
        (0, 0) => ().into_any(),
    }
}
