use domain::access::Action;
use domain::fields::Fault;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, entered};
use crate::wishes::evidence;

/// `id` is the SHA-256 of the file.
#[server]
pub async fn erase_evidence(
    id: String,
    #[server(default)] reason: String,
    #[server(default)] confirmed: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::EraseEvidence)?;
        if confirmed != "true" {
            return Err(Error::field("confirmed", Fault::Required));
        }
        let file = id.parse().map_err(|_| Error::NotFound)?;
        evidence::erase(&cx, &file, &reason).await?;
        Ok(())
    };
    answer(wish.await)
}
