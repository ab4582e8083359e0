//! Accounts and roles.

use app::doors::Context;
use app::passwords;
use app::wishes::users as wishes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::{Action, Role};
use domain::ids::GrantId;
use domain::users::GrantState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Answer, Body, Endpoint, Page, Problem, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::Read, routes!(me)),
        needs(Action::ReadUsers, routes!(list)),
        needs(Action::AdministerUsers, routes!(add)),
        needs(Action::AdministerUsers, routes!(disable)),
        needs(Action::AdministerUsers, routes!(enable)),
        needs(Action::AdministerUsers, routes!(reset_password)),
        needs(Action::AdministerUsers, routes!(set_teams)),
        needs(Action::RequestGrant, routes!(request_role)),
        needs(Action::ReadUsers, routes!(grants)),
        needs(Action::ConsentGrant, routes!(consent)),
        needs(Action::RequestGrant, routes!(end_role)),
    ]
}

#[derive(Serialize, ToSchema)]
struct User {
    name: String,
    /// In force; those that wait for consent are under `/grants`.
    roles: Vec<String>,
    teams: Vec<String>,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
}

/// Who is calling, and what for.
#[derive(Serialize, ToSchema)]
struct Me {
    /// As the audit log names the caller.
    actor: String,
    roles: Vec<String>,
    teams: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct Grant {
    id: Uuid,
    user: Uuid,
    role: String,
    #[schema(example = "awaiting_consent")]
    state: &'static str,
    requested_at: DateTime<Utc>,
    approves_from: Option<DateTime<Utc>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["sre"]))]
    roles: Vec<Role>,
    #[serde(default)]
    teams: Vec<String>,
}

/// Shown once; the user chooses their own at the first sign-in.
#[derive(Serialize, ToSchema)]
struct OneTime {
    name: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Teams {
    teams: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[schema(value_type = String, example = "dba")]
    role: Role,
}

#[derive(Serialize, ToSchema)]
struct Asked {
    id: Uuid,
}

/// Who the token or the session belongs to.
#[utoipa::path(get, path = "/me", tag = "users", responses((status = 200, body = Me)))]
async fn me(Extension(cx): Extension<Context>) -> Answer<Me> {
    let me = cx.read(Action::Read, async |cx| {
        let user = cx.caller.user();
        let roles = user.map(|it| words(it.roles.iter().map(|it| it.role))).unwrap_or_default();
        let teams = user.map(|it| it.teams.clone()).unwrap_or_default();
        Ok(Me { actor: cx.caller.actor().to_string(), roles, teams })
    });
    Ok(Json(me.await?))
}

/// Every account, by name.
#[utoipa::path(get, path = "/users", tag = "users", responses((status = 200, body = Page<User>)))]
async fn list(Extension(cx): Extension<Context>) -> Answer<Page<User>> {
    let accounts =
        cx.read(Action::ReadUsers, async |cx| Ok(store::users::list(&cx.db).await?)).await?;
    let user = |it: store::users::Account| User {
        name: it.user.name,
        roles: words(it.user.roles.iter().map(|it| it.role)),
        teams: it.user.teams,
        created_at: it.created_at,
        disabled_at: it.disabled_at,
    };
    Ok(Json(Page { items: accounts.into_iter().map(user).collect(), next_cursor: None }))
}

/// Opens an account with a one-time password; its roles wait for a second administrator.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUser, responses((status = 201, body = OneTime)))]
async fn add(
    Extension(cx): Extension<Context>,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<OneTime>), Problem> {
    let password = passwords::random();
    wishes::add(&cx, &new.name, &new.roles, &new.teams, password.clone()).await?;
    Ok((StatusCode::CREATED, Json(OneTime { name: new.name, password })))
}

/// Closes an account at once.
#[utoipa::path(post, path = "/users/{name}/disable", tag = "users", params(("name" = String, Path)), responses((status = 204)))]
async fn disable(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    wishes::disable(&cx, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Opens a closed account again.
#[utoipa::path(post, path = "/users/{name}/enable", tag = "users", params(("name" = String, Path)), responses((status = 204)))]
async fn enable(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    wishes::enable(&cx, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new one-time password; every session of the user ends.
#[utoipa::path(post, path = "/users/{name}/password", tag = "users", params(("name" = String, Path)), responses((status = 201, body = OneTime)))]
async fn reset_password(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<OneTime>), Problem> {
    let password = passwords::random();
    wishes::reset_password(&cx, &name, password.clone()).await?;
    Ok((StatusCode::CREATED, Json(OneTime { name, password })))
}

/// The teams that a user belongs to, all of them.
#[utoipa::path(put, path = "/users/{name}/teams", tag = "users", params(("name" = String, Path)), request_body = Teams, responses((status = 204)))]
async fn set_teams(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
    Body(Teams { teams }): Body<Teams>,
) -> Result<StatusCode, Problem> {
    wishes::set_teams(&cx, &name, &teams).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for a role; it takes effect with the consent of a second administrator.
#[utoipa::path(post, path = "/users/{name}/grants", tag = "users", params(("name" = String, Path)), request_body = Wanted, responses((status = 201, body = Asked)))]
async fn request_role(
    Extension(cx): Extension<Context>,
    Path(name): Path<String>,
    Body(Wanted { role }): Body<Wanted>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let id = wishes::request_role(&cx, &name, role).await?;
    Ok((StatusCode::CREATED, Json(Asked { id: id.0 })))
}

/// Roles that are held or waited for.
#[utoipa::path(get, path = "/grants", tag = "users", responses((status = 200, body = Page<Grant>)))]
async fn grants(Extension(cx): Extension<Context>) -> Answer<Page<Grant>> {
    let grants =
        cx.read(Action::ReadUsers, async |cx| Ok(store::users::open_grants(&cx.db).await?)).await?;
    let items = grants.into_iter().map(|it| {
        let (state, approves_from) = match it.state {
            GrantState::AwaitingConsent => ("awaiting_consent", None),
            GrantState::InForce { approves_from, .. } => ("in_force", Some(approves_from)),
            GrantState::Ended { .. } => ("ended", None),
        };
        let (id, user, role) = (it.id.0, it.user.0, it.role.as_str().to_owned());
        Grant { id, user, role, state, requested_at: it.requested_at, approves_from }
    });
    Ok(Json(Page { items: items.collect(), next_cursor: None }))
}

/// Consents to a role that somebody else asked for.
#[utoipa::path(post, path = "/grants/{id}/consent", tag = "users", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn consent(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    wishes::consent(&cx, grant_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraws a grant that waits, or takes the role away.
#[utoipa::path(post, path = "/grants/{id}/end", tag = "users", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn end_role(
    Extension(cx): Extension<Context>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    wishes::end_role(&cx, grant_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn grant_id(text: &str) -> Result<GrantId, Problem> {
    text.parse().map_err(|_| app::pages::error::Error::NotFound.into())
}

fn words(roles: impl Iterator<Item = Role>) -> Vec<String> {
    roles.map(|it| it.as_str().to_owned()).collect()
}
