//! Puts documents in force: all of them or none.

use chrono::{DateTime, Utc};
use domain::access::{Action, Actor, Subject};
use domain::catalog::{Change, Document, Kind, changes};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::parse::{Error, Located};
use super::read;

/// What importing would change, or what is wrong with it. Nothing is written. With `prune` is removed what
/// is not imported.
pub async fn plan(
    tx: &mut PgConnection,
    documents: &[Located],
    prune: bool,
) -> Result<Result<Vec<Change>, Vec<Error>>, store::Error> {
    let stored = stored(tx).await?;
    let known = if prune { &[][..] } else { &stored };
    if let Err(errors) = read::check(documents, known) {
        return Ok(Err(errors));
    }
    let imported: Vec<Document> = documents.iter().map(|it| it.document.clone()).collect();
    Ok(Ok(changes(&stored, &imported, prune)))
}

/// Carries the changes out.
pub async fn apply(
    tx: &mut PgConnection,
    actor: &Actor,
    changes: &[Change],
    at: DateTime<Utc>,
) -> Result<(), store::Error> {
    for change in changes {
        match change {
            Change::Create(document) | Change::Change(document, _) => {
                save(tx, actor, document, at).await?
            }
            Change::Remove(document) => remove(tx, document, at).await?,
        }
        let document = change.document();
        let by = actor.to_string();
        store::versions::sign(tx, document.kind(), document.name(), &by, None).await?;
    }
    Ok(())
}

/// Writes each change into the audit log, with the values before and after. It comes last in a transaction.
pub async fn record(
    tx: &mut PgConnection,
    actor: &Actor,
    changes: &[Change],
    at: DateTime<Utc>,
) -> Result<(), store::Error> {
    for change in changes {
        let subject = subject(change.document());
        let details = Map::from_iter([match change {
            Change::Create(document) => ("created".to_owned(), json!(document)),
            Change::Change(_, members) => ("changed".to_owned(), json!(members)),
            Change::Remove(_) => ("removed".to_owned(), Value::Bool(true)),
        }]);
        store::audit::record(tx, actor, Action::ImportCatalog, &subject, details, at).await?;
    }
    Ok(())
}

fn subject(document: &Document) -> Subject {
    let kind = match document.kind() {
        Kind::Cluster => "clusters",
        Kind::Policy => "policies",
        Kind::Signal => "signals",
        Kind::Service => "services",
        Kind::Objective => "objectives",
        Kind::Backup => "backups",
        Kind::ExpectedDrill => "expected-drills",
    };
    Subject::new(kind, document.name())
}

/// Everything that catalogs have stated and that is in force, in an order in which it can be imported.
pub async fn stored(tx: &mut PgConnection) -> Result<Vec<Document>, store::Error> {
    let clusters = store::clusters::list(&mut *tx).await?;
    let policies = store::policies::stated(&mut *tx).await?;
    let signals = store::signals::stated(&mut *tx).await?;
    let services = store::services::list(&mut *tx).await?;
    let objectives = store::objectives::list(&mut *tx).await?;
    let backups = store::backups::list(&mut *tx).await?;
    let clusters = clusters.into_iter().map(|it| Document::Cluster(it.entry));
    let policies = policies.into_iter().map(|it| Document::Policy(it.entry));
    let signals = signals.into_iter().map(|it| Document::Signal(it.entry));
    let services = services.into_iter().map(|it| Document::Service(it.entry));
    let objectives = objectives.into_iter().map(|it| Document::Objective(it.objective));
    let backups = backups.into_iter().map(|it| Document::Backup(Box::new(it.entry)));
    let calendar = store::calendar::list(&mut *tx).await?;
    let calendar = calendar.into_iter().map(|it| Document::ExpectedDrill(it.drill.entry));
    let all = clusters.chain(policies).chain(signals).chain(services);
    Ok(all.chain(objectives).chain(backups).chain(calendar).collect())
}

/// Why an objective changes where a catalog says so; what the document is stands in its sources.
const REASON: &str = "imported from the catalog";

async fn save(
    tx: &mut PgConnection,
    actor: &Actor,
    document: &Document,
    at: DateTime<Utc>,
) -> Result<(), store::Error> {
    match document {
        Document::Cluster(it) => store::clusters::save(tx, it, at).await.map(drop),
        Document::Policy(it) => store::policies::save(tx, it, at).await.map(drop),
        Document::Signal(it) => store::signals::save(tx, it, at).await.map(drop),
        Document::Service(it) => store::services::save(tx, it, at).await.map(drop),
        Document::Objective(it) => {
            store::objectives::save(tx, it, &actor.to_string(), REASON, at).await
        }
        Document::Backup(it) => store::backups::save(tx, it, at).await.map(drop),
        Document::ExpectedDrill(it) => store::calendar::save(tx, it, at).await.map(drop),
    }
}

async fn remove(
    tx: &mut PgConnection,
    document: &Document,
    at: DateTime<Utc>,
) -> Result<(), store::Error> {
    let name = document.name();
    match document.kind() {
        Kind::Cluster => store::clusters::remove(tx, name, at).await,
        Kind::Policy => store::policies::remove(tx, name, at).await,
        Kind::Signal => store::signals::remove(tx, name, at).await,
        Kind::Service => store::services::remove(tx, name, at).await,
        Kind::Objective => store::objectives::remove(tx, name, at).await,
        Kind::Backup => store::backups::remove(tx, name, at).await,
        Kind::ExpectedDrill => store::calendar::remove(tx, name, at).await,
    }
}
