use domain::access::{Action, Scope};
use domain::texts::{common, people};
use domain::tokens::{Owner, TokenRow};
use leptos::either::Either;
use leptos::prelude::*;

use super::actions::{AddToken, RevokeToken};
use crate::pages::ssr::read;
use crate::pages::ui::{
    Button, Head, Input, Panel, Table, Tone, badge, column, command, dialog, empty, form, hidden,
    live, page, submit, when_short,
};
use crate::pages::visit::{texts, visit};
use crate::wishes::tokens::random;

#[component]
pub fn TokensPage() -> impl IntoView {
    let t = texts(&people::TEXTS);
    page(t.tokens, async move {
        let tokens =
            read(Action::ReadUsers, async |cx| Ok(store::tokens::list(&cx.db).await?)).await?;
        let content = match tokens.is_empty() {
            true => Either::Left(empty(t.no_tokens)),
            false => Either::Right(table(tokens)),
        };
        Ok(view! {
            {live("tokens")}
            <Head title=t.tokens>{t.tokens_lede}</Head>
            <section class="panel" aria-label=t.tokens>{content}</section>
            {add()}
        })
    })
}

fn table(tokens: Vec<TokenRow>) -> impl IntoView {
    let t = texts(&people::TEXTS);
    let heads = vec![
        column(t.owner),
        column(t.scopes),
        column(t.services).optional(),
        column(texts(&common::TEXTS).state),
        column(t.last_used).optional(),
        column(t.revoke),
    ];
    let rows: Vec<_> = tokens.into_iter().map(row).collect();
    view! { <Table label=t.tokens heads>{rows}</Table> }
}

fn row(token: TokenRow) -> impl IntoView {
    let t = texts(&people::TEXTS);
    let list = texts(&common::TEXTS).list;
    let is_live = token.is_live(visit().now);
    let state = match (is_live, token.revoked_at) {
        (true, _) => {
            let until = when_short(token.expires_at);
            view! { {badge(Tone::Ok, t.live)} " " <small>{t.expires_at} " " {until}</small> }
                .into_any()
        }
        (false, Some(_)) => badge(Tone::Idle, t.revoked),
        (false, None) => badge(Tone::Warn, t.expired),
    };
    let owner = match token.owner {
        Owner::User { name, .. } => view! { {name} }.into_any(),
        Owner::Machine => view! { {token.name.clone()} " " <small>{t.machine}</small> }.into_any(),
    };
    let scopes: Vec<_> = token.scopes.iter().map(|it| it.as_str()).collect();
    let services = match token.services.is_empty() {
        true => t.everywhere.to_owned(),
        false => list(&token.services.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    let revoke = is_live.then(|| {
        dialog::<RevokeToken, _>(
            token.id,
            token.name.clone(),
            (Button::Quiet, t.revoke),
            |_| view! { <p>{t.revoke_why}</p> },
            submit(Button::Danger, t.revoke),
        )
    });
    let scopes = scopes.join(" ");
    view! {
        <tr>
            <th scope="row">{owner}</th>
            <td><code>{scopes}</code></td>
            <td class="optional">{services}</td>
            <td>{state}</td>
            <td class="optional">{token.last_used_at.map(when_short)}</td>
            <td>{revoke}</td>
        </tr>
    }
}

fn add() -> impl IntoView {
    let t = texts(&people::TEXTS);
    let words: Vec<_> = Scope::ALL.iter().map(|it| it.as_str()).collect();
    let scopes = words.join(", ");
    let days = format!("{} (1–{})", t.expires_in, domain::tokens::LONGEST.num_days());
    let token = random();
    view! {
        <Panel id="add" title=t.add_token>
            <div class="body">
                {form::<AddToken, _>("", |sent| Some(view! {
                    {sent.field(Input::text("user", t.user))}
                    {sent.field(Input::text("machine", t.machine).hint(t.machine_hint))}
                    {sent.field(Input::text("scopes", t.scopes).hint(scopes).required())}
                    {sent.field(Input::text("services", t.services).hint(t.services_hint))}
                    {sent.field(Input::number("days", days).value(90).required())}
                    <div class="field">
                        <span>{t.token}</span>
                        {command(&token)}
                        <small>{t.token_hint}</small>
                    </div>
                    {hidden("password_token", token)}
                    {submit(Button::Primary, t.add_token)}
                }))}
            </div>
        </Panel>
    }
}
