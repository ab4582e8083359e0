//! `lifeboat admin`: people and tokens by whoever has the database, the installation's owner. In force at once,
//! and audited as theirs.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Action, Actor, Role, Scope, Subject};
use domain::fields::Faults;
use domain::ids::TokenId;
use domain::texts::Lang;
use domain::tokens::{self, Owner};
use domain::users::{name_faults, password_faults};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgPool};
use store::tokens::NewToken;
use store::users::NewUser;

use super::Database;
use crate::config::Settings;
use crate::demo::people::owners_grant;

#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Accounts.
    #[command(subcommand)]
    User(User),
    /// Bearer tokens.
    #[command(subcommand)]
    Token(Token),
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum User {
    /// Opens an account with roles that hold at once.
    Add {
        name: String,
        #[arg(long = "role", required = true, value_parser = role)]
        roles: Vec<Role>,
        #[arg(long = "team")]
        teams: Vec<String>,
        /// Holds the password; a line break at its end does not count.
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    List,
    /// Closes an account at once, with its sessions and tokens.
    Disable {
        name: String,
    },
    /// Sets a password and ends every session.
    Password {
        name: String,
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum Token {
    /// Prints a new token, once.
    Add {
        /// Whose token it is.
        #[arg(long, conflicts_with = "machine", required_unless_present = "machine")]
        user: Option<String>,
        /// What the machine is called that it is for.
        #[arg(long)]
        machine: Option<String>,
        #[arg(long = "scope", required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// Where it may act; without it, everywhere.
        #[arg(long = "service")]
        services: Vec<String>,
        /// 90d, 12h, 30m or 45s.
        #[arg(long, value_parser = duration)]
        expires: TimeDelta,
    },
    List,
    Revoke {
        id: TokenId,
    },
}

/// Does it, and prints one line, or one object.
pub async fn run(
    command: Command,
    as_json: bool,
    settings: &Settings,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let database = Database::migrated(settings).await?;
    let done = carry_out(command, &database.owner, now).await;
    database.close().await;
    let (said, object) = done?;
    match as_json {
        true => println!("{object}"),
        false => println!("{said}"),
    }
    Ok(())
}

/// What to say of it, in words and as an object.
async fn carry_out(
    command: Command,
    db: &PgPool,
    now: DateTime<Utc>,
) -> anyhow::Result<(String, Value)> {
    match command {
        Command::User(User::Add { name, roles, teams, password_file }) => {
            let password = password(&password_file, &name)?;
            add_user(db, &name, &roles, &teams, password, now).await
        }
        Command::User(User::List) => list_users(db).await,
        Command::User(User::Disable { name }) => disable_user(db, &name, now).await,
        Command::User(User::Password { name, password_file }) => {
            let password = password(&password_file, &name)?;
            set_password(db, &name, password, now).await
        }
        Command::Token(Token::Add { user, machine, scopes, services, expires }) => {
            add_token(db, user, machine, &scopes, &services, now, expires).await
        }
        Command::Token(Token::List) => list_tokens(db).await,
        Command::Token(Token::Revoke { id }) => revoke_token(db, id, now).await,
    }
}

async fn add_user(
    db: &PgPool,
    name: &str,
    roles: &[Role],
    teams: &[String],
    password: String,
    now: DateTime<Utc>,
) -> anyhow::Result<(String, Value)> {
    fits(name_faults("name", name))?;
    for team in teams {
        fits(name_faults("team", team))?;
    }
    let hash = app::passwords::hash(password).await?;
    let mut tx = db.begin().await?;
    let new = NewUser { name, password_hash: &hash, one_time: false, teams };
    let id = store::users::insert(&mut tx, &new, now).await.map_err(|error| match error {
        store::Error::Taken => anyhow!("there is an account named {name} already"),
        error => error.into(),
    })?;
    for &role in roles {
        match store::users::insert_grant(&mut tx, &owners_grant(id, role, now)).await {
            Ok(_) | Err(store::Error::Taken) => {} // Named twice.
            Err(error) => return Err(error.into()),
        }
    }
    let details = json!({"roles": roles, "teams": teams});
    record(&mut tx, Action::AdministerUsers, Subject::new("users", name), details, now).await?;
    tx.commit().await?;
    Ok((format!("{name} may sign in."), json!({"id": id, "name": name})))
}

async fn list_users(db: &PgPool) -> anyhow::Result<(String, Value)> {
    let accounts = store::users::list(db).await?;
    let line = |it: &store::users::Account| {
        let roles: Vec<_> = it.user.roles.iter().map(|it| it.role.as_str()).collect();
        let closed = it.disabled_at.map(|_| " (disabled)").unwrap_or_default();
        format!("{}{closed}: {}; {}", it.user.name, roles.join(", "), it.user.teams.join(", "))
    };
    let object = |it: &store::users::Account| {
        let roles: Vec<_> = it.user.roles.iter().map(|it| it.role).collect();
        json!({"name": it.user.name, "roles": roles, "teams": it.user.teams, "disabled_at": it.disabled_at})
    };
    let lines: Vec<_> = accounts.iter().map(line).collect();
    Ok((lines.join("\n"), json!({"items": accounts.iter().map(object).collect::<Vec<_>>()})))
}

async fn disable_user(
    db: &PgPool,
    name: &str,
    now: DateTime<Utc>,
) -> anyhow::Result<(String, Value)> {
    let mut tx = db.begin().await?;
    let id = named(&mut tx, name).await?;
    store::users::disable(&mut tx, id, now).await?;
    let details = json!({"disabled": true});
    record(&mut tx, Action::AdministerUsers, Subject::new("users", name), details, now).await?;
    tx.commit().await?;
    Ok((format!("{name} is out."), json!({"name": name, "disabled_at": now})))
}

async fn set_password(
    db: &PgPool,
    name: &str,
    password: String,
    now: DateTime<Utc>,
) -> anyhow::Result<(String, Value)> {
    let hash = app::passwords::hash(password).await?;
    let mut tx = db.begin().await?;
    let id = named(&mut tx, name).await?;
    store::users::set_password(&mut tx, id, &hash, false, None).await?;
    let details = json!({"password": "set"});
    record(&mut tx, Action::AdministerUsers, Subject::new("users", name), details, now).await?;
    tx.commit().await?;
    Ok((format!("{name} has a new password."), json!({"name": name})))
}

async fn add_token(
    db: &PgPool,
    user: Option<String>,
    machine: Option<String>,
    scopes: &[Scope],
    services: &[String],
    now: DateTime<Utc>,
    expires: TimeDelta,
) -> anyhow::Result<(String, Value)> {
    fits(tokens::faults(machine.is_some(), scopes, expires))?;
    if let Some(machine) = &machine {
        fits(name_faults("machine", machine))?;
    }
    let mut tx = db.begin().await?;
    let owner = match &user {
        Some(name) => Some(named(&mut tx, name).await?),
        None => None,
    };
    let name = user.or(machine).context("--user or --machine")?;
    let token = tokens::text(rand::random());
    let new = NewToken {
        name: &name,
        hash: tokens::hash(&token),
        user: owner,
        scopes,
        services,
        created_by: None,
        expires_at: now + expires,
    };
    let id = store::tokens::insert(&mut tx, &new, now).await.map_err(|error| match error {
        store::Error::Taken => anyhow!("the machine {name} has a token already; revoke it first"),
        error => error.into(),
    })?;
    let details =
        json!({"id": id, "scopes": scopes, "services": services, "expires_at": new.expires_at});
    record(&mut tx, Action::AdministerTokens, Subject::new("tokens", &name), details, now).await?;
    tx.commit().await?;
    Ok((token.clone(), json!({"id": id, "token": token})))
}

async fn list_tokens(db: &PgPool) -> anyhow::Result<(String, Value)> {
    let rows = store::tokens::list(db).await?;
    let object = |it: &tokens::TokenRow| {
        let owner = match &it.owner {
            Owner::User { name, .. } => json!({"user": name}),
            Owner::Machine => json!({"machine": it.name}),
        };
        json!({"id": it.id, "owner": owner, "scopes": it.scopes, "services": it.services,
               "expires_at": it.expires_at, "last_used_at": it.last_used_at, "revoked_at": it.revoked_at})
    };
    let line = |it: &tokens::TokenRow| {
        let scopes: Vec<_> = it.scopes.iter().map(|it| it.as_str()).collect();
        let state = it.revoked_at.map_or("", |_| " (revoked)");
        format!("{} {}{state}: {}, until {}", it.id, it.name, scopes.join(" "), it.expires_at)
    };
    let lines: Vec<_> = rows.iter().map(line).collect();
    Ok((lines.join("\n"), json!({"items": rows.iter().map(object).collect::<Vec<_>>()})))
}

async fn revoke_token(
    db: &PgPool,
    id: TokenId,
    now: DateTime<Utc>,
) -> anyhow::Result<(String, Value)> {
    let mut tx = db.begin().await?;
    store::tokens::revoke(&mut tx, id, now).await.map_err(|error| match error {
        store::Error::NotFound => anyhow!("there is no live token {id}"),
        error => error.into(),
    })?;
    let details = json!({"revoked": true});
    record(&mut tx, Action::AdministerTokens, Subject::new("tokens", id), details, now).await?;
    tx.commit().await?;
    Ok((format!("{id} opens nothing any more."), json!({"id": id, "revoked_at": now})))
}

async fn named(tx: &mut PgConnection, name: &str) -> anyhow::Result<domain::ids::UserId> {
    store::users::by_name(tx, name).await.map_err(|error| match error {
        store::Error::NotFound => anyhow!("there is no account named {name}"),
        error => error.into(),
    })
}

/// Audited as the owner's. It stands in the log of a running server too, and in its live pages.
async fn record(
    tx: &mut PgConnection,
    action: Action,
    subject: Subject,
    details: Value,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let details = match details {
        Value::Object(details) => details,
        _ => Map::new(),
    };
    store::audit::record(tx, &Actor::Owner, action, &subject, details, now).await?;
    tracing::warn!(notice = "admin", "{} {subject} on the command line", action.as_str());
    Ok(())
}

fn password(file: &Path, account: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the password file {}", file.display()))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    fits(password_faults("password", password, account))?;
    Ok(password.to_owned())
}

fn fits(faults: Faults) -> anyhow::Result<()> {
    match faults.0.first() {
        None => Ok(()),
        Some((field, fault)) => bail!("{field}: {}", fault.text(Lang::En)),
    }
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| one_of(Role::ALL.iter().map(|it| it.as_str())))
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| one_of(Scope::ALL.iter().map(|it| it.as_str())))
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("one of {}", words.collect::<Vec<_>>().join(", "))
}

fn duration(text: &str) -> Result<TimeDelta, String> {
    tokens::parse_duration(text).ok_or_else(|| "a number and one of d, h, m, s, as 90d".to_owned())
}
