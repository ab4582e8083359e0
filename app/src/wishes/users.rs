//! Accounts, their roles, and what everybody may do with their own.

use domain::access::{Action, Role, Subject};
use domain::fields::{Fault, Faults};
use domain::ids::{GrantId, SessionId, UserId};
use domain::texts::Lang;
use domain::users::{Grant, GrantState, Refusal, name_faults, password_faults};
use sqlx::PgConnection;
use store::sessions::Which;
use store::users::{Account, NewUser};

use crate::doors::{Change, Context};
use crate::pages::error::Error;
use crate::passwords;

/// Opens an account with a one-time password, which its owner replaces at the first sign-in, and asks for its
/// roles; each takes effect with the consent of a second administrator.
pub async fn add(
    cx: &Context,
    name: &str,
    roles: &[Role],
    teams: &[String],
    one_time: String,
) -> Result<(), Error> {
    let hash = hashed(cx, Action::AdministerUsers, one_time, name).await?;
    cx.write(Action::AdministerUsers, Subject::new("users", name), async |cx, tx| {
        let mut faults = name_faults("name", name);
        faults.extend(team_faults(teams));
        faults.into_result()?;
        let new = NewUser { name, password_hash: &hash, one_time: true, teams };
        let id = store::users::insert(tx, &new, cx.now).await.map_err(|it| taken(it, "name"))?;
        for &role in roles {
            store::users::insert_grant(tx, &asked(cx, id, role)?).await?;
        }
        tx.detail("teams", teams);
        tx.detail("roles_asked_for", roles);
        Ok(())
    })
    .await
}

/// Closes an account: its sessions end, its tokens and its password open nothing any more.
pub async fn disable(cx: &Context, name: &str) -> Result<(), Error> {
    cx.write(Action::AdministerUsers, Subject::new("users", name), async |cx, tx| {
        let account = named(tx, name).await?;
        if cx.user()?.id == account.user.id {
            return Err(Refusal::OwnAccount.into());
        }
        let others = store::users::other_administrators(tx, account.user.id).await?;
        if account.user.has(Role::Admin) && others == 0 {
            return Err(Refusal::LastAdministrator.into());
        }
        store::users::disable(tx, account.user.id, cx.now).await?;
        tx.detail("disabled", true);
        Ok(())
    })
    .await
}

/// Opens it again, with the roles and teams it had.
pub async fn enable(cx: &Context, name: &str) -> Result<(), Error> {
    cx.write(Action::AdministerUsers, Subject::new("users", name), async |_, tx| {
        let account = named(tx, name).await?;
        store::users::enable(tx, account.user.id).await?;
        tx.detail("disabled", false);
        Ok(())
    })
    .await
}

/// For somebody who has forgotten theirs. Ends all their sessions, and their one-time codes too: who has lost the
/// phone has nothing to prove it with.
pub async fn reset_password(cx: &Context, name: &str, one_time: String) -> Result<(), Error> {
    let hash = hashed(cx, Action::AdministerUsers, one_time, name).await?;
    cx.write(Action::AdministerUsers, Subject::new("users", name), async |_, tx| {
        let account = named(tx, name).await?;
        store::users::set_password(tx, account.user.id, &hash, true, None).await?;
        tx.detail("password", "reset");
        if store::one_time_keys::remove(tx, account.user.id).await? {
            tx.detail("one_time_key", "removed");
        }
        Ok(())
    })
    .await
}

pub async fn set_teams(cx: &Context, name: &str, teams: &[String]) -> Result<(), Error> {
    cx.write(Action::AdministerUsers, Subject::new("users", name), async |_, tx| {
        team_faults(teams).into_result()?;
        let account = named(tx, name).await?;
        store::users::set_teams(tx, account.user.id, teams).await?;
        tx.detail("teams", teams);
        tx.detail("teams_before", account.user.teams);
        Ok(())
    })
    .await
}

/// Asks that somebody gets a role.
pub async fn request_role(cx: &Context, name: &str, role: Role) -> Result<GrantId, Error> {
    cx.write(Action::RequestGrant, Subject::new("users", name), async |cx, tx| {
        let account = named(tx, name).await?;
        let grant = asked(cx, account.user.id, role)?;
        let id = store::users::insert_grant(tx, &grant).await.map_err(|it| taken(it, "role"))?;
        tx.detail("role", role);
        tx.detail("grant", id);
        Ok(id)
    })
    .await
}

/// The second administrator consents, and the role takes effect.
pub async fn consent(cx: &Context, id: GrantId) -> Result<(), Error> {
    cx.write(Action::ConsentGrant, Subject::new("grants", id), async |cx, tx| {
        let by = cx.user()?.id;
        let grant = store::users::lock_grant(tx, id).await?.consent(by, cx.now)?;
        store::users::save_grant(tx, &grant, by).await?;
        describe(tx, &grant).await
    })
    .await
}

/// Withdraws a grant that waits, or takes a role away.
pub async fn end_role(cx: &Context, id: GrantId) -> Result<(), Error> {
    cx.write(Action::RequestGrant, Subject::new("grants", id), async |cx, tx| {
        let by = cx.user()?.id;
        let grant = store::users::lock_grant(tx, id).await?;
        let others = store::users::other_administrators(tx, grant.user).await?;
        let grant = grant.end(others, cx.now)?;
        store::users::save_grant(tx, &grant, by).await?;
        tx.detail("ended", true);
        describe(tx, &grant).await
    })
    .await
}

/// The caller's own password. Every other session of theirs ends.
pub async fn change_password(
    cx: &Context,
    old: String,
    new: String,
    session: Option<i128>,
) -> Result<(), Error> {
    let user = cx.user()?.clone();
    know_again(cx, "old_password", old).await?;
    password_faults("new_password", &new, &user.name).into_result()?;
    let hash = passwords::hash(new).await.map_err(internal)?;
    let keep = current(cx, session).await?;
    cx.write(Action::EditProfile, Subject::new("users", &user.name), async |_, tx| {
        store::users::set_password(tx, user.id, &hash, false, keep.map(|it| it.0)).await?;
        tx.detail("password", "changed");
        Ok(())
    })
    .await
}

/// Asks for the caller's own password: whoever sits at an open browser need not be who opened it.
pub(super) async fn know_again(cx: &Context, field: &str, password: String) -> Result<(), Error> {
    let id = cx.user()?.id;
    let known = cx
        .read(Action::EditProfile, async |cx| Ok(store::users::password_hash(&cx.db, id).await?))
        .await?;
    match passwords::verify(password, known).await.map_err(internal)? {
        true => Ok(()),
        false => Err(Error::field(field, Fault::WrongPassword)),
    }
}

/// The language of the caller's pages; none means that of the browser.
pub async fn set_language(cx: &Context, language: Option<Lang>) -> Result<(), Error> {
    let user = cx.user()?.clone();
    cx.write(Action::EditProfile, Subject::new("users", &user.name), async |_, tx| {
        store::users::set_language(tx, user.id, language).await?;
        tx.detail("language", language);
        Ok(())
    })
    .await
}

/// Ends one of the caller's own sessions, or all of them but this one.
pub async fn end_sessions(
    cx: &Context,
    one: Option<SessionId>,
    session: Option<i128>,
) -> Result<(), Error> {
    let user = cx.user()?.clone();
    let keep = current(cx, session).await?;
    cx.write(Action::EditProfile, Subject::new("users", &user.name), async |_, tx| {
        let which = one.map_or(Which::AllBut(keep), Which::One);
        let ended = store::sessions::end(tx, user.id, which).await?;
        tx.detail("sessions_ended", ended);
        Ok(())
    })
    .await
}

/// The account with this name, while the transaction lasts.
async fn named(tx: &mut PgConnection, name: &str) -> Result<Account, Error> {
    let id = store::users::by_name(&mut *tx, name).await?;
    store::users::get(tx, id).await?.ok_or(Error::NotFound)
}

/// Which session that is, as its owner knows it.
async fn current(cx: &Context, session: Option<i128>) -> Result<Option<SessionId>, Error> {
    let Some(id) = session else { return Ok(None) };
    Ok(store::sessions::public_id(&cx.db, id).await.map_err(store::Error::from)?)
}

fn asked(cx: &Context, user: UserId, role: Role) -> Result<Grant, Error> {
    Ok(Grant {
        id: GrantId(Default::default()), // The database gives it its own.
        user,
        role,
        requested_by: Some(cx.user()?.id),
        requested_at: cx.now,
        state: GrantState::AwaitingConsent,
    })
}

async fn describe(tx: &mut Change, grant: &Grant) -> Result<(), Error> {
    let account = store::users::get(&mut **tx, grant.user).await?.ok_or(Error::NotFound)?;
    tx.detail("user", account.user.name);
    tx.detail("role", grant.role);
    Ok(())
}

/// The hash of a one-time password. Nobody who may not use it makes us compute one.
async fn hashed(
    cx: &Context,
    action: Action,
    password: String,
    account: &str,
) -> Result<String, Error> {
    cx.enter(action)?;
    password_faults("password", &password, account).into_result()?;
    passwords::hash(password).await.map_err(internal)
}

fn team_faults(teams: &[String]) -> Faults {
    let mut faults = Faults::default();
    for team in teams {
        faults.extend(name_faults("teams", team));
    }
    faults
}

/// Somebody has it already: a fault of this field.
pub(super) fn taken(error: store::Error, field: &str) -> Error {
    match error {
        store::Error::Taken => Error::field(field, Fault::Taken),
        error => error.into(),
    }
}

fn internal(error: anyhow::Error) -> Error {
    tracing::error!("a password could not be hashed: {error:#}");
    Error::Internal
}
