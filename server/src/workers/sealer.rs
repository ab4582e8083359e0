//! Links new audit entries into the chain within a second, and signs its head now and then.
//!
//! **Invariant:** one sealer at a time, and it never goes back: what is sealed stays as it is.

use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use domain::audit::{Checkpoint, Head, checkpoint_due};
use sqlx::PgPool;
use store::audit::chain::{self, Drawn};

use crate::audit::Key;
use crate::clock;

/// Looks this often. Nobody has to wake it: a notification at each entry would make every commit wait for the
/// one before it.
const PERIOD: Duration = Duration::from_millis(100);
/// Looks this often whether a transaction that is being committed has ended.
const STEP: Duration = Duration::from_millis(5);

/// For ever, also over a restart of Postgres.
pub async fn run(db: PgPool, key: Key) {
    loop {
        let sealed = seal(&db, &key, clock::now()).await;
        match sealed {
            Ok(true) => {}
            Ok(false) => tokio::time::sleep(PERIOD).await,
            Err(error) => {
                tracing::warn!("the audit chain waits for the database: {error:#}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Seals what there is, up to a batch, and signs when that is due. True where there may be more.
pub async fn seal(db: &PgPool, key: &Key, now: DateTime<Utc>) -> anyhow::Result<bool> {
    let complete = complete(db).await?;
    let mut tx = db.begin().await?;
    if !chain::try_lock(&mut tx).await? {
        return Ok(false); // Another replica is at it.
    }
    let tail = chain::tail(&mut tx, complete).await?;
    let mut head = tail.head;
    let mut seals = Vec::with_capacity(tail.unsealed.len());
    for entry in &tail.unsealed {
        let seal = entry.seal(head.hash);
        head = Head { seq: entry.seq, hash: seal.hash, entries: head.entries + 1 };
        seals.push((entry.seq, seal));
    }
    let due = checkpoint_due(&head, tail.signed, now);
    if !due && seals.is_empty() {
        return Ok(false);
    }
    chain::seal(&mut tx, &seals).await?;
    if due {
        chain::checkpoint(&mut tx, &sign(key, &head, now)).await?;
    }
    tx.commit().await?;
    Ok(!seals.is_empty())
}

/// A number up to which no entry is still to come: everybody who has drawn one of them has ended.
async fn complete(db: &PgPool) -> anyhow::Result<i64> {
    let Drawn { seq, mut writers } = chain::drawn(db).await?;
    while !writers.is_empty() {
        tokio::time::sleep(STEP).await;
        let writing = chain::writers(db).await?;
        writers.retain(|it| writing.contains(it));
    }
    Ok(seq)
}

fn sign(key: &Key, head: &Head, now: DateTime<Utc>) -> Checkpoint {
    // The database keeps microseconds, and the signature is over what it gives back.
    let at = now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now);
    let Head { seq, hash, entries } = *head;
    let signature = key.sign(&Checkpoint::statement(seq, entries, hash, at));
    Checkpoint { seq, entries, head: hash, at, signature }
}
