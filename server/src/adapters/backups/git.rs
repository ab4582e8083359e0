//! Copies as commits: what keeps configuration and values in a Git repository makes a copy with each commit.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use domain::backups::Copy;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::{Error, Told};

/// Of one call of git.
const WITHIN: Duration = Duration::from_secs(45);

/// The newest commits are enough: one that is older is no answer to "is there a copy?".
const COMMITS: &str = "200";

/// Repositories elsewhere, copied into a folder that goes with the process; without the contents of the files.
#[derive(Clone, Debug, Default)]
pub(super) struct Repositories {
    copied: Arc<Mutex<HashMap<String, Arc<TempDir>>>>,
}

impl Repositories {
    pub(super) async fn look(
        &self,
        repository: &str,
        path: &str,
        branch: Option<&str>,
    ) -> Result<Told, Error> {
        let (folder, _kept) = match repository.starts_with('/') {
            true => (PathBuf::from(repository), None),
            false => {
                let copied = self.copied(repository).await?;
                (copied.path().join("repository.git"), Some(copied))
            }
        };
        if !folder.is_dir() {
            return Err(Error::Git(format!(
                "the repository {repository} is not there; check its path"
            )));
        }
        let commits = log(&folder, path, branch).await?;
        let warning = commits
            .is_empty()
            .then(|| format!("no commit of {repository} touches {path}; check the path"));
        Ok(Told { copies: commits, warning })
    }

    /// A copy that is up to date.
    async fn copied(&self, url: &str) -> Result<Arc<TempDir>, Error> {
        // One at a time: two looks at the same repository would write the same folder.
        let mut copied = self.copied.lock().await;
        if let Some(folder) = copied.get(url) {
            let refs = "+refs/heads/*:refs/heads/*";
            let repository = folder.path().join("repository.git");
            git(Some(&repository), &["fetch", "--quiet", "--prune", "--no-tags", "origin", refs])
                .await?;
            return Ok(folder.clone());
        }
        let folder = tempfile::Builder::new().prefix("lifeboat-git-").tempdir();
        let folder = folder.map_err(|it| Error::Git(format!("no room for a copy: {it}")))?;
        let to = folder.path().join("repository.git");
        let to = to.to_string_lossy();
        git(
            None,
            &["clone", "--quiet", "--bare", "--no-tags", "--filter=blob:none", "--", url, &*to],
        )
        .await?;
        let folder = Arc::new(folder);
        copied.insert(url.to_owned(), folder.clone());
        Ok(folder)
    }
}

async fn log(folder: &Path, path: &str, branch: Option<&str>) -> Result<Vec<Copy>, Error> {
    let branch = branch.map(|it| format!("refs/heads/{it}"));
    let from = branch.as_deref().unwrap_or("HEAD");
    // `:(literal)` keeps the path from meaning more than itself.
    let path = format!(":(literal){}", path.trim_end_matches('/'));
    let args = ["log", "--format=%H %ct", "-n", COMMITS, "--end-of-options", from, "--", &path];
    let text = git(Some(folder), &args).await?;
    let commit = |line: &str| {
        let (hash, seconds) = line.split_once(' ')?;
        let at = DateTime::from_timestamp(seconds.parse().ok()?, 0)?;
        Some(Copy::done(hash, at))
    };
    let commits: Option<Vec<Copy>> = text.lines().map(commit).collect();
    commits.ok_or_else(|| Error::Git("git answered something that is no list of commits".into()))
}

/// Asks nobody for a password, runs no hook or helper of the repository, and talks no transport but these.
async fn git(folder: Option<&Path>, args: &[&str]) -> Result<String, Error> {
    let mut command = Command::new("git");
    command.args([
        "-c",
        "safe.directory=*",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
    ]);
    if let Some(folder) = folder {
        command.arg("-C").arg(folder);
    }
    command
        .args(args)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "true")
        .env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=10")
        .env("GIT_ALLOW_PROTOCOL", "file:https:ssh")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match tokio::time::timeout(WITHIN, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => {
            return Err(Error::Git(format!("git cannot be run: {error}; install it")));
        }
        Err(_) => return Err(Error::Git(format!("git did not end within {} s", WITHIN.as_secs()))),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rfind(|it| !it.trim().is_empty()).unwrap_or("no reason given");
    Err(Error::Git(format!("git: {}", said.chars().take(300).collect::<String>())))
}
