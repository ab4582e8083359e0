//! Labels with their values.

use leptos::prelude::*;

use super::{Tone, mark};

/// Label and value, line by line.
pub fn facts(pairs: impl IntoIterator<Item = (&'static str, AnyView)>) -> AnyView {
    let pair = |(label, value)| view! { <dt>{label}</dt> <dd>{value}</dd> };
    view! { <dl class="facts">{pairs.into_iter().map(pair).collect_view()}</dl> }.into_any()
}

/// One figure: what it is, how much, and how it stands against its target.
pub struct Stat {
    pub label: String,
    pub value: String,
    /// `达标`, and the target beside it.
    pub verdict: Option<(Tone, String)>,
    pub target: String,
}

pub fn stats(figures: impl IntoIterator<Item = Stat>) -> AnyView {
    let figure = |it: Stat| {
        let verdict = it.verdict.map(|(tone, word)| view! { {mark(tone, word)} " " });
        view! { <div><dt>{it.label}</dt> <dd>{it.value}</dd> <dd>{verdict} {it.target}</dd></div> }
    };
    view! { <dl class="stats">{figures.into_iter().map(figure).collect_view()}</dl> }.into_any()
}

/// Nothing to show, in the place where it would stand.
pub fn empty(why: impl ToString) -> AnyView {
    view! { <p class="empty">{why.to_string()}</p> }.into_any()
}
