//! Boxes, and how they stand beside each other.

use leptos::prelude::*;

use super::Tone;

/// A titled box. Inside stand `<div class="body">` (padded), a [`super::Table`] or a [`super::Queue`] (edge to
/// edge). `id` is also its place in the address. `badge` stands beside the title, `note` (one sentence or one
/// link) at the right. `tone` tints the header: at most one panel of a page, what must be decided.
#[component]
pub fn Panel(
    id: &'static str,
    #[prop(into)] title: String,
    #[prop(optional)] badge: Option<AnyView>,
    #[prop(optional)] note: Option<AnyView>,
    #[prop(optional)] tone: Option<Tone>,
    children: Children,
) -> AnyView {
    view! {
        <section class="panel" data-state=tone.map(Tone::as_str) aria-labelledby=id>
            <header>
                <h2 id=id>{title}</h2>
                {badge}
                {note.map(|it| view! { <div class="note">{it}</div> })}
            </header>
            {children()}
        </section>
    }
    .into_any()
}

/// Two columns where there is room for them.
#[component]
pub fn Halves(children: Children) -> AnyView {
    view! { <div class="halves">{children()}</div> }.into_any()
}

/// What is decided (`aside`) at the right, the evidence at its left. The aside comes first in the source: on a
/// phone the decision is above the evidence.
#[component]
pub fn Beside(aside: AnyView, children: Children) -> AnyView {
    view! {
        <div class="beside">
            <aside class="stack">{aside}</aside>
            <div class="stack">{children()}</div>
        </div>
    }
    .into_any()
}
