//! Above every page: where one is, whether automation is on, the time, language, looks, and who one is.

use domain::texts::{self as words, sign_in, ui};
use leptos::prelude::*;

use super::Tone;
use super::nav::{crumbs, targets};
use crate::islands::{Now, Palette};
use crate::pages::visit::{Automation, Theme, texts, visit};

pub(super) fn topbar() -> AnyView {
    let t = texts(&ui::TEXTS);
    view! {
        <header class="topbar">
            <button class="button quiet menu" type="button" popovertarget="nav">{t.menu}</button>
            {crumbs()}
            {automation()}
            {clock()}
            {language()}
            {appearance()}
            {account()}
            <Palette
                targets=targets()
                label=t.palette.to_owned()
                hint=t.palette_hint.to_owned()
            />
        </header>
    }
    .into_any()
}

/// On a phone the last word has to do; the link is read out whole.
fn automation() -> AnyView {
    let t = texts(&ui::TEXTS);
    let (tone, state) = match visit().attention.automation {
        Automation::On => (Tone::Ok, t.automation_on.to_owned()),
        Automation::Partly(stopped) => (Tone::Warn, (t.automation_partly)(stopped)),
        Automation::Off => (Tone::Bad, t.automation_off.to_owned()),
    };
    view! {
        <a class="badge" data-state=tone.as_str() href="/rails">
            <span><span class="spoken-on-phone">{t.automation}</span> {state}</span>
        </a>
    }
    .into_any()
}

fn clock() -> AnyView {
    use chrono::Offset;

    let visit = visit();
    let local = visit.now.with_timezone(&visit.zone);
    let offset_s = local.offset().fix().local_minus_utc();
    let shown = local.format("%m-%d %H:%M:%S").to_string();
    view! {
        <span class="optional">
            <Now at_ms=visit.now.timestamp_millis() as f64 offset_s shown />
            " "
            <small>{words::offset(visit.now, &visit.zone)}</small>
        </span>
    }
    .into_any()
}

/// To the other language, named in itself.
pub(super) fn language() -> AnyView {
    let other = visit().lang.other();
    view! {
        <form method="post" action="/language">
            <button class="button quiet" name="lang" value=other.as_str() lang=other.as_str()>
                {other.name()}
            </button>
        </form>
    }
    .into_any()
}

/// Light, dark, or as the system has it.
pub(super) fn appearance() -> AnyView {
    let t = texts(&ui::TEXTS);
    let chosen = visit().theme;
    let choice = |theme: Theme| {
        let name = match theme {
            Theme::System => t.theme_system,
            Theme::Light => t.theme_light,
            Theme::Dark => t.theme_dark,
        };
        let pressed = if theme == chosen { "true" } else { "false" };
        view! { <button name="theme" value=theme.as_str() aria-pressed=pressed>{name}</button> }
    };
    view! {
        <button class="button quiet" type="button" popovertarget="appearance" aria-label=t.appearance>
            <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" fill="currentColor">
                <path d="M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.6v10.8A5.4 5.4 0 0 1 8 2.6Z" />
            </svg>
        </button>
        <form class="menu" id="appearance" popover="auto" method="post" action="/theme">
            {Theme::ALL.map(choice).collect_view()}
        </form>
    }
    .into_any()
}

fn account() -> Option<AnyView> {
    let user = visit().user?;
    let t = texts(&ui::TEXTS);
    let profile = texts(&words::nav::TEXTS).profile;
    let names = texts(&words::people::TEXTS);
    let roles: Vec<_> = user.roles.iter().map(|it| (names.role)(it.role)).collect();
    let roles = (texts(&words::common::TEXTS).list)(&roles);
    Some(
        view! {
            <button class="button quiet" type="button" popovertarget="account" title=t.account>
                {user.name.clone()}
            </button>
            <div class="menu" id="account" popover="auto">
                <p>{user.name} <small>{roles}</small></p>
                <a href="/profile">{profile}</a>
                <form method="post" action="/sign-out">
                    <button>{texts(&sign_in::TEXTS).sign_out}</button>
                </form>
            </div>
        }
        .into_any(),
    )
}
