//! What happened, what will happen, and what has to be true.

use leptos::prelude::*;

use super::{Tone, command};

/// One line of what happened. The log is append-only, so nothing in it has a button.
pub struct Event {
    pub tone: Tone,
    /// The moment, or the time since the beginning.
    pub at: AnyView,
    pub what: AnyView,
    /// Measured over planned, where both are known.
    pub took: Option<(String, Option<String>)>,
}

pub fn timeline(events: impl IntoIterator<Item = Event>) -> AnyView {
    let event = |it: Event| {
        let took = it.took.map(|(measured, planned)| {
            let planned = planned.map(|it| view! { <small>{it}</small> });
            view! { <span class="took"><b>{measured}</b> {planned}</span> }
        });
        view! {
            <li data-state=it.tone.as_str()>
                <span class="at">{it.at}</span>
                <div>{it.what}</div>
                {took}
            </li>
        }
    };
    view! { <ol class="timeline">{events.into_iter().map(event).collect_view()}</ol> }.into_any()
}

/// One step of a plan: what, by when, and the command where there is one. `tone` and `note` once it runs.
pub struct PlanStep {
    pub name: String,
    pub deadline: String,
    pub command: Option<String>,
    pub state: Option<(Tone, String)>,
    pub note: Option<String>,
}

pub fn steps(plan: impl IntoIterator<Item = PlanStep>) -> AnyView {
    let step = |it: PlanStep| {
        view! {
            <li>
                <span>
                    {it.name} {it.state.map(|(tone, word)| view! { " " {super::badge(tone, word)} })}
                    {it.note.map(|it| view! { <small>{it}</small> })}
                </span>
                <small class="deadline">{it.deadline}</small>
                {it.command.map(command)}
            </li>
        }
    };
    view! { <ol class="steps">{plan.into_iter().map(step).collect_view()}</ol> }.into_any()
}

/// Met or not met, each with its reason.
pub struct Check {
    pub tone: Tone,
    pub what: String,
    pub why: Option<AnyView>,
}

pub fn checklist(checks: impl IntoIterator<Item = Check>) -> AnyView {
    let check = |it: Check| {
        let why = it.why.map(|it| view! { <small>{it}</small> });
        view! { <li data-state=it.tone.as_str()><span>{it.what} {why}</span></li> }
    };
    view! { <ul class="checklist">{checks.into_iter().map(check).collect_view()}</ul> }.into_any()
}
