use domain::access::Action;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, entered};

/// Whether the situation can be computed; the page shows what comes of it, with the policy that was chosen beside.
#[server]
pub async fn simulate(
    #[server(default)] situation: String,
    #[server(default)] value: String,
    #[server(default)] requests: String,
) -> Result<(), Error> {
    let wish = async {
        entered(Action::Read)?;
        super::asked(&situation, &value, &requests)?;
        Ok(())
    };
    answer(wish.await)
}
