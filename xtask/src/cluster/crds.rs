//! The CustomResourceDefinitions of what Lifeboat acts on beside Kubernetes itself. They lie in the Go modules of those
//! projects, in the module cache of Go; nothing of them is copied.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use crate::process::output;

/// Module and version, and the files or folders in it.
const MODULES: [(&str, &[&str]); 6] = [
    (
        "sigs.k8s.io/gateway-api@v1.4.1",
        &["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"],
    ),
    ("istio.io/api@v1.31.1", &["kubernetes/customresourcedefinitions.gen.yaml"]),
    (
        "github.com/kubernetes-csi/external-snapshotter/client/v8@v8.6.0",
        &["config/crd/snapshot.storage.k8s.io_volumesnapshots.yaml"],
    ),
    (
        "github.com/vmware-tanzu/velero@v1.18.3",
        &[
            "config/crd/v1/bases/velero.io_backups.yaml",
            "config/crd/v1/bases/velero.io_restores.yaml",
        ],
    ),
    ("github.com/argoproj/argo-cd/v3@v3.4.6", &["manifests/crds/application-crd.yaml"]),
    (
        "github.com/fluxcd/kustomize-controller@v1.7.3",
        &["config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"],
    ),
];

/// Every file, fetched by Go where it is not there yet.
pub(super) fn files(scratch: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (module, paths) in MODULES {
        let folder = folder(scratch, module)?;
        files.extend(paths.iter().map(|it| folder.join(it)));
    }
    Ok(files)
}

/// Where a module lies. A failure is said by Go in the same JSON.
fn folder(scratch: &Path, module: &str) -> anyhow::Result<PathBuf> {
    let mut go = Command::new("go");
    // Outside of any module: it is about this one alone.
    let said = output(go.current_dir(scratch).args(["mod", "download", "-json", module]))
        .with_context(|| format!("{module} with its CustomResourceDefinitions"))?;
    let said: Value = serde_json::from_str(&said)?;
    let folder = said["Dir"].as_str().with_context(|| format!("{module}: {}", said["Error"]))?;
    Ok(PathBuf::from(folder))
}
