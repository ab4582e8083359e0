//! Imports through the API: asked for by one, consented to by another where production is touched.

use std::collections::BTreeMap;

use app::doors::{Change as Transaction, Context};
use app::pages::error::Error;
use domain::access::{Action, Subject};
use domain::canonical::Digest;
use domain::catalog::{
    Change, Document, Import, ImportRefusal, ImportState, digest, touches_production,
};
use domain::fields::{Fault, Faults};
use domain::ids::ImportId;

use super::parse::{self, Located, parse};
use super::report::Report;
use super::{edits, import};

/// Asks for an import of these files. What touches no production is in force at once.
///
/// # Errors
/// Everything that is wrong with the files, by file, line and path; [`Error::Forbidden`] where clusters are
/// changed by somebody who does not administer them.
pub async fn request(
    cx: &Context,
    files: BTreeMap<String, String>,
    prune: bool,
) -> Result<Import, Error> {
    let documents = documents(&files)?;
    cx.write(Action::ImportCatalog, Subject::new("catalog-imports", "new"), async |cx, tx| {
        store::catalog::lock(tx).await?;
        let changes = plan(tx, &documents, prune).await?;
        if changes.iter().any(|it| names_addresses(it.document())) {
            cx.require(Action::AdministerClusters, &domain::access::Place::default())?;
        }
        let state = if touches_production(&changes) {
            ImportState::AwaitingConsent
        } else {
            import::apply(tx, &cx.caller.actor(), &changes, cx.now).await?;
            ImportState::InForce { consented_by: None, at: cx.now }
        };
        let mut import = Import {
            id: ImportId(Default::default()),
            files,
            prune,
            digest: digest(&changes),
            changes: serde_json::json!(Report::changes(&changes)),
            requested_by: cx.caller.actor().to_string(),
            requested_at: cx.now,
            state,
            edit: None,
        };
        import.id = store::imports::insert(tx, &import).await?;
        tx.about(Subject::new("catalog-imports", import.id));
        tx.detail("digest", &import.digest);
        if matches!(import.state, ImportState::InForce { .. }) {
            import::record(tx, &cx.caller.actor(), &changes, cx.now).await?;
        }
        Ok(import)
    })
    .await
}

/// Puts an import in force that somebody else asked for. `read` is the digest of the changes that were read.
///
/// # Errors
/// Where it is one's own, not waiting, or would by now do something else.
pub async fn consent(cx: &Context, id: ImportId, read: &Digest) -> Result<Import, Error> {
    cx.write(Action::ConsentVersion, Subject::new("catalog-imports", id), async |cx, tx| {
        cx.require(Action::ConsentVersion, &domain::access::Place::default())?;
        store::catalog::lock(tx).await?;
        let import = store::imports::lock(tx, id).await?;
        if let Some(edit) = &import.edit
            && !edits::stands(tx, edit).await?
        {
            return Err(Error::Refused(ImportRefusal::VersionMoved.into()));
        }
        let documents = documents(&import.files)?;
        // What was sound when it was asked for may not be any more: a cluster was removed since.
        let changes = match plan(tx, &documents, import.prune).await {
            Err(Error::Invalid(_)) => return Err(moved()),
            other => other?,
        };
        let actor = cx.caller.actor();
        let import = import
            .consent(&actor.to_string(), read, &digest(&changes), cx.now)
            .map_err(|it| Error::Refused(it.into()))?;
        import::apply(tx, &actor, &changes, cx.now).await?;
        for document in changes.iter().map(Change::document) {
            let (kind, name, by) = (document.kind(), document.name(), actor.to_string());
            store::versions::sign(tx, kind, name, &by, Some(import.id)).await?;
        }
        store::imports::save(tx, &import).await?;
        tx.detail("digest", &import.digest);
        import::record(tx, &actor, &changes, cx.now).await?;
        Ok(import)
    })
    .await
}

/// Where the server itself will go with credentials is for who administers clusters.
fn names_addresses(document: &Document) -> bool {
    match document {
        Document::Cluster(_) => true,
        Document::Objective(it) => it.reaches_out(),
        Document::Backup(it) => it.reaches_out(),
        Document::ExpectedDrill(it) => it.reaches_out(),
        _ => false,
    }
}

fn moved() -> Error {
    Error::Refused(ImportRefusal::ImportMoved.into())
}

async fn plan(
    tx: &mut Transaction,
    documents: &[Located],
    prune: bool,
) -> Result<Vec<Change>, Error> {
    import::plan(tx, documents, prune).await?.map_err(invalid)
}

fn documents(files: &BTreeMap<String, String>) -> Result<Vec<Located>, Error> {
    if files.is_empty() {
        return Err(Error::field("files", Fault::Required));
    }
    let (mut documents, mut errors) = (Vec::new(), Vec::new());
    for (name, text) in files {
        match parse(name, text) {
            Ok(found) => documents.extend(found),
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(documents) } else { Err(invalid(errors)) }
}

/// `files.NAME:LINE: PATH` is the field.
fn invalid(errors: Vec<parse::Error>) -> Error {
    let mut faults = Faults::default();
    for error in errors {
        let parse::Error { file, line, path, message } = error;
        let path = if path.is_empty() { String::new() } else { format!(": {path}") };
        faults.add(&format!("files.{file}:{line}{path}"), Fault::Malformed(message));
    }
    Error::Invalid(faults)
}
