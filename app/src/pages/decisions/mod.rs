//! Decisions: what the rules made of each situation, also where they did nothing.

use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::decide::recompute;
use domain::decisions::Outcome;
use domain::ids::AlertId;
use domain::texts::{common, decision_pages, rollbacks, simulator};
use leptos::either::Either;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use store::decisions::{Filter, Stored};

use super::error::Error;
use super::rollbacks::record;
use super::ssr::read;
use super::ui::{
    Head, Input, Panel, Query, Table, Tone, badge, column, empty, facts, filters, live, mark, page,
    pager, when, when_short,
};
use super::visit::{texts, visit};

/// Rows of one page.
const PAGE: i64 = 50;

#[component]
pub fn DecisionsPage() -> impl IntoView {
    let t = texts(&decision_pages::TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let filter = Filter {
            service: query.get("service"),
            alert: query.get("alert").and_then(|it| it.parse().ok()).map(AlertId),
            state: query.get("state"),
            after: query.get("cursor").as_deref().and_then(store::cursor::parse),
            limit: PAGE + 1,
            ..Filter::default()
        };
        let mut rows =
            read(Action::Read, async |cx| Ok(store::decisions::list(&cx.db, &filter).await?))
                .await?;
        let more = rows.len() > PAGE as usize;
        rows.truncate(PAGE as usize);
        let next = rows.last().filter(|_| more).map(|it| store::cursor::of(it.at, it.id.0));
        let outcomes = Outcome::ALL.iter().map(|it| (it.as_str(), it.text(visit().lang).name));
        let content = match rows.is_empty() {
            true => Either::Left(empty(t.nothing_yet)),
            false => Either::Right(table(rows)),
        };
        Ok(view! {
            {live("rollbacks alerts")}
            <Head title=t.title>{t.lede}</Head>
            {filters(&query, view! {
                {query.field(Input::search("service", texts(&common::TEXTS).service))}
                {query.choice("state", t.outcome, outcomes)}
            })}
            <section class="panel" aria-label=t.title>{content}</section>
            {pager(&query, next.as_deref())}
        })
    })
}

pub(in crate::pages) fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Automatic => Tone::Ok,
        Outcome::Partial | Outcome::Human => Tone::Warn,
        Outcome::Never | Outcome::Suppressed => Tone::Idle,
    }
}

fn table(rows: Vec<Stored>) -> impl IntoView {
    let t = texts(&decision_pages::TEXTS);
    let common = texts(&common::TEXTS);
    let lang = visit().lang;
    let row = move |it: Stored| {
        let decision = it.decision;
        let against = decision.against().next().map(|rule| record::reason(rule, lang));
        view! {
            <tr>
                <th scope="row"><a href=format!("/decisions/{}", it.id)>{when_short(it.at)}</a></th>
                <td>{it.service}</td>
                <td>{badge(tone(decision.outcome), decision.outcome.text(lang).name)}</td>
                <td class="optional">{decision.disposition.text(lang).name}</td>
                <td class="number">{format!("{:.3}", decision.confidence)}</td>
                <td class="optional">{decision.cause.text(lang).name}</td>
                <td class="optional">{against}</td>
            </tr>
        }
    };
    let heads = vec![
        column(common.at),
        column(common.service),
        column(t.outcome),
        column(t.disposition).optional(),
        column(t.confidence).number(),
        column(t.cause).optional(),
        column(t.against).optional(),
    ];
    view! { <Table label=t.title heads>{rows.into_iter().map(row).collect_view()}</Table> }
}

#[component]
pub fn DecisionPage() -> impl IntoView {
    let t = texts(&decision_pages::TEXTS);
    let id = use_params_map().with_untracked(|it| it.get("id").unwrap_or_default());
    page(t.title, async move {
        let stored = read(Action::Read, async |cx| {
            let id = id.parse().map_err(|_| Error::NotFound)?;
            let stored = store::decisions::get(&cx.db, id).await?;
            let number = match stored.rollback {
                Some(id) => Some(store::rollbacks::get(&cx.db, id).await?.number),
                None => None,
            };
            Ok((stored, number))
        })
        .await?;
        let (stored, rollback) = stored;
        Ok(show(stored, rollback))
    })
}

fn show(stored: Stored, rollback: Option<String>) -> impl IntoView {
    let t = texts(&decision_pages::TEXTS);
    let lang = visit().lang;
    let decision = &stored.decision;
    let outcome = decision.outcome.text(lang);
    let again = match recompute(decision) == decision.outcome {
        true => mark(Tone::Ok, t.recomputed),
        false => mark(Tone::Bad, t.not_recomputed),
    };
    let link = |href: String, label: String| view! { <a href=href>{label}</a> }.into_any();
    let mut pairs = vec![
        (
            texts(&common::TEXTS).service,
            link(format!("/services/{}", stored.service), stored.service.clone()),
        ),
        (texts(&common::TEXTS).at, moment(stored.at)),
        (t.disposition, decision.disposition.text(lang).explanation.into_any()),
        (t.cause, decision.cause.text(lang).explanation.into_any()),
        (t.strategy, decision.strategy.text(lang).explanation.into_any()),
        (t.record, again),
    ];
    if let Some(rollback) = rollback {
        let href = format!("/rollbacks/{rollback}");
        pairs.push((texts(&rollbacks::TEXTS).title, link(href, rollback)));
    }
    if let Some(before) = stored.follows {
        pairs.push((t.follows, link(format!("/decisions/{before}"), before.to_string())));
    }
    let warnings =
        decision.warnings.iter().map(|it| view! { <li>{it.text(lang)}</li> }).collect_view();
    let badge = badge(tone(decision.outcome), outcome.name);
    let situation = serde_json::to_string_pretty(&stored.situation).unwrap_or_default();
    let record = record::panel(decision);
    let simulator = view! {
        <a class="button" href=format!("/simulator?decision={}", stored.id)>
            {texts(&simulator::TEXTS).open}
        </a>
    };
    view! {
        <Head title=t.title badge=badge actions=simulator.into_any()>{outcome.explanation}</Head>
        <Panel id="decision" title=t.title>
            <div class="body">
                {facts(pairs)}
                <ul>{warnings}</ul>
            </div>
        </Panel>
        {record}
        <Panel id="situation" title=t.situation>
            <div class="body">
                <details>
                    <summary>{t.situation_note}</summary>
                    <pre class="log" tabindex="0">{situation}</pre>
                </details>
            </div>
        </Panel>
    }
}

fn moment(at: DateTime<Utc>) -> AnyView {
    when(at)
}
