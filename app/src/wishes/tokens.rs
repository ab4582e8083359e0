//! Bearer tokens of people and machines.

use chrono::TimeDelta;
use domain::access::{Action, Scope, Subject};
use domain::fields::{Fault, Faults};
use domain::ids::TokenId;
use domain::tokens;
use domain::users::name_faults;
use store::tokens::NewToken;

use super::users::taken;
use crate::doors::Context;
use crate::pages::error::Error;

/// A token to be.
pub struct Wanted {
    /// Made by [`random`]; shown by whoever asks, once.
    pub token: String,
    pub owner: Owner,
    pub scopes: Vec<Scope>,
    pub services: Vec<String>,
    pub expires: TimeDelta,
}

/// By name.
pub enum Owner {
    User(String),
    Machine(String),
}

/// The text of a new token. It is kept nowhere.
pub fn random() -> String {
    tokens::text(rand::random())
}

pub async fn add(cx: &Context, wanted: Wanted) -> Result<TokenId, Error> {
    let (kind, name) = match &wanted.owner {
        Owner::User(name) => ("user", name.clone()),
        Owner::Machine(name) => ("machine", name.clone()),
    };
    let subject = Subject::new("tokens", &name);
    cx.write(Action::AdministerTokens, subject, async |cx, tx| {
        faults(&wanted).into_result()?;
        let user = match &wanted.owner {
            Owner::User(name) => {
                Some(store::users::by_name(&mut **tx, name).await.map_err(unknown)?)
            }
            Owner::Machine(_) => None,
        };
        let new = NewToken {
            name: &name,
            hash: tokens::hash(&wanted.token),
            user,
            scopes: &wanted.scopes,
            services: &wanted.services,
            created_by: Some(cx.user()?.id),
            expires_at: cx.now + wanted.expires,
        };
        let id = store::tokens::insert(tx, &new, cx.now).await.map_err(|it| taken(it, kind))?;
        tx.detail("id", id);
        tx.detail("owner", kind);
        tx.detail("scopes", &wanted.scopes);
        tx.detail("services", &wanted.services);
        tx.detail("expires_at", new.expires_at);
        Ok(id)
    })
    .await
}

pub async fn revoke(cx: &Context, id: TokenId) -> Result<(), Error> {
    cx.write(Action::AdministerTokens, Subject::new("tokens", id), async |cx, tx| {
        store::tokens::revoke(tx, id, cx.now).await?;
        tx.detail("revoked", true);
        Ok(())
    })
    .await
}

fn faults(wanted: &Wanted) -> Faults {
    let (is_machine, mut faults) = match &wanted.owner {
        Owner::User(_) => (false, Faults::default()),
        Owner::Machine(name) => (true, name_faults("machine", name)),
    };
    if !tokens::is_text(&wanted.token) {
        faults.add("token", Fault::Unknown);
    }
    for service in &wanted.services {
        faults.extend(name_faults("services", service));
    }
    faults.extend(tokens::faults(is_machine, &wanted.scopes, wanted.expires));
    faults
}

fn unknown(error: store::Error) -> Error {
    match error {
        store::Error::NotFound => Error::field("user", Fault::Unknown),
        error => error.into(),
    }
}
