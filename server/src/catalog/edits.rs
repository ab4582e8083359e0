//! A policy or a signal that a person edits: proposed by one, consented to by another as an import is
//! ([`super::imports`]).

use app::doors::Context;
use app::pages::error::Error;
use domain::access::{Action, Place, Subject};
use domain::catalog::{
    self, Change, Document, Edit, Import, ImportRefusal, ImportState, Kind, changes, digest,
};
use domain::fields::{Fault, Faults};
use domain::ids::ImportId;
use serde_json::json;
use sqlx::PgConnection;

use super::import;
use super::report::Report;

/// Of a reason, in characters.
const LONGEST: usize = 4000;

/// `policies/default`, as the audit log and the addresses name it. Only policies and signals are edited.
pub fn subject(kind: Kind, name: &str) -> String {
    format!("{}/{name}", if kind == Kind::Policy { "policies" } else { "signals" })
}

/// What it takes to edit one.
pub fn action(kind: Kind) -> Action {
    if kind == Kind::Policy { Action::EditPolicy } else { Action::EditSignal }
}

/// Whether this could be proposed: sound beside everything else, another than what is in force, and made from it.
///
/// # Errors
/// Faults by field; [`ImportRefusal::VersionMoved`], [`ImportRefusal::NothingChanges`].
pub async fn look(cx: &Context, document: &Document, base: i32) -> Result<(), Error> {
    let action = action(document.kind());
    cx.read(action, async |cx| {
        cx.require(action, &Place::default())?;
        let mut db = cx.connection().await?;
        check(&mut db, document, base).await.map(drop)
    })
    .await
}

/// Asks for a new version. Nothing is in force before somebody else consents.
///
/// # Errors
/// As [`look`]; the field `reason`.
pub async fn propose(
    cx: &Context,
    document: Document,
    base: i32,
    reason: &str,
) -> Result<Import, Error> {
    let action = action(document.kind());
    // Who may not do it learns nothing else first.
    cx.read(action, async |_| Ok(())).await?;
    let reason = given(reason)?;
    let subject = subject(document.kind(), document.name());
    let (kind, name) = subject.split_once('/').unwrap_or((&subject, ""));
    cx.write(action, Subject::new(kind, name), async |cx, tx| {
        cx.require(action, &Place::default())?;
        store::catalog::lock(tx).await?;
        let Checked { planned, shown } = check(tx, &document, base).await?;
        // JSON is YAML too, and the simulator reads it without knowing catalogs.
        let text = serde_json::to_string_pretty(&document).map_err(|error| {
            tracing::error!("what was edited cannot be written down: {error:#}");
            Error::Internal
        })?;
        let mut import = Import {
            id: ImportId::NEW,
            files: [(format!("{subject}.yaml"), text)].into(),
            prune: false,
            digest: digest(&planned),
            changes: json!(Report::changes(&shown)),
            requested_by: cx.caller.actor().to_string(),
            requested_at: cx.now,
            state: ImportState::AwaitingConsent,
            edit: Some(Edit { subject: subject.clone(), base, reason: reason.clone() }),
        };
        import.id = store::imports::insert(tx, &import).await?;
        tx.detail("import", import.id);
        tx.detail("digest", &import.digest);
        tx.detail("base", base);
        tx.detail("reason", &reason);
        Ok(import)
    })
    .await
}

/// Whether the version that was edited is still the one in force.
pub(super) async fn stands(tx: &mut PgConnection, edit: &Edit) -> Result<bool, Error> {
    let (kind, name) = edit.subject.split_once('/').unwrap_or_default();
    let kind = if kind == "policies" { Kind::Policy } else { Kind::Signal };
    Ok(store::versions::current(tx, kind, name).await? == edit.base)
}

struct Checked {
    /// What is done with the consent, and what the consent is for.
    planned: Vec<Change>,
    /// The same for people, who also see what changes against what the product brings.
    shown: Vec<Change>,
}

async fn check(tx: &mut PgConnection, document: &Document, base: i32) -> Result<Checked, Error> {
    let current = in_force(tx, document).await?;
    if current.as_ref().map_or(0, |it| it.0) != base {
        return Err(Error::Refused(ImportRefusal::VersionMoved.into()));
    }
    let stored = import::stored(tx).await?;
    let one = std::slice::from_ref(document);
    let mut faults = Faults::default();
    for problem in catalog::check(one, &stored) {
        // Items of a list stand in one field.
        let field = problem.fault.path.split('[').next().unwrap_or_default().to_owned();
        faults.add(&field, Fault::Malformed(problem.fault.message));
    }
    faults.into_result()?;
    let before: Vec<Document> = current.map(|it| it.1).into_iter().collect();
    let shown = changes(&before, one, false);
    if shown.is_empty() {
        return Err(Error::Refused(ImportRefusal::NothingChanges.into()));
    }
    Ok(Checked { planned: changes(&stored, one, false), shown })
}

/// The version and the document of this name that are in force, also where the product brings them.
async fn in_force(
    tx: &mut PgConnection,
    document: &Document,
) -> Result<Option<(i32, Document)>, Error> {
    let found = match document.kind() {
        Kind::Policy => store::policies::by_name(tx, document.name())
            .await
            .map(|it| (it.version, Document::Policy(it.entry))),
        _ => store::signals::by_name(tx, document.name())
            .await
            .map(|it| (it.version, Document::Signal(it.entry))),
    };
    match found {
        Ok(found) => Ok(Some(found)),
        Err(store::Error::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn given(reason: &str) -> Result<String, Error> {
    let reason = reason.trim();
    match reason.chars().count() {
        0 => Err(Error::field("reason", Fault::Required)),
        1..=LONGEST => Ok(reason.to_owned()),
        _ => Err(Error::field("reason", Fault::TooLong { most: LONGEST })),
    }
}
