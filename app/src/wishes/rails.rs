//! Wishes about rails: kill switches, and blocks that somebody has looked into.

use domain::access::{Action, Place, Subject};
use domain::fields::Fault;
use domain::rails::{KillSwitch, Refusal, Scope};

use crate::doors::Context;
use crate::pages::error::Error;

/// Throws a kill switch. One that is on already stays with who set it first.
///
/// # Errors
/// A fault where the reason is missing, or the scope names nothing that exists.
pub async fn switch_on(cx: &Context, scope: Scope, reason: &str) -> Result<KillSwitch, Error> {
    cx.enter(Action::KillSwitchOn)?;
    let reason = given(reason)?;
    cx.write(Action::KillSwitchOn, Subject::new("kill-switches", &scope), async |cx, tx| {
        exists(cx, tx, &scope, Action::KillSwitchOn).await?;
        let switch = KillSwitch {
            scope: scope.clone(),
            reason: reason.clone(),
            set_by: cx.caller.user().map(|it| it.id),
            set_by_name: cx.caller.actor().to_string(),
            set_at: cx.now,
        };
        store::rails::switch_on(tx, &switch).await?;
        tx.detail("reason", &reason);
        Ok(store::rails::lock(tx, &scope).await?.unwrap_or(switch))
    })
    .await
}

/// Lifts it; somebody other than who set it.
///
/// # Errors
/// [`Refusal::NotOn`], [`Refusal::OwnSwitch`].
pub async fn switch_off(cx: &Context, scope: Scope, reason: &str) -> Result<(), Error> {
    cx.enter(Action::KillSwitchOff)?;
    let reason = given(reason)?;
    cx.write(Action::KillSwitchOff, Subject::new("kill-switches", &scope), async |cx, tx| {
        exists(cx, tx, &scope, Action::KillSwitchOff).await?;
        let switch = store::rails::lock(tx, &scope).await?.ok_or(Refusal::NotOn)?;
        switch.lift(cx.user()?.id)?;
        store::rails::switch_off(tx, &scope).await?;
        store::alerts::make_all_due(tx).await?;
        tx.detail("reason", &reason);
        tx.detail("was", &switch);
        Ok(())
    })
    .await
}

/// Somebody has looked into the failures that block a service.
///
/// # Errors
/// A fault where the reason is missing.
pub async fn acknowledge(cx: &Context, service: &str, reason: &str) -> Result<(), Error> {
    cx.enter(Action::AcknowledgeBlock)?;
    let reason = given(reason)?;
    cx.write(Action::AcknowledgeBlock, Subject::new("services", service), async |cx, tx| {
        let service = store::services::by_name(&mut **tx, service).await?;
        let place = Place::service(&service.entry.name, &service.entry.team);
        cx.require(Action::AcknowledgeBlock, &place)?;
        let by = cx.user()?.id;
        store::rails::acknowledge(tx, service.id, Some(by), &reason, cx.now).await?;
        store::alerts::make_due(tx, service.id).await?;
        tx.detail("reason", &reason);
        Ok(())
    })
    .await
}

fn given(reason: &str) -> Result<String, Error> {
    match reason.trim() {
        "" => Err(Error::field("reason", Fault::Required)),
        reason => Ok(reason.to_owned()),
    }
}

pub(super) async fn exists(
    cx: &Context,
    tx: &mut crate::doors::Change,
    scope: &Scope,
    action: Action,
) -> Result<(), Error> {
    match scope {
        Scope::Global => {}
        Scope::Cluster(name) => {
            store::clusters::by_name(&mut **tx, name).await?;
        }
        Scope::Service(name) => {
            let service = store::services::by_name(&mut **tx, name).await?;
            cx.require(action, &Place::service(&service.entry.name, &service.entry.team))?;
        }
    }
    Ok(())
}
