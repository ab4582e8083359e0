//! Which service an alert concerns, kept ready: senders do not wait for the catalog to be read.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::alerts::Matcher;
use sqlx::PgPool;

/// An import is followed within two seconds.
const FRESH: Duration = Duration::from_secs(1);

/// Shared by all requests. A stale one is handed out while the next is being read; only the first one waits.
#[derive(Clone, Default)]
pub struct Matching(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    matcher: Option<(Instant, Arc<Matcher>)>,
    reading: bool,
}

impl Matching {
    /// # Errors
    /// The database's, where nothing was ever read.
    pub(crate) async fn get(&self, db: &PgPool) -> Result<Arc<Matcher>, store::Error> {
        let (kept, stale) = {
            let mut state = self.0.lock().unwrap_or_else(|it| it.into_inner());
            let stale = state.matcher.as_ref().is_none_or(|(at, _)| at.elapsed() > FRESH);
            let read = stale && !state.reading;
            state.reading |= read;
            (state.matcher.as_ref().map(|(_, it)| it.clone()), read)
        };
        match (kept, stale) {
            (None, _) => self.read(db).await,
            (Some(matcher), true) => {
                let (this, db) = (self.clone(), db.clone());
                tokio::spawn(async move {
                    if let Err(error) = this.read(&db).await {
                        tracing::warn!("services for alerts were not read again: {error:#}");
                    }
                });
                Ok(matcher)
            }
            (Some(matcher), false) => Ok(matcher),
        }
    }

    async fn read(&self, db: &PgPool) -> Result<Arc<Matcher>, store::Error> {
        let services = store::services::list(db).await;
        let mut state = self.0.lock().unwrap_or_else(|it| it.into_inner());
        state.reading = false;
        let services = services?.into_iter().map(|it| (it.id, it.entry)).collect();
        let matcher = Arc::new(Matcher::new(services));
        state.matcher = Some((Instant::now(), matcher.clone()));
        Ok(matcher)
    }
}
