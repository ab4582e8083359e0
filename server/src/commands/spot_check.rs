//! `lifeboat spot-check`: draws a sample again from its export alone, without a database and without a network.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use domain::spot_checks::export::{Export, Replayed};

#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Draws the sample of an export again and says whether it is the same.
    Replay {
        /// JSON as `GET /spot-checks/{number}/export` answered it, or `spot-check.json` of a bundle
        export: PathBuf,
    },
}

/// Exits with 0 where the same sample comes out, and with 1 where another does or it cannot be read.
pub fn main(command: &Command, json: bool) -> ExitCode {
    let Command::Replay { export } = command;
    let replayed = match replay(export) {
        Ok(replayed) => replayed,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    match json {
        true => println!("{}", serde_json::json!(replayed)),
        false => println!("{}", words(&replayed)),
    }
    if replayed.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(path: &Path) -> anyhow::Result<Replayed> {
    let cannot = || format!("cannot read the export {}", path.display());
    let text = std::fs::read(path).with_context(cannot)?;
    let export: Export = serde_json::from_slice(&text).with_context(cannot)?;
    Ok(export.replay())
}

fn words(replayed: &Replayed) -> String {
    let Replayed { number, sample, why, .. } = replayed;
    match why {
        Some(why) => format!("The draw of {number} cannot be repeated: {why}."),
        None => {
            let items: String = sample.iter().map(|it| format!("\n  {it}")).collect();
            format!("The seed of {number} draws the same {} again:{items}", sample.len())
        }
    }
}
