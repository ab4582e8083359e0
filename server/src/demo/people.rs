//! Six sample people, one for each role and a second engineer who may approve what the first has asked for.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
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

/// Somebody who may sign in.
pub struct SignIn {
    pub name: &'static str,
    pub role: Role,
    pub password: String,
}

/// Where the passwords are kept, below the data folder, so that whoever is signed in stays so at the next start. They
/// open nothing but a pretended world on this machine.
const KEPT: &str = "demo-passwords.json";

/// Makes those who are not there yet, and gives a new password to whom the kept one does not let in. Who had another
/// password before is signed out.
pub async fn fill(db: &PgPool, data_dir: &Path) -> anyhow::Result<Vec<SignIn>> {
    let file = data_dir.join(KEPT);
    let kept: BTreeMap<String, String> = match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(_) => BTreeMap::new(),
    };
    let mut sign_ins = Vec::new();
    for (name, role, teams) in PEOPLE {
        let password = match kept.get(name) {
            Some(it) if lets_in(db, name, it).await? => it.clone(),
            _ => renew(db, name, role, teams).await?,
        };
        sign_ins.push(SignIn { name, role, password });
    }
    let passwords = sign_ins.iter().map(|it| (it.name, &it.password)).collect::<BTreeMap<_, _>>();
    let mut written = std::fs::OpenOptions::new();
    written.write(true).create(true).truncate(true).mode(0o600);
    let written = written.open(&file).map(|it| serde_json::to_writer(it, &passwords));
    written.with_context(|| format!("writing {}", file.display()))??;
    Ok(sign_ins)
}

async fn lets_in(db: &PgPool, name: &str, password: &str) -> anyhow::Result<bool> {
    match store::users::credentials(db, name).await? {
        Some(it) => passwords::verify(password.to_owned(), it.password_hash).await,
        None => Ok(false),
    }
}

async fn renew(db: &PgPool, name: &str, role: Role, teams: &[&str]) -> anyhow::Result<String> {
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
    Ok(password)
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
