use domain::access::Action;
use domain::fields::Fault;
use domain::texts::Lang;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, entered};
use crate::pages::visit::visit;
use crate::wishes::{one_time, users as wishes};

/// Nothing means that of the browser.
#[server]
pub async fn set_language(#[server(default)] language: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::EditProfile)?;
        let language = match language.as_str() {
            "" => None,
            word => {
                Some(Lang::parse(word).ok_or_else(|| Error::field("language", Fault::Unknown))?)
            }
        };
        wishes::set_language(&cx, language).await
    };
    answer(wish.await)
}

#[server]
pub async fn change_password(
    #[server(default)] old_password: String,
    #[server(default)] new_password: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::EditProfile)?;
        wishes::change_password(&cx, old_password, new_password, visit().session).await
    };
    answer(wish.await)
}

/// `id` is one of the caller's own sessions; without it, all of them but this one.
#[server]
pub async fn end_session(#[server(default)] id: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::EditProfile)?;
        let one = match id.as_str() {
            "" => None,
            id => Some(id.parse().map_err(|_| Error::NotFound)?),
        };
        wishes::end_sessions(&cx, one, visit().session).await
    };
    answer(wish.await)
}

#[server]
pub async fn enrol_one_time_key(#[server(default)] password: String) -> Result<(), Error> {
    answer(async { one_time::enrol(&entered(Action::EditProfile)?, password).await }.await)
}

#[server]
pub async fn confirm_one_time_key(#[server(default)] otp: String) -> Result<(), Error> {
    answer(async { one_time::confirm(&entered(Action::EditProfile)?, &otp).await }.await)
}

#[server]
pub async fn remove_one_time_key(#[server(default)] otp: String) -> Result<(), Error> {
    answer(async { one_time::remove(&entered(Action::EditProfile)?, &otp).await }.await)
}
