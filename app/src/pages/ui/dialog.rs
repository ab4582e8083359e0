//! A question before an act. It is a native popover: opens, closes and posts without a script.

use std::fmt::Display;

use domain::texts::common;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

use super::form::post;
use super::{Button, Sent};
use crate::pages::visit::texts;

/// The button that opens it, and the dialog with a form for a server function. `inputs` end with what stands in
/// the place of the act, a [`super::submit`]; beside it stands the way back. A form that was refused is shown
/// open, with what is wrong and what was typed.
pub fn dialog<F: ServerFn, V: IntoView>(
    id: impl Display,
    title: impl ToString,
    opener: (Button, &str),
    inputs: impl FnOnce(&Sent) -> V,
    act: impl IntoView + 'static,
) -> AnyView {
    let id = id.to_string();
    let sent = Sent::of::<F>(&id);
    let open = sent.refused();
    let notice = sent.notice();
    let place = format!("dialog-{}", sent.place());
    let heading = format!("{place}-title");
    let named_by = heading.clone();
    let (kind, label) = opener;
    let opener = opens(kind, label, &place);
    let back = view! {
        <button
            class="button"
            type="button"
            popovertarget=place.clone()
            popovertargetaction="hide"
            // What is open without a popover is left by loading the page.
            hidden=open
        >
            {texts(&common::TEXTS).back}
        </button>
    };
    let inputs = inputs(&sent).into_any();
    let form = post::<F>(id, view! { {inputs} <div class="actions">{back} {act}</div> }.into_any());
    let (inside, outside) = if open { (notice, None) } else { (None, notice) };
    view! {
        {outside}
        {(!open).then_some(opener)}
        <dialog
            id=place
            popover=(!open).then_some("auto")
            open=open
            aria-labelledby=named_by
        >
            <header>
                <h2 id=heading>{title.to_string()}</h2>
            </header>
            {inside}
            {form}
        </dialog>
    }
    .into_any()
}

/// A button that opens a popover by its id.
pub fn opens(kind: Button, label: &str, popover: &str) -> AnyView {
    view! {
        <button class=kind.class() type="button" popovertarget=popover.to_owned()>
            {label.to_owned()}
        </button>
    }
    .into_any()
}
