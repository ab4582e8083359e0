//! Holds a claim for as long as its work takes, and hears what people want meanwhile.

use std::time::Duration;

use domain::runs::LEASE_S;
use sqlx::PgPool;
use store::runs::Claim;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const RENEW: Duration = Duration::from_secs(1);

/// Ends with the value.
pub(super) struct Lease {
    lost: CancellationToken,
    wish: watch::Receiver<bool>,
    renewing: JoinHandle<()>,
}

impl Lease {
    pub(super) fn hold(db: PgPool, claim: Claim) -> Self {
        let lost = CancellationToken::new();
        let (tell, wish) = watch::channel(false);
        let renewing = tokio::spawn(renew(db, claim, lost.clone(), tell));
        Self { lost, wish, renewing }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Comes when the run is in other hands.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Comes when waiting should end: somebody has a wish about the run, or it is in other hands.
    pub(super) async fn interrupted(&self) {
        let mut wish = self.wish.clone();
        tokio::select! {
            () = self.lost.cancelled() => {}
            // An error is the end of the renewing, which is the end of the lease.
            _ = wish.wait_for(|it| *it) => {}
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// A database that cannot be asked is no reason to stop, until the lease must have run out.
async fn renew(db: PgPool, claim: Claim, lost: CancellationToken, wish: watch::Sender<bool>) {
    let _lost = lost.clone().drop_guard();
    let mut held = Instant::now();
    while held.elapsed().as_secs_f64() < LEASE_S {
        tokio::time::sleep(RENEW).await;
        let asked = Instant::now();
        match store::runs::renew(&db, claim, LEASE_S).await {
            Ok(None) => return,
            Ok(Some(wished)) => {
                held = asked;
                wish.send_replace(wished);
            }
            Err(error) => {
                tracing::warn!(run = %claim.run, "the lease could not be renewed: {error:#}");
            }
        }
    }
}
