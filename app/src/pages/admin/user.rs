use domain::access::{Action, Role, Subject};
use domain::texts::{common, people};
use domain::users::{Grant, GrantState};
use leptos::either::Either;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use store::users::Account;

use super::actions::{DisableUser, EnableUser, EndRole, RequestRole, ResetPassword, SetTeams};
use super::users::one_time;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{
    Button, Halves, Head, Input, Panel, Table, Tone, badge, column, dialog, empty, form, live,
    mark, page, submit, when_short,
};
use crate::pages::visit::{texts, visit};

#[component]
pub fn UserPage() -> impl IntoView {
    let t = texts(&people::TEXTS);
    let name = use_params_map().with_untracked(|it| it.get("name").unwrap_or_default());
    page(t.user, async move {
        let (account, grants) = read(Action::ReadUsers, async |cx| {
            let id = store::users::by_name(&cx.db, &name).await?;
            let account = store::users::get(&cx.db, id).await?.ok_or(Error::NotFound)?;
            let grants = store::users::open_grants(&cx.db).await?;
            let own = grants.into_iter().filter(|it| it.user == id);
            Ok((account, own.collect::<Vec<_>>()))
        })
        .await?;
        let state = match account.disabled_at {
            Some(_) => badge(Tone::Idle, t.disabled),
            None => badge(Tone::Ok, t.open),
        };
        Ok(view! {
            {live(Subject::new("users", &account.user.name))}
            <Head title=account.user.name.clone() badge=state>{t.users_lede}</Head>
            {roles(&account, grants)}
            <Halves>
                {teams(&account)}
                {closing(&account)}
            </Halves>
        })
    })
}

fn roles(account: &Account, grants: Vec<Grant>) -> impl IntoView + use<> {
    let t = texts(&people::TEXTS);
    let choices: Vec<_> = Role::ALL
        .iter()
        .filter(|role| !grants.iter().any(|it| it.role == **role))
        .map(|it| (it.as_str(), (t.role)(*it)))
        .collect();
    let rows: Vec<_> = grants.into_iter().map(role_row).collect();
    let heads = vec![
        column(texts(&common::TEXTS).roles),
        column(texts(&common::TEXTS).state),
        column(t.take_away),
    ];
    let content = match rows.is_empty() {
        true => Either::Left(empty(t.no_roles)),
        false => {
            Either::Right(view! { <Table label=texts(&common::TEXTS).roles heads>{rows}</Table> })
        }
    };
    let ask = (!choices.is_empty()).then(|| {
        form::<RequestRole, _>(account.user.name.clone(), |sent| {
            Some(view! {
                {sent.field(Input::select("role", t.role_asked, choices))}
                {submit(Button::Primary, t.ask_role)}
            })
        })
    });
    view! {
        <Panel id="roles" title=texts(&common::TEXTS).roles>
            {content}
            <div class="body">{ask}</div>
        </Panel>
    }
}

fn role_row(grant: Grant) -> impl IntoView {
    let t = texts(&people::TEXTS);
    let (state, end) = match grant.state {
        GrantState::AwaitingConsent => (mark(Tone::Warn, t.waiting), t.withdraw),
        GrantState::InForce { approves_from, .. } if approves_from > visit().now => {
            let until = when_short(approves_from);
            (view! { {mark(Tone::Live, t.fresh)} " " {until} }.into_any(), t.take_away)
        }
        _ => (mark(Tone::Ok, t.live), t.take_away),
    };
    view! {
        <tr>
            <th scope="row">{(t.role)(grant.role)}</th>
            <td>{state}</td>
            <td>{form::<EndRole, _>(grant.id, |_| Some(submit(Button::Quiet, end)))}</td>
        </tr>
    }
}

fn teams(account: &Account) -> impl IntoView + use<> {
    let t = texts(&people::TEXTS);
    let (name, now) = (account.user.name.clone(), account.user.teams.join(", "));
    view! {
        <Panel id="teams" title=t.teams>
            <div class="body">
                {form::<SetTeams, _>(name, |sent| Some(view! {
                    {sent.field(Input::text("teams", t.teams).value(now).hint(t.teams_hint))}
                    {submit(Button::Plain, texts(&common::TEXTS).save)}
                }))}
            </div>
        </Panel>
    }
}

fn closing(account: &Account) -> impl IntoView + use<> {
    let t = texts(&people::TEXTS);
    let name = account.user.name.clone();
    let open = match account.disabled_at {
        None => dialog::<DisableUser, _>(
            &name,
            t.disable,
            (Button::Danger, t.disable),
            |_| view! { <p>{t.disable_why}</p> },
            submit(Button::Danger, t.disable),
        ),
        Some(_) => form::<EnableUser, _>(name.clone(), |_| Some(submit(Button::Plain, t.enable)))
            .into_any(),
    };
    let reset = dialog::<ResetPassword, _>(
        &name,
        t.reset_password,
        (Button::Plain, t.reset_password),
        |_| one_time(),
        submit(Button::Primary, t.reset_password),
    );
    view! {
        <Panel id="account" title=t.account>
            <div class="body"><div class="actions">{reset} {open}</div></div>
        </Panel>
    }
}
