//! Links new audit entries into the chain within a second, and signs its head now and then.
//!
//! **Invariant:** one sealer at a time, and it never goes back: what is sealed stays as it is.

use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use domain::audit::{Checkpoint, Head, checkpoint_due};
use sqlx::PgPool;
use sqlx::postgres::PgListener;

use crate::audit::Key;
use crate::clock;

/// Looks at least this often, also where a notification got lost.
const PERIOD: Duration = Duration::from_millis(500);

/// For ever, also over a restart of Postgres.
pub async fn run(db: PgPool, key: Key) {
    loop {
        if let Err(error) = follow(&db, &key).await {
            tracing::warn!("the audit chain waits for the database: {error:#}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn follow(db: &PgPool, key: &Key) -> anyhow::Result<()> {
    let mut listener = PgListener::connect_with(db).await?;
    listener.listen("live").await?;
    loop {
        while seal(db, key, clock::now()).await? {}
        let _ = tokio::time::timeout(PERIOD, listener.try_recv()).await.map(|it| it.map(drop));
    }
}

/// Seals what there is, up to a batch, and signs when that is due. True where there may be more.
pub async fn seal(db: &PgPool, key: &Key, now: DateTime<Utc>) -> anyhow::Result<bool> {
    let mut tx = db.begin().await?;
    if !store::audit::chain::try_lock(&mut tx).await? {
        return Ok(false); // Another replica is at it.
    }
    let tail = store::audit::chain::tail(&mut tx).await?;
    let mut head = tail.head;
    let mut seals = Vec::with_capacity(tail.unsealed.len());
    for entry in &tail.unsealed {
        let seal = entry.seal(head.hash);
        head = Head { seq: entry.seq, hash: seal.hash, entries: head.entries + 1 };
        seals.push((entry.seq, seal));
    }
    store::audit::chain::seal(&mut tx, &seals).await?;
    let due = checkpoint_due(&head, tail.signed, now);
    if due {
        store::audit::chain::checkpoint(&mut tx, &sign(key, &head, now)).await?;
    }
    tx.commit().await?;
    Ok(!seals.is_empty())
}

fn sign(key: &Key, head: &Head, now: DateTime<Utc>) -> Checkpoint {
    // The database keeps microseconds, and the signature is over what it gives back.
    let at = now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now);
    let Head { seq, hash, entries } = *head;
    let signature = key.sign(&Checkpoint::statement(seq, entries, hash, at));
    Checkpoint { seq, entries, head: hash, at, signature }
}
