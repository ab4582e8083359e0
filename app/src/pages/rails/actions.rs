use domain::access::Action;
use domain::fields::Fault;
use domain::rails::Scope;
use domain::windows::Kind;
use leptos::prelude::*;

use crate::pages::drills::actions::moment;
use crate::pages::error::Error;
use crate::pages::ssr::{answer, context, entered};
use crate::wishes::rails;
use crate::wishes::windows::{self, Asked};

/// `id` is the scope: `global`, `clusters/NAME`, `services/NAME`.
#[server]
pub async fn throw_kill_switch(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    let wish = async {
        let cx = context()?;
        cx.enter(Action::KillSwitchOn)?;
        rails::switch_on(&cx, scope(&id)?, &reason).await?;
        Ok(())
    };
    answer(wish.await)
}

#[server]
pub async fn lift_kill_switch(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    let wish = async {
        let cx = context()?;
        cx.enter(Action::KillSwitchOff)?;
        rails::switch_off(&cx, scope(&id)?, &reason).await
    };
    answer(wish.await)
}

/// `id` is the name of the service.
#[server]
pub async fn acknowledge_block(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    let wish = async { rails::acknowledge(&context()?, &id, &reason).await };
    answer(wish.await)
}

/// `from` and `to` are in the reader's zone, as the field gives them; no `from` means now.
#[server]
pub async fn set_window(
    #[server(default)] kind: String,
    #[server(default)] scope: String,
    #[server(default)] from: String,
    #[server(default)] to: String,
    #[server(default)] reason: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::KillSwitchOn)?;
        let kind = Kind::parse(&kind).ok_or(Error::field("kind", Fault::Required))?;
        let scope = scope.trim().parse().map_err(|_| Error::field("scope", Fault::Unknown))?;
        let from = match from.trim() {
            "" => None,
            text => Some(moment("from", text)?),
        };
        let to = moment("to", &to)?;
        windows::set(&cx, Asked { kind, scope, reason, from, to }).await?;
        Ok(())
    };
    answer(wish.await)
}

/// `id` is that of the window.
#[server]
pub async fn end_window(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    let wish = async {
        windows::end(&context()?, &id, &reason).await?;
        Ok(())
    };
    answer(wish.await)
}

fn scope(id: &str) -> Result<Scope, Error> {
    id.parse().map_err(|_| Error::field("id", Fault::Unknown))
}
