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

/// The folder with the programs; builds them if they are not there.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    let all = cache()?.join("cluster");
    fs::create_dir_all(&all)?;
    let folder = all.join(key()?);
    if folder.exists() {
        return Ok(folder);
    }
    // Two at once would both take minutes and memory; the second finds what the first made.
    let lock = File::create(all.join("lock"))?;
    lock.lock()?;
    if !folder.exists() {
        build(&folder)?;
    }
    Ok(folder)
}

fn key() -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(std::env::consts::ARCH);
    for program in PROGRAMS {
        hash.update(format!("{program:?} {}", flags()));
    }
    for file in [
        "kubernetes/go.mod",
        "kubernetes/go.sum",
        "kubernetes/main.go",
        "kwok/go.mod",
        "kwok/go.sum",
    ] {
        let path = Path::new(SOURCES).join(file);
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        hash.update(Sha256::digest(content));
    }
    Ok(hex(&hash.finalize()[..8]))
}

/// The API server tells its version to everybody, and kubectl compares it with its own.
fn flags() -> String {
    let package = "k8s.io/component-base/version";
    format!(
        "-s -w -X {package}.gitVersion={VERSION} -X {package}.gitMajor=1 -X {package}.gitMinor=34"
    )
}

fn build(folder: &Path) -> anyhow::Result<()> {
    output(Command::new("go").arg("version")).context(
        "the real cluster of the tests is built by Go: install Go 1.24 or newer and try again",
    )?;
    println!("building Kubernetes {VERSION}, etcd and KWOK; this happens once and takes minutes");
    let unfinished = folder.with_extension(format!("unfinished-{}", std::process::id()));
    fs::create_dir_all(&unfinished)?;
    for (program, module, package) in PROGRAMS {
        let start = Instant::now();
        let mut go = Command::new("go");
        go.args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", &flags()]);
        go.arg("-o").arg(unfinished.join(program)).arg(package);
        go.current_dir(Path::new(SOURCES).join(module));
        check(&mut go)?;
        println!("  {program} in {:.0} s", start.elapsed().as_secs_f32());
    }
    for name in NAMES {
        symlink("kubernetes", unfinished.join(name))?;
    }
    match fs::rename(&unfinished, folder) {
        // Somebody on another machine that shares this folder was faster; theirs is as good.
        Err(error) if error.raw_os_error() == Some(Errno::ENOTEMPTY as i32) => {
            Ok(fs::remove_dir_all(&unfinished)?)
        }
        result => result.with_context(|| format!("cannot write {}", folder.display())),
    }
}
