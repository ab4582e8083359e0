//! Bearer tokens. Looked up by hash; the token itself is nowhere.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Scope, Token};
use domain::ids::{TokenId, UserId};
use domain::tokens::{Owner, TokenRow};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::Error;

pub struct NewToken<'a> {
    pub name: &'a str,
    pub hash: [u8; 32],
    pub user: Option<UserId>,
    pub scopes: &'a [Scope],
    pub services: &'a [String],
    pub created_by: Option<UserId>,
    pub expires_at: DateTime<Utc>,
}

/// # Errors
/// [`Error::Taken`] where a machine of this name has a token already.
pub async fn insert(
    tx: &mut PgConnection,
    token: &NewToken<'_>,
    at: DateTime<Utc>,
) -> Result<TokenId, Error> {
    let scopes: Vec<String> = token.scopes.iter().map(|it| it.as_str().to_owned()).collect();
    let id = sqlx::query_scalar!(
        "INSERT INTO tokens (name, hash, user_id, scopes, services, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id",
        token.name,
        &token.hash[..],
        token.user.map(|it| it.0),
        &scopes,
        token.services,
        token.created_by.map(|it| it.0),
        at,
        token.expires_at
    );
    Ok(TokenId(id.fetch_optional(tx).await?.ok_or(Error::Taken)?))
}

/// The token with this hash while it is good, and whose it is. A token of a closed account is not.
pub async fn live(
    db: &PgPool,
    hash: [u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<(Token, Option<UserId>)>, Error> {
    let row = sqlx::query!(
        "SELECT t.id, t.name, t.user_id, scopes, services, last_used_at
         FROM tokens t LEFT JOIN users u ON u.id = t.user_id
         WHERE hash = $1 AND revoked_at IS NULL AND expires_at > $2 AND u.disabled_at IS NULL",
        &hash[..],
        now
    );
    let Some(row) = row.fetch_optional(db).await? else { return Ok(None) };
    // Once a minute is enough to see which are in use, and no request waits for another's row.
    if row.last_used_at.is_none_or(|it| now - it > TimeDelta::minutes(1)) {
        sqlx::query!("UPDATE tokens SET last_used_at = $2 WHERE id = $1", row.id, now)
            .execute(db)
            .await?;
    }
    let token = Token {
        id: TokenId(row.id),
        name: row.name,
        scopes: scopes(row.id, &row.scopes)?,
        services: row.services,
    };
    Ok(Some((token, row.user_id.map(UserId))))
}

/// Newest first.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<TokenRow>, Error> {
    let rows = sqlx::query!(
        r#"SELECT t.id, t.name, t.user_id, u.name AS "user?", scopes, services, t.created_at, expires_at,
                  last_used_at, revoked_at
           FROM tokens t LEFT JOIN users u ON u.id = t.user_id
           ORDER BY t.created_at DESC, t.id LIMIT 1000"#
    );
    let tokens = rows.fetch_all(db).await?.into_iter().map(|row| {
        let owner = match (row.user_id, row.user) {
            (Some(id), Some(name)) => Owner::User { id: UserId(id), name },
            _ => Owner::Machine,
        };
        Ok(TokenRow {
            id: TokenId(row.id),
            name: row.name,
            owner,
            scopes: scopes(row.id, &row.scopes)?,
            services: row.services,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
    });
    tokens.collect()
}

pub async fn revoke(tx: &mut PgConnection, id: TokenId, at: DateTime<Utc>) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        id.0,
        at
    );
    match done.execute(tx).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(Error::NotFound),
    }
}

fn scopes(id: Uuid, words: &[String]) -> Result<Vec<Scope>, Error> {
    let scopes = words.iter().map(|it| Scope::parse(it)).collect::<Option<_>>();
    scopes.ok_or_else(|| Error::Inconsistent { table: "tokens", id: id.to_string() })
}
