//! Language and looks: cookies that a plain form sets, for people and strangers alike. A changed cookie chooses
//! from what there is and nothing else.

use app::pages::visit::Theme;
use axum::Form;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use domain::texts::Lang;
use serde::Deserialize;

const LANG: &str = "lang";
const THEME: &str = "theme";

/// The reader's choice, else what the browser asks for, else Chinese.
pub(super) fn of_language(headers: &HeaderMap) -> Lang {
    let asked = || Lang::accepted(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?);
    cookie(headers, LANG).and_then(Lang::parse).or_else(asked).unwrap_or(Lang::Zh)
}

/// The reader's choice, else the system's.
pub(super) fn of_theme(headers: &HeaderMap) -> Theme {
    cookie(headers, THEME).and_then(Theme::parse).unwrap_or_default()
}

#[derive(Deserialize)]
pub(super) struct Language {
    lang: Lang,
}

pub(super) async fn language(headers: HeaderMap, Form(form): Form<Language>) -> Response {
    remember(&headers, LANG, form.lang.as_str())
}

#[derive(Deserialize)]
pub(super) struct Look {
    theme: String,
}

pub(super) async fn theme(headers: HeaderMap, Form(form): Form<Look>) -> Response {
    match Theme::parse(&form.theme) {
        Some(theme) => remember(&headers, THEME, theme.as_str()),
        None => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
    }
}

/// For a year, and back to the page. The form comes from our own pages only, the CSRF layer sees to that.
fn remember(headers: &HeaderMap, name: &str, value: &str) -> Response {
    let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly");
    let back = headers.get(header::REFERER).and_then(|it| it.to_str().ok()).unwrap_or("/");
    ([(header::SET_COOKIE, cookie)], Redirect::to(back)).into_response()
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    cookies
        .flat_map(|it| it.split(';'))
        .find_map(|it| it.trim().strip_prefix(name)?.strip_prefix('='))
}
