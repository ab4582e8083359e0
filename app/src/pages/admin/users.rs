use std::collections::HashMap;

use domain::access::{Action, Role};
use domain::ids::UserId;
use domain::texts::{common, people};
use domain::users::{Grant, GrantState};
use leptos::either::Either;
use leptos::prelude::*;
use store::users::Account;

use super::actions::{AddUser, ConsentRole, EndRole};
use crate::pages::ssr::read;
use crate::pages::ui::{
    Button, Head, Input, Panel, Table, Tone, badge, column, command, empty, form, hidden, live,
    mark, number_of, page, submit, when_short,
};
use crate::pages::visit::texts;
use crate::passwords;

#[component]
pub fn UsersPage() -> impl IntoView {
    let t = texts(&people::TEXTS);
    page(t.users, async move {
        let (accounts, grants) = read(Action::ReadUsers, async |cx| {
            Ok((store::users::list(&cx.db).await?, store::users::open_grants(&cx.db).await?))
        })
        .await?;
        let names: HashMap<_, _> =
            accounts.iter().map(|it| (it.user.id, it.user.name.clone())).collect();
        let rows: Vec<_> = accounts.into_iter().map(row).collect();
        let heads = vec![
            column(texts(&common::TEXTS).name),
            column(texts(&common::TEXTS).roles),
            column(t.teams).optional(),
            column(texts(&common::TEXTS).state),
        ];
        Ok(view! {
            {live("users grants")}
            <Head title=t.users>{t.users_lede}</Head>
            {waiting(grants, &names)}
            <Panel id="users" title=t.users badge=number_of(rows.len(), None)>
                <Table label=t.users heads>{rows}</Table>
            </Panel>
            {add()}
        })
    })
}

fn row(account: Account) -> impl IntoView {
    let t = texts(&people::TEXTS);
    let list = texts(&common::TEXTS).list;
    let roles: Vec<_> = account.user.roles.iter().map(|it| (t.role)(it.role)).collect();
    let teams: Vec<_> = account.user.teams.iter().map(String::as_str).collect();
    let roles = match roles.is_empty() {
        true => mark(Tone::Idle, t.no_roles),
        false => list(&roles).into_any(),
    };
    let state = match account.disabled_at {
        Some(_) => badge(Tone::Idle, t.disabled),
        None => badge(Tone::Ok, t.open),
    };
    let teams = list(&teams);
    let href = address(&account.user.name);
    view! {
        <tr>
            <th scope="row"><a href=href>{account.user.name}</a></th>
            <td>{roles}</td>
            <td class="optional">{teams}</td>
            <td>{state}</td>
        </tr>
    }
}

/// The page of an account.
pub(in crate::pages) fn address(name: &str) -> String {
    // Names hold no slash; everything else that an address does not is escaped by the browser.
    format!("/admin/users/{}", name.replace('%', "%25").replace('?', "%3F").replace('#', "%23"))
}

fn waiting(grants: Vec<Grant>, names: &HashMap<UserId, String>) -> impl IntoView + use<> {
    let t = texts(&people::TEXTS);
    let grants: Vec<_> =
        grants.into_iter().filter(|it| it.state == GrantState::AwaitingConsent).collect();
    let count = grants.len();
    let name = |id: UserId| names.get(&id).cloned().unwrap_or_default();
    let row = |it: Grant| {
        let asked_by = it.requested_by.map_or_else(|| t.by_owner.to_owned(), name);
        view! {
            <tr>
                <th scope="row">{name(it.user)}</th>
                <td>{(t.role)(it.role)}</td>
                <td>{asked_by} " " {when_short(it.requested_at)}</td>
                <td>
                    <div class="actions">
                        {form::<ConsentRole, _>(it.id, |_| Some(submit(Button::Primary, t.consent)))}
                        {form::<EndRole, _>(it.id, |_| Some(submit(Button::Quiet, t.withdraw)))}
                    </div>
                </td>
            </tr>
        }
    };
    let rows: Vec<_> = grants.into_iter().map(row).collect();
    let heads = vec![column(t.user), column(t.role_asked), column(t.asked_by), column(t.consent)];
    let content = match count {
        0 => Either::Left(empty(t.nothing_waits)),
        _ => Either::Right(view! { <Table label=t.waiting heads>{rows}</Table> }),
    };
    let tone = (count > 0).then_some(Tone::Warn);
    view! {
        <Panel
            id="waiting"
            title=t.waiting
            badge=number_of(count, tone)
            note=view! { <small>{t.waiting_why}</small> }.into_any()
        >
            {content}
        </Panel>
    }
}

fn add() -> impl IntoView {
    let t = texts(&people::TEXTS);
    let roles = std::iter::once(("", texts(&common::TEXTS).none))
        .chain(Role::ALL.iter().map(|it| (it.as_str(), (t.role)(*it))));
    view! {
        <Panel id="add" title=t.add_user>
            <div class="body">
                {form::<AddUser, _>("", |sent| Some(view! {
                    {sent.field(Input::text("name", texts(&common::TEXTS).name).required())}
                    {sent.field(Input::select("role", t.role_asked, roles))}
                    {sent.field(Input::text("teams", t.teams).hint(t.teams_hint))}
                    {one_time()}
                    {submit(Button::Primary, t.add_user)}
                }))}
            </div>
        </Panel>
    }
}

/// A new one-time password: shown here, sent along, and kept nowhere but as a hash.
pub(super) fn one_time() -> impl IntoView {
    let t = texts(&people::TEXTS);
    let password = passwords::random();
    view! {
        <div class="field">
            <span>{t.one_time_password}</span>
            {command(&password)}
            <small>{t.one_time_hint}</small>
        </div>
        {hidden("password", password)}
    }
}
