//! What waits for somebody.

use leptos::prelude::*;

/// A list of [`Waiting`]; the most urgent first.
#[component]
pub fn Queue(children: Children) -> AnyView {
    view! { <div class="queue"><ul>{children()}</ul></div> }.into_any()
}

/// One thing that waits: its state (a [`super::badge`]), what it is and where, why, by when (a
/// [`super::countdown`], or text), and at most one act.
#[component]
pub fn Waiting(
    badge: AnyView,
    #[prop(into)] href: String,
    #[prop(into)] title: String,
    #[prop(optional, into)] why: Option<String>,
    /// What else one has to know before opening it.
    #[prop(optional)]
    more: Option<AnyView>,
    #[prop(optional)] due: Option<AnyView>,
    #[prop(optional)] act: Option<AnyView>,
) -> AnyView {
    view! {
        <li>
            {badge}
            <div>
                <a href=href>{title}</a>
                {why.map(|it| view! { <p>{it}</p> })}
                {more}
            </div>
            {due.map(|it| view! { <div class="due">{it}</div> })}
            {act.map(|it| view! { <div class="act">{it}</div> })}
        </li>
    }
    .into_any()
}
