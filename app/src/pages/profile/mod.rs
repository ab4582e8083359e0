//! What everybody may do with their own account: language, password, sessions.

pub mod actions;

use domain::access::Action;
use domain::ids::SessionId;
use domain::texts::{Lang, common, people};
use leptos::prelude::*;
use store::sessions::Listed;
use store::users::Account;

use self::actions::{
    ChangePassword, ConfirmOneTimeKey, EndSession, EnrolOneTimeKey, RemoveOneTimeKey, SetLanguage,
};
use super::error::Error;
use super::ssr::read;
use super::ui::{
    Button, Halves, Head, Input, Panel, Table, Tone, column, command, facts, form, mark, page,
    submit, when, when_short,
};
use super::visit::{texts, visit};
use crate::wishes::one_time::{self, Enrolment};

struct Shown {
    account: Account,
    sessions: Vec<Listed>,
    this: Option<SessionId>,
    codes: Codes,
}

/// How far somebody has come with one-time codes.
enum Codes {
    None,
    Offered(Enrolment),
    Confirmed,
}

#[component]
pub fn ProfilePage() -> impl IntoView {
    let t = texts(&people::TEXTS);
    let session = visit().session;
    page(t.profile, async move {
        let shown = read(Action::EditProfile, async |cx| {
            let id = cx.user()?.id;
            let this = match session {
                Some(id) => {
                    let public = store::sessions::public_id(&cx.db, id).await;
                    public.map_err(store::Error::from)?
                }
                None => None,
            };
            let codes = match one_time::offered(cx).await? {
                Some(offered) => Codes::Offered(offered),
                None => match store::one_time_keys::get(&cx.db, id).await? {
                    Some(_) => Codes::Confirmed,
                    None => Codes::None,
                },
            };
            Ok(Shown {
                codes,
                account: store::users::get(&cx.db, id).await?.ok_or(Error::NotFound)?,
                sessions: store::sessions::list(&cx.db, id, cx.now).await?,
                this,
            })
        })
        .await?;
        let must = shown.account.one_time.then(|| {
            view! { <p class="notice" role="alert" data-state="warn">{t.must_change}</p> }
        });
        Ok(view! {
            <Head title=shown.account.user.name.clone()>{t.profile_lede}</Head>
            {must}
            <Halves>
                {account(&shown.account)}
                {password()}
            </Halves>
            {one_time_codes(shown.codes)}
            {sessions(shown.sessions, shown.this)}
        })
    })
}

fn account(account: &Account) -> impl IntoView + use<> {
    let t = texts(&people::TEXTS);
    let list = texts(&common::TEXTS).list;
    let roles: Vec<_> = account.user.roles.iter().map(|it| (t.role)(it.role)).collect();
    let teams: Vec<_> = account.user.teams.iter().map(String::as_str).collect();
    let chosen = account.language.map(Lang::as_str).unwrap_or_default();
    let languages = std::iter::once(("", t.language_of_browser))
        .chain(Lang::ALL.iter().map(|it| (it.as_str(), it.name())));
    let pairs = [
        (texts(&common::TEXTS).roles, list(&roles).into_any()),
        (t.teams, list(&teams).into_any()),
    ];
    view! {
        <Panel id="account" title=t.account>
            <div class="body">
                {facts(pairs)}
                {form::<SetLanguage, _>("", |sent| Some(view! {
                    {sent.field(Input::select("language", t.language, languages).value(chosen))}
                    {submit(Button::Plain, texts(&common::TEXTS).save)}
                }))}
            </div>
        </Panel>
    }
}

fn password() -> impl IntoView {
    let t = texts(&people::TEXTS);
    let old = Input::password("old_password", t.old_password);
    let new = Input::password("new_password", t.new_password).hint(t.new_password_hint);
    view! {
        <Panel id="password" title=t.password>
            <div class="body">
                {form::<ChangePassword, _>("", |sent| Some(view! {
                    {sent.field(old.required().autocomplete("current-password"))}
                    {sent.field(new.required().autocomplete("new-password"))}
                    {submit(Button::Primary, t.change_password)}
                }))}
            </div>
        </Panel>
    }
}

/// The field for a code, here and at approvals.
pub(super) fn one_time_code() -> Input {
    let label = texts(&people::TEXTS).one_time_code;
    Input::text("otp", label).autocomplete("one-time-code")
}

/// The second factor that policies may ask for.
fn one_time_codes(codes: Codes) -> impl IntoView {
    let t = texts(&people::TEXTS);
    let body = match codes {
        Codes::None => view! {
            <p>{t.codes_none}</p>
            {form::<EnrolOneTimeKey, _>("", |sent| {
                let password = Input::password("password", t.password).required();
                Some(view! {
                    {sent.field(password.autocomplete("current-password"))}
                    {submit(Button::Primary, t.codes_set_up)}
                })
            })}
        }
        .into_any(),
        Codes::Offered(Enrolment { secret, url }) => view! {
            <p>{t.codes_offered}</p>
            {facts([(t.codes_secret, command(secret)), (t.codes_link, command(url))])}
            {form::<ConfirmOneTimeKey, _>("", move |sent| Some(view! {
                {sent.field(one_time_code().required())}
                {submit(Button::Primary, t.codes_confirm)}
            }))}
        }
        .into_any(),
        Codes::Confirmed => view! {
            <p>{mark(Tone::Ok, t.codes_on)}</p>
            {form::<RemoveOneTimeKey, _>("", move |sent| Some(view! {
                {sent.field(one_time_code().required())}
                {submit(Button::Danger, t.codes_remove)}
            }))}
        }
        .into_any(),
    };
    view! {
        <Panel id="one-time-codes" title=t.codes>
            <div class="body">{body}</div>
        </Panel>
    }
}

fn sessions(sessions: Vec<Listed>, this: Option<SessionId>) -> impl IntoView {
    let t = texts(&people::TEXTS);
    let heads = vec![
        column(t.browser),
        column(t.signed_in_at),
        column(t.expires_at).optional(),
        column(t.end_session),
    ];
    let row = |it: Listed| {
        let act = match this == Some(it.id) {
            true => mark(Tone::Live, t.this_one),
            false => form::<EndSession, _>(it.id, |_| Some(submit(Button::Quiet, t.end_session)))
                .into_any(),
        };
        view! {
            <tr>
                <th scope="row">{it.agent.filter(|it| !it.is_empty()).unwrap_or_else(|| "?".into())}</th>
                <td>{when(it.created_at)}</td>
                <td class="optional">{when_short(it.expires_at)}</td>
                <td>{act}</td>
            </tr>
        }
    };
    let others = sessions.len() > 1;
    let rows: Vec<_> = sessions.into_iter().map(row).collect();
    view! {
        <Panel id="sessions" title=t.sessions>
            <Table label=t.sessions heads>{rows}</Table>
            {others.then(|| view! {
                <div class="body">
                    {form::<EndSession, _>("", |_| Some(submit(Button::Danger, t.end_others)))}
                </div>
            })}
        </Panel>
    }
}
