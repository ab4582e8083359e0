//! The token with which the copies of one row are told to us.

use domain::access::{Action, Place};
use domain::texts::backups::TEXTS;
use domain::texts::people;
use leptos::prelude::*;
use store::backups::Live;

use super::actions::{MakeBackupToken, RevokeBackupToken};
use crate::pages::ui::{
    Button, Panel, Tone, badge, command, dialog, facts, form, hidden, submit, when,
};
use crate::pages::visit::{texts, visit};
use crate::wishes::tokens::random;

/// For who may make and revoke it; nothing for anybody else.
pub(super) fn panel(name: &str, token: Option<&Live>) -> Option<AnyView> {
    let t = texts(&TEXTS);
    if !visit().may(Action::AdministerTokens, &Place::default()) {
        return None;
    }
    let state = match token {
        Some(_) => badge(Tone::Ok, texts(&people::TEXTS).live),
        None => badge(Tone::Idle, t.no_token),
    };
    let about = token.map(about);
    let revoke = token.map(|_| {
        dialog::<RevokeBackupToken, _>(
            name,
            t.revoke_token,
            (Button::Danger, t.revoke_token),
            |_| view! { <p>{t.revoke_token_why}</p> },
            submit(Button::Danger, t.revoke_token),
        )
    });
    let label = if token.is_some() { t.replace_token } else { t.make_token };
    let make = make(name, label);
    let panel = view! {
        <Panel id="token" title=t.token badge=state>
            <div class="body">
                <p>{t.token_note}</p>
                {about}
                <details>
                    <summary>{label}</summary>
                    {make}
                </details>
                {revoke}
            </div>
        </Panel>
    };
    Some(panel.into_any())
}

fn about(token: &Live) -> AnyView {
    let t = texts(&TEXTS);
    let by = token.created_by.split_once(':').map_or(token.created_by.as_str(), |(_, name)| name);
    let by = view! { {by.to_owned()} " " {when(token.created_at)} };
    let used = token.last_used_at.map_or_else(|| t.token_unused.into_any(), when);
    facts([(t.token_made, by.into_any()), (texts(&people::TEXTS).last_used, used)])
}

/// A new token: shown here, sent along, and kept nowhere but as a hash.
fn make(name: &str, label: &'static str) -> AnyView {
    let t = texts(&TEXTS);
    let token = random();
    let call = format!("curl -X POST https://…/api/v1/heartbeats/{token}");
    form::<MakeBackupToken, _>(name, |_| {
        Some(view! {
            <div class="field">
                <span>{t.token_call}</span>
                {command(call)}
                <small>{t.token_hint}</small>
            </div>
            {hidden("password_token", token)}
            {submit(Button::Primary, label)}
        })
    })
}
