//! A list that the keyboard walks through: j and k, or the arrows, go from one line to the next, and Enter opens it, as
//! it does on any link. Without the wasm the tabulator does the same.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

/// The children are a list; of each `<li>` the first link is where the focus goes.
#[island]
pub fn Keys(children: Children) -> impl IntoView {
    let list = NodeRef::<leptos::html::Div>::new();
    Effect::new(move |_| {
        window_event_listener(ev::keydown, move |event| {
            let held = event.ctrl_key() || event.meta_key() || event.alt_key();
            let forward = match event.key().as_str() {
                "j" | "ArrowDown" => true,
                "k" | "ArrowUp" => false,
                _ => return,
            };
            let Some(list) = list.get_untracked().filter(|_| !held && !is_typing()) else { return };
            let list: HtmlElement = list.unchecked_into();
            if go(&list, forward) {
                event.prevent_default();
            }
        });
    });
    view! { <div node_ref=list>{children()}</div> }
}

/// Whether the keys belong to a field or an open dialog.
fn is_typing() -> bool {
    let busy = "input:focus, textarea:focus, select:focus, dialog[open], dialog:popover-open";
    document().query_selector(busy).ok().flatten().is_some()
}

/// To the link after the focused one, or before it; to the first where none is. Says whether there is one.
fn go(list: &HtmlElement, forward: bool) -> bool {
    let Ok(links) = list.query_selector_all("li > div > a:first-child") else { return false };
    let links: Vec<Element> =
        (0..links.length()).filter_map(|i| links.item(i)?.dyn_into().ok()).collect();
    let focused = document().active_element();
    let of = |it: &Element| it.closest("li").ok().flatten();
    let line = focused.as_ref().and_then(of);
    let now = line.and_then(|line| links.iter().position(|it| of(it).as_ref() == Some(&line)));
    let next = match (now, forward) {
        (None, _) => Some(0),
        (Some(now), true) => Some(now + 1),
        (Some(now), false) => now.checked_sub(1),
    };
    let Some(link) = next.and_then(|it| links.get(it)) else { return now.is_some() };
    link.unchecked_ref::<HtmlElement>().focus().is_ok()
}
