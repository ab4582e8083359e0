//! Where copies are observed: one adapter for each kind of source, all with limits and plain errors.

mod git;
mod objects;

use std::time::Duration;

use domain::backups::{Copy, Source};

use super::kubernetes::{self, Clusters, copies};

/// Longer than this no source is waited for.
pub const WITHIN: Duration = Duration::from_secs(60);

/// More copies than this are not taken in; a pattern that finds more is too wide.
const MOST: usize = 50_000;

/// What a source says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    pub copies: Vec<Copy>,
    /// What is odd about it although it can be read.
    pub warning: Option<String>,
}

/// Why a source could not be read, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no answer within {} s", WITHIN.as_secs())]
    Slow,
    #[error(transparent)]
    Cluster(#[from] kubernetes::Error),
    #[error("{0}")]
    Objects(String),
    #[error("{0}")]
    Git(String),
    #[error(
        "more than {MOST} copies fit; narrow the pattern, or let {{copy}} name the folder of each"
    )]
    TooMany,
    #[error("a heartbeat is told, not asked for")]
    NotAsked,
}

/// What looking takes.
#[derive(Clone)]
pub struct Looker {
    clusters: Clusters,
    repositories: git::Repositories,
}

impl Looker {
    pub fn new(clusters: Clusters) -> Self {
        Self { clusters, repositories: git::Repositories::default() }
    }

    /// Asks a source for its copies.
    ///
    /// # Errors
    /// Why it cannot be read; then nothing is known, also not that there is nothing.
    pub async fn look(&self, source: &Source) -> Result<Told, Error> {
        let asked = async {
            let told = self.ask(source).await?;
            if told.copies.len() > MOST { Err(Error::TooMany) } else { Ok(told) }
        };
        tokio::time::timeout(WITHIN, asked).await.map_err(|_| Error::Slow)?
    }

    async fn ask(&self, source: &Source) -> Result<Told, Error> {
        match source {
            Source::Objects { .. } => objects::look(source, self.clusters.variable()).await,
            Source::Git { repository, path, branch } => {
                self.repositories.look(repository, path, branch.as_deref()).await
            }
            Source::Jobs { cluster, namespace, cron_job } => {
                let cluster = self.clusters.get(cluster).await?;
                Ok(copies::of_jobs(&cluster, namespace, cron_job).await?)
            }
            Source::Velero { cluster, namespace, schedule } => {
                let cluster = self.clusters.get(cluster).await?;
                Ok(copies::of_velero(&cluster, namespace, schedule).await?)
            }
            Source::VolumeSnapshots { cluster, namespace, claim } => {
                let cluster = self.clusters.get(cluster).await?;
                Ok(copies::of_snapshots(&cluster, namespace, claim.as_deref()).await?)
            }
            Source::Heartbeat => Err(Error::NotAsked),
        }
    }
}
