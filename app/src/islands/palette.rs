//! Ctrl-K: type where to go. The list holds the links of the navigation; with the wasm missing nothing is lost.

use leptos::ev;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlInputElement};

/// One page: what it is called, and where it is.
#[derive(Clone, Serialize, Deserialize)]
pub struct Target {
    pub label: String,
    pub href: String,
}

#[island]
pub fn Palette(targets: Vec<Target>, label: String, hint: String) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let dialog = NodeRef::<leptos::html::Dialog>::new();
    Effect::new(move |_| {
        window_event_listener(ev::keydown, move |event| {
            let wanted = event.key() == "k" && (event.ctrl_key() || event.meta_key());
            let Some(dialog) = dialog.get_untracked().filter(|_| wanted) else { return };
            event.prevent_default();
            let dialog: HtmlDialogElement = dialog.unchecked_into();
            // Fails where it is open already.
            let _ = dialog.show_modal();
        });
    });
    let found = {
        let targets = targets.clone();
        move || {
            let typed = typed.get().to_lowercase();
            let fits =
                |it: &&Target| it.label.to_lowercase().contains(&typed) || it.href.contains(&typed);
            targets.iter().filter(fits).cloned().collect::<Vec<_>>()
        }
    };
    let go = {
        let found = found.clone();
        move |event: ev::SubmitEvent| {
            event.prevent_default();
            if let Some(first) = found().first() {
                let _ = window().location().set_href(&first.href);
            }
        }
    };
    let remember = move |event: ev::Event| {
        if let Some(input) = event.target().and_then(|it| it.dyn_into::<HtmlInputElement>().ok()) {
            typed.set(input.value());
        }
    };
    let name = label.clone();
    view! {
        // Emptied when it closes: what stands in it must not look like work that a reload would lose.
        <dialog node_ref=dialog class="palette" aria-label=name on:close=move |_| typed.set(String::new())>
            <form on:submit=go>
                <input
                    type="search"
                    aria-label=label
                    placeholder=hint
                    autocomplete="off"
                    prop:value=move || typed.get()
                    on:input=remember
                />
            </form>
            <ul>
                {move || {
                    found()
                        .into_iter()
                        .map(|it| view! { <li><a href=it.href>{it.label}</a></li> })
                        .collect_view()
                }}
            </ul>
        </dialog>
    }
}
