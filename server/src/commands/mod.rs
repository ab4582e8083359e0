//! The command line, one module for each command. `--json` prints one object; 0 is done, 1 refused or failed,
//! 2 wrong use.

use anyhow::Context;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use crate::config::Settings;
use crate::embedded::Postgres;

pub mod admin;
pub mod audit;
pub mod evidence;
pub mod run;
pub mod spot_check;

/// The database of a command: the one that is named, else the embedded one, also beside a running server.
pub struct Database {
    pub options: PgConnectOptions,
    /// With the rights of the database's owner.
    pub owner: PgPool,
    /// Stopped when dropped, after the last connection is gone.
    embedded: Option<Postgres>,
}

impl Database {
    /// # Errors
    /// A sentence that says what to do.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let (embedded, url) = match settings.database_url() {
            Some(url) => (None, url.to_owned()),
            None => {
                let dir = settings.data_dir.join("postgres");
                std::fs::create_dir_all(&settings.data_dir).with_context(|| {
                    format!("cannot make the data folder {}", settings.data_dir.display())
                })?;
                match Postgres::running(&dir) {
                    // A server of ours is at work, and its Postgres is there for us too.
                    Some(url) => (None, url),
                    None => {
                        let postgres = Postgres::start(&dir).context("the embedded Postgres")?;
                        let url = postgres.url();
                        (Some(postgres), url)
                    }
                }
            }
        };
        let options: PgConnectOptions = url.parse().context("DATABASE_URL")?;
        let owner = PgPool::connect_with(options.clone()).await.context(
            "cannot connect to the database; DATABASE_URL says where it is and as whom to come",
        )?;
        Ok(Self { options, owner, embedded })
    }

    /// Opens it in the shape of this build.
    pub async fn migrated(settings: &Settings) -> anyhow::Result<Self> {
        let database = Self::open(settings).await?;
        store::migrate(&database.owner).await.context("the database could not be migrated")?;
        Ok(database)
    }

    pub async fn close(self) {
        self.owner.close().await;
        drop(self.embedded);
    }
}
