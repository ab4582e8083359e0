use domain::access::Action;
use domain::fields::Fault;
use domain::rails::Scope;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, context};
use crate::wishes::rails;

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

fn scope(id: &str) -> Result<Scope, Error> {
    id.parse().map_err(|_| Error::field("id", Fault::Unknown))
}
