//! Who is calling: the bearer token that is named, else the session of the browser.

use app::doors::Context;
use app::pages::error::Error;
use app::pages::visit::Visit;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::access::Caller;
use sqlx::PgPool;

use super::Problem;
use crate::clock;
use crate::http::Web;

/// Puts the [`Context`] beside the request where somebody is known. A token that is wrong is refused at once,
/// also where everybody may: its sender believes it to be good.
pub(super) async fn identify(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let now = clock::now();
    let caller = match bearer(request.headers()) {
        Some(token) => match of_token(&web.db, token, now).await {
            Ok(caller) => Some(caller),
            Err(error) => return Problem::from(error).into_response(),
        },
        None => {
            let visit = request.extensions().get::<Visit>();
            visit.and_then(|it| it.user.clone()).map(Caller::Person)
        }
    };
    if let Some(caller) = caller {
        let Web { db, zone, vault, .. } = web;
        let cx = Context { db, caller, now, zone, request: None, vault };
        request.extensions_mut().insert(cx);
    }
    next.run(request).await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Whose token this is.
///
/// # Errors
/// [`Error::Unauthenticated`] for a token that is unknown, revoked, out of date, or of a closed account.
pub async fn of_token(db: &PgPool, text: &str, now: DateTime<Utc>) -> Result<Caller, Error> {
    let live = store::tokens::live(db, domain::tokens::hash(text), now).await?;
    let (token, owner) = live.ok_or(Error::Unauthenticated)?;
    let Some(owner) = owner else { return Ok(Caller::Machine(token)) };
    let account = store::users::get(db, owner).await?.filter(|it| it.disabled_at.is_none());
    Ok(Caller::Personal(account.ok_or(Error::Unauthenticated)?.user, token))
}
