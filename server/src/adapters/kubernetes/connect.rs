//! From a cluster of the catalog to a client of its API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::clusters::Cluster;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// Where the references of a catalog lead to.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The path in the variable of this name, for `env:NAME`.
    pub variable: fn(&str) -> Option<String>,
    /// The kubeconfig of the pretend cluster, for `demo`.
    pub demo: Option<&'a Path>,
}

/// Why there is no client; nothing was asked of the cluster yet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the variable {0} that names the kubeconfig is not set")]
    Variable(String),
    #[error("there is no pretend cluster outside --demo")]
    NoDemo,
    #[error("the kubeconfig {path} cannot be used: {reason}")]
    Kubeconfig { path: String, reason: String },
}

/// A client with limits on connecting and writing. Reading has none, because a watch is silent for long: calls
/// that are to answer at once are limited by their callers.
///
/// # Errors
/// When the reference leads nowhere or the kubeconfig does not fit. An API server that does not answer is no
/// error here.
pub async fn connect(cluster: &Cluster, places: Places<'_>) -> Result<Client, Error> {
    let path = path(&cluster.kubeconfig, places)?;
    let unusable = |reason: &dyn std::fmt::Display| Error::Kubeconfig {
        path: path.display().to_string(),
        reason: reason.to_string(),
    };
    let kubeconfig = Kubeconfig::read_from(&path).map_err(|it| unusable(&it))?;
    let options = KubeConfigOptions { context: cluster.context.clone(), ..Default::default() };
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|it| unusable(&it))?;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.write_timeout = Some(Duration::from_secs(10));
    // Whoever asks knows how long to try, and what may have happened already.
    config.default_retry = false;
    Client::try_from(config).map_err(|it| unusable(&it))
}

pub(super) fn path(reference: &str, places: Places<'_>) -> Result<PathBuf, Error> {
    match reference.strip_prefix("env:") {
        Some(name) => (places.variable)(name)
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
            .ok_or_else(|| Error::Variable(name.to_owned())),
        None if reference == "demo" => places.demo.map(Path::to_owned).ok_or(Error::NoDemo),
        None => Ok(PathBuf::from(reference)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_leads_to_a_file_or_says_why_not() {
        let variable: fn(&str) -> Option<String> =
            |name| (name == "KUBECONFIG").then(|| "/etc/lab".to_owned());
        let without = Places { variable, demo: None };
        let with = Places { variable, demo: Some(Path::new("/run/demo")) };
        for (reference, places, expected) in [
            ("env:KUBECONFIG", without, Ok("/etc/lab")),
            ("env:OTHER", without, Err("the variable OTHER that names the kubeconfig is not set")),
            ("/home/lab", without, Ok("/home/lab")),
            ("demo", with, Ok("/run/demo")),
            ("demo", without, Err("there is no pretend cluster outside --demo")),
        ] {
            let path = path(reference, places).map_err(|it| it.to_string());
            assert_eq!(path, expected.map(PathBuf::from).map_err(str::to_owned), "{reference}");
        }
    }
}
