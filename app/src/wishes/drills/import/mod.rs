//! Taking over an older ledger: a preview first, and then all of it or nothing.

mod file;

use std::collections::BTreeSet;

use domain::access::{Action, Place, Subject};
use domain::drills::OfService;
use domain::drills::ledger::Column;
use domain::drills::ledger::import::{Entry, Head, Note, Problem, Reader, Why, read};
use domain::evidence::Sha256;
use domain::fields::{Fault, Faults};
use domain::ids::DrillImportId;
use domain::texts::Lang;
use ring::digest;
use sqlx::PgConnection;
use store::drills::imports::{self, Upload};

use crate::doors::Context;
use crate::pages::error::Error;

/// What a file becomes, or what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Of the bytes; who confirms names it.
    pub digest: Sha256,
    pub entries: Vec<Entry>,
    /// With one of them nothing is imported.
    pub problems: Vec<Problem>,
}

impl Preview {
    /// As faults of the file, for who imports by program.
    pub fn faults(&self, lang: Lang) -> Faults {
        let faults = self.problems.iter();
        let faults = faults.map(|it| ("file".to_owned(), Fault::Malformed(it.text(lang))));
        Faults(faults.collect())
    }
}

/// Keeps a file for its preview, in the place of the one before.
///
/// # Errors
/// [`Error::Lacking`]; the database.
pub async fn upload(cx: &Context, name: String, content: Vec<u8>) -> Result<DrillImportId, Error> {
    cx.enter(Action::PlanDrill)?;
    let user = cx.user()?.id;
    let mut db = cx.connection().await?;
    let upload = Upload { name, content };
    Ok(imports::keep(&mut db, user, &upload, cx.now).await?)
}

/// What somebody uploaded, and what it would become now.
///
/// # Errors
/// [`Error::NotFound`] where it is gone.
pub async fn uploaded(cx: &Context, id: DrillImportId) -> Result<(String, Preview), Error> {
    let upload = imports::get(&cx.db, cx.user()?.id, id).await?;
    let preview = preview(cx, &upload.content).await?;
    Ok((upload.name, preview))
}

/// What the bytes of a file would become now.
///
/// # Errors
/// [`Error::Lacking`]; the database.
pub async fn preview(cx: &Context, content: &[u8]) -> Result<Preview, Error> {
    cx.enter(Action::PlanDrill)?;
    let mut db = cx.connection().await?;
    look(cx, &mut db, content).await
}

/// Writes what was uploaded, if it is what was previewed. How many drills that are.
///
/// # Errors
/// [`Error::NotFound`] where it is gone, a fault where the file is another or has become wrong.
pub async fn confirm(cx: &Context, id: DrillImportId, digest: &str) -> Result<usize, Error> {
    cx.enter(Action::PlanDrill)?;
    let upload = imports::get(&cx.db, cx.user()?.id, id).await?;
    Ok(take_over(cx, &upload.content, Some(digest), Some(id)).await?.entries.len())
}

/// Writes every row of a file, or none. `digest` is that of the preview, where there was one.
///
/// # Errors
/// A fault for each problem; [`Error::Lacking`] for a service that the caller has no say in.
pub async fn import(cx: &Context, content: &[u8], digest: Option<&str>) -> Result<Preview, Error> {
    take_over(cx, content, digest, None).await
}

async fn take_over(
    cx: &Context,
    content: &[u8],
    digest: Option<&str>,
    upload: Option<DrillImportId>,
) -> Result<Preview, Error> {
    cx.write(Action::PlanDrill, Subject::new("drills", "import"), async |cx, tx| {
        let preview = look(cx, tx, content).await?;
        if digest.is_some_and(|it| it != preview.digest.as_str()) {
            let found = preview.digest.to_string();
            return Err(Error::field("sha256", Fault::Differs { found }));
        }
        if !preview.problems.is_empty() {
            return Err(preview.faults(Lang::En).into());
        }
        for entry in &preview.entries {
            let place = entry.drill.service.as_ref();
            let place = place.map(|it| Place::service(&it.name, &it.team)).unwrap_or_default();
            cx.require(Action::PlanDrill, &place)?;
            match store::drills::take_over(tx, entry.drill.clone()).await {
                Err(store::Error::Taken) => return Err(Error::field("file", Fault::Taken)),
                other => other?,
            };
        }
        if let Some(id) = upload {
            imports::done(tx, id).await?;
        }
        let numbers = preview.entries.iter().map(|it| &it.drill.number);
        tx.detail("sha256", &preview.digest);
        tx.detail("rows", preview.entries.len());
        tx.detail("first", numbers.clone().min());
        tx.detail("last", numbers.max());
        Ok(preview)
    })
    .await
}

async fn look(cx: &Context, db: &mut PgConnection, content: &[u8]) -> Result<Preview, Error> {
    let hash = digest::digest(&digest::SHA256, content);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    let digest = Sha256::new(bytes);
    let reader = Reader { zone: cx.zone, now: cx.now, by: cx.caller.actor().to_string() };
    let (mut entries, mut problems) = match file::table(content) {
        Ok(table) => read(&table, &reader),
        Err(why) => (vec![], vec![Problem::of_file(why)]),
    };
    known(db, &mut entries, &mut problems).await?;
    problems.sort_by_key(|it| it.line);
    Ok(Preview { digest, entries, problems })
}

/// What the file names and only the database knows: services, accounts, and numbers that are taken.
async fn known(
    db: &mut PgConnection,
    entries: &mut [Entry],
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let numbers: Vec<String> = entries.iter().map(|it| it.drill.number.clone()).collect();
    let taken: BTreeSet<String> = imports::taken(&mut *db, &numbers).await?.into_iter().collect();
    let names: BTreeSet<String> = entries.iter().flat_map(people).collect();
    let names: Vec<String> = names.into_iter().collect();
    let accounts = imports::accounts(&mut *db, &names).await?;
    let accounts: BTreeSet<String> = accounts.into_iter().collect();
    let services = store::services::list(&mut *db).await?;
    for entry in entries {
        let line = Some(entry.line);
        let mut refuse = |column, why| {
            problems.push(Problem { line, column: Some(Head::Missing(column)), why });
        };
        if taken.contains(&entry.drill.number) {
            refuse(Column::Number, Why::Taken);
        }
        if let Some(name) = &entry.service {
            match services.iter().find(|it| it.entry.name == *name) {
                Some(service) => entry.drill.service = Some(OfService::from(service.clone())),
                None => refuse(Column::Service, Why::UnknownService(name.clone())),
            }
        }
        let unknown = |name: &&String| !accounts.contains(*name);
        let signer = entry.drill.state.sign_off().map(|it| &it.by);
        if let Some(name) = signer.filter(unknown) {
            refuse(Column::SignedBy, Why::UnknownPerson(name.clone()));
        }
        let of_action = entry.drill.actions.iter();
        let of_action =
            of_action.flat_map(|it| [Some(&it.owner), it.verified.as_ref().map(|it| &it.by)]);
        for name in of_action.flatten().filter(unknown) {
            refuse(Column::Actions, Why::UnknownPerson(name.clone()));
        }
        // Who was there may have left, or never had an account.
        let there = entry.drill.lead.iter().chain(&entry.drill.participants);
        entry.notes.extend(there.filter(unknown).map(|it| Note::NoAccount(it.clone())));
    }
    Ok(())
}

/// Everybody whom a row names.
fn people(entry: &Entry) -> Vec<String> {
    let drill = &entry.drill;
    let there = drill.lead.iter().chain(&drill.participants).cloned();
    let signer = drill.state.sign_off().map(|it| it.by.clone());
    let owners = drill.actions.iter().map(|it| it.owner.clone());
    let verifiers = drill.actions.iter().filter_map(|it| Some(it.verified.as_ref()?.by.clone()));
    there.chain(signer).chain(owners).chain(verifiers).collect()
}
