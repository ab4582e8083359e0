//! What a drill owes: that protections are back, and where it stands in the event system.

use domain::access::{Action, Subject};
use domain::drills::{Drill, is_event};
use domain::fields::{Fault, Faults};

use super::{find, text};
use crate::doors::Context;
use crate::pages::error::Error;

/// Somebody says that a protection is back that a step has paused; `note` says how they know.
///
/// # Errors
/// Faults by field; [`domain::drills::Refusal::NotPaused`].
pub async fn resume(
    cx: &Context,
    name: &str,
    protection: &str,
    note: &str,
) -> Result<Drill, Error> {
    cx.enter(Action::RunDrill)?;
    let mut faults = Faults::default();
    text(&mut faults, "protection", protection);
    text(&mut faults, "note", note);
    faults.into_result()?;
    cx.write(Action::RunDrill, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::RunDrill, name).await?;
        let by = cx.caller.actor().to_string();
        let account = cx.caller.user().map(|it| it.name.as_str());
        let drill = drill.resume(protection, note.trim().to_owned(), &by, account, cx.now)?;
        store::drills::save(tx, &drill).await?;
        tx.detail("resumed", protection);
        tx.detail("note", note.trim());
        Ok(drill)
    })
    .await
}

/// Where the drill stands in the event system.
///
/// # Errors
/// A fault where it is neither an address nor a number; [`domain::drills::Refusal::Over`].
pub async fn link_event(cx: &Context, name: &str, event: &str) -> Result<Drill, Error> {
    cx.enter(Action::RunDrill)?;
    let event = event.trim();
    if event.is_empty() {
        return Err(Error::field("event", Fault::Required));
    }
    if !is_event(event) {
        let expected = "https://… / INC-2026-1201-001".to_owned();
        return Err(Error::field("event", Fault::Malformed(expected)));
    }
    cx.write(Action::RunDrill, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::RunDrill, name).await?;
        let drill = drill.link(event.to_owned())?;
        store::drills::save(tx, &drill).await?;
        tx.detail("event", event);
        Ok(drill)
    })
    .await
}
