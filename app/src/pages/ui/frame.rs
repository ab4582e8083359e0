//! What stands around a page.

use domain::texts::ui;
use leptos::prelude::*;

use super::nav::{brand, sidebar};
use super::topbar::{appearance, language, topbar};
use crate::pages::visit::texts;

/// For somebody who is signed in: navigation, top bar, page.
pub(super) fn frame(content: AnyView) -> AnyView {
    view! {
        <div class="app">
            <a class="skip" href="#main">{texts(&ui::TEXTS).skip}</a>
            {sidebar()}
            {topbar()}
            <main class="page" id="main">{content}</main>
        </div>
    }
    .into_any()
}

/// For a stranger: who we are, the language, the page.
pub fn bare(content: AnyView) -> AnyView {
    view! {
        <div class="bare">
            <header class="topbar">
                <div class="crumbs">{brand()}</div>
                {language()}
                {appearance()}
            </header>
            <main class="page" id="main">{content}</main>
        </div>
    }
    .into_any()
}
