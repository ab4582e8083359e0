//! The programs of the control plane, built by Go from `xtask/cluster` and kept outside the checkout
//! under a hash of what they are made from: a second run finds them, an edit makes new ones.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use nix::errno::Errno;
use sha2::{Digest, Sha256};

use crate::process::{check, output};
use crate::{cache, hex};

const SOURCES: &str = "xtask/cluster";
/// Of Kubernetes; the same number stands in `go.mod`.
pub(crate) const VERSION: &str = "v1.34.4";

/// What `go build` is asked for: the name of the program, the folder of its module, its package.
const PROGRAMS: [(&str, &str, &str); 3] = [
    ("etcd", "kubernetes", "go.etcd.io/etcd/server/v3"),
    ("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    ("kubernetes", "kubernetes", "."),
];

/// `kubernetes` is all of these, by the name it is called by.
const NAMES: [&str; 5] = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "service-account-key",
];

/// Programs that some tests need beside the cluster, each from the module of its name and kept for itself: another
/// version of one builds no other anew.
const TOOLS: [(&str, &str); 2] =
    [("helm3", "helm.sh/helm/v3/cmd/helm"), ("helm4", "helm.sh/helm/v4/cmd/helm")];

/// The folder with the programs; builds them if they are not there.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    once(&key()?, build)
}

/// One of [`TOOLS`]; builds it if it is not there.
pub(crate) fn tool(name: &str) -> anyhow::Result<PathBuf> {
    let (name, package) = TOOLS.iter().find(|it| it.0 == name).context("no such program")?;
    let mut hash = Sha256::new();
    hash.update(format!("{} {package} {STRIPPED}", std::env::consts::ARCH));
    digest_of(&[&format!("{name}/go.mod"), &format!("{name}/go.sum")], &mut hash)?;
    let key = format!("{name}-{}", hex(&hash.finalize()[..8]));
    let folder = once(&key, |folder| {
        println!("building {name}; this happens once and takes minutes");
        into_place(folder, |unfinished| {
            go_build(name, package, STRIPPED, &unfinished.join(name))
        })
    })?;
    Ok(folder.join(name))
}

/// The folder of this name beside those of all other checkouts, made where it is not there.
fn once(key: &str, make: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<PathBuf> {
    let all = cache()?.join("cluster");
    fs::create_dir_all(&all)?;
    let folder = all.join(key);
    if folder.exists() {
        return Ok(folder);
    }
    // Two at once would both take minutes and memory; the second finds what the first made.
    let lock = File::create(all.join("lock"))?;
    lock.lock()?;
    if !folder.exists() {
        make(&folder)?;
    }
    Ok(folder)
}

fn key() -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(std::env::consts::ARCH);
    for program in PROGRAMS {
        hash.update(format!("{program:?} {}", flags()));
    }
    let files = [
        "kubernetes/go.mod",
        "kubernetes/go.sum",
        "kubernetes/main.go",
        "kwok/go.mod",
        "kwok/go.sum",
    ];
    digest_of(&files, &mut hash)?;
    Ok(hex(&hash.finalize()[..8]))
}

fn digest_of(files: &[&str], hash: &mut Sha256) -> anyhow::Result<()> {
    for file in files {
        let path = Path::new(SOURCES).join(file);
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        hash.update(Sha256::digest(content));
    }
    Ok(())
}

const STRIPPED: &str = "-s -w";

/// The API server tells its version to everybody, and kubectl compares it with its own.
fn flags() -> String {
    let package = "k8s.io/component-base/version";
    format!(
        "-s -w -X {package}.gitVersion={VERSION} -X {package}.gitMajor=1 -X {package}.gitMinor=34"
    )
}

fn build(folder: &Path) -> anyhow::Result<()> {
    println!("building Kubernetes {VERSION}, etcd and KWOK; this happens once and takes minutes");
    into_place(folder, |unfinished| {
        for (program, module, package) in PROGRAMS {
            go_build(module, package, &flags(), &unfinished.join(program))?;
        }
        for name in NAMES {
            symlink("kubernetes", unfinished.join(name))?;
        }
        Ok(())
    })
}

fn go_build(module: &str, package: &str, flags: &str, program: &Path) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut go = Command::new("go");
    go.args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", flags]);
    go.arg("-o").arg(program).arg(package);
    go.current_dir(Path::new(SOURCES).join(module));
    check(&mut go)?;
    let name = program.file_name().unwrap_or_default().display();
    println!("  {name} in {:.0} s", start.elapsed().as_secs_f32());
    Ok(())
}

/// The whole folder appears at once, or not at all.
fn into_place(
    folder: &Path,
    fill: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    output(Command::new("go").arg("version")).context(
        "the real cluster of the tests is built by Go: install Go 1.26 or newer and try again",
    )?;
    let unfinished = folder.with_extension(format!("unfinished-{}", std::process::id()));
    fs::create_dir_all(&unfinished)?;
    fill(&unfinished)?;
    match fs::rename(&unfinished, folder) {
        // Somebody on another machine that shares this folder was faster; theirs is as good.
        Err(error) if error.raw_os_error() == Some(Errno::ENOTEMPTY as i32) => {
            Ok(fs::remove_dir_all(&unfinished)?)
        }
        result => result.with_context(|| format!("cannot write {}", folder.display())),
    }
}
