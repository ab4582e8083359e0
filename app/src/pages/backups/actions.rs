use domain::access::Action;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, entered};
use crate::wishes::backups;

/// `id` is the name of the row, here and below. `password_token` is the token that the page showed; by its name it is
/// not kept with what was typed.
#[server]
pub async fn make_backup_token(id: String, password_token: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::AdministerTokens)?;
        backups::make_token(&cx, &id, &password_token).await
    };
    answer(wish.await)
}

#[server]
pub async fn revoke_backup_token(id: String) -> Result<(), Error> {
    let wish = async { backups::revoke_token(&entered(Action::AdministerTokens)?, &id).await };
    answer(wish.await)
}
