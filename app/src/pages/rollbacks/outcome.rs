//! What became of it: where the time went, the automatic checks, and the human checklist.

use chrono::TimeDelta;
use domain::rollbacks::members::{self, Member, Standing};
use domain::rollbacks::{Rollback, State};
use domain::texts::rollbacks::TEXTS;
use domain::texts::runs;
use domain::verdict::Verdict;
use leptos::prelude::*;

use super::actions::TickChecklist;
use super::detail::Shown;
use crate::pages::ui::{
    Button, Input, Panel, Phase, Table, Tone, badge, column, empty, form, hidden, mark, phases,
    stopwatch, submit, took,
};
use crate::pages::visit::{texts, visit};

/// The time split, as far as it is known.
pub(super) fn phases_of(rollback: &Rollback) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let split = rollback.times.split();
    let parts: Vec<Phase> = [
        (t.detect, split.detect_s),
        (t.decide, split.decide_s),
        (t.approve_phase, split.approve_s),
        (t.execute, split.execute_s),
        (t.verify, split.verify_s),
    ]
    .into_iter()
    .filter_map(|(name, seconds)| {
        let took = TimeDelta::milliseconds((seconds? * 1000.0) as i64);
        Some(Phase { name, took, note: String::new() })
    })
    .collect();
    split.execute_s?;
    let recovery = rollback
        .times
        .recovery()
        .map(|it| view! { <small>{t.recovery} " " {took(it)}</small> }.into_any());
    Some(
        view! {
            <Panel id="phases" title=t.phases note=recovery.unwrap_or_else(|| ().into_any())>
                <div class="body">{phases(&parts)}</div>
            </Panel>
        }
        .into_any(),
    )
}

/// What became of each workload, where there are several.
pub(super) fn members(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let run = shown.run.as_ref().filter(|_| !shown.rollback.members.is_empty())?;
    let row = |it: &Member| {
        let (standing, note) = members::standing(run, &it.workload);
        let (tone, word) = match standing {
            Standing::Pending => (Tone::Idle, "pending"),
            Standing::Running => (Tone::Live, "running"),
            Standing::Succeeded => (Tone::Ok, "succeeded"),
            Standing::Failed => (Tone::Bad, "failed"),
            Standing::Skipped => (Tone::Warn, "skipped"),
        };
        let word = (texts(&runs::TEXTS).step_state_of)(word);
        let workload = format!("{}/{}", it.workload.kind.as_str(), it.workload.name);
        let link = format!("/workloads/{}", it.workload_id);
        let from_to = format!("{} → {}", it.from.revision, it.target.revision);
        view! {
            <tr>
                <th scope="row"><a href=link>{workload}</a></th>
                <td class="number">{from_to}</td>
                <td>{mark(tone, word)}</td>
                <td class="optional">{note.map(|it| runs::note(it, visit().lang))}</td>
            </tr>
        }
    };
    let heads = vec![
        column(t.member),
        column(t.revisions).number(),
        column(t.verdict),
        column(t.reason).optional(),
    ];
    let rows: Vec<_> = shown.rollback.members.iter().map(row).collect();
    Some(
        view! {
            <Panel id="members" title=t.members>
                <Table label=t.members heads=heads>{rows}</Table>
            </Panel>
        }
        .into_any(),
    )
}

pub(super) fn verification(rollback: &Rollback) -> Option<AnyView> {
    let t = texts(&TEXTS);
    rollback.times.executed_at?;
    let verification = &rollback.verification;
    let verdict = verification.verdict.map(|it| badge(tone_of(it), (t.verdict_of)(it)));
    let row = |it: &domain::checks::CheckResult| {
        let weight = if it.blocking { t.blocking } else { t.advisory };
        view! {
            <tr>
                <th scope="row">{it.name.clone()} <small>{weight}</small></th>
                <td class="number">{plain(&it.value)}</td>
                <td class="number">{plain(&it.limit)}</td>
                <td>{mark(tone_of(it.verdict), (t.verdict_of)(it.verdict))}</td>
                <td class="optional">{it.message.clone()}</td>
            </tr>
        }
    };
    let content = match verification.checks.is_empty() {
        true => empty(t.no_look_yet),
        false => {
            let heads = vec![
                column(t.check),
                column(t.measured).number(),
                column(t.limit).number(),
                column(t.verdict),
                column(t.reason).optional(),
            ];
            let rows: Vec<_> = verification.checks.iter().map(row).collect();
            view! { <Table label=t.verification heads=heads>{rows}</Table> }.into_any()
        }
    };
    Some(
        view! {
            <Panel
                id="verification"
                title=t.verification
                badge=verdict.unwrap_or_else(|| ().into_any())
            >
                {content}
            </Panel>
        }
        .into_any(),
    )
}

fn tone_of(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Pass => Tone::Ok,
        Verdict::Fail => Tone::Bad,
        Verdict::Unknown => Tone::Warn,
    }
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The observation clock and what people tick off meanwhile.
pub(super) fn checklist(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let rollback = &shown.rollback;
    let executed_at = rollback.times.executed_at?;
    let verifying = rollback.state == State::Verifying;
    let clock = verifying.then(|| {
        let of = TimeDelta::seconds(i64::from(rollback.observation_s));
        let since = rollback.verification.healthy_since.unwrap_or(executed_at);
        stopwatch(since, of, of, t.observation_left, "", true)
    });
    let items = rollback.verification.checklist.clone();
    let label = |name: &str| (t.item_of)(name).map_or_else(|| name.to_owned(), str::to_owned);
    let number = rollback.number.clone();
    let may = verifying && shown.may.tick;
    let content = match may {
        true => form::<TickChecklist, _>(number, move |sent| {
            let boxes = items.into_iter().map(|it| {
                let ticked = it.done;
                view! {
                    {hidden("items[]", it.name.clone())}
                    <label class="choice">
                        <input type="checkbox" name="done[]" value=it.name.clone() checked=ticked />
                        <span>{label(&it.name)}</span>
                    </label>
                }
            });
            Some(view! {
                <fieldset class="field">
                    <legend>{t.checklist}</legend>
                    {boxes.collect_view()}
                </fieldset>
                {sent.field(Input::text("note", t.note))}
                {submit(Button::Plain, t.save_checklist)}
                <small>{t.checklist_note}</small>
            })
        })
        .into_any(),
        false => {
            let rows = items.iter().map(|it| crate::pages::ui::Check {
                tone: if it.done { Tone::Ok } else { Tone::Idle },
                what: label(&it.name),
                why: it.note.clone().map(IntoAny::into_any),
            });
            crate::pages::ui::checklist(rows)
        }
    };
    Some(
        view! {
            <Panel id="checklist" title=t.observation>
                <div class="body">{clock} {content}</div>
            </Panel>
        }
        .into_any(),
    )
}
