//! Puts a text into the clipboard: a digest that is compared elsewhere, a command that is pasted.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;

/// Not shown without JavaScript, where it could do nothing; the text itself stands beside it.
#[island]
pub fn Copy(text: String, label: String, done: String) -> impl IntoView {
    let alive = RwSignal::new(false);
    let copied = RwSignal::new(false);
    // There is no clipboard on a page that came over plain HTTP from another machine.
    Effect::new(move |_| alive.set(window().is_secure_context()));
    let copy = move |_| {
        let shown = Closure::once(move |_: JsValue| {
            copied.set(true);
            set_timeout(move || copied.set(false), Duration::from_secs(2));
        });
        // A refused permission shows by the word that does not change.
        let _ = window().navigator().clipboard().write_text(&text).then(&shown);
        shown.forget();
    };
    view! {
        <button class="button quiet" type="button" hidden=move || !alive.get() on:click=copy>
            {move || if copied.get() { done.clone() } else { label.clone() }}
        </button>
    }
}
