//! Where copies are observed.

use serde::{Deserialize, Serialize};

use super::Pattern;
use super::row::said;
use crate::catalog::{Faults, rules};

/// What is asked for copies. Everything but a heartbeat is asked by us; a heartbeat is told to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// Files in an object store or a folder.
    Objects {
        /// `s3://bucket/prefix` or `file:///folder`.
        url: String,
        /// Which files, below the address: see [`Pattern`].
        path: String,
        /// `env:NAME`: the variables `NAME_ACCESS_KEY_ID` and `NAME_SECRET_ACCESS_KEY`. Without it what the
        /// machine itself is allowed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credentials: Option<String>,
        /// Of a store that is not Amazon's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
        /// What the names of encrypted files end in: `.enc`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encrypted_suffix: Option<String>,
    },
    /// The Jobs of a CronJob; one that is complete is a copy.
    Jobs { cluster: String, namespace: String, cron_job: String },
    /// The Backups of a Velero Schedule.
    Velero { cluster: String, namespace: String, schedule: String },
    /// The VolumeSnapshots of a PersistentVolumeClaim, or of all in the namespace.
    VolumeSnapshots {
        cluster: String,
        namespace: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claim: Option<String>,
    },
    /// The commits of a Git repository that touch a path.
    Git {
        /// `https://…`, `ssh://…`, `file:///…`, or a folder of this machine.
        repository: String,
        path: String,
        /// Without it the repository's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<String>,
    },
    /// Whoever makes the copy says so, with the row's token.
    Heartbeat,
}

words!(
    /// The kinds of source, spelled as in a catalog.
    SourceKind {
        Objects = "objects",
        Jobs = "jobs",
        Velero = "velero",
        VolumeSnapshots = "volume_snapshots",
        Git = "git",
        Heartbeat = "heartbeat",
    }
);

impl Source {
    pub fn kind(&self) -> SourceKind {
        match self {
            Source::Objects { .. } => SourceKind::Objects,
            Source::Jobs { .. } => SourceKind::Jobs,
            Source::Velero { .. } => SourceKind::Velero,
            Source::VolumeSnapshots { .. } => SourceKind::VolumeSnapshots,
            Source::Git { .. } => SourceKind::Git,
            Source::Heartbeat => SourceKind::Heartbeat,
        }
    }

    /// Whether it lists the copies themselves, so that one it no longer lists is gone. A history of jobs is
    /// shortened without any copy being deleted, and a heartbeat only ever tells of the last one.
    pub fn lists_all(&self) -> bool {
        matches!(
            self.kind(),
            SourceKind::Objects | SourceKind::Velero | SourceKind::VolumeSnapshots
        )
    }

    /// Whether we ask it.
    pub fn is_asked(&self) -> bool {
        *self != Source::Heartbeat
    }

    /// The cluster that it is asked of.
    pub fn cluster(&self) -> Option<&str> {
        match self {
            Source::Jobs { cluster, .. }
            | Source::Velero { cluster, .. }
            | Source::VolumeSnapshots { cluster, .. } => Some(cluster),
            Source::Objects { .. } | Source::Git { .. } | Source::Heartbeat => None,
        }
    }

    pub(super) fn check(&self, faults: &mut Faults<'_>) {
        match self {
            Source::Objects { url, path, credentials, endpoint, region, encrypted_suffix } => {
                faults.at("url").refuse(store_url(url));
                if let Err(why) = Pattern::parse(path) {
                    faults.at("path").add(why);
                }
                if let Some(it) = credentials {
                    faults.at("credentials").refuse(reference(it));
                }
                if let Some(it) = endpoint {
                    faults.at("endpoint").refuse(rules::url(it));
                }
                for (member, text) in [("region", region), ("encrypted_suffix", encrypted_suffix)] {
                    if let Some(text) = text {
                        faults.at(member).refuse(said(text));
                    }
                }
            }
            Source::Jobs { namespace, cron_job, .. } => {
                faults.at("namespace").refuse(rules::dns_label(namespace));
                faults.at("cron_job").refuse(rules::dns_subdomain(cron_job));
            }
            Source::Velero { namespace, schedule, .. } => {
                faults.at("namespace").refuse(rules::dns_label(namespace));
                faults.at("schedule").refuse(rules::dns_subdomain(schedule));
            }
            Source::VolumeSnapshots { namespace, claim, .. } => {
                faults.at("namespace").refuse(rules::dns_label(namespace));
                if let Some(claim) = claim {
                    faults.at("claim").refuse(rules::dns_subdomain(claim));
                }
            }
            Source::Git { repository, path, branch } => {
                faults.at("repository").refuse(repository_url(repository));
                faults.at("path").refuse(path_in_repository(path));
                if let Some(branch) = branch {
                    faults.at("branch").refuse(ref_name(branch));
                }
            }
            Source::Heartbeat => {}
        }
    }
}

fn store_url(url: &str) -> Result<(), String> {
    said(url)?;
    let bucket = url.strip_prefix("s3://").map(|it| it.split('/').next().unwrap_or_default());
    let folder = url.strip_prefix("file://").is_some_and(|it| it.starts_with('/'));
    match bucket {
        _ if folder => Ok(()),
        Some(bucket) if !bucket.is_empty() && !bucket.contains(['@', ':', '?']) => Ok(()),
        _ => Err(format!("{url:?} is neither s3://bucket/prefix nor file:///folder")),
    }
}

fn reference(text: &str) -> Result<(), String> {
    let name = text.strip_prefix("env:").unwrap_or_default();
    let sound = |it: u8| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_';
    if !name.is_empty() && name.bytes().all(sound) {
        return Ok(());
    }
    // The text is not repeated: it may be the credential itself.
    Err("is no reference: say env:NAME; a catalog holds no secrets".to_owned())
}

/// Transports that run a program of the caller's choice (`ext::`) are no addresses here.
fn repository_url(text: &str) -> Result<(), String> {
    said(text)?;
    let rest = ["https://", "ssh://", "file:///"].into_iter().find_map(|it| text.strip_prefix(it));
    if rest.is_none() && !text.starts_with('/') {
        return Err(format!(
            "{text:?} is no repository: https://, ssh:// or file:/// and an address, or a folder of this machine"
        ));
    }
    let authority = rest.unwrap_or_default().split('/').next().unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    // `git@` is a name that everybody has.
    if user.contains(':') || (text.starts_with("https://") && !user.is_empty()) {
        return Err("holds a name or password: a catalog holds no secrets".to_owned());
    }
    if authority.starts_with('-') || text.contains(char::is_whitespace) {
        return Err(format!("{text:?} is no repository"));
    }
    Ok(())
}

fn path_in_repository(path: &str) -> Result<(), String> {
    said(path)?;
    if path.starts_with(['/', '-', ':']) || path.split('/').any(|it| it == "..") {
        return Err(format!("{path:?} is no path inside of a repository"));
    }
    Ok(())
}

fn ref_name(name: &str) -> Result<(), String> {
    let sound = |it: char| it.is_alphanumeric() || "-_./".contains(it);
    if name.starts_with(['-', '.', '/']) || name.contains("..") || !name.chars().all(sound) {
        return Err(format!("{name:?} is no branch"));
    }
    said(name)
}
