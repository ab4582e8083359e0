//! The time of a pretend cluster: the real one, or one that a test moves by hand.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::sync::watch;

use crate::clock;

/// A cloneable clock. A clock made by [`SimClock::manual`] stands still until it is advanced.
#[derive(Debug, Clone)]
pub struct SimClock(Option<watch::Sender<DateTime<Utc>>>);

impl SimClock {
    /// Follows the clock of the server.
    #[must_use]
    pub fn real() -> Self {
        Self(None)
    }

    /// Stands at `start` until it is advanced.
    #[must_use]
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Some(watch::Sender::new(start)))
    }

    /// What this clock shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.as_ref().map_or_else(clock::now, |set| *set.borrow())
    }

    /// Moves a manual clock; a real one moves by itself and stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Some(set) = &self.0 {
            set.send_modify(|now| *now += by);
        }
    }

    /// Returns when this clock shows `due` or later.
    pub async fn wait_until(&self, due: DateTime<Utc>) {
        match &self.0 {
            Some(set) => {
                // The sender lives in `self`, so the channel cannot close.
                let _ = set.subscribe().wait_for(|now| *now >= due).await;
            }
            None => tokio::time::sleep((due - self.now()).to_std().unwrap_or_default()).await,
        }
    }
}

/// As Kubernetes writes times: whole seconds, UTC.
pub(crate) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
