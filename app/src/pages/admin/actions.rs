use chrono::TimeDelta;
use domain::access::{Action, Role, Scope};
use domain::fields::Fault;
use domain::ids::GrantId;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, entered};
use crate::wishes::tokens::{self, Owner, Wanted};
use crate::wishes::users as wishes;

/// `password` is the one-time password that the page showed.
#[server]
pub async fn add_user(
    #[server(default)] name: String,
    #[server(default)] role: String,
    #[server(default)] teams: String,
    password: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::AdministerUsers)?;
        let roles = match role.as_str() {
            "" => vec![],
            word => vec![parse_role(word)?],
        };
        wishes::add(&cx, name.trim(), &roles, &list(&teams), password).await
    };
    answer(wish.await)
}

/// `id` is the name of the account, here and below.
#[server]
pub async fn disable_user(id: String) -> Result<(), Error> {
    let wish = async { wishes::disable(&entered(Action::AdministerUsers)?, &id).await };
    answer(wish.await)
}

#[server]
pub async fn enable_user(id: String) -> Result<(), Error> {
    let wish = async { wishes::enable(&entered(Action::AdministerUsers)?, &id).await };
    answer(wish.await)
}

#[server]
pub async fn reset_password(id: String, password: String) -> Result<(), Error> {
    let wish =
        async { wishes::reset_password(&entered(Action::AdministerUsers)?, &id, password).await };
    answer(wish.await)
}

#[server]
pub async fn set_teams(id: String, #[server(default)] teams: String) -> Result<(), Error> {
    let wish =
        async { wishes::set_teams(&entered(Action::AdministerUsers)?, &id, &list(&teams)).await };
    answer(wish.await)
}

#[server]
pub async fn request_role(id: String, #[server(default)] role: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::RequestGrant)?;
        wishes::request_role(&cx, &id, parse_role(&role)?).await?;
        Ok(())
    };
    answer(wish.await)
}

/// `id` is that of the grant, here and below.
#[server]
pub async fn consent_role(id: String) -> Result<(), Error> {
    let wish = async { wishes::consent(&entered(Action::ConsentGrant)?, grant(&id)?).await };
    answer(wish.await)
}

#[server]
pub async fn end_role(id: String) -> Result<(), Error> {
    let wish = async { wishes::end_role(&entered(Action::RequestGrant)?, grant(&id)?).await };
    answer(wish.await)
}

/// `password_token` is the token that the page showed; by its name it is not kept with what was typed.
#[server]
pub async fn add_token(
    #[server(default)] user: String,
    #[server(default)] machine: String,
    #[server(default)] scopes: String,
    #[server(default)] services: String,
    #[server(default)] days: String,
    password_token: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::AdministerTokens)?;
        let owner = match (user.trim(), machine.trim()) {
            ("", "") => return Err(Error::field("user", Fault::Required)),
            (user, "") => Owner::User(user.to_owned()),
            ("", machine) => Owner::Machine(machine.to_owned()),
            _ => return Err(Error::field("machine", Fault::Unexpected)),
        };
        let days = days.trim().parse().unwrap_or(0);
        let expires = TimeDelta::try_days(days).unwrap_or(TimeDelta::zero());
        let scopes = list(&scopes).iter().map(|it| parse_scope(it)).collect::<Result<_, _>>()?;
        let services = list(&services);
        let wanted = Wanted { token: password_token, owner, scopes, services, expires };
        tokens::add(&cx, wanted).await.map_err(in_days)?;
        Ok(())
    };
    answer(wish.await)
}

#[server]
pub async fn revoke_token(id: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::AdministerTokens)?;
        tokens::revoke(&cx, id.parse().map_err(|_| Error::NotFound)?).await
    };
    answer(wish.await)
}

/// The page asks for days, where the API asks for seconds.
fn in_days(error: Error) -> Error {
    match error {
        Error::Invalid(mut faults) => {
            for (field, fault) in &mut faults.0 {
                if field == "expires_s" {
                    *field = "days".to_owned();
                    *fault = Fault::OutOfRange { from: 1, to: domain::tokens::LONGEST.num_days() };
                }
            }
            Error::Invalid(faults)
        }
        error => error,
    }
}

/// What stands between commas, Chinese ones too.
fn list(text: &str) -> Vec<String> {
    let words = text.split([',', '，', '、', '\n']).map(str::trim);
    words.filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn grant(id: &str) -> Result<GrantId, Error> {
    id.parse().map_err(|_| Error::NotFound)
}

fn parse_role(word: &str) -> Result<Role, Error> {
    let words = || Role::ALL.iter().map(|it| it.as_str().to_owned()).collect();
    Role::parse(word).ok_or_else(|| Error::field("role", Fault::NotOneOf(words())))
}

fn parse_scope(word: &str) -> Result<Scope, Error> {
    let words = || Scope::ALL.iter().map(|it| it.as_str().to_owned()).collect();
    Scope::parse(word).ok_or_else(|| Error::field("scopes", Fault::NotOneOf(words())))
}
