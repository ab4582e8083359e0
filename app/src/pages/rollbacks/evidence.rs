//! What the reader needs to believe it: the alert, what will change, the plan, and the last signs of the pods.

use chrono::{DateTime, Utc};
use domain::changes::Item;
use domain::decisions::{RuleName, Target};
use domain::plans::StepKind;
use domain::releases::Revision;
use domain::rollbacks::Trigger;
use domain::runs::StepRecord;
use domain::signals::Severity;
use domain::texts::rollbacks::TEXTS;
use domain::texts::{self, Lang};
use leptos::prelude::*;
use serde_json::Value;

use super::detail::Shown;
use super::record::reason;
use crate::pages::releases;
use crate::pages::ui::{
    Line, Panel, PlanStep, Table, Tone, badge, column, diff, digest, empty, facts, mark, steps,
    when, when_short,
};
use crate::pages::visit::{texts, visit};

/// The first sentence of the page: what is wrong, and why this target.
pub(super) fn why(shown: &Shown) -> (String, String) {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let target = match &shown.rollback.target {
        Some(target) => target_text(target, lang),
        None => t.no_plan.to_owned(),
    };
    let first = match (&shown.rollback.trigger, shown.alerts.first()) {
        (Trigger::Person { name, reason_kind, reason, .. }, _) => {
            format!("{}: {reason} ({name})", (t.kind_of)(*reason_kind))
        }
        (_, Some((alert, _))) => {
            let said = alert.annotations.get("summary").or(alert.annotations.get("description"));
            let said = said.map(|it| format!(": {it}")).unwrap_or_default();
            format!("{}{said}", alert.name)
        }
        (Trigger::Alert { .. }, None) => String::new(),
    };
    (first, target)
}

pub(super) fn alert(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    if shown.alerts.is_empty() {
        return view! { <Panel id="alert" title=t.alert>{empty(t.no_alert)}</Panel> }.into_any();
    }
    let panels = shown.alerts.iter().map(|(alert, signal)| {
        let severity = signal.as_ref().map_or(Severity::Warning, |it| it.severity);
        let tone = if severity >= Severity::Critical { Tone::Bad } else { Tone::Warn };
        let named = format!("{} · {}", alert.name, severity.as_str());
        let labels: Vec<String> =
            alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut pairs = vec![
            (t.onset, when(onset(shown).unwrap_or(alert.starts_at))),
            (t.labels, view! { <code>{labels.join(", ")}</code> }.into_any()),
        ];
        if let Some(decision) = &shown.decision {
            for (label, rule) in [
                (t.value, RuleName::Badness),
                (t.newest_change, RuleName::MaterialChange),
                (t.second_source, RuleName::SecondSource),
            ] {
                if let Some(rule) = decision.decision.rule(rule) {
                    pairs.push((label, reason(rule, visit().lang).into_any()));
                }
            }
        }
        if let Some(link) = signal.as_ref().and_then(|it| it.runbook.clone()) {
            let shown = link.clone();
            pairs.push(("Runbook", view! { <a href=link rel="noreferrer">{shown}</a> }.into_any()));
        }
        if let Some(trace) = domain::openings::trace_id(&alert.annotations, &alert.labels) {
            pairs.push((t.trace, view! { <code>{trace}</code> }.into_any()));
        }
        view! {
            <Panel id="alert" title=t.alert badge=badge(tone, named) note=when_short(alert.received_at)>
                <div class="body">{facts(pairs)}</div>
            </Panel>
        }
    });
    panels.collect_view().into_any()
}

/// Why this target, in the reader's language.
pub(in crate::pages) fn target_text(target: &Target, lang: Lang) -> String {
    match lang {
        Lang::En => target.reason.to_string(),
        Lang::Zh => target.key.text(lang).to_owned(),
    }
}

fn onset(shown: &Shown) -> Option<DateTime<Utc>> {
    shown.rollback.times.onset_at
}

/// Images first, for they tell releases apart; then everything else in the template that goes back.
pub(super) fn change(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    if let Some((from, to)) = &shown.releases {
        return change_of_release(shown, from, to);
    }
    let Some(difference) = &shown.difference else { return ().into_any() };
    let (images, rest): (Vec<&Item>, Vec<&Item>) =
        difference.items.iter().partition(|it| it.part == domain::changes::Part::Image);
    let mut lines = Vec::new();
    for (title, items) in [(t.images, images), (t.template, rest)] {
        if items.is_empty() {
            continue;
        }
        lines.push(Line::Of(title.to_owned()));
        for item in items {
            lines.push(Line::Same(item.path.clone()));
            lines.extend(item.old.as_ref().map(|it| Line::Removed(text(it))));
            lines.extend(item.new.as_ref().map(|it| Line::Added(text(it))));
        }
    }
    let content = match lines.is_empty() {
        true => empty(t.nothing_differs),
        false => diff(t.will_change, lines),
    };
    let drift = shown.drift.as_ref().map(|it| {
        let said = (texts(&texts::releases::TEXTS).drifts)(it);
        view! { <p>{mark(Tone::Warn, said)}</p> }
    });
    let replicas = shown.workload.as_ref().map_or(0, |it| it.replicas);
    let mut pairs = vec![
        (t.blast_radius, (t.blast)(replicas).into_any()),
        (t.not_restored, t.not_restored_text.into_any()),
        (t.lost, (t.lost_text)(shown.lost).into_any()),
    ];
    if let Some(target) = &shown.rollback.target {
        let why = target_text(target, visit().lang);
        pairs.insert(0, (t.why_target, why.into_any()));
    }
    view! {
        <Panel id="change" title=t.will_change>
            <div class="body">{drift} {content} {facts(pairs)}</div>
        </Panel>
    }
    .into_any()
}

/// The manifests of both revisions, object by object.
fn change_of_release(shown: &Shown, from: &Revision, to: &Revision) -> AnyView {
    let t = texts(&TEXTS);
    let of_releases = texts(&texts::releases::TEXTS);
    let title = (of_releases.difference)(from.revision, to.revision);
    let hooks = to.hooks.iter().filter(|it| it.runs_at_rollback());
    let hooks: Vec<_> = hooks.map(|it| format!("{}/{}", it.kind, it.name)).collect();
    let mut pairs = Vec::new();
    if let Some(target) = &shown.rollback.target {
        pairs.push((t.why_target, target_text(target, visit().lang).into_any()));
    }
    if !hooks.is_empty() {
        pairs.push((of_releases.hooks, mark(Tone::Warn, hooks.join(", "))));
    }
    let difference = releases::difference(&title, from, to);
    view! {
        <Panel id="change" title=t.will_change>
            <div class="body">{difference} {facts(pairs)}</div>
        </Panel>
    }
    .into_any()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) fn plan(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let Some(run) = &shown.run else {
        return view! { <Panel id="plan" title=t.plan>{empty(t.no_plan)}</Panel> }.into_any();
    };
    let list = run.plan.steps().iter().zip(&run.steps).map(|(step, record)| PlanStep {
        name: texts::runs::step(step, lang),
        deadline: (t.at_most)(step.deadline_s),
        command: match &step.kind {
            StepKind::Kubernetes { workload, action } => texts::runs::command(workload, action),
            StepKind::Object { object, action } => texts::objects::command(object, action),
            _ => None,
        },
        state: Some(standing_of_step(record)),
        note: record.note.as_ref().map(|it| texts::runs::note(it, lang)),
    });
    let list = steps(list);
    let digest = digest(run.plan.digest().as_str());
    let warnings = shown.decision.iter().flat_map(|it| &it.decision.warnings);
    let warnings = warnings.map(|it| view! { <li>{mark(Tone::Warn, it.text(lang))}</li> });
    let warnings: Vec<_> = warnings.collect();
    let warnings = (!warnings.is_empty()).then(|| view! { <ul>{warnings}</ul> });
    view! {
        <Panel id="plan" title=t.plan>
            <div class="body">
                <p>
                    <small>{t.plan_note}</small>
                </p>
                {warnings}
                {list}
                <p>{t.digest} " " {digest}</p>
            </div>
        </Panel>
    }
    .into_any()
}

fn standing_of_step(record: &StepRecord) -> (Tone, String) {
    let word = record.state_name();
    let tone = match word {
        "succeeded" | "no_change" => Tone::Ok,
        "running" => Tone::Live,
        "failed" | "refused" => Tone::Bad,
        "aborted" => Tone::Warn,
        _ => Tone::Idle,
    };
    (tone, (texts(&texts::runs::TEXTS).step_state_of)(word).to_owned())
}

/// What the pods, their events and their logs say.
pub(super) fn signs(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let pods = shown.pods.iter().map(|it| {
        let (tone, word) = match &it.bad {
            Some(bad) => (Tone::Bad, bad.message.clone()),
            None if it.ready => (Tone::Ok, it.phase.clone()),
            None => (Tone::Warn, it.phase.clone()),
        };
        let exit = it.bad.as_ref().and_then(|bad| bad.exit_code);
        view! {
            <tr>
                <th scope="row">{it.name.clone()}</th>
                <td>{mark(tone, word)}</td>
                <td class="number">{exit}</td>
                <td class="number optional">{it.restarts}</td>
                <td class="optional">{it.node.clone()}</td>
            </tr>
        }
    });
    let common = texts(&texts::common::TEXTS);
    let heads = vec![
        column(t.pods),
        column(common.state),
        column(t.exit_code).number(),
        column(t.restarts).number().optional(),
        column(t.node).optional(),
    ];
    let pods = pods.collect_view();
    let logs = shown.logs.iter().map(|log| {
        view! {
            <h3>{format!("{} · {}", log.pod, log.container)}</h3>
            <pre class="log" tabindex="0">{match &log.lines { Ok(it) | Err(it) => it.clone() }}</pre>
        }
    });
    let logs =
        if shown.logs.is_empty() { empty(t.no_logs) } else { logs.collect_view().into_any() };
    let events = shown.events.iter().map(|it| {
        let tone = if it.warning { Tone::Warn } else { Tone::Idle };
        view! {
            <tr>
                <th scope="row">{when_short(it.last_at)}</th>
                <td>{mark(tone, it.reason.clone())}</td>
                <td>{it.object.clone()} <small>{it.message.clone()}</small></td>
            </tr>
        }
    });
    let events = match shown.events.is_empty() {
        true => empty(t.no_events),
        false => {
            let heads = vec![column(common.at), column(common.reason), column(t.events)];
            let rows = events.collect_view();
            view! { <Table label=t.events heads=heads>{rows}</Table> }.into_any()
        }
    };
    view! {
        <Panel id="signs" title=t.last_signs>
            <Table label=t.pods heads=heads>{pods}</Table>
            <div class="body">
                <h3>{t.logs}</h3>
                {logs}
                <h3>{t.events}</h3>
            </div>
            {events}
        </Panel>
    }
    .into_any()
}
