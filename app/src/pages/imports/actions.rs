use domain::access::Action;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, entered};
use crate::wishes::imports;

/// `id` is that of the import.
#[server]
pub async fn refuse_import(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::ConsentVersion)?;
        imports::refuse(&cx, id.parse().map_err(|_| Error::NotFound)?, &reason).await?;
        Ok(())
    };
    answer(wish.await)
}
