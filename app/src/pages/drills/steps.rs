//! What happened when: the steps of the run, and what the rollback did by itself.

use chrono::{DateTime, TimeDelta, Utc};
use domain::runs::{Ended, StepRecord};
use domain::texts::drills::TEXTS;
use domain::texts::{duration, runs};
use leptos::prelude::*;

use super::detail::Shown;
use crate::pages::ui::{Event, Panel, PlanStep, Tone, empty, steps, timeline, when_short};
use crate::pages::visit::{texts, visit};

pub(super) fn panel(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let events = events(shown);
    let content = match events.is_empty() {
        false => timeline(events.into_iter().map(|(_, it)| it)),
        true if drill.steps.is_empty() => empty(t.no_steps_yet),
        true => steps(drill.steps.iter().map(|it| PlanStep {
            name: it.name.clone(),
            deadline: (texts(&domain::texts::rollbacks::TEXTS).at_most)(it.deadline_s),
            command: Some(runs::step(it, visit().lang)),
            state: None,
            note: it.protection.as_ref().map(|it| runs::protection(it, visit().lang)),
        })),
    };
    let note = view! { <small>{t.steps_note}</small> }.into_any();
    view! {
        <Panel id="steps" title=t.steps note=note>
            <div class="body">{content}</div>
        </Panel>
    }
    .into_any()
}

/// In the order in which it happened.
fn events(shown: &Shown) -> Vec<(DateTime<Utc>, Event)> {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let mut events = Vec::new();
    if let Some(run) = &shown.run {
        let both = run.plan.steps().iter().zip(&run.steps);
        for (planned, record) in both {
            let Some(at) = record.finished_at().or(record.started_at()) else { continue };
            let took = record.finished_at().zip(record.started_at()).map(|(end, from)| end - from);
            let expected = TimeDelta::seconds(planned.expected_s.into());
            let expected = (t.planned_times)(&duration(visit().lang, expected));
            let note = record.note.as_ref().map(|it| runs::note(it, visit().lang));
            let protection = planned.protection.as_ref();
            let protection = protection.map(|it| runs::protection(it, visit().lang));
            let what = view! {
                {planned.name.clone()}
                {protection.map(|it| view! { " " <small>{it}</small> })}
                {note.map(|it| view! { " " <small>{it}</small> })}
                <code>{runs::step(planned, visit().lang)}</code>
            };
            let took = took.map(|it| (duration(visit().lang, it), Some(expected)));
            events.push((at, event(shown, at, tone(record), what.into_any(), took)));
        }
    }
    let mut moment = |at: Option<DateTime<Utc>>,
                      since: Option<DateTime<Utc>>,
                      what: &'static str| {
        let Some(at) = at else { return };
        let took = since.map(|it| (duration(visit().lang, (at - it).max(TimeDelta::zero())), None));
        events.push((at, event(shown, at, Tone::Ok, what.into_any(), took)));
    };
    if let Some(rollback) = &shown.rollback {
        let times = &rollback.times;
        moment(times.detected_at, drill.times.t0, t.detected);
        moment(times.decided_at, times.detected_at, t.decided);
        moment(times.approved_at, times.decided_at, t.approved);
        moment(times.executed_at, times.approved_at, t.rolled_back);
        moment(times.healthy_at, times.executed_at, t.healthy);
    } else {
        moment(drill.times.recovered_at, drill.times.t0, t.recovered);
    }
    moment(drill.times.t1, drill.times.recovered_at, t.evidence_there);
    events.sort_by_key(|(at, _)| *at);
    events
}

fn tone(record: &StepRecord) -> Tone {
    match record {
        it if it.ended(Ended::Succeeded) => Tone::Ok,
        it if it.ended(Ended::NoChange) => Tone::Warn,
        it if it.ended(Ended::Failed) || it.ended(Ended::Refused) => Tone::Bad,
        it if it.state.is_running() => Tone::Live,
        _ => Tone::Idle,
    }
}

/// At its time since T0; before that, at its moment.
fn event(
    shown: &Shown,
    at: DateTime<Utc>,
    tone: Tone,
    what: AnyView,
    took: Option<(String, Option<String>)>,
) -> Event {
    let at = match shown.drill.times.t0 {
        Some(t0) if at == t0 => "T0".into_any(),
        Some(t0) if at > t0 => format!("+{}", duration(visit().lang, at - t0)).into_any(),
        _ => when_short(at),
    };
    Event { tone, at, what, took }
}
