//! The parts of the overview, the most urgent first.

use chrono::{DateTime, Utc};
use domain::alerts::Alert;
use domain::drills::Drill;
use domain::rollbacks::Rollback;
use domain::runs::Run;
use domain::texts::{ago, alerts as alert_words, overview, runs as run_words};
use leptos::either::Either;
use leptos::prelude::*;

use crate::pages::ui::{Button, Panel, Queue, Tone, Waiting, badge, empty, number_of, stopwatch};
use crate::pages::visit::{texts, visit};
use crate::pages::{rollbacks, runs};

/// What only the demo has: the bad release that its story begins with. The page comes back when it is out.
pub(super) fn breaks() -> AnyView {
    let t = texts(&overview::TEXTS);
    view! {
        <section class="panel" aria-labelledby="demo">
            <header><h2 id="demo">{t.demo}</h2></header>
            <form class="body" method="post" action="/demo/break">
                <p>{t.break_note}</p>
                <button class=Button::Danger.class() type="submit">{t.break_gateway}</button>
            </form>
        </section>
    }
    .into_any()
}

pub(super) fn running(rollbacks: Vec<Rollback>, runs: Vec<Run>) -> AnyView {
    let t = texts(&overview::TEXTS);
    let count = number_of(rollbacks.len() + runs.len(), None).into_any();
    let rows = rollbacks.into_iter().map(rollback).chain(runs.into_iter().map(run)).collect();
    let content = list(rows, t.nothing_running);
    view! { <Panel id="running" title=t.running badge=count>{content}</Panel> }.into_any()
}

fn rollback(it: Rollback) -> AnyView {
    let (tone, state) = rollbacks::standing(&it);
    let title = format!("{}: {}", it.service_name, it.from_to());
    view! {
        <Waiting
            badge=badge(tone, state)
            href=format!("/rollbacks/{}", it.number)
            title=title
            why=it.number
            due=since(it.created_at)
        />
    }
    .into_any()
}

fn run(it: Run) -> AnyView {
    let (tone, state) = runs::standing(&it);
    let steps = it.plan.steps().iter().map(|step| run_words::step(step, visit().lang));
    let steps: Vec<_> = steps.collect();
    view! {
        <Waiting
            badge=badge(tone, state)
            href=format!("/runs/{}", it.id)
            title=steps.join(" · ")
            why=it.reason
            due=since(it.requested_at)
        />
    }
    .into_any()
}

pub(super) fn drills(drills: Vec<Drill>) -> AnyView {
    let t = texts(&overview::TEXTS);
    let count = number_of(drills.len(), None).into_any();
    let content = list(drills.into_iter().map(drill).collect(), t.no_drills);
    let all = view! { <a href="/drills">{t.all_drills}</a> }.into_any();
    view! { <Panel id="drills" title=t.drills badge=count note=all>{content}</Panel> }.into_any()
}

fn drill(it: Drill) -> AnyView {
    let t = texts(&overview::TEXTS);
    // The clock of a drill begins when its fault is proven.
    let clock = it.times.t0.map(|t0| {
        stopwatch(t0, it.closure_limit(), it.at_risk_after(), t.closure, t.closure, false)
            .into_any()
    });
    view! {
        <Waiting
            badge=badge(Tone::Live, it.number.clone())
            href=format!("/drills/{}", it.number)
            title=it.scenario
            why=it.lead.unwrap_or_default()
            due=clock.unwrap_or_else(|| ().into_any())
        />
    }
    .into_any()
}

pub(super) fn alerts(alerts: Vec<Alert>) -> AnyView {
    let t = texts(&overview::TEXTS);
    let tone = (!alerts.is_empty()).then_some(Tone::Bad);
    let count = number_of(alerts.len(), tone).into_any();
    let content = list(alerts.into_iter().map(alert).collect(), t.no_alerts);
    let all = view! { <a href="/alerts">{t.all_alerts}</a> }.into_any();
    view! { <Panel id="alerts" title=t.alerts badge=count note=all>{content}</Panel> }.into_any()
}

fn alert(it: Alert) -> AnyView {
    let state = (texts(&alert_words::TEXTS).state_of)(it.state);
    let said = it.annotations.get("summary").or(it.annotations.get("description")).cloned();
    // What matches no service is acted upon by nobody.
    let href = match it.service {
        Some(_) => format!("/decisions?alert={}", it.id),
        None => "/alerts".to_owned(),
    };
    view! {
        <Waiting
            badge=badge(Tone::Bad, state)
            href=href
            title=it.name
            why=said.unwrap_or_default()
            due=since(it.onset_at.unwrap_or(it.starts_at))
        />
    }
    .into_any()
}

fn list(rows: Vec<AnyView>, nothing: &'static str) -> impl IntoView {
    match rows.is_empty() {
        true => Either::Left(empty(nothing)),
        false => Either::Right(view! { <Queue>{rows}</Queue> }),
    }
}

fn since(at: DateTime<Utc>) -> AnyView {
    let visit = visit();
    let title = domain::texts::time(at, &visit.zone);
    view! { <b title=title>{ago(visit.lang, visit.now - at)}</b> }.into_any()
}
