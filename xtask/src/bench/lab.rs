//! A real control plane of our own, and what the benches do on it as its administrator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::{Value, json};

use super::server::Server;
use crate::cluster;
use crate::process::output;

pub(super) const NAMESPACE: &str = "bench";

/// Ends when dropped.
pub(super) struct Lab {
    folder: PathBuf,
    kubectl: PathBuf,
    admin: PathBuf,
    lifeboat: PathBuf,
}

impl Lab {
    /// With the namespace of the benches, where we have the rights that we ship and no more.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("cluster");
        let state = cluster::up(&folder)?;
        let path = |name: &str| Some(PathBuf::from(state[name].as_str()?));
        let lab = Self {
            kubectl: path("kubectl").context("kubectl")?,
            admin: path("admin_kubeconfig").context("a kubeconfig")?,
            lifeboat: path("lifeboat_kubeconfig").context("a kubeconfig for us")?,
            folder,
        };
        lab.kubectl(&["create", "namespace", NAMESPACE])?;
        lab.kubectl(&["apply", "-n", NAMESPACE, "-f", "deploy/rbac-namespace.yaml"])?;
        Ok(lab)
    }

    /// Puts a catalog in force: this policy, and a service for each Deployment.
    pub(super) fn describe(
        &self,
        server: &Server,
        policy: Value,
        deployments: &[&str],
    ) -> anyhow::Result<()> {
        let service = |name: &&str| {
            json!({"kind": "service", "name": name, "workloads": [
                {"cluster": "lab", "namespace": NAMESPACE, "kind": "Deployment", "name": name}]})
        };
        let cluster = json!({"kind": "cluster", "name": "lab", "kubeconfig": self.lifeboat,
            "namespaces": [NAMESPACE]});
        let documents = [cluster, policy].into_iter().chain(deployments.iter().map(service));
        self.import(server, documents)
    }

    pub(super) fn import(
        &self,
        server: &Server,
        documents: impl IntoIterator<Item = Value>,
    ) -> anyhow::Result<()> {
        // JSON is YAML.
        let text: Vec<String> = documents.into_iter().map(|it| it.to_string()).collect();
        let catalog = self.folder.with_file_name("catalog");
        fs::create_dir_all(&catalog)?;
        fs::write(catalog.join("bench.yaml"), text.join("\n---\n"))?;
        server.command(&["catalog", "import", &catalog.to_string_lossy()])?;
        Ok(())
    }

    /// The kubeconfigs of the administrator and of us.
    pub(super) fn kubeconfigs(&self) -> [&Path; 2] {
        [&self.admin, &self.lifeboat]
    }

    pub(super) fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        output(Command::new(&self.kubectl).arg("--kubeconfig").arg(&self.admin).args(args))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = cluster::down(&self.folder) {
            eprintln!("{error:#}");
        }
    }
}
