//! `lifeboat catalog`: checks a folder of YAML files, puts it in force, writes it out again.
//!
//! **Invariant:** an import is all or nothing, and importing the same folder again changes nothing.

pub mod demo;
pub mod edits;
pub mod export;
pub mod import;
pub mod imports;
mod lines;
pub mod parse;
pub mod read;
pub mod report;
pub mod rules;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::access::Actor;
use sqlx::PgPool;

use self::parse::Located;
use self::report::Report;

/// What to do with a catalog.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Look for mistakes; needs no database.
    Check { folder: PathBuf },
    /// Put a folder in force, at once and as the installation's owner.
    Import {
        folder: PathBuf,
        /// Only show what would change.
        #[arg(long)]
        dry_run: bool,
        /// Also take out of force what the folder does not hold.
        #[arg(long)]
        prune: bool,
    },
    /// Write what is in force into an empty folder.
    Export { folder: PathBuf },
    /// Print the signals of a folder as rules of Prometheus; needs no database.
    Rules {
        folder: PathBuf,
        /// As a PrometheusRule object instead of a file.
        #[arg(long)]
        object: bool,
    },
}

/// Does it, prints the answer, and says whether it was done. `connect` is called only where a database is
/// needed.
pub async fn run(
    command: Command,
    json: bool,
    connect: impl AsyncFnOnce() -> anyhow::Result<PgPool>,
    now: DateTime<Utc>,
) -> anyhow::Result<bool> {
    let report = match command {
        Command::Check { folder } => check(&folder),
        Command::Rules { folder, object } => match read::folder(&folder) {
            Err(errors) => Report::errors(errors),
            Ok(documents) => {
                print!("{}", rules::text(rules::of(&documents), object)?);
                return Ok(true);
            }
        },
        Command::Import { folder, dry_run, prune } => match read::folder(&folder) {
            Err(errors) => Report::errors(errors),
            Ok(documents) => import(&connect().await?, &documents, prune, dry_run, now).await?,
        },
        Command::Export { folder } => {
            let db = connect().await?;
            let documents = import::stored(&mut *db.acquire().await?).await?;
            let files = export::folder(&folder, &documents)?;
            let files = files.iter().map(|it| it.display().to_string()).collect();
            Report { files, ..Report::default() }
        }
    };
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        for line in report.lines() {
            println!("{line}");
        }
        println!("{}", report.summary());
    }
    Ok(report.errors.is_empty())
}

fn check(folder: &std::path::Path) -> Report {
    let checked = read::folder(folder).and_then(|documents| read::check(&documents, &[]));
    Report::errors(checked.err().unwrap_or_default())
}

/// Imports in one transaction, as the installation's owner; a running server hears of it at the commit.
pub async fn import(
    db: &PgPool,
    documents: &[Located],
    prune: bool,
    dry_run: bool,
    now: DateTime<Utc>,
) -> anyhow::Result<Report> {
    let mut tx = db.begin().await.context("cannot begin the import")?;
    store::catalog::lock(&mut tx).await?;
    let changes = match import::plan(&mut tx, documents, prune).await? {
        Ok(changes) => changes,
        Err(errors) => return Ok(Report::errors(errors)),
    };
    let report = Report::changes(&changes);
    if !dry_run && !changes.is_empty() {
        import::apply(&mut tx, &Actor::Owner, &changes, now).await?;
        import::record(&mut tx, &Actor::Owner, &changes, now).await?;
        tx.commit().await.context("the import was not stored")?;
        tracing::warn!(
            notice = "catalog",
            "catalog imported on the command line: {}",
            report.summary()
        );
    }
    Ok(report)
}
