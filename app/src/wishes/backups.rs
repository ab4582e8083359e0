//! The backup matrix as it stands, and tokens for those who make copies.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use domain::access::{Action, Place, Subject};
use domain::backups::{Assessment, Backup, Finding, Seen, assess, findings, rpo_gaps};
use domain::catalog::Stored;
use domain::fields::Fault;
use domain::ids::BackupId;
use domain::objectives::Dated;
use domain::tokens;

use crate::doors::Context;
use crate::pages::error::Error;

/// A row with what was seen of it, how it stands, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Standing {
    pub row: Stored<BackupId, Backup>,
    pub seen: Seen,
    pub assessed: Assessment,
    pub findings: Vec<Finding>,
    /// Since when it stands like this; nothing where nobody has looked yet.
    pub since: Option<DateTime<Utc>>,
}

/// Every row, by domain and name. What is wrong may depend on the other rows of a domain, so they are read together.
///
/// # Errors
/// [`Error::Lacking`].
pub async fn matrix(cx: &Context) -> Result<Vec<Standing>, Error> {
    Ok(with_objectives(cx).await?.0)
}

/// The same with the objectives in force, which it has to read anyway.
///
/// # Errors
/// [`Error::Lacking`].
pub async fn with_objectives(cx: &Context) -> Result<(Vec<Standing>, Vec<Dated>), Error> {
    cx.read(Action::Read, async |cx| {
        let rows = store::backups::list(&cx.db).await?;
        let ids: Vec<BackupId> = rows.iter().map(|it| it.id).collect();
        let mut db = cx.connection().await?;
        let mut seen = store::backups::seen(&mut db, &ids).await?;
        let standing = store::backups::standing(&mut *db).await?;
        let objectives = store::objectives::list(&mut *db).await?;
        let mut gaps = gaps(&rows, &objectives);
        let rows = rows.into_iter().map(|row| {
            let seen = seen.remove(&row.id).unwrap_or_default();
            let assessed = assess(&row, &seen, cx.now);
            let mut findings = findings(&row, &seen, &assessed, cx.now);
            findings.extend(gaps.remove(&row.name));
            findings.sort_by_key(|it| !it.is_grave());
            // What was written is of the last tick; a row that stands otherwise by now does so since now.
            let since = standing.get(&row.id).filter(|(_, it)| *it == assessed.freshness);
            Standing { since: since.map(|(at, _)| *at), row, seen, assessed, findings }
        });
        Ok((rows.collect(), objectives))
    })
    .await
}

/// One row, by name.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn one(cx: &Context, name: &str) -> Result<Standing, Error> {
    let found = matrix(cx).await?.into_iter().find(|it| it.row.name == name);
    found.ok_or(Error::NotFound)
}

fn gaps(rows: &[Stored<BackupId, Backup>], objectives: &[Dated]) -> HashMap<String, Finding> {
    let mut domains: BTreeMap<&str, Vec<&Backup>> = BTreeMap::new();
    for row in rows {
        domains.entry(&row.domain).or_default().push(&row.entry);
    }
    let of_domain = |(domain, rows): (&str, Vec<&Backup>)| {
        let objective = objectives.iter().find(|it| it.objective.name == domain);
        let gaps = objective.map(|it| rpo_gaps(&rows, &it.objective)).unwrap_or_default();
        gaps.into_iter().map(|(name, gap)| (name.to_owned(), gap)).collect::<Vec<_>>()
    };
    domains.into_iter().flat_map(of_domain).collect()
}

/// A new token for a row; the one before is good no longer. `text` is made by [`super::tokens::random`] and shown by
/// whoever asks, once.
///
/// # Errors
/// The field `token`; [`Error::NotFound`]; [`Error::Lacking`].
pub async fn make_token(cx: &Context, name: &str, text: &str) -> Result<(), Error> {
    cx.enter(Action::AdministerTokens)?;
    if !tokens::is_text(text) {
        return Err(Error::field("token", Fault::Unknown));
    }
    cx.write(Action::AdministerTokens, Subject::new("backups", name), async |cx, tx| {
        cx.require(Action::AdministerTokens, &Place::default())?;
        let row = store::backups::by_name(&mut **tx, name).await?;
        let by = cx.caller.actor().to_string();
        store::backups::make_token(tx, row.id, tokens::hash(text), &by, cx.now).await?;
        tx.detail("token", "made");
        Ok(())
    })
    .await
}

/// The token of a row is good no longer.
///
/// # Errors
/// [`Error::NotFound`], also where it has none; [`Error::Lacking`].
pub async fn revoke_token(cx: &Context, name: &str) -> Result<(), Error> {
    cx.write(Action::AdministerTokens, Subject::new("backups", name), async |cx, tx| {
        cx.require(Action::AdministerTokens, &Place::default())?;
        let row = store::backups::by_name(&mut **tx, name).await?;
        if store::backups::token_of(&mut **tx, row.id).await?.is_none() {
            return Err(Error::NotFound);
        }
        store::backups::revoke_token(tx, row.id, cx.now).await?;
        tx.detail("token", "revoked");
        Ok(())
    })
    .await
}
