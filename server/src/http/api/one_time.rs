//! The one-time codes of whoever calls.

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::one_time as wishes;
use axum::http::StatusCode;
use axum::{Extension, Json};
use domain::access::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Body, Endpoint, Problem, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::EditProfile, routes!(enrol)),
        needs(Action::EditProfile, routes!(confirm)),
        needs(Action::EditProfile, routes!(remove)),
    ]
}

/// A key that counts once a code of it was right; shown only until then.
#[derive(Serialize, ToSchema)]
struct Enrolment {
    /// Base32.
    secret: String,
    #[schema(example = "otpauth://totp/Lifeboat:ops?secret=A4DQOBYH&issuer=Lifeboat")]
    url: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Code {
    #[schema(example = "123456")]
    otp: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    /// The caller's own.
    password: String,
}

/// Makes a key. 422 while a confirmed one stands.
#[utoipa::path(post, path = "/me/one-time-key", tag = "users", request_body = Password,
    responses((status = 201, body = Enrolment)))]
async fn enrol(
    Extension(cx): Extension<Context>,
    Body(Password { password }): Body<Password>,
) -> Result<(StatusCode, Json<Enrolment>), Problem> {
    wishes::enrol(&cx, password).await?;
    let offered = wishes::offered(&cx).await?.ok_or(Error::NotFound)?;
    let enrolment = Enrolment { secret: offered.secret, url: offered.url };
    Ok((StatusCode::CREATED, Json(enrolment)))
}

/// The first right code; from then on policies that ask for one can be answered.
#[utoipa::path(post, path = "/me/one-time-key/confirm", tag = "users", request_body = Code,
    responses((status = 204, description = "The key counts.")))]
async fn confirm(
    Extension(cx): Extension<Context>,
    Body(Code { otp }): Body<Code>,
) -> Result<StatusCode, Problem> {
    wishes::confirm(&cx, &otp).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the key away, with a code of it.
#[utoipa::path(post, path = "/me/one-time-key/remove", tag = "users", request_body = Code,
    responses((status = 204, description = "There is no key any more.")))]
async fn remove(
    Extension(cx): Extension<Context>,
    Body(Code { otp }): Body<Code>,
) -> Result<StatusCode, Problem> {
    wishes::remove(&cx, &otp).await?;
    Ok(StatusCode::NO_CONTENT)
}
