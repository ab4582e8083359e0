//! Who may do what. The rule is one table ([`matrix`]); here are those who ask.
//!
//! **Invariant:** what the table does not grant is refused, and no token can do more than its owner.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use self::matrix::Action;
use self::matrix::{Grant, Kind, grant, rule};
use crate::ids::{TokenId, UserId};

mod matrix;

words!(
    /// What somebody is in this organisation. A user has one or more.
    Role {
        Viewer = "viewer",
        Responder = "responder",
        Sre = "sre",
        Dba = "dba",
        Pmo = "pmo",
        Admin = "admin",
    }
);

words!(
    /// What a token is good for.
    Scope {
        Read = "read",
        AlertsWrite = "alerts:write",
        ChangesWrite = "changes:write",
        RollbacksRequest = "rollbacks:request",
        Approve = "approve",
        Rails = "rails",
        IncidentsWrite = "incidents:write",
        DrillsWrite = "drills:write",
        EvidenceWrite = "evidence:write",
        CatalogWrite = "catalog:write",
        Admin = "admin",
    }
);

/// How long a role that was granted on a page cannot approve anything.
pub const FRESH: TimeDelta = TimeDelta::hours(24);

/// A role in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub role: Role,
    /// Before this moment the role does everything but approve.
    pub approves_from: DateTime<Utc>,
}

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub roles: Vec<Held>,
    pub teams: Vec<String>,
}

/// A bearer token that was accepted: known, in time, not revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub scopes: Vec<Scope>,
    /// Where it may act; empty means everywhere.
    pub services: Vec<String>,
}

/// Who asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Signed in with a browser.
    Person(User),
    /// A person's program: no more than the person, and no more than the token.
    Personal(User, Token),
    /// A program that belongs to nobody. It never approves, signs off, accepts, verifies or lifts a rail.
    Machine(Token),
}

/// Where an action happens, as far as it matters for who may do it. The default is a place that belongs
/// to nobody in particular.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// The owning team of the service, the domain or the runbook.
    pub team: Option<&'a str>,
    /// Whether it touches a database.
    pub database: bool,
    pub service: Option<&'a str>,
}

/// Whose name stands in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    User(String),
    Machine(String),
    Worker(&'static str),
    /// Whoever has the command line and the database: the installation's owner.
    Owner,
    /// Somebody who is not signed in, at the sign-in form.
    Anonymous,
}

/// What was acted upon, as the audit log and the live updates name it: `rollbacks/RB-…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(String);

impl User {
    /// Whether the user has this role, whatever it may do yet.
    pub fn has(&self, role: Role) -> bool {
        self.roles.iter().any(|it| it.role == role)
    }

    /// The roles that count for an approval at this moment.
    pub fn approving_roles(&self, now: DateTime<Utc>) -> Vec<Role> {
        self.roles.iter().filter(|it| it.approves_from <= now).map(|it| it.role).collect()
    }

    fn granted(&self, action: Action, now: DateTime<Utc>, fits: impl Fn(Grant) -> bool) -> bool {
        let ripe = |held: &&Held| rule(action).kind != Kind::Approve || held.approves_from <= now;
        match rule(action).kind {
            Kind::Own => true,
            Kind::Worker => false,
            _ => self.roles.iter().filter(ripe).any(|it| fits(grant(it.role, action))),
        }
    }
}

impl Caller {
    /// Whether this caller may do it at this place.
    pub fn may(&self, action: Action, place: &Place<'_>, now: DateTime<Utc>) -> bool {
        let here = |token: &Token| {
            token.services.is_empty()
                || action == Action::Read
                || place.service.is_some_and(|it| token.services.iter().any(|own| own == it))
        };
        self.asks(
            action,
            |user| user.granted(action, now, |it| it.covers(place, &user.teams)),
            here,
        )
    }

    /// Whether there is any place where this caller may do it; the door asks this before it opens.
    pub fn may_somewhere(&self, action: Action, now: DateTime<Utc>) -> bool {
        self.asks(
            action,
            |user| user.granted(action, now, |it| it.covers_something(&user.teams)),
            |_| true,
        )
    }

    fn asks(
        &self,
        action: Action,
        person_may: impl Fn(&User) -> bool,
        token_here: impl Fn(&Token) -> bool,
    ) -> bool {
        let rule = rule(action);
        let token_may = |it: &Token| {
            rule.scope.is_some_and(|scope| it.scopes.contains(&scope)) && token_here(it)
        };
        match self {
            Caller::Person(user) => person_may(user),
            Caller::Personal(user, token) => person_may(user) && token_may(token),
            Caller::Machine(token) => rule.kind == Kind::Act && token_may(token),
        }
    }

    /// The person behind it, unless it is a machine.
    pub fn user(&self) -> Option<&User> {
        match self {
            Caller::Person(user) | Caller::Personal(user, _) => Some(user),
            Caller::Machine(_) => None,
        }
    }

    pub fn actor(&self) -> Actor {
        match self {
            Caller::Person(user) | Caller::Personal(user, _) => Actor::User(user.name.clone()),
            Caller::Machine(token) => Actor::Machine(token.name.clone()),
        }
    }
}

impl<'a> Place<'a> {
    /// A service and the team that owns it.
    pub fn service(service: &'a str, team: &'a str) -> Self {
        Self { team: Some(team), database: false, service: Some(service) }
    }

    pub fn team(team: &'a str) -> Self {
        Self { team: Some(team), ..Self::default() }
    }

    pub fn touching_database(self, database: bool) -> Self {
        Self { database, ..self }
    }
}

impl Subject {
    /// `kind` is the word of the table and the address, `id` a number or a name.
    pub fn new(kind: &str, id: impl std::fmt::Display) -> Self {
        Self(format!("{kind}/{id}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<crate::ids::RollbackId> for Subject {
    fn from(id: crate::ids::RollbackId) -> Self {
        Self::new("rollbacks", id)
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Actor::User(name) => write!(f, "user:{name}"),
            Actor::Machine(name) => write!(f, "machine:{name}"),
            Actor::Worker(name) => write!(f, "worker:{name}"),
            Actor::Owner => f.write_str("owner"),
            Actor::Anonymous => f.write_str("anonymous"),
        }
    }
}

#[cfg(test)]
mod tests;
