//! What will change, word for word.

use domain::texts::ui;
use leptos::prelude::*;

use crate::islands::Copy;
use crate::pages::visit::texts;

/// One line of a difference.
pub enum Line {
    /// What the following lines are of.
    Of(String),
    Same(String),
    Removed(String),
    Added(String),
}

/// `label` names the difference for whoever cannot see that it is one.
pub fn diff(label: impl ToString, lines: impl IntoIterator<Item = Line>) -> AnyView {
    let t = texts(&ui::TEXTS);
    let line = |it| match it {
        Line::Of(text) => view! { <b>{text}</b> }.into_any(),
        Line::Same(text) => view! { <span>{text}</span> }.into_any(),
        Line::Removed(text) => {
            view! { <del><span class="spoken">{t.deleted} " "</span>{text}</del> }.into_any()
        }
        Line::Added(text) => {
            view! { <ins><span class="spoken">{t.inserted} " "</span>{text}</ins> }.into_any()
        }
    };
    view! {
        <div class="diff" role="group" aria-label=label.to_string() tabindex="0">
            {lines.into_iter().map(line).collect_view()}
        </div>
    }
    .into_any()
}

/// A hash that can be compared by eye: its ends stand out. Shown whole, to be copied.
pub fn digest(hash: &str) -> AnyView {
    let t = texts(&ui::TEXTS);
    let (kind, value) = hash.split_once(':').map_or(("", hash), |(kind, value)| (kind, value));
    let kind = if kind.is_empty() { String::new() } else { format!("{kind}:") };
    // A digest is hex; what is not is shown without emphasis.
    let (head, middle, tail) = match (value.is_ascii(), value.len()) {
        (true, 17..) => (&value[..8], &value[8..value.len() - 8], &value[value.len() - 8..]),
        _ => ("", value, ""),
    };
    let [head, middle, tail] = [head, middle, tail].map(str::to_owned);
    view! {
        <span class="digest">
            {kind}<b>{head}</b>{middle}<b>{tail}</b>
            <Copy text=hash.to_owned() label=t.copy.to_owned() done=t.copied.to_owned() />
        </span>
    }
    .into_any()
}

/// What will be run, word for word.
pub fn command(text: impl ToString) -> AnyView {
    view! { <code class="command">{text.to_string()}</code> }.into_any()
}
