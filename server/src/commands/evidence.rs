//! `lifeboat evidence`: a bundle, looked at with a key that the reader trusts; without a database and without a
//! network.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use domain::bundle::Report;

use crate::audit::Trusted;
use crate::bundle;

#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Looks at every file of an exported bundle and names the first one that does not fit.
    Verify {
        /// The zip, as `GET /drills/{number}/bundle` answered it
        bundle: PathBuf,
        /// Ed25519 in PEM, from whoever you trust; `audit-key.pub.pem` lies beside the installation's key.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
    },
}

/// Exits with 0 where everything fits, and with 1 where something does not or cannot be read.
pub fn main(command: &Command, json: bool) -> ExitCode {
    let Command::Verify { bundle, public_key } = command;
    let report = match verify(bundle, public_key) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    match json {
        true => println!("{}", serde_json::json!(report)),
        false => println!("{}", words(&report)),
    }
    if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn verify(path: &Path, public_key: &Path) -> anyhow::Result<Report> {
    let key = Trusted::load(public_key)?;
    let cannot = || format!("cannot read the bundle {}", path.display());
    let file = std::fs::File::open(path).with_context(cannot)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_signed = |statement: &[u8], signature: &[u8; 64]| key.is_signed(statement, signature);
    bundle::verify(&name, &mut BufReader::new(file), is_signed).with_context(cannot)
}

fn words(report: &Report) -> String {
    let Report { checked, unsealed, erased, first, .. } = report;
    match first {
        Some(fault) => format!("The bundle does not fit at {}: {}.", fault.file, fault.why),
        None => {
            let tail = match unsealed {
                0 => String::new(),
                n => format!(" {n} audit entries were not sealed yet when it was made."),
            };
            let gone = match erased.len() {
                0 => String::new(),
                n => format!(
                    " {n} pieces of evidence had been erased before; evidence.json says by whom and why."
                ),
            };
            format!("The bundle fits: {checked} files.{gone}{tail}")
        }
    }
}
