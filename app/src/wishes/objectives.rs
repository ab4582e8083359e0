//! Wishes about objectives: another target, from now on and with a reason.

use domain::access::{Action, Subject};
use domain::fields::{Fault, Faults};
use domain::objectives::{Dated, Source};

use crate::doors::Context;
use crate::pages::error::Error;

/// The sources of an objective from now on. `read` is the version that was looked at.
///
/// # Errors
/// A fault where the reason is missing or a source is unsound, by its path: `sources[0].rto_s`;
/// [`domain::objectives::Refusal`] where somebody else was faster, or nothing would change.
pub async fn change(
    cx: &Context,
    name: &str,
    read: i32,
    sources: Vec<Source>,
    reason: &str,
) -> Result<Dated, Error> {
    cx.enter(Action::EditObjective)?;
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Error::field("reason", Fault::Required));
    }
    cx.write(Action::EditObjective, Subject::new("objectives", name), async |cx, tx| {
        // An import reads everything that is in force and then writes; neither may lose the other's work.
        store::catalog::lock(tx).await?;
        let dated = store::objectives::lock(tx, name).await?;
        cx.require(Action::EditObjective, &dated.objective.place())?;
        let objective = dated.change(read, sources)?;
        let mut faults = Faults::default();
        for fault in objective.faults() {
            faults.add(&fault.path, Fault::Malformed(fault.message));
        }
        faults.into_result()?;
        let by = cx.caller.actor().to_string();
        store::objectives::save(tx, &objective, &by, reason, cx.now).await?;
        tx.detail("reason", reason);
        tx.detail("from", &dated.objective.sources);
        tx.detail("to", &objective.sources);
        Ok(store::objectives::by_name(&mut **tx, name).await?)
    })
    .await
}
