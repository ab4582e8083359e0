//! What the rollbacks of the last days say. Every figure says how many rows stand behind it, and opens them.

mod shadow;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::access::Action;
use domain::decisions::Cause;
use domain::statistics::{
    KPHUB_CAUSES, MTTD_S, MTTR_S, Phase, SUCCESS_THOUSANDTHS, Spread, Statistics, statistics,
};
use domain::texts::statistics::TEXTS;
use domain::texts::{common, number, percent, rollback_list};
use domain::trends::Share;
use leptos::prelude::*;
use leptos_router::params::ParamsMap;
use store::statistics::Filter;

use super::ssr::read;
use super::ui::{
    Head, Input, Panel, Query, Stat, Table, Tone, column, empty, filters, live, page, stats,
};
use super::visit::{texts, visit};

const PERIODS: [(&str, i64); 3] = [("7d", 7), ("30d", 30), ("90d", 90)];

/// Fewer say little.
const FEW: u64 = 30;

/// More decisions than a page can show are counted by the API.
const SHADOWS: i64 = 200;

#[component]
pub fn StatisticsPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let asked = query.get("period").unwrap_or_default();
        let (period, days) = PERIODS.into_iter().find(|it| it.0 == asked).unwrap_or(PERIODS[1]);
        let filter = Filter {
            since: visit().now - TimeDelta::days(days),
            service: query.get("service"),
            cluster: query.get("cluster"),
        };
        let (rows, shadows) = read(Action::Read, async |cx| {
            let rows = store::statistics::rollbacks(&cx.db, &filter).await?;
            Ok((rows, store::statistics::shadows(&cx.db, &filter, SHADOWS).await?))
        })
        .await?;
        let all = statistics(&rows);
        let l = texts(&rollback_list::TEXTS);
        let periods = PERIODS.map(|it| (it.0, (l.period_of)(it.0)));
        let links = Links::of(&filter);
        let content = match all.opened {
            0 => view! { <section class="panel" aria-label=t.title>{empty(t.nothing)}</section> }
                .into_any(),
            _ => figures(&all, &links),
        };
        Ok(view! {
            {live("rollbacks")}
            <Head title=t.title>{(t.lede)(all.opened, (l.period_of)(period))}</Head>
            {filters(&query, view! {
                {query.field(Input::select("period", t.period, periods).value(period))}
                {query.field(Input::search("service", texts(&common::TEXTS).service))}
                {query.field(Input::search("cluster", texts(&common::TEXTS).cluster))}
            })}
            {content}
            {shadow::panel(&shadows)}
        })
    })
}

/// The addresses of the rows behind a figure.
struct Links(Vec<(&'static str, String)>);

impl Links {
    fn of(filter: &Filter) -> Self {
        let since = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let named = [("service", filter.service.clone()), ("cluster", filter.cluster.clone())];
        let named = named.into_iter().filter_map(|(name, it)| Some((name, it?)));
        let fixed = [("since", since(filter.since)), ("drill", "false".to_owned())];
        Self(fixed.into_iter().chain(named).collect())
    }

    fn to(&self, more: &[(&'static str, &str)]) -> String {
        let mut query = ParamsMap::new();
        for (name, value) in &self.0 {
            query.insert(*name, value.clone());
        }
        for (name, value) in more {
            query.insert(*name, (*value).to_owned());
        }
        format!("/rollbacks{}", query.to_query_string())
    }
}

fn figures(all: &Statistics, links: &Links) -> AnyView {
    view! {
        <section class="panel" aria-label=texts(&TEXTS).title>{stats(shown(all))}</section>
        {split(all)}
        <div class="halves">
            {outcomes(all, links)}
            {causes(all, links)}
        </div>
    }
    .into_any()
}

/// Each with its number of rows; few are said to be few.
fn shown(all: &Statistics) -> Vec<Stat> {
    let t = texts(&TEXTS);
    let n = |count: u64| match count {
        FEW.. => (t.n)(count),
        _ => format!("{} · {}", (t.n)(count), t.few),
    };
    let none = || "–".to_owned();
    let line = percent(SUCCESS_THOUSANDTHS as f64 / 1000.0);
    let share = |label: &str, it: Share| {
        let unknown = (it.unknown > 0).then(|| format!(" · {}", (t.unknown_of)(it.unknown)));
        Stat {
            label: label.to_owned(),
            value: it.ratio().map_or_else(none, percent),
            verdict: it.reaches(SUCCESS_THOUSANDTHS).map(judged),
            target: format!("{} · {}{}", (t.kphub)(&line), n(it.of()), unknown.unwrap_or_default()),
        }
    };
    let mean = |label: &str, it: Spread, goal: f64| Stat {
        label: label.to_owned(),
        value: it.mean_s.map_or_else(none, seconds),
        verdict: it.mean_s.map(|it| judged(it <= goal)),
        target: format!("{} · {}", (t.kphub)(&seconds(goal)), n(it.count)),
    };
    vec![
        Stat {
            label: t.automatic_rate.to_owned(),
            value: all.automatic_rate().map_or_else(none, percent),
            verdict: None,
            target: n(all.executed),
        },
        share(t.automatic_success, all.automatic_success),
        share(t.success, all.success),
        mean(t.mttd, all.detection, MTTD_S),
        mean(t.mttr, all.recovery, MTTR_S),
    ]
}

fn judged(met: bool) -> (Tone, String) {
    let t = texts(&TEXTS);
    match met {
        true => (Tone::Ok, t.met.to_owned()),
        false => (Tone::Bad, t.missed.to_owned()),
    }
}

fn seconds(it: f64) -> String {
    format!("{} s", number((it * 10.0).round() / 10.0))
}

fn split(all: &Statistics) -> AnyView {
    let t = texts(&TEXTS);
    let cell = |it: Option<f64>| it.map_or_else(|| "–".to_owned(), seconds);
    let row = |phase: &Phase| {
        let it = all.phases.get(phase).copied().unwrap_or_default();
        view! {
            <tr>
                <th scope="row">{(t.phase_of)(*phase)}</th>
                <td class="number">{cell(it.p50_s)}</td>
                <td class="number">{cell(it.p90_s)}</td>
                <td class="number">{cell(it.p99_s)}</td>
                <td class="number optional">{cell(it.mean_s)}</td>
                <td class="number">{it.count}</td>
            </tr>
        }
    };
    let rows: Vec<_> = Phase::ALL.iter().map(row).collect();
    let heads = vec![
        column(t.phase),
        column("P50").number(),
        column("P90").number(),
        column("P99").number(),
        column(t.mean).number().optional(),
        column("n").number(),
    ];
    let note = view! { <small>{t.percentiles_note}</small> }.into_any();
    view! {
        <Panel id="times" title=t.times note=note><Table label=t.times heads=heads>{rows}</Table></Panel>
    }
    .into_any()
}

fn outcomes(all: &Statistics, links: &Links) -> AnyView {
    let t = texts(&TEXTS);
    let row = |(word, count): (&String, &u64)| {
        let closure = domain::rollbacks::Closure::parse(word).is_some();
        let href = links.to(&[(if closure { "closure" } else { "state" }, word)]);
        let share = percent(*count as f64 / all.opened.max(1) as f64);
        view! {
            <tr>
                <th scope="row">{super::rollbacks::list::word_of_end(word)}</th>
                <td class="number"><a href=href>{*count}</a></td>
                <td class="number">{share}</td>
            </tr>
        }
    };
    let rows: Vec<_> = all.outcomes.iter().map(row).collect();
    let heads = vec![column(t.outcome), column(t.count).number(), column(t.share).number()];
    view! {
        <Panel id="outcomes" title=t.outcomes><Table label=t.outcomes heads=heads>{rows}</Table></Panel>
    }
    .into_any()
}

fn causes(all: &Statistics, links: &Links) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let row = |cause: &Cause| {
        let count = all.causes.get(cause).copied().unwrap_or(0);
        let kphub = KPHUB_CAUSES.iter().find(|it| it.0 == *cause).map(|it| format!("{} %", it.1));
        (count > 0 || kphub.is_some()).then(|| {
            view! {
                <tr>
                    <th scope="row">{cause.text(lang).name}</th>
                    <td class="number"><a href=links.to(&[("cause", cause.as_str())])>{count}</a></td>
                    <td class="number">{all.cause_share(*cause).map(percent)}</td>
                    <td class="number">{kphub}</td>
                </tr>
            }
        })
    };
    let rows: Vec<_> = Cause::ALL.iter().filter_map(row).collect();
    let without = (all.without_cause > 0).then(|| {
        view! { <tr><th scope="row">{t.without_cause}</th> <td class="number">{all.without_cause}</td> <td></td> <td></td></tr> }
    });
    let heads = vec![
        column(t.causes),
        column(t.count).number(),
        column(t.share).number(),
        column("KPHub").number(),
    ];
    view! {
        <Panel id="causes" title=t.causes>
            <Table label=t.causes heads=heads>{rows} {without}</Table>
        </Panel>
    }
    .into_any()
}
