use domain::access::Action;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, entered};
use crate::pages::visit::visit;
use crate::wishes::quarters;

/// `id` is the quarter, `2026-Q3`.
#[server]
pub async fn close_quarter(id: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::CloseQuarter)?;
        quarters::close(&cx, &id, visit().lang).await?;
        Ok(())
    };
    answer(wish.await)
}
