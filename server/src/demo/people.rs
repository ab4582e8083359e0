//! Six sample people, one for each role and a second engineer who may approve what the first has asked for.

use std::fmt::Write;

use app::passwords;
use chrono::{DateTime, Utc};
use domain::access::{Action, Actor, Role, Subject};
use domain::ids::{GrantId, UserId};
use domain::users::{Grant, GrantState};
use serde_json::{Map, json};
use sqlx::{PgConnection, PgPool};

use crate::clock;

const PEOPLE: [(&str, Role, &[&str]); 6] = [
    ("SRE on call", Role::Sre, &["platform"]),
    ("Second SRE", Role::Sre, &["platform"]),
    ("DBA", Role::Dba, &["database"]),
    ("PMO", Role::Pmo, &[]),
    ("Administrator", Role::Admin, &[]),
    ("Viewer", Role::Viewer, &[]),
];

/// Somebody who may sign in until the next start.
pub struct SignIn {
    pub name: &'static str,
    pub role: Role,
    pub password: String,
}

/// Gives everybody a new password. Whoever was signed in with an old one is not any more.
pub async fn fill(db: &PgPool) -> anyhow::Result<Vec<SignIn>> {
    let mut sign_ins = Vec::new();
    for (name, role, teams) in PEOPLE {
        let password = passwords::random();
        let hash = passwords::hash(password.clone()).await?;
        let teams: Vec<String> = teams.iter().map(|&it| it.to_owned()).collect();
        let mut tx = db.begin().await?;
        match store::users::by_name(&mut *tx, name).await {
            Ok(id) => store::users::set_password(&mut tx, id, &hash, false, None).await?,
            Err(store::Error::NotFound) => {
                let id = person(&mut tx, name, &hash, role).await?;
                store::users::set_teams(&mut tx, id, &teams).await?;
            }
            Err(error) => return Err(error.into()),
        }
        let details = Map::from_iter([("role".to_owned(), json!(role))]);
        let (actor, subject) = (Actor::Worker("demo"), Subject::new("users", name));
        store::audit::record(&mut tx, &actor, Action::FillDemo, &subject, details, clock::now())
            .await?;
        tx.commit().await?;
        sign_ins.push(SignIn { name, role, password });
    }
    Ok(sign_ins)
}

/// The table that is printed at the start.
pub fn table(sign_ins: &[SignIn]) -> String {
    let mut table = String::new();
    for SignIn { name, role, password } in sign_ins {
        let _ = writeln!(table, "  {name:<14} {:<8} {password}", role.as_str());
    }
    table
}

/// Somebody with this role, in force at once and allowed to approve.
pub async fn person(
    tx: &mut PgConnection,
    name: &str,
    password_hash: &str,
    role: Role,
) -> Result<UserId, store::Error> {
    let now = clock::now();
    let user = store::users::NewUser { name, password_hash, one_time: false, teams: &[] };
    let id = store::users::insert(tx, &user, now).await?;
    store::users::insert_grant(tx, &owners_grant(id, role, now)).await?;
    Ok(id)
}

/// A role that the installation's owner gives: at once, and without waiting to approve.
pub(crate) fn owners_grant(user: UserId, role: Role, now: DateTime<Utc>) -> Grant {
    Grant {
        id: GrantId(Default::default()), // The database gives it its own.
        user,
        role,
        requested_by: None,
        requested_at: now,
        state: GrantState::InForce { since: now, approves_from: now },
    }
}
