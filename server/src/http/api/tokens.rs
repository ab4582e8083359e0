//! Bearer tokens.

use app::doors::Context;
use app::wishes::tokens::{self as wishes, Owner};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Action, Scope};
use domain::fields::{Fault, Faults};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Answer, Body, Endpoint, Page, Problem, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::ReadUsers, routes!(list)),
        needs(Action::AdministerTokens, routes!(add)),
        needs(Action::AdministerTokens, routes!(revoke)),
    ]
}

#[derive(Serialize, ToSchema)]
struct Token {
    id: Uuid,
    name: String,
    /// The owner; nobody for a machine.
    user: Option<String>,
    scopes: Vec<String>,
    services: Vec<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

/// Either `user` or `machine`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    user: Option<String>,
    machine: Option<String>,
    #[schema(value_type = Vec<String>, example = json!(["read"]))]
    scopes: Vec<Scope>,
    /// Where it may act; none means everywhere.
    #[serde(default)]
    services: Vec<String>,
    expires_s: i64,
}

/// The token is shown here and never again.
#[derive(Serialize, ToSchema)]
struct Made {
    id: Uuid,
    token: String,
}

/// Every token, newest first, without what opens anything.
#[utoipa::path(get, path = "/tokens", tag = "tokens", responses((status = 200, body = Page<Token>)))]
async fn list(Extension(cx): Extension<Context>) -> Answer<Page<Token>> {
    let rows =
        cx.read(Action::ReadUsers, async |cx| Ok(store::tokens::list(&cx.db).await?)).await?;
    let items = rows.into_iter().map(|it| Token {
        id: it.id.0,
        name: it.name,
        user: match it.owner {
            domain::tokens::Owner::User { name, .. } => Some(name),
            domain::tokens::Owner::Machine => None,
        },
        scopes: it.scopes.iter().map(|it| it.as_str().to_owned()).collect(),
        services: it.services,
        created_at: it.created_at,
        expires_at: it.expires_at,
        last_used_at: it.last_used_at,
        revoked_at: it.revoked_at,
    });
    Ok(Json(Page { items: items.collect(), next_cursor: None }))
}

/// A new token for a person or a machine.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = NewToken, responses((status = 201, body = Made)))]
async fn add(
    Extension(cx): Extension<Context>,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let owner = match (new.user, new.machine) {
        (Some(user), None) => Owner::User(user),
        (None, Some(machine)) => Owner::Machine(machine),
        _ => {
            let either = Fault::NotOneOf(vec!["user".into(), "machine".into()]);
            return Err(app::pages::error::Error::from(Faults::of("", either)).into());
        }
    };
    let expires = TimeDelta::try_seconds(new.expires_s).unwrap_or(TimeDelta::zero());
    let token = wishes::random();
    let (scopes, services) = (new.scopes, new.services);
    let wanted = wishes::Wanted { token: token.clone(), owner, scopes, services, expires };
    let id = wishes::add(&cx, wanted).await?.0;
    Ok((StatusCode::CREATED, Json(Made { id, token })))
}

/// The token opens nothing any more.
#[utoipa::path(post, path = "/tokens/{id}/revoke", tag = "tokens", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn revoke(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::from(app::pages::error::Error::NotFound))?;
    wishes::revoke(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
