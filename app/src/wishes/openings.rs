//! Wishes about what waits for people: incidents that are called for, runbooks that are proposed.

use domain::access::{Action, Place, Subject};
use domain::fields::Fault;
use domain::ids::OpeningId;
use domain::openings::{Opening, Refusal};

use crate::doors::Context;
use crate::pages::error::Error;

/// Somebody deals with it, and says where; or says why nobody has to.
///
/// # Errors
/// A fault where nothing is said; [`Refusal::Over`].
pub async fn take_up(cx: &Context, id: &str, reason: &str) -> Result<Opening, Error> {
    cx.enter(Action::OpenIncident)?;
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        return Err(Error::field("reason", Fault::Required));
    }
    let id: OpeningId = id.parse().map_err(|_| Error::NotFound)?;
    cx.write(Action::OpenIncident, Subject::new("openings", id), async |cx, tx| {
        let opening = store::openings::get(&mut **tx, id).await?;
        cx.require(Action::OpenIncident, &Place::service(&opening.service_name, &opening.team))?;
        let by = cx.caller.actor().to_string();
        if !store::openings::end(tx, id, &by, &reason, cx.now).await? {
            return Err(Error::Refused(Refusal::Over.into()));
        }
        tx.detail("service", &opening.service_name);
        tx.detail("reason", &reason);
        Ok(store::openings::get(&mut **tx, id).await?)
    })
    .await
}
