//! What sqlx-cli does, without installing it: with `SQLX_OFFLINE_DIR` set the macros of sqlx write down
//! what they learn about each query.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use sha2::{Digest, Sha256};

use crate::embedded::Postgres;
use crate::hex;
use crate::process::{cargo, check};

/// Checks every query against the migrations and writes what was learnt to `into`.
pub(crate) fn prepare(postgres: &Postgres, into: &Path) -> anyhow::Result<usize> {
    let psql = |args: &[&str]| {
        check(
            Command::new("psql")
                .args(["-q", "-v", "ON_ERROR_STOP=1", "-c", "SET client_min_messages = warning"])
                .args(args),
        )
    };
    psql(&[
        &postgres.url(),
        "-c",
        "DROP DATABASE IF EXISTS prepare",
        "-c",
        "CREATE DATABASE prepare",
    ])?;
    let url = postgres.url().replace("/postgres?", "/prepare?");
    for migration in sorted("migrations")? {
        psql(&[&url, "-f", &migration.to_string_lossy()])?;
    }
    let _ = fs::remove_dir_all(into);
    fs::create_dir_all(into)?;
    // Unchanged code is not compiled again, and would write nothing.
    check(Command::new("touch").arg("store/src/lib.rs"))?;
    let mut compile = cargo(&["check", "--quiet", "--package=store", "--tests"]);
    compile.env("DATABASE_URL", url).env("SQLX_OFFLINE", "false");
    check(compile.env("SQLX_OFFLINE_DIR", env::current_dir()?.join(into)))?;
    Ok(sorted(into)?.len())
}

/// Name and content of each of the files that [`prepare`] writes.
pub(crate) fn contents(dir: &Path) -> anyhow::Result<Vec<(Option<OsString>, String)>> {
    let read =
        |path: PathBuf| Ok((path.file_name().map(OsString::from), fs::read_to_string(&path)?));
    sorted(dir)?.into_iter().map(read).collect()
}

/// A hash of everything that [`prepare`] looks at, and of what it should write.
pub(crate) fn sources() -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    let mut folders = vec!["migrations".into(), "store/.sqlx".into(), PathBuf::from("store/src")];
    while let Some(folder) = folders.pop() {
        for path in sorted(folder)? {
            if path.is_dir() {
                folders.push(path);
            } else {
                hash.update(path.as_os_str().as_encoded_bytes());
                hash.update(Sha256::digest(fs::read(&path)?));
            }
        }
    }
    Ok(hex(&hash.finalize()[..]))
}

/// The files of a folder by name; none where there is no folder.
fn sorted(dir: impl AsRef<Path>) -> anyhow::Result<Vec<PathBuf>> {
    if !dir.as_ref().exists() {
        return Ok(Vec::new());
    }
    let mut paths: Vec<_> = fs::read_dir(dir)?.flatten().map(|it| it.path()).collect();
    paths.sort();
    Ok(paths)
}
