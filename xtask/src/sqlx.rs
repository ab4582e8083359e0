//! What sqlx-cli does, without installing it: with `SQLX_OFFLINE_DIR` set the macros of sqlx write down
//! what they learn about each query.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::embedded::Postgres;
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
    let mut compile = cargo(&["check", "--quiet", "--package", "store", "--tests"]);
    compile.env("DATABASE_URL", url).env("SQLX_OFFLINE", "false");
    check(compile.env("SQLX_OFFLINE_DIR", env::current_dir()?.join(into)))?;
    Ok(sorted(into)?.len())
}

/// The files of a folder by name; none where there is no folder.
pub(crate) fn sorted(dir: impl AsRef<Path>) -> anyhow::Result<Vec<PathBuf>> {
    if !dir.as_ref().exists() {
        return Ok(Vec::new());
    }
    let mut paths: Vec<_> = fs::read_dir(dir)?.flatten().map(|it| it.path()).collect();
    paths.sort();
    Ok(paths)
}
