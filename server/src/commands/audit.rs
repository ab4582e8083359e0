//! `lifeboat audit`: the chain, looked at with a key that the reader trusts.

use std::path::PathBuf;

use domain::audit::Report;

use super::Database;
use crate::config::Settings;

#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Walks the whole audit chain and names the first entry that does not fit.
    Verify {
        /// Ed25519 in PEM, from whoever you trust; `audit-key.pub.pem` lies beside the key.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
    },
}

/// Prints what was found, and says whether the chain fits.
pub async fn run(command: Command, json: bool, settings: &Settings) -> anyhow::Result<bool> {
    let Command::Verify { public_key } = command;
    let database = Database::open(settings).await?;
    let report = crate::audit::verify(&database.owner, &public_key).await;
    database.close().await;
    let report = report?;
    match json {
        true => println!("{}", serde_json::to_string(&report)?),
        false => println!("{}", words(&report)),
    }
    Ok(report.ok)
}

fn words(report: &Report) -> String {
    let Report { checked, unsealed, checkpoints, unsigned, first, .. } = report;
    let tail = match unsealed {
        0 => String::new(),
        more => format!(" {more} more are not sealed yet."),
    };
    match first {
        None => format!(
            "The chain fits: {checked} entries, {checkpoints} signed checkpoints, \
             {unsigned} entries after the last signature.{tail}"
        ),
        Some(fault) => {
            format!(
                "The chain does not fit at entry {}: {}. {checked} entries before it fit.",
                fault.seq, fault.why
            )
        }
    }
}
