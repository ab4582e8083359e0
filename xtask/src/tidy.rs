//! What the house keeps to and no compiler sees.

use std::path::Path;
use std::process::Command;
use std::{fs, iter};

use anyhow::bail;

use crate::process::output;

/// A file longer than this hides something; make it a folder.
const LONGEST: usize = 500;

pub(crate) fn check() -> anyhow::Result<()> {
    let files = tracked()?;
    let mut faults: Vec<String> =
        files.iter().flat_map(|(path, content)| faults(path, content)).collect();
    let migrations = files.iter().filter_map(|(path, _)| path.strip_prefix("migrations/"));
    faults.extend(badly_numbered(migrations));
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{}", faults.join("\n"))
}

/// Path and content of every text file that git knows or would add.
fn tracked() -> anyhow::Result<Vec<(String, String)>> {
    let list = output(Command::new("git").args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let read = |path: &str| Some((path.to_owned(), fs::read_to_string(path).ok()?));
    Ok(list.lines().filter_map(read).collect())
}

fn faults(path: &str, content: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let extension = Path::new(path).extension().and_then(|it| it.to_str()).unwrap_or_default();
    let lines = content.lines().count();
    if ["rs", "js", "ts"].contains(&extension) && lines > LONGEST {
        faults.push(format!("{path}: {lines} lines, more than {LONGEST}; make it a folder"));
    }
    if extension != "rs" {
        return faults;
    }
    for (number, line) in iter::zip(1.., content.lines()) {
        // Not what a comment says.
        let code = line.trim_start();
        let mut fault = |what: &str| faults.push(format!("{path}:{number}: {what}"));
        if code.starts_with("//") {
            if code.contains("```ignore") {
                fault("an example that is never compiled; call it text");
            }
            continue;
        }
        if code.starts_with("#[ignore") {
            fault("a test that is never run");
        }
        if !path.starts_with("store/") && is_sql_macro(code) {
            fault("SQL lives in store only");
        }
        if path.starts_with("app/") && path != "app/src/lib.rs" && code.contains(SSR) {
            fault("what only the server compiles is chosen in app/src/lib.rs, by module");
        }
    }
    faults
}

const SSR: &str = concat!("cfg(", "feature = \"ssr\")");

/// `sqlx::query!` and its sisters, with and without the exclamation mark.
fn is_sql_macro(code: &str) -> bool {
    let mut rest = code;
    while let Some(at) = rest.find("query") {
        rest = &rest[at..];
        let name: String =
            rest.chars().take_while(|it| it.is_ascii_alphanumeric() || *it == '_').collect();
        rest = &rest[name.len()..];
        if ["query", "query_as", "query_scalar"].contains(&&*name) && rest.starts_with("!(") {
            return true;
        }
    }
    false
}

/// `0001_users.sql`: four digits, each number once, so that everybody has the same order.
fn badly_numbered<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = std::collections::BTreeMap::new();
    for name in names {
        let number = name.split('_').next().unwrap_or_default();
        let is_number = number.len() == 4 && number.bytes().all(|it| it.is_ascii_digit());
        if !is_number || !name.ends_with(".sql") {
            faults.push(format!("migrations/{name}: not called 0001_what.sql"));
        } else if let Some(other) = seen.insert(number, name) {
            faults.push(format!("migrations/{name}: has the number of {other}"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_named() {
        let long = "let x = 1;\n".repeat(LONGEST + 1);
        assert_eq!(faults("app/src/a.rs", &long).len(), 1);
        assert_eq!(faults("style/main.css", &long).len(), 0);
    }

    #[test]
    fn sql_outside_of_store_is_found() {
        let sql = ["let row = sqlx::query", "_as!(Row, \"SELECT 1\")"].concat();
        assert_eq!(faults("server/src/a.rs", &sql).len(), 1);
        assert_eq!(faults("store/src/a.rs", &sql).len(), 0);
        assert_eq!(faults("server/src/a.rs", "request.query(&[(\"a\", 1)])").len(), 0);
    }

    #[test]
    fn ignored_tests_are_found() {
        assert_eq!(faults("domain/src/a.rs", "    #[ignore = \"slow\"]").len(), 1);
    }

    #[test]
    fn the_server_s_modules_are_chosen_in_one_place() {
        let code = format!("#[{SSR}]\nmod pages;");
        assert_eq!(faults("app/src/pages/a.rs", &code).len(), 1);
        assert_eq!(faults("app/src/lib.rs", &code).len(), 0);
    }

    #[test]
    fn migrations_have_a_number_of_their_own() {
        assert!(badly_numbered(["0001_a.sql", "0002_b.sql"].into_iter()).is_empty());
        assert_eq!(badly_numbered(["0001_a.sql", "0001_b.sql"].into_iter()).len(), 1);
        assert_eq!(badly_numbered(["users.sql"].into_iter()).len(), 1);
    }
}
