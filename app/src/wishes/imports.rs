//! The second person's no to an import. Their yes needs the files read again, which is the server's to do.

use domain::access::{Action, Place, Subject};
use domain::catalog::Import;
use domain::fields::Fault;
use domain::ids::ImportId;

use crate::doors::Context;
use crate::pages::error::Error;

/// Of a reason, in characters.
const LONGEST: usize = 4000;

/// Nothing puts it in force any more.
///
/// # Errors
/// The field `reason`; where it is one's own or does not wait; [`Error::NotFound`].
pub async fn refuse(cx: &Context, id: ImportId, reason: &str) -> Result<Import, Error> {
    cx.enter(Action::ConsentVersion)?;
    let reason = reason.trim();
    match reason.chars().count() {
        0 => return Err(Error::field("reason", Fault::Required)),
        1..=LONGEST => {}
        _ => return Err(Error::field("reason", Fault::TooLong { most: LONGEST })),
    }
    cx.write(Action::ConsentVersion, Subject::new("catalog-imports", id), async |cx, tx| {
        cx.require(Action::ConsentVersion, &Place::default())?;
        let import = store::imports::lock(tx, id).await?;
        let by = cx.caller.actor().to_string();
        let refused = import.refuse(&by, reason.to_owned(), cx.now);
        let import = refused.map_err(|it| Error::Refused(it.into()))?;
        store::imports::save(tx, &import).await?;
        tx.detail("digest", &import.digest);
        tx.detail("refused", reason);
        Ok(import)
    })
    .await
}
