//! A state is a shape, a colour and a word; never colour alone.

use leptos::prelude::*;

/// What a state means to the reader; `data-state` in the markup, from which `style/` takes colour and shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Met, passed, closed.
    Ok,
    /// Waiting, close to a limit, incomplete.
    Warn,
    /// Missed, overdue, failed, a rule that hit.
    Bad,
    /// Not hit, not started, switched off, unknown.
    Idle,
    /// Running, or the reader's to do.
    Live,
}

impl Tone {
    pub const fn as_str(self) -> &'static str {
        match self {
            Tone::Ok => "ok",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
            Tone::Idle => "idle",
            Tone::Live => "live",
        }
    }
}

/// A state in a pill: of a page, a panel, a row.
pub fn badge(tone: Tone, word: impl ToString) -> AnyView {
    view! { <span class="badge" data-state=tone.as_str()>{word.to_string()}</span> }.into_any()
}

/// The same without the pill: in a cell or a sentence.
pub fn mark(tone: Tone, word: impl ToString) -> AnyView {
    view! { <span class="mark" data-state=tone.as_str()>{word.to_string()}</span> }.into_any()
}

/// How many, beside a title; coloured where the number itself is a reason to look.
pub fn number_of(count: usize, tone: Option<Tone>) -> AnyView {
    view! { <span class="count" data-state=tone.map(Tone::as_str)>{count}</span> }.into_any()
}
