//! `lifeboat decide --file situation.json`: what the rules say, without a cluster and without a database.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use domain::decide::compare::{Difference, compare};
use domain::decide::{Situation, decide};
use domain::decisions::Decision;
use serde::de::DeserializeOwned;

use crate::catalog::parse::Error;

/// Decides one situation and prints the decision with every rule that was looked at.
#[derive(clap::Args)]
pub struct Args {
    /// The situation as JSON; `-` reads standard input. What is left out is unknown, and unknown never acts.
    #[arg(long)]
    file: PathBuf,
    /// A recorded decision as JSON, as the API gives it: what differs from it is printed as the member `difference`,
    /// rule by rule.
    #[arg(long)]
    against: Option<PathBuf>,
    /// Prints what is wrong with the file as one object, too; the decision is one in any case.
    #[arg(long)]
    json: bool,
}

/// A situation is a few kilobytes; what is larger by far is some other file.
const MAX_BYTES: u64 = 16 << 20;

/// Exits with 0 for a decision, whatever its outcome, and with 1 for a file that is none.
pub fn main(args: &Args) -> ExitCode {
    let (printed, code) = match run(&args.file, args.against.as_deref()) {
        Ok(decision) => (print(&decision), ExitCode::SUCCESS),
        Err(error) if args.json => {
            (print(&serde_json::json!({ "errors": [error] })), ExitCode::FAILURE)
        }
        Err(error) => (writeln!(std::io::stderr(), "{error}"), ExitCode::FAILURE),
    };
    // A reader that has gone away, as `| head` does, has seen what it wanted.
    if printed.is_ok() { code } else { ExitCode::FAILURE }
}

fn print(value: &impl serde::Serialize) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    out.flush()
}

/// The decision, and how it differs from the one that it is held against.
#[derive(serde::Serialize)]
struct Decided {
    #[serde(flatten)]
    decision: Decision,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
}

fn run(file: &Path, against: Option<&Path>) -> Result<Decided, Error> {
    let situation: Situation = json(file)?;
    let decision = decide(&situation);
    let recorded: Option<Decision> = against.map(json).transpose()?;
    let difference = recorded.map(|it| compare(&it, &decision));
    Ok(Decided { decision, difference })
}

fn json<T: DeserializeOwned>(file: &Path) -> Result<T, Error> {
    let name = file.display().to_string();
    let wrong =
        |message: String| Error { file: name.clone(), line: 0, path: String::new(), message };
    let text = read(file).map_err(|it| wrong(format!("cannot be read: {it}")))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(wrong(format!("is larger than {} MiB", MAX_BYTES >> 20)));
    }
    parse(&name, &text)
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let reader: &mut dyn Read = if file == Path::new("-") {
        &mut std::io::stdin()
    } else {
        &mut std::fs::File::open(file)?
    };
    reader.take(MAX_BYTES + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// What a file holds, or what is wrong with it and where.
fn parse<T: DeserializeOwned>(file: &str, text: &[u8]) -> Result<T, Error> {
    let error = |path: String, inner: &serde_json::Error| {
        // The place stands in members of its own.
        let message = inner.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        let path = if path == "." { String::new() } else { path };
        Error { file: file.to_owned(), line: inner.line() as u64, path, message }
    };
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|it| error(it.path().to_string(), it.inner()))?;
    json.end().map_err(|it| error(String::new(), &it))?;
    Ok(value)
}
