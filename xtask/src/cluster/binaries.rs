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

/// A module in a folder of its own, and what `go build` makes of it: the name of each program and its package. Each
/// module is kept under a hash of its own, so an edit of one builds no other again.
struct Module {
    name: &'static str,
    programs: &'static [(&'static str, &'static str)],
    /// Where the definitions of its own kinds are: a Go module and a path in it. They are kept as `crds/MODULE`.
    kinds: Option<(&'static str, &'static str)>,
}

const MODULES: [Module; 6] = [
    Module {
        name: "kubernetes",
        programs: &[("etcd", "go.etcd.io/etcd/server/v3"), ("kubernetes", ".")],
        kinds: None,
    },
    Module { name: "kwok", programs: &[("kwok", "sigs.k8s.io/kwok/cmd/kwok")], kinds: None },
    Module {
        name: "flagger",
        programs: &[("flagger", "github.com/fluxcd/flagger/cmd/flagger")],
        kinds: Some(("github.com/fluxcd/flagger", "artifacts/flagger")),
    },
    Module {
        name: "rollouts",
        programs: &[(
            "rollouts-controller",
            "github.com/argoproj/argo-rollouts/cmd/rollouts-controller",
        )],
        kinds: Some(("github.com/argoproj/argo-rollouts", "manifests/crds")),
    },
    Module { name: "helm3", programs: &[("helm3", "helm.sh/helm/v3/cmd/helm")], kinds: None },
    Module { name: "helm4", programs: &[("helm4", "helm.sh/helm/v4/cmd/helm")], kinds: None },
];

/// `kubernetes` is all of these, by the name it is called by.
const NAMES: [&str; 5] = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "service-account-key",
];

/// The folder with the programs; builds those that are not there.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    let all = cache()?.join("cluster");
    fs::create_dir_all(&all)?;
    let keys = MODULES.iter().map(Module::key).collect::<anyhow::Result<Vec<_>>>()?;
    let folder = all.join(hex(&Sha256::digest(keys.concat())[..8]));
    if folder.exists() {
        return Ok(folder);
    }
    // Two at once would both take minutes and memory; the second finds what the first made.
    let lock = File::create(all.join("lock"))?;
    lock.lock()?;
    for (module, key) in MODULES.iter().zip(&keys) {
        if !all.join(key).exists() {
            module.build(&all.join(key))?;
        }
    }
    if !folder.exists() {
        let unfinished = unfinished(&folder)?;
        fs::create_dir_all(unfinished.join("crds"))?;
        for (module, key) in MODULES.iter().zip(&keys) {
            for (program, _) in module.programs {
                symlink(Path::new("..").join(key).join(program), unfinished.join(program))?;
            }
            if module.kinds.is_some() {
                let kinds = Path::new("../..").join(key).join("crds");
                symlink(kinds, unfinished.join("crds").join(module.name))?;
            }
        }
        for name in NAMES {
            symlink("kubernetes", unfinished.join(name))?;
        }
        finish(&unfinished, &folder)?;
    }
    Ok(folder)
}

impl Module {
    /// The name of the folder that its programs are kept in.
    fn key(&self) -> anyhow::Result<String> {
        let mut hash = Sha256::new();
        hash.update(std::env::consts::ARCH);
        for program in self.programs {
            hash.update(format!("{program:?} {}", flags()));
        }
        let sources = Path::new(SOURCES).join(self.name);
        let read = || fs::read_dir(&sources)?.map(|it| Ok(it?.path())).collect();
        let files: std::io::Result<Vec<PathBuf>> = read();
        let mut files = files.with_context(|| format!("cannot read {}", sources.display()))?;
        files.sort();
        for file in files {
            let content = fs::read(&file);
            let content = content.with_context(|| format!("cannot read {}", file.display()))?;
            hash.update(Sha256::digest(content));
        }
        Ok(format!("{}-{}", self.name, hex(&hash.finalize()[..8])))
    }

    fn build(&self, folder: &Path) -> anyhow::Result<()> {
        output(Command::new("go").arg("version")).context(
            "the real cluster of the tests is built by Go: install Go 1.26 or newer and try again",
        )?;
        println!("building {}; this happens once and takes minutes", self.name);
        let unfinished = unfinished(folder)?;
        for (program, package) in self.programs {
            let start = Instant::now();
            let mut go = Command::new("go");
            go.args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false"]);
            go.args(["-ldflags", &flags()]).arg("-o").arg(unfinished.join(program)).arg(package);
            go.current_dir(Path::new(SOURCES).join(self.name));
            check(&mut go)?;
            println!("  {program} in {:.0} s", start.elapsed().as_secs_f32());
        }
        self.copy_kinds(&unfinished.join("crds"))?;
        finish(&unfinished, folder)
    }

    fn copy_kinds(&self, to: &Path) -> anyhow::Result<()> {
        let Some((module, path)) = self.kinds else { return Ok(()) };
        let mut go = Command::new("go");
        go.args(["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module]);
        let dir = output(go.current_dir(Path::new(SOURCES).join(self.name)))?;
        fs::create_dir_all(to)?;
        for file in fs::read_dir(Path::new(dir.trim()).join(path))? {
            let file = file?;
            let name = file.file_name();
            if name.to_string_lossy().ends_with("crd.yaml") {
                fs::write(to.join(&name), fs::read(file.path())?)?;
            }
        }
        Ok(())
    }
}

/// The API server tells its version to everybody, and kubectl compares it with its own.
fn flags() -> String {
    let package = "k8s.io/component-base/version";
    format!(
        "-s -w -X {package}.gitVersion={VERSION} -X {package}.gitMajor=1 -X {package}.gitMinor=34"
    )
}

fn unfinished(folder: &Path) -> anyhow::Result<PathBuf> {
    let unfinished = folder.with_extension(format!("unfinished-{}", std::process::id()));
    fs::create_dir_all(&unfinished)?;
    Ok(unfinished)
}

fn finish(unfinished: &Path, folder: &Path) -> anyhow::Result<()> {
    match fs::rename(unfinished, folder) {
        // Somebody on another machine that shares this folder was faster; theirs is as good.
        Err(error) if error.raw_os_error() == Some(Errno::ENOTEMPTY as i32) => {
            Ok(fs::remove_dir_all(unfinished)?)
        }
        result => result.with_context(|| format!("cannot write {}", folder.display())),
    }
}
