//! Wishes about maintenance windows and freezes.

use chrono::{DateTime, Utc};
use domain::access::{Action, Subject};
use domain::fields::Fault;
use domain::ids::WindowId;
use domain::rails::Scope;
use domain::windows::{Kind, Window};

use super::rails::exists;
use crate::doors::Context;
use crate::pages::error::Error;

/// What somebody wants to be left alone, and until when.
#[derive(Clone, Debug)]
pub struct Asked {
    pub kind: Kind,
    pub scope: Scope,
    pub reason: String,
    /// Now where it is not said.
    pub from: Option<DateTime<Utc>>,
    pub to: DateTime<Utc>,
}

/// Keeping automation away takes what throwing a kill switch takes: whoever may do the one may do the other.
///
/// # Errors
/// A fault where the reason is missing or the scope names nothing; the refusals of [`Window::check`].
pub async fn set(cx: &Context, asked: Asked) -> Result<Window, Error> {
    cx.enter(Action::KillSwitchOn)?;
    let reason = given(&asked.reason)?;
    let from = asked.from.unwrap_or(cx.now);
    let refused = |it: domain::windows::Refusal| Error::Refused(it.into());
    Window::check(from, asked.to, cx.now).map_err(refused)?;
    cx.write(Action::KillSwitchOn, Subject::new("windows", &asked.scope), async |cx, tx| {
        exists(cx, tx, &asked.scope, Action::KillSwitchOn).await?;
        let new = Window {
            id: WindowId::NEW,
            kind: asked.kind,
            scope: asked.scope.clone(),
            reason: reason.clone(),
            from,
            to: asked.to,
            set_by_name: cx.caller.actor().to_string(),
            set_at: cx.now,
        };
        let id = store::windows::insert(tx, &new).await?;
        store::alerts::make_all_due(tx).await?;
        tx.about(Subject::new("windows", id));
        tx.detail("window", &new);
        Ok(Window { id, ..new })
    })
    .await
}

/// Lets automation in again, which takes what lifting a rail takes.
///
/// # Errors
/// A fault where the reason is missing; not found where it is over.
pub async fn end(cx: &Context, id: &str, reason: &str) -> Result<Window, Error> {
    cx.enter(Action::WaiveRail)?;
    let reason = given(reason)?;
    let id: WindowId = id.parse().map_err(|_| Error::NotFound)?;
    cx.write(Action::WaiveRail, Subject::new("windows", id), async |cx, tx| {
        let window = store::windows::lock(tx, id, cx.now).await?.ok_or(Error::NotFound)?;
        exists(cx, tx, &window.scope, Action::WaiveRail).await?;
        store::windows::end(tx, id, &cx.caller.actor().to_string(), cx.now).await?;
        store::alerts::make_all_due(tx).await?;
        tx.detail("reason", &reason);
        tx.detail("was", &window);
        Ok(window)
    })
    .await
}

fn given(reason: &str) -> Result<String, Error> {
    match reason.trim() {
        "" => Err(Error::field("reason", Fault::Required)),
        reason => Ok(reason.to_owned()),
    }
}
