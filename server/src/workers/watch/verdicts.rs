//! Turns time in good health into verdicts.
//!
//! A revision is verified when it has been fully rolled out, in a cluster that was seen without a gap and
//! without a bad pod, for as long as the service's policy observes.

use chrono::{DateTime, Utc};
use domain::policies::{self, Policy};
use domain::revisions;
use sqlx::PgPool;

/// Marks what is due now; gives how many.
pub async fn tick(db: &PgPool, now: DateTime<Utc>) -> anyhow::Result<usize> {
    let mut verified = 0;
    for it in store::revisions::under_observation(db).await? {
        let observation_s = match it.service {
            Some(service) => store::policies::for_service(db, service).await?.entry.observation_s,
            None => Policy::named(policies::DEFAULT).observation_s,
        };
        if revisions::verified(it.healthy_since, i64::from(observation_s), now).is_some() {
            let mut tx = db.begin().await?;
            verified += usize::from(store::revisions::verify(&mut tx, it.id, now).await?);
            tx.commit().await?;
        }
    }
    Ok(verified)
}
